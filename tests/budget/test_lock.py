"""The lock file: written, read back, and refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.budget.lock import Lock, Locked, lock_text, read_lock, rounded
from auditor.errors import PlanError

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "schemas" / "lock.schema.json").read_text("utf-8")
)
VALID = jsonschema.Draft202012Validator(SCHEMA)

hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
figures = st.dictionaries(st.text(max_size=9), st.floats(-1e30, 1e30).map(rounded), max_size=4)
models = st.builds(
    Locked,
    structure_sha256=hashes,
    plan_sha256=hashes,
    hardware_id=st.text(max_size=9),
    method=st.just("calibrated"),
    figures=figures,
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
locks = st.builds(
    Lock,
    tool_version=st.text(max_size=9),
    artefact_sha256=st.none() | hashes,
    models=st.dictionaries(names, models, max_size=3),
)


def one(**changes: Any) -> Lock:
    said: dict[str, Any] = {
        "structure_sha256": "a" * 64,
        "plan_sha256": "b" * 64,
        "hardware_id": "a100-sxm4-80gb",
        "method": "calibrated",
        "figures": {"energy_kwh": 12.5, "duration_h": 3.0},
    }
    model = Locked(**(said | changes))
    return Lock(tool_version="0.1.0", artefact_sha256="c" * 64, models={"net": model})


@given(locks)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, lock: Lock) -> None:
    path = tmp_path_factory.mktemp("lock") / "audit.lock.json"
    text = lock_text(lock)
    path.write_text(text, encoding="utf-8")
    found = read_lock(path)
    assert found == lock
    assert found is not None and lock_text(found) == text
    assert VALID.is_valid(json.loads(text))


def test_the_order_in_which_models_came_does_not_show() -> None:
    first, second = one().models["net"], one(method="roofline").models["net"]
    there = Lock(tool_version="1", artefact_sha256=None, models={"a": first, "b": second})
    back = Lock(tool_version="1", artefact_sha256=None, models={"b": second, "a": first})
    assert lock_text(there) == lock_text(back)


def test_figures_have_six_digits() -> None:
    assert rounded(1234567.89) == 1234570.0
    assert rounded(0.000123456789) == 0.000123457
    assert rounded(2 / 3) == 0.666667


def content() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(lock_text(one()))
    return parsed


def broken(*path: str, value: Any = None, delete: bool = False) -> dict[str, Any]:
    made = copy.deepcopy(content())
    inner: Any = made
    for key in path[:-1]:
        inner = inner[key]
    if delete:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


NET = ("models", "net")
BAD = [
    broken("tool_version", value=3),
    broken("tool_version", delete=True),
    broken("artefact_sha256", value="abc"),
    broken("artefact_sha256", value="C" * 64),
    broken("artefact_sha256", value=3),
    broken("models", value=[]),
    broken("more", value=1),
    broken(*NET, value=3),
    broken(*NET, "more", value=1),
    broken(*NET, "structure_sha256", value=None),
    broken(*NET, "plan_sha256", delete=True),
    broken(*NET, "hardware_id", value=3),
    broken(*NET, "method", value=None),
    broken(*NET, "figures", value=[]),
    broken(*NET, "figures", "energy_kwh", value="12"),
    broken(*NET, "figures", "energy_kwh", value=True),
    broken(*NET, "figures", "energy_kwh", value=None),
]


@pytest.mark.parametrize("made", BAD)
def test_what_the_schema_refuses_is_refused_with_the_remedy(
    tmp_path: Path, made: dict[str, Any]
) -> None:
    assert not VALID.is_valid(made)
    path = tmp_path / "audit.lock.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(PlanError, match=r"not a whole lock file: .*`audit check --update`"):
        read_lock(path)


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_figure_is_finite(tmp_path: Path, figure: str) -> None:
    path = tmp_path / "audit.lock.json"
    path.write_text(lock_text(one()).replace("12.5", figure), encoding="utf-8")
    with pytest.raises(PlanError):
        read_lock(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("\xff\xfe", "not a lock file"),
        ("[]", "not a lock file; delete it, or name another --lock"),
        ("{}", "not a lock file"),
        ('{"lock_version": 2}', "a lock file of version 2, and this is version 1"),
        ('{"lock_version": true}', "a lock file of version True"),
    ],
)
def test_what_is_no_lock_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "audit.lock.json"
    path.write_text(text if text != "\xff\xfe" else '"x"', encoding="utf-8")
    with pytest.raises(PlanError, match=said):
        read_lock(path)


def test_one_that_is_not_text_or_too_long_or_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "audit.lock.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(PlanError, match="not valid JSON"):
        read_lock(path)
    path.write_bytes(b" " * 10_000_001)
    with pytest.raises(PlanError, match="larger than"):
        read_lock(path)
    with pytest.raises(PlanError, match="cannot be read"):
        read_lock(tmp_path)


def test_none_there_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "gone.json") is None


def test_another_version_may_be_replaced_but_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.lock.json"
    path.write_text('{"lock_version": 7}', encoding="utf-8")
    assert read_lock(path, to_be_replaced=True) is None
    path.write_text('{"name": "a package"}', encoding="utf-8")
    with pytest.raises(PlanError, match="not a lock file"):
        read_lock(path, to_be_replaced=True)
