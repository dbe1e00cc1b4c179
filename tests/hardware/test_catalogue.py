"""The rows of the catalogue, against each other and against datasheets."""

from __future__ import annotations

import csv
import pickle
import re
import subprocess
import sys
from collections import Counter
from importlib import resources

import pytest

from auditor.hardware import PEAK_KINDS, Accelerator, Peaks, catalogue
from auditor.hardware._names import compact

ROWS = catalogue()
BY_ID = {row.id: row for row in ROWS}
GPUS = [row for row in ROWS if row.kind == "gpu"]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)

HEADER = (
    "id,name,vendor,kind,architecture,aliases,memory_bytes,memory_bandwidth_bytes_per_s,"
    "fp32_flops_per_s,tf32_flops_per_s,fp16_flops_per_s,bf16_flops_per_s,fp8_flops_per_s,"
    "matrix_fp32_flops_per_s,tdp_w,idle_w,link_name,link_bytes_per_s,release_date,source,"
    "source_date,notes"
)


def test_columns_and_cells_are_clean() -> None:
    text = resources.files("auditor.tables").joinpath("accelerators.csv").read_text("utf-8")
    table = list(csv.reader(text.splitlines()))
    assert ",".join(table[0]) == HEADER
    for cells in table[1:]:
        assert len(cells) == len(table[0]), cells[0]
        assert all(cell == cell.strip() for cell in cells), cells[0]


def test_ids_are_unique_slugs() -> None:
    assert len(BY_ID) == len(ROWS)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id) for row in ROWS)


def test_no_alias_belongs_to_two_rows() -> None:
    claims = Counter(
        key for row in ROWS for key in {compact(name) for name in (row.id, *row.aliases)}
    )
    assert [key for key, count in claims.items() if count > 1] == []


@each_row
def test_every_row_has_a_source_with_a_date(row: Accelerator) -> None:
    assert len(row.source) > 10
    assert re.fullmatch(r"\d{4}(-\d{2}){0,2}", row.source_date)
    assert row.release_date and re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", row.release_date)
    assert row.kind in ("gpu", "tpu", "accelerator", "cpu")
    assert row.name and row.vendor and row.architecture


@each_row
def test_rates_rise_as_precision_falls(row: Accelerator) -> None:
    peak = row.peak_flops_per_s
    rising = [peak[kind] for kind in ("tf32", "fp16", "fp8") if kind in peak]
    assert rising == sorted(rising)
    if {"fp32", "tf32"} <= set(peak):
        # RTX 30 and 40: tf32 with fp32 accumulation equals the vector rate, up to rounding.
        assert peak["fp32"] <= peak["tf32"] * 1.01
    if {"bf16", "fp8"} <= set(peak):
        assert peak["bf16"] <= peak["fp8"]


@each_row
def test_figures_are_plausible(row: Accelerator) -> None:
    assert row.peak_flops_per_s, "no peak at all"
    assert all(1e10 < value < 1e16 for value in row.peak_flops_per_s.values())
    assert row.tdp_w is None or 30 <= row.tdp_w <= 2000
    assert row.idle_w is None or row.tdp_w is None or row.idle_w < row.tdp_w
    assert row.memory_bytes is None or 2e9 <= row.memory_bytes <= 320e9
    assert row.memory_bandwidth_bytes_per_s is not None
    assert 80e9 <= row.memory_bandwidth_bytes_per_s <= 10e12
    assert (row.link_name is None) == (row.link_bytes_per_s is None)
    assert row.link_bytes_per_s is None or 10e9 <= row.link_bytes_per_s <= 1e12


@each_row
def test_arithmetic_intensity_is_in_a_sane_band(row: Accelerator) -> None:
    assert row.memory_bandwidth_bytes_per_s
    if "fp32" in row.peak_flops_per_s and row.vendor not in ("Google", "Intel"):
        intensity = row.peak_flops_per_s["fp32"] / row.memory_bandwidth_bytes_per_s
        assert 7 < intensity < 120
    best = max(row.peak_flops_per_s.values()) / row.memory_bandwidth_bytes_per_s
    assert 10 < best < 1000


