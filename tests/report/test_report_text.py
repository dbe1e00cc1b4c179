"""What people read: the lines in their order, figures by hand, and no stranger's characters."""

from __future__ import annotations

import html
import io
import itertools
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from builders import DATA, model, node, value, weight
from hypothesis import given
from hypothesis import strategies as st

from auditor.interval import Interval
from auditor.pipeline import Audit, Request, audit
from auditor.report import lines
from auditor.report.markdown import escaped, render_markdown
from auditor.report.text import PLAIN_WIDTH, print_terminal, render_text
from auditor.units import energy
from auditor.workload import Plan

RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"
# A name that clears a screen, sets a title, breaks a line, turns text over and hides itself.
HOSTILE = "a\x1b[2J\x1b]0;owned\x07\nb\r\u202ec\x9b31m\u200b"
MARKUP = "[bold red]x[/] | <script>alert(1)</script> `code` *b* _i_ [l](http://e.com) # ~s~ \\"


def audited(path: Path = RESNET, **plan: Any) -> Audit:
    full = {"hardware": "a100-sxm4-80gb", "precision": "amp", "batch_size": 256}
    return audit(Request(path=path, plan=Plan(**(full | plan))))


def named(folder: Path, name: str, file_name: str = "m.onnx") -> Path:
    """A model in which everything that has a name has this one."""
    made = model(
        [
            node("MatMul", [name, "w" + name], ["a" + name], name=name),
            node("Mystery", ["a" + name], ["b" + name], name=name, domain="com." + name),
        ],
        [value(name, ["batch", 8])],
        ["a" + name, "b" + name],
        [weight("w" + name, 8, 4)],
        producer_name=name,
    )
    path = folder / file_name
    path.write_bytes(made.SerializeToString())
    return path


