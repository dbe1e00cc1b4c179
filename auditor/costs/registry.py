"""Which operator is costed how: a formula, the movement table, its own body, or unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from auditor.costs.records import NOTHING, Cost, Family, Grads, UnknownCost, Work
from auditor.shapes import MissingValueError, Operation

Formula = Callable[[Operation, Grads], Cost | UnknownCost]
Key = tuple[str, str]  # domain, op type

MICROSOFT = "com.microsoft"
_NOT_OF_THE_STANDARD = (
    IndexError, KeyError, AttributeError, TypeError, ValueError, ArithmeticError,
)  # fmt: skip


class OperatorClass(StrEnum):
    """How an operator comes by its cost; every operator has one of them."""

    FORMULA = "formula"
    MOVEMENT = "movement"
    BODY = "own function body"
    UNKNOWN = "unknown with a reason"


_FORMULAS: dict[Key, Formula] = {}
_UNCOSTED: dict[Key, str] = {}
_MOVED: set[Key] = set()
_FLAT: set[Key] = set()


def formula(
    *op_types: str, domain: str = "", differentiable: bool = True, moves: bool = False
) -> Callable[[Formula], Formula]:
    """Register a function as the formula of `op_types` in `domain`.

    No gradient flows through an operator that is not differentiable: its formula is asked
    for none.  `moves` says that it only moves data.

    Raises:
        ValueError: one of them is costed already, or left unknown on purpose.
    """

    def register(function: Formula) -> Formula:
        for op_type in op_types:
            key = (domain, op_type)
            _refuse_second(key, str(function))
            _FORMULAS[key] = function
            if moves:
                _MOVED.add(key)
            if not differentiable:
                _FLAT.add(key)
        return function

    return register


def leave_unknown(reasons: Mapping[Key, str]) -> None:
    """Register operators that are unknown on purpose, each with its reason.

    Raises:
        ValueError: one of them has a formula, or a reason already.
    """
    for key, reason in reasons.items():
        _refuse_second(key, "a reason to leave it unknown")
        _UNCOSTED[key] = reason


def _refuse_second(key: Key, newcomer: str) -> None:
    first = _FORMULAS.get(key) or _UNCOSTED.get(key)
    if first is not None:
        raise ValueError(f"{key} has two formulas: {first} and {newcomer}")


def formulas() -> Mapping[Key, Formula]:
    """Return all registered formulas, keyed by (domain, op type)."""
    return MappingProxyType(_FORMULAS)


def uncosted() -> Mapping[Key, str]:
    """Return why each operator that is unknown on purpose is, keyed by (domain, op type)."""
    return MappingProxyType(_UNCOSTED)


def has_formula(domain: str, op_type: str) -> bool:
    """Whether a formula or the movement table covers an operator."""
    return (domain, op_type) in _FORMULAS


def is_differentiable(domain: str, op_type: str) -> bool:
    """Whether gradients flow through an operator, as far as its formula knows."""
    return (domain, op_type) not in _FLAT


def operator_class(domain: str, op_type: str, has_body: bool = False) -> OperatorClass | None:
    """Return the class of an operator, None for one that nobody has thought of.

    `has_body` says that the standard defines it by others, which counts where there is no
    formula.
    """
    key = (domain, op_type)
    if key in _FORMULAS:
        return OperatorClass.MOVEMENT if key in _MOVED else OperatorClass.FORMULA
    if key in _UNCOSTED:
        return OperatorClass.UNKNOWN
    return OperatorClass.BODY if has_body else None


def cost_of(operation: Operation, grads: Grads) -> Cost | UnknownCost:
    """Return what `operation` costs when the inputs at `grads` need gradients.

    Shape arithmetic and what is computed from constants alone is done once, not in
    every step, and costs nothing.  An operator without a formula, or one whose shapes
    are not known, is an `UnknownCost`.
    """
    if is_constant(operation):
        return Cost(family=Family.CONSTANT, forward=Work(), forward_kernels=0, is_view=True)
    key = (operation.node.domain, operation.op_type)
    function = _FORMULAS.get(key)
    if function is None:
        return UnknownCost(_UNCOSTED.get(key, "no formula for this operator"))
    lacking = _lacking(operation)
    if lacking is not None:
        return UnknownCost(lacking)
    try:
        cost = function(operation, frozenset() if key in _FLAT else grads)
    except MissingValueError as error:
        return UnknownCost(str(error))
    except _NOT_OF_THE_STANDARD as error:
        return UnknownCost(f"its inputs or attributes are not those of the standard ({error!r})")
    return UnknownCost(_IMPOSSIBLE) if isinstance(cost, Cost) and _is_impossible(cost) else cost


_IMPOSSIBLE = "its attributes make less than nothing of it: they are not those of the standard"


def _is_impossible(cost: Cost) -> bool:
    """Whether an attribute out of its range made a part of the cost negative."""
    works = (cost.forward, cost.backward, cost.training_forward or NOTHING)
    return cost.extra_saved_bytes < 0 or any(
        min(
            w.macs,
            w.other_flops,
            w.read_bytes,
            w.written_bytes,
            w.weight_read_bytes,
            w.weight_written_bytes,
        )
        < 0
        for w in works
    )


def _lacking(operation: Operation) -> str | None:
    """What there is no costing without."""
    for value in (*operation.inputs, *operation.outputs[:1]):
        if value is not None and value.shape is None:
            return f"shape of {value.name!r} is not known"
    return None if any(operation.outputs) else "none of its outputs is used"


def is_constant(operation: Operation) -> bool:
    """Whether the result is known before the step runs.

    A product of weights alone is not: a training computes it anew from what it has learned
    (the relative positions of DeBERTa).
    """
    made = [v for v in operation.outputs if v is not None]
    if operation.op_type in _PRODUCTS and any(v.data is None for v in made):
        return False
    return bool(made) and all(v.is_constant or v.data is not None for v in made)


_PRODUCTS = frozenset({"MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose"})