TENSOR_SINCE_AMPERE = ("Ampere", "Ada Lovelace", "Hopper", "Blackwell", "Blackwell Ultra")


@each_row
def test_bf16_follows_the_architecture(row: Accelerator) -> None:
    peak = row.peak_flops_per_s
    if row.architecture in TENSOR_SINCE_AMPERE:
        assert peak.get("bf16") == peak.get("fp16")
    elif row.vendor == "NVIDIA":
        assert not {"bf16", "tf32", "fp8"} & set(peak)
    assert "matrix_fp32" not in peak or row.architecture.startswith("CDNA")


GEFORCE_TENSOR = [row for row in GPUS if re.match(r"GeForce RTX", row.name)]


@pytest.mark.parametrize("row", GEFORCE_TENSOR, ids=lambda row: row.id)
def test_geforce_fp16_is_the_fp32_accumulate_rate(row: Accelerator) -> None:
    """Half of the fp16-accumulate rate: 4 x fp32 on Turing, 2 x fp32 on later generations."""
    ratio = 4 if row.architecture == "Turing" else 2
    assert row.peak_flops_per_s["fp16"] == pytest.approx(ratio * row.peak_flops_per_s["fp32"], 0.01)
    if row.architecture != "Turing":
        assert row.peak_flops_per_s["tf32"] == pytest.approx(row.peak_flops_per_s["fp32"], 0.01)


def test_form_factors_are_ordered_by_bandwidth_and_power() -> None:
    chains = [
        ("p100-pcie-12gb", "p100-pcie-16gb", "p100-sxm2-16gb"),
        ("v100-pcie-16gb", "v100-sxm2-16gb", "v100-sxm3-32gb"),
        ("a100-pcie-40gb", "a100-pcie-80gb", "a100-sxm4-80gb"),
        ("h100-pcie-80gb", "h100-sxm-80gb", "h200-sxm-141gb", "b200-sxm-180gb", "gb200"),
        ("mi100", "mi210", "mi250", "mi300x", "mi325x", "mi355x"),
        ("gh200-96gb", "gh200-144gb"),
    ]
    for chain in chains:
        rows = [BY_ID[row_id] for row_id in chain]
        bandwidths = [row.memory_bandwidth_bytes_per_s or 0 for row in rows]
        powers = [row.tdp_w or 0 for row in rows]
        assert bandwidths == sorted(bandwidths) and powers == sorted(powers), chain


def test_boards_are_the_sum_of_their_parts() -> None:
    for part, board, count in (
        ("k80", "k80-board", 2),
        ("m60", "m60-board", 2),
        ("a16", "a16-board", 4),
    ):
        one, all_of_them = BY_ID[part], BY_ID[board]
        assert one.memory_bytes and one.tdp_w and one.memory_bandwidth_bytes_per_s
        assert all_of_them.memory_bytes == count * one.memory_bytes
        assert all_of_them.tdp_w == count * one.tdp_w
        assert all_of_them.memory_bandwidth_bytes_per_s == count * one.memory_bandwidth_bytes_per_s
        both = one.peak_flops_per_s["fp32"], all_of_them.peak_flops_per_s["fp32"]
        assert both[1] == pytest.approx(count * both[0], rel=0.01)


