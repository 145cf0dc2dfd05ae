"""What a run may use and on what it runs: none of it changes what is learnt from a token."""

from typing import Annotated, Literal

from pydantic import Field

from medtune.config.section import Count, Section

GpuName = Literal["H100-80GB", "H200-141GB"]


class ExpectSection(Section):
    """The size of a run to come, for `medtune plan --without-weights`: nothing is fetched."""

    architecture: str
    """A name from `llm/architectures.yaml`, such as `Qwen/Qwen3-8B`."""
    gpu: GpuName
    """The kind of GPU."""
    gpus: Count
    """GPUs, one for each process of torchrun or Ray."""
    examples: Count
    """Training examples."""
    tokens_per_example: Count
    """Prompt and reply together, on average."""


class ComputeSection(Section):
    """A budget for the tuning, its energy, and how several processes share it."""

    budget_hours: Annotated[float, Field(gt=0)] | None = None
    """The tuning ends at the last look at validation that lies within so many hours of compute;
    the best weights so far are kept. None: no limit."""
    budget_tokens: Count | None = None
    """The same in tokens read, prompt and reply. None: no limit."""
    country: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """ISO 3166-1 alpha-3 code of where the machine is, such as `ESP`: energy and CO2 of the tuning
    are estimated for its electricity. Needs the extra `energy`. None: no estimate."""
    shard: bool = False
    """Divide the layers' weights among the processes of torchrun or Ray (FSDP2), for a model that
    does not fit one GPU. Alone, a process has nothing to divide."""
    recompute: bool = False
    """Keep of each layer its input only, and compute the rest again in the backward pass: a
    fraction of the memory of a pass, a third more work, the same result."""
    expect: ExpectSection | None = None
    """Read by `medtune plan --without-weights` only."""
