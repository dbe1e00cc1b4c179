"""Every operator stands in exactly one class: formula, movement, own body, or unknown."""

from __future__ import annotations

import onnx
import pytest
from builders import act, single

from auditor.costs import (
    UNCOSTED,
    Cost,
    OperatorClass,
    UnknownCost,
    cost_of,
    formula,
    formulas,
    has_formula,
    is_differentiable,
    operator_class,
)
from auditor.costs.registry import leave_unknown, uncosted

MS = "com.microsoft"
FAMILIES = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")
LAYOUTS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")


def has_body(schema: onnx.defs.OpSchema) -> bool:
    return bool(schema.has_function or schema.has_context_dependent_function)


@pytest.mark.parametrize("domain", FAMILIES)
def test_every_operator_of_onnx_in_every_version_has_a_class(domain: str) -> None:
    schemas = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain == domain]
    classes = {(s.name, s.since_version): operator_class(domain, s.name, has_body(s))
               for s in schemas}  # fmt: skip
    assert [k for k, found in classes.items() if found is None] == []
    # An operator does not change its class from one version to the next.
    assert len(set({(name, found) for (name, _), found in classes.items()})) == len(
        {name for name, _ in classes}
    )


def test_every_operator_of_onnxruntime_has_a_class() -> None:
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    known = {(s.domain, s.name) for s in onnx.defs.get_all_schemas_with_history()}
    own = {(s.domain, s.name) for s in state.get_all_operator_schema()} - known
    assert {k for k in own if k[0] == MS}
    assert {k for k in own if operator_class(*k) is None} == set()


def test_no_operator_has_two_classes() -> None:
    assert set(formulas()).isdisjoint(uncosted())
    assert dict(uncosted()) == dict(UNCOSTED)
    bodies = {(s.domain, s.name) for s in onnx.defs.get_all_schemas_with_history() if has_body(s)}
    assert bodies.isdisjoint(UNCOSTED)


def test_every_reason_says_something() -> None:
    assert all(len(reason.split()) >= 4 for reason in UNCOSTED.values())


def test_formulas_are_for_domains_that_exist() -> None:
    # "auditor" is of operators that no file holds: the training's own
    assert {d for d, _ in formulas()} <= {MS, "auditor", *FAMILIES, *LAYOUTS}


@pytest.mark.parametrize(
    ("domain", "op_type", "body", "expected"),
    [
        ("", "MatMul", False, OperatorClass.FORMULA),
        ("", "Transpose", False, OperatorClass.MOVEMENT),
        ("", "HannWindow", True, OperatorClass.BODY),
        # a formula stands before a body
        ("", "LayerNormalization", True, OperatorClass.FORMULA),
        (MS, "BeamSearch", False, OperatorClass.UNKNOWN),
        ("com.example", "Magic", False, None),
    ],
)
def test_class(domain: str, op_type: str, body: bool, expected: OperatorClass | None) -> None:
    assert operator_class(domain, op_type, body) is expected


def test_an_operator_left_unknown_says_why() -> None:
    op = single("BifurcationDetector", [act(2, 3), act(2, 3), act(2, 3)], domain=MS)
    assert cost_of(op, frozenset()) == UnknownCost(UNCOSTED[MS, "BifurcationDetector"])
    assert not has_formula(MS, "BifurcationDetector")


def test_a_formula_for_what_is_left_unknown_is_refused_and_the_other_way_round() -> None:
    with pytest.raises(ValueError, match="has two formulas"):

        @formula("BeamSearch", domain=MS)
        def another(op: object, grads: object) -> Cost:
            raise NotImplementedError

    with pytest.raises(ValueError, match="has two formulas"):
        leave_unknown({("", "MatMul"): "for no reason"})


@pytest.mark.parametrize("op_type", ["ArgMax", "Floor", "Equal", "Hardmax", "NonZero", "EyeLike"])
def test_no_gradient_flows_through_what_cannot_be_differentiated(op_type: str) -> None:
    assert not is_differentiable("", op_type)
    inputs = [act(2, 3)] * (2 if op_type == "Equal" else 1)
    found = cost_of(single(op_type, inputs), frozenset({0}))
    assert isinstance(found, Cost)
    assert (found.backward.flops, found.backward_kernels, found.saved) == (0, 0, ())


def test_gradients_flow_through_the_rest() -> None:
    assert is_differentiable("", "MatMul")
    assert is_differentiable("com.example", "Magic")
