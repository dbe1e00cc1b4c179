"""The corpus: exported networks of many families against torch and onnxruntime.

The figures in `oracle.json` are other tools' (docs/oracles.md says how they are made).  Every
file is profiled once.  The aggregated tests ask how large a share of the files is met, and list
those that are not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from builders import bound

from auditor.memory import ActivationMemory, activation_memory
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.profile import Profile, ProfileOptions, profile, summary
from auditor.shapes import infer_shapes
from auditor.sized import _expanded

HERE = Path(__file__).resolve().parent
ORACLE: dict[str, Any] = json.loads((HERE / "oracle.json").read_text(encoding="utf-8"))
BATCH = 2
SLOW_S = 10.0  # for one file, and generous: most take a tenth of a second

KNOWN = {
    "special.if_cheap.onnx": "which branch runs depends on the data; the costlier one is taken",
}
"""Files whose products are off, and why; left out of the strict bound of 1 %."""

NOT_IN_THE_FILE = {
    "deberta_v2.dynamo.onnx": "the exporter folds products of parameters with positions",
    "funnel.torchscript.onnx": "the exporter folds products of parameters with positions",
    "funnel.dynamo.onnx": "tables of positions cannot be told from embeddings that are learned",
    "gin_dense.torchscript.onnx": "1 + epsilon is folded to a number, and with it a parameter",
    "gin_dense.dynamo.onnx": "1 + epsilon is folded to a number, and with it a parameter",
    "kan.torchscript.onnx": "a buffer of eight centres cannot be told from a bias",
    "kan.dynamo.onnx": "a buffer of eight centres cannot be told from a bias",
}
"""Files that do not say what the network trains; left out of the comparison with torch."""

STORED_SETTINGS = {
    "diffusion_unet.dynamo.onnx": 20,  # 16 frequencies of the time, 4 scales of a Resize
    "edgenext_xx_small.dynamo.onnx": 32,  # frequencies of its positions
    "dpt.dynamo.onnx": 3,  # 4 scales of a Resize, less a bias of one element
    "hrnet_w18_small.dynamo.onnx": 12,  # 3 Resizes with 4 scales
    "special.bfloat16_torch_mistral.onnx": 8,  # rotary frequencies
    "special.half_torch_mistral.onnx": 8,
    "special.opset23_mistral.onnx": 8,
    "special.ort_extended_qwen2.onnx": 8,
}
"""Elements of floating-point initializers that are settings or buffers under another name."""


@dataclass(frozen=True)
class File:
    """A file of the corpus, with its records."""

    name: str
    record: Mapping[str, Any]
    torch: Mapping[str, Any]

    @property
    def runtime(self) -> Mapping[str, Any]:
        return self.record["runtime"]


@dataclass(frozen=True)
class Measured:
    """A file's profile, the activation memory without a loss, and how long it took."""

    profile: Profile
    memory: ActivationMemory
    seconds: float


def _files() -> dict[str, File]:
    entries = [*ORACLE["networks"].values(), *ORACLE["special"].values()]
    found = [
        File(record["file"], record, entry.get("torch", {}))
        for entry in entries
        for record in entry["files"]
        if "file" in record
    ]
    return {file.name: file for file in found}


FILES = _files()


@cache
def measured(name: str) -> Measured:
    """Profile a file in fp32 at the oracle's sizes; the oracle's loss is a plain sum."""
    seen: list[ActivationMemory] = []
    real = summary.memory_of

    def spy(steps: Any, cut: Any, parameters: Any, outputs: Any, options: Any) -> Any:
        # The memory of the same step without the cross-entropy that the profile assumes.
        seen.append(
            activation_memory(
                steps,
                lambda v: v.bytes,
                [v for v in outputs if v.is_float and v.known],
                gradient_bytes=lambda v: v.bytes * (v.name in parameters.trained),
            )
        )
        return real(steps, cut, parameters, outputs, options)

    start = time.perf_counter()
    shapes = {key: tuple(s) for key, s in FILES[name].runtime["input_shapes"].items()}
    read, inputs = bound(HERE / "models" / name, BATCH, shapes=shapes)
    options = ProfileOptions(
        batch_size=inputs.graph_batch_size,
        graph_batch_size=inputs.graph_batch_size,
        precision=precision("fp32"),
        optimizer=optimizer("sgd"),
    )
    with mock.patch.object(summary, "memory_of", spy):
        found = profile(_expanded(infer_shapes(read, inputs), read), options)
    return Measured(found, seen[-1], time.perf_counter() - start)


