"""From a target to a network, with a stand-in for nn.Module: no torch is needed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import ModelLoadError, PlanError
from auditor.frontend import Target
from auditor.frontend.network import first_line, load_network, require_torch, users_code

CODE = """
import collections

print("loading")
COUNT = 3
made = collections.OrderedDict()


class Net(collections.OrderedDict):
    @staticmethod
    def small():
        return Net(size=1)


def factory():
    return Net(size=2)


def wants(argument):
    return Net()


def breaks():
    raise ValueError("the first line\\nthe second")


def ends():
    raise SystemExit(3)


def text():
    return "a network"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "made_nets.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "bad_nets.py").write_text("import there_is_no_such_module\n", encoding="utf-8")
    (tmp_path / "ending_nets.py").write_text("raise SystemExit('no guard')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(attribute: str, module: str = "made_nets") -> Any:
    with users_code():
        return load_network(Target(module, attribute), dict)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [("factory", {"size": 2}), ("Net", {}), ("made", {}), ("Net.small", {"size": 1})],
)
def test_a_factory_a_class_or_a_network_itself(attribute: str, expected: dict[str, int]) -> None:
    assert load(attribute) == expected


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("COUNT", "COUNT is of type int"),
        ("absent", "made_nets has no 'absent'; it has Net, factory, wants"),
        ("wants", "missing 1 required positional argument"),
        ("breaks", "breaks() failed: ValueError: the first line;"),
        ("ends", "ends() failed: SystemExit: 3"),
        ("text", "returned str, not an nn.Module"),
    ],
)
def test_what_makes_no_network_is_named(attribute: str, words: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load(attribute)
    assert str(caught.value).startswith(f"torch:made_nets:{attribute}: ")
    assert words in str(caught.value)
    assert "second" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("no_nets_here", "no module 'no_nets_here' in the current folder"),
        ("no_nets_here.inner", "no module 'no_nets_here' in the current folder"),
        ("made_nets.inner", "no module 'made_nets.inner'"),
        ("bad_nets", "importing bad_nets failed: ModuleNotFoundError: No module named 'there_is"),
        ("ending_nets", "importing ending_nets failed: SystemExit: no guard"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(module: str, words: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load("factory", module)
    assert words in str(caught.value)


def test_what_the_code_prints_is_not_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    load("factory")
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", "loading\n")


def test_the_folder_is_importable_only_while_the_code_runs(folder: Path) -> None:
    before = list(sys.path)
    with users_code():
        assert sys.path[0] == os.getcwd()
    assert sys.path == before
    with pytest.raises(RuntimeError), users_code():
        raise RuntimeError
    assert sys.path == before


@pytest.mark.parametrize("missing", ["torch", "onnxscript", "fvcore"])
def test_a_missing_package_is_named_with_the_extra(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else object()
    )
    with pytest.raises(PlanError, match=rf"{missing} is not .*pip install 'auditor\[torch\]'"):
        require_torch()


def test_the_first_line_is_that_of_the_first_cause() -> None:
    try:
        try:
            raise KeyError("deep")
        except KeyError as error:
            raise RuntimeError("shallow\nmore") from error
    except RuntimeError as error:
        assert first_line(error) == "KeyError: 'deep'"
    assert first_line(ValueError("\n  conflicts:\n  - one\n  - two")) == (
        "ValueError: conflicts: - one"
    )
    assert first_line(ValueError()) == "ValueError"
