"""Graph simplifiers fold normalization away too, each under names of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import DATA, model, node, shaped, value, weight

from auditor.pipeline import Audit, Request, audit
from auditor.training import unfuse
from auditor.workload import Plan

KEPT = DATA / "models" / "resnet50.torchscript.preserve_eval.onnx"
TOOLS = ["onnxsim", "onnxslim", "ort_basic", "ort_extended"]


def audited(path: Path) -> Audit:
    return audit(Request(path=path, plan=Plan(hardware="rtx3090", batch_size=32)))


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_simplifier_folded_is_restored(tool: str) -> None:
    found = audited(DATA / "simplified" / f"resnet50.{tool}.onnx")
    kept = audited(KEPT)
    assert found.profile.restored_count == 53  # as many as ResNet-50 has convolutions
    assert found.profile.training_parameter_count == 25_557_032  # torchvision's own count
    for figure in ("flops", "read_bytes", "written_bytes"):
        for one_pass in ("training_forward", "backward"):
            expected = getattr(getattr(kept.profile, one_pass), figure)
            assert getattr(getattr(found.profile, one_pass), figure) == pytest.approx(
                expected, rel=0.02
            )
    assert found.step.total_s == pytest.approx(kept.step.total_s, rel=0.02)
    memory = found.profile.memory.total_bytes
    assert memory == pytest.approx(kept.profile.memory.total_bytes, rel=0.02)


def test_a_fused_convolution_is_taken_apart_for_training_only() -> None:
    found = audited(DATA / "simplified" / "resnet50.ort_extended.onnx")
    rows = {r.op_type: r for r in found.profile.by_op_type}
    kept = {r.op_type: r for r in audited(KEPT).profile.by_op_type}
    # Of 49 activations 16 follow a sum and stay; the others are behind a convolution.
    assert rows["com.microsoft.FusedConv"].count == 33
    assert rows["com.microsoft.FusedConv"].training_forward.flops == 0
    assert rows["Relu"].count == 16
    assert rows["Relu"].training_forward == kept["Relu"].training_forward


def test_a_summand_is_added_before_the_activation() -> None:
    fused = node(
        "FusedConv", ["x", "w", "b", "z"], ["y"], domain="com.microsoft", activation="Relu"
    )
    inputs = [value("x", [2, 4, 5, 5]), value("z", [2, 3, 5, 5])]
    tensors = [weight("w", 3, 4, 1, 1), weight("b", 3)]
    pieces = unfuse(shaped(model([fused], inputs, ["y"], tensors))).operations
    assert [op.op_type for op in pieces] == ["Conv", "Add", "Relu"]
    # Each reads what the one before it makes, and the last makes what the whole made.
    assert [[v.name for v in op.inputs if v is not None] for op in pieces] == [
        ["x", "w", "b"],
        ["y/Conv", "z"],
        ["y/Add"],
    ]
    assert pieces[-1].outputs[0].name == "y"
