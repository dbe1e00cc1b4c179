"""Our counts beside those of fvcore and of torch's FlopCounterMode, module by module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.frontend.layers import LayerWork

# Above this the counts of one module are said to differ.
TOLERANCE = 0.005

CONVENTIONS = (
    "MAC: one multiply-accumulate of a product (matrix, convolution, attention, recurrent); "
    "FLOP: 2 per MAC plus 1 per other elementary operation, so that normalization, activations "
    "and sums count",
    "fvcore counts one FLOP per MAC, forward only; beside products it counts normalization, "
    "adaptive average pooling, upsampling and grid sampling, which stand in a column of their "
    "own; of everything else it counts nothing",
    "FlopCounterMode counts two FLOPs per MAC, of products alone, in the pass that runs: "
    "forward, or forward and backward",
    "counts of a module include those of the modules in it; differences are those of ours from "
    "theirs, in products: MAC to fvcore's products, 2 x MAC to FlopCounterMode",
    "all three take the network as exported, at the sizes of --input; attention runs as "
    "written-out products, since a fused kernel is nothing to FlopCounterMode on a CPU; every "
    "parameter gets a gradient, the inputs none",
)

# Names in which operators that multiply are told from those that do not.
_MULTIPLIES = (
    "addbmm", "addmv", "addr", "attention", "baddbmm", "bilinear", "bmm", "cdist", "conv", "cross",
    "dot", "einsum", "fft", "gru", "inner", "linalg", "linear", "lstm", "matmul", "mm", "mv",
    "outer", "rnn", "tensordot", "trilinear",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FlopCounterCounts:
    """FLOPs by module, 2 per MAC; `corrected` is forward and backward with groups divided by.

    `without_formula` has the operators that ran and count as nothing, with their calls.
    """

    forward: Mapping[str, int]
    forward_backward: Mapping[str, int]
    corrected: Mapping[str, int]
    without_formula: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FvcoreCounts:
    """FLOPs by module, forward: `products`, 1 per MAC, and `others`.

    `other_operators` splits the others of the whole network; `unsupported` has the
    operators that fvcore names as not counted, with their calls.
    """

    products: Mapping[str, int]
    others: Mapping[str, int]
    other_operators: Mapping[str, int]
    unsupported: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One module with all in it; None where a counter gives nothing for it.

    Ours are MACs and FLOPs of a training step's passes; fvcore's and FlopCounterMode's
    (`torch_*`) by their own conventions.
    """

    name: str
    type: str
    forward_macs: int
    forward_flops: int
    forward_backward_macs: int
    forward_backward_flops: int
    fvcore_product_flops: int | None
    fvcore_other_flops: int | None
    torch_forward_flops: int
    torch_forward_backward_flops: int
    torch_corrected_flops: int
    has_groups: bool

    @property
    def fvcore_difference(self) -> float | None:
        """Share that our MACs are above fvcore's products."""
        return _difference(self.forward_macs, self.fvcore_product_flops)

    @property
    def forward_difference(self) -> float | None:
        """Share that our forward products are above FlopCounterMode's."""
        return _difference(2 * self.forward_macs, self.torch_forward_flops)

    @property
    def forward_backward_difference(self) -> float | None:
        """Share that our products of both passes are above FlopCounterMode's."""
        return _difference(2 * self.forward_backward_macs, self.torch_forward_backward_flops)

    @property
    def corrected_difference(self) -> float | None:
        """The same, with FlopCounterMode's figure divided by the groups."""
        return _difference(2 * self.forward_backward_macs, self.torch_corrected_flops)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crosscheck:
    """All modules in which anyone counts something, the network itself first.

    `findings` say what the data tell of the differences; `notes` how the export came about.
    """

    tool_version: str
    target: str
    inputs: tuple[str, ...]
    versions: Mapping[str, str]
    training: bool
    layers: tuple[Layer, ...]
    fvcore_failed_because: str | None
    fvcore_other_operators: Mapping[str, int]
    fvcore_unsupported: Mapping[str, int]
    torch_without_formula: Mapping[str, int]
    findings: tuple[str, ...]
    notes: tuple[str, ...]


def _difference(ours: int, theirs: int | None) -> float | None:
    """Relative difference; None where theirs is nothing to divide by, 0 where both are 0."""
    if theirs is None:
        return None
    if theirs == 0:
        return None if ours else 0.0
    return ours / theirs - 1


def layers_of(
    modules: Mapping[str, str],
    works: Mapping[str, LayerWork],
    fvcore: FvcoreCounts | None,
    counted: FlopCounterCounts,
) -> tuple[Layer, ...]:
    """Put the counts side by side; `modules` maps the names to their types, in order."""
    rows = (_layer(name, type_, works, fvcore, counted) for name, type_ in modules.items())
    return tuple(r for r in rows if not r.name or _counts_something(r))


def _layer(
    name: str,
    type_: str,
    works: Mapping[str, LayerWork],
    fvcore: FvcoreCounts | None,
    counted: FlopCounterCounts,
) -> Layer:
    work = works.get(name) or LayerWork()
    both = work.forward + work.backward
    return Layer(
        name=name,
        type=type_,
        forward_macs=work.forward.macs,
        forward_flops=work.forward.flops,
        forward_backward_macs=both.macs,
        forward_backward_flops=both.flops,
        fvcore_product_flops=fvcore.products.get(name, 0) if fvcore else None,
        fvcore_other_flops=fvcore.others.get(name, 0) if fvcore else None,
        torch_forward_flops=counted.forward.get(name, 0),
        torch_forward_backward_flops=counted.forward_backward.get(name, 0),
        torch_corrected_flops=counted.corrected.get(name, 0),
        has_groups=work.has_groups,
    )


def _counts_something(row: Layer) -> bool:
    theirs = (row.fvcore_product_flops, row.fvcore_other_flops, row.torch_forward_backward_flops)
    return row.forward_backward_macs > 0 or any(theirs)


def is_off(ours: int, theirs: int) -> bool:
    """Whether two counts differ by more than rounding."""
    return abs(ours - theirs) > TOLERANCE * max(abs(ours), abs(theirs))


def innermost(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the modules with no counting module in them, where a difference comes from."""
    names = [r.name for r in layers]
    return tuple(
        r for r in layers
        if not any(n != r.name and (not r.name or n.startswith(f"{r.name}.")) for n in names)
    )  # fmt: skip


def own_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Take from every module's count what the counting modules in it have: what it does itself."""
    own = dict(counts)
    for name, count in counts.items():
        parent = name
        while parent:
            parent = parent.rpartition(".")[0]
            if parent in counts:
                own[parent] -= count
                break
    return own


def multiplying(operators: Mapping[str, int]) -> dict[str, int]:
    """Those operators whose names say that they multiply."""
    return {
        op: n for op, n in operators.items()
        if any(word in op.rpartition("::")[2].rpartition(".")[2] for word in _MULTIPLIES)
    }  # fmt: skip
