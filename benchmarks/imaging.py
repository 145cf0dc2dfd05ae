"""Imaging: the real mass, PneumoniaMNIST, heat maps of shuffled labels, and unlike images.

    benchmarks/imaging.py mass RUN.yaml [key.path=value ...]
    benchmarks/imaging.py labels RUN.yaml [key.path=value ...]
    benchmarks/imaging.py pneumonia N [key.path=value ...]
    benchmarks/imaging.py unlike RUN.yaml [key.path=value ...]

`mass` asks the tuned model of a run about each slice of the mass of LIDC-IDRI-0001, which no split
holds, beside the agreement of its four readers. `labels` trains once more on shuffled labels and
compares heat maps (Adebayo 2018, the data test; the test of weights is made beside it). `pneumonia`
runs every stage on N images of PneumoniaMNIST's train part (shared data), with its validation part
as the sealed test, and prints the table of `run_table.py`; published figures are of another test
part. `unlike` (after `medtune data RUN.yaml`; no model is asked) says which share of the sealed
fields and of other images the score for unlike images flags. The last line is one JSON object.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import run_table
import yaml
from PIL import Image

from medtune.apps import imaging_picture
from medtune.apps.imaging import APP
from medtune.apps.imaging_operating import SPECIFICITY, operating_point, scored, threshold
from medtune.apps.imaging_sanity import randomisation
from medtune.artifacts import read_examples
from medtune.clinical.imaging.agreement import (
    bounds,
    box_iou,
    consensus,
    dice,
    pairwise_dice,
    points_at,
)
from medtune.config import Run, load_run
from medtune.fetch import resolve_source
from medtune.images.picture import Window
from medtune.records import Example
from medtune.stats import wilson

LEAST_IOU = 0.1
"""A mark that shares less with the mass is a false one."""
SHUFFLED = 200
OTHERS = 200
"""Images of each kind that `unlike` looks at."""
WHOLE = Window(127.5, 255.0)


def wheels(run: Run) -> tuple[Path, Path]:
    """The CT and the outlines that the run names."""
    scan, outlines = (resolve_source(one, offline=False) for one in run.data.sources)
    return scan, outlines


def mass(run_file: str, *overrides: str) -> dict[str, object]:
    """Find the real mass, slice by slice."""
    run = load_run(Path(run_file), list(overrides))
    lm = imaging_picture.tuned_model(run)
    # torch may be imported only now
    from medtune.apps.imaging_fields import NEGATIVE, TASK
    from medtune.apps.imaging_lidc import SPACING_MM, read_mass, read_scan
    from medtune.apps.imaging_read import heat_of_view, heat_test, read_frame, spread
    from medtune.images.picture import Picture
    from medtune.llm.predict import predict

    scan_wheel, outlines = wheels(run)
    scan = read_scan(scan_wheel)
    readers = read_mass(outlines, scan.values_FRC.shape)
    agreed = consensus(readers, 2)
    picture = Picture(scan.values_FRC, "CT", (SPACING_MM, SPACING_MM))
    splits = [read_examples(run.out / f"{name}.jsonl") for name in ("validation", "test")]
    chosen, judged = (
        scored(predict(lm, APP, part, settings=run.evaluate, what="fields").predictions, NEGATIVE)
        for part in splits
    )
    limit = threshold(chosen, SPECIFICITY)
    point = operating_point(chosen, judged, specificity=SPECIFICITY, seed=run.seed)
    tested = heat_test(lm, splits[0], seed=run.seed)
    found: list[dict[str, object]] = []
    for frame in np.flatnonzero(agreed.any(axis=(1, 2))).tolist():
        reading = read_frame(lm, picture, frame, task=TASK, limit=limit, settings=run.evaluate)
        target = bounds(agreed[frame])
        overlaps = [box_iou(mark.box, target) for mark in reading.marks]
        heat = np.zeros(agreed[frame].shape, dtype=np.float32)
        for view in reading.views:
            if reading.marks and view.box.holds(*reading.marks[0].box.centre):
                heat = np.maximum(heat, spread(heat_of_view(lm, view), view.box, heat.shape))
        hot = heat >= heat.max() / 2 if heat.max() > 0 else heat > 0
        found.append(
            {
                "frame": frame,
                "marks": len(overlaps),
                "best_iou": round(max(overlaps, default=0.0), 3),
                "hit": any(target.holds(*mark.box.centre) for mark in reading.marks),
                "first_hit": bool(reading.marks) and target.holds(*reading.marks[0].box.centre),
                "false_marks": sum(one < LEAST_IOU for one in overlaps),
                "heat_points": bool(heat.max() > 0 and points_at(heat, target)),
                "heat_dice": round(dice(hot, agreed[frame]), 3),
            }
        )
    between = pairwise_dice(readers)
    for row in found:
        print(json.dumps(row))
    return {
        "slices": len(found),
        "hit": sum(bool(row["hit"]) for row in found),
        "first_hit": sum(bool(row["first_hit"]) for row in found),
        "mean_best_iou": float(np.mean([float(str(row["best_iou"])) for row in found])),
        "false_marks_per_slice": float(np.mean([int(str(row["false_marks"])) for row in found])),
        "heat_points": sum(bool(row["heat_points"]) for row in found),
        "readers_dice": [round(min(between), 3), round(max(between), 3)],
        "specificity_wanted": SPECIFICITY,
        "sensitivity": [point.sensitivity.value, point.sensitivity.low, point.sensitivity.high],
        "specificity": [point.specificity.value, point.specificity.low, point.specificity.high],
        "heat_test": [tested.likeness.value, tested.likeness.low, tested.likeness.high],
        "heat_may_be_shown": tested.verdict,
    }


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """The same images with each other's targets."""
    order = np.random.default_rng(seed).permutation(len(examples))
    return [
        replace(one, target=examples[int(at)].target)
        for one, at in zip(examples, order, strict=True)
    ]


