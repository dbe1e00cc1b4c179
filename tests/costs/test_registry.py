"""Every operator has one formula or is unknown by name; no formula is for nothing."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from builders import Given, act, cost, model, node, par, shaped, single, value
from onnx import TensorProto

from auditor.costs import Cost, Family, UnknownCost, Work, cost_of, formula, formulas, is_constant

# onnxruntime writes these into the default domain, where onnx has no schema of them.
NOT_IN_ONNX = {"SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization"}
# In onnx and without a formula: reported as unknown by name where a model has them.
UNKNOWN = {
    # control flow is entered by the walk over the graph, its body is costed
    "If", "Loop", "Scan", "SequenceMap",
    # sequences, optionals and text: not tensors of a network
    "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt",
    "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength",
    "SplitToSequence", "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit",
    "TfIdfVectorizer", "ImageDecoder",
    # sizes that depend on data
    "Compress", "NonMaxSuppression", "NonZero", "Unique", "Multinomial",
    # signal processing
    "BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix", "DFT", "STFT",
    # detection and geometry
    "AffineGrid", "Col2Im", "DeformConv", "Det", "MaxRoiPool", "MaxUnpool", "RoiAlign",
    # losses, which exports hardly ever hold
    "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss",
    # newer than the formulas
    "BitCast", "CausalConvWithState", "LinearAttention", "SwiGLU",
}  # fmt: skip


def onnx_operators() -> set[str]:
    schemas = onnx.defs.get_all_schemas_with_history()
    return {s.name for s in schemas if s.domain == ""}


def test_every_formula_is_for_an_operator_that_exists() -> None:
    claimed = {op_type for domain, op_type in formulas() if domain == ""}
    # An older onnx lacks the newest of them.
    assert claimed - onnx_operators() - {"CumProd"} == NOT_IN_ONNX


def test_every_operator_of_onnx_has_a_formula_or_is_listed_as_unknown() -> None:
    claimed = {op_type for domain, op_type in formulas() if domain == ""}
    assert onnx_operators() - claimed <= UNKNOWN  # an older onnx lacks the newest of them
    assert claimed & UNKNOWN == set()


def test_formulas_are_for_two_domains_only() -> None:
    assert {domain for domain, _ in formulas()} == {"", "com.microsoft"}


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
    nodes = [node("NonZero", ["x"], ["h"]), node("Abs", ["h"], ["y"])]
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
