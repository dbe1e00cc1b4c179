"""The calibrated estimate on runs that it did not see: ``python -m benchmarks.accuracy``.

Refits fold by fold: whole families of networks left out, then whole devices, then whole
sources.  For every source and device: number of runs, mean and median absolute error, 90th
percentile, R2 of ln(time), Spearman's rank correlation, and how many runs the 90 % interval
holds; beside it three baselines on the same runs and folds.  ``--quick`` leaves out families
only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auditor.calibration.fit import FAMILY_FOLDS, LEVEL, fit_time, half_width, held_out
from auditor.calibration.power import fit_figures, log_power, power_rows
from auditor.calibration.profiles import read_networks
from auditor.calibration.record import Run
from auditor.calibration.runs import read_runs
from auditor.calibration.samples import Samples, dims_of, samples, setup_of
from auditor.calibration.single import TABLE, read_single
from auditor.hardware import resolve
from auditor.precision import precision
from auditor.step.kernels import Floats, Kernels
from auditor.step.rates import rates

TABLES = Path(__file__).resolve().parent.parent / "calibration"
# What a training is often said to reach of a device's peak.
USUAL_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Scores:
    """Errors of a group of runs; `errors` are ln(estimate / measured)."""

    errors: Floats
    measured: Floats
    inside: Floats

    def line(self) -> str:
        """Runs, median, mean, 90th percentile, R2, rank correlation, coverage."""
        absolute = np.abs(np.exp(self.errors) - 1)
        return (
            f"{len(self.errors):6d}{np.median(absolute):9.1%}{absolute.mean():9.1%}"
            f"{np.quantile(absolute, 0.9):9.1%}{self.r_squared():8.3f}{self.spearman():8.3f}"
            f"{self.inside.mean():9.0%}"
        )

    def r_squared(self) -> float:
        """Share of the variance of ln(time) that is explained; nan for alike times."""
        spread = ((self.measured - self.measured.mean()) ** 2).sum()
        return float(1 - (self.errors**2).sum() / spread) if spread > 0 else float("nan")

    def spearman(self) -> float:
        """Rank correlation of estimate and measurement; nan for two runs or fewer."""
        if len(self.errors) < 3:
            return float("nan")
        ranks = [_ranks(self.measured), _ranks(self.measured + self.errors)]
        return float(np.asarray(np.corrcoef(ranks)).ravel()[1])


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - (counts - 1) / 2)[inverse]
    return found


HEADING = (
    f"{'':46s}{'runs':>6s}{'median':>9s}{'mean':>9s}{'p90':>9s}{'R2':>8s}{'rank':>8s}{'inside':>9s}"
)


def family(run: Run) -> str:
    return run.family or run.graph


def source(run: Run) -> str:
    return run.source or "own"


def coverage(
    errors: Floats,
    data: Samples,
    group: Callable[[Run], str],
    cluster: Callable[[Run], Hashable],
) -> Floats:
    """Whether each run lies in the interval that the errors of all other groups give.

    Every cluster weighs alike in it, as in the fit.
    """
    names = np.array([group(run) for run in data.runs])
    clusters = [cluster(run) for run in data.runs]
    inside = np.zeros(len(errors))
    for name in sorted(set(names)):
        here = names == name
        others = [c for c, is_here in zip(clusters, here, strict=True) if not is_here]
        width = half_width(errors[~here], others, LEVEL)
        inside[here] = np.abs(errors[here]) <= width
    return inside


def report(
    title: str, errors: Floats, inside: Floats, data: Samples, part: Callable[[Run], str]
) -> Iterator[str]:
    yield f"\n{title}"
    yield HEADING
    parts = np.array([part(run) for run in data.runs])
    for name in [*sorted(set(parts)), "all"]:
        chosen = np.ones(len(parts), bool) if name == "all" else parts == name
        scores = Scores(errors[chosen], data.log_time[chosen], inside[chosen])
        yield f"{name:46s}{scores.line()}"


def source_and_family(run: Run) -> str:
    return f"{source(run)}|{family(run)}"


def by_setup(inside: Floats, data: Samples) -> str:
    """Coverage, every source and device weighing alike."""
    names = np.array([setup_of(run) for run in data.runs])
    shares = [inside[names == name].mean() for name in sorted(set(names))]
    return f"inside, mean of {len(shares)} set-ups: {np.mean(shares):.0%}"


def setting(run: Run) -> str:
    return f"{source(run)} {run.hardware} {run.phase}"


# --- baselines --------------------------------------------------------------------------------


def peak_share(data: Samples, networks: dict[tuple[str, str], Kernels]) -> Floats:
    """ln(time) of the arithmetic at a fixed share of the device's peak."""
    times = []
    for run in data.runs:
        kernels = networks[run.graph, dims_of(run)]
        peak = rates(resolve(run.hardware).accelerator, precision(run.precision))
        turns = kernels.macs[:, :1] if run.phase == "infer" else kernels.macs
        flops = 2 * turns.sum() * run.batch_size
        times.append(np.log(flops / (USUAL_SHARE * peak.matmul_flops_per_s)))
    return np.array(times)


