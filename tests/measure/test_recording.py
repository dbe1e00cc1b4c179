"""Recordings written and read, replayed, and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.recording import Mark, Recording, read_recording, recording_text
from auditor.measure.replay import ReplayMeter
from auditor.measure.trials import analysed
from auditor.tables import read_schema

DATA = Path(__file__).resolve().parents[1] / "data" / "recordings"
SMALL = Recording(
    description=MeterDescription(
        name="NVML", kind="nvml", scope="gpu", device_name="H100, 80 GB", notes=("a", "b")
    ),
    readings=(
        Reading(
            time_s=5.0,
            power_w=100.5,
            counter_j=7.25,
            utilization=0.5,
            memory_used_bytes=1234567890123,
            sm_clock_hz=1.98e9,
            temperature_c=55.0,
            throttle_reasons=frozenset({"power limit", "idle"}),
            process_count=2,
        ),
        Reading(time_s=6.0, power_w=None, counter_j=None),
        Reading(time_s=8.0, power_w=0.1, counter_j=9.0),
    ),
    marks=(Mark(5.5, "idle"), Mark(6.5, "trial 1", 3), Mark(7.5, "end")),
)
numbers = st.none() | st.floats(0, 1e12)


def saved(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recording.csv"
    path.write_text(text, encoding="utf-8")
    return path


def moved(recording: Recording, by_s: float) -> Recording:
    return replace(
        recording,
        readings=tuple(replace(r, time_s=r.time_s + by_s) for r in recording.readings),
        marks=tuple(replace(m, time_s=m.time_s + by_s) for m in recording.marks),
    )


def test_what_is_written_is_read_its_clock_from_zero(tmp_path: Path) -> None:
    assert read_recording(saved(tmp_path, recording_text(SMALL))) == moved(SMALL, -5)


@given(st.lists(st.tuples(st.floats(0, 1e4), numbers, numbers), min_size=1, max_size=8))
def test_any_readings_come_back(rows: list[tuple[float, float | None, float | None]]) -> None:
    # Times to the µs, which is what the file keeps.
    times_s = sorted(round(row[0], 3) for row in rows)
    readings = tuple(
        Reading(time_s=t, power_w=row[1], counter_j=row[2])
        for t, row in zip(times_s, rows, strict=True)
    )
    made = replace(SMALL, readings=readings, marks=())
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = read_recording(saved(Path(folder), recording_text(made)))
    assert [r.power_w for r in found.readings] == [r.power_w for r in readings]
    assert [r.counter_j for r in found.readings] == [r.counter_j for r in readings]
    for found_r, made_r in zip(found.readings, readings, strict=True):
        assert found_r.time_s == pytest.approx(made_r.time_s - times_s[0], abs=2e-6)


def test_the_first_line_is_by_the_schema() -> None:
    head = json.loads(recording_text(SMALL).split("\n", 1)[0].removeprefix("#"))
    jsonschema.validate(head, read_schema("recording.schema.json"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("# {", "{", "does not begin with #"),
        ("# {", "# [", "line 1: is not JSON"),
        ('"scope": "gpu"', '"scope": "moon"', r"line 1: \$\.meter\.scope"),
        ('"schema_version": "1.0"', '"schema_version": "9"', "line 1: .*schema_version"),
        ("time_s,power_w", "time_s,power", "line 2: has other columns"),
        ("100.5", "much", r"line 3: power_w: 'much' is not a number"),
        ("100.5", "-1", r"line 3: power_w: '-1' cannot be"),
        ("100.5", "nan", r"line 3: power_w: 'nan' cannot be"),
        ("100.5,", "", "line 3: has not 9 cells"),
        ("0.0,100.5", ",100.5", "line 3: has no time_s"),
        ("0.0,100.5", "2.0,100.5", "not in order of time"),
        ("1234567890123", "1.5", "memory_used_bytes: '1.5' is not a number"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = recording_text(SMALL)
    assert old in text
    with pytest.raises(HardwareError, match=words):
        read_recording(saved(tmp_path, text.replace(old, new, 1)))


def test_a_recording_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"nothing\.csv cannot be read"):
        read_recording(tmp_path / "nothing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HardwareError, match="cannot be read"):
        read_recording(tmp_path / "binary.csv")


def test_a_recording_says_the_same_again(tmp_path: Path) -> None:
    """A device of 600 W at work and 100 W idle, kept in the repository."""
    found = analysed(read_recording(DATA / "made_600w.csv"))
    assert found.mean_power_w == pytest.approx(600, rel=0.01)
    assert found.idle_power_w == pytest.approx(100, rel=0.01)
    assert found.disagreement == pytest.approx(0, abs=0.01)


def replayed(**options: object) -> tuple[ReplayMeter, list[float]]:
    now_s = [1000.0]
    meter = ReplayMeter(SMALL, clock=lambda: now_s[0], **options)  # type: ignore[arg-type]
    return meter, now_s


def test_a_replay_goes_at_the_pace_of_the_recording() -> None:
    meter, now_s = replayed()
    assert meter.description.device_name == "H100, 80 GB"
    shown = []
    for elapsed_s in (0, 0.9, 1, 2.9):
        now_s[0] = 1000 + elapsed_s
        reading = meter.read()
        assert reading.time_s == now_s[0]
        shown.append(reading.power_w)
    assert shown == [100.5, 100.5, None, None]


def test_a_replay_ends_with_its_recording() -> None:
    meter, now_s = replayed()
    meter.read()
    now_s[0] += 3.01
    with pytest.raises(HardwareError, match="ends after 3 s"):
        meter.read()


def test_a_repeated_replay_goes_on_counting() -> None:
    meter, now_s = replayed(repeat=True)
    assert meter.read().counter_j == 7.25
    now_s[0] += 6.5  # in the third round; each has counted 1.75 J
    assert meter.read().counter_j == 7.25 + 2 * 1.75
    meter.close()


def test_one_reading_cannot_be_replayed() -> None:
    with pytest.raises(HardwareError, match="two readings or more"):
        ReplayMeter(replace(SMALL, readings=SMALL.readings[:1]))
