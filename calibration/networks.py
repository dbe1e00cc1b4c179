"""Measured networks that no library builds: written anew from their published description.

Needs torch; `make_graphs.py` exports them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from run_cells import (
    CELLS_PER_STACK,
    CLASSES,
    OPERATIONS,
    STACKS,
    STEM_CHANNELS,
    Cell,
    cell_channels,
)
from torch import Tensor, nn


def _unit(into: int, out: int, size: int) -> nn.Module:
    """Convolution, normalization and ReLU, as everywhere in NAS-Bench-101."""
    return nn.Sequential(
        nn.Conv2d(into, out, size, padding=size // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


class CellModule(nn.Module):
    """One cell: every vertex sums what reaches it; the output concatenates, then adds the input."""

    def __init__(self, cell: Cell, into: int, out: int) -> None:
        super().__init__()
        self.matrix, operations = cell
        self.last = len(self.matrix) - 1
        self.channels = cell_channels(into, out, self.matrix)
        self.projections = nn.ModuleDict(
            {
                str(v): _unit(into, self.channels[v], 1)
                for v in range(1, self.last + 1)
                if self.matrix[0][v]
            }
        )
        self.operations = nn.ModuleList(
            self._operation(OPERATIONS[index], self.channels[v + 1])
            for v, index in enumerate(operations)
        )

    @staticmethod
    def _operation(name: str, channels: int) -> nn.Module:
        if name == "maxpool3x3":
            return nn.MaxPool2d(3, stride=1, padding=1)
        return _unit(channels, channels, int(name[4]))

    def _cut(self, value: Tensor, vertex: int) -> Tensor:
        """A vertex with more channels than the one it feeds is cut short."""
        channels = self.channels[vertex]
        return value if value.shape[1] == channels else value[:, :channels]

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, into, side, side) to (batch, out, side, side)."""
        values = [x]
        for v, operation in enumerate(self.operations, start=1):
            terms = [self._cut(values[s], v) for s in range(1, v) if self.matrix[s][v]]
            if self.matrix[0][v]:
                terms.append(self.projections[str(v)](x))
            values.append(operation(reduce(torch.add, terms)))
        inner = [values[v] for v in range(1, self.last) if self.matrix[v][self.last]]
        direct = self.projections[str(self.last)](x) if self.matrix[0][self.last] else None
        if not inner:
            return direct
        out = torch.cat(inner, 1) if len(inner) > 1 else inner[0]
        return out if direct is None else out + direct


def cell_network(cell: Cell) -> nn.Module:
    """The network of NAS-Bench-101 around a cell: 3 stacks of 3, for images of 32 x 32."""
    layers: list[nn.Module] = [_unit(3, STEM_CHANNELS, 3)]
    channels = STEM_CHANNELS
    for stack in range(STACKS):
        wider = channels if stack == 0 else 2 * channels
        if stack:
            layers.append(nn.MaxPool2d(2))
        for place in range(CELLS_PER_STACK):
            layers.append(CellModule(cell, wider if place else channels, wider))
        channels = wider
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    return nn.Sequential(*layers)


class ShuffleUnit(nn.Module):
    """A unit of ShuffleNetV2 as pytorch-cifar100 has it: biased convolutions, narrow descent."""

    def __init__(self, into: int, out: int, stride: int, side: int) -> None:
        super().__init__()
        # Sizes as plain numbers, so that no arithmetic on shapes is exported.
        self.splits, self.half, self.side = stride == 1, out // 2, side // stride
        half, width = out // 2, out // 2 if self.splits else into
        self.residual = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            *self._descent(width, half, stride),
        )
        self.shortcut = (
            nn.Identity() if self.splits else nn.Sequential(*self._descent(into, half, stride))
        )

    @staticmethod
    def _descent(into: int, out: int, stride: int) -> Sequence[nn.Module]:
        return (
            nn.Conv2d(into, into, 3, stride=stride, padding=1, groups=into),
            nn.BatchNorm2d(into),
            nn.Conv2d(into, out, 1),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, into, side, side) to (batch, out, side / stride, side / stride)."""
        half, side = self.half, self.side
        kept, changed = (x[:, :half], x[:, half:]) if self.splits else (x, x)
        joined = torch.cat((self.shortcut(kept), self.residual(changed)), 1)
        pairs = joined.view(-1, 2, half, side, side).transpose(1, 2).contiguous()
        return pairs.view(-1, 2 * half, side, side)


def cifar_shufflenet_v2(classes: int = 100) -> nn.Module:
    """ShuffleNetV2 for images of 32 x 32, which its first layer keeps at full size.

    From the description in weiaicunzai/pytorch-cifar100, ``models/shufflenetv2.py``, which the
    Zeus runs trained: not torchvision's, whose first two layers leave an eighth of each side.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24)]
    into, side = 24, 32
    for out, count in ((116, 4), (232, 8), (464, 4)):
        layers.append(ShuffleUnit(into, out, 2, side))
        into, side = out, side // 2
        layers += [ShuffleUnit(out, out, 1, side) for _ in range(count - 1)]
    layers += [nn.Conv2d(into, 1024, 1), nn.BatchNorm2d(1024), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes)]
    return nn.Sequential(*layers)
