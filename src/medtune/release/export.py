"""Export: a release as one set of plain weights for other tools, shown to be the same model.

The adapter is merged, the weights are written, read back from the written files alone and scored
on validation replies. The base model goes the same way, through the same format and the same type:
what the way costs there is the measure. The tuned model may lose twice that, and its tuning must
still show. So a quantised file is held against the same quantisation of the base model, and its
record says how far that moves the probabilities.

FOLDER/  model.safetensors, config, tokenizer, chat template; or NAME.gguf
         README.md     the model card, with the licence and what was measured of this export
         export.json   the record
         SHA256SUMS    `sha256sum -c SHA256SUMS` checks the rest

A refused export leaves `export.json` with the reasons, and no weights.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from torch import Tensor

from medtune import __version__
from medtune.artifacts import (
    Export,
    Parity,
    Release,
    canonical_sha256,
    read_examples,
    sha256_file,
    write_text,
)
from medtune.config import Quantize, Run
from medtune.errors import ConfigError, GateError, MachineError
from medtune.llm.agree import distance, token_log_probabilities
from medtune.llm.export import Format, check_type, read_back, write_model
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.merge import merge
from medtune.llm.numerics import Dtype, Numerics
from medtune.llm.render import Rendered, Renderer, load_renderer
from medtune.llm.source import MARK, ModelFolder
from medtune.progress import say
from medtune.records import Application, Example
from medtune.release.bundle import SUMS, file_names, sums_text, whole_folder
from medtune.release.card import same_model
from medtune.release.gate import judge_parity

EXAMPLES: Final = 32
"""Validation examples whose replies are scored."""
CARD: Final = "README.md"
_NEEDED: Final = 3
"""Room on the disk for an export, in sizes of the base model's weights in float32."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be written."""

    form: Format
    kind: str | None
    """The type of the matrices; None is the recorded one, and float16 in a GGUF file."""
    folder: Path


@dataclass(frozen=True, slots=True)
class Tuned:
    """The released model."""

    release: Release
    base: ModelFolder
    adapter: Path
    load: Callable[[Path | None], LanguageModel]
    """Loads the base model, or the tuned one, as evaluation and serving do."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a model gets into a file and back, the same for the base model and the tuned one."""

    base: ModelFolder
    recorded: Dtype
    form: Format
    kind: str
    name: str
    context_tokens: int
    render: Callable[[Renderer], list[Rendered]]
    quantize: Quantize | None

    def go(self, adapter: Path | None, folder: Path) -> Tensor:
        """Merge, write to `folder`, read back; the replies' log-probabilities per token.

        Raises:
            ConfigError: The written tokenizer cuts the texts otherwise.
        """
        which = "base" if adapter is None else "tuned"
        say(f"export: the {which} model is written, read back and scored")
        as_trained = Numerics(self.recorded, None, "as the adapter was trained", None)
        context = self.context_tokens
        lm = load_model(
            self.base,
            as_trained,
            context_tokens=context,
            adapter=adapter,
            quantize=self.quantize,
        )
        lessons = self.render(lm.renderer)
        merge(lm.model)
        write_model(lm, folder, self.form, self.kind, self.name)
        del lm
        work = folder.parent / "read"
        work.mkdir()
        back = read_back(folder, work, context_tokens=context)
        if self.render(back.renderer) != lessons:
            raise ConfigError(
                f"export: the tokenizer of {self.base.name} cuts texts otherwise once it is in a "
                f"{self.form} file, so the model would read other tokens; use another --format"
            )
        found = token_log_probabilities(back, lessons)
        shutil.rmtree(work)
        return found


def export(run: Run, app: Application, tuned: Tuned, ask: Ask) -> Export:
    """Write the release to `ask.folder`.

    Raises:
        ConfigError: The folder holds something else, or the format cannot hold this model.
        GateError: The written model is not the released one; `export.json` says why.
        MachineError: The disk is full.
    """
    if run.model.vision is not None or tuned.base.sees:
        raise ConfigError(
            "export: a model that sees has an image encoder and a projector, which neither format "
            "holds; serve the release with medtune serve"
        )
    way = _way(run, app, tuned, ask)
    check_type(way.form, way.kind)
    _refuse_foreign(ask.folder)
    _refuse_full_disk(ask.folder, tuned.base)
    with whole_folder(ask.folder) as folder:
        plain = folder.parent / "base"
        plain.mkdir()
        base_after = way.go(None, plain)
        shutil.rmtree(plain)
        tuned_after = way.go(tuned.adapter, folder)
        lessons = way.render(load_renderer(tuned.base))
        base_before = token_log_probabilities(tuned.load(None), lessons)
        served = tuned.load(tuned.adapter)
        tuned_before = token_log_probabilities(served, lessons)
        parity = Parity(
            tokens=len(base_before),
            base=distance(base_before, base_after),
            tuned=distance(tuned_before, tuned_after),
            effect=distance(tuned_after, base_after),
        )
        found = _record(tuned, way, served.numerics.dtype, parity)
        saved = _finished(found, folder, tuned)
    if not saved.exported:
        raise GateError(f"{ask.folder / Export.file}: not exported: {'; '.join(saved.reasons)}")
    return saved


