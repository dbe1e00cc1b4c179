"""Export the networks whose training was measured, as structure-only graphs.

Run ``python calibration/make_graphs.py DATA FOLDER [--only PREFIX]`` with torch, timm, torchvision
and transformers installed; ``DATA`` holds the collected measurements.  Each network is exported as
users do (TorchScript exporter, evaluation mode, normalization folded away), once a size, into
``FOLDER``, with a line in ``FOLDER/index.jsonl``.  What is there already is not made again, so the
script can be stopped and started.  ``calibration/make_profiles.py`` profiles the folder.

A network that the libraries of today build with another number of parameters than the one that was
measured is left out, and the index says so.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import make_examples as zoo
import networks
import run_cells
import structure_only

TIME_LIMIT_S = 240
# The tracing exporter makes ten times as many nodes of these.
DYNAMO = ("swin", "coatnet", "maxvit")
TORCHVISION_SIZE = 224


@dataclass(frozen=True)
class Item:
    """A network to export; `parameters` is what the source says it has, None if nothing."""

    key: str
    network: Callable[[], zoo.Network]
    parameters: float | None = None
    tolerance: float = 0.002
    is_large: bool = False


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table, compressed or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def timm_item(model: str, size: int, parameters: float | None) -> Item:
    """A network of timm at an image size, that of its input where it is fixed."""

    def network() -> zoo.Network:
        def build() -> Any:
            zoo.import_torchvision()
            import timm

            try:
                return timm.create_model(model, pretrained=False, img_size=size)
            except (TypeError, ValueError, AssertionError):
                return timm.create_model(model, pretrained=False)

        return zoo.Network(model, build, zoo.images(size), zoo.IMAGE_AXES, f"timm {model}")

    return Item(f"timm:{model}@{size}", network, parameters)


def pepr_items(data: Path) -> Iterator[Item]:
    """Images are 256 x 256 there."""
    found = {r["model"]: float(r["params"]) for r in rows(data / "pepr.csv")}
    for model, parameters in sorted(found.items()):
        yield timm_item(model, 256, parameters)


def timm_items(data: Path) -> Iterator[Item]:
    """One of each family in turn, so that whatever is done first holds all of them."""
    families: dict[str, list[Item]] = {}
    for row in rows(data / "timm_train_rtx3090.csv"):
        if row["layout"] == "nchw" and row["img_size"]:
            item = timm_item(row["model"], int(float(row["img_size"])), float(row["params"]))
            families.setdefault(row["family"], []).append(item)
    for layer in zip_longest(*(families[name] for name in sorted(families))):
        yield from (item for item in layer if item is not None)


def torchvision_items(data: Path) -> Iterator[Item]:
    """The image networks of pytorch-gpu-benchmark."""
    for model in sorted({r["model"] for r in rows(data / "pytorch_gpu_benchmark.csv")}):
        yield Item(f"torchvision:{model}@224", lambda m=model: zoo.torchvision_network(m))


def small_items(_: Path) -> Iterator[Item]:
    """Networks of the Zeus and GAISSA runs, and of NVIDIA's and Lambda's tables."""
    yield Item("pytorch-cifar100:shufflenetv2@32", cifar_shufflenet)
    yield Item("torchvision:resnet50@224", lambda: zoo.torchvision_network("resnet50"))
    for name, settings in BERTS.items():
        yield Item(
            f"bert:{name}",
            lambda n=name, s=settings: zoo.language_network(
                n, "BertForQuestionAnswering", "BertConfig", **s
            ),
        )


def cifar_shufflenet() -> zoo.Network:
    """The ShuffleNet of the Zeus runs."""
    build = networks.cifar_shufflenet_v2
    return zoo.Network("shufflenetv2", build, zoo.images(32), zoo.IMAGE_AXES, "pytorch-cifar100")


def pycls_items(_: Path) -> Iterator[Item]:
    """EfficientNets at the sizes of pycls' timings."""
    for model, size in (("b1", 240), ("b2", 260), ("b3", 300), ("b4", 380)):
        yield timm_item(f"efficientnet_{model}", size, None)


def cell_items(data: Path) -> Iterator[Item]:
    """Cells of NAS-Bench-101, found again by their published hash."""
    with (Path(__file__).parent / "runs.csv").open(encoding="utf-8", newline="") as file:
        wanted = {row["graph"] for row in csv.DictReader(file)}
    for row in rows(data / "ec_nas_bench.csv.gz"):
        key = f"ecnas:{row['model'].split('-')[2]}"
        if key in wanted:
            wanted.discard(key)
            yield Item(key, lambda k=key, n=int(float(row["params"])): cell(k, n))


def cell(key: str, parameters: int) -> zoo.Network:
    """One cell's network on CIFAR-10."""

    def build() -> Any:
        found = run_cells.rebuilt(key.split(":")[1], parameters)
        return networks.cell_network(found)

    return zoo.Network(key, build, zoo.images(32), zoo.IMAGE_AXES, "NAS-Bench-101")


