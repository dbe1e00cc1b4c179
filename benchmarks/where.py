"""Where the time of one audit goes: ``python -m benchmarks.where MODEL [options of audit]``.

Prints, of the whole run with its imports, the functions that take longest with all that they
call and by themselves.  The profiler slows Python's own functions by two to three times and
compiled ones not at all: read the order, and take the times from ``benchmarks.compare``.
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import pstats
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = 15
LIBRARIES = {(name, "__init__.py") for name in ("onnx", "numpy", "click", "protobuf")}

# (file, line, function) and (primitive calls, calls, own s, cumulative s, callers)
Place = tuple[str, int, str]
Times = tuple[int, int, float, float, object]


def measured(arguments: Sequence[str]) -> dict[Place, Times]:
    """Run one audit under the profiler, its report thrown away.

    Raises:
        RuntimeError: it failed.
    """
    profiler = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()):
        code = profiler.runcall(_audit, arguments)
    if code:
        raise RuntimeError(f"audit {' '.join(arguments)} ended with {code}")
    stats: dict[Place, Times] = vars(pstats.Stats(profiler))["stats"]
    return stats


def _audit(arguments: Sequence[str]) -> int:
    import gc

    gc.disable()  # as `audit` does
    from auditor.cli import run

    return run(arguments)


def is_telling(place: Place) -> bool:
    """Whether it is Auditor's own, or the loading of a library, and not the way there."""
    path, function = Path(place[0]), place[2]
    if path.is_relative_to(ROOT / "auditor"):
        return path.parent != ROOT / "auditor" / "cli"
    return function == "<module>" and path.parts[-2:] in LIBRARIES


def label(place: Place) -> str:
    file, line, function = place
    if file == "~":
        return function
    path = Path(file)
    if path.is_relative_to(ROOT):
        return f"{path.relative_to(ROOT)}:{line} {function}"
    parts = path.parts[path.parts.index("site-packages") + 1 :] if "site-packages" in file else ()
    return f"{'/'.join(parts) or path.name}:{line} {function}"


def table(title: str, stats: dict[Place, Times], key: Callable[[Times], float]) -> str:
    rows = sorted(stats.items(), key=lambda item: key(item[1]), reverse=True)[:ROWS]
    lines = [f"{key(t):8.3f} {t[1]:9,}  {label(place)}" for place, t in rows]
    return "\n".join([f"{title:>8} {'calls':>9}", *lines])


def main() -> int:
    stats = measured(sys.argv[1:])
    total_s = next(times[3] for place, times in stats.items() if place[2] == "_audit")
    named = {place: times for place, times in stats.items() if is_telling(place)}
    print(f"{' '.join(sys.argv[1:])}: {total_s:.3f} s under the profiler")
    print(table("all, s", named, lambda times: times[3]), "", sep="\n")
    print(table("own, s", stats, lambda times: times[2]), "", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
