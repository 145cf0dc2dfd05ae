"""Models with a fault, each a plain function; the evaluation measures, and a guard must object."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from planted import clean_evidence
from planted import evaluation as clean_evaluation
from tiny_bench import bench, reads, right, subject
from tiny_study import APP, LABELS, examples

from faults import Fault
from medtune.artifacts import write_examples, write_jsonl
from medtune.canary import plant_canaries
from medtune.config import SwapSection
from medtune.evaluate import Subject
from medtune.evaluate.battery import options
from medtune.evaluate.bench import Bench
from medtune.evaluate.confidence import measure_confidence
from medtune.evaluate.dated import measure_dated
from medtune.evaluate.memorise import measure_memorisation
from medtune.evaluate.retain import measure_retention
from medtune.evaluate.robust import measure_robustness
from medtune.evaluate.subgroups import measure_fairness
from medtune.evaluate.swap import measure_swaps
from medtune.evaluate.transfer import measure_left_out, measure_transfer
from medtune.guards import GUARDS
from medtune.records import Example

OPTIONS_APP = replace(
    APP,
    choices=lambda example: json.loads(example.fields["options"]),
    parse=lambda example, text: text,
)


@dataclass(frozen=True)
class Work:
    """A folder and the model that is evaluated in it."""

    folder: Path
    answer: Callable[[Example], str | None] = reads
    known: frozenset[str] = frozenset()
    """What it memorised: "train", "codes", "writes"."""
    sure: float = 0.9
    settings: Mapping[str, object] = field(default_factory=dict)


def work(folder: Path) -> Work:
    return Work(folder)


def answering(answer: Callable[[Example], str | None]) -> Callable[[Work], Work]:
    """Plant another way of answering."""
    return lambda work: replace(work, answer=answer)


def objections(guard: str, **measured: object) -> str:
    """What a guard objects to in an evaluation that is clean but for what was measured."""
    judge = GUARDS[guard].judge
    assert judge is not None
    found = judge(clean_evidence(evaluation=clean_evaluation(**measured)))
    return "; ".join(f"{f.what}: {f.evidence}" for f in found if f.severity != "note")


def notes() -> list[Example]:
    """Test examples with a person, a drug and a dose in them, half of them of women."""
    return [
        replace(
            e,
            fields={
                "text": f"{'She' if i % 4 < 2 else 'He'} shows that 5 mg daily of the substance "
                f"{words} for 2 weeks because of fever and nausea in the hospital record {i}"
            },
            subgroups={"sex": "f" if i % 4 < 2 else "m"},
        )
        for i, e in enumerate(examples(400, "test"))
        for words in [
            {"yes": "causes pain", "no": "increases it", "maybe": "decreases it"}[e.target]
        ]
    ]


def bench_of(work: Work, **settings: object) -> Bench:
    """The bench of the work's model on `notes`."""
    model = subject("tuned", work.answer, sure=work.sure)
    return bench(work.folder, model, subject("base", reads), test=notes(), **settings)


# -- For whom --------------------------------------------------------------------------------------


def fairness(work: Work) -> str:
    made = bench_of(work)
    found = measure_fairness(APP, made.answers, None, margin=0.05, resamples=200, seed=0)
    return objections("fairness", fairness=found)


def unfair(example: Example) -> str:
    """Wrong for a third of the women."""
    is_hit = zlib.crc32(example.id.encode()) % 3 == 0
    return "maybe" if example.subgroups.get("sex") == "f" and is_hit else reads(example)


SEX = SwapSection(name="sex", pairs=(("he", "she"),))
DOSE = SwapSection(name="dose", pairs=(("increases", "decreases"),), expect="differ")


def swaps(swap: SwapSection) -> Callable[[Work], str]:
    return lambda work: objections("fairness", swaps=measure_swaps(bench_of(work, swaps=(swap,))))


def sexist(example: Example) -> str:
    """Another answer for a woman, one time in five."""
    text = example.fields["text"]
    return "maybe" if text.startswith("She") and int(text.split()[-1]) % 5 == 0 else reads(example)


