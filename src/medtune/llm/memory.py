"""Memory where the models lie: the GPU's if torch has one, else the main memory.

torch is asked only where it is loaded already, for numerics are chosen before.
"""

import resource
import sys
from typing import Any

import psutil


def most_held() -> int:
    """Most bytes that this process has held at once: of its GPU, or of main memory."""
    gpu = _gpu()
    if gpu is not None:
        return gpu.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def there_is() -> int:
    """All bytes of this process's GPU, or of main memory."""
    gpu = _gpu()
    if gpu is not None:
        return gpu.get_device_properties(gpu.current_device()).total_memory
    return psutil.virtual_memory().total


def on_gpu() -> bool:
    """Whether it is the GPU's memory that counts."""
    return _gpu() is not None


def _gpu() -> Any:  # noqa: ANN401  a part of torch, which must not be imported here
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
