"""Assumptions and warnings: said where they hold, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import DATA, model, node, value, weight

from auditor.pipeline import Audit, Request, audit
from auditor.workload import Plan

EXAMPLES = DATA.parents[1] / "examples"
RESNET = EXAMPLES / "resnet50.onnx"
FULL: dict[str, Any] = {
    "hardware": "a100-sxm4-80gb",
    "samples": 1e6,
    "epochs": 1.0,
    "batch_size": 32,
    "optimizer": "sgd",
    "precision": "amp",
}


def audited(path: Path = RESNET, **plan: Any) -> Audit:
    return audit(Request(path=path, plan=Plan(**(FULL | plan))))


def said(lines: tuple[str, ...], words: str) -> bool:
    return any(words in line for line in lines)


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("batch_size", "batch size 32 assumed (--batch-size)"),
        ("optimizer", "optimizer adamw assumed (--optimizer)"),
        ("precision", "precision tf32-conv assumed"),
        ("epochs", "one epoch assumed (--epochs)"),
    ],
)
def test_what_the_plan_leaves_out_is_said(left_out: str, words: str) -> None:
    assert said(audited(**{left_out: None}).assumptions, words)
    assert not said(audited().assumptions, words)


def test_without_samples_nothing_is_said_of_epochs() -> None:
    assert not said(audited(samples=None, epochs=None).assumptions, "one epoch assumed")


def test_the_flops_convention_is_always_said() -> None:
    words = "FLOPs are 2 per multiply-accumulate plus 1 per other elementary operation"
    assert words in audited().assumptions


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"devices": 8}, "8 devices, data parallel: 256 samples an optimizer step"),
        # 32 samples at 1 a second: the device works for far less than half a second of 32.
        ({"input_pipeline_samples_per_s": 1.0}, "devices wait 100% of the time"),
        ({"hardware": "a100"}, "a100 is ambiguous"),
    ],
)
def test_what_the_plan_brings_with_it_is_said(plan: dict[str, Any], words: str) -> None:
    assert said(audited(**plan).assumptions, words)
    assert not said(audited().assumptions, words)


def test_restored_normalization_is_said_with_the_way_out() -> None:
    assert said(audited().assumptions, "restored behind 53 convolutions")
    assert said(audited().assumptions, "--batchnorm keep")
    assert not said(audited(batchnorm="keep").assumptions, "restored behind")


def test_operations_that_run_as_one_are_counted() -> None:
    # EfficientNet-B0: 16 blocks, each with a Swish behind its depthwise convolution and one in
    # its squeeze-and-excitation; 15 of them expand first; stem and head: 16 + 16 + 15 + 2.
    found = audited(DATA / "models" / "efficientnet_b0.torchscript.onnx")
    assert said(found.assumptions, "run as one in the training step: 49 Swish")
    assert not said(audited().assumptions, "run as one")


def test_a_fixed_batch_is_said() -> None:
    fixed = audited(DATA / "models" / "resnet50.torchscript.fixedbatch.onnx")
    assert said(fixed.assumptions, "the export fixes the batch at 1: the step is scaled")
    assert not said(audited().assumptions, "the export fixes the batch")


def test_a_complete_plan_that_fits_warns_of_nothing() -> None:
    assert audited().warnings == ()


def test_no_amount_of_training_is_warned_of() -> None:
    assert said(audited(samples=None).warnings, "no amount of training given")


def test_a_step_that_does_not_fit_is_warned_of() -> None:
    found = audited(batch_size=100_000)
    assert said(found.warnings, "the step does not fit a100-sxm4-80gb")


def test_unknown_operators_are_warned_of_with_their_count(tmp_path: Path) -> None:
    made = model(
        [
            node("Mystery", ["x"], ["a"], domain="com.example"),
            node("Mystery", ["a"], ["b"], domain="com.example"),
            node("MatMul", ["x", "w"], ["y"]),
        ],
        [value("x", ["batch", 8])],
        ["y", "b"],
        [weight("w", 8, 4)],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    warned = audited(path).warnings
    assert said(warned, "2 of 3 nodes have no cost")
    assert said(warned, "com.example.Mystery (2)")


def test_possibly_tied_weights_are_warned_of() -> None:
    # This exporter turns the embedding over and stores it a second time: 50257 * 384 = 19.3 M.
    script = audited(
        DATA / "models" / "gpt_small.torchscript.onnx", dims={"sequence": 64}, batch_size=1
    )
    assert said(script.warnings, "has the shape of embedding")
    assert said(script.warnings, "19.3 M parameters are counted twice")
    dynamo = audited(DATA / "models" / "gpt_small.dynamo.onnx", dims={"sequence": 64}, batch_size=1)
    assert not said(dynamo.warnings, "has the shape of embedding")


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "bert_base", "gpt_small"])
def test_every_note_is_one_line(name: str) -> None:
    dims = {"sequence": 64} if name in ("bert_base", "gpt_small") else {}
    found = audited(EXAMPLES / f"{name}.onnx", dims=dims, samples=None, batch_size=10_000)
    assert all("\n" not in line and line == line.strip() for line in found.assumptions)
    assert all("\n" not in line and line == line.strip() for line in found.warnings)
