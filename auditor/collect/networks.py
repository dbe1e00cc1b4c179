"""From a configuration to a network of torch with random weights, its inputs and its loss.

Nothing is downloaded: libraries build from names and configurations alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from auditor.collect import libraries, plain
from auditor.collect.configuration import Network
from auditor.errors import PlanError
from auditor.frontend.inputs import InputSpec

# Sums of squares for outputs that no class is read from: boxes, states.
CLASSES, SQUARES = "classes", "squares"
_WAVEFORM_SAMPLES_PER_TOKEN = 320  # wav2vec 2.0's stride: one output in 20 ms at 16 kHz
# What a library raises for a name or settings that it does not take.
BUILD_ERRORS = (
    AttributeError,
    AssertionError,
    ImportError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A network, what it takes (batch 1), the range of integers in that, and its loss's kind."""

    module: nn.Module
    specs: tuple[InputSpec, ...]
    vocabulary: int
    loss: str


def build(network: Network, size: int) -> Built:
    """Build a network for images of side `size` or sequences of that length.

    It is made on torch's default device.

    Raises:
        PlanError: its library is missing, does not know it, or does not take these settings.
    """
    try:
        return _BUILDERS[network.library](network, size)
    except BUILD_ERRORS as error:
        if is_out_of_memory(error):
            raise
        lines = str(error).strip().splitlines() or [""]
        raise PlanError(
            f"{network}@{size}: cannot be built: {type(error).__name__}: {lines[0][:200]}; "
            "correct the manifest"
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device had no memory left; cuBLAS and cuDNN say so in words alone."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    told = ("out of memory", "STATUS_ALLOC_FAILED", "DefaultCPUAllocator: can't allocate")
    return isinstance(error, RuntimeError) and any(t in text for t in told)


def _images(size: int) -> tuple[InputSpec, ...]:
    return (InputSpec(None, (1, 3, size, size)),)


def _tokens(size: int, count: int = 1) -> tuple[InputSpec, ...]:
    return (InputSpec(None, (1, size), "int64"),) * count


def _timm(network: Network, size: int) -> Built:
    timm = libraries.timm()
    if not timm.is_model(network.name):
        raise ValueError("timm has no network of that name")
    try:
        module = timm.create_model(network.name, pretrained=False, img_size=size)
    except TypeError:  # most convolutional networks take any size and have no such argument
        module = timm.create_model(network.name, pretrained=False)
    return Built(module=module, specs=_images(size), vocabulary=0, loss=CLASSES)


def _torchvision(network: Network, size: int) -> Built:
    models = libraries.torchvision().models
    if network.name not in models.list_models():
        raise ValueError("torchvision has no network of that name")
    builder = models.get_model_builder(network.name)
    options: dict[str, Any] = {"weights": None}
    if "weights_backbone" in _arguments(builder):
        options["weights_backbone"] = None  # its default is to be downloaded
    if network.name in ("googlenet", "inception_v3"):
        options["init_weights"] = True
    module = builder(**options)
    if network.name in models.list_models(module=models.detection):
        module = DetectionHeads(module)
        return Built(module=module, specs=_images(size), vocabulary=0, loss=SQUARES)
    return Built(module=module, specs=_images(size), vocabulary=0, loss=CLASSES)


def _arguments(builder: Any) -> Sequence[str]:
    import inspect

    return list(inspect.signature(builder).parameters)


class DetectionHeads(nn.Module):
    """Backbone and heads of a one-stage detector: all of it but matching and selection.

    Those depend on what is in the images, and synthetic ones hold nothing.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map images to the scores and boxes of every anchor."""
        found = self.backbone(image)
        levels = list(found.values()) if isinstance(found, Mapping) else [found]
        return tuple(self.head(levels).values())


def _transformers(network: Network, size: int) -> Built:
    transformers = libraries.transformers()
    defined = network.defined
    settings = {"attn_implementation": "sdpa", **defined["settings"]}
    config = getattr(transformers, defined["config"])(**settings)
    # Training keeps no keys and values; not every configuration has the setting.
    config.use_cache = False
    module = FirstOutput(getattr(transformers, defined["class"])(config), defined["inputs"])
    vocabulary = int(getattr(config, "vocab_size", 0) or 0)
    if defined["inputs"] == "waveform":
        samples = _WAVEFORM_SAMPLES_PER_TOKEN * size
        specs: tuple[InputSpec, ...] = (InputSpec(None, (1, samples)),)
        return Built(module=module, specs=specs, vocabulary=0, loss=CLASSES)
    specs = _tokens(size, 2 if defined["inputs"] == "tokens-pair" else 1)
    return Built(module=module, specs=specs, vocabulary=vocabulary, loss=CLASSES)


class FirstOutput(nn.Module):
    """A network of transformers by position of its inputs, giving its first output."""

    def __init__(self, model: nn.Module, inputs: str) -> None:
        super().__init__()
        self.model, self.inputs = model, inputs

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        """Map inputs to the first output; without a mask, as packed sequences are trained."""
        if self.inputs == "waveform":
            found = self.model(input_values=first)
        elif second is not None:
            found = self.model(input_ids=first, decoder_input_ids=second)
        else:
            found = self.model(input_ids=first)
        first_output: Tensor = found[0]
        return first_output


def _plain(network: Network, size: int) -> Built:
    if network.name not in plain.NETWORKS:
        raise ValueError(f"there are {', '.join(plain.NETWORKS)}")
    specs = _images(size) if network.takes_images else _tokens(size)
    module = plain.NETWORKS[network.name]()
    return Built(module=module, specs=specs, vocabulary=plain.VOCABULARY, loss=CLASSES)


_BUILDERS = {
    "timm": _timm,
    "torchvision": _torchvision,
    "transformers": _transformers,
    "plain": _plain,
}


def make_inputs(built: Built, batch_size: int, device: torch.device) -> tuple[Tensor, ...]:
    """Draw a batch: floats from a normal distribution, integers from the vocabulary."""
    return tuple(_tensor(spec, batch_size, built.vocabulary, device) for spec in built.specs)


def _tensor(spec: InputSpec, batch_size: int, vocabulary: int, device: torch.device) -> Tensor:
    shape = (batch_size, *spec.shape[1:])
    if spec.dtype == "int64":
        return torch.randint(0, max(vocabulary, 1), shape, device=device)
    return torch.randn(shape, device=device)


class _LeftAsAllocated(TorchFunctionMode):
    """Keeps weights as they were allocated: drawing a billion numbers takes minutes."""

    _DRAWS = frozenset({"normal_", "uniform_", "trunc_normal_", "fill_", "zero_", "erfinv_"})

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_draw = getattr(func, "__name__", "") in self._DRAWS
        if is_draw and args and isinstance(args[0], nn.Parameter):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def weights_left_as_allocated() -> Iterator[None]:
    """Build networks whose weights no one reads: their memory is not even touched."""
    with _LeftAsAllocated():
        yield
