"""Numbers and names as a clinician reads them: few digits, the interval beside the value."""

import math
import re

from medtune.records import Estimate, Verdict

ARMS = {
    "majority": "most frequent answer",
    "classical": "classical baseline",
    "zero_shot": "zero-shot prompt",
    "few_shot": "few-shot prompt",
    "retrieval": "retrieval prompt",
    "small_tune": "small tune",
    "tune_retrieval": "small tune with retrieval",
    "projected_tune": "tune on all examples, projected",
    "projected_tune_retrieval": "tune with retrieval on all examples, projected",
    "endpoint": "outside model",
    "guessing": "guessing",
    "tune": "tuned model",
    "tuned": "tuned model",
    "tuned_retrieval": "tuned model with retrieval",
}
"""What a reader sees for the arms that medtune names itself; others show their own name."""

METRICS = {
    "accuracy": ("accuracy", "the share of answers that are right"),
    "exact_match": ("exact match", "the share of answers that equal the target"),
    "macro_f1": (
        "macro-F1",
        "how well each label is found without being given too often, averaged so that a rare "
        "label counts as much as a common one",
    ),
    "number_within": ("numbers right", "the share of numbers within the allowed error"),
    "span_f1": ("span F1", "how well the right pieces of text are found, and no others"),
    "rouge_l": ("ROUGE-L", "how much of the wording agrees with the target"),
    "rouge_1": ("ROUGE-1", "how many words the text shares with the target"),
    "rouge_2": ("ROUGE-2", "how many pairs of words the text shares with the target"),
    "span_overlap_f1": ("overlapping span F1", "how well pieces that overlap the right ones do"),
    "span_recall": ("span recall", "the share of the right pieces of text that are found"),
    "span_precision": ("span precision", "the share of the pieces found that are right"),
    "sensitivity": ("sensitivity", "the share of the positives that are found"),
    "specificity": ("specificity", "the share of the others that raise no alarm"),
    "ppv": ("PPV", "the share of the alarms that are right"),
    "npv": ("NPV", "the share of those without an alarm that are rightly so"),
    "auroc": ("AUROC", "how often a positive is ranked above another example"),
    "auprc": ("AUPRC", "precision over recall; a useless model has the share of positives"),
    "overconfidence": ("overconfidence", "mean confidence less the share of right answers"),
    "rubric_score": ("rubric score", "points earned by a rubric, as a share of those to earn"),
    "json_match": ("fields right", "the share of fields that equal the target"),
    "expected_calibration_error": (
        "calibration error",
        "the mean gap between how sure the model is and how often it is right",
    ),
}
"""For each metric of ours: its usual name and its meaning in one phrase."""

VERDICTS: dict[Verdict, str] = {
    "yes": "yes",
    "no": "no",
    "not_enough_data": "not enough data to tell",
}

NAMES = {name: text for name, text in ARMS.items() if "_" in name} | {
    name: text for name, (text, _) in METRICS.items() if "_" in name
}
IDENTIFIER = re.compile(rf"\b({'|'.join(NAMES)})\b")
"""Identifiers with an underscore are no words of a sentence, so they can be replaced in one."""

NARROW = 0.02
"""An interval narrower than this needs a third decimal to be seen."""
TINY = 0.001
"""What lies below is shown with a power of ten, or for a p-value as "below 0.001"."""
MINUTE, HOUR = 60, 3600
"""In seconds."""
ACRONYMS = {"qa": "QA", "ner": "NER", "ehr": "EHR", "icd": "ICD"}


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ").strip()


def title(name: str) -> str:
    """An identifier as a heading: "evidence_qa" becomes "Evidence QA"."""
    text = " ".join(ACRONYMS.get(word, word) for word in plain(name).split(" "))
    return text[:1].upper() + text[1:]


def arm_name(name: str) -> str:
    """The name of an arm as words."""
    return ARMS.get(name, plain(name))


def metric_name(name: str) -> str:
    """The name of a metric as words."""
    return METRICS[name][0] if name in METRICS else plain(name)


def metric_meaning(name: str) -> str:
    """What the metric measures, as a phrase; empty for a metric that is not ours."""
    return METRICS[name][1] if name in METRICS else ""


def decimal(value: float, digits: int, *, signed: bool = False) -> str:
    """A number with so many decimals, a true minus sign, and never "-0.00"."""
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return f"{0:.{digits}f}"
    if signed and value > 0:
        return f"+{text}"
    return text.replace("-", "\N{MINUS SIGN}")


def number(value: float) -> str:
    """A number with two significant digits below 1, three above, and whole from 100 up."""
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size == 0 or (size >= 1 and value == int(value)):
        return decimal(value, 0)
    if size < TINY:
        return f"{value:.1e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")
    wanted = 2 if size < 1 else 3
    return decimal(value, max(0, wanted - 1 - math.floor(math.log10(size))))


def estimate(found: Estimate, *, signed: bool = False) -> str:
    """A value with its 95 % interval: "0.51 (0.46 to 0.56)"."""
    largest = max(abs(found.low), abs(found.high), abs(found.value))
    digits = 2 if found.high - found.low >= NARROW else 3
    if largest >= 1:
        digits = max(0, 2 - math.floor(math.log10(largest)))
    value, low, high = (
        decimal(part, digits, signed=signed) for part in (found.value, found.low, found.high)
    )
    return f"{value} ({low} to {high})"


def p_value(value: float) -> str:
    """A p-value with two significant digits."""
    return f"below {TINY}" if value < TINY else number(value)


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun in the right number: "1 example", "1,200 examples"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share of 1 as a percentage with two significant digits."""
    return f"{100 * share:.2g} %" if share < 1 / 10 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """A span of time with the two largest units."""
    if seconds < 1:
        return f"{number(1000 * seconds)} ms"
    if seconds < MINUTE:
        return f"{number(seconds)} s"
    minutes = round(seconds / MINUTE)
    if seconds < HOUR:
        return f"{minutes} min"
    return f"{minutes // MINUTE} h {minutes % MINUTE:02d} min"


def listed(parts: list[str]) -> str:
    """Words joined as in a sentence: "a, b and c"."""
    *before, last = parts or [""]
    return f"{', '.join(before)} and {last}" if before else last


def readable(text: str) -> str:
    """The text with our own identifiers as words: "few_shot" becomes "few-shot prompt"."""
    return IDENTIFIER.sub(lambda found: NAMES[found[0]], text)


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
