"""Configurations: what they say of each model, and how they are refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from checking import SHARED, configured, saved

from auditor.budget.config import Configuration, read_configuration
from auditor.budget.quantities import QUANTITIES
from auditor.budget.records import Bound
from auditor.budget.tolerance import fraction
from auditor.errors import AuditError, PlanError
from auditor.workload import Plan, find_project_plan
from auditor.workload.files import CHECK_KEYS

TWO = """
hardware = "a100"
samples = 1000
epochs = 90
presets = ["eu-gpai"]
tolerance = "5%"
[limits]
energy_kwh = 12
duration_h = 3
[models.a]
path = "nets/a.onnx"
epochs = 30
base_training_flops = 3e22
[models.a.limits]
energy_kwh = { max = 20, level = "warn" }
memory_bytes = 1e9
[models.b]
path = "b.onnx"
tokens = 5
presets = []
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def limits(found: Configuration, name: str) -> list[tuple[str, float, str]]:
    (model,) = [m for m in found.all_models if m.name == name]
    return [(x.quantity, x.amount, x.origin.split(":")[0]) for x in model.limits]


def test_what_a_model_says_goes_before_the_shared(folder: Path) -> None:
    configured(folder, TWO)
    found = read_configuration(None, ())
    assert [m.name for m in found.models] == ["a", "b"]
    a, b = found.models
    assert a.plan == Plan(hardware="a100", samples=1000, epochs=30)
    # To count tokens takes back the shared samples.
    assert b.plan == Plan(hardware="a100", tokens=5, epochs=90)
    assert limits(found, "a") == [
        ("energy_kwh", 20.0, "[models.a.limits] of auditor.toml"),
        ("duration_h", 3.0, "[limits] of auditor.toml"),
        ("memory_bytes", 1e9, "[models.a.limits] of auditor.toml"),
        ("training_flops", 1e22, "preset eu-gpai"),
        ("training_flops", 1e23, "preset eu-gpai"),
        ("training_flops", 1e25, "preset eu-gpai"),
    ]
    assert limits(found, "b") == [
        ("energy_kwh", 12.0, "[limits] of auditor.toml"),
        ("duration_h", 3.0, "[limits] of auditor.toml"),
    ]
    assert found.tolerance == 0.05 and found.reference is None


def test_in_a_pyproject_it_stands_under_the_tool(folder: Path) -> None:
    text = "[project]\nname = 'x'\n[tool.auditor]\nhardware = 'a100'\n"
    text += "[tool.auditor.limits]\nenergy_kwh = 1\n[tool.auditor.models.a]\npath = 'a.onnx'\n"
    configured(folder, text, "pyproject.toml")
    (model,) = read_configuration(None, ()).models
    assert model.plan.hardware == "a100"
    assert model.limits[0].origin == "[tool.auditor.limits] of pyproject.toml"


def test_the_nearest_is_taken_and_paths_are_seen_from_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = folder / "one" / "two"
    inner.mkdir(parents=True)
    configured(folder, TWO)
    configured(folder / "one", "[project]\nname = 'x'", "pyproject.toml")
    monkeypatch.chdir(inner)
    found = read_configuration(None, ())
    assert str(found.path) == "../../auditor.toml"
    assert [str(m.path) for m in found.models] == ["../../nets/a.onnx", "../../b.onnx"]
    # In one folder the file of its own goes first.
    configured(
        folder / "one", "[tool.auditor]\n[tool.auditor.models.p]\npath='p'", "pyproject.toml"
    )
    assert [m.name for m in read_configuration(None, ()).models] == ["p"]
    configured(folder / "one", "[models.q]\npath = 'q.onnx'")
    assert [m.name for m in read_configuration(None, ()).models] == ["q"]


def test_models_may_be_given_where_the_configuration_names_none(folder: Path) -> None:
    configured(folder, SHARED + "[limits]\nenergy_kwh = 1")
    found = read_configuration(None, (Path("x/a.onnx"), Path("b.onnx"), Path("y/a.onnx")))
    assert [m.name for m in found.models] == ["x/a.onnx", "b", "y/a.onnx"]
    assert all(len(m.limits) == 1 for m in found.models)


