"""Tensors that are divided among processes, and those that are whole."""

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def copy_of(tensor: Tensor) -> Tensor:
    """A copy on the CPU; of a divided tensor, of this process's part, where that is."""
    tensor = tensor.detach()
    return (tensor if isinstance(tensor, DTensor) else tensor.cpu()).clone()


def like(pattern: Tensor, tensor: Tensor) -> Tensor:
    """A whole tensor, divided as the pattern is; one that is divided already stays as it is."""
    if not isinstance(pattern, DTensor) or isinstance(tensor, DTensor):
        return tensor
    on_device = tensor.to(pattern.device)
    return distribute_tensor(on_device, pattern.device_mesh, pattern.placements)


def whole(tensor: Tensor) -> Tensor:
    """All parts of a tensor, in every process, on the CPU."""
    found = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return found.detach().cpu()
