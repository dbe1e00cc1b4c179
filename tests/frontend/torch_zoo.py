"""Networks for the tests that have torch; ``torch:torch_zoo:NAME``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

print("a line that is not part of any report")  # noqa: T201


class Small(nn.Module):
    """A convolution with normalization, a grouped one, dropout, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU())
        self.grouped = nn.Conv2d(8, 16, 3, groups=4, padding=1)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(16, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.grouped(self.stem(image))
        return self.head(self.drop(found.mean((2, 3))))


class Text(nn.Module):
    """One encoder layer between an embedding and a projection; the mask is by name alone."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 32)
        self.encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.head = nn.Linear(32, 100)

    def forward(self, tokens: torch.Tensor, *, weights: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(tokens) * weights))


class FixedBatch(nn.Module):
    """Cannot run at another batch than three."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 4)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.dense(values).reshape(3, 4)


class Branch(nn.Module):
    """Only TorchScript exports it, along the branch that ran."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 4)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        found = self.dense(values)
        return found if found.sum() > 0 else found * 2


class Fails(nn.Module):
    """Has no way through."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(f"no way through\nfor {values.shape}")


class Unexportable(nn.Module):
    """Runs, but by a function that no exporter knows."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 4)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(self.dense(values)).real


def resnet18() -> Any:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
    import make_examples

    return make_examples.import_torchvision().models.resnet18()