def test_arguments_choose_by_name_and_by_file(folder: Path) -> None:
    configured(folder, TWO)
    for argument in ("b", "b.onnx", str(folder / "b.onnx"), "./b.onnx"):
        found = read_configuration(None, (Path(argument),))
        assert [m.name for m in found.models] == ["b"]
        assert [m.name for m in found.all_models] == ["a", "b"]
    both = read_configuration(None, (Path("b"), Path("a")))
    assert [m.name for m in both.models] == ["a", "b"]


def test_files_beside_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ci").mkdir()
    text = 'hardware_file = "more.toml"\ncalibration = "own.json"\nreference = "set.csv"\n'
    path = configured(folder / "ci", text + "[models.a]\npath = '../a.onnx'")
    found = read_configuration(path.relative_to(folder), ())
    assert str(found.models[0].path) == "a.onnx"
    assert (str(found.hardware_file), str(found.calibration)) == ("ci/more.toml", "ci/own.json")
    assert found.reference == "ci/set.csv"
    configured(folder / "ci", 'calibration = "none"\nreference = "lidc"\n[models.a]\npath = "a"')
    found = read_configuration(path, ())
    assert (str(found.calibration), found.reference) == ("none", "lidc")
    configured(folder / "ci", 'reference = "compared"\n[models.a]\npath = "a"')
    assert read_configuration(path, ()).reference is None


BAD = [
    ("limits = 3\n[models.a]\npath = 'a'", "[limits] of auditor.toml: must be a table"),
    ("models = 3", "models must be tables"),
    ("[models]\na = 3", "models must be tables"),
    ("[models.a]\nepochs = 3", '[models.a] of auditor.toml: has no path; add path = "net.onnx"'),
    ("[models.a]\npath = 3", "has no path"),
    ("[models.a]\npath = 'a'\nepoch = 3", "[models.a] of auditor.toml: unknown key 'epoch'"),
    ("[models.a]\npath = 'a'\nepochs = '3'", "epochs = '3' must be a number"),
    ("epoch = 3\n[models.a]\npath = 'a'", "auditor.toml: unknown key 'epoch'"),
    ("[models.a]\npath = 'a'\n[models.a.limits]\nenergy = 3", "no quantity is called 'energy'"),
    ("presets = 'eu-gpai'\n[models.a]\npath = 'a'", "must be a list"),
    ("presets = ['eu']\n[models.a]\npath = 'a'", "no preset is called 'eu'"),
    ("[models.a]\npath = 'a'\nbase_training_flops = 1e22", "is for a preset; add presets"),
    (
        "presets = ['eu-gpai']\n[models.a]\npath = 'a'\nbase_training_flops = -1",
        "must be the FLOP of the original model's training",
    ),
    (
        "presets = ['eu-gpai']\n[models.a]\npath = 'a'\nbase_training_flops = true",
        "must be the FLOP",
    ),
    ("tolerance = 5\n[models.a]\npath = 'a'", "tolerance 5: give a share, as 5% or 0.05"),
    ("calibration = 3\n[models.a]\npath = 'a'", "calibration = 3: must be the name of a file"),
    ("hardware_file = ''\n[models.a]\npath = 'a'", "must be the name of a file"),
    ("reference = []\n[models.a]\npath = 'a'", "must be the name of a file"),
    ("[limits]\nenergy_kwh = 3", "has no models; add [models.NAME] with a path"),
    ("this is no TOML", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_one_is_refused_in_one_line(folder: Path, text: str, said: str) -> None:
    configured(folder, text)
    with pytest.raises(AuditError) as caught:
        read_configuration(None, ())
    message = str(caught.value)
    assert said in message and "auditor.toml" in message and "\n" not in message


def test_without_one_it_says_what_to_write(folder: Path) -> None:
    with pytest.raises(PlanError, match=r"no auditor.toml and no pyproject.toml .*\[limits\]"):
        read_configuration(None, ())
    path = configured(folder, "[project]\nname = 'x'", "pyproject.toml")
    with pytest.raises(PlanError, match=r"has no \[tool.auditor\]; add it"):
        read_configuration(path, ())
    configured(folder, "[tool]\nauditor = 3", "pyproject.toml")
    with pytest.raises(PlanError, match=r"tool\.auditor must be a table"):
        read_configuration(path, ())
    with pytest.raises(PlanError, match=r"gone.toml: cannot be read"):
        read_configuration(Path("gone.toml"), ())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("c",), "c: is none of the models of the configuration: name one of a, b, same"),
        (("a", "a"), "given twice"),
        (("b.onnx",), "is the file of several models; name one of b, same"),
    ],
)
def test_a_model_that_is_none_is_refused(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    configured(folder, TWO + "[models.same]\npath = 'b.onnx'\n")
    with pytest.raises(PlanError, match=said):
        read_configuration(None, tuple(map(Path, arguments)))


def test_the_plan_of_an_audit_leaves_out_what_only_a_check_reads(folder: Path) -> None:
    table = "[tool.auditor]\nhardware = 'a100'\npresets = ['eu-gpai']\ntolerance = 0.1\n"
    table += "calibration = 'x.json'\nhardware_file = 'y.toml'\nreference = 'lidc'\n"
    table += "[tool.auditor.limits]\nenergy_kwh = 3\n[tool.auditor.models.a]\npath = 'a.onnx'\n"
    path = configured(folder, table, "pyproject.toml")
    assert find_project_plan(folder) == (Plan(hardware="a100"), path)
    configured(folder, table.replace("presets", "preset"), "pyproject.toml")
    with pytest.raises(PlanError, match="unknown key 'preset'"):
        find_project_plan(folder)


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("5%", 0.05),
        ("0.05", 0.05),
        (0.05, 0.05),
        ("0", 0.0),
        (" 2.5 %", 0.025),
        ("100%", 1.0),
        (1, 1),
    ],
)
def test_a_tolerance(value: object, share: float) -> None:
    assert fraction(value, "--tolerance") == pytest.approx(share)


