"""A run's key: what is measured, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from collecting import configuration

from auditor.collect.configuration import Network, configuration_from


def test_it_is_read_as_it_was_written() -> None:
    run = configuration()
    assert configuration_from(run.as_dict()) == run


def test_the_family_is_a_label() -> None:
    assert configuration(family="other").key("gpu") == configuration().key("gpu")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "infer"},
        {"network": Network(library="timm", name="resnet18")},
        {"network": Network(library="timm", name="resnet50", definition="{}")},
        {"size": 192},
        {"batch_size": 65},
        {"precision": "fp32"},
        {"optimizer": "sgd"},
        {"layout": "nhwc"},
        {"provider": "cuda"},
    ],
)
def test_all_else_makes_another_run(change: dict[str, Any]) -> None:
    assert configuration(**change).key("gpu") != configuration().key("gpu")


def test_so_does_the_device() -> None:
    assert configuration().key("one") != configuration().key("other")


def test_a_network_is_the_same_whatever_its_runs_are() -> None:
    run = configuration()
    assert replace(run, batch_size=1, precision="fp32").network_key == run.network_key
    assert replace(run, size=192).network_key != run.network_key


def test_names_in_the_tables() -> None:
    assert (configuration().graph, configuration().dims) == ("timm:resnet50@224", "")
    sequence = configuration(network=Network(library="plain", name="lstm-lm"), size=128)
    assert (sequence.graph, sequence.dims) == ("plain:lstm-lm", "sequence=128")
    image = configuration(network=Network(library="plain", name="unet"), size=256)
    assert (image.graph, image.dims) == ("plain:unet@256", "")