def log_linear(
    data: Samples, columns: Floats, group: Callable[[Run], str], folds: int | None
) -> Floats:
    """Errors of ln(time / batch) by least squares on columns, with a constant a set-up."""
    names = sorted({group(run) for run in data.runs})
    together = [names[k::folds] for k in range(folds)] if folds else [[n] for n in names]
    setups = sorted(
        {(s, r.phase, r.precision) for s, r in zip(data.setups, data.runs, strict=True)}
    )
    index = [
        setups.index((s, r.phase, r.precision)) for s, r in zip(data.setups, data.runs, strict=True)
    ]
    constants = np.eye(len(setups))[index]
    design = np.hstack([columns, constants])
    batch = np.log([run.batch_size for run in data.runs])
    errors = np.zeros(len(data.runs))
    for left_out in together:
        outside = np.array([group(run) in left_out for run in data.runs])
        # A little of ridge: a set-up left out whole gets the mean of the others.
        inside = design[~outside]
        curvature = inside.T @ inside + 1e-3 * np.eye(design.shape[1])
        target = data.log_time[~outside] - batch[~outside]
        weights = np.linalg.solve(curvature, inside.T @ target)
        unseen = ~constants[outside].astype(bool)[:, constants[~outside].sum(axis=0) > 0].any(
            axis=1
        )
        usual = weights[columns.shape[1] :][constants[~outside].sum(axis=0) > 0].mean()
        guess = design[outside] @ weights + unseen * usual
        errors[outside] = guess + batch[outside] - data.log_time[outside]
    return errors


def columns_of(data: Samples, networks: dict[tuple[str, str], Kernels]) -> tuple[Floats, Floats]:
    """ln(parameters), and with it ln(MACs) and ln(traffic that grows with the batch)."""
    found = [networks[run.graph, dims_of(run)] for run in data.runs]
    parameters = np.log([k.trained_parameter_count for k in found])
    macs = np.log([k.macs[:, 0].sum() for k in found])
    traffic = np.log([k.batch_bytes[:, 0].sum() for k in found])
    return parameters[:, None], np.stack([macs, traffic, parameters], axis=1)


def median_error(errors: Floats) -> str:
    absolute = np.abs(np.exp(errors) - 1)
    return f"median {np.median(absolute):.1%}, mean {absolute.mean():.1%}"


def baselines(
    data: Samples,
    networks: dict[tuple[str, str], Kernels],
    group: Callable[[Run], str],
    folds: int | None,
) -> Iterator[str]:
    one, three = columns_of(data, networks)
    fixed = peak_share(data, networks) - data.log_time
    yield f"baseline, FLOPs at {USUAL_SHARE:.0%} of peak: {median_error(fixed)}"
    by_parameters = log_linear(data, one, group, folds)
    yield f"baseline, log-linear in parameters: {median_error(by_parameters)}"
    by_three = log_linear(data, three, group, folds)
    yield f"baseline, log-linear in MACs, traffic, parameters: {median_error(by_three)}"


@dataclass(frozen=True, slots=True)
class Case:
    """A figure that is asked for, and the runs that it is taken of."""

    name: str
    chosen: Callable[[Run], bool]


FAMILY_CASES = (
    Case("PePR lidc, RTX 3090", lambda r: source(r) == "pepr" and "lidc" in (r.note or "")),
    Case("timm training, RTX 3090, channels first", lambda r: source(r) == "timm-benchmark"),
)
DEVICE_CASES = (
    Case("transformer training steps", lambda r: source(r) == "neusight" and r.phase != "infer"),
    Case("transformer inference steps", lambda r: source(r) == "neusight" and r.phase == "infer"),
    Case("all devices pooled", lambda _: True),
)


