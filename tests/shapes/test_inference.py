"""Shapes through control flow, functions, shape arithmetic and operators nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from builders import (
    FLOAT,
    INT64,
    act,
    bound,
    constant,
    graph,
    model,
    node,
    par,
    profiled,
    shaped,
    single,
    value,
    values,
    weight,
)
from onnx import GraphProto, ModelProto, TensorProto

from auditor.errors import AuditError, ShapeError
from auditor.shapes import Basis, Given, ShapedGraph, dtype_bits, infer_shapes

BOOL = TensorProto.BOOL
X = np.ones((2, 3), np.float32)


def run(proto: ModelProto, **feeds: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, feeds)


def repeats(found: ShapedGraph) -> dict[str, int]:
    """How often each operator runs; relabelling, which costs nothing, aside."""
    return {op.op_type: op.repeats for op in found.operations if op.op_type != "Identity"}


def output_shapes(found: ShapedGraph) -> list[Any]:
    return [v.shape for v in found.outputs]


# --- If ---------------------------------------------------------------------------------


def branching(condition: TensorProto | None) -> ModelProto:
    """Two operators and shape (2, 1) if true, one and (2, 3) if false."""
    then = graph(
        [node("Relu", ["x"], ["t"]), node("ReduceSum", ["t", "last"], ["u"])],
        [],
        [value("u", None)],
    )
    other = graph([node("Neg", ["x"], ["v"])], [], [value("v", None)])
    tensors = [constant("last", [1])] + ([condition] if condition else [])
    inputs = [value("x", [2, 3])] + ([] if condition else [value("c", [], BOOL)])
    nodes = [node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    return model(nodes, inputs, [value("y", None)], tensors)


@pytest.mark.parametrize(("taken", "ops"), [(True, ["Relu", "ReduceSum"]), (False, ["Neg"])])
def test_a_known_condition_takes_its_branch(taken: bool, ops: list[str]) -> None:
    proto = branching(constant("c", taken, "bool"))
    found = shaped(proto)
    assert [op.op_type for op in found.operations] == ops
    assert output_shapes(found) == [run(proto, x=X)[0].shape]
    assert found.problems == ()


def test_an_unknown_condition_takes_the_branch_with_more_operators_and_says_so() -> None:
    proto = branching(None)
    found = shaped(proto)
    run_ops = [op.op_type for op in found.operations if op.repeats]
    assert run_ops == ["Relu", "ReduceSum"]
    # The other is in the file, with its parameters, but does not run.
    assert [op.op_type for op in found.operations if not op.repeats] == ["Neg"]
    assert output_shapes(found) == [run(proto, x=X, c=np.asarray(True))[0].shape]
    assert len(found.problems) == 1
    assert "the condition depends on data" in found.problems[0]


def test_a_condition_on_shapes_is_known() -> None:
    nodes = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"])]
    nodes += [node("Equal", ["n", "two"], ["c"]), *branching(None).graph.node]
    tensors = [constant("last", [1]), constant("zero", 0), constant("two", 2)]
    proto = model(nodes, [value("x", ["batch", 3])], [value("y", None)], tensors)
    assert output_shapes(shaped(proto, batch=2)) == [(2, 1)]  # 2 = 2: the sum
    assert output_shapes(shaped(proto, batch=5)) == [(5, 3)]


# --- Loop -------------------------------------------------------------------------------


def loop_body() -> GraphProto:
    """Carry c + x, and collect its double: two operators of arithmetic a trip."""
    nodes = [
        node("Add", ["c", "x"], ["c2"]),
        node("Mul", ["c2", "c2"], ["d"]),
        node("Identity", ["k"], ["k2"]),
    ]
    inputs = [value("i", [], INT64), value("k", [], BOOL), value("c", [2, 3])]
    return graph(nodes, inputs, [value("k2", [], BOOL), value("c2", [2, 3]), value("d", [2, 3])])


def looping(trips: TensorProto | None) -> ModelProto:
    inputs = [value("x", [2, 3])] + ([] if trips else [value("m", [], INT64)])
    nodes = [node("Loop", ["m", "", "x"], ["last", "all"], body=loop_body())]
    outputs = [value("last", None), value("all", None)]
    return model(nodes, inputs, outputs, [trips] if trips else [])


def test_a_loop_of_known_trips_repeats_its_body() -> None:
    proto = looping(constant("m", 5))
    found = shaped(proto)
    assert repeats(found) == {"Add": 5, "Mul": 5}
    assert output_shapes(found) == [(2, 3), (5, 2, 3)]
    assert output_shapes(found) == [a.shape for a in run(proto, x=X)]


def test_a_loop_of_unknown_trips_is_reported_and_not_counted() -> None:
    found = shaped(looping(None))
    assert repeats(found) == {"Loop": 1, "Add": 1, "Mul": 1}  # one trip, and the Loop unknown
    (size,) = found.data_sizes
    assert (size.op_type, size.basis, size.count) == ("Loop", Basis.UNKNOWN, None)


def test_a_loop_in_a_loop_multiplies() -> None:
    inner = node("Loop", ["m", "", "c"], ["c2"], body=inner_body())
    nodes = [inner, node("Identity", ["k"], ["k2"])]
    inputs = [value("i", [], INT64), value("k", [], BOOL), value("c", [2, 3])]
    body = graph(nodes, inputs, [value("k2", [], BOOL), value("c2", [2, 3])])
    proto = model(
        [node("Loop", ["n", "", "x"], ["y"], name="outer", body=body)],
        [value("x", [2, 3])],
        [value("y", None)],
        [constant("m", 3), constant("n", 4)],
    )
    found = shaped(proto)
    assert repeats(found)["Relu"] == 12  # 4 * 3
    assert output_shapes(found) == [run(proto, x=X)[0].shape]


def inner_body() -> GraphProto:
    nodes = [node("Relu", ["ic"], ["ic2"]), node("Identity", ["ik"], ["ik2"])]
    inputs = [value("ii", [], INT64), value("ik", [], BOOL), value("ic", [2, 3])]
    return graph(nodes, inputs, [value("ik2", [], BOOL), value("ic2", [2, 3])])


def test_a_loop_of_no_trips_carries_its_start() -> None:
    proto = looping(constant("m", 0))
    found = shaped(proto)
    assert repeats(found) == {"Add": 0, "Mul": 0}
    assert output_shapes(found) == [a.shape for a in run(proto, x=X)]


def test_a_loop_whose_condition_is_false_from_the_start_never_runs() -> None:
    nodes = [node("Loop", ["m", "never", "x"], ["last", "all"], body=loop_body())]
    outputs = [value("last", None), value("all", None)]
    tensors = [constant("m", 5), constant("never", False, "bool")]
    proto = model(nodes, [value("x", [2, 3])], outputs, tensors)
    assert output_shapes(shaped(proto)) == [a.shape for a in run(proto, x=X)]


def test_a_negative_number_of_trips_is_none() -> None:
    proto = looping(constant("m", -3))
    found = shaped(proto)
    assert repeats(found) == {"Add": 0, "Mul": 0}
    assert output_shapes(found) == [a.shape for a in run(proto, x=X)]


def test_a_while_loop_is_reported_and_not_counted() -> None:
    """Exporters write the largest integer as the trip count and let the condition end it."""
    found = shaped(looping(constant("m", 2**63 - 1)))
    assert repeats(found) == {"Loop": 1, "Add": 1, "Mul": 1}  # one trip, and the Loop unknown
    assert [s.basis for s in found.data_sizes] == [Basis.UNKNOWN]


def test_a_trip_count_without_an_element_is_reported() -> None:
    found = shaped(looping(constant("m", [])))
    assert repeats(found) == {"Loop": 1, "Add": 1, "Mul": 1}  # one trip, and the Loop unknown
    assert [s.basis for s in found.data_sizes] == [Basis.UNKNOWN]


# --- Scan -------------------------------------------------------------------------------


def scanning() -> ModelProto:
    nodes = [node("Add", ["s", "e"], ["s2"]), node("Neg", ["s2"], ["o"])]
    body = graph(nodes, [value("s", [3]), value("e", [3])], [value("s2", [3]), value("o", [3])])
    made = node("Scan", ["start", "x"], ["state", "all"], num_scan_inputs=1, body=body)
    inputs = [value("start", [3]), value("x", [7, 3])]
    return model([made], inputs, [value("state", None), value("all", None)])


def test_a_scan_repeats_once_an_element() -> None:
    proto = scanning()
    found = shaped(proto)
    assert repeats(found) == {"Add": 7, "Neg": 7}
    feeds = {"start": np.zeros(3, np.float32), "x": np.ones((7, 3), np.float32)}
    assert output_shapes(found) == [a.shape for a in run(proto, **feeds)]


def test_a_scan_along_another_axis() -> None:
    proto = scanning()
    scan = proto.graph.node[0]
    del proto.graph.input[1]
    proto.graph.input.append(value("x", [3, 7]))
    for name in ("scan_input_axes", "scan_output_axes"):
        scan.attribute.add(name=name, type=7).ints.append(1)
    found = shaped(proto)
    feeds = {"start": np.zeros(3, np.float32), "x": np.ones((3, 7), np.float32)}
    assert repeats(found) == {"Add": 7, "Neg": 7}
    assert output_shapes(found) == [a.shape for a in run(proto, **feeds)]


# --- random small networks against onnxruntime ------------------------------------------


def reshaping(batch: int) -> ModelProto:
    """The arithmetic of an exported attention: heads split by shapes taken at run time."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Gather", ["s", "one"], ["t"]),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Unsqueeze", ["t", "axis"], ["t1"]),
        node("Concat", ["n1", "t1", "heads"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["r"]),
        node("Transpose", ["r"], ["q"], perm=[0, 2, 1, 3]),
        node("Slice", ["q", "from", "to", "axis1", "step"], ["h"]),
        node("Expand", ["h", "more"], ["y"]),
    ]
    tensors = [constant("zero", 0), constant("one", 1), constant("axis", [0])]
    tensors += [constant("heads", [4, -1]), constant("from", [0]), constant("to", [-1])]
    tensors += [constant("axis1", [1]), constant("step", [2]), constant("more", [2, 1, 1, 1, 1])]
    outputs = [value("y", None)]
    return model(nodes, [value("x", [batch, 5, 8])], outputs, tensors)


