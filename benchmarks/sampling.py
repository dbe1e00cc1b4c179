"""What sampling costs, and how far counter and integrated power are apart on a known device.

    python -m benchmarks.sampling [--gpu]

Without --gpu the device is made up (600 W at work, 100 W idle, a counter brought up to date
every 20 ms, reads that take as long as NVML's do); with --gpu the meter is NVML's.  The work is
arithmetic on one thread of the processor, in turns with and without the sampler; it is counted
by CPU time of the process, the sampler's included, so that other work on the machine is not in it.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

from auditor.measure.meter import Meter, MeterDescription, Reading
from auditor.measure.meters import gpu_meter
from auditor.measure.protocol import Schedule, measured
from auditor.measure.sampling import Sampler
from auditor.measure.trials import Measurement

RATE_HZ = 50.0
# nvmlDeviceGetPowerUsage and nvmlDeviceGetTotalEnergyConsumption together, an order of size.
READ_S = 0.0002
PAIRS = 60
WORK_S = 0.25


class MadeUpMeter:
    """A device that was made up; its reads wait as a driver's do."""

    def __init__(self) -> None:
        self.description = MeterDescription(
            name="made up", kind="made up", scope="gpu", device_name="made-up device"
        )
        self.power_w = 100.0
        self._energy_j, self._since_s = 1000.0, time.monotonic()
        self._shown = (0.0, 1000.0)
        self._reads = 0

    def set_power(self, power_w: float) -> None:
        """From now on draw `power_w`."""
        self._count()
        self.power_w = power_w

    def _count(self) -> float:
        now_s = time.monotonic()
        self._energy_j += self.power_w * (now_s - self._since_s)
        self._since_s = now_s
        if now_s - self._shown[0] >= 0.02:
            self._shown = (now_s, self._energy_j)
        return now_s

    def read(self) -> Reading:
        """Return power and counter."""
        time.sleep(READ_S)
        self._reads += 1
        now_s = self._count()
        noise_w = 0.5 * (self._reads % 5 - 2)
        return Reading(time_s=now_s, power_w=self.power_w + noise_w, counter_j=self._shown[1])

    def close(self) -> None:
        """Do nothing."""


class Arithmetic:
    """Square roots on one thread."""

    def __init__(self, meter: MadeUpMeter | None = None) -> None:
        generator = np.random.default_rng(0)
        self.values = generator.random((200, 200))
        self.roots = np.empty_like(self.values)
        self.meter = meter

    def step(self) -> None:
        """Take them once."""
        if self.meter is not None and self.meter.power_w != 600.0:
            self.meter.set_power(600.0)
        np.sqrt(self.values, out=self.roots)

    def wait(self) -> None:
        """It is done already."""


def steps_per_cpu_s(duration_s: float) -> float:
    """Run arithmetic for a time; return how often it ran in a second of CPU time."""
    work, count = Arithmetic(), 0
    end_s, start_s = time.perf_counter() + duration_s, time.process_time()
    while time.perf_counter() < end_s:
        work.step()
        count += 1
    return count / (time.process_time() - start_s)


def slowdowns(meter: Meter) -> list[float]:
    """Share of steps that are lost while the meter is sampled, pair by pair."""
    found = []
    for _ in range(PAIRS):
        without = steps_per_cpu_s(WORK_S)
        sampler = Sampler(meter, RATE_HZ)
        sampler.start()
        beside = steps_per_cpu_s(WORK_S)
        sampler.stop()
        found.append(1 - beside / without)
    return found


def run(window_s: float = 2.0) -> Measurement:
    """Measure arithmetic on the made-up device."""
    meter = MadeUpMeter()
    schedule = Schedule(
        idle_s=1, warm_up_s=0.5, longest_warm_up_s=3, window_s=window_s, rate_hz=RATE_HZ
    )
    return measured(meter, Arithmetic(meter), schedule)


def main() -> None:
    meter: Meter = gpu_meter() if "--gpu" in sys.argv[1:] else MadeUpMeter()
    lost = slowdowns(meter)
    label = meter.description.label
    print(f"sampling {label} at {RATE_HZ:g} Hz, {PAIRS} pairs of {WORK_S:g} s")
    low, median, high = statistics.quantiles(lost, n=4)
    print(f"  steps lost: median {median:+.2%}, quartiles {low:+.2%} and {high:+.2%}")
    meter.close()
    found = run()
    share, apart = found.sampling_share, found.disagreement
    if share is not None:
        print(f"  CPU time of the sampler: {share:.2%} of one core")
    if apart is not None:
        print(f"  power integrated beside the counter: {apart:+.2%} (made-up device)")
    print(f"  mean power {found.mean_power_w:.1f} W of 600 W (made-up device)")


if __name__ == "__main__":
    main()
