"""What the data tell of the differences, in words; what they do not tell is said to be open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.frontend.crosscheck import (
    FlopCounterCounts,
    FvcoreCounts,
    Layer,
    innermost,
    is_off,
    multiplying,
    own_counts,
)

_SHOWN = 5


def findings(
    layers: Sequence[Layer], fvcore: FvcoreCounts | str, counted: FlopCounterCounts
) -> tuple[str, ...]:
    """Compare the totals, then name what the counters themselves show to be the reason."""
    return (
        *_forward(layers, counted),
        *_forward_backward(layers),
        *(_no_fvcore(fvcore) if isinstance(fvcore, str) else _fvcore(layers, fvcore)),
    )


def _off(counts: Mapping[str, tuple[int, int]]) -> list[str]:
    """Modules that differ in what they do themselves, from pairs of ours and theirs."""
    ours = own_counts({name: pair[0] for name, pair in counts.items()})
    theirs = own_counts({name: pair[1] for name, pair in counts.items()})
    return [name for name in counts if is_off(ours[name], theirs[name])]


def _percent(difference: float | None) -> str:
    if difference is None:
        return "cannot be compared: theirs is 0"
    return "equal" if difference == 0 else f"{difference:+.2%}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(n or "the network itself" for n in names[:_SHOWN])
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _calls(operators: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n})" for name, n in operators.items())


def _forward(layers: Sequence[Layer], counted: FlopCounterCounts) -> list[str]:
    total = layers[0]
    if 2 * total.forward_macs == total.torch_forward_flops:
        lines = ["forward products: ours and FlopCounterMode's are equal"]
    else:
        lines = [
            f"forward products: ours against FlopCounterMode's {_percent(total.forward_difference)}"
        ]
    skipped = multiplying(counted.without_formula)
    if skipped:
        lines.append(f"FlopCounterMode has no formula for what ran here: {_calls(skipped)}")
    off = _off({r.name: (2 * r.forward_macs, r.torch_forward_flops) for r in layers})
    if off:
        lines.append(f"forward products differ from FlopCounterMode's in: {_listed(off)}")
    return lines


def _forward_backward(layers: Sequence[Layer]) -> list[str]:
    total = layers[0]
    theirs, corrected = total.torch_forward_backward_flops, total.torch_corrected_flops
    if 2 * total.forward_backward_macs == theirs:
        lines = ["forward and backward products: ours and FlopCounterMode's are equal"]
    else:
        lines = [
            "forward and backward products: ours against FlopCounterMode's "
            f"{_percent(total.forward_backward_difference)}"
        ]
    grouped = [r.name for r in innermost(layers) if r.has_groups]
    if theirs != corrected and grouped:
        lines.append(
            "FlopCounterMode's formula for the weight gradient of a convolution does not divide by "
            f"the groups: divided, its total is {corrected:,} instead of {theirs:,}, and ours "
            f"against that {_percent(total.corrected_difference)} (grouped: {_listed(grouped)})"
        )
    inner = innermost(layers)
    off = [r.name for r in inner if is_off(2 * r.forward_backward_macs, r.torch_corrected_flops)]
    if off:
        lines.append(
            "forward and backward products differ from FlopCounterMode's, groups apart, in: "
            f"{_listed(off)}"
        )
    booked = sum(r.torch_corrected_flops for r in inner)
    if off and booked > corrected:
        lines.append(
            "FlopCounterMode books some of the backward pass under several modules: those that "
            f"hold no other add up to {booked:,}, more than its total of {corrected:,}"
        )
    return lines


def _no_fvcore(reason: str) -> list[str]:
    return [f"fvcore cannot trace the network: {reason}"]


def _fvcore(layers: Sequence[Layer], fvcore: FvcoreCounts) -> list[str]:
    total = layers[0]
    if total.forward_macs == total.fvcore_product_flops:
        lines = ["forward products: ours and fvcore's are equal"]
    else:
        lines = [f"forward products: ours against fvcore's {_percent(total.fvcore_difference)}"]
    if fvcore.other_operators:
        lines.append(f"fvcore's total holds FLOPs of no products: {_counts(fvcore)}")
    skipped = multiplying(fvcore.unsupported)
    if skipped:
        lines.append(f"fvcore has no formula for what ran here: {_calls(skipped)}")
    off = _off({r.name: (r.forward_macs, r.fvcore_product_flops or 0) for r in layers})
    if off:
        lines.append(f"forward products differ from fvcore's in: {_listed(off)}")
    return lines


def _counts(fvcore: FvcoreCounts) -> str:
    return ", ".join(f"{op} {n:,}" for op, n in fvcore.other_operators.items())
