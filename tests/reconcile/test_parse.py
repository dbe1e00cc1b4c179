"""Which tool wrote a file; and whatever a text holds, a parser refuses or is right."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_files import (
    CODECARBON_3,
    OLD_TRACE,
    OUTPUT_2,
    STANDARD_1,
    STANDARD_2,
    TRACE,
    WINDOWS,
    emissions,
)

from auditor.errors import CalibrationError
from auditor.reconcile import Selection, Tool, files, parse, read_measured
from auditor.reconcile.parse import detected

FILES = {
    Tool.CODECARBON: [emissions({}), emissions({}, header=CODECARBON_3)],
    Tool.CARBONTRACKER: [STANDARD_1, STANDARD_2, OUTPUT_2, STANDARD_2 + OUTPUT_2],
    Tool.ZEUS: [WINDOWS, TRACE, OLD_TRACE, "time,power0,power1\n" + TRACE],
}
ALL = [(tool, text) for tool, texts in FILES.items() for text in texts]


@pytest.mark.parametrize(("tool", "text"), ALL)
def test_the_tool_is_seen_from_the_content(tool: Tool, text: str) -> None:
    assert detected(text) is tool
    chosen = Selection(
        window="epoch" if text is WINDOWS else None, pue=1.58 if text is OUTPUT_2 else None
    )
    assert parse(text, chosen).tool is tool
    assert parse(text, chosen) == parse(text, chosen, tool)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "no such thing", "{}", "epoch 1: 0.7\n"])
def test_a_file_of_none_of_them_says_what_was_looked_for(text: str) -> None:
    with pytest.raises(CalibrationError, match=r"codecarbon .* zeus .* carbontracker .* --tool"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "chosen", "message"),
    [
        (TRACE, Selection(run_id="a"), "--run-id is for files of codecarbon; this one is of zeus"),
        (TRACE, Selection(row=1), "--row is for"),
        (TRACE, Selection(project="a"), "--project is for"),
        (STANDARD_2, Selection(window="a"), "--window is for files of zeus"),
        (emissions({}), Selection(pue=1.5), "--tool-pue is for files of carbontracker"),
    ],
)
def test_an_option_of_another_tool_is_refused(text: str, chosen: Selection, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        parse(text, chosen)


def tried(text: str, tool: Tool | None) -> None:
    """Parse; what comes out is a measurement, or a CalibrationError of one line."""
    try:
        found = parse(text, Selection(), tool)
    except CalibrationError as error:
        assert str(error) and "\n" not in str(error)
        assert len(str(error)) < 1500
        return
    parts = [found.gpu_energy_j, found.cpu_energy_j, found.ram_energy_j]
    assert all(p is None or (p >= 0 and math.isfinite(p)) for p in parts)
    assert found.energy_j > 0 and math.isfinite(found.energy_j)
    assert found.duration_s > 0 and math.isfinite(found.duration_s)
    assert found.device_count is None or found.device_count >= 1


@given(st.text(), st.sampled_from([None, *Tool]))
def test_any_text_is_refused_or_read(text: str, tool: Tool | None) -> None:
    tried(text, tool)


@given(st.sampled_from(ALL), st.data())
def test_any_damage_is_refused_or_read(case: tuple[Tool, str], data: st.DataObject) -> None:
    tool, text = case
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    noise = data.draw(st.text(alphabet='0123456789.,-:eE"[] \n\tnaif\0é', max_size=8))
    tried(text[:start] + noise + text[end:], tool)


class TestFiles:
    def test_the_file_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "emissions.csv"
        path.write_text(emissions({"gpu_energy": "0"}), encoding="utf-8")
        with pytest.raises(CalibrationError, match=r"emissions\.csv: line 2: gpu_energy is 0"):
            read_measured(path, Selection())

    def test_line_ends_and_byte_order_mark_of_windows(self, tmp_path: Path) -> None:
        path = tmp_path / "trace.csv"
        path.write_bytes(b"\xef\xbb\xbf" + TRACE.replace("\n", "\r\n").encode())
        assert read_measured(path, Selection()).energy_j == pytest.approx(1100)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "the file is empty"),
            (b" \n\n", "the file is empty"),
            (b"\xff\xfe\x00", "not text in UTF-8"),
        ],
    )
    def test_bad_files(self, tmp_path: Path, data: bytes, message: str) -> None:
        path = tmp_path / "bad"
        path.write_bytes(data)
        with pytest.raises(CalibrationError, match=message):
            read_measured(path, Selection())

    @pytest.mark.parametrize("name", ["absent.csv", ".", "nul\0.csv"])
    def test_what_cannot_be_read(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(CalibrationError, match="cannot be read"):
            read_measured(tmp_path / name, Selection())

    def test_a_large_file_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "LARGEST_BYTES", 10)
        path = tmp_path / "trace.csv"
        path.write_text(TRACE, encoding="utf-8")
        with pytest.raises(CalibrationError, match="larger than 10 bytes"):
            read_measured(path, Selection())
