"""Batch normalization that the exporter folded away, found again and put back.

By default both torch exporters fold a BatchNormalization into the convolution before it
(`training=EVAL`, constant folding on).  The training still runs it.  What gives it away:

- The TorchScript exporter gives folded weights names of its own, ``onnx::Conv_497`` and
  ``onnx::Conv_498`` (bare numbers in older versions); a convolution's own keep theirs.
  onnxsim calls them ``_v_445``; onnxruntime, tf2onnx and onnxslim say what they did.
- The dynamo exporter keeps the weight's name and calls a bias it made ``<weight>_bias``;
  the convolution takes over the name of the normalization's output, ``getitem_3``.
- Other tools leave no trace in names.  A convolution without a bias in a graph without
  any normalization had one; so had those with a bias in a network of residual sums or
  depthwise convolutions that holds no normalization at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from auditor.shapes import Operation, ShapedGraph, Value

_EXPORTER_NAME = re.compile(r"(onnx::Conv(Transpose)?_|_v_)?\d+")
# onnxruntime: ConvBnFusion_W_conv1.weight; tf2onnx: conv1_bias_fused_bn; onnxslim:
# /bn1/BatchNormalization_output_0_bias.
_FOLDED_NAME = re.compile(r"batch_?norm|fused_?bn|convbnfusion", re.IGNORECASE)
_NORMALIZATION_OUTPUT = re.compile(r"getitem(_\d+)?|.*batch_?norm.*", re.IGNORECASE)
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_NORMALIZATIONS = frozenset(
    {
        "BatchNormalization",
        "LayerNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "RMSNormalization",
        "GroupNorm",
        "LRN",
    }
)
# A chain shorter than this (LeNet, AlexNet) is as likely to have had none.
_LEAST_CONVOLUTIONS = 8


class BatchNorm(StrEnum):
    """What to do about batch normalization that is not in the file."""

    AUTO = "auto"
    RESTORE = "restore"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A graph with normalization back in it.

    `count` convolutions got one again; `undecided` have a bias and nothing that tells
    whether they had one.  `added` are the parameters that came back, `dropped` those
    that folding had made.
    """

    graph: ShapedGraph
    count: int
    undecided: int
    added: Mapping[str, Value]
    dropped: frozenset[str]


def restore_batch_normalization(graph: ShapedGraph, mode: BatchNorm) -> Restored:
    """Put a BatchNormalization behind every convolution that lost one."""
    folded, undecided = _folded(graph, mode)
    operations: list[Operation] = []
    added: dict[str, Value] = {}
    for operation in graph.operations:
        if id(operation) not in folded:
            operations.append(operation)
            continue
        pair, new = _unfolded(operation, keep_bias=_bias_is_own(operation))
        operations += pair
        added |= new
    result = replace(graph, operations=tuple(operations))
    return Restored(
        graph=result,
        count=len(folded),
        undecided=undecided,
        added=MappingProxyType(added),
        dropped=_unused_initializers(graph, result),
    )


def _folded(graph: ShapedGraph, mode: BatchNorm) -> tuple[frozenset[int], int]:
    """Identify the convolutions that lost a normalization; count those that may have."""
    if mode is BatchNorm.KEEP:
        return frozenset(), 0
    candidates = _without_normalization(graph.operations)
    if mode is BatchNorm.RESTORE:
        return frozenset(map(id, candidates)), 0
    named = [op for op in candidates if _named_as_folded(op)]
    rest = [op for op in candidates if not _named_as_folded(op) and not _bias_is_own(op)]
    if named or not _is_normalized_kind(graph.operations, candidates):
        unclear = [op for op in rest if op.input(2) is not None]
        return frozenset(map(id, named)), 0 if named else len(unclear)
    return frozenset(map(id, rest)), 0


def _without_normalization(operations: Iterable[Operation]) -> list[Operation]:
    """Convolutions with constant weights whose output no normalization reads."""
    normalized = {
        v.name
        for op in operations
        if op.op_type in _NORMALIZATIONS
        for v in op.inputs[:1]
        if v is not None
    }
    return [
        op
        for op in operations
        if op.op_type in _CONVOLUTIONS
        and (out := op.outputs[0]) is not None
        and (out.shape is None or len(out.shape) > 1)
        and out.name not in normalized
        and (weight := op.input(1)) is not None
        and weight.is_constant
    ]


def _named_as_folded(operation: Operation) -> bool:
    weight, *bias = operation.node.inputs[1:3]
    if _NORMALIZATION_OUTPUT.fullmatch(operation.node.outputs[0]):
        return True
    if not bias:
        return False
    if bias[0] == f"{weight}_bias" or _FOLDED_NAME.search(weight) or _FOLDED_NAME.search(bias[0]):
        return True
    return bool(_EXPORTER_NAME.fullmatch(weight) and _EXPORTER_NAME.fullmatch(bias[0]))


def _bias_is_own(operation: Operation) -> bool:
    """Whether weight and bias carry the names of one module's parameters."""
    weight, *bias = operation.node.inputs[1:3]
    return (
        bool(bias) and weight.endswith(".weight") and bias[0] == weight[: -len("weight")] + "bias"
    )


def _is_normalized_kind(operations: Iterable[Operation], candidates: list[Operation]) -> bool:
    """A deep network of convolutions without any normalization, which is hardly ever trained.

    Plain chains with biases (VGG) were; residual and depthwise ones were not.
    """
    types = Counter(op.op_type for op in operations)
    if types.keys() & _NORMALIZATIONS or len(candidates) < _LEAST_CONVOLUTIONS:
        return False
    if all(op.input(2) is None for op in candidates):
        return True
    depthwise = any(int(op.attribute("group", 1)) > 1 for op in candidates)
    produced = {op.outputs[0].name for op in operations if op.outputs[0] is not None}
    residual = any(
        op.op_type == "Add" and all(v is not None and v.name in produced for v in op.inputs)
        for op in operations
    )
    return depthwise or residual


def _unfolded(
    operation: Operation, *, keep_bias: bool
) -> tuple[tuple[Operation, Operation], dict[str, Value]]:
    """Return convolution and normalization in place of the folded convolution."""
    out, weight = operation.result, operation.required(1)
    channels = (out.shape or (0, 0))[1]
    inner = replace(out, name=f"{out.name}/before_normalization")
    inputs = operation.inputs if keep_bias else operation.inputs[:2]
    names = [f"{out.name}/{n}" for n in ("scale", "bias", "running_mean", "running_var")]
    vectors = [Value(n, weight.dtype, (channels,), "initializer") for n in names]
    normalization = operation.becoming(
        "BatchNormalization", (inner, *vectors), out, name=f"{operation.node.name}/restored"
    )
    convolution = replace(operation, inputs=inputs, outputs=(inner,))
    return (convolution, normalization), {v.name: v for v in vectors[:2]}


def _unused_initializers(before: ShapedGraph, after: ShapedGraph) -> frozenset[str]:
    """Initializers that nothing reads any more, through relabelling too."""

    def used(graph: ShapedGraph) -> set[str]:
        alive: set[str] = {v.name for v in graph.outputs}
        for op in reversed(graph.operations):
            made = {v.name for v in op.outputs if v is not None}
            if op.op_type != "Identity" or made & alive:
                alive |= {v.name for v in op.inputs if v is not None}
        return alive

    return frozenset(used(before) & set(before.initializers)) - used(after)
