"""Examples of the documentation application: one for each kind of part, written for the tests."""

from medtune.apps.note_measures import assess
from medtune.records import Example

FINDINGS = (
    "Indication: Cough for 2 weeks.\nFindings: The heart is normal in size. There is a 12 mm "
    "nodule in the right upper lobe. No pleural effusion or pneumothorax."
)
TALK = """Doctor: What medicines do you take?
Patient: I take lisinopril twenty milligrams once a day.
Doctor: Any chest pain?
Patient: No.
Doctor: And your left ankle?
Patient: It is still swollen."""
PARTS = (
    ("impression", FINDINGS, "12 mm nodule in the right upper lobe. No pleural effusion."),
    ("medications", TALK, "Lisinopril 20 mg once daily."),
    ("history of present illness", TALK, "Denies chest pain. Left ankle is still swollen."),
)


def examples() -> list[Example]:
    """Two patients for each kind of part."""
    return [
        Example(
            id=f"{section}-{n}",
            group=f"g{section}{n}",
            fields={"section": section, "source": source},
            target=assess(section, source, text, text),
        )
        for section, source, text in PARTS
        for n in range(2)
    ]
