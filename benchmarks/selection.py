"""How the fit's settings are chosen, and how far off it is when they are chosen without the runs
it is judged by: ``python -m benchmarks.selection``.

Nested cross-validation (Stone, "Cross-validatory choice and assessment of statistical
predictions", 1974): groups of runs are left out two at a time.  With group A left out for good,
each choice is judged by the median error of ln(time) on every other group B, of fits that saw
neither A nor B; the best of them is fitted without A and judged on A.  So what a figure is of has
had no say in the settings, as it had none in the coefficients.  The choice that ships is the best
over all groups.  ``--processes`` fits side by side.
"""  # noqa: D205

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from auditor.calibration.core import Settings, fit_core
from auditor.calibration.fit import (
    FAMILY_FOLDS,
    Choice,
    Smoothing,
    TimeModel,
    fit_residual,
    fit_time,
)
from auditor.calibration.priors import Spread
from auditor.calibration.profiles import read_networks
from auditor.calibration.record import Run
from auditor.calibration.runs import read_runs
from auditor.calibration.samples import Samples, samples
from auditor.calibration.single import TABLE, beside, read_single
from auditor.step.kernels import Floats
from benchmarks import accuracy

WIDER = (0.6, 1.0, 1.6)
# The grid is its own: it stays where it is whatever ships.
COUNTED_RUNS, COUNTED = 200, (50, 1000)
SMOOTHINGS = {
    "none": Smoothing(amplitude=1e-6),
    "long": Smoothing(),
    "long, less noise": Smoothing(noise=0.05),
    "short": Smoothing(length_scale=0.5, amplitude=0.2),
}
# How the groups of one kind are put together; the folds that are judged lie within them.
DEVICE_GROUPS, SOURCE_GROUPS = 6, 5


def _spread(coefficients: float, devices: float) -> Spread:
    one = Spread()
    return replace(
        one,
        **{n: getattr(one, n) * coefficients for n in ("own", "family", "rate", "kind", "loose")},
        **{n: getattr(one, n) * devices for n in ("device", "device_scale")},
    )


def _settings() -> dict[str, Settings]:
    found = {
        f"coefficients x {a:g}, devices x {b:g}": Settings(
            spread=_spread(a, b), counted_runs=COUNTED_RUNS
        )
        for a, b in itertools.product(WIDER, WIDER)
    }
    return found | {f"a set-up counts {n} runs": Settings(counted_runs=n) for n in COUNTED}


SETTINGS = _settings()
Errors = dict[str, Floats]  # by name of the choice


def choice_of(name: str) -> Choice:
    """The choice that a name of `all_names` stands for."""
    settings, _, smoothing = name.partition("; residual ")
    return Choice(SETTINGS[settings], SMOOTHINGS[smoothing])


@dataclass(frozen=True, slots=True)
class Kind:
    """What is left out whole: the name of a run's group, and how many are put together.

    `judged_by` are the runs whose median error is asked for.
    """

    title: str
    group: Callable[[Run], str]
    count: int
    each_alone: bool
    judged_by: tuple[accuracy.Case, ...]


def _hardware(run: Run) -> str:
    return run.hardware


EVERY = accuracy.Case("all", lambda _: True)
KINDS = (
    Kind(
        title="family",
        group=accuracy.family,
        count=FAMILY_FOLDS,
        each_alone=False,
        judged_by=accuracy.FAMILY_CASES,
    ),
    Kind(
        title="device",
        group=_hardware,
        count=DEVICE_GROUPS,
        each_alone=True,
        judged_by=(EVERY,),
    ),
    Kind(
        title="source",
        group=accuracy.source,
        count=SOURCE_GROUPS,
        each_alone=True,
        judged_by=(EVERY,),
    ),
)


@cache
def tables() -> tuple[Samples, Samples]:
    """The runs and the single kernels of the shipped tables."""
    networks = dict(read_networks(accuracy.TABLES))
    data = samples(read_runs(accuracy.TABLES / "runs.csv"), networks)
    return data, read_single(accuracy.TABLES / TABLE)


def labels(kind: Kind) -> Floats:
    """Number of the group that each run belongs to: every k-th name, as `held_out` takes them."""
    data, _ = tables()
    names = sorted({kind.group(run) for run in data.runs})
    return np.array([names.index(kind.group(run)) % kind.count for run in data.runs])


def _with_smoothings(
    settings: str, seen: Samples, kernels: Samples
) -> Iterator[tuple[str, TimeModel]]:
    """One roofline with each residual."""
    core = fit_core(seen, beside(kernels, seen), SETTINGS[settings])
    for name, smoothing in SMOOTHINGS.items():
        yield f"{settings}; residual {name}", TimeModel(core, fit_residual(core, seen, smoothing))


def left_out(job: tuple[int, tuple[int, ...], str]) -> Errors:
    """Errors on the runs of some groups of one kind, of a fit that saw none of them."""
    kind, groups, settings = job
    data, kernels = tables()
    outside = np.isin(labels(KINDS[kind]), groups)
    tested = data.where(outside)
    return {
        name: model.log_times(tested) - tested.log_time
        for name, model in _with_smoothings(settings, data.where(~outside), kernels)
    }


Job = tuple[int, tuple[int, ...], str]