# id, {format: TFLOP/s}, GB/s, W or None: as stated by the document named after it.
DATASHEETS = [
    ("k80-board", {"fp32": 8.73}, 480, 300),  # Tesla K80 datasheet, with GPU Boost
    ("p100-pcie-16gb", {"fp32": 9.3, "fp16": 18.7}, 732, 250),  # Tesla P100 PCIe datasheet
    ("p100-sxm2-16gb", {"fp32": 10.6, "fp16": 21.2}, 732, 300),  # Tesla P100 whitepaper
    ("v100-pcie-16gb", {"fp32": 14.0, "fp16": 112}, 900, 250),  # V100 datasheet 1165301
    ("v100-pcie-32gb", {"fp32": 14.0, "fp16": 112}, 900, 250),  # V100 datasheet 1165301
    ("v100-sxm2-16gb", {"fp32": 15.7, "fp16": 125}, 900, 300),  # V100 datasheet 1165301
    ("v100-sxm2-32gb", {"fp32": 15.7, "fp16": 125}, 900, 300),  # V100 datasheet 1165301
    ("v100s-pcie-32gb", {"fp32": 16.4, "fp16": 130}, 1134, 250),  # V100 datasheet 1165301
    ("t4", {"fp32": 8.1, "fp16": 65}, 320, 70),  # T4 datasheet
    ("a100-pcie-40gb", {"fp32": 19.5, "tf32": 156, "fp16": 312, "bf16": 312}, 1555, 250),  # A100
    ("a100-pcie-80gb", {"fp32": 19.5, "tf32": 156, "fp16": 312, "bf16": 312}, 1935, 300),  # A100
    ("a100-sxm4-40gb", {"fp32": 19.5, "tf32": 156, "fp16": 312, "bf16": 312}, 1555, 400),  # A100
    ("a100-sxm4-80gb", {"fp32": 19.5, "tf32": 156, "fp16": 312, "bf16": 312}, 2039, 400),  # A100
    ("a30", {"fp32": 10.3, "tf32": 82, "fp16": 165, "bf16": 165}, 933, 165),  # A30 datasheet
    ("a10", {"fp32": 31.2, "tf32": 62.5, "fp16": 125, "bf16": 125}, 600, 150),  # A10 datasheet
    ("a10g", {"fp32": 35, "tf32": 35, "fp16": 70, "bf16": 70}, 600, 300),  # A10G datasheet
    ("a40", {"fp32": 37.4, "tf32": 74.8, "fp16": 149.7}, 696, 300),  # A40 datasheet
    ("l4", {"fp32": 30.3, "tf32": 60, "fp16": 121, "fp8": 242.5}, 300, 72),  # L4 datasheet / 2
    ("l40", {"fp32": 90.5, "tf32": 90.5, "fp16": 181.05, "fp8": 362}, 864, 300),  # L40 datasheet
    ("l40s", {"fp32": 91.6, "tf32": 183, "fp16": 362.05, "fp8": 733}, 864, 350),  # L40S datasheet
    (  # H100 whitepaper, SXM5
        "h100-sxm-80gb",
        {"fp32": 66.9, "tf32": 494.7, "fp16": 989.4, "bf16": 989.4, "fp8": 1978.9},
        3350,
        700,
    ),
    (  # H100 whitepaper, PCIe
        "h100-pcie-80gb",
        {"fp32": 51.2, "tf32": 378, "fp16": 756, "bf16": 756, "fp8": 1513},
        2000,
        350,
    ),
    ("h100-nvl-94gb", {"fp32": 60, "tf32": 417.5, "fp16": 835.5, "fp8": 1670.5}, 3938, 400),  # / 2
    ("h200-sxm-141gb", {"fp16": 989.4, "fp8": 1978.9}, 4800, 700),  # H200 datasheet / 2
    ("h200-nvl-141gb", {"fp16": 835.5, "fp8": 1670.5}, 4800, 600),  # H200 datasheet / 2
    ("h20", {"fp32": 44, "tf32": 74, "fp16": 148, "fp8": 296}, 4000, 400),  # HGX H20 table
    ("b200-sxm-180gb", {"fp16": 2250, "fp8": 4500}, 7700, 1000),  # HGX B200 datasheet / 8 / 2
    ("gb200", {"fp32": 80, "tf32": 1250, "fp16": 2500, "fp8": 5000}, 8000, 1200),  # NVL72 / 72 / 2
    ("gb300", {"fp32": 80, "tf32": 1250, "fp16": 2500, "fp8": 5000}, 8000, 1400),  # Blackwell Ultra
    ("rtx2080ti", {"fp32": 13.45, "fp16": 53.8}, 616, 250),  # Turing whitepaper, reference clocks
    ("quadro-rtx6000", {"fp32": 16.3, "fp16": 130.5}, 672, 260),  # Turing whitepaper
    ("rtx3090", {"fp32": 35.6, "tf32": 35.6, "fp16": 71, "bf16": 71}, 936, 350),  # GA102 whitepaper
    ("rtx3080-10gb", {"fp32": 29.8, "fp16": 59.5}, 760, 320),  # GA102 whitepaper
    ("rtx3070", {"fp32": 20.3, "fp16": 40.6}, 448, 220),  # GA102 whitepaper
    ("rtx-a6000", {"fp32": 38.7, "tf32": 77.4, "fp16": 154.8}, 768, 300),  # GA102 whitepaper
    ("rtx4090", {"fp32": 82.6, "tf32": 82.6, "fp16": 165.2, "fp8": 330.3}, 1008, 450),  # Ada paper
    ("rtx4080", {"fp32": 48.7, "tf32": 48.7, "fp16": 97.5}, 716.8, 320),  # Ada whitepaper
    ("rtx6000-ada", {"fp32": 91.1, "tf32": 182.1, "fp16": 364.2, "fp8": 728.5}, 960, 300),  # Ada
    ("rtx5090", {"fp32": 104.8, "tf32": 104.8, "fp16": 209.5, "fp8": 419}, 1792, 575),  # Blackwell
    ("rtx5080", {"fp32": 56.3, "fp16": 112.6, "fp8": 225.1}, 960, 360),  # RTX Blackwell whitepaper
    ("mi100", {"fp32": 23.1, "matrix_fp32": 46.1, "fp16": 184.6, "bf16": 92.3}, 1228.8, 300),  # AMD
    ("mi210", {"fp32": 22.6, "matrix_fp32": 45.3, "fp16": 181, "bf16": 181}, 1638.4, 300),  # AMD
    ("mi250x", {"fp32": 47.9, "matrix_fp32": 95.7, "fp16": 383, "bf16": 383}, 3276.8, 500),  # AMD
    ("mi300x", {"fp32": 163.4, "tf32": 653.7, "fp16": 1307.4, "fp8": 2614.9}, 5300, 750),  # AMD
    ("mi325x", {"fp16": 1307.4, "fp8": 2614.9}, 6000, 1000),  # MI325X data sheet
    ("mi355x", {"fp32": 157.3, "fp16": 2516.6}, 8000, 1400),  # MI355X brochure
    ("tpu-v3", {"bf16": 123}, 900, 450),  # CACM 63(7) table 3; Ten Lessons table 1 (TDP)
    ("tpu-v4", {"bf16": 275}, 1200, 192),  # Cloud TPU documentation: highest measured power
    ("tpu-v5e", {"bf16": 197}, 819, None),  # Cloud TPU documentation
    ("tpu-v5p", {"bf16": 459}, 2765, None),  # Cloud TPU documentation
    ("tpu-v6e", {"bf16": 918}, 1638, None),  # Cloud TPU documentation
    ("tpu-v7", {"bf16": 2307, "fp8": 4614}, 7370, None),  # Cloud TPU documentation
    ("gaudi2", {"bf16": 432, "fp8": 865}, 2460, 600),  # Hot Chips 2024, table of generations
    ("gaudi3", {"bf16": 1835, "fp8": 1835}, 3670, 900),  # Hot Chips 2024
    ("trainium1", {"fp32": 47.5, "bf16": 190}, 820, None),  # AWS Neuron documentation
    ("trainium2", {"fp32": 181, "bf16": 667, "fp8": 1299}, 2900, None),  # AWS Neuron documentation
]