@pytest.mark.parametrize("batch", [1, 3])
def test_shape_arithmetic_ends_in_the_shape_that_runs(batch: int) -> None:
    proto = reshaping(batch)
    # (b, 5, 8) -> (b, 5, 4, 2) -> (b, 4, 5, 2) -> heads 0 and 2 -> (2, b, 2, 5, 2)
    assert output_shapes(shaped(proto)) == [(2, batch, 2, 5, 2)]
    ran = run(proto, x=np.ones((batch, 5, 8), np.float32))
    assert output_shapes(shaped(proto)) == [ran[0].shape]


def test_what_depends_on_data_without_a_bound_is_unknown_and_not_invented() -> None:
    nodes = [node("Range", ["a", "n", "a"], ["y"], name="counting")]
    listed = [value("a", [], INT64), value("n", [], INT64)]
    found = shaped(model(nodes, listed, ["y"]))
    assert output_shapes(found) == [None]
    assert [(s.node, s.basis) for s in found.data_sizes] == [("counting", Basis.UNKNOWN)]


def test_an_operator_that_nobody_knows_leaves_unknown_shapes_behind() -> None:
    nodes = [node("Magic", ["x"], ["h"], domain="com.example"), node("Relu", ["h"], ["y"])]
    found = shaped(model(nodes, [value("x", [2, 3])], ["y"]))
    assert [v.shape for op in found.operations for v in op.outputs if v] == [None, None]


