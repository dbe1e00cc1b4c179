"""Reference sets: the published ones, and those in a file of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import PlanError
from auditor.scores import published_sets, read_reference

HEADER = "set,resource,low,high,covers,source\n"


def test_the_published_sets_and_their_resources() -> None:
    every = {"energy_kwh", "carbon_gco2e", "epoch_time_s", "memory_bytes"}
    found = {name: set(s.ranges) for name, s in published_sets().items()}
    assert found == {
        "derma": every,
        "derma_pt": every,
        "lidc": every,
        "pneumonia": every,
        "imagenet": {"memory_bytes"},
    }


def test_every_range_says_what_it_covers_and_where_it_is_from() -> None:
    for found in published_sets().values():
        for limits in found.ranges.values():
            assert 0 <= limits.low < limits.high
            assert limits.covers and "saintslab/PePR@" in limits.source


def test_a_set_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + "lab,energy_kwh,0.5,2.5,GPUs,notebook 7\n", encoding="utf-8")
    found = read_reference(str(path))
    assert (found.name, found.ranges["energy_kwh"].high) == ("lab", 2.5)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the columns of a reference set are"),
        ("set,low\nlab,1\n", "the columns of a reference set are"),
        (HEADER, "has 0 sets"),
        (HEADER + "a,energy_kwh,1,2,x,y\nb,energy_kwh,1,2,x,y\n", "has 2 sets"),
        (HEADER + "a,energy_kwh,2,2,x,y\n", "low must be below high"),
        (HEADER + "a,energy_kwh,1,inf,x,y\n", "low must be below high"),
        (HEADER + "a,energy_kwh,0,5e-324,x,y\n", "low must be below high"),
        (HEADER + "a,energy_kwh,nan,2,x,y\n", "low must be below high"),
        (HEADER + "a,energy_kwh,one,2,x,y\n", "must be numbers"),
        (HEADER + "a,energy_kwh,1\n", "must be numbers"),
        (HEADER + "a,energy_j,1,2,x,y\n", "energy_j"),
        (HEADER + "a,energy_kwh,1,2,x,y\na,energy_kwh,1,2,x,y\n", "at most once"),
        (HEADER + "compared,energy_kwh,1,2,x,y\n", "a name of its own"),
        (HEADER + "a,energy_kwh,1,2,x,\n", "covers and source"),
    ],
)
def test_a_file_that_is_no_set(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlanError, match=says) as caught:
        read_reference(str(path))
    assert str(path) in str(caught.value)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(HEADER.encode() + b"\xff\xfe,energy_kwh,1,2,x,y\n")
    with pytest.raises(PlanError, match="UTF-8"):
        read_reference(str(path))


def test_a_name_that_is_neither_set_nor_file() -> None:
    with pytest.raises(PlanError, match="compared, derma, derma_pt, lidc, pneumonia, imagenet"):
        read_reference("dermatology")
