"""Folding of shape arithmetic agrees with onnxruntime, operator by operator."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from builders import loaded, model, node, value
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from auditor.graph import Node
from auditor.shapes.folding import _FOLDS, MAX_ELEMENTS, fold

# Inputs, attributes, and the operator set that the node is written in.
Case = tuple[list[np.ndarray], dict[str, Any], int]
Draw = Callable[[Any], Any]
INTS = st.integers(-9, 9)
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, max_side=4)


def ints(shape: Any = SHAPES, elements: Any = INTS) -> Any:
    return npst.arrays(np.int64, shape, elements=elements)


def floats(shape: Any = SHAPES, low: float = -8, high: float = 8) -> Any:
    return npst.arrays(np.float32, shape, elements=st.floats(low, high, width=16))


def numbers(shape: Any = SHAPES) -> Any:
    return st.one_of(ints(shape), floats(shape))


def unary(strategy: Any) -> Any:
    return strategy.map(lambda a: ([a], {}, 22))


@st.composite
def binary(draw: Draw, kind: str = "number", divisor: bool = False) -> Case:
    shapes = draw(npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    left, right = shapes.input_shapes
    if kind == "bool":
        return [draw(npst.arrays(np.bool_, s)) for s in (left, right)], {}, 22
    make = draw(st.sampled_from([ints, floats])) if kind == "number" else ints
    a, b = draw(make(left)), draw(make(right))
    if divisor:
        b = np.where(b == 0, np.asarray(3, b.dtype), b)
    return [a, b], {}, 22


@st.composite
def modulo(draw: Draw) -> Case:
    (a, b), _, opset = draw(binary(kind="number", divisor=True))
    fmod = 1 if a.dtype.kind == "f" else draw(st.sampled_from([0, 1]))
    return [a, b], {"fmod": fmod}, opset


@st.composite
def power(draw: Draw) -> Case:
    shape = draw(SHAPES)
    return [draw(ints(shape)), draw(ints(shape, st.integers(0, 4)))], {}, 22


@st.composite
def nary(draw: Draw, kinds: Sequence[Any] = (ints, floats)) -> Case:
    shapes = draw(npst.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3))
    make = draw(st.sampled_from(kinds))
    return [draw(make(s)) for s in shapes.input_shapes], {}, 22


@st.composite
def clip(draw: Draw) -> Case:
    """Between two bounds, either of which may be an attribute (before operator set 11)."""
    data = draw(floats())
    low, high = sorted(draw(st.tuples(st.floats(-4, 4, width=16), st.floats(-4, 4, width=16))))
    if draw(st.booleans()):
        return [data], {"min": low, "max": high}, 6
    return [data, np.asarray(low, np.float32), np.asarray(high, np.float32)], {}, 22


@st.composite
def where(draw: Draw) -> Case:
    shapes = draw(npst.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3))
    condition, left, right = shapes.input_shapes
    return [draw(npst.arrays(np.bool_, condition)), draw(ints(left)), draw(ints(right))], {}, 22


@st.composite
def gather(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    axis = draw(st.integers(-data.ndim, data.ndim - 1))
    size = data.shape[axis]
    indices = draw(ints(elements=st.integers(-size, size - 1)))
    return [data, indices], {"axis": axis}, 22


@st.composite
def cut(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=3, max_side=5)))
    axes = draw(st.permutations(range(data.ndim)))[: draw(st.integers(1, data.ndim))]
    starts, ends, steps = [], [], []
    for axis in axes:
        step = draw(st.sampled_from([1, 2, 3, -1, -2]))
        low = 0 if step > 0 else -data.shape[axis]  # see test_start_before_the_first_element
        starts.append(draw(st.integers(low - (step > 0), 6)))
        # The largest number means "to the end"; backwards the specification has the smallest.
        far = st.sampled_from([2**63 - 1, 2**31 - 1] if step > 0 else [-(2**63)])
        ends.append(draw(st.one_of(st.integers(-7, 7), far)))
        steps.append(step)
    named = [a - data.ndim if draw(st.booleans()) else a for a in axes]
    return [data, *(np.asarray(v, np.int64) for v in (starts, ends, named, steps))], {}, 22


@st.composite
def concat(draw: Draw) -> Case:
    shape = list(draw(npst.array_shapes(min_dims=1, max_dims=3, max_side=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = draw(st.integers(0, 3))
        parts.append(draw(ints(tuple(shape))))
    return parts, {"axis": axis}, 22


@st.composite
def unsqueeze(draw: Draw) -> Case:
    data, more = draw(ints()), draw(st.integers(1, 2))
    rank = data.ndim + more
    axes = draw(st.permutations(range(rank)))[:more]
    axes = [a - rank if draw(st.booleans()) else a for a in axes]
    if draw(st.booleans()):
        return [data, np.asarray(axes, np.int64)], {}, 22
    return [data], {"axes": axes}, 11


@st.composite
def squeeze(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=4, max_side=2)))
    ones = [i for i, d in enumerate(data.shape) if d == 1]
    if not ones or draw(st.booleans()):
        return [data], {}, 22
    axes = [a - data.ndim if draw(st.booleans()) else a for a in ones[:2]]
    if draw(st.booleans()):
        return [data, np.asarray(axes, np.int64)], {}, 22
    return [data], {"axes": axes}, 11


@st.composite
def reshape(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    wanted = list(draw(st.permutations(data.shape)))
    if draw(st.booleans()):
        wanted[draw(st.integers(0, len(wanted) - 1))] = -1
    if draw(st.booleans()) and wanted[0] == data.shape[0]:
        wanted[0] = 0
    return [data, np.asarray(wanted, np.int64)], {}, 22


@st.composite
def expand(draw: Draw) -> Case:
    shapes = draw(npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    data, wanted = shapes.input_shapes
    return [draw(ints(data)), np.asarray(wanted, np.int64)], {}, 22


@st.composite
def ranges(draw: Draw) -> Case:
    dtype = draw(st.sampled_from([np.int64, np.float32]))
    steps = [1, 2, -1, -3] if dtype is np.int64 else [0.5, 1, -0.25]
    start, limit = draw(st.integers(-9, 9)), draw(st.integers(-9, 9))
    step = draw(st.sampled_from(steps))
    return [np.asarray(v, dtype) for v in (start, limit, step)], {}, 22


@st.composite
def split(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=2, min_side=3, max_side=9)))
    axis = draw(st.integers(-data.ndim, data.ndim - 1))
    size, first = data.shape[axis], draw(st.integers(0, data.shape[axis]))
    way = draw(st.sampled_from(["input", "attribute", "equal"]))
    if way == "input":
        return [data, np.asarray([first, size - first], np.int64)], {"axis": axis}, 22
    if way == "attribute":
        return [data], {"axis": axis, "split": [first, size - first]}, 11
    assume(size % 2 == 0)
    return [data], {"axis": axis, "num_outputs": 2}, 22


@st.composite
def transpose(draw: Draw) -> Case:
    data = draw(ints())
    if draw(st.booleans()) or data.ndim == 0:
        return [data], {}, 22
    return [data], {"perm": draw(st.permutations(range(data.ndim)))}, 22


@st.composite
def tile(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=3, max_side=3)))
    return [data, draw(ints((data.ndim,), st.integers(0, 3)))], {}, 22


@st.composite
def cast(draw: Draw) -> Case:
    to = draw(st.sampled_from([1, 5, 6, 7, 9, 10, 11]))
    return [draw(numbers())], {"to": to}, 22


@st.composite
def filled(draw: Draw) -> Case:
    shape = draw(npst.arrays(np.int64, st.integers(1, 3), elements=st.integers(0, 4)))
    if draw(st.booleans()):
        return [shape], {}, 22
    kind, fill = draw(st.sampled_from([(TensorProto.INT64, 7), (TensorProto.BOOL, 1)]))
    return [shape], {"value": helper.make_tensor("v", kind, [1], [fill])}, 22


@st.composite
def constant(draw: Draw) -> Case:
    data = draw(numbers())
    whole, real = draw(INTS), draw(st.floats(-4, 4, width=16))
    tensor = helper.make_tensor("v", helper.np_dtype_to_tensor_dtype(data.dtype), data.shape, data)
    choices = [
        {"value": tensor},
        {"value_int": whole},
        {"value_ints": [whole, 3]},
        {"value_float": real},
        {"value_floats": [real, 0.5]},
    ]
    return [], draw(st.sampled_from(choices)), 22


@st.composite
def reduced(draw: Draw) -> Case:
    data = draw(ints(npst.array_shapes(min_dims=1, max_dims=3, max_side=3)))
    axes = draw(st.permutations(range(data.ndim)))[: draw(st.integers(1, data.ndim))]
    axes = [a - data.ndim if draw(st.booleans()) else a for a in axes]
    attributes: dict[str, Any] = {"keepdims": draw(st.sampled_from([0, 1]))}
    way = draw(st.sampled_from(["input", "attribute", "all", "noop"]))
    if way == "attribute":
        return [data], attributes | {"axes": axes}, 11
    if way == "input":
        return [data, np.asarray(axes, np.int64)], attributes, 20
    return [data], attributes | ({"noop_with_empty_axes": 1} if way == "noop" else {}), 20


CASES: dict[str, Any] = {
    "Constant": constant(),
    "ConstantOfShape": filled(),
    "Identity": unary(numbers()),
    "Cast": cast(),
    "CastLike": st.tuples(numbers(), numbers()).map(lambda p: (list(p), {}, 22)),
    "Gather": gather(),
    "Slice": cut(),
    "Concat": concat(),
    "Unsqueeze": unsqueeze(),
    "Squeeze": squeeze(),
    "Reshape": reshape(),
    "Expand": expand(),
    "Range": ranges(),
    "Split": split(),
    "Transpose": transpose(),
    "Tile": tile(),
    "Where": where(),
    "Size": unary(numbers()),
    **{op: binary() for op in ("Add", "Sub", "Mul")},
    "Div": binary(divisor=True),
    "Mod": modulo(),
    "Pow": power(),
    **{op: unary(numbers()) for op in ("Neg", "Abs", "Sign", "Relu")},
    **{op: unary(floats()) for op in ("Floor", "Ceil", "Round", "Exp")},
    **{op: unary(floats(low=0.25)) for op in ("Sqrt", "Log", "Reciprocal")},
    **{op: nary() for op in ("Min", "Max")},
    "Clip": clip(),
    "Sum": nary([floats]),  # defined for floating point only
    **{op: binary() for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    **{op: binary("bool") for op in ("And", "Or", "Xor")},
    "Not": unary(npst.arrays(np.bool_, SHAPES)),
    **{op: reduced() for op in ("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin")},
}


def test_every_operator_that_folds_is_compared() -> None:
    assert set(CASES) == set(_FOLDS)


def expected(op_type: str, case: Case, outputs: int) -> list[np.ndarray]:
    """What onnxruntime computes, or onnx's reference where it has no kernel for the types."""
    inputs, attributes, opset = case
    names = [f"i{k}" for k in range(len(inputs))]
    outs = [f"o{k}" for k in range(outputs)]
    listed = [
        value(n, a.shape, helper.np_dtype_to_tensor_dtype(a.dtype))
        for n, a in zip(names, inputs, strict=True)
    ]
    proto = model([node(op_type, names, outs, **attributes)], listed, outs, opset=opset)
    feeds = dict(zip(names, inputs, strict=True))
    try:
        session = ort.InferenceSession(proto.SerializeToString(), OPTIONS)
    except (ort.capi.onnxruntime_pybind11_state.NotImplemented, RuntimeError):
        return ReferenceEvaluator(proto).run(None, feeds)
    return session.run(None, feeds)