def test_the_files_own_statement_is_taken_where_inference_ends() -> None:
    nodes = [node("Magic", ["x"], ["h"], domain="com.example"), node("Relu", ["h"], ["y"])]
    proto = model(nodes, [value("x", ["batch", 3])], ["y"])
    proto.graph.value_info.append(value("h", ["batch", 9]))
    assert output_shapes(shaped(proto, batch=5)) == [(5, 9)]


def test_values_of_subgraphs_do_not_collide() -> None:
    """Both branches make a value named like one of the outer graph."""
    branch = graph([node("Relu", ["x"], ["h"])], [], [value("h", None)])
    then = [constant("c", True, "bool"), constant("k", [[9.0]], "float32")]
    nodes = [
        node("Add", ["x", "k"], ["h0"]),
        node("If", ["c"], ["r"], name="a", then_branch=branch, else_branch=branch),
        node("If", ["c"], ["s"], name="b", then_branch=branch, else_branch=branch),
        node("Add", ["r", "s"], ["y"]),
    ]
    found = shaped(model(nodes, [value("x", [2, 3])], ["y"], then))
    made = [v.name for op in found.operations for v in op.outputs if v is not None]
    assert len(made) == len(set(made)) == 4


@pytest.mark.parametrize("kind", ["If", "Loop"])
def test_nodes_of_the_same_name_do_not_collide_either(kind: str) -> None:
    """ONNX demands that values have names of their own, not that nodes have."""
    branch = graph([node("Relu", ["x"], ["h"])], [], [value("h", None)])
    made: dict[str, Any] = {
        "If": ({"then_branch": branch, "else_branch": branch}, ["c"], "rs"),
        "Loop": ({"body": loop_body()}, ["m", "", "x"], "rs"),
    }
    attributes, inputs, outputs = made[kind]
    nodes = [node(kind, inputs, [o], name="same", **attributes) for o in outputs]
    tensors = [constant("c", True, "bool"), constant("m", 2)]
    proto = model([*nodes, node("Add", ["r", "s"], ["y"])], [value("x", [2, 3])], ["y"], tensors)
    listed = [v.name for op in shaped(proto).operations for v in op.outputs if v is not None]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("kind", ["If", "Loop", "Identity"])
