"""Claims cite sentences that exist; targets and gaps are counted out of them, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.apps import drug_discovery, drug_discovery_claims
from medtune.apps.drug_discovery_picture import draw_record
from medtune.clinical.evidence import Claim, Entity, gaps, keep_sound, read_retractions, targets
from medtune.clinical.evidence.targets import disagreement, score
from medtune.errors import DataError
from medtune.records import Example, View

RAYNAUD = Entity("Raynaud Disease", "disease")
FISH_OIL = Entity("fish oil", "compound")
VISCOSITY = Entity("blood viscosity", "process")
GENE = Entity("EDN1", "target")


def claim(subject, predicate, object, article="PMID1", **more) -> Claim:
    fields = {
        "id": f"{article}-{subject.name}-{object.name}",
        "sentence": f"{subject.name} {predicate} {object.name}.",
    }
    return Claim(
        subject=subject, predicate=predicate, object=object, article=article, **(fields | more)
    )


SWANSON = [
    claim(FISH_OIL, "decreases", VISCOSITY, "PMID1"),
    claim(VISCOSITY, "increases", RAYNAUD, "PMID2"),
    claim(GENE, "increases", RAYNAUD, "PMID3"),
]


class TestClaims:
    def test_a_sentence_that_is_not_in_its_article_makes_no_claim(self):
        one = claim(FISH_OIL, "decreases", VISCOSITY)
        texts = {"PMID1": [f"Before.  {one.sentence}\nAfter."]}
        assert keep_sound([one], texts).claims == [one]
        made_up = replace(one, sentence="Fish oil cures all.")
        elsewhere = replace(one, article="PMID9")
        empty = replace(one, sentence=" ")
        kept = keep_sound([made_up, elsewhere, empty], texts)
        assert kept.claims == []
        assert kept.dropped == {"sentence not in its article": 2, "article not at hand": 1}

    def test_a_retracted_article_makes_no_claim_and_a_concern_is_marked(self):
        one, other = (
            claim(FISH_OIL, "decreases", VISCOSITY),
            claim(GENE, "increases", RAYNAUD, "PMID3"),
        )
        texts = {c.article: [c.sentence] for c in (one, other)}
        kept = keep_sound([one, other], texts, {"PMID1": "retracted", "PMID3": "concern"})
        assert [(c.article, c.notice) for c in kept.claims] == [("PMID3", "concern")]
        assert kept.dropped == {"article retracted": 1}

    @pytest.mark.parametrize(
        "said",
        ["30046111", "PMID: 30046111", "pmid30046111", " PubMed ID 30046111 ", "PMID30046111",
         "https://pubmed.ncbi.nlm.nih.gov/30046111/"],
    )  # fmt: skip
    def test_one_s_own_sentence_of_a_retracted_article_is_taken_out_in_any_form(
        self, said, tmp_path: Path
    ):
        rows, notices = tmp_path / "own.jsonl", tmp_path / "retractions.csv"
        row = {"sentence": "A raises B.", "first": "A", "second": "B", "relation": "increases"}
        rows.write_text("".join(json.dumps(row | {"article": a}) + "\n" for a in (said, "my 7")))
        notices.write_text(
            "OriginalPaperPubMedID,RetractionNature\n30046111,Retraction\n", encoding="utf-8"
        )
        assert [one.group for one in drug_discovery.load([rows, notices])] == ["my 7"]
        told = own(claim(GENE, "increases", RAYNAUD, said))
        (read,) = drug_discovery_claims.own([told])
        assert read.article == "PMID30046111"

    def test_the_list_of_retractions_is_read_by_its_own_columns(self, tmp_path: Path):
        path = tmp_path / "retractions.csv"
        path.write_text(
            "Record ID,OriginalPaperPubMedID,RetractionNature\n"
            "1,11,Retraction\n2,11,Expression of concern\n3,12,Expression of concern\n"
            "4,0,Retraction\n5,13,Retraction\n6,13,Reinstatement\n7,14,Correction\n",
            encoding="utf-8",
        )
        assert read_retractions(path) == {"PMID11": "retracted", "PMID12": "concern"}
        path.write_text("a,b\n1,2\n", encoding="utf-8")
        with pytest.raises(DataError, match="no column OriginalPaperPubMedID"):
            read_retractions(path)
        path.write_text("OriginalPaperPubMedID,RetractionNature\n1,Withdrawn?\n", encoding="utf-8")
        with pytest.raises(DataError, match=":2: notice 'withdrawn\\?' is not known"):
            read_retractions(path)


class TestTargets:
    def test_no_effect_is_counted_and_gives_no_score(self):
        (found,) = targets([claim(GENE, "no effect", RAYNAUD)], RAYNAUD.name)
        assert (found.score, found.against, found.up, found.down) == (0.0, 1, 0, 0)

    def test_a_statement_turned_round_turns_its_direction(self):
        up = targets([claim(GENE, "increases", RAYNAUD)], RAYNAUD.name)[0]
        down = targets([claim(GENE, "decreases", RAYNAUD)], RAYNAUD.name)[0]
        assert (up.up, up.down, down.up, down.down) == (1, 0, 0, 1)

    def test_a_breakdown_of_the_target_has_no_direction(self):
        (found,) = targets([claim(GENE, "increases", RAYNAUD, is_directed=False)], RAYNAUD.name)
        assert (found.up, found.down) == (0, 0)

    def test_articles_that_disagree_are_said_to(self):
        both = [claim(GENE, "increases", RAYNAUD), claim(GENE, "decreases", RAYNAUD, "PMID2")]
        assert disagreement(targets(both, RAYNAUD.name)[0]) == "1 articles up, 1 down"
        assert disagreement(targets(both[:1], RAYNAUD.name)[0]) == ""

    def test_one_article_has_no_interval_and_two_have_one_around_the_score(self):
        one = targets([claim(GENE, "increases", RAYNAUD)], RAYNAUD.name)[0]
        two = targets([claim(GENE, "increases", RAYNAUD, f"PMID{n}") for n in (1, 2)], RAYNAUD.name)
        assert (one.low, one.high) == (None, None)
        assert two[0].low < two[0].score < two[0].high

    def test_two_claims_of_one_article_count_once(self):
        same = [claim(GENE, "increases", RAYNAUD), claim(GENE, "associated", RAYNAUD, id="b")]
        (found,) = targets(same, RAYNAUD.name)
        assert (found.articles, found.score) == (("PMID1",), score([1.0]))

    @given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=30), st.sampled_from([0.5, 1.0]))
    def test_the_score_stays_below_one_and_grows_with_an_article(self, weights, more):
        assert 0 <= score(weights) < score([*weights, more]) < 1
        assert score(weights) == score(weights[::-1])


class TestGaps:
    def test_swansons_fish_oil_is_found_through_its_bridge(self):
        (gap,) = gaps(SWANSON, RAYNAUD.name, ("compound",))
        assert (gap.a, [one.term for one in gap.bridges]) == (FISH_OIL, [VISCOSITY])
        assert gap.direction == "with less"

    @pytest.mark.parametrize("predicate", ["decreases", "no effect"])
    def test_a_direct_statement_closes_the_gap(self, predicate: str):
        told = claim(RAYNAUD, predicate, FISH_OIL, "PMID4")
        assert gaps([*SWANSON, told], RAYNAUD.name, ("compound",)) == []

    def test_no_effect_links_nothing(self):
        broken = [replace(SWANSON[0], predicate="no effect"), *SWANSON[1:]]
        assert gaps(broken, RAYNAUD.name, ("compound",)) == []

    def test_bridges_that_disagree_leave_the_direction_open(self):
        platelets = Entity("platelets", "process")
        more = [
            claim(FISH_OIL, "increases", platelets, "PMID5"),
            claim(platelets, "increases", RAYNAUD, "PMID6"),
        ]
        (gap,) = gaps([*SWANSON, *more], RAYNAUD.name, ("compound",))
        assert (len(gap.bridges), gap.direction) == (2, "unclear")

    def test_the_order_of_the_claims_changes_nothing(self):
        assert gaps(SWANSON[::-1], RAYNAUD.name, ("compound", "target")) == gaps(
            SWANSON, RAYNAUD.name, ("compound", "target")
        )


def own(one: Claim) -> Example:
    fields = {
        "subject": one.subject.name,
        "subject_kind": one.subject.kind,
        "predicate": one.predicate,
        "object": one.object.name,
        "object_kind": one.object.kind,
        "sentence": one.sentence,
        "article": one.article,
    }
    return Example(id=one.id, group=one.article, fields=fields, target=None)


def text(article: str, *sentences: str) -> Example:
    fields = {"article": article, "text": " ".join(sentences)}
    return Example(id=f"text {article}", group=article, fields=fields, target=None)


def view(records: list[Example], *files: Path) -> View:
    return View(records[0], records, {}, sources=lambda: files)


class TestThePicture:
    def test_it_shows_the_graph_the_gap_and_every_sentence(self):
        records = [own(SWANSON[1]), own(SWANSON[0]), own(SWANSON[2])]
        records += [text(c.article, c.sentence) for c in SWANSON]
        page = draw_record(view(records))
        assert "<h1>Evidence around Raynaud Disease</h1>" in page
        assert page.count("<svg") == 1
        assert "fish oil (compound)" in page
        assert "blood viscosity increases Raynaud Disease." in page
        assert "No retraction list was given" in page
        assert "http" not in page.replace("http://www.w3.org", "")

    def test_a_claim_of_a_retracted_article_is_not_drawn(self, tmp_path: Path):
        path = tmp_path / "list.csv"
        path.write_text("OriginalPaperPubMedID,RetractionNature\n2,Retraction\n", encoding="utf-8")
        records = [own(one) for one in SWANSON] + [text(c.article, c.sentence) for c in SWANSON]
        page = draw_record(view([records[2], *records], path))
        assert "blood viscosity increases" not in page
        assert "1 with article retracted" in page
        with pytest.raises(DataError, match="its article is retracted"):
            draw_record(view([records[1], *records], path))

    def test_a_sentence_that_nobody_wrote_is_not_drawn(self):
        records = [own(SWANSON[1]), text("PMID2", "Something else.")]
        with pytest.raises(DataError, match="sentence is not in its article"):
            draw_record(view(records))


def test_a_retracted_article_is_not_learnt_from(tmp_path: Path):
    own_rows = tmp_path / "own.jsonl"
    own_rows.write_text(
        '{"id": "a", "sentence": "A lowers B.", "first": "A", "second": "B", '
        '"relation": "decreases", "article": "PMID5"}\n'
        '{"id": "b", "sentence": "A lowers C.", "first": "A", "second": "C", '
        '"relation": "decreases", "article": "PMID6"}\n',
        encoding="utf-8",
    )
    notices = tmp_path / "list.csv"
    notices.write_text("OriginalPaperPubMedID,RetractionNature\n5,Retraction\n", encoding="utf-8")
    assert [one.id for one in drug_discovery.load([own_rows])] == ["a", "b"]
    assert [one.id for one in drug_discovery.load([own_rows, notices])] == ["b"]
    assert drug_discovery.left_out([own_rows, notices]) == {"own.jsonl": {"article retracted": 1}}
    own_rows.write_text('{"id": "a", "sentence": "Secret.", "relation": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="record 'a' needs") as error:
        list(drug_discovery.load([own_rows]))
    assert "Secret" not in str(error.value)
