"""A refitted calibration beside the one that was kept: which figures are not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Figures are kept to six digits: the last may round the other way on another machine.
TOLERANCE = 1.1e-5
# What the fit ran on, and the hash over all: neither is a result.
_NO_RESULT = frozenset({"digest", "versions"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that differs; `relative` is None where one side has none, or no number."""

    key: str
    kept: Any
    refitted: Any
    relative: float | None


def differences(kept: Mapping[str, Any], refitted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Figures that differ by more than rounding, the largest difference first."""
    results = [{k: v for k, v in c.items() if k not in _NO_RESULT} for c in (kept, refitted)]
    found = _compared("", results[0], results[1])
    return tuple(sorted(found, key=lambda d: (d.relative is not None, -(d.relative or 0.0), d.key)))


def _compared(key: str, kept: Any, refitted: Any, scale: float = 0.0) -> Iterator[Difference]:
    if isinstance(kept, Mapping) and isinstance(refitted, Mapping):
        for name in dict.fromkeys((*kept, *refitted)):
            inner = f"{key}.{name}" if key else str(name)
            yield from _compared(inner, kept.get(name), refitted.get(name))
    elif _is_list(kept) and _is_list(refitted) and len(kept) == len(refitted):
        # A list is one figure of many numbers: the smallest of them have no digits of their own.
        largest = scale or max(map(abs, (*_numbers(kept), *_numbers(refitted))), default=0.0)
        for index, (one, other) in enumerate(zip(kept, refitted, strict=True)):
            yield from _compared(f"{key}[{index}]", one, other, largest)
    elif _is_number(kept) and _is_number(refitted):
        size = max(abs(kept), abs(refitted), scale)
        relative = abs(kept - refitted) / size if size else 0.0
        if not relative <= TOLERANCE:
            yield Difference(key, kept, refitted, relative)
    elif kept != refitted:
        yield Difference(key, kept, refitted, None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(values: Sequence[Any]) -> Iterator[float]:
    for value in values:
        if _is_list(value):
            yield from _numbers(value)
        elif _is_number(value):
            yield value