def test_nodes_without_outputs_are_no_crash(kind: str) -> None:
    branch = graph([node("Relu", ["x"], ["h"])], [], [value("h", None)])
    made: dict[str, Any] = {
        "If": node("If", ["c"], [], then_branch=branch, else_branch=branch),
        "Loop": node("Loop", ["m", "", "x"], [], body=loop_body()),
        "Identity": node("Identity", ["m"], []),
    }
    tensors = [constant("c", True, "bool"), constant("m", 2)]
    proto = model([made[kind], node("Relu", ["x"], ["y"])], [value("x", [2, 3])], ["y"], tensors)
    assert profiled(proto).coverage == 1.0


def test_the_files_own_statement_may_be_an_expression() -> None:
    nodes = [node("Magic", ["x"], ["h"], domain="com.example"), node("Relu", ["h"], ["y"])]
    proto = model(nodes, [value("x", ["batch", "s"])], ["y"])
    proto.graph.value_info.append(value("h", ["batch", "s + 1"]))
    assert output_shapes(shaped(proto, batch=5, dims={"s": 4})) == [(5, 5)]


# --- nodes that do not fit their schema -------------------------------------------------


def unlike_the_schema(**changes: Any) -> ModelProto:
    made = node("Softmax", ["x"], ["y"], **changes.get("attributes", {}))
    made.input.extend(changes.get("inputs", []))
    return model([made], [value("x", [2, 3])], ["y"])


@pytest.mark.parametrize(
    "proto",
    [
        unlike_the_schema(attributes={"is_training": 1}),
        unlike_the_schema(inputs=["x", "x"]),
        model([node("Reshape", ["x", "x"], ["y"])], [value("x", [2])], ["y"], opset=1),
    ],
    ids=["unknown attribute", "too many inputs", "older operator set"],
)
def test_a_node_that_does_not_fit_its_schema_has_an_unknown_shape(proto: ModelProto) -> None:
    assert output_shapes(shaped(proto)) == [None]


@pytest.mark.parametrize("op_type", ["If", "Loop", "Scan"])
def test_control_flow_without_a_body_is_refused(op_type: str) -> None:
    proto = model([node(op_type, ["x"], ["y"])], [value("x", [2, 3])], ["y"])
    with pytest.raises(AuditError):
        infer_shapes(*bound(proto))


# --- com.microsoft ----------------------------------------------------------------------