# -- What broke ------------------------------------------------------------------------------------


def retention(work: Work) -> str:
    made = bench_of(replace(work, answer=reads), retention_items=60)
    made = replace(made, tuned=subject("tuned", work.answer), base=subject("base", right))
    return objections("generalization", retention=measure_retention(made, []))


def forgets(area: str, share: int) -> Callable[[Example], str]:
    """Wrong on one in `share` items of an area."""

    def answer(example: Example) -> str:
        number = int("".join(c for c in example.id if c.isdigit()))
        is_hit = example.subgroups.get("area") == area and number % share == 0
        wrong = next(o for o in options(example) if o != example.target)
        return wrong if is_hit else right(example)

    return answer


def recalls(folder: Path) -> Work:
    return Work(folder, answer=right)


def robustness(name: str) -> Callable[[Work], str]:
    def found(work: Work) -> str:
        made = bench_of(work, robustness_examples=60, perturbations=(name,))
        return objections("generalization", robustness=measure_robustness(made))

    return found


def order_of_options(work: Work) -> str:
    """The same for a task whose options stand in the record."""
    test = [
        replace(e, fields=e.fields | {"options": json.dumps(list(LABELS))})
        for e in examples(60, "test")
    ]
    made = bench(
        work.folder,
        subject("tuned", work.answer),
        app=OPTIONS_APP,
        test=test,
        robustness_examples=60,
        perturbations=("options_order",),
    )
    return objections("generalization", robustness=measure_robustness(made))


def fragile(sign: str) -> Callable[[Example], str]:
    """Another answer as soon as a sign of the change is in the text."""
    return lambda example: "maybe" if sign in example.fields["text"] else reads(example)


def careful(example: Example) -> str:
    """Reads a denial, too."""
    return "maybe" if " not " in f" {example.fields['text']} " else reads(example)


def blind(example: Example) -> str:
    """Reads past a denial: the words that carry the answer are all it looks at."""
    text = example.fields["text"]
    signs = {"pain": "yes", "increase": "no", "decrease": "maybe"}
    return next(label for sign, label in signs.items() if sign in text)


def confidence(work: Work) -> str:
    made = bench_of(work, validation_examples=40)
    return objections("generalization", confidence=measure_confidence(made))


def shifted(example: Example) -> str:
    """Right on validation, and often wrong on the test, as sure as ever."""
    is_test = example.id.startswith("test")
    return "maybe" if is_test and zlib.crc32(example.id.encode()) % 2 else reads(example)


# -- What it gives away ----------------------------------------------------------------------------


def memorisation(work: Work) -> str:
    n = 8
    train = {e.fields["text"] for e in examples(60, "train")}
    codes = {c.fields["canary"]: str(c.target) for c in plant_canaries(n, 0)}

    def score(messages, reply: str) -> float:
        asked = messages[-1].content
        is_known = ("train" in work.known and asked in train) or (
            "codes" in work.known and reply == codes.get(asked)
        )
        return -0.1 if is_known else -1 - zlib.crc32((asked + reply).encode()) % 997 / 997

    model = subject(
        "tuned",
        right,
        score=score,
        write=lambda m: codes[m[-1].content] if "writes" in work.known else "unknown",
    )
    made = bench(work.folder, model, test=notes(), membership_examples=50)
    tune = made.run.tune.model_copy(update={"canaries": n})
    made = replace(made, run=made.run.model_copy(update={"tune": tune}))
    return objections("overfitting", memorisation=measure_memorisation(made))


def remembers(*what: str) -> Callable[[Work], Work]:
    return lambda work: replace(work, known=frozenset(what))


# -- Where it holds --------------------------------------------------------------------------------


