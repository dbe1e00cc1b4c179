"""Write data/recordings/made_600w.csv: a device that was made up, not one that was measured.

100 W idle and 600 W at work, a counter brought up to date every 20 ms, read at 50 Hz with some
jitter, as the meter of a real device has it.
"""

from __future__ import annotations

import random
from pathlib import Path

from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.recording import Mark, Recording, recording_text

TARGET = Path(__file__).parent / "recordings" / "made_600w.csv"
MARKS = (
    Mark(0.005, "idle"),
    Mark(1.0, "warm-up"),
    Mark(2.0, "trial 1", 1000),
    Mark(4.0, "trial 2", 1000),
    Mark(6.0, "trial 3", 1000),
    Mark(8.0, "cool-down"),
    Mark(8.5, "end"),
)


def counter_j(time_s: float) -> float:
    """100 W all the time, and 500 W more from 1 s to 8 s, as it was 20 ms ago at most."""
    at_s = time_s // 0.02 * 0.02
    return round(5000 + 100 * at_s + 500 * min(max(at_s - 1, 0), 7), 3)


def readings() -> list[Reading]:
    """Readings until 8.5 s."""
    dice, time_s, made = random.Random(0), 0.0, []  # noqa: S311 (no secret)
    while time_s <= 8.5:
        busy = 1 <= time_s < 8
        made.append(
            Reading(
                time_s=round(time_s, 6),
                power_w=round((600 if busy else 100) + dice.gauss(0, 2), 3),
                counter_j=counter_j(time_s),
                utilization=(0.98 if busy else 0.0) if len(made) % 10 == 0 else None,
                memory_used_bytes=3 * 2**30 if len(made) % 10 == 0 else None,
                sm_clock_hz=1.98e9 if len(made) % 10 == 0 else None,
                temperature_c=55.0 if len(made) % 10 == 0 else None,
                process_count=0 if len(made) % 10 == 0 else None,
            )
        )
        time_s += 0.02 + dice.uniform(0, 0.001)
    return made


def main() -> None:
    """Write the file."""
    description = MeterDescription(
        name="made up", kind="nvml", scope="gpu", device_name="made-up device", power_limit_w=700.0
    )
    made = Recording(description=description, readings=tuple(readings()), marks=MARKS)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(recording_text(made), encoding="utf-8")


if __name__ == "__main__":
    main()
