"""What a decoder's shape says of its size: parameters, memory of a pass, operations per token.

Nothing is fetched or loaded: the shapes are in `architectures.yaml`. The memory follows from what
our own forward pass keeps for the backward pass (see `lean`, `flat` and `tune/linear`), for a LoRA
adapter on all linear layers.
"""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from medtune.errors import ConfigError, did_you_mean

FLOAT, HALF = 4, 2
"""Bytes of a number."""


class Architecture(BaseModel):
    """The shape of a decoder of the Llama kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    licence: str
    layers: int
    hidden: int
    inner: int
    """Width of the layers between two attentions."""
    heads: int
    key_heads: int
    head_size: int
    vocabulary: int
    tied: bool = False
    """Whether the output layer is the embedding."""
    gated: bool = True
    """Whether there is a gate beside the layer that goes up."""
    head_norms: bool = False
    """Whether queries and keys have norms of their own."""
    attention_bias: bool = False
    """Whether queries, keys and values have biases."""
    inner_extras: int = 0
    """Other numbers of a layer's activation."""
    parameters: float
    """Billions, as its card states."""
    source: str
    verified: bool

    @property
    def linears(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each linear layer of one decoder layer."""
        queries, keys = self.heads * self.head_size, self.key_heads * self.head_size
        ups = 2 if self.gated else 1
        return [
            (self.hidden, queries),
            (self.hidden, keys),
            (self.hidden, keys),
            (queries, self.hidden),
            *[(self.hidden, self.inner)] * ups,
            (self.inner, self.hidden),
        ]

    @property
    def n_linear(self) -> int:
        """Parameters of the decoder's linear layers: those that an adapter is beside."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linears)

    @property
    def n_whole(self) -> int:
        """Parameters of embedding, output layer and last norm."""
        return (1 if self.tied else 2) * self.vocabulary * self.hidden + self.hidden

    @property
    def n_small(self) -> int:
        """Parameters of the layers' norms, biases and activations."""
        norms = 2 * self.hidden + (2 * self.head_size if self.head_norms else 0)
        attended = (self.heads + 2 * self.key_heads) * self.head_size
        biases = attended if self.attention_bias else 0
        return self.layers * (norms + biases + self.inner_extras)

    @property
    def n_parameters(self) -> int:
        """All parameters."""
        return self.n_linear + self.n_small + self.n_whole

    def n_adapter(self, rank: int) -> int:
        """Parameters of a LoRA adapter on all linear layers."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.linears)

    def kept_per_token(self, rank: int, product: int) -> int:
        """Bytes that one layer keeps of one token for the backward pass.

        Args:
            rank: Of the adapter.
            product: Bytes of a number in the linear layers; what lies between them is float32.
        """
        attention = self.heads * self.head_size
        norms = 2 * self.hidden * (FLOAT + product)
        # Queries, keys and values for every head, and the output; then the input of the projection.
        attended = attention * (4 * FLOAT + product)
        ups = (2 if self.gated else 1) * FLOAT + product
        return norms + attended + self.inner * ups + len(self.linears) * rank * product

    @property
    def cached_per_token(self) -> int:
        """Bytes of the keys and values of one token, in all layers: they are float32."""
        return self.layers * 2 * self.key_heads * self.head_size * FLOAT

    @property
    def read_per_token(self) -> int:
        """Bytes that a pass without gradients works on for one token: one layer at a time."""
        inner = (3 if self.gated else 2) * self.inner
        return (4 * self.hidden + max(inner, 4 * self.heads * self.head_size)) * FLOAT

    def operations_per_token(self, *, recompute: bool) -> int:
        """Floating-point operations of a training step: frozen weights need no gradient of theirs.

        Two for each weight forward, two for the gradient of the inputs, two if the forward pass is
        done again. The output layer counts as if every token were supervised; attention, which is
        small for notes of a few thousand tokens, is left out.
        """
        passes = 3 if recompute else 2
        return 2 * passes * (self.n_linear + self.vocabulary * self.hidden)


@cache
def architectures() -> dict[str, Architecture]:
    """All known shapes, by the model's name."""
    table = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {name: Architecture.model_validate(row) for name, row in table.items()}


def architecture(name: str) -> Architecture:
    """The shape of one model.

    Raises:
        ConfigError: It is not in the table.
    """
    known = architectures()
    if name not in known:
        raise ConfigError(
            f"compute.expect.architecture: {name!r} is not in llm/architectures.yaml"
            f"{did_you_mean(name, known)}; add its shape from its config.json there"
        )
    return known[name]
