"""The run file: one YAML of plain values, checked before anything is spent.

Precedence: the defaults here, then the file, then `--set key.path=value`. Nothing else. Every key
is known or an error. The resolved run is written to `<out>/run.yaml`, which repeats the run.
"""

from medtune.config.compute import ComputeSection, ExpectSection, GpuName
from medtune.config.data import DataSection, SourceFormat, SourceSection
from medtune.config.decide import DecideSection, DocumentSection, EndpointSection
from medtune.config.deidentify import DeidentifySection
from medtune.config.evaluate import (
    EthicsSection,
    EvaluateSection,
    JudgeSection,
    Perturbation,
    SwapSection,
)
from medtune.config.file import dump_run, load_run
from medtune.config.sections import (
    AnswerKind,
    GoalName,
    ModelSection,
    MonitorSection,
    Quantize,
    ReleaseSection,
    Run,
    ServeSection,
    TaskSection,
    VisionSection,
)
from medtune.config.tune import SweepSection, TuneSection

__all__ = [
    "AnswerKind",
    "ComputeSection",
    "DataSection",
    "DecideSection",
    "DeidentifySection",
    "DocumentSection",
    "EndpointSection",
    "EthicsSection",
    "EvaluateSection",
    "ExpectSection",
    "GoalName",
    "GpuName",
    "JudgeSection",
    "ModelSection",
    "MonitorSection",
    "Perturbation",
    "Quantize",
    "ReleaseSection",
    "Run",
    "ServeSection",
    "SourceFormat",
    "SourceSection",
    "SwapSection",
    "SweepSection",
    "TaskSection",
    "TuneSection",
    "VisionSection",
    "dump_run",
    "load_run",
]
