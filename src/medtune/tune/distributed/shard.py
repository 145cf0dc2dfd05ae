"""Divide the decoder's layers among the processes: FSDP2, for a model that fits no single GPU.

Each layer is a unit: its weights, frozen and trained, lie in n parts, are gathered before the layer
computes, and let go after it. Embeddings, the last norm and the output layer stay whole in every
process: they are a few percent of a large model. Computation is in the types the weights have.

Source: torch.distributed.fsdp.fully_shard (torch 2.13); Zhao et al. 2023, arXiv:2304.11277.
"""

from typing import cast

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from medtune.tune.distributed import control
from medtune.tune.lora import Adapter


def sharded(adapter: Adapter) -> Adapter:
    """The adapter with its model's layers divided. Afterwards the model is good for training only.

    Every process holds the whole model in main memory until it is divided, layer by layer.
    """
    model = adapter.model
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(device, (control.size(),))
    places = _places(model)
    decoder = model.get_decoder()
    layers = cast("nn.ModuleList", decoder.layers)
    for layer in layers:
        whole = list(layer.parameters())
        fully_shard(layer, mesh=mesh)
        _summing(cast("FSDPModule", layer))
        for weight in whole:  # others still refer to them
            weight.data = weight.data.new_empty(0)
    fully_shard(decoder, mesh=mesh, ignored_params=_outside(decoder, layers))
    model.to(device)  # pyright: ignore[reportArgumentType]
    weights = {name: _now(places, weight) for name, weight in adapter.weights.items()}
    return adapter._replace(weights=weights)


def _summing(layer: FSDPModule) -> None:
    """Let gradients be summed, not averaged: the loss is divided by the whole step's units."""
    layer.set_gradient_divide_factor(1.0)
    layer.set_force_sum_reduction_for_comms(enable=True)


def _outside(decoder: nn.Module, layers: nn.ModuleList) -> set[nn.Parameter]:
    inside = set(layers.parameters())
    return {weight for weight in decoder.parameters() if weight not in inside}


def _places(model: nn.Module) -> dict[int, tuple[nn.Module, str]]:
    """Where each weight is, by identity."""
    return {
        id(weight): (module, name)
        for module in model.modules()
        for name, weight in module.named_parameters(recurse=False)
    }


def _now(places: dict[int, tuple[nn.Module, str]], weight: nn.Parameter) -> nn.Parameter:
    """What stands in a weight's place now."""
    module, name = places[id(weight)]
    return cast("nn.Parameter", getattr(module, name))
