"""Make the files in ``models/`` and their oracles in ``oracle.json``.

    python tests/corpus/make_corpus.py --records FOLDER [--only NAME ...] [--limit N]

Needs torch, torchvision, timm, transformers, onnxscript, onnxruntime, onnxsim and onnxslim.  One
network after the other is made, each in a process of its own; its record is kept as a file in the
folder, and what has a record there is not made again.  At the end all records become
``oracle.json``.  See docs/oracles.md.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import multiprocessing
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# ruff: noqa: BLE001, E402 - whatever a network fails with is recorded; paths come first
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples"), str(HERE.parent / "data")]

import make_examples as zoo
import make_oracle
import networks
import numpy as np
import onnx
import runtime_oracle
import special
import structure_only
import torch
import torch_oracle
from networks import Entry
from onnx import ModelProto
from torch import nn

MODELS = HERE / "models"
ORACLE = HERE / "oracle.json"
SEED = 20240501
BATCH, SEQUENCE = 2, 32
TRACED_BATCH, TRACED_SEQUENCE = 3, 24
SIZE_LIMIT = 600_000
TIME_LIMIT_S = 420
PACKAGES = (
    "torch", "torchvision", "timm", "transformers", "onnx", "onnxscript", "onnxruntime",
    "onnxsim", "onnxslim",
)  # fmt: skip
EXPORTERS = {"torchscript": False, "dynamo": True}
LOG = logging.getLogger("corpus")

structure_only.ITEM_BITS |= {
    onnx.TensorProto.FLOAT8E4M3FN: 8,
    onnx.TensorProto.FLOAT8E4M3FNUZ: 8,
    onnx.TensorProto.FLOAT8E5M2: 8,
    onnx.TensorProto.FLOAT8E5M2FNUZ: 8,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.COMPLEX64: 64,
    onnx.TensorProto.COMPLEX128: 128,
    onnx.TensorProto.STRING: 0,  # labels: always kept
}
# The tables of small networks are small too.
make_oracle.BIG = 1000


@dataclass(frozen=True)
class Attempt:
    """One way to export: which axes stay open, and the sizes that are traced."""

    dynamic: str
    axes: networks.Axes
    batch: int
    sequence: int


def attempts(entry: Entry) -> list[Attempt]:
    """All named axes open, then the batch alone, then none."""
    batch = {k: {i: n for i, n in a.items() if n == "batch"} for k, a in entry.axes.items()}
    tried = []
    if any(entry.axes.values()):
        tried.append(Attempt("all", entry.axes, TRACED_BATCH, TRACED_SEQUENCE))
    if any(batch.values()) and batch != {k: dict(a) for k, a in entry.axes.items()}:
        tried.append(Attempt("batch", batch, TRACED_BATCH, SEQUENCE))
    return [*tried, Attempt("none", {}, BATCH, SEQUENCE)]


def make_inputs(entry: Entry, batch: int = BATCH, sequence: int = SEQUENCE) -> networks.Inputs:
    """The same inputs every time."""
    torch.manual_seed(SEED)
    return entry.make_inputs(batch, sequence)


def build(entry: Entry) -> nn.Module:
    """Build a network with drawn weights, in evaluation mode."""
    torch.manual_seed(SEED)
    return zoo.randomise(entry.build().eval())


def export(entry: Entry, model: nn.Module, dynamo: bool, attempt: Attempt) -> ModelProto:
    """Export a network with the exporter's default options."""
    inputs = make_inputs(entry, attempt.batch, attempt.sequence)
    common: dict[str, Any] = {"args": tuple(inputs.values()), "input_names": list(inputs)}
    if dynamo:
        shapes = tuple(dict(attempt.axes.get(name, {})) for name in inputs)
        common["dynamic_shapes"] = shapes if any(shapes) else None
        return torch.onnx.export(model, **common, dynamo=True, verbose=False).model_proto
    buffer = io.BytesIO()
    axes = {name: dict(found) for name, found in attempt.axes.items()}
    torch.onnx.export(model, f=buffer, dynamo=False, dynamic_axes=axes, **common)
    return onnx.load_from_string(buffer.getvalue())


def cleaned(message: str) -> str:
    """The first lines of an error, without paths or addresses of the machine."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", message)
    text = re.sub(r"(?:/[\w.\-+]+){2,}", "<path>", text)
    text = re.sub(r"0x[0-9a-f]+", "<address>", text)
    return " ".join(text.split())[:300]


def feeds_for(model: ModelProto, inputs: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The inputs that the file still has, as arrays."""
    stored = {tensor.name for tensor in model.graph.initializer}
    names = [item.name for item in model.graph.input if item.name not in stored]
    return {name: inputs[name].numpy() for name in names if name in inputs}


