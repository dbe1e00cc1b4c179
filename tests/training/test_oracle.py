"""Products and parameters of whole networks, against what torch says of the networks.

The figures in ``oracle.json`` come from torch's FlopCounterMode and from the modules'
parameters, never from the files (see ``data/make_oracle.py``).
"""

from __future__ import annotations

import json
from typing import Any

import onnx
import pytest
from builders import DATA, Setting, profiled

from auditor.profile import Profile

ORACLE: dict[str, Any] = json.loads((DATA / "oracle.json").read_text(encoding="utf-8"))
CASES = [
    pytest.param(network, record, id=record["file"].removesuffix(".onnx"))
    for network, entry in ORACLE["networks"].items()
    for record in entry["files"]
]

# The trained parameters differ from the network's own by what the file cannot tell.
# The TorchScript exporter writes tied weights as two tensors: the table is there twice.
_TIED = ["gpt_small", "bert_mlm", "distilbert", "t5_small"]
# vgg11_bn's convolutions have a bias before the normalization (64 + 128 + 2 * 256 +
# 4 * 512 = 2752 of them), which the TorchScript exporter merges into its own.
_SWALLOWED = {"vgg11_bn.torchscript.onnx": -2752}
# The logarithm of the temperature is one number, as settings are.
_SCALARS = {"clip_small.torchscript.onnx": -1, "clip_small.dynamo.onnx": -1}
# The masks of shifted windows are put together of constant squares at run time: sides of 56,
# 28 and 14 in three parts, of which the last two, 4 and 3, are stored once for all: 49.
_MASKS = 56**2 + (28**2 - 49) + (14**2 - 49)
_DIFFERENCES = _SWALLOWED | _SCALARS


def profile_of(network: str, record: dict[str, Any]) -> Profile:
    entry = ORACLE["networks"][network]
    setting = Setting(batch=entry["batch_size"], dims=entry["dims"])
    return profiled(DATA / "models" / record["file"], setting)


@pytest.mark.parametrize(("network", "record"), CASES)
def test_products_are_those_that_torch_counts(network: str, record: dict[str, Any]) -> None:
    entry, found = ORACLE["networks"][network], profile_of(network, record)
    forward, backward = 2 * found.forward.macs, 2 * found.backward.macs
    assert forward == pytest.approx(entry["forward_flops"], rel=0.01)
    assert 2 * found.training_forward.macs == forward
    assert forward + backward == pytest.approx(entry["forward_backward_flops"], rel=0.01)
    assert found.unknown == ()


def settings_among_initializers(record: dict[str, Any]) -> int:
    """Elements that are stored as floating point and are no parameters: see the notes."""
    if record["file"] == "clip_small.torchscript.onnx":
        return 1  # the temperature, as above
    masks = _MASKS if record["file"] == "swin_t.dynamo.onnx" else 0
    frequencies = 16 if record["file"] == "llama_tiny.dynamo.onnx" else 0  # head size 32 / 2
    return int(record["single_element_initializers"]) + frequencies + masks


@pytest.mark.parametrize(("network", "record"), CASES)
def test_stored_parameters(network: str, record: dict[str, Any]) -> None:
    found = profile_of(network, record)
    expected = record["stored_parameter_count"] - settings_among_initializers(record)
    assert found.parameter_count == expected


def doubled_table(record: dict[str, Any]) -> int:
    """Elements of the weight that the file holds a second time."""
    proto = onnx.load(DATA / "models" / record["file"], load_external_data=False)
    sizes = {t.name: t.dims for t in proto.graph.initializer}
    names = [pair.split(" = ")[0] for pair in record["equal_initializers"]]
    return sum(sizes[n][0] * sizes[n][1] for n in names)


@pytest.mark.parametrize(("network", "record"), CASES)
def test_trained_parameters(network: str, record: dict[str, Any]) -> None:
    exact = ORACLE["networks"][network]["parameter_count"]
    expected = exact + _DIFFERENCES.get(record["file"], 0)
    if record["equal_initializers"]:
        assert network in _TIED
        expected += doubled_table(record)
    assert profile_of(network, record).training_parameter_count == expected


def test_the_oracle_has_networks_of_every_kind() -> None:
    assert len(ORACLE["networks"]) >= 18
    assert len(CASES) >= 46
