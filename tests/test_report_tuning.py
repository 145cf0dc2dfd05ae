"""The tuning in the report: the seeds, what the sweep tried, and what was watched."""

from pathlib import Path

from report_artifacts import save_tune

from medtune.artifacts import SeedFit, Tried, TuneRecord
from medtune.report.sections.tuning import tuning_section


def test_the_tuning_tells_seeds_and_what_the_sweep_tried(out: Path) -> None:
    save_tune(out)
    record = TuneRecord.load(out)
    seeds = tuple(
        SeedFit(
            seed=seed,
            best_step=100,
            validation_loss=0.8 + seed / 10,
            validation_metric=None,
            kept=not seed,
        )
        for seed in range(2)
    )
    tried = tuple(
        Tried(
            settings={"rank": rank},
            steps=20,
            validation_loss=0.9,
            validation_metric=0.7,
            chosen=rank == 8,
        )
        for rank in (8, 16)
    )
    section = tuning_section(record.model_copy(update={"seeds": seeds, "tried": tried}), [])
    text = str(section)
    assert "over 2 seeds: mean 0.85, standard deviation 0.071" in text
    assert "tune.rank" in text
    assert "step 120: no sign of learning by heart" in text
    tables = [block for block in section.blocks if block.kind == "table"]
    assert [row[-1] for table in tables for row in table.rows] == ["kept", "", "chosen", ""]


def test_one_seed_and_no_sweep_have_no_tables(out: Path) -> None:
    save_tune(out)
    section = tuning_section(TuneRecord.load(out), [])
    assert all(block.kind != "table" for block in section.blocks)