def difference(found: Iterable[Any], expected: Any) -> float | None:
    """Largest difference of the outputs, relative to the largest of what torch says."""
    wanted = expected if isinstance(expected, tuple | list) else (expected,)
    worst = 0.0
    for ours, theirs in zip(found, wanted, strict=False):
        reference = theirs.detach().numpy()
        if ours.shape != reference.shape:
            return None
        if reference.dtype.kind == "f" and reference.size:
            scale = float(np.abs(reference).max()) or 1.0
            worst = max(worst, float(np.abs(ours - reference).max()) / scale)
    return float(f"{worst:.1e}")


def facts(name: str, model: ModelProto) -> dict[str, Any]:
    """Write one structure-only file; return what is known of the complete one."""
    path = MODELS / name
    size = structure_only.write_structure_only(model, path)
    note = ""
    if size > SIZE_LIMIT and model.graph.value_info:
        del model.graph.value_info[:]
        size = structure_only.write_structure_only(model, path)
        note = "value_info dropped for size"
    if size > SIZE_LIMIT:
        path.unlink()
        raise ValueError(f"too large for the corpus: {size} bytes")
    return {
        "file": name,
        "bytes": size,
        "note": note,
        "opset": {item.domain or "ai.onnx": item.version for item in model.opset_import},
        "stored_parameter_count": sum(
            map(structure_only.element_count, make_oracle.initializers(model))
        ),
        "single_element_initializers": sum(
            structure_only.element_count(tensor) == 1 for tensor in make_oracle.initializers(model)
        ),
        "constant_node_elements": constant_node_elements(model),
        "elements_merged_behind_identity": make_oracle.merged(model),
        "equal_initializers": make_oracle.duplicates(model),
    }


def constant_node_elements(model: ModelProto) -> int:
    """Elements of floating-point tensors, of more than one element, in Constant nodes."""
    nodes = [node for graph in structure_only.graphs_of(model) for node in graph.node]
    tensors = [
        a.t for n in nodes if n.op_type == "Constant" for a in n.attribute if a.HasField("t")
    ]
    counts = [structure_only.element_count(t) for t in tensors if structure_only.is_float(t)]
    return sum(count for count in counts if count > 1)


def buffer_elements(model: ModelProto, network: nn.Module) -> int:
    """Elements of the initializers that carry the name of a buffer: those are no parameters."""
    names = {name for name, _ in network.named_buffers()}
    found = [t for t in make_oracle.initializers(model) if t.name in names]
    return sum(structure_only.element_count(t) for t in found if t.dims)


def doubled_parameter_elements(model: ModelProto, network: nn.Module) -> int:
    """Elements of the initializers that hold a parameter once more: ties written out."""
    again = {pair.split(" = ")[0] for pair in make_oracle.duplicates(model)}
    held = {np.sort(p.detach().numpy().ravel()).tobytes() for p in network.parameters()}
    found = [t for t in make_oracle.initializers(model) if t.name in again]
    return sum(
        structure_only.element_count(t)
        for t in found
        if np.sort(onnx.numpy_helper.to_array(t).ravel()).tobytes() in held
    )