@pytest.mark.parametrize("value", ["5", 5, "x", "", True, None, "-1%", "nan", "inf%", "101%", []])
def test_what_is_no_tolerance_is_refused(value: object) -> None:
    with pytest.raises(PlanError, match=r"--tolerance .*give a share, as 5% or 0\.05"):
        fraction(value, "--tolerance")


def test_saved_models_are_not_opened_to_read_a_configuration(folder: Path) -> None:
    saved(folder, a=8)
    configured(folder, "[models.a]\npath = 'not/there.onnx'\n[models.b]\npath = 'a.onnx'")
    assert len(read_configuration(None, ()).models) == 2


SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
SCHEMA = json.loads((SCHEMAS / "check.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_has_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    plan = json.loads((SCHEMAS / "plan.schema.json").read_text("utf-8"))["properties"]
    assert SCHEMA["$defs"]["plan"]["properties"] == plan
    assert set(SCHEMA["properties"]) == set(plan) | set(CHECK_KEYS)
    model = {"path", "base_training_flops", "presets", "limits"}
    assert set(SCHEMA["$defs"]["model"]["properties"]) == set(plan) | model
    limits = SCHEMA["$defs"]["limits"]["properties"]
    kinds = {"#/$defs/ceiling": Bound.MAX, "#/$defs/floor": Bound.MIN}
    assert {name: kinds[of["$ref"]] for name, of in limits.items()} == {
        name: of.bound for name, of in QUANTITIES.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        SHARED,
        "tolerance = 0.05",
        "[limits]\nsam = { min = 2, on = 'low' }\nenergy_kwh = { level = 'off' }",
    ],
)
def test_the_schema_takes_what_is_read(text: str) -> None:
    VALID.validate(tomllib.loads(text))


# What only a look at the whole, or at the file, tells.
BEYOND = ("is for a preset", "has no models", "not valid TOML")


@pytest.mark.parametrize(
    "text", [text for text, said in BAD if not any(words in said for words in BEYOND)]
)
def test_the_schema_refuses_what_is_refused(text: str) -> None:
    assert not VALID.is_valid(tomllib.loads(text))
