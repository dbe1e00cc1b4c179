"""Where the batch comes from: an option of its own, a dimension, a whole shape, or nothing."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from auditor.errors import PlanError
from auditor.pipeline import Audit, Request, audit
from auditor.workload import Plan

ROOT = Path(__file__).resolve().parent.parent
BERT = ROOT / "examples" / "bert_base.onnx"
FIXED = ROOT / "tests" / "data" / "models" / "resnet50.torchscript.fixedbatch.onnx"


def audited(path: Path, **said: Any) -> Audit:
    for key in ("dims", "shapes"):
        said[key] = MappingProxyType(said.get(key, {}))
    return audit(Request(path=path, plan=Plan(hardware="a100-sxm4-80gb", **said)))


@pytest.mark.parametrize(
    "said",
    [
        {"batch_size": 4, "dims": {"sequence": 64}},
        {"dims": {"batch": 4, "sequence": 64}},
        {"shapes": {"input_ids": (4, 64)}},
        {"shapes": {"input_ids": (4, 64)}, "batch_size": 4},
    ],
    ids=["option", "dimension", "shape", "both alike"],
)
def test_the_batch_may_be_given_in_three_ways(said: dict[str, Any]) -> None:
    found = audited(BERT, **said)
    assert (found.workload.batch_size, found.profile.batch_size) == (4, 4)
    assert found.bound.shapes["attention_mask"] == (4, 64)


@pytest.mark.parametrize("way", [{"dims": {"batch": 8}}, {"shapes": {"input_ids": (8, 64)}}])
def test_two_batches_are_refused(way: dict[str, Any]) -> None:
    dims = {**way.get("dims", {}), "sequence": 64} if "dims" in way else {}
    with pytest.raises(PlanError, match="gives the batch 8; give it once"):
        audited(BERT, batch_size=4, dims=dims, shapes=way.get("shapes", {}))


def test_a_batch_that_the_export_fixes_is_scaled_also_beside_its_own_shape() -> None:
    found = audited(FIXED, shapes={"input": (1, 3, 224, 224)}, batch_size=64)
    assert (found.bound.graph_batch_size, found.profile.batch_size) == (1, 64)
    assert any("fixes the batch at 1" in line for line in found.assumptions)


def test_without_a_word_it_is_32_and_said_so() -> None:
    found = audited(FIXED)
    assert found.workload.batch_size == 32
    assert "batch size 32 assumed (--batch-size)" in found.assumptions
