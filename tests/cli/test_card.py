"""``audit card`` as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import RESNET, ROOT, audit, listing, process

from auditor.cli.card import FORMATS as OFFERED
from auditor.cli.card import INFRASTRUCTURES, TYPES_OF_DATA, TYPES_OF_TRAINING
from auditor.units import J_PER_KWH

PLAN = ("--hardware", "rtx3090", "--samples", "50000", "--epochs", "2", "--region", "FRA")
SPDX = (
    "--model-version", "1", "--supplied-by", "Me", "--release-time", "2026-11-21",
    "--download-location", "https://example.org/m.onnx",
)  # fmt: skip
BOAMPS = ("--task", "image-classification", "--data-type", "image", "--infrastructure", "onPremise")
MORE = {"spdx": SPDX, "boamps": BOAMPS}
README = "---\nlicense: mit\n---\n# Mine\n"


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder with an audit, what zeus measured of it, and a README."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # 2023-11-14T22:13:20Z
    assert audit(capsys, RESNET, *PLAN, "--format", "json", "-o", "audit.json").code == 0
    estimate = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["estimate"]
    joules = estimate["by_scope"]["gpu"]["median"] * J_PER_KWH * 2
    (tmp_path / "zeus.csv").write_text(
        "start_time,window_name,elapsed_time,gpu0_energy\n"
        f"1.7e9,train,{estimate['duration_s']['median']},{joules}\n",
        encoding="utf-8",
    )
    made = ("reconcile", "zeus.csv", "--audit", "audit.json", "--format", "json")
    assert audit(capsys, *made, "-o", "reconciled.json").code == 0
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "a_folder").mkdir()
    return tmp_path


def card(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    found = audit(capsys, "card", *arguments)
    assert (found.code, found.err) == (0, "")
    return found.out


def test_the_formats_are_those_of_the_registry() -> None:
    from auditor.cards import FORMATS, options

    assert set(OFFERED) == set(FORMATS)
    assert TYPES_OF_TRAINING == options.TRAINING_TYPES
    assert TYPES_OF_DATA == options.DATA_TYPES
    assert INFRASTRUCTURES == options.INFRASTRUCTURES


@pytest.mark.usefixtures("folder")
class TestCards:
    @pytest.mark.parametrize("form", [f for f in OFFERED if f != "html"])
    def test_every_format_of_a_real_audit(
        self, form: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shown = card(capsys, "audit.json", "--format", form, *MORE.get(form, ()))
        assert "estimated" in shown and shown.endswith("\n")
        both = card(
            capsys, "audit.json", "--format", form, *MORE.get(form, ()),
            "--reconciled", "reconciled.json",
        )  # fmt: skip
        assert "measured" in both and "estimated" in both

    def test_the_prediction_was_half_of_what_was_measured(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = card(capsys, "audit.json", "--format", "json", "--reconciled", "reconciled.json")
        energy, duration = json.loads(text)["reconciliation"]["pairs"]
        assert energy["prediction_error"] == pytest.approx(-0.5)
        assert duration["prediction_error"] == pytest.approx(0.0)

    def test_a_model_gives_the_card_that_its_audit_gives(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        direct = card(capsys, RESNET, *PLAN, "--format", "json")
        assert json.loads(direct) == json.loads(card(capsys, "audit.json", "--format", "json"))
        assert json.loads(direct)["created"] == "2023-11-14T22:13:20Z"

    def test_a_file_holds_what_stdout_would(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        shown = card(capsys, "audit.json", "--format", "badge")
        assert card(capsys, "audit.json", "--format", "badge", "-o", "b.svg") == ""
        assert (folder / "b.svg").read_text(encoding="utf-8") == shown

    def test_a_readme_is_updated_in_place(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        command = ("audit.json", "--format", "huggingface", "--update", "README.md")
        assert card(capsys, *command) == ""
        once = (folder / "README.md").read_text(encoding="utf-8")
        assert once.startswith("---\nlicense: mit\n# auditor:begin\n") and "# Mine\n" in once
        head: dict[str, Any] = yaml.safe_load(once.split("---\n")[1])
        assert head["co2_eq_emissions"]["geographical_location"] == "France (FRA)"
        assert card(capsys, *command) == ""
        assert (folder / "README.md").read_text(encoding="utf-8") == once
        assert sorted(p.name for p in folder.iterdir()) == sorted(
            ["README.md", "a_folder", "audit.json", "reconciled.json", "zeus.csv"]
        )

    def test_without_pyyaml_it_says_what_to_install(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "yaml", None)
        found = audit(
            capsys, "card", "audit.json", "--format", "huggingface", "--update", "README.md"
        )
        assert found.code == 2 and "pip install 'auditor[cards]'" in found.err
        assert (folder / "README.md").read_text(encoding="utf-8") == README
        assert "estimated" in card(capsys, "audit.json", "--format", "huggingface")


_BADGE = ("audit.json", "--format", "badge")
_HUB = ("audit.json", "--format", "huggingface")
CASES: dict[str, tuple[tuple[object, ...], str]] = {
    "no format": (("audit.json",), "--format"),
    "no such format": (("audit.json", "--format", "pdf"), "'pdf' is not one of"),
    "no file": (("absent.json", "--format", "badge"), "absent.json: cannot be read"),
    "a folder": (("a_folder", "--format", "badge", *PLAN), "a_folder"),
    "not an audit": (("reconciled.json", "--format", "badge"), "reconciled.json: not of this kind"),
    "not a reconciliation": ((*_BADGE, "--reconciled", "audit.json"), "not of this kind"),
    "options of a model": ((*_BADGE, "--samples", "3"), "--samples: is for a model; audit.json"),
    "spdx lacks": (
        ("audit.json", "--format", "spdx", *SPDX[:4]),
        "give --release-time, --download-location",
    ),
    "a date that is none": ((*_BADGE, "--release-time", "soon"), "--release-time 'soon'"),
    "an address that is none": (
        (*_BADGE, "--download-location", "javascript:1"),
        "--download-location 'javascript:1'",
    ),
    "update of another": ((*_BADGE, "--update", "README.md"), "--update: is for --format hug"),
    "two files": ((*_HUB, "--update", "README.md", "-o", "x"), "give one"),
    "update of nothing": ((*_HUB, "--update", "absent.md"), "absent.md: cannot be read"),
    "update of a folder": ((*_HUB, "--update", "a_folder"), "a_folder: cannot be read"),
    "update of the audit": ((*_HUB, "--update", "audit.json"), "audit.json: is read for this"),
    "a page of a measurement": (
        ("audit.json", "--format", "html", "--reconciled", "reconciled.json"),
        "--reconciled: the page does not show it",
    ),
    "over the audit": ((*_BADGE, "-o", "./audit.json"), "is read for this"),
    "into a folder": ((*_BADGE, "-o", "a_folder"), "a_folder: cannot be written"),
}


@pytest.mark.parametrize(("arguments", "word"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_one_line_and_touches_nothing(
    arguments: tuple[object, ...], word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(folder)
    found = audit(capsys, "card", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: ") and found.err.count("\n") == 1
    assert word in found.err
    assert listing(folder) == before


def test_the_page_on_cards_has_commands_that_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "cards.md").read_text(encoding="utf-8")
    (folder / "examples").symlink_to(ROOT / "examples")
    commands = re.findall(r"^    audit (.*)$", page, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert audit(capsys, *command.split()).code == 0
    assert "co2_eq_emissions" in (folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert tuple(rows[1:]) == OFFERED  # after the head of the table


def test_a_time_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "noon")
    found = audit(capsys, "card", *_BADGE)
    assert found.code == 2 and "SOURCE_DATE_EPOCH 'noon'" in found.err


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("onnx", "numpy", "sklearn", "jsonschema", "rich", "yaml")
    code = (
        "import sys\nfrom auditor.cli import run\nrun(['card', '--help'])\n"
        f"print(*(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)"
    )
    found = process(code, cwd=tmp_path, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")
    assert "--reconciled" in found.stdout
