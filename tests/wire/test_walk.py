"""Cutting weights out of the serialized bytes leaves all the rest as it was."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from builders import FLOAT, INT64, constant, graph, model, node, value, weight
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from auditor.wire import KEPT_INTEGER_BYTES, VERBATIM_BYTES, WireError, without_weights

BIG = 1500  # elements; 6000 bytes of float32


def cut(proto: ModelProto) -> ModelProto:
    return ModelProto.FromString(without_weights(memoryview(proto.SerializeToString())))


def dense(name: str, elements: int = BIG) -> TensorProto:
    return constant(name, np.arange(elements), "float32")


def typed(field: str, data_type: int) -> TensorProto:
    """A tensor whose elements are in a typed field instead of raw_data."""
    tensor = TensorProto(name="w", data_type=data_type, dims=[BIG])
    getattr(tensor, field).extend([1] * BIG)
    return tensor


def with_weight(tensor: TensorProto) -> ModelProto:
    return model([node("Add", ["x", "w"], ["y"])], [value("x", [BIG])], ["y"], [tensor])


def payload(tensor: TensorProto) -> int:
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
    return len(tensor.raw_data) + sum(len(getattr(tensor, f)) for f in fields)


@pytest.mark.parametrize(
    "tensor",
    [
        dense("w"),
        typed("float_data", FLOAT),
        typed("double_data", TensorProto.DOUBLE),
        typed("int32_data", TensorProto.FLOAT16),
    ],
    ids=["raw_data", "float_data", "double_data", "half in int32_data"],
)
def test_large_weights_lose_their_elements_and_nothing_else(tensor: TensorProto) -> None:
    kept = cut(with_weight(tensor)).graph.initializer[0]
    assert payload(kept) == 0
    assert (kept.name, kept.data_type, list(kept.dims)) == ("w", tensor.data_type, [BIG])
    assert kept.data_location == TensorProto.EXTERNAL


def test_a_model_of_small_tensors_is_kept_byte_for_byte() -> None:
    proto = with_weight(dense("w", 4))
    assert without_weights(memoryview(proto.SerializeToString())) == proto.SerializeToString()


# float32 takes 4 bytes an element, int64 8; a field's head adds 3 bytes to the payload.
@pytest.mark.parametrize(
    ("dtype", "width", "limit"),
    [("float32", 4, VERBATIM_BYTES), ("int64", 8, KEPT_INTEGER_BYTES), ("bool", 1, 8192)],
)
@pytest.mark.parametrize("over", [False, True])
def test_limit_up_to_which_elements_are_kept(
    dtype: str, width: int, limit: int, *, over: bool
) -> None:
    elements = limit // width + (1 if over else -4 // width - 1)
    proto = with_weight(constant("w", np.ones(elements), dtype))
    kept = cut(proto).graph.initializer[0]
    assert (payload(kept) == 0) is over


def test_the_limits_are_those_documented() -> None:
    assert (VERBATIM_BYTES, KEPT_INTEGER_BYTES) == (1024, 8192)


def test_weights_in_attributes_subgraphs_functions_and_sparse_tensors_are_left_out() -> None:
    branch = graph([node("Identity", ["bw"], ["b"])], [], ["b"], [dense("bw")])
    nodes = [
        node("Constant", [], ["c"], value=dense("cw")),
        node("If", ["cond"], ["r"], then_branch=branch, else_branch=branch),
        node("F", ["c"], ["f"], domain="local"),
    ]
    proto = model(nodes, [value("cond", [], TensorProto.BOOL)], ["r", "f"])
    body = [node("Constant", [], ["k"], value=dense("fw")), node("Add", ["a", "k"], ["o"])]
    imports = [helper.make_opsetid("", 22)]
    proto.functions.append(helper.make_function("local", "F", ["a"], ["o"], body, imports))
    sparse = helper.make_sparse_tensor(dense("sw"), constant("at", np.arange(BIG)), [BIG, 1])
    proto.graph.sparse_initializer.append(sparse)
    kept = cut(proto)
    inner = [
        kept.graph.node[0].attribute[0].t,
        *(a.g.initializer[0] for a in kept.graph.node[1].attribute),
        kept.functions[0].node[0].attribute[0].t,
        kept.graph.sparse_initializer[0].values,
    ]
    assert [t.name for t in inner] == ["cw", "bw", "bw", "fw", "sw"]
    assert [payload(t) for t in inner] == [0] * 5
    assert [list(t.dims) for t in inner] == [[BIG]] * 5


def test_documentation_is_dropped_once_it_is_long() -> None:
    proto = with_weight(dense("w"))
    proto.doc_string = "x" * 5000
    proto.graph.doc_string = "y" * 5000
    kept = cut(proto)
    assert (kept.doc_string, kept.graph.doc_string) == ("", "")
    assert kept.graph.node[0].op_type == "Add"


def test_the_rest_equals_what_onnx_reads() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"], name="first"), node("Relu", ["h"], ["y"])]
    proto = model(nodes, [value("x", ["batch", 40])], ["y"], [dense("w", 40 * 40)])
    proto.graph.initializer[0].dims[:] = [40, 40]
    proto.graph.value_info.append(value("h", ["batch", 40]))
    proto.metadata_props.add(key="k", value="v")
    kept = cut(proto)
    assert kept.graph.initializer[0].dims == [40, 40]
    for each in (kept, proto):
        del each.graph.initializer[:]
    assert kept == proto


def test_external_data_keeps_its_place() -> None:
    kept = cut(with_weight(weight("w", BIG)))
    assert kept == with_weight(weight("w", BIG))


DTYPES = st.sampled_from(["float32", "float64", "float16", "int64", "int32", "uint8", "bool"])
INITIALIZERS = st.lists(st.tuples(DTYPES, st.integers(0, 2500)), min_size=1, max_size=4)


@given(INITIALIZERS)
def test_dimensions_types_and_names_survive(tensors: list[tuple[str, int]]) -> None:
    made = [constant(f"w{i}", np.zeros(n), d) for i, (d, n) in enumerate(tensors)]
    proto = model([node("Relu", ["x"], ["y"])], [value("x", [1])], ["y"], made)
    kept = cut(proto)
    described = [(t.name, t.data_type, list(t.dims)) for t in kept.graph.initializer]
    assert described == [(t.name, t.data_type, list(t.dims)) for t in made]
    for before, after in zip(made, kept.graph.initializer, strict=True):
        assert after == before or payload(after) == 0


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_bytes_or_a_wire_error(data: bytes) -> None:
    try:
        assert isinstance(without_weights(memoryview(data)), bytes)
    except WireError as error:
        assert 0 <= error.offset <= len(data)


def nested(depth: int) -> bytes:
    """A chain of If nodes in each other's branches, as raw bytes, each over the kept size."""

    def field(number: int, body: bytes) -> bytes:
        head = bytearray()
        length = len(body)
        while length >= 0x80:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([number << 3 | 2]) + bytes(head) + bytes([length]) + body

    inner = field(1, field(7, b"n" * 2000))  # graph > node > domain
    for _ in range(depth):
        inner = field(1, field(5, field(6, inner)))  # graph > node > attribute > g
    return field(7, inner)


def test_nesting_is_limited_as_in_protobuf() -> None:
    assert without_weights(memoryview(nested(20)))
    with pytest.raises(WireError, match="nested more than 100 deep"):
        without_weights(memoryview(nested(40)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x3a", "truncated or overlong varint"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "truncated or overlong varint"),
        (b"\x3a\x05abc", "a field of 5 bytes runs past the end"),
        (b"\x39\x00", "a field of 8 bytes runs past the end"),
        (b"\x3d\x00", "a field of 4 bytes runs past the end"),
        (b"\x3b", "unknown wire type 3"),
        (b"\x02\x00", "field number 0"),
    ],
)
def test_malformed_fields_are_named(data: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        without_weights(memoryview(data))


def test_an_int64_table_of_eight_kilobytes_comes_along_whole() -> None:
    # 1023 elements of 8 bytes and 3 bytes of field head: 8187 of 8192.
    table = constant("t", np.arange(1023))
    proto = model([node("Gather", ["t", "i"], ["y"])], [value("i", [1], INT64)], ["y"], [table])
    kept = onnx.numpy_helper.to_array(cut(proto).graph.initializer[0])
    assert kept.tolist() == list(range(1023))
