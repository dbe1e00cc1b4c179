"""The project's own tables: valid, each run told once, and the figures of its sources."""

from __future__ import annotations

import csv
import math
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from auditor.calibration.record import Run
from auditor.calibration.runs import read_runs, schema
from auditor.hardware import resolve

FOLDER = Path(__file__).resolve().parents[2] / "calibration"


@cache
def runs() -> tuple[Run, ...]:
    return read_runs(FOLDER / "runs.csv")


def by_id(name: str) -> Run:
    (found,) = (run for run in runs() if run.run_id == name)
    return found


def kernels() -> list[dict[str, str]]:
    with (FOLDER / "kernels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_runs_by_source() -> None:
    assert Counter(run.source for run in runs()) == {
        "pepr": 379,
        "timm-benchmark": 1464,
        "neusight": 59,
        "pytorch-gpu-benchmark": 820,
        "zeus-nsdi23": 543,
        "lambda-deeplearning-benchmark": 64,
        "flopmetrics": 34,
        "nvidia-deeplearningexamples": 52,
        "pycls-zoo": 35,
        "mlperf-training-power": 10,
        "ec-nas-bench": 393,
        "timm-benchmark-infer": 492,
    }


def test_energies_by_source_and_scope() -> None:
    found = Counter((run.source, run.energy_scope) for run in runs() if run.energy_j)
    assert found == {
        ("pepr", "gpu+cpu"): 352,  # 379 less the 27 that the source has twice
        ("zeus-nsdi23", "gpu"): 543,
        ("flopmetrics", "gpu"): 34,
        ("mlperf-training-power", "node"): 10,
        ("ec-nas-bench", "gpu+cpu"): 393,
    }


def test_every_row_says_where_it_is_from_and_how_good_it_is() -> None:
    for run in runs():
        assert run.source_path and run.licence and run.quality and run.family, run.run_id
        assert "/" in run.source_path and ":" in run.graph, run.run_id


def test_every_device_is_of_the_catalogue_by_its_id() -> None:
    for name in {run.hardware for run in runs()} | {row["hardware"] for row in kernels()}:
        found = resolve(name)
        assert (found.accelerator.id, found.note) == (name, None)


def test_a_network_is_of_one_family_in_every_source() -> None:
    families: dict[str, set[str | None]] = {}
    for run in runs():
        name = run.graph.partition(":")[2].partition("@")[0].removeprefix("tf_")
        families.setdefault(name, set()).add(run.family)
    assert {name: found for name, found in families.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    "together",
    [
        ("timm:efficientnet_b0@256", "timm:tf_efficientnet_b0@224", "timm:tinynet_a@256"),
        ("timm:resnet50@224", "torchvision:resnet50@224", "timm:gluon_resnet50_v1b@224"),
        ("timm:resnet50@224", "torchvision:wide_resnet50_2@224", "timm:swsl_resnext50_32x4d@224"),
        ("timm:seresnet50@224", "timm:legacy_seresnet50@224", "timm:senet154@224"),
        ("timm:densenet121@256", "torchvision:densenet121@224"),
        ("timm:vit_base_patch16_224@224", "timm:deit3_base_patch16_224@224"),
        ("bert:base-qa", "neusight:bert_large"),
        ("neusight:gpt2_large", "neusight:opt_13"),
    ],
)
def test_lineages_share_a_family(together: tuple[str, ...]) -> None:
    families = {run.graph: run.family for run in runs()}
    assert len({families[graph] for graph in together if graph in families}) == 1
    assert sum(graph in families for graph in together) >= 2


def test_what_names_the_phase_agrees_with_the_optimizer() -> None:
    for run in runs():
        assert (run.phase == "train") == (run.optimizer != "none"), run.run_id


def test_language_networks_say_their_sequence() -> None:
    for run in runs():
        expected = ("sequence",) if run.family in {"bert", "gpt", "llama"} else ()
        assert tuple(name for name, _ in run.dims) == expected, run.run_id


def test_a_step_from_a_throughput() -> None:
    """The source has 1270 images/s for a batch of "128 (FP32) / 256 (AMP)"; this is AMP."""
    run = by_id("nvidia_dle-00673")
    assert (run.precision, run.batch_size) == ("amp", 256)
    assert run.step_time_s == pytest.approx(256 / 1270)


def test_an_energy_without_the_power_usage_effectiveness() -> None:
    """The source has 0.063677823927 kWh with a PUE of 1.55, and 40.064576625824 s an epoch.

    0.063677823927 x 3.6e6 / 1.55 = 147,896.88 J, in ten epochs of 400.646 s: 369.15 W.
    Less 2.98371148 s of evaluation, an epoch took 37.0808651 s, in 219 steps of 32 of the
    7007 images (the last of 31): 0.169319019 s each.
    """
    run = by_id("pepr-00002")
    assert (run.graph, run.epochs, run.samples_per_epoch) == ("timm:vgg13@256", 10, 7007)
    assert run.energy_j == pytest.approx(0.063677823927 * 3.6e6 / 1.55)
    assert run.duration_s == pytest.approx(400.64576625824)
    assert run.mean_power_w == pytest.approx(147896.88 / 400.64577)
    assert run.step_time_s == pytest.approx((40.064576625824 - 2.98371148109436) / 219)
    assert run.evaluated_samples_per_epoch == 2005


def test_a_step_from_an_epoch() -> None:
    """1,281,167 images in 4610.7533 s, 16 at a time; 1,029,052.19 J are 223.185 W."""
    run = by_id("zeus_nsdi23-01286")
    assert run.step_time_s == pytest.approx(16 * 4610.753333333333 / 1_281_167)
    assert run.energy_j == pytest.approx(223.18526264634716 * 4610.753333333333)
    assert (run.power_limit_w, run.optimizer) == (250, "adadelta")


class TestFile:
    def test_columns_are_the_schemas(self) -> None:
        header = (FOLDER / "runs.csv").read_text(encoding="utf-8").partition("\n")[0]
        assert set(header.split(",")) == set(schema()["properties"])

    @pytest.mark.parametrize("name", ["runs.csv", "kernels.csv"])
    def test_it_is_small_and_has_plain_line_ends(self, name: str) -> None:
        data = (FOLDER / name).read_bytes()
        assert len(data) < 2_000_000
        assert b"\r" not in data and data.endswith(b"\n")


class TestKernels:
    def test_every_device_and_operator(self) -> None:
        found = kernels()
        assert len(found) == 5405
        assert len({row["hardware"] for row in found}) == 7
        assert len({row["op"] for row in found}) == 5 + 11  # the elementwise ones
        assert {row["split"] for row in found} == {"train", "test"}

    def test_no_kernel_is_told_twice(self) -> None:
        found = [tuple(row.values()) for row in kernels()]
        assert len(set(found)) == len(found)

    def test_sizes_are_spread(self) -> None:
        """Of matrix products on a device, no more than a fifth are within one power of two."""
        sizes = Counter(
            math.floor(math.log2(math.prod(int(row[key]) for key in ("batch", "m", "n", "k"))))
            for row in kernels()
            if row["op"] == "linear" and row["hardware"] == "v100-pcie-32gb"
        )
        assert max(sizes.values()) <= sum(sizes.values()) / 5
        assert len(sizes) >= 10

    def test_times_are_in_seconds(self) -> None:
        """From an empty launch of some 13 us to the largest product on a P100, 12.297 s."""
        found = [float(row["latency_s"]) for row in kernels()]
        assert min(found) > 1e-5
        assert max(found) == 12.297
