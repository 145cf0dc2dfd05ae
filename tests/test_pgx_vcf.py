"""Star alleles from a VCF: what is stated is right, and what is missing is never the reference."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.pgx import call_vcf
from medtune.clinical.pgx.caller import call_gene
from medtune.clinical.pgx.definitions import callable_genes, definitions, places
from medtune.clinical.pgx.vcf import Record
from medtune.errors import DataError

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr10,assembly=GRCh38.p14>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1"
RS3758581 = ("chr10", 94842866)  # GRCh38 has *38 here; every other allele has G
STAR2 = [("chr10", 94775367), ("chr10", 94781859)]
STAR17 = ("chr10", 94761900)


def line(place, genotype="0/0", gene="CYP2C19", *, alts=None, ref=None, ps=None):
    known = sorted(places(gene)[place])
    alts = alts or ",".join(v.alt for v in known)
    ref = ref or known[0].ref
    form, value = ("GT:PS", f"{genotype}:{ps}") if ps else ("GT", genotype)
    return "\t".join((place[0], str(place[1]), ".", ref, alts, ".", "PASS", ".", form, value))


def written(path: Path, lines, header=HEADER, columns=COLUMNS) -> Path:
    path.write_text(header + columns + "\n" + "".join(f"{one}\n" for one in lines), "utf-8")
    return path


def cyp2c19(path: Path, changes, **keywords):
    """The result of a file with every place of CYP2C19, the reference but for the changes."""
    usual = {RS3758581: "1/1"} | changes
    lines = [line(p, usual.get(p, "0/0")) for p in places("CYP2C19") if usual.get(p, "0/0")]
    return result(written(path / "a.vcf", lines), **keywords)


def result(path: Path, gene="CYP2C19", **keywords):
    return next(r for r in call_vcf(path, **keywords) if r.gene == gene)


@pytest.mark.parametrize(
    ("changes", "diplotype", "phenotype"),
    [
        ({}, "*1/*1", "Normal Metabolizer"),
        ({RS3758581: "0/1"}, "*1/*38", "Normal Metabolizer"),
        ({STAR17: "0/1"}, "*1/*17", "Rapid Metabolizer"),
        ({STAR17: "1/1"}, "*17/*17", "Ultrarapid Metabolizer"),
        (dict.fromkeys(STAR2, "1/1"), "*2/*2", "Poor Metabolizer"),
        # *17 does not cancel *2
        (dict.fromkeys(STAR2, "1|0") | {STAR17: "0|1"}, "*2/*17", "Intermediate Metabolizer"),
    ],
)
def test_diplotypes_that_the_genotypes_leave_no_doubt_about(
    tmp_path, changes, diplotype, phenotype
):
    found = cyp2c19(tmp_path, changes)
    assert (found.diplotype, found.phenotype, found.uncalled) == (diplotype, phenotype, ())


def test_unphased_variants_give_every_diplotype_that_fits(tmp_path: Path):
    places_of_3a = [("chr6", 18130687), ("chr6", 18138997)]
    lines = [line(p, "0/1" if p in places_of_3a else "0/0", gene="TPMT") for p in places("TPMT")]
    found = result(written(tmp_path / "a.vcf", lines), "TPMT")
    assert found.diplotype == "*1/*3A or *3B/*3C"
    assert found.phased is False
    assert {o.phenotype for o in found.outcomes} == {"Intermediate Metabolizer", "Poor Metabolizer"}
    assert found.phenotype == "Indeterminate"


@pytest.mark.parametrize(
    ("sets", "diplotype"),
    [(("7", "7"), "*1/*3A"), (("7", "8"), "*1/*3A or *3B/*3C"), ((None, None), "*1/*3A")],
)
def test_phase_holds_inside_a_phase_set_only(tmp_path: Path, sets, diplotype):
    hets = dict(zip([("chr6", 18130687), ("chr6", 18138997)], sets, strict=True))
    lines = [
        line(p, "0|1" if p in hets else "0/0", gene="TPMT", ps=hets.get(p)) for p in places("TPMT")
    ]
    assert result(written(tmp_path / "a.vcf", lines), "TPMT").diplotype == diplotype


def test_an_absent_position_is_no_call_and_never_the_reference(tmp_path: Path):
    found = cyp2c19(tmp_path, dict.fromkeys(STAR2))
    assert found.uncalled == tuple(f"chr10:{p}" for _, p in STAR2)
    assert "*1/*1" in found.diplotype
    assert "*2/*2" in found.diplotype
    assert found.phenotype == "Indeterminate"


@pytest.mark.parametrize("genotype", ["./.", ".", "0/.", "1", ".|."])
def test_a_genotype_that_is_not_whole_is_no_call(tmp_path: Path, genotype: str):
    assert cyp2c19(tmp_path, {STAR17: genotype}).uncalled == ("chr10:94761900",)


def test_a_record_that_failed_a_filter_is_no_call(tmp_path: Path):
    lines = [line(p, "1/1" if p == RS3758581 else "0/0") for p in places("CYP2C19")]
    lines = [text.replace("PASS", "LowQual") if "94761900" in text else text for text in lines]
    assert result(written(tmp_path / "a.vcf", lines)).uncalled == ("chr10:94761900",)


def test_a_variant_that_defines_no_allele_leaves_the_gene_without_a_result(tmp_path: Path):
    lines = [line(p, "1/1" if p == RS3758581 else "0/0") for p in places("CYP2C19")]
    lines = [text for text in lines if "94761900" not in text]
    lines.append(line(STAR17, "0/2", alts="T,A"))
    assert "defines no known allele" in (result(written(tmp_path / "a.vcf", lines)).refused or "")


def test_a_combination_that_is_not_defined_is_refused_and_not_rounded(tmp_path: Path):
    both = dict.fromkeys(STAR2, "1/1") | {STAR17: "1/1"}
    assert "nothing is assumed" in (cyp2c19(tmp_path, both).refused or "")


def test_the_base_before_an_indel_does_not_tell_about_the_indel(tmp_path: Path):
    repeat = ("chr2", 233760233)  # TA repeat of UGT1A1 *28
    others = [line(p, gene="UGT1A1") for p in places("UGT1A1") if p != repeat]
    snp = written(tmp_path / "a.vcf", [*others, line(repeat, gene="UGT1A1", ref="C", alts=".")])
    assert result(snp, "UGT1A1").uncalled == ("chr2:233760233",)
    assert result(snp, "UGT1A1").phenotype == "Indeterminate"
    told = line(repeat, "0/1", gene="UGT1A1", ref="CAT", alts="CATAT,C")
    seven = written(tmp_path / "b.vcf", [*others, told])
    assert result(seven, "UGT1A1").diplotype == "*1/*28"


def test_two_lines_of_one_position_are_read_together(tmp_path: Path):
    place = ("chr10", 94942290)  # rs1799853, CYP2C9 *2
    others = [line(p, gene="CYP2C9") for p in places("CYP2C9") if p != place]
    lines = [
        *others,
        line(place, "0/1", gene="CYP2C9", alts="T"),
        line(place, "./.", gene="CYP2C9"),
    ]
    assert "chr10:94942290" in result(written(tmp_path / "a.vcf", lines), "CYP2C9").uncalled
    lines[-1] = line(place, "0/0", gene="CYP2C9", alts="G")
    assert result(written(tmp_path / "b.vcf", lines), "CYP2C9").diplotype == "*1/*2"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("##fileformat=VCFv4.2\n##reference=hg19.fa\n", "GRCh37; GRCh38 is needed"),
        ("##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n", "GRCh37"),
        ("##fileformat=VCFv4.2\n", "build is not stated"),
        (HEADER + "##reference=hg19.fa\n", "GRCh37 and GRCh38"),
        ("##fileformat=BCF\n", "not a VCF 4 file"),
    ],
)
def test_another_genome_build_is_refused(tmp_path: Path, header: str, why: str):
    with pytest.raises(DataError, match=why):
        call_vcf(written(tmp_path / "a.vcf", [line(STAR17)], header=header))


def test_the_build_may_be_stated_by_the_caller_or_by_contig_lengths(tmp_path: Path):
    bare = written(tmp_path / "a.vcf", [line(STAR17)], header="##fileformat=VCFv4.2\n")
    assert call_vcf(bare, build="GRCh38")
    lengths = "##fileformat=VCFv4.2\n##contig=<ID=10,length=133797422>\n"
    assert call_vcf(written(tmp_path / "b.vcf", [line(STAR17).removeprefix("chr")], header=lengths))


def test_a_flipped_strand_is_seen_by_its_reference_base_and_nothing_is_used(tmp_path: Path):
    with pytest.raises(DataError, match="other strand"):
        call_vcf(written(tmp_path / "a.vcf", [line(STAR17, ref="G", alts="A")]))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["chr10\t94761900"], "2 fields; the file is cut off"),
        (["chr10\tx\t.\tC\tT\t.\tPASS\t.\tGT\t0/0"], "cut off or no VCF"),
        ([line(STAR17, "0/7")], "names an allele that is not listed"),
        ([line(STAR17, "a/b")], "not written as in 0/1"),
    ],
)
def test_a_damaged_file_is_one_message_with_its_line(tmp_path: Path, lines, why: str):
    with pytest.raises(DataError, match=why):
        call_vcf(written(tmp_path / "a.vcf", lines))


def test_a_file_without_columns_is_refused(tmp_path: Path):
    path = tmp_path / "a.vcf"
    path.write_text(HEADER, "utf-8")
    with pytest.raises(DataError, match="no #CHROM line"):
        call_vcf(path)


def test_the_sample_must_be_named_if_there_are_several(tmp_path: Path):
    lines = [line(p, "1/1" if p == RS3758581 else "0/0") + "\t0/0" for p in places("CYP2C19")]
    path = written(tmp_path / "a.vcf", lines, columns=COLUMNS + "\tS2")
    with pytest.raises(DataError, match="2 samples; say which"):
        call_vcf(path)
    assert result(path, sample="S1").diplotype == "*1/*1"
    assert result(path, sample="S2").diplotype == "*38/*38"
    with pytest.raises(DataError, match="not the one asked for"):
        call_vcf(path, sample="S3")


def test_a_compressed_file_is_read(tmp_path: Path):
    plain = written(tmp_path / "a.vcf", [line(STAR17)])
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert call_vcf(path) == call_vcf(plain)


@pytest.mark.parametrize("gene", ["CYP2D6", "HLA-A", "HLA-B", "MT-RNR1", "G6PD", "NAT2", "RYR1"])
def test_genes_that_a_vcf_cannot_tell_are_refused(gene: str):
    assert "not called from a VCF" in (call_gene(gene, {}).refused or "")
    assert gene not in callable_genes()


def test_a_gene_without_any_call_has_no_result():
    assert "none of its" in (call_gene("CYP2C19", {}).refused or "")


HAPB3_INTRON, HAPB3_EXON = ("chr1", 97579893), ("chr1", 97573863)
STAR2A, D949V = ("chr1", 97450058), ("chr1", 97082391)


@pytest.mark.parametrize(
    ("changes", "score", "phenotype", "warns"),
    [
        ({}, "2.0", "Normal Metabolizer", ""),
        ({STAR2A: "0/1"}, "1.0", "Intermediate Metabolizer", ""),
        ({STAR2A: "0/1", D949V: "0/1"}, "0.5", "Poor Metabolizer", "different chromosomes"),
        ({STAR2A: "0|1", D949V: "0|1"}, "1.0", "Intermediate Metabolizer", ""),
        ({STAR2A: "0|1", D949V: "1|0"}, "0.5", "Poor Metabolizer", ""),
        ({STAR2A: "1/1", D949V: None}, "0.0", "Poor Metabolizer", ""),
        ({HAPB3_INTRON: "0/1", HAPB3_EXON: "0/1"}, "1.5", "Intermediate Metabolizer", ""),
        ({HAPB3_INTRON: "0/0", HAPB3_EXON: "0/1"}, "2.0", "Normal Metabolizer", "disagree"),
        ({HAPB3_INTRON: None, HAPB3_EXON: "0/1"}, "1.5", "Intermediate Metabolizer", "confirm"),
        ({STAR2A: None}, "None", "Indeterminate", "2.0 at the most"),
        ({STAR2A: None, D949V: "0/1"}, "None", "Indeterminate", "1.5 at the most"),
    ],
)
def test_dpyd_counts_its_two_lowest_variants(tmp_path: Path, changes, score, phenotype, warns):
    lines = [
        line(p, changes.get(p, "0/0"), gene="DPYD")
        for p in places("DPYD")
        if changes.get(p, "0/0") is not None
    ]
    found = result(written(tmp_path / "a.vcf", lines), "DPYD")
    assert (str(found.score), found.phenotype) == (score, phenotype)
    assert warns in " ".join(found.warnings)


def genotypes(gene, first, second, *, phased, missing):
    """What a VCF would say of two alleles, without the missing places."""
    found = {}
    for place, variants in places(gene).items():
        if place in missing:
            continue
        alts = tuple(sorted(variants))
        sides = tuple(
            alts.index(d.variants[place]) + 1 if place in d.variants else 0 for d in (first, second)
        )
        ref = max((v.ref for v in alts), key=len)
        found[place] = [Record(ref, alts, sides, phased, ".")]
    return found


@settings(max_examples=150)
@given(st.sampled_from([g for g in callable_genes() if g != "DPYD"]), st.booleans(), st.data())
def test_whatever_is_missing_a_phenotype_that_is_stated_is_the_true_one(gene, phased, data):
    pick = st.sampled_from(definitions(gene))
    first, second = data.draw(pick), data.draw(pick)
    missing = data.draw(st.sets(st.sampled_from(list(places(gene))), max_size=4))
    whole = call_gene(gene, genotypes(gene, first, second, phased=True, missing=set()))
    found = call_gene(gene, genotypes(gene, first, second, phased=phased, missing=missing))
    true = {name.split(".00")[0] for name in (first.name, second.name)}
    assert found.refused or any(set(o.diplotype.split("/")) == true for o in found.outcomes)
    if found.phenotype != "Indeterminate":
        assert found.phenotype in {o.phenotype for o in whole.outcomes}


def test_the_fewer_places_are_called_the_more_diplotypes_fit():
    one, two = definitions("NUDT15")[:2]
    whole = genotypes("NUDT15", one, two, phased=True, missing=set())
    for place in list(whole):
        left = {p: r for p, r in whole.items() if p != place}
        fewer = {o.diplotype for o in call_gene("NUDT15", whole).outcomes}
        assert fewer <= {o.diplotype for o in call_gene("NUDT15", left).outcomes}


def test_no_two_alleles_of_a_gene_have_the_same_definition():
    for gene in callable_genes():
        made = [frozenset(d.variants.values()) | {*d.optional} for d in definitions(gene)]
        assert len(set(made)) == len(made), gene