def tried(name: str) -> Measured | None:
    """The same, or nothing where the audit fails, which a test of its own reports."""
    try:
        return measured(name)
    except Exception:  # noqa: BLE001 - whatever it is, that other test shows it
        return None


@dataclass(frozen=True)
class Comparison:
    """One figure of one file beside the oracle's."""

    name: str
    found: float
    expected: float
    unknown: bool

    @property
    def error(self) -> float:
        if self.expected == 0:
            return 0.0 if self.found == 0 else float("inf")
        return self.found / self.expected - 1


Expected = Callable[[File], float | None]
Found = Callable[[Measured], float]


def compare(files: Iterable[File], found: Found, expected: Expected) -> list[Comparison]:
    made = []
    for file in files:
        wanted = expected(file)
        if wanted is None:
            continue
        got = tried(file.name)
        value = found(got) if got is not None else float("nan")
        unknown = got is not None and bool(got.profile.unknown)
        made.append(Comparison(file.name, value, wanted, unknown))
    return made


def within(comparison: Comparison, tolerance: float) -> bool:
    return abs(comparison.error) <= tolerance  # False for what is not a number


def listed(title: str, made: list[Comparison], tolerance: float) -> str:
    """The files that are further off, worst first."""
    worst = [c for c in made if not within(c, tolerance)]
    worst.sort(key=lambda c: -abs(c.error) if c.error == c.error else float("-inf"))
    lines = [f"{title}: {len(worst)} of {len(made)} files are off by more than {tolerance:.1%}"]
    lines += [
        f"  {c.name}: {c.found:,.0f} for {c.expected:,.0f} ({c.error:+.2%})"
        + (", unknown operators" if c.unknown else "")
        for c in worst
    ]
    return "\n".join(lines)


def share_within(made: list[Comparison], tolerance: float) -> float:
    return sum(within(c, tolerance) for c in made) / len(made)


NETWORKS = [file for file in FILES.values() if file.torch]
FAITHFUL = [file for file in NETWORKS if file.name not in NOT_IN_THE_FILE]


# --- what is compared -------------------------------------------------------------------------


def executed_macs(file: File) -> float | None:
    return file.runtime.get("executed_macs")


def torch_forward(file: File) -> float | None:
    return None if file.torch["forward_uncounted"] else file.torch["forward_flops"]


def torch_step(file: File) -> float | None:
    if file.torch.get("forward_backward_uncounted", True):
        return None
    return file.torch["forward_backward_flops"]


def stored_parameters() -> list[Comparison]:
    """Against the nearest of the numbers that the file's tensors allow.

    Single numbers may be settings or parameters, tensors in Constant nodes constants or
    parameters, and buffers look like parameters but for their names.
    """
    made = []
    for file in FILES.values():
        record, got = file.record, tried(file.name)
        if got is None or "quantized" in record["exporter"]:
            continue
        stored, found = record["stored_parameter_count"], got.profile.parameter_count
        least = stored - record["single_element_initializers"] - record.get("buffer_elements", 0)
        least -= STORED_SETTINGS.get(file.name, 0)
        most = stored + record["constant_node_elements"]
        expected = min(max(found, least), most)
        made.append(Comparison(file.name, found, expected, bool(got.profile.unknown)))
    return made


def torch_parameters(file: File) -> float | None:
    """Those that get a gradient, and the second copies of what the exporter wrote twice."""
    used = file.torch.get("used_parameter_count", file.torch["parameter_count"])
    return used + file.record.get("doubled_parameter_elements", 0)


