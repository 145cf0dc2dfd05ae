import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.answers import find_json, find_label, find_number, find_spans

LABELS = ("yes", "no", "maybe", "no effect")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("yes", "yes"),
        (" **Yes.** ", "yes"),
        ("No   effect!", "no effect"),
        ("The trial shows no effect.", "no effect"),
        ("I would say maybe", "maybe"),
        ("Not yes but no.\nAnswer: no", "no"),
        ("Answer: yes. Wait.\n**Answer:** maybe", "maybe"),
        ("yes or no?\nAnswer:\nno", "no"),
        ("Answer: yes or no", None),
        ("yes, no, maybe", None),
        ("noble yesterday", None),
        ("", None),
        ("...", None),
    ],
)
def test_a_label_is_read_or_not_guessed(text, label):
    assert find_label(text, LABELS) == label


def test_letters_count_as_mentioned_in_their_own_case_only():
    assert find_label("it is a drug, so B", ("A", "B")) == "B"
    assert find_label("b", ("A", "B")) == "B"
    assert find_label("(B)", ("A", "B")) == "B"


def test_a_label_of_signs_is_read():
    assert find_label("+", ("+", "-")) == "+"
    assert find_label("c++ (rare)", ("c++", "c")) == "c++"


@given(st.sampled_from(LABELS), st.sampled_from(["{}", "{}.", "  {}\n", "**{}**", "Answer: {}"]))
def test_every_label_is_read_back(label, frame):
    assert find_label(frame.format(label.upper()), LABELS) == label


def test_no_labels_no_answer():
    assert find_label("yes", ()) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("about 1,234.5 mg.", 1234.5),
        ("first 3, then 12", 12.0),
        ("-3.5", -3.5),
        ("= \u22122 %", -2.0),
        ("a range of 2-3", 3.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("12.", 12.0),
        ("7mg", 7.0),
        ("1,234,567", 1234567.0),
        ("0,5", None),
        ("12,34", None),
        ("1.2.3", None),
        ("vitamin B12", None),
        ("1e999", None),
        ("no number", None),
        ("", None),
    ],
)
def test_the_last_number_is_read_or_not_guessed(text, number):
    assert find_number(text) == number


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_every_number_is_read_back(value):
    assert find_number(f"The dose is {value:,.6f}.") == float(f"{value:.6f}")
    assert find_number(f"{value!r}") == value


@given(st.text())
def test_no_reply_breaks_a_reader(text):
    find_label(text, LABELS)
    find_number(text)
    find_spans(text)
    find_json(text, {"type": "object"})


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ('["aspirin", "5 mg"]', ["aspirin", "5 mg"]),
        ('```json\n["aspirin"]\n```', ["aspirin"]),
        ("aspirin\nheparin, low dose\n", ["aspirin", "heparin, low dose"]),
        ("aspirin; 'heparin'", ["aspirin", "heparin"]),
        ("- aspirin\n2. heparin\n\u2022 5-FU", ["aspirin", "heparin", "5-FU"]),
        ("None.", []),
        ("[]", []),
        ("", None),
        (" ; ", None),
        ('["aspirin", 5]', None),
        ('["aspirin"', None),
    ],
)
def test_a_list_of_spans_is_read_or_not_guessed(text, spans):
    assert find_spans(text) == spans


SCHEMA = {
    "type": "object",
    "properties": {"dose": {"type": "number"}},
    "required": ["dose"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"dose": 5}', {"dose": 5}),
        ('Here it is:\n```json\n{"dose": 5}\n```', {"dose": 5}),
        ('{"dose": 5} {"dose": 6}', {"dose": 5}),
        ('{not json} {"dose": 6}', {"dose": 6}),
        ('{"dose": "5"}', None),
        ('{"dose": 5, "drug": "x"}', None),
        ('{"dose": NaN}', None),
        ('{"dose": 5', None),
        ("[5]", None),
    ],
)
def test_an_object_is_read_if_it_keeps_to_the_schema(text, value):
    assert find_json(text, SCHEMA) == value


def test_an_object_nested_without_end_is_no_answer():
    assert find_json('{"a":' * 3000, {"type": "object"}) is None
