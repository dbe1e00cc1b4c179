"""The table of accuracies: fractions, and errors that name their remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.compare.accuracy import read_accuracies
from auditor.errors import PlanError


def written(folder: Path, content: str) -> Path:
    path = folder / "acc.csv"
    path.write_text(content, encoding="utf-8")
    return path


def test_fractions_with_other_columns_beside_them(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffmodel,seed,accuracy\na,1,0.76\n b ,2, 1 \nc,3,0\n")
    assert dict(read_accuracies(path)) == {"a": 0.76, "b": 1.0, "c": 0.0}


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("76.1", r"76\.1 is in per cent; give the fraction 0\.761"),
        ("76.1%", r"76\.1% is in per cent; give the fraction 0\.761"),
        ("0.5%", r"give the fraction 0\.005"),
        ("1.0001", "in per cent"),
        ("-0.1", "must be a fraction from 0 to 1"),
        ("761", "must be a fraction from 0 to 1"),
        ("nan", "must be a fraction"),
        ("inf", "must be a fraction"),
        ("good", "is no number"),
        ("", "is no number"),
    ],
)
def test_what_is_no_fraction(tmp_path: Path, cell: str, says: str) -> None:
    path = written(tmp_path, f"model,accuracy\na,0.5\nb,{cell}\n")
    with pytest.raises(PlanError, match=says) as caught:
        read_accuracies(path)
    assert f"{path}:3: 'b'" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "needs the columns model and accuracy"),
        ("name,accuracy\na,0.5\n", "needs the columns"),
        ("model,accuracy\na,0.5\na,0.6\n", ":3: 'a' has a row already"),
        ("model,accuracy\n,0.5\n", ":2: the row names no model"),
        ('model,accuracy\n"a,0.5\n', "not a CSV table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_accuracies(written(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_accuracies(tmp_path / "none.csv")
    with pytest.raises(PlanError, match="cannot be read"):
        read_accuracies(tmp_path)
