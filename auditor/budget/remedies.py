"""Changes of a plan that bring a figure under its limit, each one tried before it is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from auditor.budget.assessment import Assessment
from auditor.budget.candidate import Candidate
from auditor.budget.limits import at_end, breaks
from auditor.budget.quantities import QUANTITIES, Lever
from auditor.budget.records import End, Judgement, Limit, Remedy
from auditor.budget.scoring import Frame, known
from auditor.budget.workbench import Workbench
from auditor.regions import Region, regions, resolve_region

DIGITS = 3
MOST_DEVICES = 3
_SEGMENTS = (2, 4, 8, 16, 32, 64)
_SHARDINGS = ("zero1", "zero2", "zero3")
_STEPS = 40  # of a bisection: far beyond the digits that a remedy has


def remedied(
    candidate: Candidate, judgements: Sequence[Judgement], frame: Frame
) -> tuple[Judgement, ...]:
    """Return the judgements with the changes that help where a limit is broken.

    Every change is of one key of the plan, the rest as it is.  `frame` is what PePR is against.

    Raises:
        AuditError: the model or the calibration has become unreadable since it was audited.
    """
    bench = Workbench(candidate)
    return tuple(_with_remedies(j, bench, frame) for j in judgements)


def _with_remedies(judged: Judgement, bench: Workbench, frame: Frame) -> Judgement:
    if judged.end is None:
        return judged
    trial = _Trial(judged.limit, judged.end, bench, frame)
    found = tuple(trial.remedies())
    if found:
        return replace(judged, remedies=found)
    tried = ", ".join(trial.tried)
    said = f"nothing that was tried helps: {tried}" if tried else "no key of the plan changes it"
    return replace(judged, no_remedy=said)


class _Trial:
    """The search for what holds one limit at the end that broke it; `tried` are its words."""

    def __init__(self, limit: Limit, end: End, bench: Workbench, frame: Frame) -> None:
        self.limit, self.end, self.bench, self.frame = limit, end, bench, frame
        self.quantity = QUANTITIES[limit.quantity]
        self.tried: list[str] = []

    def remedies(self) -> Iterator[Remedy]:
        levers = self.quantity.levers
        if Lever.AMOUNT in levers:
            yield from self._less()
        if Lever.MEMORY in levers:
            yield from self._smaller()
        if Lever.HARDWARE in levers:
            yield from self._on_other_devices()
        if Lever.REGION in levers:
            yield from self._elsewhere()

    def figure(self, found: Assessment | None) -> float | None:
        """Return the quantity at the end in question; None where it is not assessed."""
        value = known(found, self.frame).values.get(self.quantity.id) if found else None
        return at_end(value, self.end) if value is not None else None

    def _tried(self, key: str, setting: float | str, was: float | str) -> Remedy | None:
        """Audit with a change; a remedy only if the limit then holds."""
        figure = self.figure(self.bench.with_key(key, setting))
        if figure is None or breaks(self.limit, figure):
            return None
        return Remedy(key=key, setting=setting, was=was, value=figure)

    def _less(self) -> Iterator[Remedy]:
        """The largest amount of training: epochs, samples or tokens, and trials, one at a time."""
        plan = self.bench.candidate.plan
        counted = "tokens" if plan.tokens is not None else "samples"
        amounts = {"epochs": plan.epochs, counted: getattr(plan, counted), "trials": plan.trials}
        for key, was in amounts.items():
            if was is None or (key == "trials" and was == 1):
                continue
            self.tried.append(f"fewer {key}")
            found = self._largest(key, was, self._share(key, was))
            if found is not None:
                yield found

    def _share(self, key: str, was: float) -> float:
        """About the largest share of an amount that is within: what is audited then is near it."""
        found = self.bench.with_key(key, was)
        figure = self.figure(found)
        if found is None or figure is None or self.quantity.is_linear:
            return self.limit.amount / figure if figure else 0.0

        def is_not_broken(share: float) -> bool:
            figure = self.figure(found.of_share(share, of_epochs=key in ("epochs", "trials")))
            # Some scores have no value for little: what is sought is above that.
            return figure is None or not breaks(self.limit, figure)

        return _bisected(is_not_broken)

    def _largest(self, key: str, was: float, share: float) -> Remedy | None:
        """The largest amount of `DIGITS` digits, whole where it was, at or just below a share."""
        whole = float(was).is_integer()
        about = share * was
        # A float's error may have taken it just below a round figure.
        for setting in dict.fromkeys(rounded_down(x, whole) for x in (about * (1 + 1e-9), about)):
            if 0 < setting < was:
                found = self._tried(key, int(setting) if whole else setting, was)
                if found is not None:
                    return found
        return None

    def _smaller(self) -> Iterator[Remedy]:
        """Less memory for a step: the largest batch, fewest segments kept, least sharding."""
        plan = self.bench.candidate.plan
        was = self._batch_size()
        if was > 1:
            self.tried.append("a smaller batch_size")
            found = self._largest_batch(was)
            if found is not None:
                yield found
        kept = plan.checkpointing or 1
        more = ((n, kept) for n in _SEGMENTS if n > kept)
        yield from self._first("checkpointing", more)
        if (plan.devices or 1) > 1:
            now = plan.sharding or "none"
            place = _SHARDINGS.index(now) + 1 if now in _SHARDINGS else 0
            yield from self._first("sharding", ((s, now) for s in _SHARDINGS[place:]))

    def _batch_size(self) -> int:
        from auditor.workload import DEFAULT_BATCH_SIZE

        return self.bench.candidate.plan.batch_size or DEFAULT_BATCH_SIZE

    def _largest_batch(self, was: int) -> Remedy | None:
        """Search between 1 and what is: the memory of a step grows with its batch.

        It begins beside where the memory as planned leads one to expect the end of it.
        """
        best, low, high = None, 0, was
        guesses = [1]
        if self.quantity.id == "memory_bytes":
            about = min(max(self.bench.batch_size_for(self.limit.amount), 1), was - 1)
            guesses = [about, about + 1, about - 1]
        while high - low > 1:
            guess = guesses.pop(0) if guesses else (low + high) // 2
            if not low < guess < high:
                continue
            found = self._tried("batch_size", guess, was)
            if found is not None:
                low, best = guess, found
            elif guess == 1:
                return None
            else:
                high = guess
        return best

    def _first(
        self, key: str, settings: Iterator[tuple[int, int]] | Iterator[tuple[str, str]]
    ) -> Iterator[Remedy]:
        """The first of some settings that holds the limit."""
        self.tried.append(key)
        for setting, was in settings:
            found = self._tried(key, setting, was)
            if found is not None:
                yield found
                return

    def _on_other_devices(self) -> Iterator[Remedy]:
        """Calibrated devices that hold the limit and the step fits, those of least kWh first."""
        named, now = self.bench.candidate.plan.hardware, self._hardware()
        others = [device for device in self.bench.devices() if device != now]
        if others:
            self.tried.append(f"{len(others)} other devices")
        found = []
        for device in others:
            with_it = self.bench.with_key("hardware", device)
            if with_it is None or with_it.fits is False or with_it.inputs.energy_kwh is None:
                continue
            held = self._tried("hardware", device, named or now)
            if held is not None:
                found.append((with_it.inputs.energy_kwh.median, device, held))
        yield from (held for _, _, held in sorted(found, key=lambda f: f[:2])[:MOST_DEVICES])

    def _hardware(self) -> str:
        from auditor.setting import resolved

        candidate = self.bench.candidate
        return resolved(candidate.plan, candidate.hardware_file).hardware.accelerator.id

    def _elsewhere(self) -> Iterator[Remedy]:
        """The cleanest region that holds the limit: of the provider, or of the country."""
        named = self.bench.candidate.plan.region
        if named is None:
            return
        others = _comparable(resolve_region(named))
        if others:
            self.tried.append(f"{len(others)} other regions")
        for region in others:
            found = self._tried("region", region.id, named)
            if found is not None:
                yield found
                return


def _comparable(chosen: Region) -> tuple[Region, ...]:
    """Cloud regions of the same provider, or in the same country, those with least carbon first.

    Those of the government are for its agencies alone.
    """

    def is_near(region: Region) -> bool:
        if chosen.provider is not None:
            return region.provider == chosen.provider
        return region.kind == "cloud" and region.country == chosen.country

    near = [r for r in regions() if r.id != chosen.id and is_near(r) and "-gov-" not in r.id]
    return tuple(sorted(near, key=lambda r: (r.carbon_gco2e_per_kwh * (r.pue or 1.0), r.id)))


def rounded_down(amount: float, whole: bool) -> float:
    """Round down to `DIGITS` significant digits, and to a whole number where that is asked for."""
    if amount <= 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(amount)) - DIGITS + 1)
    if whole:
        size = max(size, 1.0)
    # As text and back: 0.003 * 1000 is no round number in binary.
    return float(f"{math.floor(amount / size) * size:.{DIGITS + 2}g}")


def _bisected(holds: Callable[[float], bool]) -> float:
    """The largest share of 0 to 1 for which it holds, as far as that is monotone; 0 for none."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
