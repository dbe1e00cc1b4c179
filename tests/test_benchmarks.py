"""The roofline keeps what its interval claims on measured runs, and every run has a source."""

from __future__ import annotations

import csv
import re
import statistics
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLES = sorted((ROOT / "benchmarks" / "graphs").glob("*.csv"))


@pytest.fixture(scope="module")
def printed() -> str:
    """What `python -m benchmarks.roofline` prints; it runs every measured run once."""
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks import roofline
    finally:
        sys.path.remove(str(ROOT))
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("builtins.print", lambda *words: lines.append(" ".join(map(str, words))))
        assert roofline.main() == 0
    return "\n".join(lines)


def summary(printed: str, start: str) -> str:
    (line,) = [ln for ln in printed.splitlines() if ln.startswith(start)]
    return line


def read(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows() -> list[dict[str, str]]:
    return [row for table in TABLES for row in read(table)]


def test_nine_of_ten_runs_lie_in_the_interval(printed: str) -> None:
    found = re.search(r"in the 90% interval (\d+)/(\d+)$", summary(printed, "all: "))
    assert found is not None
    inside, runs = map(int, found.groups())
    assert runs == len(rows())
    assert inside / runs >= 0.90


def test_the_interval_is_not_wider_than_it_need_be(printed: str) -> None:
    # Of 90 % intervals on known networks, a half as narrow one would still hold most.
    found = re.search(r"error median (\d+)%", summary(printed, "all: "))
    assert found is not None and int(found.group(1)) <= 30


def test_memory_is_met_within_a_tenth(printed: str) -> None:
    found = re.search(r"(\d+) runs, .*error median (\d+)%", summary(printed, "memory: "))
    assert found is not None
    runs, error = map(int, found.groups())
    assert runs >= 20
    assert error < 10


def test_no_run_is_estimated_at_ten_times_what_it_took_or_a_tenth(printed: str) -> None:
    ratios = [
        float(r) for r in re.findall(r"^\S+ +\S+ +\S+ +\d+ +\S+ +\S+ +(\d+\.\d+) ", printed, re.M)
    ]
    assert len(ratios) == len(rows())
    assert 0.1 < min(ratios) <= statistics.median(ratios) <= max(ratios) < 10
    assert 0.7 < statistics.median(ratios) < 1.4


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_run_has_source_licence_and_quality(table: Path) -> None:
    found = read(table)
    assert found
    for row in found:
        for column in ("source", "source_path", "licence", "quality", "row_id", "hardware"):
            assert row[column].strip(), (row["row_id"], column)
        assert row["quality"] in ("A", "B", "C")
        assert float(row["step_time_s"]) > 0


def test_every_run_is_named_once() -> None:
    names = [row["row_id"] for row in rows()]
    assert len(names) == len(set(names)) > 50


def test_every_run_has_its_graph() -> None:
    folder = ROOT / "benchmarks" / "graphs"
    for row in rows():
        name = row["graph_file"]
        assert (ROOT / name if "/" in name else folder / name).is_file(), name
