"""Elementwise operators: one elementary operation is one FLOP, a transcendental too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation, Value


@dataclass(frozen=True, slots=True)
class Unary:
    """FLOPs per element forward and backward, and what the backward pass needs."""

    forward: int
    backward: int
    saved: str  # "input", "output" or "" (nothing)


# Counted from the definitions in the ONNX operator specification: sigmoid is negate,
# exp, add, divide; GELU divide, erf, add, multiply, multiply; and so on.
UNARY: Mapping[str, Unary] = {
    "Relu": Unary(1, 1, "output"),
    "LeakyRelu": Unary(2, 2, "input"),
    "ThresholdedRelu": Unary(1, 1, "input"),
    "Elu": Unary(4, 3, "output"),
    "Selu": Unary(5, 3, "output"),
    "Celu": Unary(5, 3, "output"),
    "Sigmoid": Unary(4, 3, "output"),
    "HardSigmoid": Unary(4, 2, "input"),
    "HardSwish": Unary(5, 4, "input"),
    "Swish": Unary(5, 7, "input"),
    "Mish": Unary(4, 9, "input"),
    "Gelu": Unary(5, 9, "input"),
    "Softplus": Unary(3, 4, "input"),
    "Softsign": Unary(3, 4, "input"),
    "Tanh": Unary(1, 3, "output"),
    "Erf": Unary(1, 4, "input"),
    "Exp": Unary(1, 1, "output"),
    "Log": Unary(1, 1, "input"),
    "Sqrt": Unary(1, 2, "output"),
    "Reciprocal": Unary(1, 3, "output"),
    "Neg": Unary(1, 1, ""),
    "Abs": Unary(1, 2, "input"),
    "Sign": Unary(1, 0, ""),
    "Floor": Unary(1, 0, ""),
    "Ceil": Unary(1, 0, ""),
    "Round": Unary(1, 0, ""),
    "Sin": Unary(1, 2, "input"),
    "Cos": Unary(1, 2, "input"),
    "Tan": Unary(1, 3, "output"),
    "Asin": Unary(1, 4, "input"),
    "Acos": Unary(1, 4, "input"),
    "Atan": Unary(1, 3, "input"),
    "Sinh": Unary(1, 2, "input"),
    "Cosh": Unary(1, 2, "input"),
    "Asinh": Unary(1, 4, "input"),
    "Acosh": Unary(1, 4, "input"),
    "Atanh": Unary(1, 3, "input"),
    "Clip": Unary(2, 1, "input"),
    "Shrink": Unary(2, 1, "input"),
    "Not": Unary(1, 0, ""),
    "BitwiseNot": Unary(1, 0, ""),
    "IsNaN": Unary(1, 0, ""),
    "IsInf": Unary(1, 0, ""),
    # Converts, computes nothing; its gradient is converted back.
    "Cast": Unary(0, 0, ""),
    "CastLike": Unary(0, 0, ""),
}

# FLOPs per output element forward and for each gradient; what each gradient needs.
BINARY: Mapping[str, Unary] = {
    "Add": Unary(1, 0, ""),
    "Sub": Unary(1, 1, ""),
    "Mul": Unary(1, 1, "other"),
    "Div": Unary(1, 2, "both"),
    "Pow": Unary(1, 3, "both"),
    "PRelu": Unary(2, 2, "both"),
    "Mod": Unary(1, 0, ""),
    "Min": Unary(1, 1, "both"),
    "Max": Unary(1, 1, "both"),
    "Sum": Unary(1, 0, ""),
    "Mean": Unary(1, 1, ""),
    "Equal": Unary(1, 0, ""),
    "Greater": Unary(1, 0, ""),
    "GreaterOrEqual": Unary(1, 0, ""),
    "Less": Unary(1, 0, ""),
    "LessOrEqual": Unary(1, 0, ""),
    "And": Unary(1, 0, ""),
    "Or": Unary(1, 0, ""),
    "Xor": Unary(1, 0, ""),
    "BitShift": Unary(1, 0, ""),
    "BitwiseAnd": Unary(1, 0, ""),
    "BitwiseOr": Unary(1, 0, ""),
    "BitwiseXor": Unary(1, 0, ""),
}

FAST_GELU = Unary(9, 14, "input")  # 0.5 x (1 + tanh(c (x + 0.044715 x^3)))
QUICK_GELU = Unary(6, 8, "input")  # x sigmoid(1.702 x)
SOFTMAX = Unary(5, 4, "output")
# Names that fused operators have for activations beside those of the standard.
_FUSED: Mapping[str, Unary] = {
    "fastgelu": FAST_GELU,
    "quickgelu": QUICK_GELU,
    "silu": UNARY["Swish"],
    "swiglu": Unary(UNARY["Swish"].forward + 1, UNARY["Swish"].backward + 2, "input"),
    "softmax": SOFTMAX,
    "identity": Unary(0, 0, ""),
    "none": Unary(0, 0, ""),
    **{name.lower(): entry for name, entry in UNARY.items()},
}


def activation(name: str) -> Unary:
    """Return the activation that a fused operator names, however it spells it.

    Raises:
        KeyError: there is none of that name.
    """
    return _FUSED[name.lower()]


def unary_cost(op: Operation, grads: Grads, entry: Unary, bias: Value | None = None) -> Cost:
    """Read the input, write the output; backward reads the gradient and what was saved."""
    x, out = op.inputs[0], op.outputs[0]
    saved = {"input": x, "output": out}.get(entry.saved)
    backward = Work()
    if grads and out is not None:
        writes = (x if 0 in grads else None, bias)
        backward = work(other_flops=entry.backward * out.size, reads=(out, saved), writes=writes)
    extra = out.size if bias is not None and out is not None else 0
    flops = entry.forward * (out.size if out is not None else 0) + extra
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(other_flops=flops, reads=(x, bias), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads),
        saved=names(saved) if grads else (),
    )


# Constant almost everywhere, or no real number comes out.
_FLAT_UNARY = ("Sign", "Floor", "Ceil", "Round", "Not", "BitwiseNot", "IsNaN", "IsInf")
_FLAT_BINARY = (
    "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "BitShift",
    "BitwiseAnd", "BitwiseOr", "BitwiseXor",
)  # fmt: skip


@formula(*(name for name in UNARY if name not in _FLAT_UNARY))
@formula(*_FLAT_UNARY, differentiable=False)
def unary(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table."""
    return unary_cost(op, grads & {0}, UNARY[op.op_type])


