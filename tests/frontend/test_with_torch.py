"""Networks in code, exported and counted for real; where torch is missing nothing runs here."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli import run

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parents[1] / "schemas"
A100 = ("--hardware", "a100-sxm4-80gb")

pytestmark = [
    pytest.mark.slow,
    # torch warns of its own plans, in every version of others.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(n) is None for n in ("torch", "onnxscript", "fvcore")),
        reason="needs the extra torch",
    ),
]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run beside the networks; temporary folders are made where the test sees them."""
    monkeypatch.chdir(HERE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def audited(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = run([*arguments, *A100, "--format", "json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    schema = json.loads((SCHEMAS / "audit.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)
    return found


def crosschecked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = run(["crosscheck", *arguments, "--format", "json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    schema = json.loads((SCHEMAS / "crosscheck.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)
    return found


def layer(found: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [r for r in found["layers"] if r["name"] == name]
    return dict(row)


def by_type(found: dict[str, Any]) -> dict[str, int]:
    return {row["op_type"]: row["count"] for row in found["profile"]["by_op_type"]}


class TestAudit:
    def test_normalization_and_dropout_are_kept_and_parameters_exact(
        self, capsys: pytest.CaptureFixture[str], folders: Path
    ) -> None:
        found = audited(
            capsys, "torch:torch_zoo:Small", "--input", "1x3x16x16", "--batch-size", "2"
        )
        assert found["model"]["path"] == "torch:torch_zoo:Small"
        assert found["model"]["inputs"][0]["dims"] == ["batch", 3, 16, 16]
        # 8*27 and 2*8 of the normalization; 16*2*9 + 16; 16*10 + 10.
        count = 8 * 27 + 16 + (16 * 18 + 16) + 170
        assert found["model"]["parameter_count"] == count
        assert found["model"]["training_parameter_count"] == count
        assert found["profile"]["restored_normalization_count"] == 0
        assert {"BatchNormalization": 1, "Dropout": 1}.items() <= by_type(found).items()
        # 256 sites: 8 filters of 27, 16 filters of 2*9; 16 times 10.
        macs = 2 * (256 * 8 * 27 + 256 * 16 * 18 + 16 * 10)
        assert found["profile"]["forward"]["macs"] == macs
        assert not list(folders.glob("auditor-*"))

    def test_the_batch_is_open(self, capsys: pytest.CaptureFixture[str]) -> None:
        one, eight = (
            audited(capsys, "torch:torch_zoo:Small", "--input", "1x3x16x16", "--batch-size", b)
            for b in ("1", "8")
        )
        assert 8 * one["profile"]["forward"]["macs"] == eight["profile"]["forward"]["macs"]
        assert one["model"]["structure_sha256"] == eight["model"]["structure_sha256"]

    def test_integers_and_names(self, capsys: pytest.CaptureFixture[str]) -> None:
        inputs = ("--input", "2x5:int64", "--input", "weights=2x5x32")
        found = audited(capsys, "torch:torch_zoo:Text", *inputs, "--batch-size", "2")
        assert {i["name"]: i["dtype"] for i in found["model"]["inputs"]} == {
            "tokens": "int64",
            "weights": "float32",
        }
        assert found["workload"]["sequence_length"] == 5

    def test_a_batch_that_cannot_be_open_is_fixed_and_said(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = audited(capsys, "torch:torch_zoo:FixedBatch", "--input", "3x4")
        assert found["model"]["inputs"][0]["dims"] == [3, 4]
        assert any("open batch" in line for line in found["warnings"])
        assert any("fixes the batch at 3" in line for line in found["assumptions"])

    def test_the_other_exporter_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = audited(capsys, "torch:torch_zoo:Branch", "--input", "2x4")
        assert any("TorchScript exporter, training mode" in a for a in found["assumptions"])
        assert any(w.startswith("export failed (dynamo") for w in found["warnings"])
        assert any("records one run" in w for w in found["warnings"])

    @pytest.mark.parametrize(
        ("name", "shape", "words"),
        [
            ("Fails", "2x4", "fails on inputs of 2x4: RuntimeError: no way through;"),
            ("Small", "1x4x16x16", "fails on inputs of 1x4x16x16: RuntimeError: "),
            ("Small", "x=1x3x16x16", "forward takes (image)"),
            ("Unexportable", "4x4", "torch.onnx.export failed: "),
        ],
    )
    def test_a_failure_is_one_line_and_leaves_nothing(
        self,
        capfd: pytest.CaptureFixture[str],
        folders: Path,
        name: str,
        shape: str,
        words: str,
    ) -> None:
        assert run([f"torch:torch_zoo:{name}", "--input", shape, *A100]) == 2
        out, err = capfd.readouterr()
        lines = [line for line in err.splitlines() if "not part of any report" not in line]
        assert out == ""
        assert len(lines) == 1 and lines[0].startswith(f"error: torch:torch_zoo:{name}: ")
        assert words in lines[0]
        assert not list(folders.glob("auditor-*"))


class TestCrosscheck:
    def test_a_grouped_convolution_by_hand(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = crosschecked(capsys, "torch:torch_zoo:Small", "--input", "2x3x16x16")
        stem, grouped, head = 2 * 256 * 8 * 27, 2 * 256 * 16 * 18, 2 * 16 * 10
        total = layer(found, "")
        forward = stem + grouped + head
        both = 2 * stem + 3 * grouped + 3 * head  # the image needs no gradient
        assert total["ours"]["forward_macs"] == forward
        assert total["ours"]["forward_backward_macs"] == both
        assert total["fvcore"]["forward_product_flops"] == forward
        assert total["flop_counter_mode"]["forward_flops"] == 2 * forward
        assert total["flop_counter_mode"]["forward_backward_flops_groups_divided"] == 2 * both
        assert layer(found, "grouped")["has_grouped_convolutions"]
        assert layer(found, "stem.0")["relative_difference"] == dict.fromkeys(
            total["relative_difference"], 0.0
        )
        # fvcore: 5 FLOPs an element of a normalization in training.
        assert found["fvcore"]["other_flops_by_operator"] == {"batch_norm": 5 * 2 * 8 * 256}

    def test_groups_are_explained_where_torch_forgets_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = crosschecked(capsys, "torch:torch_zoo:Small", "--input", "2x3x16x16")
        counted = layer(found, "")["flop_counter_mode"]
        divided = counted["forward_backward_flops_groups_divided"]
        forgets = counted["forward_backward_flops"] != divided
        assert any("does not divide by the groups" in f for f in found["findings"]) is forgets
        if forgets:  # the weight's gradient four times instead of once
            grouped = 2 * 256 * 16 * 18
            assert counted["forward_backward_flops"] - divided == 2 * 3 * grouped

    def test_attention_by_hand(self, capsys: pytest.CaptureFixture[str]) -> None:
        inputs = ("--input", "2x5:int64", "--input", "weights=2x5x32")
        found = crosschecked(capsys, "torch:torch_zoo:Text", *inputs)
        # 10 tokens: three projections, output, two dense layers, head; scores and values.
        attention = 2 * (2 * 4 * 5 * 5 * 8)
        projections = 10 * 32 * 96 + 10 * 32 * 32
        forward = projections + attention + 2 * 10 * 32 * 64 + 10 * 32 * 100
        total = layer(found, "")
        assert total["ours"]["forward_macs"] == forward
        assert total["flop_counter_mode"]["forward_flops"] == 2 * forward
        assert layer(found, "encoder.self_attn")["ours"]["forward_macs"] == projections + attention
        assert total["relative_difference"]["to_flop_counter_mode_forward_backward"] == 0
        # fvcore has no formula for the fused operator, and says so.
        assert total["fvcore"]["forward_product_flops"] == forward - attention
        assert any("scaled_dot_product_attention (1)" in f for f in found["findings"])

    def test_resnet18(self, capsys: pytest.CaptureFixture[str]) -> None:
        if importlib.util.find_spec("torchvision") is None:
            pytest.skip("needs torchvision")
        found = crosschecked(capsys, "torch:torch_zoo:resnet18", "--input", "1x3x224x224")
        total = layer(found, "")
        assert total["ours"]["forward_macs"] == 1_814_073_344
        differences = dict(total["relative_difference"])
        assert differences == dict.fromkeys(differences, 0.0)
        for row in found["layers"]:
            assert row["relative_difference"]["to_fvcore_products"] == 0, row["name"]
            assert row["relative_difference"]["to_flop_counter_mode_forward"] == 0, row["name"]

    def test_text_alone_is_on_standard_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert run(["crosscheck", "torch:torch_zoo:Small", "--input", "2x3x16x16"]) == 0
        out, err = capfd.readouterr()
        assert out.startswith("network  torch:torch_zoo:Small")
        assert "not part of any report" not in out
        assert not [line for line in err.splitlines() if "not part of any report" not in line]
