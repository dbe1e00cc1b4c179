"""One run to measure, all of it; and the key that it has on a device."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TRAIN, INFER = "train", "infer"
LIBRARIES = ("timm", "torchvision", "transformers", "plain")
# Libraries whose networks are measured by the side of an image; plain ones by their kind.
_IMAGES = frozenset({"timm", "torchvision"})
PLAIN_IMAGES = frozenset({"unet", "unet-wide", "dcgan", "cnn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network by its library and the name there.

    `definition` is canonical JSON of how a network of transformers is made (class, config,
    settings, inputs); "" for libraries that know their networks by name.
    """

    library: str
    name: str
    definition: str = ""

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"

    @property
    def takes_images(self) -> bool:
        """Whether its size is the side of an image; else it is the length of a sequence."""
        if self.library == "plain":
            return self.name in PLAIN_IMAGES
        return self.library in _IMAGES

    @property
    def defined(self) -> Mapping[str, Any]:
        """The definition as a mapping; empty where there is none."""
        found: Mapping[str, Any] = json.loads(self.definition or "{}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A run: a network at a size and batch, how it is trained, or on what it is run.

    `kind` is "train" (torch: forward, loss, backward, update) or "infer" (the brief run of the
    exported network on onnxruntime's `provider`).  `size` is the side of an image in pixels or
    the length of a sequence.  `family` is the lineage of the architecture; it is a label, and
    two configurations that differ in it alone are the same run.
    """

    kind: str
    network: Network
    family: str
    size: int
    batch_size: int
    precision: str
    optimizer: str | None = None
    layout: str | None = None
    provider: str | None = None

    def __str__(self) -> str:
        how = self.provider or self.optimizer
        what = f"{self.graph} {self.dims}".strip()
        return f"{what} batch {self.batch_size} {self.precision} {how}"

    @property
    def graph(self) -> str:
        """The network's name in the tables, as timm:resnet50@224 or transformers:gpt2-124m."""
        return f"{self.network}@{self.size}" if self.network.takes_images else str(self.network)

    @property
    def dims(self) -> str:
        """The sequence as the tables write it; "" for images, whose side is in `graph`."""
        return "" if self.network.takes_images else f"sequence={self.size}"

    @property
    def network_key(self) -> str:
        """Hash of the network at its size: what is profiled once for all its runs."""
        return _hashed(asdict(self.network) | {"size": self.size})

    def key(self, device_name: str) -> str:
        """Hash of everything that decides what is measured, the device included."""
        told = self.as_dict()
        told.pop("family")
        return _hashed(told | {"device": device_name})

    def as_dict(self) -> dict[str, Any]:
        """Every field, the network as a mapping."""
        return asdict(self)


def configuration_from(content: Mapping[str, Any]) -> Configuration:
    """Make the configuration that `as_dict` wrote."""
    return Configuration(**{**content, "network": Network(**content["network"])})


def canonical(content: Any) -> str:
    """JSON that is the same text for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _hashed(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:32]