MS = "com.microsoft"
ATTENTION = [act(2, 5, 12), par(12, 36), par(36)]
UINT8 = TensorProto.UINT8


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes", "shape"),
    [
        ("Attention", ATTENTION, {"num_heads": 3}, (2, 5, 12)),
        ("Attention", ATTENTION, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 20]}, (2, 5, 20)),
        (
            "MultiHeadAttention",
            [act(2, 5, 12), act(2, 7, 12), act(2, 7, 18)],
            {"num_heads": 3},
            (2, 5, 18),
        ),
        ("MultiHeadAttention", [act(2, 5, 3, 3, 4)], {"num_heads": 3}, (2, 5, 12)),
        ("FusedMatMul", [act(2, 5, 3), act(2, 5, 4)], {"transA": 1}, (2, 3, 4)),
        ("FusedMatMul", [act(2, 3, 5), act(4, 5)], {"transB": 1}, (2, 3, 4)),
        ("MatMulNBits", [act(2, 5, 64), par(32, 2, 16, dtype=UINT8)], {"N": 32}, (2, 5, 32)),
        ("BiasSplitGelu", [act(2, 5, 12), par(12)], {}, (2, 5, 6)),
        ("BiasGelu", [act(2, 5, 12), par(12)], {}, (2, 5, 12)),
        ("SkipLayerNormalization", [act(2, 5, 12), act(2, 5, 12), par(12)], {}, (2, 5, 12)),
        ("FusedConv", [act(2, 3, 9, 9), par(8, 3, 3, 3)], {"activation": "Relu"}, (2, 8, 7, 7)),
        (
            "GroupQueryAttention",
            [act(2, 5, 16), act(2, 5, 8), act(2, 5, 8)],
            {"num_heads": 4, "kv_num_heads": 2},
            (2, 5, 16),
        ),
        # packed: 4 query heads and 2 key and 2 value heads of 4 elements are 32 wide
        (
            "GroupQueryAttention",
            [act(2, 5, 32)],
            {"num_heads": 4, "kv_num_heads": 2},
            (2, 5, 16),
        ),
    ],
)
def test_shapes_of_fused_operators(
    op_type: str, inputs: list[Any], attributes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    out = single(op_type, inputs, domain=MS, **attributes).outputs[0]
    assert out is not None
    assert (out.shape, out.dtype) == (shape, "float32")


def test_shapes_of_embedding_with_normalization() -> None:
    ids = act(2, 5, dtype=TensorProto.INT32)
    inputs = [ids, ids, par(100, 8), par(16, 8), par(2, 8), par(8), par(8)]
    op = single("EmbedLayerNormalization", inputs, outputs=3, domain=MS)
    assert [v.shape for v in op.outputs if v] == [(2, 5, 8), (2,), (2, 5, 8)]


# --- element sizes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("float32", 32),
        ("float16", 16),
        ("bfloat16", 16),
        ("float64", 64),
        ("float8_e4m3fn", 8),
        ("float4_e2m1fn", 4),
        ("int64", 64),
        ("uint8", 8),
        ("int4", 4),
        ("bool", 8),
        ("complex64", 64),
        (None, 32),
    ],
)
def test_bits_of_an_element(dtype: str | None, bits: int) -> None:
    assert dtype_bits(dtype) == bits


def test_bytes_of_packed_elements_round_up() -> None:
    proto = model([node("Identity", ["x"], ["y"])], [value("x", [3], TensorProto.INT4)], ["y"])
    assert values(shaped(proto))["y"].bytes == 2  # 3 * 4 bits = 12 bits


def test_types_follow_the_operator() -> None:
    proto = model([node("Cast", ["x"], ["y"], to=10)], [value("x", [3], FLOAT)], ["y"])
    assert values(shaped(proto))["y"].dtype == "float16"


# --- sizes that the data decides ----------------------------------------------------------


def found_sizes(proto: ModelProto, **given: Any) -> tuple[list[Any], list[Any]]:
    """Basis and count of every size that the data decides, and the outputs' shapes."""
    found = infer_shapes(*bound(proto), Given(**given))
    return [(s.basis, s.count) for s in found.data_sizes], output_shapes(found)


def counting_non_zero() -> ModelProto:
    return model([node("NonZero", ["x"], ["y"], name="nz")], [value("x", [2, 3])], ["y"])


def test_non_zero_is_bounded_by_every_element() -> None:
    # 2 axes, at most 2 * 3 elements
    assert found_sizes(counting_non_zero()) == ([(Basis.UPPER_BOUND, 6)], [(2, 6)])


@pytest.mark.parametrize("name", ["nz", "y"])
def test_an_assumption_names_the_node_or_its_output(name: str) -> None:
    found = found_sizes(counting_non_zero(), assumed={name: (4,)})
    assert found == ([(Basis.ASSUMED, 4)], [(2, 4)])


def test_an_assumption_about_nothing_names_what_there_is() -> None:
    with pytest.raises(ShapeError, match=r"--assume other: .*the model has: nz"):
        found_sizes(counting_non_zero(), assumed={"other": (4,)})