OPTIONS = ort.SessionOptions()
OPTIONS.log_severity_level = 4
OPTIONS.intra_op_num_threads = 1
OPTIONS.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL


def folded(op_type: str, case: Case, outputs: int) -> tuple[np.ndarray, ...] | None:
    return fold(read(op_type, case, outputs), case[0])


def read(op_type: str, case: Case, outputs: int) -> Node:
    inputs, attributes, opset = case
    names = [f"i{k}" for k in range(len(inputs))]
    made = node(op_type, names, [f"o{k}" for k in range(outputs)], **attributes)
    proto = model([made], [value(n, None) for n in names], ["o0"], opset=opset)
    return loaded(proto).graph.nodes[0]


def require_same(op_type: str, case: Case, outputs: int = 1) -> None:
    mine = folded(op_type, case, outputs)
    theirs = expected(op_type, case, outputs)
    assert mine is not None
    assert [(a.dtype, a.shape) for a in mine] == [(a.dtype, a.shape) for a in theirs]
    for left, right in zip(mine, theirs, strict=True):
        if left.dtype.kind == "f":
            np.testing.assert_allclose(left, right, rtol=1e-5)
        else:
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("op_type", sorted(CASES))
@settings(max_examples=25)
@given(data=st.data())
def test_folding_agrees_with_onnxruntime(op_type: str, data: st.DataObject) -> None:
    require_same(op_type, data.draw(CASES[op_type]), 2 if op_type == "Split" else 1)


