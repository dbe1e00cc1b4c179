"""Which operator is costed how: a formula, the movement table, its own body, or unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work
from auditor.shapes import MissingValueError, Operation

Formula = Callable[[Operation, Grads], Cost | UnknownCost]
Key = tuple[str, str]  # domain, op type

_FORMULAS: dict[Key, Formula] = {}


def formula(*op_types: str, domain: str = "") -> Callable[[Formula], Formula]:
    """Register a function as the formula of `op_types` in `domain`.

    Raises:
        ValueError: another formula has claimed one of them already.
    """

    def register(function: Formula) -> Formula:
        for op_type in op_types:
            key = (domain, op_type)
            if key in _FORMULAS:
                raise ValueError(f"{key} has two formulas: {_FORMULAS[key]} and {function}")
            _FORMULAS[key] = function
        return function

    return register


def formulas() -> Mapping[Key, Formula]:
    """Return all registered formulas, keyed by (domain, op type)."""
    return MappingProxyType(_FORMULAS)


def has_formula(domain: str, op_type: str) -> bool:
    """Whether a formula or the movement table covers an operator."""
    return (domain, op_type) in _FORMULAS


def cost_of(operation: Operation, grads: Grads) -> Cost | UnknownCost:
    """Return what `operation` costs when the inputs at `grads` need gradients.

    Shape arithmetic and what is computed from constants alone is done once, not in
    every step, and costs nothing.  An operator without a formula, or one whose shapes
    are not known, is an `UnknownCost`.
    """
    if is_constant(operation):
        return Cost(family=Family.CONSTANT, forward=Work(), forward_kernels=0, is_view=True)
    function = _FORMULAS.get((operation.node.domain, operation.op_type))
    if function is None:
        return UnknownCost("no formula for this operator")
    for value in (*operation.inputs, *operation.outputs[:1]):
        if value is not None and value.shape is None:
            return UnknownCost(f"shape of {value.name!r} is not known")
    try:
        _ = operation.result  # without it there is nothing that the cost could go by
        return function(operation, grads)
    except MissingValueError as error:
        return UnknownCost(str(error))
    except (IndexError, KeyError, AttributeError, TypeError, ZeroDivisionError) as error:
        return UnknownCost(f"its inputs or attributes are not those of the standard ({error!r})")


def is_constant(operation: Operation) -> bool:
    """Whether the result is known before the step runs."""
    made = [v for v in operation.outputs if v is not None]
    return bool(made) and all(v.is_constant or v.data is not None for v in made)
