"""The parts of the evaluation beside the test, on models that are plain functions."""

import json
import zlib
from dataclasses import replace

import httpx
import public_health_examples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bench import bench, reads, right, subject
from tiny_study import APP, examples

from medtune.apps import public_health
from medtune.artifacts import read_examples, write_examples
from medtune.canary import exposure, plant_canaries, rivals, with_canaries
from medtune.config import JudgeSection, SwapSection
from medtune.data.learnt import held_by
from medtune.errors import ConfigError, DataError, UndefinedMetric
from medtune.evaluate.battery import APP as BATTERY
from medtune.evaluate.battery import chance, options, own_battery, read_battery
from medtune.evaluate.bench import NotMeasured
from medtune.evaluate.confidence import measure_confidence, thinned
from medtune.evaluate.dated import measure_dated
from medtune.evaluate.judge import judged, measure_judged
from medtune.evaluate.judge_model import endpoint_judge, judge_of
from medtune.evaluate.likeness import measure_likeness
from medtune.evaluate.memorise import measure_memorisation
from medtune.evaluate.perturb import RULES, perturb
from medtune.evaluate.retain import measure_retention, retention_answers
from medtune.evaluate.robust import measure_robustness
from medtune.evaluate.subgroups import measure_fairness
from medtune.evaluate.swap import measure_swaps, swapped
from medtune.evaluate.transfer import measure_left_out, measure_transfer
from medtune.metrics import accuracy
from medtune.records import ArmResult, Example, Message, Prediction
from medtune.stats import Kept

TEXT_APP = replace(APP, choices=None, metrics={"accuracy": accuracy}, primary="accuracy")


def words_of(example):
    return example.fields["text"]


# -- Our own battery -------------------------------------------------------------------------------


def test_the_own_battery_has_the_promised_items_and_a_licence():
    battery = own_battery(60)
    areas = [e.subgroups["area"] for e in battery.examples]
    assert {a: areas.count(a) for a in battery.areas} == {
        "general": 60,
        "medical": 60,
        "safety": 40,
    }
    questions = [e.fields["question"] for e in battery.examples]
    assert len(set(questions)) == len(questions)
    assert 0.2 < chance(battery.examples) < 0.35
    assert [len(own_battery(5).examples), len(own_battery(0).examples)] == [15, 0]


def test_an_item_is_scored_by_its_options_and_its_oracle_is_right():
    example = own_battery(1).examples[0]
    assert example.target in options(example)
    assert BATTERY.choices(example) == options(example)
    assert BATTERY.parse(example, BATTERY.reply(example)) == example.target
    assert BATTERY.parse(example, "something else") is None


GOOD = {"id": "q1", "area": "own", "question": "Why?", "options": ["a", "b"], "answer": "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "c"},
        {"options": ["a"], "answer": "a"},
        {"options": ["a", "a"], "answer": "a"},
        {"question": None},
        {"id": 5},
    ],
)
def test_a_battery_refuses_an_item_by_its_id(tmp_path, change):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(GOOD | change), encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.jsonl: item"):
        read_battery(path)


def test_a_battery_refuses_an_id_that_is_there_twice_and_an_empty_file(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join([json.dumps(GOOD)] * 2), encoding="utf-8")
    with pytest.raises(DataError, match="twice"):
        read_battery(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="no items"):
        read_battery(path)


def test_retention_compares_both_models_by_area_and_lists_the_flips(out):
    def forgets(example):
        is_general = example.subgroups.get("area") == "general"
        return options(example)[0] if is_general else right(example)

    made = bench(out, subject("tuned", right), subject("base", right), retention_items=60)
    forgetful = replace(made, tuned=subject("tuned", forgets), key="other")
    kept = measure_retention(made, [])
    assert {row.kept for row in kept} == {"not_enough_data"}, "60 items cannot exclude 2 points"
    assert all(row.change.value == 0 and row.right_to_wrong == [] for row in kept)
    general, medical, _ = measure_retention(forgetful, [])
    assert general.kept == "no"
    assert general.before.value == 1
    assert 10 < len(general.right_to_wrong) <= 60
    assert general.p_adjusted < 0.001
    assert medical.right_to_wrong == []
    assert {"evaluate/retention-0-tuned.jsonl", "evaluate/retention-0-base.arm.json"} <= set(
        forgetful.files
    )


