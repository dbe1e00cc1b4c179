"""Layer 14: what an estimate takes for granted, and what its reader should know, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.energy import Estimate
from auditor.errors import clipped
from auditor.graph import Model
from auditor.hardware import Resolution
from auditor.profile import Profile
from auditor.shapes import Basis, BoundInputs, DataSize
from auditor.step import Step
from auditor.units import significant
from auditor.workload import DEFAULT_BATCH_SIZE, DEFAULT_OPTIMIZER, Plan, Workload

_LONGEST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the stages found out, as far as words are made of it."""

    model: Model
    bound: BoundInputs
    problems: tuple[str, ...]
    data_sizes: tuple[DataSize, ...]
    profile: Profile
    hardware: Resolution
    plan: Plan
    workload: Workload
    step: Step
    estimate: Estimate


def assumptions(facts: Facts) -> tuple[str, ...]:
    """List what was assumed, one line each, the graph first."""
    return _lines([*_of_graph(facts), *_of_plan(facts), *_of_hardware(facts)])


def _of_graph(facts: Facts) -> list[str]:
    found, lines = facts.profile, []
    lines.append("FLOPs are 2 per multiply-accumulate plus 1 per other elementary operation")
    if found.restored_count:
        lines.append(
            f"batch normalization that the export folded away is restored behind "
            f"{found.restored_count} convolutions in the training step; forward figures stay the "
            "file's (--batchnorm keep to leave it out)"
        )
    if found.recomposed:
        kinds = ", ".join(f"{n} {t}" for t, n in found.recomposed.items())
        lines.append(
            f"operations that the export spells out run as one in the training step: {kinds}"
        )
    if found.quantized_product_count:
        lines.append(
            f"{found.quantized_product_count} products between DequantizeLinear and "
            "QuantizeLinear run on integers, together with those around them; quantized weights "
            "are not trained"
        )
    if facts.bound.batch_fixed:
        lines.append(
            f"the export fixes the batch at {facts.bound.graph_batch_size}: the step is scaled "
            f"from it to {found.batch_size}, weights' traffic left as it is"
        )
    lines.append(
        "the training computes a softmax cross-entropy over every floating-point output; "
        "dropout that the exporter removed is not restored"
    )
    lines += _of_training(facts)
    return lines


_ATTENTION = {
    "exported": "attention is as in the file (--attention flash or math to say otherwise)",
    "flash": "attention runs in one kernel that stores no scores and computes them again",
    "math": "attention runs as two products and a softmax, whose result is saved",
}


def _of_training(facts: Facts) -> list[str]:
    found, work = facts.profile, facts.workload
    changed = f" ({found.attention_count} changed)" if work.attention != "exported" else ""
    lines = [_ATTENTION[work.attention] + changed]
    if work.freeze or work.trainable:
        lines.append(
            f"{found.trained_parameter_count:,} of {found.training_parameter_count:,} parameters "
            "are trained; gradients stop where none lies upstream"
        )
    else:
        lines.append("all parameters are trained; gradients stop at the inputs")
    if work.checkpointing > 1:
        lines.append(
            f"activation checkpointing in {work.checkpointing} segments, all but the last run "
            "forward twice"
        )
    if work.sharding != "none":
        lines.append(
            f"{work.sharding} over {work.devices} devices; while a layer runs, its gathered "
            "parameters are not counted"
        )
    return lines


def _of_plan(facts: Facts) -> list[str]:
    plan, work, lines = facts.plan, facts.workload, []
    if plan.batch_size is None:
        lines.append(f"batch size {DEFAULT_BATCH_SIZE} assumed (--batch-size)")
    if plan.optimizer is None:
        lines.append(f"optimizer {DEFAULT_OPTIMIZER} assumed (--optimizer)")
    if plan.precision is None:
        lines.append(f"precision {work.precision} assumed (--precision)")
    if plan.epochs is None and work.samples is not None:
        lines.append("one epoch assumed (--epochs)")
    if work.devices > 1:
        lines.append(
            f"{work.devices} devices, data parallel: {work.global_batch_size} samples an "
            "optimizer step; all-reduce overlaps the backward pass; energy counts all devices"
        )
    if facts.step.input_wait_s > 0:
        lines.append(
            f"the input pipeline caps the speed: devices wait "
            f"{facts.step.input_wait_s / facts.step.total_s:.0%} of the time"
        )
    return lines


def _of_hardware(facts: Facts) -> list[str]:
    lines = [facts.hardware.note] if facts.hardware.note else []
    lines += facts.step.notes
    lines.append(
        f"host overhead {significant(facts.step.host_power_w)} W per device (CPU, memory, fans, "
        "power supply), counted from scope node up"
    )
    return lines


def _size_line(size: DataSize) -> str:
    """Say what is taken for a size that the data decides, and how to say better."""
    where = f"{size.op_type} {size.node!r}: {size.reason}"
    if size.basis is Basis.UNKNOWN:
        return f"{where}: unknown, and not counted (--assume {size.node}=N)"
    taken = f"{size.count} taken" if size.count is not None else "its whole shape taken"
    remedy = f" (--assume {size.node}=N)" if size.basis is Basis.UPPER_BOUND else ""
    return f"{where}: {taken}, {size.basis}{remedy}"


def warnings(facts: Facts, fits: bool | None) -> tuple[str, ...]:
    """List what may make the estimate wrong, one line each."""
    found, lines = facts.profile, list(facts.problems)
    lines += map(_size_line, facts.data_sizes)
    if found.unknown:
        nodes = sum(u.count for u in found.unknown)
        lines.append(
            f"{nodes} of {found.node_count} nodes have no cost and are left out of every figure: "
            + ", ".join(f"{u.op_type} ({u.count})" for u in found.unknown)
        )
    if not found.trained_parameter_count:
        lines.append(
            "the file has no parameter that is trained: the step is a forward pass and a loss; "
            "export the network before it is quantized or converted"
        )
    if found.undecided_count:
        lines.append(
            f"{found.undecided_count} convolutions with a bias may have had batch normalization "
            "folded in; if they had, add --batchnorm restore"
        )
    if found.possible_tie is not None:
        table, weight = found.possible_tie
        lines.append(
            f"output projection {weight.name!r} has the shape of embedding {table.name!r} turned "
            f"over; if the network ties them, {significant(weight.size / 1e6)} M parameters are "
            "counted twice, as stored"
        )
    if fits is False:
        lines.append(
            f"the step does not fit {facts.hardware.accelerator.id}: the estimate is for a device "
            "with its speed and more memory"
        )
    if facts.workload.total_samples is None:
        lines.append(
            "no amount of training given: add --samples N (or --tokens N) and --epochs N for the "
            "energy of the whole training"
        )
    return _lines(lines)


def _lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Bound each: a name in a file may be as long as the file."""
    return tuple(clipped(line, _LONGEST) for line in lines)