def torch_saved(file: File) -> float | None:
    return file.torch.get("saved_with_inputs_bytes")


def torch_peak_activations(file: File) -> float | None:
    """Peak of all but parameters and their gradients; the inputs are there from the start."""
    if "peak_storages_without_gradients_bytes" not in file.torch:
        return None
    return file.torch["peak_storages_without_gradients_bytes"] + file.torch["input_bytes"]


def torch_peak(file: File) -> float | None:
    """Peak of all that is live: parameters, inputs, activations and gradients."""
    if "peak_storages_bytes" not in file.torch:
        return None
    there = file.torch["parameters_bytes"] + file.torch["input_bytes"]
    return there + file.torch["peak_storages_bytes"]


def step_flops(got: Measured) -> float:
    return 2 * (got.profile.training_forward.macs + got.profile.backward.macs)


def total_bytes(got: Measured) -> float:
    """Without what a loss holds: the oracle's is a plain sum of the outputs."""
    return got.profile.memory.parameters_bytes + max(a + g for a, g in got.memory.moments)


# --- tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_profiled_in_time(name: str) -> None:
    assert measured(name).seconds < SLOW_S


def test_the_corpus_is_large_enough() -> None:
    both = [
        name
        for name, entry in ORACLE["networks"].items()
        if {r["exporter"] for r in entry["files"] if "file" in r} == {"torchscript", "dynamo"}
    ]
    assert len(both) >= 62
    size = sum((HERE / "models" / name).stat().st_size for name in FILES)
    assert size < 25e6
    assert {path.name for path in (HERE / "models").glob("*.onnx")} == FILES.keys()


def forward_macs() -> list[Comparison]:
    return compare(FILES.values(), lambda got: got.profile.forward.macs, executed_macs)


def test_products_are_those_that_the_runtime_executes() -> None:
    made = forward_macs()
    assert share_within(made, 0.001) >= 0.99, listed("forward MACs", made, 0.001)


def test_products_far_off_are_known_or_reported_unknown() -> None:
    made = [c for c in forward_macs() if not c.unknown and c.name not in KNOWN]
    assert share_within(made, 0.01) == 1, listed("forward MACs", made, 0.01)


def test_what_is_known_to_be_off_is_off() -> None:
    off = {c.name for c in forward_macs() if not within(c, 0.01)}
    assert off >= KNOWN.keys()


def test_forward_products_are_those_that_torch_counts() -> None:
    made = compare(FAITHFUL, lambda got: 2 * got.profile.training_forward.macs, torch_forward)
    assert share_within(made, 0.005) >= 0.98, listed("forward FLOPs", made, 0.005)


def test_products_of_a_step_are_those_that_torch_counts() -> None:
    made = compare(FAITHFUL, step_flops, torch_step)
    assert share_within(made, 0.005) >= 0.98, listed("forward + backward FLOPs", made, 0.005)


def test_stored_parameters() -> None:
    made = stored_parameters()
    assert share_within(made, 0.0) >= 0.99, listed("stored parameters", made, 0.0)


def test_trained_parameters() -> None:
    made = compare(NETWORKS, lambda got: got.profile.training_parameter_count, torch_parameters)
    assert share_within(made, 0.01) >= 0.95, listed("trained parameters", made, 0.01)


def test_saved_activations() -> None:
    made = compare(NETWORKS, lambda got: got.memory.saved_bytes, torch_saved)
    assert share_within(made, 0.15) >= 0.8, listed("saved activations", made, 0.15)


def test_peak_of_the_activations() -> None:
    made = compare(NETWORKS, lambda got: got.memory.peak_bytes, torch_peak_activations)
    # Not asked for by itself: gradients and parameters lie beside it.  Kept from falling.
    assert share_within(made, 0.15) >= 0.7, listed("peak activations", made, 0.15)


def test_peak_of_the_step() -> None:
    made = compare(NETWORKS, total_bytes, torch_peak)
    assert share_within(made, 0.15) >= 0.8, listed("peak memory", made, 0.15)
