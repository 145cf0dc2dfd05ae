"""EfficientNet-Lite0: the network, with the names that its published weights have.

Sources: Tan and Le 2019, arXiv:1905.11946 (stages); Liu 2020, "Higher accuracy on vision models
with EfficientNet-Lite" (no squeeze-and-excitation, ReLU6, stem and head of fixed width).

Shapes: B images, C channels, H x W pixels. Input 3 x 224 x 224, (grey level - 127) / 128; the last
map is 1280 x 7 x 7, that of the fifth stage 112 x 14 x 14.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAST: Final = 1280
"""Features of a cell of the last map: what is in it and around it."""
FINE: Final = 2 * 112
"""Features of a cell of the fifth stage, their maxima and means: small things, where they are. With
a logistic regression of each cell, learned from 180 fields of `imaging`, the right cell of 49 was
named in 58 of 80 nodules by these, and in 26 by those of the last map (one run)."""
WIDTH: Final = LAST + FINE
FINE_BLOCK: Final = 10
"""The last block of the fifth stage, from 0."""
EPSILON: Final = 1e-3


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    into: int
    out: int


STAGES: Final = (
    _Stage(1, 3, 1, 1, 32, 16),
    _Stage(2, 3, 2, 6, 16, 24),
    _Stage(2, 5, 2, 6, 24, 40),
    _Stage(3, 3, 2, 6, 40, 80),
    _Stage(3, 5, 1, 6, 80, 112),
    _Stage(4, 5, 2, 6, 112, 192),
    _Stage(1, 3, 1, 6, 192, 320),
)


class _SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: the odd pixel goes below and to the right."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads: list[int] = []
        for size in (input.shape[-1], input.shape[-2]):
            lack = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [lack // 2, lack - lack // 2]
        return F.conv2d(F.pad(input, pads), self.weight, self.bias, stride, groups=self.groups)


def _conv(into: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> _SameConv:
    return _SameConv(into, out, kernel, stride, groups=groups, bias=False)


class _Block(nn.Module):
    """An inverted residual block: widen, filter each channel, narrow."""

    def __init__(self, stage: _Stage, into: int, stride: int) -> None:
        super().__init__()
        inner = into * stage.expand
        if stage.expand > 1:
            self._expand_conv = _conv(into, inner, 1)
            self._bn0 = nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = _conv(inner, inner, stage.kernel, stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = _conv(inner, stage.out, 1)
        self._bn2 = nn.BatchNorm2d(stage.out, EPSILON)
        self.widens = stage.expand > 1
        self.adds = stride == 1 and into == stage.out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """The whole network, classes of ImageNet included, so that its weights load strictly."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _conv(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, EPSILON)
        self._blocks = nn.ModuleList(
            _Block(
                stage,
                stage.out if number else stage.into,
                1 if number else stage.stride,
            )
            for stage in STAGES
            for number in range(stage.repeats)
        )
        self._conv_head = _conv(320, LAST, 1)
        self._bn1 = nn.BatchNorm2d(LAST, EPSILON)
        self._fc = nn.Linear(LAST, 1000)

    def maps(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The map of the fifth stage, and the last one."""
        x = F.relu6(self._bn0(self._conv_stem(pixels_BCHW)))
        fine = x
        for number, block in enumerate(self._blocks):
            x = block(x)
            fine = x if number == FINE_BLOCK else fine
        return fine, F.relu6(self._bn1(self._conv_head(x)))

    def cells(self, pixels_BCHW: Tensor) -> Tensor:
        """Features of cells of 32 x 32 pixels: B x WIDTH x H/32 x W/32."""
        fine, last = self.maps(pixels_BCHW)
        return torch.cat([last, F.max_pool2d(fine, 2), F.avg_pool2d(fine, 2)], dim=1)

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Logits of the 1,000 classes of ImageNet."""
        return torch.as_tensor(self._fc(self.maps(pixels_BCHW)[1].mean((2, 3))))