def test_what_a_run_showed_goes_before_what_is_assumed() -> None:
    found = found_sizes(counting_non_zero(), assumed={"nz": (4,)}, traced={"y": (2, 5)})
    assert found == ([(Basis.TRACED, None)], [(2, 5)])


def test_boxes_kept_are_bounded_by_what_is_asked_for() -> None:
    nodes = [node("NonMaxSuppression", ["b", "s", "most"], ["y"])]
    listed = [value("b", [2, 50, 4]), value("s", [2, 3, 50])]
    proto = model(nodes, listed, ["y"], [constant("most", [10])])
    # 2 images, 3 classes, 10 boxes of each
    assert found_sizes(proto) == ([(Basis.UPPER_BOUND, 60)], [(60, 3)])


def test_an_assumed_number_of_trips_is_counted() -> None:
    found = infer_shapes(*bound(looping(None)), Given(assumed={"last": (7,)}))
    assert repeats(found) == {"Add": 7, "Mul": 7}
    assert [(s.basis, s.count) for s in found.data_sizes] == [(Basis.ASSUMED, 7)]


def growing() -> ModelProto:
    """Each trip appends a row: 1, 2, 3 rows."""
    body = graph(
        [node("Concat", ["c", "x"], ["c2"], axis=0), node("Identity", ["k"], ["k2"])],
        [value("i", [], INT64), value("k", [], BOOL), value("c", None)],
        [value("k2", [], BOOL), value("c2", None)],
    )
    nodes = [node("Loop", ["m", "", "x"], ["y"], body=body)]
    return model(nodes, [value("x", [1, 3])], [value("y", None)], [constant("m", 3)])


def test_a_state_that_grows_is_walked_trip_by_trip() -> None:
    proto = growing()
    found = shaped(proto)
    made = [op.result.shape for op in found.operations if op.op_type == "Concat"]
    assert made == [(2, 3), (3, 3), (4, 3)]
    assert output_shapes(found) == [run(proto, x=X[:1])[0].shape]


def test_a_loop_that_known_numbers_end_runs_as_often_as_they_say() -> None:
    """While i < 4: i = i + 1, from 0."""
    body = graph(
        [
            node("Add", ["c", "one"], ["c2"]),
            node("Less", ["c2", "four"], ["k2"]),
            node("Relu", ["x"], ["r"]),
        ],
        [value("i", [], INT64), value("k", [], BOOL), value("c", [], INT64)],
        [value("k2", [], BOOL), value("c2", [], INT64), value("r", [2, 3])],
    )
    nodes = [node("Loop", ["", "go", "zero"], ["last", "all"], body=body)]
    tensors = [constant("zero", 0), constant("one", 1), constant("four", 4)]
    tensors.append(constant("go", True, "bool"))
    outputs = [value("last", [], INT64), value("all", None)]
    proto = model(nodes, [value("x", [2, 3])], outputs, tensors)
    found = shaped(proto)
    assert sum(op.op_type == "Relu" for op in found.operations) == 4
    assert output_shapes(found) == [a.shape for a in run(proto, x=X)] == [(), (4, 2, 3)]


def test_a_sequence_is_followed_tensor_by_tensor() -> None:
    nodes = [
        node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=1),
        node("SequenceInsert", ["s", "x"], ["longer"]),
        node("ConcatFromSequence", ["longer"], ["y"], axis=1),
        node("SequenceLength", ["longer"], ["n"]),
    ]
    proto = model(nodes, [value("x", [2, 3])], ["y", value("n", [], INT64)])
    found = shaped(proto)
    # three columns of (2, 1), then (2, 3): six columns in four tensors
    assert output_shapes(found) == [a.shape for a in run(proto, x=X)] == [(2, 6), ()]
    assert int(values(found)["n"].data) == 4


def test_shapes_that_only_a_consumer_tells() -> None:
    nodes = [
        node("Magic", ["x"], ["h"], domain="com.example"),
        node("MatMul", ["h", "w"], ["p"]),
        node("Add", ["p", "b"], ["q"]),
        node("Relu", ["q"], ["y"]),
    ]
    tensors = [weight("w", 5, 7), weight("b", 7)]
    proto = model(nodes, [value("x", [2, 3])], [value("y", [2, 4, 7])], tensors)
    assert values(shaped(proto))["h"].shape == (2, 4, 5)