def labels(run_file: str, *overrides: str) -> dict[str, object]:
    """Compare heat maps with those of a model that learnt shuffled labels."""
    run = load_run(Path(run_file), list(overrides))
    lm = imaging_picture.tuned_model(run)
    from medtune.apps.imaging_read import IMAGES_TESTED, heat_of, heat_test
    from medtune.llm.load import load_model
    from medtune.tune import fit

    base = load_model(lm.folder, lm.numerics, context_tokens=lm.context_tokens, gallery=lm.gallery)
    train = shuffled(read_examples(run.out / "train.jsonl")[:SHUFFLED], run.seed)
    validation = read_examples(run.out / "validation.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        done = fit(
            run,
            APP,
            base,
            train,
            shuffled(validation, run.seed),
            folder=Path(folder),
            what="shuffled labels",
            identity={},
        )
        other = load_model(
            lm.folder,
            lm.numerics,
            context_tokens=lm.context_tokens,
            adapter=done.adapter,
            gallery=lm.gallery,
        )
        some = validation[:IMAGES_TESTED]
        maps = [[heat_of(model, example) for example in some] for model in (lm, other)]
    by_label = randomisation(*maps, [example.group for example in some], seed=run.seed)
    by_weight = heat_test(lm, validation, seed=run.seed)
    return {
        name: [test.likeness.value, test.likeness.low, test.likeness.high, test.verdict]
        for name, test in (("labels", by_label), ("weights", by_weight))
    }


def shared() -> Path:
    """The shared data."""
    beside = Path(__file__).parents[2] / "shared"
    return Path(os.environ.get("MEDTUNE_SHARED", beside)) / "data"


def pneumonia(n: str, *overrides: str) -> None:
    """Every stage on PneumoniaMNIST."""
    found = np.load(shared() / "pneumoniamnist/pneumoniamnist_train_val.npz")
    folder = Path(tempfile.gettempdir()) / f"pneumoniamnist-{n}"
    folder.mkdir(exist_ok=True)
    for part, most in (("train", int(n)), ("val", None)):
        images, targets = found[f"{part}_images"], found[f"{part}_labels"].ravel()
        order = sorted(
            range(len(images)), key=lambda at: hashlib.sha256(f"{part}{at}".encode()).digest()
        )
        rows: list[str] = []
        for at in order[: most or int(n)]:
            name = f"{part}-{at}.png"
            Image.fromarray(images[at]).save(folder / name)
            finding = "pneumonia" if targets[at] else None
            rows.append(json.dumps({"image": name, "finding": finding, "id": f"{part}-{at}"}))
        (folder / f"{part}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = yaml.safe_load((Path(__file__).parents[1] / "configs/imaging.yaml").read_text("utf-8"))
    run["data"] = {
        "sources": [
            {"source": f"path:{folder / 'train.jsonl'}", "licence": "CC BY 4.0"},
            {"source": f"path:{folder / 'val.jsonl'}", "licence": "CC BY 4.0", "split": "test"},
        ],
        "validation": 0.15,
        "test": 0.0,
        "near_duplicate": 1.0,
    }
    run["out"] = str(folder / "run")
    (folder / "run.yaml").write_text(yaml.safe_dump(run), encoding="utf-8")
    sys.argv = [sys.argv[0], str(folder / "run.yaml"), *overrides]
    run_table.main()


def unlike(run_file: str, *overrides: str) -> dict[str, object]:
    """Which images are flagged: the run's own test fields, and others."""
    run = load_run(Path(run_file), list(overrides))
    from medtune.apps.imaging_lidc import read_scan
    from medtune.apps.imaging_look import learnt_of, pooled
    from medtune.images.picture import LUNG
    from medtune.images.store import kept_image
    from medtune.images.view import square
    from medtune.llm.vision.encoder import load_encoder

    assert run.model.vision is not None, "an imaging run has eyes"
    learnt = learnt_of(run.out, load_encoder(run.model.vision, offline=False))
    fields = [
        kept_image(one.fields["image"]) for one in read_examples(run.out / "test.jsonl")[:OTHERS]
    ]
    frames = read_scan(wheels(run)[0]).values_FRC
    slices = frames[:: max(1, len(frames) // OTHERS)][:OTHERS]
    chance = np.random.default_rng(run.seed)
    sets = {
        "sealed fields (like)": fields,
        "whole slices of the same CT": [square(one, LUNG) for one in slices],
        "fields in negative": [255 - one for one in fields],
        "noise": [chance.integers(0, 256, one.shape, dtype=np.uint8) for one in fields],
    }
    path = shared() / "pneumoniamnist/pneumoniamnist_train_val.npz"
    if path.exists():
        small = np.load(path)["val_images"][:OTHERS].astype(np.float32)
        sets["radiographs (PneumoniaMNIST)"] = [square(one, WHOLE) for one in small]
    found: dict[str, object] = {"limit": learnt.likeness.limit}
    for name, images in sets.items():
        distances = [learnt.likeness.distance(pooled(learnt.encoder.encode([one]))[0])
                     for one in images]  # fmt: skip
        share = wilson(sum(one > learnt.likeness.limit for one in distances), len(images))
        found[name] = [share.value, share.low, share.high, share.n]
        print(f"{name}: flagged {share.value:.3f} ({share.low:.3f} to {share.high:.3f})")
    return found


def main() -> None:
    """Do what the first argument says."""
    mode, *rest = sys.argv[1:]
    if mode == "pneumonia":
        pneumonia(*rest)
        return
    print(json.dumps({"mass": mass, "labels": labels, "unlike": unlike}[mode](*rest)))


if __name__ == "__main__":
    main()