ROW = np.arange(7)


def test_pieces_of_an_uneven_split() -> None:
    # ceil(7 / 3) = 3, 3, and what is left: 1
    require_same("Split", ([ROW], {"num_outputs": 3}, 22), 3)


def test_start_before_the_first_element() -> None:
    # walking backwards, a start before the first element is moved to it: [0]
    bounds = [np.asarray([v]) for v in (-20, -(2**63), 0, -1)]
    require_same("Slice", ([ROW, *bounds], {}, 22))


def test_an_empty_list_of_axes_means_all() -> None:
    axes = np.zeros(0, np.int64)
    require_same("ReduceSum", ([ROW, axes], {"keepdims": 0}, 22))
    require_same("ReduceSum", ([ROW, axes], {"noop_with_empty_axes": 1}, 22))


def test_division_of_large_integers_is_exact() -> None:
    require_same("Div", ([np.asarray([2**62 + 1]), np.asarray([1])], {}, 22))


def test_slices_written_as_attributes() -> None:
    # rows 1 to 5 of 7, the form of operator sets below 10
    mine = folded("Slice", ([ROW], {"starts": [1], "ends": [5], "axes": [0]}, 9), 1)
    assert mine is not None
    assert mine[0].tolist() == [1, 2, 3, 4]


def test_zero_is_a_size_where_it_is_allowed() -> None:
    case: Case = ([np.zeros((0, 3)), np.asarray([3, 0])], {"allowzero": 1}, 22)
    require_same("Reshape", case)