@formula(*(name for name in BINARY if name not in _FLAT_BINARY))
@formula(*_FLAT_BINARY, differentiable=False)
def binary(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table; n inputs are n - 1 operations per output element."""
    return binary_cost(op, grads, BINARY[op.op_type])


def binary_cost(op: Operation, grads: Grads, entry: Unary) -> Cost | UnknownCost:
    """Broadcast operation: a gradient of a broadcast input is summed over its copies.

    The gradient of a sum is the output's gradient itself, no copy, no pass.
    """
    out = op.result
    present = [v for v in op.inputs if v is not None]
    backward, kernels = Work(), 0
    saved: set[Value] = set()
    for index in grads:
        target = op.inputs[index]
        if target is None:
            continue
        needed = _needed(op, entry.saved, index)
        saved.update(needed)
        if not needed and not entry.backward and target.size == out.size:
            continue
        kernels += 1
        summed = out.size if target.size < out.size else 0
        backward += work(
            other_flops=entry.backward * out.size + summed, reads=(out, *needed), writes=(target,)
        )
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(
            other_flops=entry.forward * out.size * max(1, len(present) - 1),
            reads=present,
            writes=(out,),
        ),
        backward=backward,
        backward_kernels=kernels,
        saved=names(*saved),
    )


def _needed(op: Operation, rule: str, index: int) -> list[Value]:
    """Values that the gradient of input `index` is computed from."""
    if rule == "":
        return []
    others = [v for i, v in enumerate(op.inputs) if v is not None and i != index]
    own = op.inputs[index]
    if rule == "other":
        # x * x: the other operand is the same value, and is needed.
        return others
    # d(a/b)/da needs b alone; constants and scalars cost nothing to keep.
    return others if index == 0 and op.op_type == "Div" else [*others, *([own] if own else [])]


@formula("Where")
def where(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A choice per element; backward masks the gradient."""
    out = op.result
    backward = Work()
    for index in grads & {1, 2}:
        backward += work(
            other_flops=out.size, reads=(out, op.inputs[0]), writes=(op.inputs[index],)
        )
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(other_flops=out.size, reads=op.inputs, writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {1, 2}),
        saved=names(op.inputs[0]) if grads else (),
    )
