"""Files that once ended an audit by another exception, by the process's end, or never."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from builders import INT64, constant, graph, model, node, value, weight
from hostile_models import outcome
from onnx import AttributeProto, FunctionProto, ModelProto, TensorProto, helper

from auditor.pipeline import Audit

BOOL = TensorProto.BOOL
LARGEST = 2**63 - 1


def one(made: Any, *weights: Any, dims: Any = (2, 4), kind: int = TensorProto.FLOAT) -> ModelProto:
    return model([made], [value("x", dims, kind)], ["y"], weights)


def typed(made: Any, name: str, kind: int, **fields: Any) -> Any:
    """The node with an attribute of another type than it should have."""
    made.attribute.append(AttributeProto(name=name, type=kind, **fields))
    return made


def function(name: str, *calls: str) -> FunctionProto:
    names = ["a", *(f"t{i}" for i in range(len(calls) - 1)), "b"]
    nodes = [
        helper.make_node(c, [names[i]], [names[i + 1]], domain="" if c == "Relu" else "own")
        for i, c in enumerate(calls)
    ]
    imports = [helper.make_opsetid("", 22), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, imports)


def calling(name: str, *functions: FunctionProto) -> ModelProto:
    made = one(helper.make_node(name, ["x"], ["y"], domain="own"))
    made.functions.extend(functions)
    return made


def loop(depth: int) -> ModelProto:
    """Loops in loops, the state of each growing, so that each is walked trip by trip."""

    def body(level: int) -> Any:
        nodes = [node("Identity", ["c"], ["co"]), node("Concat", ["s", "s"], ["z"], axis=0)]
        last = (
            node("Loop", ["n", "", "z"], ["so"], body=body(level - 1))
            if level
            else node("Relu", ["z"], ["so"])
        )
        inputs = [value("i", [], INT64), value("c", [], BOOL), value("s", ["a", "b"])]
        outputs = [value("co", [], BOOL), value("so", ["a", "b"])]
        return graph([*nodes, last], inputs, outputs)

    return one(node("Loop", ["n", "", "x"], ["y"], body=body(depth)), constant("n", 10**15))


def not_utf8(made: ModelProto, name: bytes) -> bytes:
    return made.SerializeToString().replace(name, b"\xff" * len(name))


class TestTheStandardIsHeldTo:
    def test_too_few_inputs(self) -> None:
        found = outcome(one(node("Conv", ["x"], ["y"], name="c")))
        assert "Conv node 'c' has 1 inputs, and the standard demands 2" in str(found)

    def test_a_list_where_a_number_is_expected(self) -> None:
        made = typed(node("Conv", ["x", "w"], ["y"]), "group", AttributeProto.INTS, ints=[1, 2])
        found = outcome(one(made, weight("w", 3, 3, 1, 1), dims=(2, 3, 5, 5)))
        assert "attribute 'group' is of type INTS, and the standard has INT" in str(found)

    def test_a_text_where_a_number_is_expected(self) -> None:
        made = typed(node("Elu", ["x"], ["y"]), "alpha", AttributeProto.STRING, s=b"1.0")
        assert "is of type STRING, and the standard has FLOAT" in str(outcome(one(made)))

    def test_a_negative_dimension_of_a_weight(self) -> None:
        found = outcome(one(node("Add", ["x", "w"], ["y"]), weight("w", 2, -3)))
        assert "the shape (2, -3), of which a part is negative" in str(found)


class TestSizesAreWhatTheyAre:
    def test_products_do_not_wrap(self) -> None:
        # 2 rows of 2^63 - 1 elements times 8 columns: 16 (2^63 - 1) multiply-accumulates.
        made = one(node("MatMul", ["x", "w"], ["y"]), weight("w", LARGEST, 8), dims=(2, LARGEST))
        found = outcome(made)
        assert isinstance(found, Audit)
        assert found.profile.forward.macs == 16 * (2**63 - 1)
        # A weight of 8 (2^63 - 1) elements.
        assert found.profile.parameter_count == 8 * (2**63 - 1)

    def test_a_flattened_shape_does_not_wrap(self) -> None:
        nodes = [node("Flatten", ["x"], ["f"]), node("Relu", ["f"], ["y"])]
        found = outcome(model(nodes, [value("x", [2, 2**40, 2**40])], ["y"]))
        assert isinstance(found, Audit)
        # 2^81 elements read and written, of 4 bytes each.
        assert found.profile.forward.written_bytes == 4 * 2**81

    def test_an_initializer_of_terabytes(self) -> None:
        found = outcome(one(node("MatMul", ["x", "w"], ["y"]), weight("w", 4, 10**12)))
        assert isinstance(found, Audit)
        assert found.profile.parameter_count == 4 * 10**12

    def test_what_no_step_could_take(self) -> None:
        found = outcome(one(node("Relu", ["x"], ["y"]), dims=[LARGEST] * 20))
        assert "which none does; check its dimensions" in str(found)

    @pytest.mark.parametrize("op_type", ["ConstantOfShape", "Expand", "Tile", "Range"])
    def test_constants_of_a_trillion_elements_are_not_made(self, op_type: str) -> None:
        many = 10**12
        made, weights = {
            "ConstantOfShape": (["s"], [constant("s", [many])]),
            "Expand": (["k", "s"], [constant("k", [1]), constant("s", [many])]),
            "Tile": (["k", "s"], [constant("k", [1]), constant("s", [many])]),
            "Range": (
                ["a", "s", "d"],
                [constant("a", 0), constant("s", many), constant("d", 1)],
            ),
        }[op_type]
        nodes = [node(op_type, made, ["c"]), node("Cast", ["c"], ["f"], to=1)]
        nodes.append(node("Add", ["x", "f"], ["y"]))
        start = time.process_time()
        outcome(model(nodes, [value("x", [1])], ["y"], weights))
        assert time.process_time() - start < 2

    def test_small_constants_that_stretch_to_a_trillion(self) -> None:
        rows, columns = constant("a", [[1]] * 8000), constant("b", [1] * 8000)
        nodes = [node("Add", ["a", "b"], ["c"]), node("Unsqueeze", ["a", "o"], ["d"])]
        nodes += [node("Add", ["d", "c"], ["e"]), node("ReduceMax", ["e"], ["m"], keepdims=0)]
        nodes += [node("Cast", ["m"], ["f"], to=1), node("Add", ["x", "f"], ["y"])]
        outcome(model(nodes, [value("x", [1])], ["y"], [rows, columns, constant("o", [0])]))


class TestFunctionsEnd:
    def test_one_that_calls_itself(self) -> None:
        assert "'f' calls itself" in str(outcome(calling("f", function("f", "f"))))

    def test_a_ring_of_them(self) -> None:
        ring = function("f", "g"), function("g", "h"), function("h", "f")
        assert "calls itself, directly or through another" in str(outcome(calling("f", *ring)))

    def test_a_billion_laughs(self) -> None:
        laughs = [function(f"f{i}", f"f{i - 1}", f"f{i - 1}") for i in range(1, 61)]
        found = str(outcome(calling("f60", function("f0", "Relu"), *laughs)))
        # Calls are counted with what they stand for: 2^62 - 2 + 2^60 nodes.  f(n) has two nodes
        # and what both stand for: a(0) = 1, a(n) = 2 + 2 a(n - 1), so a(n) = 3 2^n - 2.
        assert f"come to {3 * 2**60 - 2} nodes" in found

    def test_calls_ten_thousand_deep(self) -> None:
        deep = [function(f"f{i}", f"f{i - 1}") for i in range(1, 9_000)]
        found = str(outcome(calling("f8999", function("f0", "Relu"), *deep)))
        assert "call each other 9000 deep" in found

    def test_more_than_onnx_takes(self) -> None:
        many = [function(f"f{i}", "Relu") for i in range(10_001)]
        found = outcome(calling("f0", *many))
        # Newer versions of onnx take no more than 10,000.
        assert not isinstance(found, str) or "cannot be inlined" in found


class TestLoopsEnd:
    def test_a_quintillion_trips_alike(self) -> None:
        body = graph(
            [node("Identity", ["c"], ["co"]), node("Relu", ["s"], ["so"])],
            [value("i", [], INT64), value("c", [], BOOL), value("s", [2, 4])],
            [value("co", [], BOOL), value("so", [2, 4])],
        )
        outcome(one(node("Loop", ["n", "", "x"], ["y"], body=body), constant("n", 10**18)))

    def test_loops_in_loops_that_grow(self) -> None:
        """Nine loops, one in the other: how often each runs is unknown, and that is said."""
        found = outcome(loop(8))
        assert not isinstance(found, str)
        assert [(u.op_type, u.count) for u in found.profile.unknown] == [("Loop", 9)]

    def test_a_body_without_outputs(self) -> None:
        body = graph([node("Identity", ["i"], ["o"])], [value("i", [], INT64)], [])
        made = one(node("Loop", ["n", "", "x"], ["y"], body=body, name="l"), constant("n", 3))
        assert "Loop node 'l' has a body without outputs" in str(outcome(made))

    def test_a_scan_of_more_inputs_than_there_are(self) -> None:
        body = graph([node("Identity", ["i"], ["o"])], [value("i", [4])], [value("o", [4])])
        made = node("Scan", ["x"], ["y"], body=body, num_scan_inputs=10**15, name="s")
        assert "Scan node 's' has 1 inputs, scans 1000000000000000" in str(outcome(one(made)))

    def test_a_sequence_of_a_trillion_tensors(self) -> None:
        nodes = [
            node("SplitToSequence", ["x"], ["q"]),
            node("ConcatFromSequence", ["q"], ["y"], axis=0),
        ]
        outcome(model(nodes, [value("x", [10**12])], ["y"]))


class TestNamesAndVersions:
    @pytest.mark.parametrize("opset", [0, 1, 10**9, 2**63 - 1, -1])
    def test_operator_sets_that_do_not_exist(self, opset: int) -> None:
        outcome(model([node("Relu", ["x"], ["y"])], [value("x", [2, 4])], ["y"], opset=opset))

    def test_names_that_are_no_utf8(self) -> None:
        made = model([node("Relu", ["x"], ["yyyy"])], [value("x", [2, 4])], ["yyyy"])
        assert "is not UTF-8" in str(outcome(not_utf8(made, b"yyyy")))
        made.opset_import.add(domain="dddd", version=1)
        assert "is not UTF-8" in str(outcome(not_utf8(made, b"dddd")))

    @pytest.mark.parametrize("name", ["\0", "a\0b", "\n", "n" * 10**6, "\u202e"])
    def test_odd_names(self, name: str) -> None:
        nodes = [node("Relu", ["x"], [name]), node("Relu", [name], ["y"], name=name)]
        assert isinstance(outcome(model(nodes, [value("x", [2, 4])], ["y"])), Audit)

    def test_an_attribute_of_a_hundred_megabytes(self) -> None:
        made = one(node("Relu", ["x"], ["y"], text="a" * 10**8))
        assert isinstance(outcome(made), Audit)

    def test_subgraphs_a_thousand_deep(self) -> None:
        # protobuf's own limit is 100 messages; three make a level.
        data = one(node("Relu", ["x"], ["y"])).graph.SerializeToString()
        for _ in range(1000):
            for field in (6, 5, 1):  # an attribute's graph, a node's attribute, a graph's node
                data = bytes([field << 3 | 2]) + length(len(data)) + data
        made = one(node("Relu", ["x"], ["y"]))
        whole = made.SerializeToString() + bytes([7 << 3 | 2]) + length(len(data)) + data
        assert "not an ONNX model" in str(outcome(whole))

    def test_values_made_twice_and_by_nothing_and_in_a_ring(self) -> None:
        twice = [node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["y"])]
        outcome(model(twice, [value("x", [2, 4])], ["y"]))
        assert "is made by nothing" in str(outcome(one(node("Relu", ["z"], ["y"]))))
        ring = [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])]
        assert "has a cycle" in str(outcome(model(ring, [value("x", [2, 4])], ["b"])))


def length(count: int) -> bytes:
    out = bytearray()
    while count >= 0x80:
        out.append(count & 0x7F | 0x80)
        count >>= 7
    return bytes([*out, count])


# Nodes that onnx 1.23's own shape inference ends the process by, or takes minutes for.
INFERRED = {
    "axis of LayerNormalization": (
        'node("LayerNormalization", ["x", "w"], ["y", "m", "i"], axis=10**12)',
        "(2, 4)",
        'weight("w", 4)',
    ),
    "batch of GatherND": (
        'node("GatherND", ["x", "w"], ["y"], batch_dims=-(10**6))',
        "(5, 3)",
        'constant("w", [[0, 1]])',
    ),
    "parts of Split": (
        'node("Split", ["x"], ["y", "z", "v"], axis=1, num_outputs=1)',
        "(1, 1, 7)",
        'weight("w", 4)',
    ),
    "memory of Split": (
        'node("Split", ["x"], ["y"], axis=0, num_outputs=2**62)',
        "(1, 1, 7)",
        'weight("w", 4)',
    ),
    "equation of Einsum": (
        'node("Einsum", ["x"], ["y"], equation="SAME_UPPER")',
        "(1, 5, 5, 1, 16, 1, 16, 3, 3)",
        'weight("w", 4)',
    ),
    "rank of Expand": (
        'node("Expand", ["x", "w"], ["y"])',
        "(3,)",
        'weight("w", 2**40, dtype=7)',
    ),
}


@pytest.mark.parametrize("case", INFERRED)
def test_what_ends_onnx_does_not_end_an_audit(case: str) -> None:
    made, dims, held = INFERRED[case]
    # In a process of its own: where it fails, that one ends.
    script = (
        "import sys; sys.path[:0] = ['tests', 'tests/hostile']\n"
        "from builders import *\nfrom hostile_models import outcome\n"
        f"outcome(model([{made}], [value('x', {dims})], ['y'], [{held}]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
