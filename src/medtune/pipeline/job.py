"""A run with what it needs from this machine, and the lock on its folder."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from medtune.apps import find_app
from medtune.artifacts import canonical_sha256, write_text
from medtune.config import Run, SourceSection, dump_run
from medtune.errors import ConfigError, MachineError
from medtune.fetch import resolve_source
from medtune.llm.numerics import Numerics, apply_numerics, choose_numerics
from medtune.llm.source import ModelFolder, find_model
from medtune.records import Application

if TYPE_CHECKING:
    from medtune.data.gather import Spread
    from medtune.llm import Renderer
    from medtune.llm.load import Crew, LanguageModel
    from medtune.llm.vision.gallery import Gallery


@dataclass(frozen=True)
class Job:
    """A run; each thing it needs is found on first use."""

    run: Run
    offline: bool = False
    chosen: Numerics | None = None
    """Numerics that another process chose; None chooses here."""
    crew_of: "Callable[[Path | None], Crew] | None" = None
    """Who answers for a model with this adapter; None where this process does."""
    spread: "Spread | None" = None
    """Who cleans and measures the records of the sources; None where this process does."""

    @cached_property
    def app(self) -> Application:
        """The application."""
        return find_app(self.run)

    @cached_property
    def folder(self) -> ModelFolder:
        """The base model on disk."""
        return find_model(self.run.model, offline=self.offline)

    @property
    def weights_sha256(self) -> str:
        """Names all frozen weights: the language model's, and the encoder's if it sees."""
        vision, quantize = self.run.model.vision, self.run.model.quantize
        if vision is None and quantize is None:
            return self.folder.sha256
        eyes = {} if vision is None else vision.model_dump(mode="json")
        packed = {} if quantize is None else {"quantize": quantize}
        return canonical_sha256({"model": self.folder.sha256, **eyes, **packed})

    @cached_property
    def gallery(self) -> "Gallery | None":
        """The images that every model of this run sees; None for models of text."""
        vision = self.run.model.vision
        if vision is None:
            return None
        _ = self.numerics  # before torch is imported
        encoder = import_module("medtune.llm.vision.encoder")
        gallery = import_module("medtune.llm.vision.gallery")
        return gallery.Gallery(encoder.load_encoder(vision, offline=self.offline))

    @cached_property
    def numerics(self) -> Numerics:
        """The numerics chosen for this machine, applied to this process."""
        chosen = self.chosen or choose_numerics(self.run.model, self.folder)
        apply_numerics(chosen)
        return chosen

    @cached_property
    def renderer(self) -> "Renderer":
        """Writes and counts tokens; our own encoder's images stand there as blanks."""
        _ = self.numerics  # before torch is imported
        render = import_module("medtune.llm.render")
        images = None if self.run.model.vision is None else render.blank_image
        return render.load_renderer(self.folder, images)

    @cached_property
    def sources(self) -> list[Path]:
        """The data files, fetched if need be."""
        return [resolve_source(one, offline=self.offline) for one in self.run.data.sources]

    @cached_property
    def documents(self) -> list[Path]:
        """The files that retrieval searches, fetched if need be."""
        named = [
            SourceSection(source=one.source, sha256=one.sha256) for one in self.run.decide.documents
        ]
        return [resolve_source(one, offline=self.offline) for one in named]

    @cached_property
    def references(self) -> list[Path]:
        """The evaluation sets that training must not have seen, fetched if need be."""
        return [resolve_source(one, offline=self.offline) for one in self.run.evaluation_sets]

    @property
    def adapter(self) -> Path:
        """Where `tune` leaves the adapter."""
        return self.run.out / "adapter"

    def load(
        self, adapter: Path | None = None, *, base: "LanguageModel | None" = None
    ) -> "LanguageModel":
        """The model, with an adapter or without.

        Args:
            adapter: Its folder; None is the base model.
            base: The base model of this run where it is loaded already: its weights are shared
                where they can be.
        """
        lm = None
        if adapter is not None and base is not None:
            lm = import_module("medtune.llm.beside").beside(base, adapter)
        if lm is None:
            lm = self._loaded(adapter)
        return lm if self.crew_of is None else replace(lm, crew=self.crew_of(adapter))

    def _loaded(self, adapter: Path | None) -> "LanguageModel":
        numerics = self.numerics  # before torch is imported
        asked = self.run.model
        alone = 1 if self.crew_of is not None else None
        return import_module("medtune.llm.load").load_model(
            self.folder,
            numerics,
            context_tokens=asked.context_tokens,
            adapter=adapter,
            processes=alone or (None if asked.processes == "auto" else asked.processes),
            to_divide=self.run.compute.shard and adapter is None,
            gallery=self.gallery,
            quantize=asked.quantize,
        )


@contextmanager
def working_in(run: Run) -> Generator[None]:
    """Hold the run's folder, so that two medtunes never write to it at once.

    Raises:
        ConfigError: The folder cannot be made.
        MachineError: Another one is at work there.
    """
    try:
        run.out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"out: {run.out} is or lies in a file; name a folder") from None
    except OSError as error:
        raise ConfigError(f"out: {run.out} cannot be made ({error.strerror})") from None
    try:
        with FileLock(run.out / ".lock", timeout=0):
            write_text(run.out / "run.yaml", dump_run(run))
            yield
    except Timeout:
        raise MachineError(
            f"{run.out}: another medtune is working in this folder; wait for it, or set `out`"
        ) from None
