"""Networks that no library offers alone: U-Nets, recurrent language models, a DCGAN's critic.

Imported only where torch is, and only to build one of `NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor, nn

CLASSES = 21
VOCABULARY = 32_000
TAGS = 64


def _double(into: int, out: int) -> nn.Sequential:
    """Two convolutions with normalization and ReLU, as every level of a U-Net has."""
    layers: list[nn.Module] = []
    for channels in (into, out):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """The U-Net of Ronneberger, Fischer and Brox (arXiv 1505.04597), padded, with normalization.

    Maps (batch, 3, side, side) to (batch, CLASSES, side, side); the side is a multiple of 16.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        pairs = list(pairwise(widths))
        self.first = _double(3, width)
        self.down = nn.ModuleList(_double(a, b) for a, b in pairs)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.join = nn.ModuleList(_double(b, a) for a, b in reversed(pairs))
        self.head = nn.Conv2d(width, CLASSES, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map images to class scores of every pixel."""
        kept = [self.first(image)]
        for level in self.down:
            kept.append(level(self.pool(kept[-1])))
        found = kept.pop()
        for up, join in zip(self.up, self.join, strict=True):
            found = join(torch.cat((kept.pop(), up(found)), 1))
        return self.head(found)


class RecurrentModel(nn.Module):
    """Embedding, recurrent layers, projection: (batch, length) to (batch, length, outputs)."""

    def __init__(self, cell: type[nn.RNNBase], width: int, layers: int, tags: int = 0) -> None:
        super().__init__()
        both = bool(tags)  # a tagger reads in both directions, a language model must not
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.layers = cell(width, width, layers, batch_first=True, dropout=0.2, bidirectional=both)
        self.head = nn.Linear(width * (1 + both), tags or VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map token numbers to scores at every place."""
        found, _ = self.layers(self.embedding(tokens))
        return self.head(found)


class Critic(nn.Module):
    """The discriminator of DCGAN (Radford, Metz and Chintala, arXiv 1511.06434), with a head.

    Maps (batch, 3, side, side) to (batch, 2).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = 3
        for out in (width, 2 * width, 4 * width, 8 * width):
            layers += [nn.Conv2d(into, out, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(out), nn.LeakyReLU(0.2, inplace=True)]
            into = out
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(into, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Map images to two scores."""
        return self.head(self.layers(image).mean((2, 3)))


class Small(nn.Module):
    """A few convolutions: what tests and first tries train."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(16, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Map images to ten scores."""
        return self.head(self.layers(image).mean((2, 3)))


NETWORKS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "unet": lambda: UNet(32),
        "unet-wide": lambda: UNet(64),
        "dcgan": lambda: Critic(64),
        "cnn": Small,
        "lstm-lm": lambda: RecurrentModel(nn.LSTM, 1024, 2),
        "lstm-lm-wide": lambda: RecurrentModel(nn.LSTM, 2048, 2),
        "gru-lm": lambda: RecurrentModel(nn.GRU, 1024, 2),
        "bilstm-tagger": lambda: RecurrentModel(nn.LSTM, 512, 2, TAGS),
    }
)
"""By name; `auditor.collect.configuration.PLAIN_IMAGES` says which take images."""