@pytest.mark.parametrize(
    ("op_type", "inputs"),
    [
        ("Add", [np.zeros(MAX_ELEMENTS + 1), np.zeros(1)]),
        ("ConstantOfShape", [np.asarray([10**6, 10**6])]),
        ("Expand", [np.zeros(1), np.asarray([10**6, 10**6])]),
        ("Range", [np.asarray(0), np.asarray(10**12), np.asarray(1)]),
    ],
)
def test_what_is_too_large_for_a_shape_is_left_alone(op_type: str, inputs: Any) -> None:
    assert folded(op_type, (inputs, {}, 22), 1) is None


def test_a_small_tile_that_would_become_large_is_never_made() -> None:
    tracemalloc.start()
    found = folded("Tile", ([np.zeros((1, 1)), np.asarray([3000, 3000])], {}, 22), 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is None
    assert peak < 1_000_000  # 9 million elements of 8 bytes would be 72 million


def test_a_range_without_a_step_is_left_to_inference() -> None:
    zero = np.asarray(0)
    assert folded("Range", ([zero, zero, zero], {}, 22), 1) is None


def test_a_missing_second_input_is_left_to_inference() -> None:
    assert fold(read("Unsqueeze", ([ROW, ROW], {}, 22), 1), [ROW, None]) is not None
    assert fold(read("CastLike", ([ROW, ROW], {}, 22), 1), [ROW, None]) is None


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes"),
    [
        ("Reshape", [ROW, np.asarray([5, 5])], {}),
        ("Gather", [ROW, np.asarray([70])], {}),
        ("Concat", [ROW, np.zeros((2, 2), np.int64)], {"axis": 0}),
        ("Concat", [ROW], {}),
        ("Cast", [ROW], {"to": 99}),
        ("Squeeze", [ROW, np.asarray([0])], {}),
        ("Transpose", [ROW], {"perm": [1, 0]}),
    ],
)
def test_what_cannot_be_computed_is_left_to_inference(
    op_type: str, inputs: Any, attributes: dict[str, Any]
) -> None:
    assert folded(op_type, (inputs, attributes, 22), 1) is None


def test_operators_of_other_domains_do_not_fold() -> None:
    made = read("Add", ([ROW, ROW], {"domain": "com.example"}, 22), 1)
    assert fold(made, [ROW, ROW]) is None
