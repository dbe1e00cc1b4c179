"""The figures of a card: what they are, whence, and what there is none of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from card_documents import bare, document, reconciliation

from auditor.cards import Basis, facts, read_audit_document, read_reconciliation
from auditor.errors import PlanError
from auditor.interval import Interval


def test_the_headline_is_of_the_scope_that_was_asked_for() -> None:
    found = facts(document(), None)
    assert (found.energy.name, found.energy.scope) == ("energy_node_kwh", "node")
    assert found.energy.value == Interval(2.0, 4.0, 8.0, 0.9)
    assert [f.scope for f in found.figures[:3]] == ["node", "gpu", "facility"]


def test_a_figure_has_a_value_or_a_reason() -> None:
    for made in (document(), bare()):
        found = facts(made, None)
        for figure in (*found.figures, *found.scores):
            assert (figure.median is None) == (figure.not_assessed is not None), figure
            assert figure.method and figure.source == f"auditor {made['tool']['version']}"
            assert figure.basis is Basis.ESTIMATED


def test_what_lacks_says_what_to_give() -> None:
    reasons = {f.name: f.not_assessed for f in facts(document(), None).figures}
    assert reasons["energy_facility_kwh"] == "no PUE is known (--pue)"
    reasons = {f.name: f.not_assessed for f in facts(bare(), None).figures}
    assert reasons["energy_node_kwh"] == "no amount of training given (--samples or --tokens)"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/net.onnx", "net"),
        ("C:\\nets\\net.onnx", "net"),
        ("torch:package.module:factory", "factory"),
        ("plain", "plain"),
        (".onnx", ".onnx"),
    ],
)
def test_a_model_is_called_as_its_file(path: str, name: str) -> None:
    made = document()
    made["model"]["path"] = path
    assert facts(made, None).name == name
    assert facts(made, None, "mine").name == "mine"


class TestMeasured:
    def test_both_stand_beside_each_other(self) -> None:
        made = document()
        found = facts(made, reconciliation(made))
        assert found.measured is not None
        energy, duration = found.measured.pairs
        assert (energy.measured, energy.predicted.median) == pytest.approx((2.5, 2.0))
        assert energy.error == pytest.approx(-0.2)  # 2 / 2.5 - 1
        assert duration.error == pytest.approx(-0.1)  # 7200 / 8000 - 1
        assert found.energy.basis is Basis.ESTIMATED
        measured = [f for f in found.figures if f.basis is Basis.MEASURED]
        assert [(f.name, f.median, f.source) for f in measured] == [
            ("measured_energy_kwh", 2.5, "zeus 0.11"),
            ("measured_duration_s", 8000.0, "zeus 0.11"),
        ]

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("model", "another.onnx"),
            ("hardware", "h100-sxm-80gb"),
            ("device_count", 2),
            ("batch_size", 7),
            ("precision", "fp8"),
            ("method", "roofline"),
            ("version", "9"),
        ],
    )
    def test_a_measurement_of_another_audit_is_refused(self, key: str, value: Any) -> None:
        made = document()
        other = reconciliation(made)
        other["audit"][key] = value
        with pytest.raises(PlanError, match="is of another audit"):
            facts(made, other)

    def test_nothing_is_divided_by_a_measured_zero(self) -> None:
        made = document()
        other = reconciliation(made)
        other["duration_s"]["measured"] = 0
        with pytest.raises(PlanError, match="measured as zero"):
            facts(made, other)


class TestReading:
    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        made = document()
        path = tmp_path / "a.json"
        path.write_text(json.dumps(made), "utf-8")
        assert read_audit_document(path) == json.loads(json.dumps(made))
        path.write_text(json.dumps(reconciliation(made)), "utf-8")
        assert read_reconciliation(path)["extent"]["samples"] == 1e6

    def test_a_text_that_drives_a_terminal_is_not_read(self, tmp_path: Path) -> None:
        made = document()
        made["warnings"] = ["\x1b[2J"]
        (tmp_path / "a.json").write_text(json.dumps(made), "utf-8")
        assert read_audit_document(tmp_path / "a.json")["warnings"] == [
            "\N{REPLACEMENT CHARACTER}[2J"
        ]

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            (b"", "not JSON"),
            (b"{", "not JSON"),
            (b"[" * 200_000, "not JSON"),
            (b"[1e999]", "1e999 is beyond any amount"),
            (b"[1e-200]", "1e-200 is beyond any amount"),
            (b"[" + b"1" * 400 + b"]", "beyond any count"),
            (b'{"a": NaN}', "NaN is no number"),
            (b"\xff\xfe", "not text in UTF-8"),
            (b"{}", "required property"),
            (b"[]", "is not of type 'object'"),
            (b" " * 20_000_001, "larger than 20000000 bytes"),
        ],
    )
    def test_what_is_no_audit_is_refused(self, content: bytes, word: str, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_bytes(content)
        with pytest.raises(PlanError, match=word) as refused:
            read_audit_document(path)
        assert str(refused.value).startswith(f"{path}: ") and "audit MODEL" in str(refused.value)
