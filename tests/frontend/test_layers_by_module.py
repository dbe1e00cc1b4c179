"""Our counts by module, from what the exporters write into the nodes."""

from __future__ import annotations

from typing import Any

import pytest
from builders import loaded, model, node, profiled, value, weight

from auditor.frontend.layers import scopes_of, works_by_module
from auditor.graph import Node

MODULES = frozenset({"", "stem", "stem.0", "layer1", "layer1.0", "layer1.0.conv1", "head"})


def traced(made: Any, *scopes: str) -> Any:
    """A node as the dynamo exporter writes it: modules, then the operator."""
    entry = made.metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.name_scopes", repr([*scopes, "operator"])
    return made


def read(made: Any) -> Node:
    found = loaded(model([made], [value("x", ["batch", 8])], ["y"]))
    return found.graph.nodes[0]


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (("", "stem", "stem.0"), {"", "stem", "stem.0"}),
        (("",), {""}),
        (("", "head@1"), {"", "head"}),  # called a second time
        (("", "unheard.of"), {""}),
    ],
)
def test_scopes_of_the_dynamo_exporter(scopes: tuple[str, ...], expected: set[str]) -> None:
    assert scopes_of(read(traced(node("Relu", ["x"], ["y"]), *scopes)), MODULES) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/layer1/layer1.0/conv1/Conv", {"", "layer1", "layer1.0", "layer1.0.conv1"}),
        ("/stem/stem.0/Relu", {"", "stem", "stem.0"}),
        ("/head/Gemm", {"", "head"}),
        ("/Relu", {""}),
        ("", {""}),
    ],
)
def test_scopes_of_the_torchscript_exporter(name: str, expected: set[str]) -> None:
    assert scopes_of(read(node("Relu", ["x"], ["y"], name=name)), MODULES) == expected


def test_the_works_of_modules_hold_those_of_the_modules_in_them() -> None:
    first = traced(node("Conv", ["x", "w"], ["a"], name="one", group=2), "", "stem", "stem.0")
    second = traced(node("Conv", ["a", "v"], ["b"], name="two"), "", "stem")
    nodes = [first, second, node("Relu", ["b"], ["y"], name="three")]
    weights = [weight("w", 4, 2, 1, 1), weight("v", 6, 4, 1, 1)]
    made = model(nodes, [value("x", ["batch", 4, 5, 5])], ["y"], weights)
    operations = profiled(made).operations
    works = works_by_module(loaded(made).graph.nodes, operations, MODULES)
    # Batch 2, 25 sites: 4 filters of 2 elements, then 6 filters of 4.
    assert works["stem.0"].forward.macs == 2 * 25 * 4 * 2
    assert works["stem"].forward.macs == 2 * 25 * (4 * 2 + 6 * 4)
    # The input needs no gradient; the second product needs both.
    assert works["stem.0"].backward.macs == 2 * 25 * 4 * 2
    assert works["stem"].backward.macs == 2 * 25 * (4 * 2 + 2 * 6 * 4)
    assert works[""].forward.macs == sum(o.forward.macs for o in operations)
    assert works[""].backward.flops == sum(o.backward.flops for o in operations)
    assert {name for name, work in works.items() if work.has_groups} == {"", "stem", "stem.0"}


def test_a_name_that_two_nodes_have_stands_for_neither() -> None:
    first = traced(node("Relu", ["x"], ["a"], name="same"), "", "stem")
    second = traced(node("Relu", ["a"], ["y"], name="same"), "", "head")
    made = model([first, second], [value("x", ["batch", 4])], ["y"])
    works = works_by_module(loaded(made).graph.nodes, profiled(made).operations, MODULES)
    assert set(works) == {""}
