"""Which models are compared: names told apart, plans laid over each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from comparing import given

from auditor.compare.candidates import read_plans
from auditor.errors import PlanError
from auditor.workload import Plan

A, B = Path("a.onnx"), Path("b.onnx")
FIRST, SECOND = Path("one/net.onnx"), Path("two/net.onnx")


def test_models_are_called_by_their_files() -> None:
    assert [c.name for c in given((A, B))] == ["a", "b"]


def test_models_of_one_name_are_told_apart_by_their_paths() -> None:
    assert [c.name for c in given((FIRST, A, SECOND))] == [str(FIRST), "a", str(SECOND)]


@pytest.mark.parametrize("name", ["a", "a.onnx"])
def test_an_accuracy_goes_by_name_or_path(name: str) -> None:
    first, second = given((A, B), {name: 0.5})
    assert (first.request.plan.accuracy, second.request.plan.accuracy) == (0.5, None)


def test_what_is_said_of_one_goes_before_what_is_said_of_all() -> None:
    own = {"b": Plan(batch_size=8, accuracy=0.9)}
    first, second = given((A, B), own=own, batch_size=64)
    assert (first.request.plan.batch_size, first.overrides) == (64, ())
    assert second.request.plan.batch_size == 8 and second.request.plan.accuracy == 0.9
    assert second.overrides == ("batch_size", "accuracy")
    assert second.request.plan.hardware == first.request.plan.hardware == "a100-sxm4-80gb"


@pytest.mark.parametrize(
    ("paths", "accuracies", "says"),
    [
        ((A,), {}, "give two or more"),
        ((A, Path("./a.onnx")), {}, "given twice"),
        ((A, B), {"c": 0.5}, "'c' is none of the models: a, b"),
        ((FIRST, SECOND), {"net": 0.5}, "'net' is the name of several"),
        ((A, B), {"a": 0.5, "a.onnx": 0.6}, "two of these are one model"),
    ],
)
def test_names_that_do_not_fit(
    paths: tuple[Path, ...], accuracies: dict[str, float], says: str
) -> None:
    with pytest.raises(PlanError, match=says):
        given(paths, accuracies)


def test_an_accuracy_is_given_once_and_not_for_all() -> None:
    with pytest.raises(PlanError, match="in the plan and in the file"):
        given((A, B), {"a": 0.5}, {"a": Plan(accuracy=0.6)})
    with pytest.raises(PlanError, match="one for all models tells nothing"):
        given((A, B), accuracy=0.5)


def test_energies_of_different_scopes_do_not_compare() -> None:
    with pytest.raises(PlanError, match="scopes do not compare"):
        given((A, B), own={"b": Plan(scope="gpu")})
    assert len(given((A, B), own={"b": Plan(scope="node")})) == 2


def test_a_plan_file_with_models(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'epochs = 3\n[models.a]\nbatch_size = 8\n[models."one/net.onnx"]\nepochs = 5\n',
        encoding="utf-8",
    )
    shared, own = read_plans(path)
    assert shared == Plan(epochs=3)
    assert dict(own) == {"a": Plan(batch_size=8), "one/net.onnx": Plan(epochs=5)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("models = 3\n", "models must be tables"),
        ("[models]\na = 3\n", "models must be tables"),
        ("[models.a]\nwidth = 3\n", r"\[models\.a\]: unknown key 'width'"),
        ("[models.a\n", "not valid TOML"),
    ],
)
def test_a_plan_file_that_is_none(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlanError, match=says):
        read_plans(path)
