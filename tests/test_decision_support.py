"""Decision support: what is computed of a case, what a model may say of it, and the card."""

import json
from pathlib import Path

import hpo_small
import pytest

from medtune.apps import decision_support as app
from medtune.apps.decision_support_picture import picture
from medtune.clinical.hpo import Knowledge, find_term
from medtune.clinical.hpo.card import SERVICE, cards
from medtune.clinical.hpo.case import case_facts
from medtune.clinical.hpo.said import Person, read_history, read_labs
from medtune.errors import DataError
from medtune.measure import summarise
from medtune.records import ArmResult, Example, Prediction

ADULT = {"age": "40", "sex": "male"}
BASE = {"findings": "Squint; Febrile seizure; Short stature"}
GOLDEN = Path(__file__).parent / "golden" / "decision_support.txt"
CHEST = "Crushing chest pain spreading to the left arm."


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return hpo_small.known(tmp_path_factory.mktemp("hpo"))


def example(known: Knowledge, **fields: str) -> Example:
    computed = case_facts(known, {**BASE, **fields})
    target = app._target(computed)
    return Example("1", "g", {"computed": json.dumps(computed)}, target)


def names(known: Knowledge, text: str) -> tuple[list[str], list[str]]:
    said = read_history(known.ontology, text)
    terms = known.ontology.terms
    return [terms[one].name for one in said.present], [terms[one].name for one in said.excluded]


class TestWhatIsRead:
    def test_a_denied_finding_is_excluded_and_a_relatives_is_neither(self, known: Knowledge):
        text = "He has a squint. No ataxia. His mother has short stature."
        assert names(known, text) == (["Strabismus"], ["Ataxia"])

    def test_a_condition_named_first_does_not_change_what_follows(self, known: Knowledge):
        one = case_facts(known, {"history": "He has ataxia. He has a squint. He has seizure."})
        other = case_facts(known, {"history": "He has a squint. He has seizure. He has ataxia."})
        assert one == other
        assert one["status"] == "success"

    @pytest.mark.parametrize(
        ("labs", "present", "excluded"),
        [
            ("potassium 6.1 mmol/L", ["Hyperkalemia"], ["Hypokalemia"]),
            ("potassium 2.1 mmol/L", ["Hypokalemia"], ["Hyperkalemia"]),
            ("potassium 4.1 mmol/L", [], ["Hyperkalemia", "Hypokalemia"]),
            ("potassium 16.03 mg/dL", [], ["Hyperkalemia", "Hypokalemia"]),
        ],
    )
    def test_a_result_is_judged_in_its_unit(self, known, labs, present, excluded):
        said = read_labs(labs, Person(40, "male", False))
        assert list(said.present) == [find_term(known.ontology, n).id for n in present]
        assert list(said.excluded) == sorted(find_term(known.ontology, n).id for n in excluded)

    def test_a_result_without_a_range_is_not_judged_and_never_normal(self, known: Knowledge):
        for person in (
            Person(5, "male", False),
            Person(40, "female", None),
            Person(None, None, None),
        ):
            said = read_labs("potassium 4.1 mmol/L", person)
            assert (said.present, said.excluded, said.not_judged) == ((), (), ("potassium",))

    @pytest.mark.parametrize("labs", ["potassium 6.1 apples", "potassium 6.1", "potassium high"])
    def test_a_result_without_a_right_unit_is_refused(self, labs: str):
        with pytest.raises(DataError):
            read_labs(labs, Person(40, "male", False))


