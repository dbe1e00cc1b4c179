"""The scripts that choose the runs: lineages, the cells of EC-NAS, the sample of kernels."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "calibration"
SCRIPTS = ("run_families", "run_cells", "run_sources", "run_published", "run_kernels", "make_runs")


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    """Import a script as it imports its neighbours, and forget all of them afterwards."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(FOLDER))
        for name in SCRIPTS:
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("tf_efficientnetv2_b0", "efficientnet"),
        ("gc_efficientnetv2_rw_t", "efficientnet"),
        ("gluon_senet154", "resnet"),
        ("ecaresnetlight", "resnet"),
        ("eca_vovnet39b", "vovnet"),
        ("eca_botnext26ts_256", "botnet-halonet"),
        ("resnetv2_50x1_bitm", "resnetv2"),
        ("res2next50", "res2net"),
        ("ens_adv_inception_resnet_v2", "inception"),
        ("jx_nest_tiny", "nest"),
        ("pnasnet5large", "nasnet"),
        ("semobilevit_s", "mobilevit"),
        ("tv_densenet121", "densenet"),
    ],
)
def test_families(script: Any, model: str, family: str) -> None:
    assert script("run_families").family(model) == family


def test_no_family_is_made_up(script: Any) -> None:
    with pytest.raises(ValueError, match="no family for 'perceptron'"):
        script("run_families").family("perceptron")


class TestCells:
    def test_a_hash_is_that_of_the_graph_and_not_of_its_order(self, script: Any) -> None:
        """A convolution and a pooling side by side, told in both orders."""
        sides = ((0, 1, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0))
        cells: ModuleType = script("run_cells")
        one, other = cells.cell_hash((sides, (0, 2))), cells.cell_hash((sides, (2, 0)))
        assert one == other
        assert cells.cell_hash((sides, (0, 1))) != one

    def test_every_cell_of_the_table_is_found(self, script: Any) -> None:
        with (FOLDER / "runs.csv").open(newline="", encoding="utf-8") as file:
            graphs = {row["graph"] for row in csv.DictReader(file)}
        names = {name.removeprefix("ecnas:") for name in graphs if name.startswith("ecnas:")}
        assert len(names) > 200
        assert names <= set(script("run_cells").cells())

    def test_channels_are_shared_out(self, script: Any) -> None:
        """128 by three vertices are 43, 43 and 42; one that feeds the second only has its 43."""
        edges = {(0, 1), (1, 3), (0, 2), (2, 5), (3, 5), (0, 4), (4, 5)}
        matrix = tuple(tuple(int((i, j) in edges) for j in range(6)) for i in range(6))
        found = script("run_cells").cell_channels(64, 128, matrix)
        assert found == [64, 43, 43, 43, 42, 128]

    def test_parameters(self, script: Any) -> None:
        """A cell of one convolution of 1 x 1, in stacks of 128, 256 and 512 channels.

        The stem has 3 x 128 x 9 + 256 = 3,712.  Each of the three cells of a stack projects its
        input (in x out + 2 out) and convolves it (out x out + 2 out); the first of a stack takes
        the channels of the stack before.
        first stack  6 x (128 x 128 + 256)                               =    99,840
        second       128 x 256 + 512 + 5 x (256 x 256 + 512)             =   363,520
        third        256 x 512 + 1024 + 5 x (512 x 512 + 1024)           = 1,447,936
        classifier   512 x 10 + 10                                       =     5,130
        """
        chain = ((0, 1, 0), (0, 0, 1), (0, 0, 0))
        found = script("run_cells").network_parameters((chain, (1,)))
        assert found == 3_712 + 99_840 + 363_520 + 1_447_936 + 5_130


class TestKernels:
    def test_the_sample_is_even_over_sizes(self, script: Any) -> None:
        """Two rows of each of four powers of two are taken, however many there are of one."""
        empty = dict.fromkeys(("M", "N", "K", "in_ch", "out_ch", "in_size", "stride"), "")
        empty |= {"kernel": "", "padding": "", "op": "relu"}
        sizes = [*range(1024, 1900), *range(2048, 2060), *range(4096, 4100), 8192, 9000]
        rows = [empty | {"B": str(size), "H": "1", "latency_ms": "1"} for size in sizes]
        kernels: ModuleType = script("run_kernels")
        found = [int(row["B"]) for row in kernels.spread(rows, 8)]
        assert [size.bit_length() for size in found] == [11, 11, 12, 12, 13, 13, 14, 14]
        assert kernels.spread(list(reversed(rows)), 8) == kernels.spread(rows, 8)

    def test_all_are_taken_where_there_are_few(self, script: Any) -> None:
        assert script("run_kernels").spread([], 5) == []


def test_an_unknown_column_is_not_lost(script: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="colour"):
        script("make_runs").write(tmp_path / "x.csv", ("a",), [{"a": "1", "colour": "red"}])