BERTS: dict[str, dict[str, Any]] = {
    "base-qa": {"vocab_size": 30522},
    "large-qa": {
        "vocab_size": 30522,
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}


def gpt2(layers: int, hidden: int, heads: int) -> dict[str, Any]:
    """Settings of a GPT-2 style decoder."""
    return {"n_layer": layers, "n_embd": hidden, "n_head": heads, "vocab_size": 50257}


def transformer_items(_: Path) -> Iterator[Item]:
    """The networks of NeuSight's table of configurations, with their training heads."""
    large = BERTS["large-qa"]
    made = {
        "neusight:bert_large": ("BertForPreTraining", "BertConfig", large),
        "neusight:bert_large-infer": ("BertForSequenceClassification", "BertConfig", large),
        "neusight:gpt2_large": ("GPT2LMHeadModel", "GPT2Config", gpt2(36, 1280, 20)),
        "neusight:gpt3_xl": ("GPT2LMHeadModel", "GPT2Config", gpt2(24, 3072, 24)),
        "neusight:gpt3_27": ("GPT2LMHeadModel", "GPT2Config", gpt2(32, 2560, 32)),
        "neusight:opt_13": (
            "OPTForCausalLM",
            "OPTConfig",
            {
                "vocab_size": 50272,
                "num_hidden_layers": 24,
                "hidden_size": 2048,
                "num_attention_heads": 32,
                "ffn_dim": 8192,
            },
        ),
        "flopmetrics:llama-3.2-1b": (
            "LlamaForCausalLM",
            "LlamaConfig",
            {
                "vocab_size": 128256,
                "num_hidden_layers": 16,
                "hidden_size": 2048,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "intermediate_size": 8192,
                "tie_word_embeddings": True,
            },
        ),
    }
    for key, (cls, config, settings) in made.items():
        yield Item(
            key,
            lambda k=key, c=cls, n=config, s=settings: zoo.language_network(k, c, n, **s),
            is_large=True,
        )


GROUPS = {
    "pepr": pepr_items,
    "torchvision": torchvision_items,
    "small": small_items,
    "transformers": transformer_items,
    "pycls": pycls_items,
    "cells": cell_items,
    "timm": timm_items,
}


def make(item: Item, folder: Path) -> dict[str, Any]:
    """Export one network; say what came of it."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    network = item.network()
    name = item.key.replace(":", "-").replace("@", "-") + ".onnx"
    if item.is_large:
        (folder / name).write_bytes(export_without_weights(network).SerializeToString())
        return {"key": item.key, "origin": network.origin, "file": name}
    model = zoo.build(network)
    count = sum(p.numel() for p in model.parameters())
    record: dict[str, Any] = {"key": item.key, "origin": network.origin, "parameter_count": count}
    if item.parameters and abs(count / item.parameters - 1) > item.tolerance:
        return record | {"left_out": f"{count} parameters, {item.parameters:.0f} measured"}
    graph = zoo.export(network, model, dynamo=any(d in item.key for d in DYNAMO))
    structure_only.write_structure_only(graph, folder / name)
    return record | {"file": name}


def export_without_weights(network: zoo.Network) -> Any:
    """Export a network too large to be held: its tensors have shapes and types only."""
    import onnx_ir
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    sizes = {"batch": torch.export.Dim("batch"), "sequence": torch.export.Dim("sequence")}
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = network.build().eval()
        inputs = network.make_inputs(2, 16)
        shapes = tuple(
            {axis: sizes[name] for axis, name in network.axes.get(key, {}).items()}
            for key in inputs
        )
        program = torch.export.export(
            model, tuple(inputs.values()), dynamic_shapes=shapes, strict=False
        )
    made = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False).model
    for name, value in made.graph.initializers.items():
        held = value.const_value
        if held is not None and held.size > structure_only.FLOAT_LIMIT // 4:
            value.const_value = onnx_ir.ExternalTensor(
                "absent.weights",
                0,
                held.nbytes,
                held.dtype,
                shape=onnx_ir.Shape(held.shape),
                name=name,
                base_dir="absent",
            )
    for node in made.graph:
        node.metadata_props.clear()
    proto = onnx_ir.to_proto(made)
    rename_dims(proto, ("batch", "sequence"))
    return proto


def rename_dims(proto: Any, names: tuple[str, ...]) -> None:
    """Give the first input's symbols, which the exporter numbers, these names everywhere."""
    first = proto.graph.input[0].type.tensor_type.shape.dim
    renamed = {d.dim_param: n for d, n in zip(first, names, strict=True) if d.dim_param}
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in renamed:
                dim.dim_param = renamed[dim.dim_param]


def _task(item: Item, folder: Path, out: Path) -> None:
    try:
        record = make(item, folder)
    except Exception as error:  # noqa: BLE001  (whatever an exporter raises is said)
        first = (str(error).splitlines() or [""])[0]
        record = {"key": item.key, "left_out": f"{type(error).__name__}: {first[:200]}"}
    out.write_text(json.dumps(record), encoding="utf-8")


def main() -> None:
    """Export what has no record yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--group", choices=sorted(GROUPS), action="append")
    parser.add_argument("--limit", type=int, default=10**6)
    parser.add_argument("--time-limit-s", type=float, default=TIME_LIMIT_S)
    parser.add_argument("--share", default="0/1", help="k/n: every n-th network, from the k-th")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    part, parts = map(int, given.share.split("/"))
    # Loaded once here and not in every process.
    import torch

    torch.set_num_threads(1)
    zoo.import_torchvision()
    import timm  # noqa: F401

    context = multiprocessing.get_context("fork")
    items = [i for g in given.group or GROUPS for i in GROUPS[g](given.data)]
    for item in items[: given.limit][part::parts]:
        out = given.folder / (item.key.replace(":", "-").replace("@", "-") + ".json")
        if out.exists():
            continue
        start = time.monotonic()
        process = context.Process(target=_task, args=(item, given.folder, out))
        process.start()
        process.join(given.time_limit_s)
        if process.is_alive():
            process.kill()
            process.join()
        if not out.exists():
            out.write_text(json.dumps({"key": item.key, "left_out": "killed or out of time"}))
        print(f"{item.key}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
