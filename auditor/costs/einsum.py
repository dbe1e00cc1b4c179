"""Einsum: contracted in pairs from left to right, as onnxruntime does it.

Source: onnxruntime/core/providers/cpu/math/einsum_utils of microsoft/onnxruntime: indices that
nothing behind needs are summed before a product; what is left of two operands is one batched
matrix product, of as many multiply-accumulates as their indices together have values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auditor.costs.matmul import Product, matmul_family, product_cost
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation, Value
from auditor.shapes.contrib_einsum import Letters, parse


@dataclass(slots=True)
class _Chain:
    """The steps of one einsum, and the sizes of what they hand on; `name` is its result's."""

    name: str
    costs: list[Cost] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)

    def add(self, cost: Cost) -> None:
        self.costs.append(cost)

    def new(self, shaped: Value) -> Value:
        """Return the value that a step hands on, under a name of its own."""
        value = replace(shaped, name=f"{self.name}/{len(self.made)}")
        self.made[value.name] = value.bytes
        return value

    def cost(self) -> Cost:
        """Add up the steps; what they keep beside the operator's own values is extra."""
        saved = dict.fromkeys(n for c in self.costs for n in c.saved)
        forward, backward = Work(), Work()
        for step in self.costs:
            forward, backward = forward + step.forward, backward + step.backward
        return Cost(
            family=max(self.costs, key=lambda c: c.forward.flops).family,
            forward=forward,
            backward=backward,
            forward_kernels=len(self.costs),
            backward_kernels=sum(c.backward_kernels for c in self.costs),
            saved=tuple(n for n in saved if n not in self.made),
            extra_saved_bytes=sum(self.made.get(n, 0) for n in saved),
        )


@dataclass(frozen=True, slots=True)
class _Term:
    """An operand or an intermediate result with a letter for each axis, none twice."""

    letters: Letters
    value: Value
    trained: bool

    def sizes(self) -> Mapping[str, int]:
        return dict(zip(self.letters, self.value.dims, strict=True))


def _sized(letters: Iterable[str], *terms: _Term) -> tuple[int, ...]:
    """Size of every letter in any of the terms: an axis of one is broadcast."""
    known: Counter[str] = Counter()
    for term in terms:
        known |= Counter(dict(term.sizes()))
    return tuple(known[c] for c in letters)


def _made(chain: _Chain, letters: Letters, *terms: _Term) -> _Term:
    value = chain.new(Value("", terms[0].value.dtype, _sized(letters, *terms)))
    return _Term(letters, value, any(t.trained for t in terms))


@formula("Einsum")
def einsum(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Any number of operands, with ellipsis, diagonals and sums over indices of one operand."""
    values = [op.required(i) for i in range(len(op.inputs))]
    letters, output = parse(str(op.node.attributes["equation"]), [len(v.dims) for v in values])
    terms = [_Term(a, v, i in grads) for i, (a, v) in enumerate(zip(letters, values, strict=True))]
    # By letter the last operand that has it, in which the result is behind them all.
    last = {c: index for index, term in enumerate([*letters, output]) for c in term}
    chain = _Chain(op.result.name)
    left = _prepared(terms[0], _behind(0, last), chain)
    for index, term in enumerate(terms[1:], start=1):
        result = op.result if index + 1 == len(terms) else None
        left = _pair(left, term, _behind(index, last), chain, result)
    if not chain.costs:
        chain.add(_pass(left, replace(left, value=op.result), 0))
    return chain.cost()


def _behind(index: int, last: Mapping[str, int]) -> set[str]:
    """Letters of later operands than this one, or of the result."""
    return {c for c, place in last.items() if place > index}


def _prepared(term: _Term, needed: set[str], chain: _Chain) -> _Term:
    """Take diagonals, and sum over what nothing behind needs."""
    once = tuple(dict.fromkeys(term.letters))
    if len(once) < len(term.letters):
        first = {c: term.value.dims[term.letters.index(c)] for c in once}
        shape = tuple(first.values())
        value = chain.new(replace(term.value, shape=shape, origin="activation", data=None))
        chain.add(_pass(term, _Term(once, value, term.trained), 0, picks=True))
        term = _Term(once, value, term.trained)
    kept = tuple(c for c in once if c in needed)
    if len(kept) < len(once):
        made = _made(chain, kept, term)
        chain.add(_pass(term, made, term.value.size))
        term = made
    return term


def _pass(source: _Term, made: _Term, flops: int, picks: bool = False) -> Cost:
    """Go over one operand: a diagonal, a sum, or at the end a transposition."""
    read = made.value if picks else source.value
    backward = work(reads=(made.value,), writes=(source.value,)) if source.trained else Work()
    return Cost(
        family=Family.REDUCTION if flops else Family.MOVEMENT,
        forward=work(other_flops=flops, reads=(read,), writes=(made.value,)),
        backward=backward,
        backward_kernels=int(source.trained),
    )


def _pair(left: _Term, right: _Term, later: set[str], chain: _Chain, result: Value | None) -> _Term:
    """Multiply two operands and sum over what neither the result nor a later operand needs."""
    left = _prepared(left, later | set(right.letters), chain)
    right = _prepared(right, later | set(left.letters), chain)
    joint = tuple(dict.fromkeys((*left.letters, *right.letters)))
    kept = tuple(c for c in joint if c in later)
    made = _made(chain, kept, left, right)
    out = made.value if result is None else result
    points = math.prod(_sized(joint, left, right))
    grads = frozenset(i for i, t in enumerate((left, right)) if t.trained)
    if len(kept) < len(joint):
        family = matmul_family(left.value if left.value.is_constant else right.value)
        product = Product(family=family, macs=points, left=left.value, right=right.value, out=out)
        chain.add(product_cost(product, grads))
    else:
        chain.add(_without_sum(left, right, out, points))
    return replace(made, value=out) if result is None else made


def _without_sum(left: _Term, right: _Term, out: Value, points: int) -> Cost:
    """An outer or elementwise product: one operation a point, and one for each gradient."""
    backward = Work()
    for term, other in ((left, right), (right, left)):
        if term.trained:
            backward += work(other_flops=points, reads=(out, other.value), writes=(term.value,))
    kept = [o.value for t, o in ((left, right), (right, left)) if t.trained]
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(other_flops=points, reads=(left.value, right.value), writes=(out,)),
        backward=backward,
        backward_kernels=left.trained + right.trained,
        saved=names(*kept),
    )