def harmless(text: str) -> bool:
    """No control character but the line break, no format character, no unpaired surrogate."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text if c != "\n"
    )


FULL_LABELS = [
    ["model", "hardware", "inputs", "parameters", "coverage"],
    ["forward", "forward + backward", "memory", "step time", "throughput"],
    [
        "energy (node)",
        "other scopes",
        "time",
        "mean power",
        "compute",
        "carbon",
        "embodied",
        "water",
        "not assessed",
        "SAM",
        "method",
    ],
]


def blocks(text: str) -> list[list[str]]:
    return [block.splitlines() for block in text.rstrip("\n").split("\n\n")]


def labels(block: list[str]) -> list[str]:
    """The first column: what stands before two spaces, on lines that do not continue another."""
    return [line.split("  ")[0] for line in block if not line.startswith(" ")]


def entry(text: str, label: str) -> str:
    (line,) = [ln for ln in text.splitlines() if ln.startswith(label + "  ")]
    return line.removeprefix(label).strip()


class TestWhole:
    TEXT = render_text(
        audited(samples=1_281_167, epochs=90, region="gcp:us-central1", accuracy=0.76)
    )

    def test_the_blocks_stand_in_their_order(self) -> None:
        found = blocks(self.TEXT)
        assert [labels(block) for block in found[:3]] == FULL_LABELS
        assert found[3][0].split() == " ".join(lines.OP_TYPE_HEADER).split()
        assert found[4][0] == "assumptions"
        assert len(found) == 5  # nothing to warn of

    def test_figures_that_are_known_from_elsewhere(self) -> None:
        # 4.089 GMAC (torchvision) times 256 are 1.05 TMAC; 2 FLOP each and few more: 2.1 TFLOP.
        assert entry(self.TEXT, "forward").startswith("1.05 TMAC, 2.10 TFLOP, ")
        assert entry(self.TEXT, "inputs") == "input 256x3x224x224"
        assert entry(self.TEXT, "parameters") == "25,530,472 in the file, 25,557,032 trained"
        assert entry(self.TEXT, "coverage") == "100.0% of nodes have a cost"
        assert entry(self.TEXT, "hardware") == "A100 SXM4 80GB"
        assert "Iowa 2024: 412.72 g/kWh, facility, PUE 1.1" in self.TEXT

    def test_figures_are_those_of_the_audit(self) -> None:
        found = audited(samples=1_281_167, epochs=90, region="gcp:us-central1", accuracy=0.76)
        assert found.estimate.energy is not None and found.sam is not None
        node = found.estimate.energy.node_kwh
        shown = entry(self.TEXT, "energy (node)")
        assert shown.startswith(f"{energy(node.median)}  (")
        assert f"90% interval {energy(node.low)} to {energy(node.high)}" in shown
        assert f"{found.sam.median:.2f} (" in entry(self.TEXT, "SAM")

    def test_a_power_limit_stands_beside_the_device(self) -> None:
        assert "limited to" not in render_text(audited())
        line = next(x for x in render_text(audited(power_limit_w=300)).splitlines() if "1 x" in x)
        assert line.endswith("1 x A100 SXM4 80GB, amp, limited to 300 W")

    def test_no_line_is_wider_than_a_page(self) -> None:
        assert max(map(len, self.TEXT.splitlines())) <= PLAIN_WIDTH
        assert self.TEXT.endswith("\n") and not self.TEXT.endswith("\n\n")

    def test_operators_stand_by_their_share_of_time(self) -> None:
        table = blocks(self.TEXT)[3][1:]
        shares = [float(row.split()[-1].rstrip("%")) for row in table]
        assert shares == sorted(shares, reverse=True)
        assert 1 <= len(table) <= 8 and sum(shares) <= 100.5
        (conv,) = [row for row in table if row.startswith("Conv ")]
        assert conv.split()[1] == "53"  # ResNet-50 has 53 convolutions


class TestNotAssessed:
    TEXT = render_text(audited())

    def test_without_samples_figures_are_per_sample(self) -> None:
        assert labels(blocks(self.TEXT)[2]) == [
            "per sample (node)",
            "per million samples",
            "mean power",
            "compute",
            "carbon",
            "embodied",
            "water",
            "not assessed",
            "SAM",
            "method",
        ]

    def test_what_is_missing_says_what_it_needs(self) -> None:
        assert entry(self.TEXT, "carbon").startswith("not assessed (add --region")
        assert entry(self.TEXT, "SAM").startswith("not assessed (needs --accuracy")
        with_region = render_text(audited(region="FR"))
        assert entry(with_region, "carbon") == "not assessed (no amount of training given)"
        for label in ("compute", "embodied"):
            assert entry(self.TEXT, label).startswith("not assessed: no amount of training given")
        assert entry(self.TEXT, "not assessed") == "e-waste, minerals, water of the grid"

    def test_warnings_come_last(self) -> None:
        found = blocks(self.TEXT)
        assert [block[0] for block in found[4:]] == ["assumptions", "warnings"]

    def test_a_score_below_one_kwh_is_undefined_not_negative(self) -> None:
        text = render_text(audited(samples=1.0, accuracy=0.76))
        assert entry(text, "SAM").startswith("undefined: ")

    @pytest.mark.parametrize(
        ("plan", "words"),
        [
            ({"batch_size": 100_000}, "DOES NOT FIT"),
            ({}, ": fits, largest batch "),
            ({"hardware": "epyc-7763", "precision": "fp32"}, "device memory unknown"),
        ],
    )
    def test_memory_says_whether_it_fits(self, plan: dict[str, Any], words: str) -> None:
        assert words in entry(render_text(audited(**plan)), "memory")


def test_an_interval_by_hand() -> None:
    found = lines.span(Interval(1.0, 2.0, 4.0, 0.9), lambda v, _: f"{v:g} kWh")
    assert found == "2 kWh  (90% interval 1 kWh to 4 kWh)"


def shown_at_a_terminal(found: Audit, monkeypatch: pytest.MonkeyPatch) -> str:
    """What rich writes to a terminal without colours, which would be escape codes of its own."""
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "120")
    print_terminal(found)
    return screen.getvalue()


class TestStrangersNames:
    @pytest.mark.parametrize("file_name", ["m.onnx", "a\x1b[31m\nb.onnx", "\u202egnp.onnx"])
    def test_control_characters_reach_no_report_for_people(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_name: str
    ) -> None:
        found = audited(named(tmp_path, HOSTILE, file_name), hardware="a100\x1b")
        assert harmless(render_text(found))
        assert harmless(render_markdown(found))
        assert harmless(shown_at_a_terminal(found, monkeypatch))

    def test_the_rest_of_the_name_is_still_there(self, tmp_path: Path) -> None:
        text = render_text(audited(named(tmp_path, HOSTILE)))
        assert "a�[2J�]0;owned��b��c�31m� 256x8" in text

    def test_rich_takes_no_markup_from_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        screen = shown_at_a_terminal(audited(named(tmp_path, "[bold]x[/bold]")), monkeypatch)
        assert "[bold]x[/bold] 256x8" in screen

    def test_a_terminal_shows_the_same_figures(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = audited(samples=1e6, region="FR")
        screen = shown_at_a_terminal(found, monkeypatch)
        for rows in (lines.model_rows(found), lines.step_rows(found), lines.training_rows(found)):
            for label, shown in rows:
                assert label in screen
                assert shown.split()[0] in screen


def unescaped(text: str) -> str:
    """What a Markdown reader shows: a backslash is gone, the character behind it stays.

    An entity, which starts with an ampersand of its own, is the character it names.
    """
    shown, characters = "", iter(text)
    for character in characters:
        if character == "\\":
            shown += next(characters)
        elif character == "&":
            entity = "".join(itertools.takewhile(lambda c: c != ";", characters))
            shown += html.unescape(f"&{entity};")
        else:
            shown += character
    return shown


class TestMarkdown:
    FOUND = audited(samples=1_281_167, epochs=90, region="FR", accuracy=0.76)

    def test_the_parts_stand_in_their_order(self) -> None:
        text = render_markdown(self.FOUND)
        heads = [line for line in text.splitlines() if line.startswith("#")]
        assert heads == ["## resnet50.onnx on A100 SXM4 80GB", "### Operators", "### Assumptions"]

    def test_every_table_row_has_the_cells_of_its_header(self) -> None:
        found = [ln for ln in render_markdown(self.FOUND).splitlines() if ln.startswith("|")]
        bars = [row.replace("\\|", "").count("|") for row in found]
        assert set(bars) == {3, 6}  # two columns, then five
        assert bars == sorted(bars)

    def test_it_has_the_figures_of_the_text_report(self) -> None:
        shown = unescaped(render_markdown(self.FOUND))
        for _, figure in lines.training_rows(self.FOUND):
            assert figure in shown

    def test_names_are_shown_and_mean_nothing(self, tmp_path: Path) -> None:
        text = render_markdown(audited(named(tmp_path, MARKUP)))
        (row,) = [ln for ln in text.splitlines() if ln.startswith("| inputs |")]
        assert unescaped(row) == f"| inputs | {MARKUP} 256x8 |"
        for special in ("<", ">", "|", "`", "*", "_", "[", "]", "#", "~", "\\"):
            inside = row.removeprefix("| inputs | ").removesuffix(" |").replace("&#58;", ":")
            bare = inside.replace("\\\\", "").replace("\\" + special, "")
            assert special == "\\" or special not in bare

    @given(st.text(max_size=60))
    def test_escaping_loses_nothing_that_can_be_printed(self, text: str) -> None:
        assert unescaped(escaped(text)) == lines.printable(text)
        assert harmless(escaped(text))

    def test_nobody_is_mentioned_and_nothing_is_linked(self) -> None:
        found = escaped("@someone www.example.org https://example.org")
        assert not any(trigger in found for trigger in ("@", "www.", "://"))

    @given(st.text(max_size=60))
    def test_no_cell_ends_early(self, text: str) -> None:
        assert "|" not in escaped(text).replace("\\\\", "").replace("\\|", "")


@given(st.text(max_size=100))
def test_printable_keeps_length_and_every_printable_character(text: str) -> None:
    found = lines.printable(text)
    assert len(found) == len(text) and found.isprintable()
    assert all(a == b for a, b in zip(text, found, strict=True) if a.isprintable())
