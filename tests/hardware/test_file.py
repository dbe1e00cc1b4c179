"""Hardware files: what is accepted, and that every refusal names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import HardwareError
from auditor.hardware import load_hardware_file, resolve

GOOD = """
[[accelerator]]
id = "my-card-24gb"
name = "My Card 24GB"
memory_bytes = 25_769_803_776
memory_bandwidth_bytes_per_s = 900e9
fp32_flops_per_s = 30e12
bf16_flops_per_s = 120e12
tdp_w = 300
source = "My Card datasheet, 2025"
aliases = ["My Card"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "cards.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    (row,) = load_hardware_file(write(tmp_path, GOOD))
    assert (row.id, row.kind, row.memory_bytes) == ("my-card-24gb", "gpu", 25_769_803_776)
    assert dict(row.peak_flops_per_s) == {"fp32": 30e12, "bf16": 120e12}
    assert (row.tdp_w, row.idle_w, row.link_name, row.vendor) == (300.0, None, None, "")
    assert resolve("my card", [row]).accelerator is row


def test_the_worked_example_of_the_guide_loads(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "add-hardware.md"
    example = guide.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (row,) = load_hardware_file(write(tmp_path, example))
    assert row.source and row.peak_flops_per_s


@pytest.mark.parametrize(
    ("old", "new", "culprit"),
    [
        ("tdp_w = 300", "tpd_w = 300", "tpd_w"),
        ("tdp_w = 300", "", "tdp_w is missing"),
        ("tdp_w = 300", "tdp_w = '300'", "tdp_w must be a number"),
        ("tdp_w = 300", "tdp_w = true", "tdp_w must be a number"),
        ("tdp_w = 300", "tdp_w = -1", "tdp_w must be a finite number above 0"),
        ("tdp_w = 300", "tdp_w = 0", "tdp_w must be a finite number above 0"),
        ("tdp_w = 300", "tdp_w = nan", "tdp_w must be a finite number above 0"),
        ("tdp_w = 300", "tdp_w = inf", "tdp_w must be a finite number above 0"),
        ("900e9", "1" + "0" * 400, "memory_bandwidth_bytes_per_s must be a finite"),
        ("25_769_803_776", "1.5", "memory_bytes must be a whole number"),
        ('"my-card-24gb"', '"My Card"', "id must be lower-case"),
        ('"my-card-24gb"', "3", "id must be text"),
        ('"My Card datasheet, 2025"', '" "', "source must not be empty"),
        ('"My Card 24GB"', '"My\\nCard"', "name must be text on one line"),
        ('["My Card"]', '["\\u001b[31m"]', "aliases must be a list"),
        ('["My Card"]', '"My Card"', "aliases must be a list"),
        ("aliases", 'kind = "quantum"\naliases', "kind must be one of"),
        ("[[accelerator]]", "[accelerator]", "must hold [[accelerator]] tables"),
        ("[[accelerator]]", "x = 1\n[[accelerator]]", "must hold [[accelerator]] tables"),
        ("[[accelerator]]", "[[accelerator", "cannot be read"),
    ],
)
def test_refusals_name_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, culprit: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(HardwareError) as caught:
        load_hardware_file(path)
    assert "cards.toml" in str(caught.value) and culprit in str(caught.value)


def test_a_row_without_any_peak_is_refused(tmp_path: Path) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if "flops_per_s" not in line)
    with pytest.raises(HardwareError, match="fp32_flops_per_s"):
        load_hardware_file(write(tmp_path, text))


def test_two_rows_of_one_id_empty_big_binary_and_missing_files(tmp_path: Path) -> None:
    for text in (GOOD + GOOD, "", "accelerator = [1]", "#" * 1_000_001):
        with pytest.raises(HardwareError):
            load_hardware_file(write(tmp_path, text))
    (tmp_path / "cards.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "cards.toml", tmp_path / "absent.toml", tmp_path, Path("a\x00b")):
        with pytest.raises(HardwareError):
            load_hardware_file(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HardwareError):
        load_hardware_file(write(tmp_path, "accelerator = " + "[" * 100_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_never_anything_but_a_hardware_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cards.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(HardwareError):
        load_hardware_file(path)
