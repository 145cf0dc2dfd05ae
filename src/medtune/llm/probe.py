"""Train two layers of a model's shape for a few steps, and print each step's loss and seconds.

Run as a child by `numerics`, because the wrong way of computing kills the process: `python -m
medtune.llm.probe FOLDER`, with the instruction set already in the environment. Output, one JSON
object per line: first the device and the tokens of a step, then dtype, loss (nats per token) and
seconds of each step. float32 and bfloat16 take turns, so that other work on the machine slows both.

The weights and tokens are random but the same for both. The arrangement is that of `tune`: the
products of the frozen layers in the dtype, adapters and all that lies between in float32.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from medtune.llm.half import halve

LAYERS = 2
ROWS, LENGTH, SUPERVISED = 4, 128, 32
"""A quarter of the tokens is supervised, about as in short-answer tuning."""
STEPS = 6
HOPELESS = 10
"""Stop when bfloat16 takes this many times the seconds of float32, the first step (a warm-up)
aside."""
LEARNING_RATE = 5e-4
SEED = 0


def main() -> None:
    """Probe the folder that the command line names, a line of JSON per step."""
    _no_core_file()
    logging.set_verbosity_error()
    folder = Path(sys.argv[1])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _print({"device": device.type, "tokens": ROWS * LENGTH})
    runs = {
        dtype: train(adapted(two_layers(folder), dtype, device), device)
        for dtype in (torch.float32, torch.bfloat16)
    }
    for index in range(STEPS):
        taken: list[float] = []
        for dtype, run in runs.items():
            loss, seconds = next(run)
            taken.append(seconds)
            name = str(dtype).removeprefix("torch.")
            _print({"dtype": name, "loss": loss, "seconds": seconds})
        if index > 0 and taken[1] > HOPELESS * taken[0]:
            break


def two_layers(folder: Path) -> PreTrainedModel:
    """A float32 model of the folder's configuration, cut to two layers, with seeded weights."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings = settings.get("text_config", settings)  # of a model that sees, what tunes
    for name in ("dtype", "torch_dtype", "quantization_config"):
        settings.pop(name, None)
    settings["num_hidden_layers"] = LAYERS
    if "layer_types" in settings:
        settings["layer_types"] = settings["layer_types"][:LAYERS]
    torch.manual_seed(SEED)
    config = AutoConfig.for_model(**settings)
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="sdpa"
    )
    return cast("PreTrainedModel", model)


def adapted(model: PreTrainedModel, dtype: torch.dtype, device: torch.device) -> torch.nn.Module:
    """The model with products in `dtype`, and float32 adapters on all its linear layers."""
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    if dtype == torch.bfloat16:
        halve(model)
    with_adapter = get_peft_model(model, lora)
    seeded = torch.Generator().manual_seed(SEED)
    for name, weight in with_adapter.named_parameters():
        if "lora_A" in name:
            # drawn again, because peft rounds its own draw to the type of the base weights
            drawn = torch.randn(weight.shape, generator=seeded) / weight.shape[1] ** 0.5
            weight.data.copy_(drawn)
    return with_adapter.to(device)


def train(model: torch.nn.Module, device: torch.device) -> Iterator[tuple[float, float]]:
    """Take one optimizer step on the same batch each time; yield its loss and its seconds."""
    optimizer = torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad], lr=LEARNING_RATE
    )
    config = cast("PreTrainedModel", model).config.get_text_config()
    seeded = torch.Generator().manual_seed(SEED)
    ids_BT = torch.randint(config.vocab_size, (ROWS, LENGTH), generator=seeded).to(device)
    while True:
        start = time.perf_counter()
        logits_BTV = model(input_ids=ids_BT, logits_to_keep=SUPERVISED + 1).logits
        loss = functional.cross_entropy(
            logits_BTV[:, :-1].flatten(0, 1).float(), ids_BT[:, -SUPERVISED:].flatten()
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        # on a GPU, only the reading of a result waits for the work
        value = loss.item() if device.type == "cpu" else _after_all(loss)
        yield value, time.perf_counter() - start


def _after_all(loss: torch.Tensor) -> float:
    torch.cuda.synchronize()
    return loss.item()


def _no_core_file() -> None:
    """A crash of this process is expected; it must not leave a memory image on the disk."""
    try:
        import resource
    except ImportError:  # not on Windows, which writes none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _print(line: dict[str, str | int | float]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