def _way(run: Run, app: Application, tuned: Tuned, ask: Ask) -> _Way:
    recorded = json.loads((tuned.adapter / MARK).read_text(encoding="utf-8"))["numerics"]
    kind = ask.kind or (recorded if ask.form == "safetensors" else "float16")
    examples = read_examples(run.out / "validation.jsonl")[:EXAMPLES]
    return _Way(
        base=tuned.base,
        recorded=recorded,
        form=ask.form,
        kind=kind,
        name=f"{run.app}-{tuned.release.id}-{kind}",
        context_tokens=run.model.context_tokens,
        render=lambda renderer: _rendered(app, renderer, examples),
        quantize=run.model.quantize,
    )


def _rendered(app: Application, renderer: Renderer, examples: Sequence[Example]) -> list[Rendered]:
    return [renderer.training(app.prompt(one), app.reply(one)) for one in examples]


def _record(tuned: Tuned, way: _Way, served_in: Dtype, parity: Parity) -> Export:
    why = judge_parity(
        parity, "released and exported model", "choose another --type, or report this"
    )
    inputs = {
        "model": tuned.base.sha256,
        **{path.name: sha256_file(path) for path in sorted(tuned.adapter.iterdir())},
    }
    asked = {"form": way.form, "kind": way.kind, "release": tuned.release.id}
    return Export(
        key=canonical_sha256({**inputs, **asked, "medtune": __version__}),
        inputs=inputs,
        outputs={},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        release_id=tuned.release.id,
        format=way.form,
        type=way.kind,
        merged=(
            f"base weights in {f'{way.quantize}, unpacked to ' if way.quantize else ''}"
            f"{way.recorded}, as trained; sum in float32; cast to {way.kind}"
        ),
        stacks=(
            f"base model with adapter, {served_in}, as evaluated and served",
            f"{way.form} with {way.kind} weights, read back and computed in float32",
        ),
        parity=parity,
        exported=why is None,
        reasons=[] if why is None else [why],
    )


def _finished(found: Export, folder: Path, tuned: Tuned) -> Export:
    """Write the card, the record and the checksums; of a refused export the record only."""
    if not found.exported:
        for path in folder.iterdir():
            path.unlink()
        found.save(folder)
        return found
    card = (tuned.adapter.parent / "model_card.md").read_text(encoding="utf-8")
    write_text(folder / CARD, _card(found, tuned.base, card))
    outputs = {name: sha256_file(folder / name) for name in file_names(folder)}
    saved = found.model_copy(update={"outputs": outputs})
    saved.save(folder)
    sums = [*outputs.items(), (Export.file, sha256_file(folder / Export.file))]
    write_text(folder / SUMS, sums_text(sums))
    return saved


def _card(found: Export, base: ModelFolder, card: str) -> str:
    """The release's card, headed by what a model hub reads, and what was measured here."""
    licence = [] if base.licence == "not stated" else [f"license: {base.licence}"]
    head = "\n".join(["---", *licence, f"base_model: {base.name}", "---"])
    return (
        f"{head}\n\n{card}\n## This export\n\n{found.format}, {found.type}. Merged: "
        f"{found.merged}. Compared: {found.stacks[0]}; {found.stacks[1]}. "
        f"{same_model(found.parity)} The base model went through the same format and type, so its "
        "difference is what they cost; it is not free where the type is short.\n"
    )


def _refuse_foreign(folder: Path) -> None:
    """An export replaces a folder whole, so it must not be anybody else's."""
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / Export.file).is_file()):
        return
    if folder.exists():
        raise ConfigError(
            f"--out {folder}: holds something that medtune did not export; name a new folder"
        )


def _refuse_full_disk(folder: Path, base: ModelFolder) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in base.path.glob("*.safetensors"))
    free = shutil.disk_usage(folder.parent).free
    if free < _NEEDED * size:
        raise MachineError(
            f"{folder.parent}: {free / 1e9:.1f} GB free, and an export needs up to "
            f"{_NEEDED * size / 1e9:.1f} GB while it is checked; free some space"
        )
