"""Plan files in TOML, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import PlanError
from auditor.workload import Plan, find_project_plan, parse_shape, read_plan_file
from auditor.workload.files import MAX_FILE_BYTES, plan_from_table

FULL = """
samples = 1_281_167
epochs = 90
batch_size = 256
gradient_accumulation = 2
precision = "amp"
optimizer = "momentum"
devices = 8
link_bytes_per_s = 25e9
power_limit_w = 300
trials = 3
hardware = "a100"
region = "FRA"
pue = 1.2
accuracy = 0.76
dims = { sequence = 128 }
[shapes]
input_ids = "4x128"
mask = [4, 128]
"""


def written(folder: Path, text: str | bytes, name: str = "plan.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(PlanError) as caught:
        read_plan_file(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_full_plan(tmp_path: Path) -> None:
    assert read_plan_file(written(tmp_path, FULL)) == Plan(
        samples=1_281_167.0,
        epochs=90.0,
        batch_size=256,
        gradient_accumulation=2,
        precision="amp",
        optimizer="momentum",
        devices=8,
        link_bytes_per_s=25e9,
        power_limit_w=300,
        trials=3,
        hardware="a100",
        region="FRA",
        pue=1.2,
        accuracy=0.76,
        dims={"sequence": 128},
        shapes={"input_ids": (4, 128), "mask": (4, 128)},
    )


def test_an_empty_plan_says_nothing(tmp_path: Path) -> None:
    assert read_plan_file(written(tmp_path, "")) == Plan()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 90", "unknown key 'epoch'; a plan has: samples, tokens, epochs"),
        ("batch_size = 2.5", "batch_size = 2.5 must be a whole number"),
        ("batch_size = true", "must be a whole number"),
        ("epochs = '90'", "epochs = '90' must be a number"),
        ("epochs = true", "must be a number"),
        ("precision = 16", "precision = 16 must be a string"),
        ("dims = 3", "dims must be a table"),
        ("dims = { s = 1.5 }", "dims.s = 1.5 must be a whole number"),
        ("shapes = { x = 3 }", "shapes are lists or strings"),
        ("shapes = { x = '3xy' }", "shape '3xy' must be numbers with x between"),
        ("shapes = { x = [1, 'a'] }", "must be a whole number"),
        ("epochs = = 3", "not valid TOML"),
        ("epochs = 3\nepochs = 4", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        ("#" * (MAX_FILE_BYTES + 1), "larger than 1000000 bytes"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "absent.toml")


def test_a_folder(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_a_tool_that_is_no_table(tmp_path: Path) -> None:
    written(tmp_path, "tool = 3", "pyproject.toml")
    assert find_project_plan(tmp_path) is None


def test_an_auditor_that_is_no_table(tmp_path: Path) -> None:
    written(tmp_path, "[tool]\nauditor = 3", "pyproject.toml")
    with pytest.raises(PlanError):
        find_project_plan(tmp_path)


def test_the_nearest_project_with_a_plan(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    outermost = written(tmp_path, "[tool.auditor]\nepochs = 7", "pyproject.toml")
    written(inner, "[tool.other]\nx = 1", "pyproject.toml")  # no plan: looks on upwards
    assert find_project_plan(inner) == (Plan(epochs=7.0), outermost)


def test_a_project_with_a_wrong_plan_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "[tool.auditor]\nepoch = 7", "pyproject.toml")
    with pytest.raises(PlanError, match=r"\[tool.auditor\]: unknown key 'epoch'"):
        find_project_plan(tmp_path)


# --- shapes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shape"), [("4x128", (4, 128)), ("4X3x2", (4, 3, 2)), ("4,128", (4, 128)), ("7", (7,))]
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert parse_shape(text, "here") == shape


@pytest.mark.parametrize(
    "text",
    ["", "x", "4x", "x4", "4x-1", "4.5x2", "axb", "4 x b", "²x3"],
)
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="must be numbers with x between"):
        parse_shape(text, "here")


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
def test_a_shape_reads_back_as_it_was_written(sizes: list[int]) -> None:
    assert parse_shape("x".join(map(str, sizes)), "here") == tuple(sizes)


@given(st.text(max_size=8))
def test_any_text_is_a_shape_or_a_plan_error(text: str) -> None:
    try:
        assert all(size >= 0 for size in parse_shape(text, "here"))
    except PlanError as error:
        assert "\n" not in str(error)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
TABLES = st.dictionaries(
    st.sampled_from(["samples", "batch_size", "precision", "dims", "shapes", "nonsense"]),
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.just("k"), SCALARS, max_size=1),
)


@given(TABLES)
def test_any_table_is_a_plan_or_a_plan_error(table: dict[str, Any]) -> None:
    try:
        assert isinstance(plan_from_table(table, "here"), Plan)
    except PlanError as error:
        assert str(error).startswith("here")