class TestWhatIsComputed:
    def test_the_order_of_what_is_given_never_matters(self, known: Knowledge):
        one = case_facts(known, BASE)
        other = case_facts(known, {"findings": "Short stature; Squint; Febrile seizure"})
        assert one == other

    def test_with_too_few_findings_nothing_is_ranked_and_something_is_asked(self, known: Knowledge):
        computed = case_facts(known, {"findings": "Short stature"})
        assert (computed["status"], computed["differential"]) == ("data-required", [])
        assert computed["lacking"] == ["at least 3 findings"]
        assert computed["ask"]

    @pytest.mark.parametrize("labs", ["", "potassium 6.1 mmol/L"])
    def test_without_a_required_result_nothing_is_ranked(self, known: Knowledge, labs: str):
        computed = case_facts(known, {**BASE, "required": "potassium", "labs": labs})
        assert (computed["status"], computed["differential"]) == ("data-required", [])
        assert computed["lacking"] == ["potassium"]

    def test_with_the_required_result_there_is_a_ranking(self, known: Knowledge):
        more = {"required": "Potassium", "labs": "potassium 6.1 mmol/L", **ADULT}
        assert case_facts(known, {**BASE, **more})["status"] == "success"

    def test_taking_a_finding_away_changes_the_evidence_and_no_other(self, known: Knowledge):
        whole = case_facts(known, {**BASE, "excluded": "Ataxia"})
        less = case_facts(known, BASE)
        evidence = {
            one["finding"]: one["log10_ratio"] for one in whole["differential"][0]["evidence"]
        }
        del evidence["Ataxia"]
        assert evidence == {
            one["finding"]: one["log10_ratio"] for one in less["differential"][0]["evidence"]
        }

    def test_a_bad_person_is_refused(self, known: Knowledge):
        for fields in ({"age": "old"}, {"sex": "m"}, {"pregnant": "perhaps"}):
            with pytest.raises(DataError):
                case_facts(known, {**BASE, **fields})


class TestWhatAModelMaySay:
    def test_the_computed_lines_have_nothing_against_them(self, known: Knowledge):
        for fields in ({}, {"history": CHEST}, {"required": "potassium"}, {"excluded": "Ataxia"}):
            one = example(known, **fields)
            assert app.check(app.facts(one), app.reply(one)) == []
            assert app.parse(one, app.reply(one)) == one.target

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("Alpha disease", "Marfan syndrome"),
            ("Strabismus", "Cataract"),
            ("for: Febrile seizure", "for: no Febrile seizure"),
            ("Ask next: ", "By the 2031 guideline of the WHO\nAsk next: "),
            ("Ask next: ", "The share is 99.9 %.\nAsk next: "),
            ("1. Alpha disease", "1. Beta disease"),
        ],
    )
    def test_what_was_not_computed_is_blocked(self, known: Knowledge, old: str, new: str):
        one = example(known)
        text = app.reply(one)
        assert old in text
        found = app.check(app.facts(one), text.replace(old, new))
        assert app.INVENTED in {f.what for f in found if f.severity == "block"}

    def test_another_order_of_diseases_is_blocked(self, known: Knowledge):
        one = example(known)
        lines = app.reply(one).splitlines()
        found = app.check(app.facts(one), "\n".join([lines[1], lines[0], *lines[2:]]))
        assert app.INVENTED in {f.what for f in found if f.severity == "block"}

    def test_a_dropped_or_softened_red_flag_is_blocked(self, known: Knowledge):
        one = example(known, history=CHEST)
        text = app.reply(one)
        assert "Red flag: emergency: " in text
        for other in (text.partition("Red flag")[0], text.replace("emergency", "routine")):
            found = {f.what for f in app.check(app.facts(one), other) if f.severity == "block"}
            assert app.DROPPED in found

    def test_a_reply_that_leaves_a_line_out_is_warned_of(self, known: Knowledge):
        one = example(known)
        found = app.check(app.facts(one), app.reply(one).splitlines()[0])
        assert [(f.what, f.severity) for f in found] == [(app.PARTIAL, "warn")]


def arm(one: Example, replies: list[str | None]) -> ArmResult:
    predictions = [
        Prediction(
            id=str(n),
            group=str(n),
            target=one.target,
            answer=None if text is None else app.parse(one, text),
            failed=text is None,
        )
        for n, text in enumerate(replies)
    ]
    return ArmResult("arm", "", predictions, seconds=1.0, prompt_tokens=1)