def test_a_users_battery_is_measured_beside_ours(out, tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [GOOD | {"id": f"q{i}"} for i in range(5)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = bench(out, subject("tuned", right), retention_items=2)
    found = measure_retention(made, [path])
    assert [(row.source, row.area) for row in found][-1] == ("own.jsonl", "own")
    none = bench(out, subject("tuned", right))
    with pytest.raises(NotMeasured, match=r"evaluate\.retention"):
        measure_retention(none, [])


def test_answers_to_the_batteries_are_given_by_area_for_whoever_compares(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    found = retention_answers(subject("small tune", right), 3, [path])
    sizes = {area: len(some) for area, some in found.items()}
    assert sizes == {"general": 3, "medical": 3, "safety": 3, "own (own.jsonl)": 1}
    assert all(p.right for some in found.values() for p in some)


# -- Perturbations ---------------------------------------------------------------------------------

NOTE = (
    "The patient shows shortness of breath because of anaemia; takes 5 mg daily; "
    "had a temperature of 38.5 °C for 2 weeks"
)


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("options_order", {"options": '["a", "b"]'}, {"options": '["b", "a"]'}),
        ("options_order", {"options": '["a"]'}, None),
        ("findings_order", {"text": "- a\n- b"}, {"text": "- b\n- a"}),
        (
            "paraphrase",
            {"text": "He shows fever because of it"},
            {"text": "He demonstrates pyrexia since of it"},
        ),
        ("typos", {"text": "a b c d e"}, None),
        (
            "units",
            {"text": NOTE},
            {
                "text": NOTE.replace("5 mg", "5000 micrograms")
                .replace("38.5 °C", "101.3 °F")
                .replace("2 weeks", "14 days")
            },
        ),
        ("units", {"text": "0.5 mg and 2.5 g and 5 mg/kg"}, None),
        (
            "negation",
            {"first": "MAPT", "text": "The tumour increases pain in mice"},
            {"first": "MAPT", "text": "The tumour does not increase pain in mice"},
        ),
        ("negation", {"text": "The tumour is not large in mice"}, None),
        ("negation", {"text": "increases"}, None),
        ("typos", {"computed": json.dumps({"differential": [NOTE] * 9})}, None),
    ],
)
def test_a_rule_changes_the_wording_as_documented(name, fields, expected):
    assert perturb(name, fields, seed=0, id="r1") == expected


def test_irrelevant_context_goes_to_the_longest_field():
    found = perturb(
        "irrelevant_context", {"a": "one two three four five", "b": NOTE}, seed=0, id="1"
    )
    assert found["a"] == "one two three four five"
    assert found["b"].startswith(NOTE)
    assert len(found["b"]) > len(NOTE)


@settings(max_examples=60)
@given(st.sampled_from(sorted(RULES)), st.text(max_size=80), st.integers(0, 9))
def test_a_rule_is_seeded_and_never_returns_the_same_text(name, text, seed):
    fields = {"text": text, "options": '["a", "b", "c"]'}
    found = perturb(name, fields, seed=seed, id="r1")
    assert found == perturb(name, fields, seed=seed, id="r1")
    assert found != fields
    if found is not None:
        assert found.keys() == fields.keys()
        if name in ("options_order", "findings_order"):
            assert sorted("".join(found.values())) == sorted("".join(fields.values()))


def test_typos_keep_the_letters_and_spare_short_words_numbers_and_names():
    text = "Patient MAPT-positive without progression receives hydroxychloroquine 200 mg " * 4
    found = perturb("typos", {"text": text}, seed=1, id="r")["text"]
    assert found != text
    assert [sorted(w) for w in found.split()] == [sorted(w) for w in text.split()]
    changed = {a for a, b in zip(text.split(), found.split(), strict=True) if a != b}
    assert changed <= {"positive", "progression", "receives", "hydroxychloroquine", "MAPT-positive"}


def test_robustness_measures_what_applies_and_negation_on_right_answers_only(out):
    made = bench(out, subject("tuned", reads), robustness_examples=30)
    found = {row.name: row for row in measure_robustness(made)}
    assert found["irrelevant_context"].same.value == 1
    assert found["irrelevant_context"].change.value == 0
    assert found["irrelevant_context"].n == 30
    assert found["negation"].expect == "differ"
    assert found["negation"].change is None
    assert found["negation"].same.value < 0.7
    assert len(found["negation"].differing) > 9
    assert "options_order" not in found
    with pytest.raises(NotMeasured, match="robustness_examples"):
        measure_robustness(bench(out, subject("tuned", reads)))


def test_what_is_computed_of_a_record_is_of_its_unchanged_words(out):
    app = public_health.APP
    test = [replace(one, group=one.id) for one in public_health_examples.examples()]
    replies = {one.id: app.reply(one) for one in test}

    def ask(app, asked):
        answers = [
            Prediction(one.id, one.group, one.target, app.parse(one, replies[one.id]))
            for one in asked
        ]
        return ArmResult("tuned", "made up", answers, 1, 1)

    model = replace(subject("tuned", right), ask=ask)
    found = measure_robustness(bench(out, model, app=app, test=test, robustness_examples=12))
    assert {row.name: row.same.value for row in found} == {"typos": 1, "irrelevant_context": 1}


def test_a_change_that_does_not_reach_the_prompt_is_not_asked(out):
    def prompt(example):
        if example.fields["text"].endswith("."):
            raise DataError("cannot be read")
        return [Message("user", "always the same")]

    made = bench(
        out, subject("tuned", reads), app=replace(APP, prompt=prompt), robustness_examples=30
    )
    with pytest.raises(NotMeasured, match="no perturbation applies"):
        measure_robustness(made)


# -- Swaps -----------------------------------------------------------------------------------------

SEX = SwapSection(name="sex", pairs=(("he", "she"), ("man", "woman")), fields=("text",))


def test_words_are_swapped_both_ways_in_one_pass_with_their_capitals():
    example = replace(
        examples(1, "x")[0], fields={"text": "He and she; the MAN, a Woman, the.", "id": "he"}
    )
    found = swapped(example, SEX)
    assert found.fields == {"text": "She and he; the WOMAN, a Man, the.", "id": "he"}
    assert swapped(found, SEX) == example
    assert swapped(replace(example, fields={"text": "they"}), SEX) is None
    only = SEX.model_copy(update={"when": ("prostate",)})
    assert swapped(example, only) is None


def test_a_swap_counts_flips_and_names_them(out):
    test = [
        replace(e, fields={"text": f"{'He' if i % 2 else 'A thing'}: {e.fields['text']}"})
        for i, e in enumerate(examples(120, "test"))
    ]

    def biased(example):
        return "maybe" if "She" in example.fields["text"] else reads(example)

    fair = bench(out, subject("tuned", reads), test=test, swaps=(SEX,))
    (found,) = measure_swaps(fair)
    assert (found.n, found.flips.value, found.against, found.shift) == (60, 0, [], 0)
    unfair = replace(fair, tuned=subject("tuned", biased), key="k2")
    (found,) = measure_swaps(unfair)
    assert found.as_expected == "no"
    assert found.flips.value > 0.5
    assert found.shift > 0.4
    assert len(found.against) == 50
    with pytest.raises(NotMeasured, match=r"evaluate\.swaps"):
        measure_swaps(bench(out, subject("tuned", reads)))


def with_men(n_of: int) -> list[Example]:
    """Test examples, the first `n_of` of which hold a word of `SEX`."""
    return [
        replace(e, fields={"text": f"{'He' if i < n_of else 'A thing'}: {e.fields['text']}"})
        for i, e in enumerate(examples(120, "test"))
    ]


NOWHERE = SwapSection(name="nowhere", pairs=(("unicorn", "dragon"),))


def test_a_swap_that_cannot_be_measured_takes_no_other_with_it(out):
    made = bench(out, subject("tuned", reads), test=with_men(60), swaps=(SEX, NOWHERE))
    assert [one.name for one in measure_swaps(made)] == ["sex"]
    assert made.missing == {"swaps: nowhere": "no test example holds one of its words"}
    of_one = bench(out, subject("tuned", reads), test=with_men(2), swaps=(SEX,))
    with pytest.raises(NotMeasured, match="no swap"):
        measure_swaps(of_one)
    assert "1 group(s)" in of_one.missing["swaps: sex"]


def test_a_changed_example_that_no_longer_fits_is_left_out_and_counted(out):
    model = subject("tuned", reads, fits=lambda e: "She" not in words_of(e) or " 1" in words_of(e))
    made = bench(out, model, test=with_men(60), swaps=(SEX,))
    (found,) = measure_swaps(made)
    assert 0 < found.n < 60
    assert made.missing["swaps: sex"].startswith(f"{60 - found.n} of 60 examples exceed")
    long = subject("tuned", reads, fits=lambda e: not words_of(e).endswith("."))
    made = bench(out, long, robustness_examples=30)
    assert "irrelevant_context" not in {row.name for row in measure_robustness(made)}
    assert "robustness: irrelevant_context" in made.missing


def test_a_metric_without_a_value_in_one_domain_leaves_the_others(out):
    def share_of_yes(predictions):
        some = [p.right for p in predictions if p.target == "yes"]
        if not some:
            raise UndefinedMetric("no positive")
        return sum(some) / len(some)

    app = replace(APP, metrics={"sensitivity": share_of_yes}, primary="sensitivity")
    test = [
        replace(e, subgroups={"site": "none" if e.target != "yes" else "AB"[i % 3 == 0]})
        for i, e in enumerate(examples(240, "test"))
    ]
    made = bench(out, subject("tuned", right), app=app, test=test, robustness_examples=30)
    base = replace(made.base.ask(app, made.test), name="zero_shot")
    assert {row.value for row in measure_transfer(made, base, {}, no_copies)} == {"A", "B"}
    assert made.missing == {"transfer: site 'none'": "no positive"}
    negative = [e for e in test if e.target != "yes"]
    made = replace(made, test=negative, missing={})
    rows = measure_robustness(made)
    assert rows
    assert {row.change for row in rows} == {None}
    assert "no positive" in made.missing["robustness: irrelevant_context: change of sensitivity"]


def test_where_the_answer_must_differ_those_that_do_not_are_named(out):
    deed = SwapSection(name="deed", pairs=(("increases", "decreases"),), expect="differ")
    made = bench(out, subject("tuned", reads), swaps=(deed,))
    (found,) = measure_swaps(made)
    assert (found.flips.value, found.against, found.as_expected) == (1, [], "not_enough_data")
    stubborn = replace(made, tuned=subject("tuned", lambda e: "yes"), key="k2")
    plain = replace(stubborn.tuned.ask(APP, made.test), name="tuned")
    (found,) = measure_swaps(replace(stubborn, answers=plain))
    assert (found.flips.value, len(found.against), found.as_expected) == (0, 50, "no")


# -- Confidence ------------------------------------------------------------------------------------


def test_confidence_is_fitted_on_validation_and_reported_on_the_test(out):
    made = bench(out, subject("tuned", reads, sure=0.6), validation_examples=24)
    found = measure_confidence(made)
    assert found.n_validation == 24
    assert found.temperature < 0.5, "it is always right and says 0.6: it should be surer"
    assert found.error_at_temperature.value < 0.2
    assert found.brier.value == pytest.approx(0.16)
    assert found.selection.threshold == pytest.approx(0.6)
    assert found.selection.coverage.value == 1
    assert found.selection.risk.value == 0
    assert {one.kind for one in found.sets} == {"LAC", "APS"}
    assert all(one.coverage.value == 1 for one in found.sets)
    assert found.curve[-1] == {"coverage": 1.0, "risk": 0.0}
    generated = bench(out, subject("tuned", right), app=TEXT_APP, validation_examples=9)
    with pytest.raises(NotMeasured, match="generated"):
        measure_confidence(generated)


def test_the_thinned_curve_keeps_the_point_at_which_all_is_answered():
    for n in (1, 2, 41, 90, 200):
        curve = [Kept(i / n, 0.5, 1 - i / n) for i in range(1, n + 1)]
        kept = thinned(curve)
        assert kept[-1].coverage == 1
        assert len({point.coverage for point in kept}) == len(kept) <= 81


# -- Subgroups -------------------------------------------------------------------------------------


def test_a_gap_is_turned_so_that_negative_is_worse_and_the_estimate_is_not(out):
    made = bench(out, subject("tuned", lambda e: reads(e) if e.subgroups["site"] == "A" else "yes"))
    fault = replace(
        APP,
        metrics={"error": lambda some: 1 - accuracy(some)},
        primary="error",
        lower_is_better=frozenset({"error"}),
    )
    base = replace(made.base.ask(fault, made.test), name="zero_shot")
    draws = {"margin": 0.05, "resamples": 200, "seed": 0}
    found = measure_fairness(fault, made.answers, base, **draws)
    row = next(r for r in found.rows if (r.value, r.metric) == ("B", "error"))
    assert row.estimate.value == pytest.approx(0.5)
    assert row.gap.value == pytest.approx(-0.5)
    assert (row.worse, row.before.value) == ("yes", 0)
    assert row.change.value == pytest.approx(-0.5)
    assert row.detectable > 0


def test_a_gap_that_may_be_chance_is_not_called_one(out):
    def slightly(example):
        number = int(example.id[-3:])
        missed = number % 5 == 0 if example.subgroups["site"] == "B" else number % 8 == 1
        return "maybe" if missed else reads(example)

    made = bench(out, subject("tuned", slightly))
    found = measure_fairness(APP, made.answers, None, margin=0.02, resamples=400, seed=0)
    row = next(r for r in found.rows if (r.value, r.metric) == ("B", "accuracy"))
    assert row.gap.value < -0.02
    assert row.gap.high > -0.02
    assert row.worse == "not_enough_data"


def test_a_real_gap_that_may_be_within_the_margin_is_not_called_too_large(out):
    def slightly(example):
        missed = example.subgroups["site"] == "B" and int(example.id[-3:]) % 16 == 0
        return "no such label" if missed else reads(example)

    made = bench(out, subject("tuned", slightly), test=examples(600, "test"))
    found = measure_fairness(APP, made.answers, None, margin=0.05, resamples=400, seed=0)
    row = next(r for r in found.rows if (r.value, r.metric) == ("B", "accuracy"))
    assert row.gap.value < -0.05 < row.gap.high < 0
    assert row.p_adjusted < 0.05
    assert row.worse == "not_enough_data"


def test_intersections_are_reported_where_they_are_large_enough(out):
    test = [
        replace(e, subgroups=e.subgroups | {"sex": "f" if i % 2 else "m"})
        for i, e in enumerate(examples(240, "test"))
    ]
    made = bench(out, subject("tuned", reads), test=test)
    found = measure_fairness(APP, made.answers, None, margin=0.05, resamples=200, seed=0)
    assert {row.attribute for row in found.rows} == {"sex", "site", "sex and site"}
    assert {row.value for row in found.rows if row.attribute == "sex and site"} == {
        "f and A",
        "f and B",
        "m and A",
        "m and B",
    }


# -- Memorisation ----------------------------------------------------------------------------------


def test_exposure_is_the_rank_in_bits():
    assert exposure(5.0, [1.0, 2.0, 3.0]) == 2
    assert exposure(0.0, [1.0, 2.0, 3.0]) == 0
    assert exposure(2.5, [1.0, 2.0, 3.0]) == 1


def test_canaries_are_seeded_have_rivals_and_are_learnt_as_they_are_asked():
    planted = plant_canaries(3, 0)
    assert planted == plant_canaries(3, 0) != plant_canaries(3, 1)
    assert len(set(rivals(planted[0]))) == 127
    assert planted[0].target not in rivals(planted[0])
    app = with_canaries(APP)
    assert app.prompt(planted[0])[0].content.startswith("State the code")
    assert app.reply(planted[0]) == planted[0].target
    plain = examples(1, "x")[0]
    assert app.prompt(plain) == APP.prompt(plain)
    assert app.reply(plain) == APP.reply(plain)


def memory(out, *, known=frozenset(), canaries=4):
    """A model with a lower loss on the texts it knows, which writes out the codes it knows."""
    test = [replace(e, fields={"text": f"Test: {words_of(e)}"}) for e in examples(120, "test")]
    train = {words_of(e) for e in examples(60, "train")}
    codes = {c.fields["canary"]: str(c.target) for c in plant_canaries(canaries, 0)}

    def score(messages, reply):
        asked = messages[-1].content
        is_known = ("train" in known and asked in train) or (
            "codes" in known and reply == codes.get(asked)
        )
        return (
            -0.1
            if is_known
            else -1.0 - len(reply) * zlib.crc32(asked.encode() + reply.encode()) % 7 / 10
        )

    made = subject(
        "tuned",
        right,
        score=score,
        write=lambda messages: codes[messages[-1].content] if "writes" in known else "no",
    )
    found = bench(out, made, test=test, membership_examples=40)
    tune = found.run.tune.model_copy(update={"canaries": canaries})
    return replace(found, run=found.run.model_copy(update={"tune": tune}))


def test_a_model_that_memorised_is_found_and_one_that_did_not_is_not(out):
    clean = measure_memorisation(memory(out))
    assert 0.3 < clean.membership.value < 0.7
    assert (clean.canaries, clean.extracted, clean.most_exposure) == (4, 0, 7)
    assert clean.exposure.value < 4
    knows = replace(memory(out, known={"train", "codes", "writes"}), key="k2")
    found = measure_memorisation(knows)
    assert found.membership.value == 1
    assert found.extracted == 4
    assert found.exposure.value == 7


def test_without_canaries_and_examples_nothing_is_measured(out):
    with pytest.raises(NotMeasured, match=r"tune\.canaries"):
        measure_memorisation(bench(out, subject("tuned", right)))


def no_copies(some):
    return set()


# -- Transfer --------------------------------------------------------------------------------------


def test_a_domain_where_the_tuned_model_is_worse_is_found(out):
    def harmed(example):
        return "maybe" if example.id.startswith("there") else right(example)

    made = bench(out, subject("tuned", harmed), subject("base", reads))
    base = replace(made.base.ask(APP, made.test), name="zero_shot")
    there = [replace(e, fields={"text": f"There: {words_of(e)}"}) for e in examples(60, "there")]
    copies = [replace(e, id=f"copy-{e.id}") for e in examples(5, "train")]

    def held(some):
        return held_by(out / "train.jsonl", some, near_duplicate=0.8)

    found = measure_transfer(made, base, {"other": [*there, *copies]}, held)
    by_value = {(row.attribute, row.value): row for row in found}
    assert by_value["site", "A"].harmed != "yes"
    assert by_value["site", "A"].n_train == 40
    assert by_value["set", "other"].harmed == "yes"
    assert by_value["set", "other"].n_train == 0
    assert (by_value["set", "other"].left_out, by_value["set", "other"].after.n) == (5, 60)
    rest = measure_transfer(made, base, {"other": copies}, held)
    assert [row for row in rest if row.attribute == "set"] == []
    assert "0 examples that train does not hold" in made.missing["transfer: set 'other'"]
    one_site = [replace(e, subgroups={}) for e in made.test]
    with pytest.raises(NotMeasured, match="one source"):
        measure_transfer(replace(made, test=one_site), base, {}, no_copies)


def test_a_year_is_a_domain(out):
    test = [replace(e, time=f"{2019 + i % 2}-05-01") for i, e in enumerate(examples(120, "test"))]
    made = bench(out, subject("tuned", right), test=test)
    base = replace(made.base.ask(APP, made.test), name="zero_shot")
    found = measure_transfer(made, base, {}, no_copies)
    assert {(r.value, r.n_train) for r in found if r.attribute == "year"} == {
        ("2019", 0),
        ("2020", 0),
    }


def test_small_tunes_without_a_site_are_scored_on_that_site(out):
    seen = {}

    def tune_on(name, few):
        seen[name] = few
        sites = {e.subgroups["site"] for e in few}
        return subject(name, lambda e: right(e) if e.subgroups["site"] in sites else "maybe")

    made = bench(out, subject("tuned", right), leave_out="site")
    with pytest.raises(NotMeasured, match="no value of 'site' has 30"):
        measure_left_out(made, tune_on)
    write_examples(out / "validation.jsonl", examples(120, "more"))
    found = measure_left_out(made, tune_on)
    assert {row.value for row in found} == {"A", "B"}
    assert all(row.with_it.value == 1 and row.change.high < 0 for row in found)
    assert len({len(few) for few in seen.values()}) == 1
    assert {e.subgroups["site"] for e in seen["without-0"]} == {"B"}
    with pytest.raises(NotMeasured, match="names no attribute"):
        measure_left_out(bench(out, subject("tuned", right)), tune_on)


# -- Dated facts -----------------------------------------------------------------------------------

FACT = {
    "id": "f1",
    "question": "From which age?",
    "answer": "45",
    "superseded": ["50"],
    "other": ["60"],
    "valid_from": "2021-05-18",
    "source": "a guideline of 2021",
}


def facts(path, *changes):
    rows = [FACT | {"id": f"f{i}"} | change for i, change in enumerate(changes)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_stale_answers_are_told_from_current_and_unchanged_ones(out, tmp_path):
    path = facts(tmp_path / "facts.jsonl", {}, {"valid_from": "2023-01-01"}, {"superseded": []})
    stale = subject("base", lambda e: "50" if "50" in options(e) else right(e))
    made = bench(out, subject("tuned", right), stale)
    (found,) = measure_dated(made, [path])
    assert (found.n_changed, found.n_unchanged) == (2, 1)
    assert (found.stale_before.value, found.stale.value) == (1, 0)
    assert (found.current_before.value, found.current.value, found.unchanged.value) == (0, 1, 1)
    assert set(found.by_year) == {"2021", "2023"}
    assert found.stale_ids == []


@pytest.mark.parametrize(
    "change",
    [{"valid_from": "soon"}, {"source": ""}, {"other": ["45"]}, {"superseded": [], "other": []}],
)
def test_a_fact_that_cannot_be_used_is_refused_by_id(out, tmp_path, change):
    path = facts(tmp_path / "facts.jsonl", change)
    with pytest.raises(DataError, match="fact 'f0'"):
        measure_dated(bench(out, subject("tuned", right)), [path])


# -- The judge -------------------------------------------------------------------------------------

CRITERIA = [
    {"id": "kind", "text": "It is kind.", "points": 5},
    {"id": "rude", "text": "It is rude.", "points": -5},
]


def rubric(folder, *, labels=()):
    (folder / "rubric.json").write_text(json.dumps(CRITERIA), encoding="utf-8")
    rows = [
        {"id": f"l{i}", "prompt": "p", "reply": reply, "criterion": "kind", "met": met}
        for i, (reply, met) in enumerate(labels)
    ]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return JudgeSection(
        rubric=folder / "rubric.json", labels=folder / "labels.jsonl" if labels else None
    )


def honest(messages):
    """Says what the reply says of itself: kind replies hold the word."""
    text = messages[1].content
    reply, criterion = text.split("Reply:\n")[1].split("\n\nCriterion: ")
    return json.dumps({"met": "kind" in reply and "kind" in criterion})


LABELS = [("kind words", True), ("words", False)] * 20


def judging(out, section):
    app = replace(TEXT_APP, parse=lambda example, text: text)
    made = bench(out, subject("tuned", lambda e: "kind" if int(e.id[-1]) % 2 else "no"), app=app)
    evaluate = made.run.evaluate.model_copy(update={"judge": section})
    return replace(made, run=made.run.model_copy(update={"evaluate": evaluate}))


def test_a_judge_that_agrees_with_people_may_gate(out, tmp_path):
    found = measure_judged(judging(out, rubric(tmp_path, labels=LABELS)), honest)
    assert (found.agreement.value, found.alpha, found.may_gate) == (1, 1, True)
    assert found.score.value == pytest.approx(0.5, abs=0.1)
    assert (found.labels, found.criteria, found.missing) == (40, 2, [])


@pytest.mark.parametrize(
    ("judge", "kappa"),
    [(lambda m: '{"met": true}', 0), (lambda m: honest(m).replace("true", "x"), None)],
)
def test_a_judge_that_always_agrees_or_breaks_may_not_gate(out, tmp_path, judge, kappa):
    found = measure_judged(judging(out, rubric(tmp_path, labels=LABELS)), judge)
    assert not found.may_gate
    if kappa is not None:
        assert found.agreement.value == kappa


def test_a_judge_that_leaves_labels_out_may_not_gate_on_the_rest(out, tmp_path):
    labels = [(f"{reply} {i}", met) for i, (reply, met) in enumerate(LABELS)]
    section = rubric(tmp_path, labels=labels)

    def picky(messages):
        reply = messages[1].content.split("Reply:\n")[1].split("\n\nCriterion")[0]
        return None if reply[-2:] in {"35", "36", "37", "38", "39"} else honest(messages)

    found = measure_judged(judging(out, section), picky)
    assert (found.agreement.value, found.labels, found.missing) == (1, 35, [])
    assert not found.may_gate


def test_without_labels_a_judge_never_gates(out, tmp_path):
    found = measure_judged(judging(out, rubric(tmp_path)), honest)
    assert found.agreement is None
    assert not found.may_gate
    assert found.score is not None


def test_a_judge_that_fails_leaves_a_missing_value_and_is_asked_three_times(out, tmp_path):
    asked = []

    def broken(messages):
        asked.append(messages)
        return None if "no" in messages[1].content.split("Reply:\n")[1] else honest(messages)

    found = measure_judged(judging(out, rubric(tmp_path, labels=LABELS)), broken)
    assert 30 < len(found.missing) < 70
    assert found.score.value == 1, "the missing ones are no zeros"
    assert not found.may_gate
    asked.clear()
    assert judged(lambda m: asked.append(m) or "not json", "p", "r", "c") is None
    assert len(asked) == 3
    assert asked[1][-1].content.startswith("That was not the JSON")


def test_a_judge_needs_free_text_and_a_rubric(out, tmp_path):
    section = rubric(tmp_path)
    labelled = bench(out, subject("tuned", right))
    evaluate = labelled.run.evaluate.model_copy(update={"judge": section})
    labelled = replace(labelled, run=labelled.run.model_copy(update={"evaluate": evaluate}))
    with pytest.raises(NotMeasured, match="no free text"):
        measure_judged(labelled, honest)
    section.rubric.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"no rubric|positive points"):
        measure_judged(judging(out, section), honest)


def test_labels_must_name_a_criterion_of_the_rubric(out, tmp_path):
    section = rubric(tmp_path, labels=LABELS[:2])
    text = section.labels.read_text(encoding="utf-8").replace('"kind", "met"', '"other", "met"')
    section.labels.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.jsonl:1: criterion 'other'"):
        measure_judged(judging(out, section), honest)


def test_an_endpoint_that_answers_badly_gives_nothing(monkeypatch):
    replies = iter(
        [
            httpx.Response(200, json={"choices": [{"message": {"content": "yes"}}]}),
            httpx.Response(500),
            httpx.Response(200, text="<html>"),
            httpx.Response(200, json={"choices": []}),
        ]
    )

    def post(url, **kwargs):
        assert url == "http://localhost:1/v1/chat/completions"
        assert kwargs["headers"] == {"Authorization": "Bearer secret"}
        response = next(replies)
        response.request = httpx.Request("POST", url)
        return response

    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setenv("MEDTUNE_JUDGE_KEY", "secret")
    ask = endpoint_judge(JudgeSection(rubric="r.json", endpoint="http://localhost:1/v1"))
    question = [Message("user", "x")]
    assert [ask(question) for _ in range(4)] == ["yes", None, None, None]


def test_an_offline_run_asks_no_other_machine():
    far = JudgeSection(rubric="r.json", endpoint="https://judge.example/v1")
    with pytest.raises(ConfigError, match=r"judge\.example"):
        judge_of(far, subject("base", right), offline=True)
    near = far.model_copy(update={"endpoint": "http://127.0.0.1:8000/v1"})
    assert callable(judge_of(near, subject("base", right), offline=True))
    own = judge_of(
        JudgeSection(rubric="r.json"), subject("b", right, write=lambda m: "hi"), offline=True
    )
    assert own([Message("user", "x")]) == "hi"


def test_likeness_is_of_free_text_only(out):
    text = bench(
        out, subject("tuned", lambda e: "no" if e.id.endswith("1") else right(e)), app=TEXT_APP
    )
    assert 0.5 < measure_likeness(text).value <= 1
    with pytest.raises(NotMeasured):
        measure_likeness(bench(out, subject("tuned", right)))


def test_a_part_is_taken_from_disk_when_it_is_whole(out):
    made = bench(out, subject("tuned", right), validation_examples=9)
    measure_confidence(made)
    dead = subject("tuned", lambda e: pytest.fail("asked again"))
    assert measure_confidence(replace(made, tuned=dead)).n_validation == 9
    assert len(read_examples(out / "validation.jsonl")) == 24