def run(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
    """What the runtime executed, or why it did not."""
    common = {
        "dims": runtime_oracle.dims_of(model, feeds),
        "input_shapes": {key: list(value.shape) for key, value in feeds.items()},
    }
    try:
        record, outputs = runtime_oracle.executed(model, feeds)
    except runtime_oracle.NotRun as error:
        return common | {"not_run": cleaned(str(error))}, []
    return common | record, outputs


def export_record(entry: Entry, exporter: str) -> dict[str, Any]:
    """Export by one exporter as dynamically as it manages; return the file's record."""
    inputs = make_inputs(entry)
    model = build(entry)
    with torch.no_grad(), torch_oracle.plain_kernels():
        expected = model(*inputs.values())
    failures: dict[str, str] = {}
    for attempt in attempts(entry):
        try:
            proto = export(entry, model, EXPORTERS[exporter], attempt)
        except Exception as error:
            failures[attempt.dynamic] = cleaned(f"{type(error).__name__}: {error}")
            continue
        executed, outputs = run(proto, feeds_for(proto, inputs))
        apart = difference(outputs, expected)
        if "not_run" in executed or apart is None:
            failures[attempt.dynamic] = executed.get("not_run", "outputs of another shape")
            continue
        record = facts(f"{entry.name}.{exporter}.onnx", proto)
        record["buffer_elements"] = buffer_elements(proto, model)
        record["doubled_parameter_elements"] = doubled_parameter_elements(proto, model)
        said = {"exporter": exporter, "dynamic": attempt.dynamic, "less_dynamic_because": failures}
        return record | said | {"runtime": executed, "relative_difference": apart}
    return {"exporter": exporter, "failed": failures}


def measure(entry: Entry) -> dict[str, Any]:
    """Count the work and the memory of the torch network."""
    zoo.import_torchvision()
    import timm

    timm.layers.set_fused_attn(False)
    inputs = make_inputs(entry)
    record = torch_oracle.forward_flops(build(entry), inputs)
    model = build(entry)
    record |= torch_oracle.counts_of(model)
    model = torch_oracle.without_dropout(model.train())
    for key, task in (("step", torch_oracle.step_flops), ("memory", torch_oracle.memory_of_step)):
        try:
            record |= task(model, inputs)
        except Exception as error:
            record[f"{key}_failed"] = cleaned(f"{type(error).__name__}: {error}")
    return record


def network_record(entry: Entry) -> dict[str, Any]:
    """All files and figures of one network."""
    torch.set_num_threads(1)
    zoo.import_torchvision()
    import timm

    timm.layers.set_fused_attn(False)
    warnings.simplefilter("ignore")
    files = []
    for exporter in EXPORTERS:
        try:
            files.append(export_record(entry, exporter))
        except Exception as error:
            LOG.info("%s", traceback.format_exc())
            reason = cleaned(f"{type(error).__name__}: {error}")
            files.append({"exporter": exporter, "failed": {"record": reason}})
    record = {"kind": entry.kind, "origin": entry.origin, "batch_size": BATCH}
    if any("file" in item for item in files):
        record |= {"torch": measure(entry)}
    return record | {"files": files}


def special_record(case: special.Case) -> dict[str, Any]:
    """The one file of a special case and what the runtime executed of it."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    proto, feeds = case.make()
    executed, _ = run(proto, feeds)
    record = facts(f"special.{case.name}.onnx", proto)
    return {
        "kind": case.kind,
        "origin": case.origin,
        "files": [record | {"exporter": case.kind, "runtime": executed}],
    }


def _task(make: Callable[[Any], dict[str, Any]], item: Any, path: Path) -> None:
    try:
        record = make(item)
    except Exception as error:
        LOG.info("%s", traceback.format_exc())
        record = {"failed": cleaned(f"{type(error).__name__}: {error}")}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def tasks() -> Iterator[tuple[str, Callable[[Any], dict[str, Any]], Any]]:
    """Everything there is to make: name, function and its argument."""
    for case in special.CASES:
        yield f"special.{case.name}", special_record, case
    for entry in networks.interleaved():
        yield entry.name, network_record, entry


def make_all(folder: Path, only: set[str], limit: int) -> None:
    """Make what has no record yet, each in a process of its own."""
    context = multiprocessing.get_context("fork")
    done = 0
    for name, make, item in tasks():
        path = folder / f"{name}.json"
        if path.exists() or (only and name not in only) or done >= limit:
            continue
        done += 1
        start = time.monotonic()
        process = context.Process(target=_task, args=(make, item, path))
        process.start()
        process.join(TIME_LIMIT_S)
        if process.is_alive():
            process.kill()
            process.join()
        if not path.exists():
            path.write_text(json.dumps({"failed": "killed or out of time"}), encoding="utf-8")
        LOG.info("%s: %.0f s", name, time.monotonic() - start)


def collect(folder: Path) -> None:
    """Put all records together into the oracle."""
    found: dict[str, Any] = {}
    failed: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        complete = any("file" in item for item in record.get("files", ()))
        (found if complete else failed)[path.stem] = record
    oracle = {
        "regenerate": "python tests/corpus/make_corpus.py --records FOLDER; see docs/oracles.md",
        "versions": {package: version(package) for package in PACKAGES},
        "networks": {k: v for k, v in found.items() if not k.startswith("special.")},
        "special": {k: v for k, v in found.items() if k.startswith("special.")},
        "not_exported": failed,
    }
    text = json.dumps(oracle, indent=1)
    # Leaves on one line each: the file is read by people too.
    text = re.sub(r"[\[{]\n\s+[^\[\]{}]*?\n\s*[\]}]", lambda m: " ".join(m[0].split()), text)
    ORACLE.write_text(text + "\n", encoding="utf-8")


def remove_strays() -> None:
    """Delete the files that have no record."""
    oracle = json.loads(ORACLE.read_text(encoding="utf-8"))
    entries = [*oracle["networks"].values(), *oracle["special"].values()]
    names = {item["file"] for entry in entries for item in entry["files"] if "file" in item}
    for path in MODELS.glob("*.onnx"):
        if path.name not in names:
            path.unlink()


def main() -> None:
    """Make what is missing and write the oracle."""
    logging.basicConfig(level=logging.WARNING)
    LOG.setLevel(logging.INFO)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--limit", type=int, default=10_000)
    given = parser.parse_args()
    given.records.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(exist_ok=True)
    # Imported once, before the processes are made out of this one.
    torch.set_num_threads(1)
    zoo.import_torchvision()
    import timm
    import transformers

    LOG.info("timm %s, transformers %s", timm.__version__, transformers.__version__)
    make_all(given.records, set(given.only), given.limit)
    collect(given.records)
    remove_strays()


if __name__ == "__main__":
    main()