class TestTheContract:
    def values(self, one: Example, replies: list[str | None]) -> dict[str, float]:
        found = summarise(arm(one, replies), app.APP, resamples=100, seed=0)
        return {name: estimate.value for name, estimate in found.estimates.items()}

    def test_the_oracle_is_faithful_and_safe(self, known: Knowledge):
        one = example(known, history=CHEST)
        values = self.values(one, [app.reply(one)] * 3)
        assert values == {"faithful": 1.0, "first_disease": 1.0, "unsafe": 0.0}

    def test_silence_is_neither_faithful_nor_first(self, known: Knowledge):
        one = example(known)
        assert app.parse(one, "") is None
        assert app.parse(one, "I cannot say.") is None
        assert self.values(one, [""] * 3) == {"faithful": 0.0, "first_disease": 0.0, "unsafe": 0.0}

    def test_a_failure_of_ours_is_left_out(self, known: Knowledge):
        one = example(known)
        assert self.values(one, [None, *[app.reply(one)] * 2])["faithful"] == 1.0

    def test_an_invented_disease_is_unsafe(self, known: Knowledge):
        one = example(known)
        text = app.reply(one).replace("Alpha disease", "Marfan syndrome")
        assert self.values(one, [text] * 2) == {
            "faithful": 0.0,
            "first_disease": 0.0,
            "unsafe": 1.0,
        }

    def test_the_prompt_and_the_reply_are_the_golden_ones(self, known: Knowledge):
        one = example(known, history=CHEST)
        assert app.prompt(one)[1].content + "\n" + app.reply(one) == GOLDEN.read_text(
            encoding="utf-8"
        ).rstrip("\n")


class TestWhatIsLoaded:
    def test_published_patients_are_the_test_and_keep_their_disease_to_themselves(
        self, tmp_path: Path
    ):
        found = list(app.load([hpo_small.wheel(tmp_path)]))
        assert [(one.id, one.group, one.split) for one in found] == [
            ("OMIM:3-PMID:7", "OMIM:3", "test")
        ]

    def test_ones_own_records_come_after_the_wheel(self, tmp_path: Path):
        own = tmp_path / "own.jsonl"
        own.write_text(json.dumps({"id": "a", **BASE, **ADULT}) + "\n", encoding="utf-8")
        (one,) = app.load([hpo_small.wheel(tmp_path), own])
        assert one.id == "a"
        # the published patient's own article counts here: nobody is tested on it
        assert one.target["differential"][0]["disease"] == "Gamma disease"
        with pytest.raises(DataError, match="first"):
            list(app.load([own]))

    def test_a_fault_in_ones_own_record_names_the_record_and_not_its_text(self, tmp_path: Path):
        own = tmp_path / "own.jsonl"
        own.write_text(json.dumps({"id": "a", "findings": "Secretosis"}) + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"own\.jsonl:1: record 'a'") as error:
            list(app.load([hpo_small.wheel(tmp_path), own]))
        assert "Secretosis" not in str(error.value)


class TestTheCard:
    def test_a_ranking_is_info_and_shows_its_basis(self, known: Knowledge):
        (card,) = cards(case_facts(known, {**BASE, "excluded": "Ataxia"})).cards
        assert (card.indicator, card.summary) == ("info", "Fits best: Alpha disease")
        for part in ("**Used, excluded:** Ataxia", "**Ask next:**", "**Limits:**", "OMIM:1"):
            assert part in card.detail

    def test_a_red_flag_raises_the_card_and_stands_first(self, known: Knowledge):
        (card,) = cards(case_facts(known, {**BASE, "history": CHEST})).cards
        assert card.indicator == "critical"
        assert card.summary.startswith("Red flag, emergency")

    def test_there_is_no_card_without_advice(self, known: Knowledge):
        assert cards(case_facts(known, {"findings": "Squint"})).as_json() == '{"cards":[]}'

    def test_the_service_asks_for_what_it_reads(self):
        assert set(SERVICE.prefetch) == {"patient", "conditions", "labs"}


def test_the_picture_has_a_cell_for_each_finding_and_disease(known: Knowledge):
    page = picture(case_facts(known, {**BASE, "history": CHEST}))
    assert page.count('<td class="ratio"') == 9
    assert "emergency" in page
    assert "<script" not in page
    assert "http" not in page