@pytest.mark.parametrize(
    ("row_id", "tflops", "gigabytes_per_s", "tdp_w"), DATASHEETS, ids=[row[0] for row in DATASHEETS]
)
def test_datasheet_figures(
    row_id: str, tflops: dict[str, float], gigabytes_per_s: float, tdp_w: float | None
) -> None:
    row = BY_ID[row_id]
    for kind, expected in tflops.items():
        assert row.peak_flops_per_s[kind] == pytest.approx(expected * 1e12, rel=0.005), kind
    assert row.memory_bandwidth_bytes_per_s == pytest.approx(gigabytes_per_s * 1e9, rel=0.002)
    assert row.tdp_w == tdp_w


@pytest.mark.parametrize(
    ("row_id", "gigabytes_per_s"),
    [
        ("p100-sxm2-16gb", 80),  # NVLink 1: 4 links of 20 GB/s
        ("v100-sxm2-16gb", 150),  # NVLink 2: 6 links of 25 GB/s
        ("a100-sxm4-80gb", 300),  # NVLink 3: 12 links of 25 GB/s
        ("a800-sxm4-80gb", 200),  # 8 of the 12 links
        ("h100-sxm-80gb", 450),  # NVLink 4: 18 links of 25 GB/s
        ("b200-sxm-180gb", 900),  # NVLink 5: 18 links of 50 GB/s
        ("rtx3090", 32),  # PCIe 4.0 x16
    ],
)
def test_links_are_one_direction(row_id: str, gigabytes_per_s: float) -> None:
    assert BY_ID[row_id].link_bytes_per_s == gigabytes_per_s * 1e9


