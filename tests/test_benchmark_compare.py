"""The benchmark beside other tools: its network is what it says, its bounds are held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builders import Setting, profiled

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def test_the_long_network_has_the_nodes_and_products_that_it_should() -> None:
    from benchmarks.linear import linear

    made = linear(100)
    assert len(made.graph.node) == 6 * 16  # whole blocks
    found = profiled(made, Setting(batch=2))
    assert not found.unknown
    # Of each of 64 channels at 14 * 14 places: a 3 x 3 and a 1 x 1 convolution, a projection
    assert found.forward.macs == 6 * 2 * 64 * 64 * 14 * 14 * (9 + 1 + 1)


@pytest.mark.parametrize(("figure", "said"), [(0.9, "met"), (0.91, "MISSED")])
def test_a_bound_is_held_where_it_is_reached_and_missed_above(figure: float, said: str) -> None:
    from benchmarks.compare import Check

    check = Check("time", figure, 0.9)
    assert check.met == (said == "met")
    assert str(check) == f"  time: {figure:.2f}, at most 0.9: {said}"


def test_the_ratio_of_times_is_that_of_runs_that_followed_each_other() -> None:
    from benchmarks.compare import Side, time_ratio

    # The machine slowed down by ten: 1/2, 10/20, 10/40.
    one, other = Side("a", (1, 10, 10), (1,)), Side("b", (2, 20, 40), (1,))
    assert time_ratio(one, other) == 0.5


def test_without_onnx_tool_it_says_how_to_get_it() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "--onnx-tool-python", "/nowhere/python"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert "/nowhere/python -m pip install onnx-tool" in found.stderr
