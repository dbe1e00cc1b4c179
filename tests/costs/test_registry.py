"""Every operator has one formula or is unknown by name; no formula is for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from builders import Given, act, cost, model, node, par, shaped, single, value
from onnx import TensorProto

from auditor.costs import Cost, Family, UnknownCost, Work, cost_of, formula, formulas, is_constant


def test_a_second_formula_is_refused_and_the_first_stays() -> None:
    before = formulas()["", "MatMul"]
    with pytest.raises(ValueError, match="has two formulas"):

        @formula("MatMul")
        def another(op: object, grads: object) -> Cost:
            raise NotImplementedError

    assert formulas()["", "MatMul"] is before


def test_an_operator_without_a_formula_is_unknown() -> None:
    op = single("Magic", [act(2, 3)], domain="com.example")
    assert cost_of(op, frozenset()) == UnknownCost("no formula for this operator")


def test_a_standard_name_in_a_foreign_domain_is_unknown() -> None:
    op = single("MatMul", [act(2, 3), par(3, 4)], domain="com.example")
    assert isinstance(cost_of(op, frozenset()), UnknownCost)


def test_an_unknown_shape_is_named() -> None:
    nodes = [node("Magic", ["x"], ["h"], domain="com.example"), node("Abs", ["h"], ["y"])]
    last = shaped(model(nodes, [value("x", [2, 3])], ["y"])).operations[-1]
    assert cost_of(last, frozenset()) == UnknownCost("shape of 'h' is not known")


def test_an_unknown_shape_and_type_is_unknown() -> None:
    nodes = [node("Magic", ["x"], ["h"], domain="com.example"), node("Relu", ["h"], ["y"])]
    last = shaped(model(nodes, [value("x", [2, 3])], ["y"])).operations[-1]
    assert isinstance(cost_of(last, frozenset()), UnknownCost)


@pytest.mark.parametrize(
    ("op_type", "inputs"),
    [
        ("MaxPool", [act(1, 1, 4, 4)]),  # without its kernel_shape
        ("LRN", [act(1, 1, 4, 4)]),  # without its size
        ("Einsum", [act(2, 3)]),  # without its equation
        ("Attention", [act(2, 5, 12), act(2, 5, 12), act(2, 5, 12)]),  # without q_num_heads
    ],
)
def test_a_node_against_the_standard_is_unknown(op_type: str, inputs: list[Given]) -> None:
    found = cost_of(single(op_type, inputs, opset=23), frozenset({0}))
    assert isinstance(found, UnknownCost)


def test_shape_arithmetic_costs_nothing() -> None:
    nodes = [node("Shape", ["x"], ["s"]), node("Add", ["s", "s"], ["y"])]
    for op in shaped(model(nodes, [value("x", [2, 3])], ["y"])).operations:
        assert is_constant(op)
        found = cost(op)
        assert (found.family, found.forward, found.forward_kernels) == (Family.CONSTANT, Work(), 0)


def test_what_is_computed_from_weights_alone_costs_nothing() -> None:
    op = single("Transpose", [par(3, 4)], perm=[1, 0])
    assert is_constant(op)
    assert cost(op).forward == Work()


def test_an_operation_on_an_activation_is_no_constant() -> None:
    assert not is_constant(single("Add", [act(2, 3), np.ones(3, np.float32)]))


def test_a_type_that_is_not_known_does_not_hide_a_known_shape() -> None:
    op = single("Relu", [act(2, 3, dtype=TensorProto.DOUBLE)])
    assert cost(op).forward.read_bytes == 8 * 6
