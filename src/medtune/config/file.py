"""Read, override, check and write run files."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from medtune.config.compute import ExpectSection
from medtune.config.data import SourceSection
from medtune.config.decide import DocumentSection, EndpointSection
from medtune.config.deidentify import DeidentifySection
from medtune.config.evaluate import JudgeSection, SwapSection
from medtune.config.sections import Run, TaskSection
from medtune.config.tune import SweepSection
from medtune.errors import ConfigError, did_you_mean

INSIDE: dict[str, type[BaseModel]] = {
    "deidentify": DeidentifySection,
    "sources": SourceSection,
    "retention": SourceSection,
    "transfer": SourceSection,
    "dated_facts": SourceSection,
    "swaps": SwapSection,
    "judge": JudgeSection,
    "sweep": SweepSection,
    "expect": ExpectSection,
    "task": TaskSection,
    "documents": DocumentSection,
    "endpoint": EndpointSection,
}
"""Sections that are optional or in a list."""


def load_run(path: Path, overrides: list[str] | None = None) -> Run:
    """Read and check a run file.

    Relative `path:` sources and `out` are taken from the run file's folder and the working
    directory respectively.

    Raises:
        ConfigError: The file is missing or not YAML, or the run is not valid. Every fault is named.
    """
    raw = _read_yaml(path)
    for override in overrides or []:
        _apply(raw, override)
    try:
        run = Run.model_validate(raw)
    except ValidationError as error:
        faults = "\n".join(f"  {line}" for line in _explain(error))
        raise ConfigError(f"{path} is not a valid run:\n{faults}") from None
    return _anchored(run, path.parent)


def dump_run(run: Run) -> str:
    """The resolved run as YAML, every setting written out."""
    return yaml.safe_dump(run.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such run file; see configs/ for complete ones") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; name the run file in it") from None
    except PermissionError:
        raise ConfigError(f"{path}: may not be read; ask for the right to read it") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a run file is a mapping of keys to values")
    return raw


def _apply(raw: dict[str, object], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {override!r}: write it as key.path=value")
    *parents, last = key.strip().split(".")
    node = raw
    for name in parents:
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {override!r}: {name!r} is not a section")
        node = child
    node[last] = yaml.safe_load(text)


def _explain(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key{_suggest(fault['loc'])}")
        elif fault["type"] == "missing":
            lines.append(f"{where}: this key is required")
        elif fault["type"] == "string_type" and isinstance(fault["input"], bool):
            lines.append(f'{where}: YAML reads a bare yes, no, on or off as a boolean; write "yes"')
        elif fault["type"] == "tuple_type":
            lines.append(f"{where}: must be a list; write each entry on a line with '- ' before it")
        else:
            given = "" if isinstance(fault["input"], dict) else f" (given: {fault['input']!r})"
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {message}{given}" if where else message)
    return lines


def _suggest(loc: tuple[int | str, ...]) -> str:
    section: type[BaseModel] = Run
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
        else:
            section = INSIDE.get(part, section)
    known = list(section.model_fields)
    return did_you_mean(str(loc[-1]), known) or f"; known keys: {', '.join(known)}"


def _anchored(run: Run, folder: Path) -> Run:
    """Make `path:` sources independent of the working directory."""

    def anchor(source: str) -> str:
        kind, _, rest = source.partition(":")
        if kind != "path" or Path(rest).expanduser().is_absolute():
            return source
        return f"path:{(folder / rest).resolve()}"

    def anchored(sources: Sequence[SourceSection]) -> tuple[SourceSection, ...]:
        return tuple(s.model_copy(update={"source": anchor(s.source)}) for s in sources)

    data = {
        "sources": anchored(run.data.sources),
        "check_against": anchored(run.data.check_against),
    }
    documents = tuple(
        d.model_copy(update={"source": anchor(d.source)}) for d in run.decide.documents
    )
    evaluate, judge = run.evaluate, run.evaluate.judge
    if judge is not None:
        labels = None if judge.labels is None else (folder / judge.labels).resolve()
        files = {"rubric": (folder / judge.rubric).resolve(), "labels": labels}
        judge = judge.model_copy(update=files)
    replay, texts = run.tune.replay_file, run.tune.texts
    tune = {
        "replay_file": None if replay is None else (folder / replay.expanduser()).resolve(),
        "texts": tuple((folder / path.expanduser()).resolve() for path in texts),
    }
    suites = {
        "retention": anchored(evaluate.retention),
        "transfer": anchored(evaluate.transfer),
        "dated_facts": anchored(evaluate.dated_facts),
        "judge": judge,
    }
    return run.model_copy(
        update={
            "model": run.model.model_copy(update={"source": anchor(run.model.source)}),
            "data": run.data.model_copy(update=data),
            "tune": run.tune.model_copy(update=tune),
            "evaluate": evaluate.model_copy(update=suites),
            "decide": run.decide.model_copy(update={"documents": documents}),
        }
    )