def jobs() -> list[Job]:
    """Every pair of groups, and every group alone, with each of the settings."""
    return [
        (kind, groups, settings)
        for kind, of in enumerate(KINDS)
        for size in (1, 2)
        for groups in itertools.combinations(range(of.count), size)
        for settings in SETTINGS
    ]


def run(todo: Sequence[Job], processes: int) -> Mapping[Job, Errors]:
    """Fit them all; how far it has come goes to stderr."""
    found: dict[Job, Errors] = {}
    with ProcessPoolExecutor(processes) as pool:
        for job, errors in zip(todo, pool.map(left_out, todo), strict=True):
            found[job] = errors
            sys.stderr.write(f"\r{len(found)} of {len(todo)} fits")
    sys.stderr.write("\n")
    return found


def risks(found: Mapping[Job, Errors], kind: int, without: int | None) -> Mapping[str, float]:
    """Median error of ln(time) of each choice on the runs that are asked for, of fits without them.

    On groups other than `without`, of fits without that too; the mean of the cases' medians.
    """
    data, _ = tables()
    number = labels(KINDS[kind])
    asked = [np.array([case.chosen(run) for run in data.runs]) for case in KINDS[kind].judged_by]
    parts: dict[str, list[list[Floats]]] = {}
    for (of, groups, _), errors in found.items():
        if of != kind or len(groups) != (1 if without is None else 2):
            continue
        if without is not None and without not in groups:
            continue
        here = np.isin(number, groups)
        for index, chosen in enumerate(asked):
            judged = (chosen & (number != without))[here]
            for name, values in errors.items():
                of_cases = parts.setdefault(name, [[] for _ in asked])
                of_cases[index].append(np.abs(values[judged]))
    return {
        name: float(np.mean([np.median(np.concatenate(case)) for case in of_cases]))
        for name, of_cases in parts.items()
    }


def best(risk: Mapping[str, float]) -> str:
    """The choice with the least error."""
    return min(risk, key=lambda name: (risk[name], name))


def nested(found: Mapping[Job, Errors], kind: int) -> tuple[Floats, list[str]]:
    """Errors of all runs, each by the choice made without its group; and those choices."""
    data, kernels = tables()
    of, number = KINDS[kind], labels(KINDS[kind])
    picked = [best(risks(found, kind, without)) for without in range(of.count)]
    errors = np.zeros(len(data.runs))
    names = np.array([of.group(run) for run in data.runs])
    for group, name in enumerate(picked):
        here = number == group
        if not of.each_alone:
            errors[here] = found[kind, (group,), name.partition("; residual ")[0]][name]
            continue
        for alone in sorted(set(names[here])):
            outside = names == alone
            model = fit_time(data.where(~outside), kernels, choice_of(name))
            tested = data.where(outside)
            errors[outside] = model.log_times(tested) - tested.log_time
    return errors, picked


def shipped(found: Mapping[Job, Errors]) -> list[tuple[str, tuple[float, ...]]]:
    """All choices by the mean of what they leave on families, devices and sources; best first."""
    by_kind = [risks(found, kind, None) for kind in range(len(KINDS))]
    names = {name: tuple(risk[name] for risk in by_kind) for name in by_kind[0]}
    return sorted(names.items(), key=lambda item: (sum(item[1]), item[0]))


def report(found: Mapping[Job, Errors]) -> Iterator[str]:
    """What every choice leaves, and the figures of nested choice."""
    yield "median |ln error| on families (cases asked for), devices, sources left out; best first"
    for name, values in shipped(found):
        yield f"{name:60s}" + "".join(f"{value:8.4f}" for value in values)
    data, _ = tables()
    for index, kind in enumerate(KINDS):
        errors, picked = nested(found, index)
        yield f"\n{kind.title} left out, settings chosen without it"
        yield from (f"  group {n}: {name}" for n, name in enumerate(picked))
        yield from accuracy.cases(_cases(kind), errors, data)
        if kind.each_alone:
            yield from _each(kind, errors, data)


def _cases(kind: Kind) -> tuple[accuracy.Case, ...]:
    of = {"family": accuracy.FAMILY_CASES, "device": accuracy.DEVICE_CASES[:2]}
    return (*of.get(kind.title, ()), EVERY)


def _each(kind: Kind, errors: Floats, data: Samples) -> Iterable[str]:
    names = np.array([kind.group(run) for run in data.runs])
    for name in sorted(set(names)):
        yield f"  {name:30s}{accuracy.median_error(errors[names == name])}"


def _kept(path: Path) -> Mapping[Job, Errors]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        (kind, tuple(groups), settings): {n: np.array(e) for n, e in errors.items()}
        for (kind, groups, settings), errors in content
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Nested choice of the fit's settings.")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--errors", type=Path, help="where errors of all fits are kept; taken if there"
    )
    options = parser.parse_args()
    if options.errors and options.errors.exists():
        found = _kept(options.errors)
    else:
        found = run(jobs(), options.processes)
    if options.errors and not options.errors.exists():
        content = [[job, {n: e.tolist() for n, e in of.items()}] for job, of in found.items()]
        options.errors.write_text(json.dumps(content), encoding="utf-8")
    for line in report(found):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