def test_cpu_peaks_follow_from_their_notes() -> None:
    for row in ROWS:
        if row.kind == "cpu":
            found = re.search(r"= (\d+) cores x ([\d.]+) GHz base x (\d+) FLOP", row.notes)
            assert found
            cores, ghz, flop = map(float, found.groups())
            assert row.peak_flops_per_s["fp32"] == pytest.approx(cores * ghz * flop * 1e9)


def test_named_devices_are_all_present() -> None:
    wanted = """k80 m40 m60 p4 p40 t4 a30 a10 a10g a16 a2 a40 l4 l40 l40s h20 gb200 gb300
        a100-pcie-40gb a100-pcie-80gb a100-sxm4-40gb a100-sxm4-80gb v100-sxm3-32gb h100-nvl-94gb
        h800-sxm-80gb a800-sxm4-80gb gh200-96gb gh200-144gb b100-sxm-192gb b200-sxm-180gb
        b300-sxm-270gb gtx1080ti gtx1660ti rtx2080ti rtx3090ti rtx4090 rtx5090 titan-xp titan-v
        titan-rtx quadro-rtx4000 quadro-rtx8000 rtx-a2000-12gb rtx-a6000 rtx4000-ada rtx6000-ada
        rtx-pro6000 rtx-pro5000 mi100 mi210 mi250 mi250x mi300a mi300x mi325x mi350x mi355x
        rx7900xtx tpu-v2 tpu-v3 tpu-v4 tpu-v5e tpu-v5p tpu-v6e tpu-v7 gaudi1 gaudi2 gaudi3
        trainium1 trainium2 xeon-platinum-8480plus epyc-7763"""
    assert [name for name in wanted.split() if name not in BY_ID] == []


def test_records_are_immutable_hashable_and_picklable() -> None:
    row = BY_ID["a100-sxm4-80gb"]
    assert pickle.loads(pickle.dumps(row)) == row and hash(row) == hash(row)
    assert isinstance(row.peak_flops_per_s, Peaks)
    with pytest.raises(AttributeError):
        row.tdp_w = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        row.peak_flops_per_s["fp32"] = 1.0  # type: ignore[index]
    with pytest.raises(KeyError):
        row.peak_flops_per_s["fp8"]
    assert set(row.peak_flops_per_s) <= set(PEAK_KINDS)
    assert catalogue() is catalogue()


def test_import_loads_no_third_party_package_and_no_table() -> None:
    code = (
        "import sys, auditor.hardware, auditor.regions\n"
        "bad = {'numpy', 'onnx', 'click', 'importlib.resources'} & set(sys.modules)\n"
        "assert not bad, bad\n"
        "assert auditor.hardware.catalogue.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