def cases(found: Sequence[Case], errors: Floats, data: Samples) -> Iterator[str]:
    for case in found:
        chosen = np.array([case.chosen(run) for run in data.runs])
        yield f"{case.name}: {chosen.sum()} runs, {median_error(errors[chosen])}"


# --- energy -----------------------------------------------------------------------------------


def energy_errors(
    runs: Sequence[Run], networks: dict[tuple[str, str], Kernels], data: Samples, kernels: Samples
) -> tuple[list[Run], Floats]:
    """Runs with a measured power, and ln(estimate / measured) of energy, their source left out.

    Energy of a step is power times time, so its error is the sum of both errors; the power is
    that at the modelled time, as in an estimate.
    """
    timed = {run.run_id for run in data.runs}
    measured = [run for run in runs if run.mean_power_w is not None and run.run_id in timed]
    found: list[Run] = []
    errors: list[float] = []
    for left_out in sorted({source(run) for run in measured}):
        model = fit_time(data.where([source(r) != left_out for r in data.runs]), kernels)
        rows = power_rows(runs, networks, model.core)
        power = fit_figures(rows.where([source(r) != left_out for r in rows.runs]))
        here = rows.where([source(r) == left_out and r.run_id in timed for r in rows.runs])
        log_w = log_power(power, here, here.modelled_s)[0] - np.log(here.power_w)
        of_time = data.where([source(r) == left_out for r in data.runs])
        log_s = dict(
            zip(
                (r.run_id for r in of_time.runs),
                model.log_times(of_time, knows_setup=False) - of_time.log_time,
                strict=True,
            )
        )
        found += here.runs
        errors += [w + log_s[r.run_id] for r, w in zip(here.runs, log_w, strict=True)]
    return found, np.array(errors)


def with_local_runs(runs: Sequence[Run], errors: Floats) -> Floats:
    """Errors of energy after one run of the set-up, each in turn, corrected the others.

    The correction is shrunken as `audit calibrate` shrinks it: by the spread of set-ups over
    that and the spread within one.
    """
    setups = np.array([f"{source(r)} {r.hardware}" for r in runs])
    networks = np.array([r.graph for r in runs])
    between = np.var([np.median(errors[setups == s]) for s in sorted(set(setups))])
    corrected: list[float] = []
    for name in sorted(set(setups)):
        own, graphs = errors[setups == name], networks[setups == name]
        within = float(np.var(own))
        share = between / (between + within) if between + within else 0.0
        for i, graph in enumerate(graphs):
            corrected += (own[graphs != graph] - share * own[i]).tolist()
    return np.array(corrected)


def energy_report(
    runs: Sequence[Run], networks: dict[tuple[str, str], Kernels], data: Samples, kernels: Samples
) -> Iterator[str]:
    found, errors = energy_errors(runs, networks, data, kernels)
    yield "\nenergy, sources left out"
    setups = np.array([f"{source(r)} {r.hardware} ({r.power_scope})" for r in found])
    for name in sorted(set(setups)):
        own = errors[setups == name]
        bias = np.exp(np.median(own))
        yield f"{name:46s}{len(own):6d} runs, {median_error(own)}, bias {bias:.2f}"
    yield f"all: {len(errors)} runs, {median_error(errors)}"
    yield f"all, one run of the set-up known: {median_error(with_local_runs(found, errors))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out families only")
    quick = parser.parse_args().quick
    networks = dict(read_networks(TABLES))
    runs = read_runs(TABLES / "runs.csv")
    data = samples(runs, networks)
    kernels = read_single(TABLES / TABLE)
    out = sys.stdout
    for title, group, folds, named, cluster in (
        ("families left out", family, FAMILY_FOLDS, FAMILY_CASES, source_and_family),
        ("devices left out", lambda r: r.hardware, None, DEVICE_CASES, setup_of),
        ("sources left out", source, None, (), setup_of),
    ):
        errors = held_out(data, group, folds=folds, kernels=kernels)
        inside = coverage(errors, data, group, cluster)
        for line in report(title, errors, inside, data, setting):
            out.write(line + "\n")
        more = (*baselines(data, networks, group, folds), *cases(named, errors, data))
        for line in (by_setup(inside, data), *more):
            out.write(line + "\n")
        out.flush()
        if quick:
            return
    for line in energy_report(runs, networks, data, kernels):
        out.write(line + "\n")


if __name__ == "__main__":
    main()
