"""Names as people and drivers write them lead to the right row, or to a helpful refusal."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HardwareError
from auditor.hardware import Accelerator, Resolution, catalogue, resolve, search
from auditor.hardware._names import tokens
from auditor.hardware._table import defaults

ROWS = catalogue()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_id_and_every_alias_resolve_to_their_row(row: Accelerator) -> None:
    for name in (row.id, *row.aliases):
        for written in (name, name.upper(), name.lower(), name.replace("-", " ")):
            assert resolve(written) == Resolution(row, written, None)


@given(st.sampled_from(ROWS), st.sampled_from(["", " ", "-", "_", "  "]), st.data())
def test_spacing_case_and_dashes_of_an_id_do_not_matter(
    row: Accelerator, separator: str, data: st.DataObject
) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=len(row.id), max_size=len(row.id)))
    cased = "".join(ch.upper() if up else ch for ch, up in zip(row.id, upper, strict=True))
    assert resolve(cased.replace("-", separator)).accelerator is row


@pytest.mark.parametrize(
    ("name", "row_id"),
    [
        ("A100-SXM4-80GB", "a100-sxm4-80gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm4-80gb"),
        ("a100 pcie 40 gb", "a100-pcie-40gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("v100s", "v100s-pcie-32gb"),
        ("rtx 3090", "rtx3090"),
        ("RTX3090", "rtx3090"),
        ("GeForce RTX 3090", "rtx3090"),
        ("NVIDIA GeForce RTX 3090", "rtx3090"),
        ("3090", "rtx3090"),
        ("3090ti", "rtx3090ti"),
        ("rtx 4070 ti super", "rtx4070ti-super"),
        ("rtx 4070", "rtx4070"),
        ("H100 80GB HBM3", "h100-sxm-80gb"),
        ("NVIDIA H100 PCIe", "h100-pcie-80gb"),
        ("h100-nvl", "h100-nvl-94gb"),
        ("NVIDIA H200", "h200-sxm-141gb"),
        ("h200-nvl", "h200-nvl-141gb"),
        ("b300-sxm", "b300-sxm-270gb"),
        ("NVIDIA B200", "b200-sxm-180gb"),
        ("mi300x", "mi300x"),
        ("mi 300x", "mi300x"),
        ("AMD Instinct MI300X", "mi300x"),
        ("AMD Radeon RX 7900 XTX", "rx7900xtx"),
        ("tpu v4", "tpu-v4"),
        ("TPUv4", "tpu-v4"),
        ("trillium", "tpu-v6e"),
        ("gaudi 2", "gaudi2"),
        ("a6000", "rtx-a6000"),
        ("NVIDIA RTX A6000", "rtx-a6000"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx6000-ada"),
        ("Quadro RTX 6000", "quadro-rtx6000"),
        ("TITAN X (Pascal)", "titan-x-pascal"),
        ("GeForce GTX TITAN X", "gtx-titan-x"),
        ("gtx750ti", "gtx750ti"),
    ],
)
def test_clear_names_need_no_note(name: str, row_id: str) -> None:
    resolution = resolve(name)
    assert (resolution.accelerator.id, resolution.note) == (row_id, None)


@pytest.mark.parametrize(
    ("name", "row_id"),
    [
        ("a100", "a100-sxm4-80gb"),
        ("nvidia a100 80gb", "a100-sxm4-80gb"),
        ("A100 40GB", "a100-sxm4-40gb"),
        ("a100 pcie", "a100-pcie-80gb"),
        ("a100 sxm", "a100-sxm4-80gb"),
        ("Tesla V100", "v100-sxm2-16gb"),
        ("v100 32 GB", "v100-sxm2-32gb"),
        ("v100 pcie", "v100-pcie-16gb"),
        ("p100", "p100-pcie-16gb"),
        ("h100", "h100-sxm-80gb"),
        ("gh200", "gh200-96gb"),
        ("rtx 3080", "rtx3080-10gb"),
        ("NVIDIA GeForce RTX 4060 Ti", "rtx4060ti-8gb"),
        ("1060", "gtx1060-6gb"),
    ],
)
def test_ambiguous_names_take_the_documented_default_and_say_so(name: str, row_id: str) -> None:
    resolution = resolve(name)
    assert resolution.accelerator.id == row_id
    assert resolution.note is not None
    assert resolution.note.startswith(f"{name} is ambiguous (")
    assert resolution.note.endswith(f"took {row_id}")


def test_notes_are_one_printable_line() -> None:
    note = resolve("a100\x1b\n 80gb").note
    assert note is not None and note.isprintable()


def test_a_name_that_happens_to_fit_one_row_says_so() -> None:
    # The Quadro 6000 of 2010 is another card, so this must not pass in silence.
    assert resolve("quadro 6000").note == "quadro 6000 fits only quadro-rtx6000"


@pytest.mark.parametrize("name", ["rtx 6000", "6000", "RTX6000", "NVIDIA RTX 6000"])
def test_6000_is_refused_between_generations(name: str) -> None:
    with pytest.raises(HardwareError) as caught:
        resolve(name)
    assert "quadro-rtx6000" in str(caught.value) and "rtx6000-ada" in str(caught.value)
    assert "rtx-a6000" not in str(caught.value)


@pytest.mark.parametrize("name", ["titan x", "rtx 5000", "tpu", "tpu v5", "epyc", "80gb"])
def test_other_ambiguous_names_list_the_candidates(name: str) -> None:
    with pytest.raises(HardwareError, match=r"is ambiguous: name one of .*, "):
        resolve(name)


@pytest.mark.parametrize(
    ("name", "near"), [("a10x0", "a10"), ("rtx 3990", "rtx3090"), ("mi301x", "mi300x")]
)
def test_unknown_names_get_the_nearest(name: str, near: str) -> None:
    with pytest.raises(HardwareError, match=rf"unknown accelerator .*\b{near}\b"):
        resolve(name)


@pytest.mark.parametrize("name", ["", "   ", "---", "é", "nvidia", "a" * 1000, "\n", "a100\x00x"])
def test_odd_names_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(HardwareError) as caught:
        resolve(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


words = st.sampled_from(
    sorted({word for row in ROWS for word in re.findall(r"\w+", f"{row.id} {row.name}")})
)


@given(st.one_of(st.text(max_size=200), st.lists(words, max_size=5).map(" ".join)))
def test_never_anything_but_a_row_or_a_hardware_error(name: str) -> None:
    try:
        assert resolve(name).accelerator in ROWS
    except HardwareError as error:
        assert "\n" not in str(error)


def test_defaults_name_existing_rows_that_they_are_ambiguous_with() -> None:
    ids = {row.id for row in ROWS}
    for name, row_id, reason in defaults():
        assert row_id in ids and len(reason) > 10
        resolution = resolve(name)
        assert resolution.accelerator.id == row_id and resolution.note, name


def test_extra_rows_come_first_and_hide_their_id() -> None:
    mine = dataclasses.replace(ROWS[0], id="a100-sxm4-80gb", name="Mine", aliases=("h100",))
    assert resolve("A100-SXM4-80GB", [mine]).accelerator is mine
    assert resolve("h100", [mine]).accelerator is mine
    assert resolve("rtx3090", [mine]).accelerator.id == "rtx3090"


def test_search() -> None:
    assert search("") == ROWS
    assert {row.id for row in search("a100 sxm")} == {"a100-sxm4-40gb", "a100-sxm4-80gb"}
    assert {row.vendor for row in search("amd cdna")} == {"AMD"}
    assert search("no such thing") == ()
    assert search("a100", ROWS[:1]) == ()


def test_tokens() -> None:
    assert tokens("NVIDIA A100 80 GB") == {"a100", "80gb"}
    assert tokens("rtx4070tisuper") == {"rtx", "4070", "ti", "super"}
    assert tokens("MI 300X") == tokens("mi300x") == {"mi300x"}