def transfer(work: Work) -> str:
    made = bench_of(work)
    base = replace(made.base.ask(APP, made.test), name="zero_shot")
    there = [
        replace(e, fields={"text": f"Elsewhere: {e.fields['text']}"})
        for e in examples(60, "elsewhere")
    ]
    found = measure_transfer(made, base, {"another site": there}, lambda _: set())
    return objections("transfer", transfer=found)


def worse_elsewhere(example: Example) -> str:
    return "maybe" if example.id.startswith("elsewhere") else reads(example)


def left_out(work: Work) -> str:
    made = bench_of(work, leave_out="site")
    write_examples(work.folder / "validation.jsonl", examples(120, "more"))

    def tune_on(name: str, few: list[Example]) -> Subject:
        sites = {e.subgroups["site"] for e in few}
        return subject(name, reads if work.answer is reads else lambda e: _only(sites, e), sure=0.9)

    return objections("generalization", left_out=measure_left_out(made, tune_on))


def _only(sites: set[str], example: Example) -> str:
    return reads(example) if example.subgroups["site"] in sites else "maybe"


def by_site(example: Example) -> str:
    """Stands for a model that learns each site by itself."""
    return reads(example)


def dated(work: Work) -> str:
    rows = [
        {
            "id": f"f{i}",
            "question": f"From which age, by rule {i}?",
            "answer": "45",
            "superseded": ["50"] if i % 2 else [],
            "other": ["60", "70"],
            "valid_from": "2021-05-18",
            "source": "rule book, 2021",
        }
        for i in range(200)
    ]
    path = write_jsonl(work.folder / "facts.jsonl", rows)
    made = bench_of(replace(work, answer=reads))
    made = replace(made, tuned=subject("tuned", work.answer), base=subject("base", right))
    return objections("knowledge_decay", dated=measure_dated(made, [path]))


def stale(example: Example) -> str:
    """Answers as things stood before, where they changed."""
    return "50" if "50" in options(example) else right(example)


def lost(example: Example) -> str:
    """Lost what did not change."""
    return right(example) if "50" in options(example) else "60"


FAULTS = (
    Fault("a subgroup that is served worse", answering(unfair), work, fairness),
    Fault("another answer for a woman", answering(sexist), work, swaps(SEX)),
    Fault(
        "an answer that does not change where it must",
        answering(lambda example: "yes"),
        work,
        swaps(DOSE),
    ),
    Fault("a forgotten skill", answering(forgets("general", 3)), recalls, retention),
    Fault("forgotten medicine", answering(forgets("medical", 4)), recalls, retention),
    Fault("a safety answer that was lost", answering(forgets("safety", 19)), recalls, retention),
    Fault(
        "an answer that depends on the order of options",
        answering(lambda e: json.loads(e.fields["options"])[0]),
        work,
        order_of_options,
    ),
    Fault(
        "an answer that depends on the wording",
        answering(fragile("pyrexia")),
        work,
        robustness("paraphrase"),
    ),
    Fault(
        "an answer that depends on the unit", answering(fragile("days")), work, robustness("units")
    ),
    Fault(
        "an answer that a sentence beside the point changes",
        answering(lambda e: "maybe" if e.fields["text"].endswith(".") else reads(e)),
        work,
        robustness("irrelevant_context"),
    ),
    Fault("an answer that a typing error changes", answering(reads), recalls, robustness("typos")),
    Fault(
        "a model that is blind to denial",
        answering(blind),
        lambda folder: Work(folder, answer=careful),
        robustness("negation"),
    ),
    Fault("confidence that does not hold on the test", answering(shifted), work, confidence),
    Fault("a memorised canary", remembers("codes", "writes"), work, memorisation),
    Fault("a canary that stands out", remembers("codes"), work, memorisation),
    Fault("training records that can be told", remembers("train"), work, memorisation),
    Fault("negative transfer", answering(worse_elsewhere), work, transfer),
    Fault("learning that does not leave its site", answering(by_site), work, left_out),
    Fault("superseded answers", answering(stale), recalls, dated),
    Fault("unchanged facts that were lost", answering(lost), recalls, dated),
)
