"""Make the networks in ``graphs/`` whose training has been measured, and the tables of figures.

Run ``python benchmarks/make_graphs.py DATA`` with torch and timm installed, where ``DATA`` is the
folder with the collected measurements (``pepr.csv`` and the others).  Every figure in the tables
is copied from one row there, named by its ``row_id``, with four exceptions: the precision is
written in the words of Auditor, the step time is batch size over throughput where the row has a
throughput only, ``pepr_lidc.csv`` gives the parameter count of the network built here (equal to
the row's), and the optimizer of the ``lambda`` and ``nvidia`` rows is that of the training script
they ran, as the rows do not name it.

A network is left out if the timm of today builds one with another number of parameters than the
one that was measured.
"""

from __future__ import annotations

import csv
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import make_examples as zoo
import structure_only

GRAPHS = Path(__file__).resolve().parent / "graphs"
SIZE = 256
"""Side of the images of the PePR runs."""

Row = dict[str, str]

PEPR = (
    "mobilenetv2_050",
    "mnasnet_100",
    "efficientnet_b0",
    "tinynet_a",
    "ghostnet_100",
    "hardcorenas_a",
    "vgg11",
    "vgg13",
    "repvgg_a2",
    "resnet26d",
    "resnet34d",
    "resnetv2_50",
    "resnext50d_32x4d",
    "wide_resnet50_2",
    "resnetrs50",
    "resnetrs152",
    "resnetblur50",
    "ecaresnet50d",
    "seresnext26ts",
    "gcresnet33ts",
    "res2net50_14w_8s",
    "regnetv_040",
    "gernet_l",
    "densenet121",
    "dla46_c",
    "dla102",
    "ese_vovnet19b_dw",
    "gluon_inception_v3",
    "xception41",
    "xception65p",
    "botnet26t_256",
    "mobilevit_s",
    "convnext_atto",
    "convnext_tiny_hnf",
    "poolformer_m36",
    "convmixer_768_32",
    "swinv2_base_window8_256",
)
TIMM = (
    "mobilenetv2_050",
    "efficientnet_b0",
    "vgg11",
    "resnet34d",
    "resnetv2_50",
    "wide_resnet50_2",
    "seresnext26ts",
    "gernet_l",
    "gcresnet33ts",
    "botnet26t_256",
    "mobilevit_s",
    "resnetrs152",
    "resnet50",
    "vit_base_patch16_224",
    "swin_tiny_patch4_window7_224",
    "mixer_b16_224",
    "convnext_tiny",
)
"""The last five are not among the PePR runs, which have no plain transformer."""

DYNAMO = ("swinv2_base_window8_256", "swin_tiny_patch4_window7_224")
"""Networks for the exporter of torch.export: the other one makes ten times as many nodes."""

RESNET, BERT = "examples/resnet50.onnx", "examples/bert_base.onnx"
PUBLISHED = {
    "nvidia_dle.csv": {
        RESNET: ("nvidia_dle-00668", "nvidia_dle-00669", "nvidia_dle-00672"),
    },
    "lambda_benchmark.csv": {
        RESNET: (
            "lambda_benchmark-00619",
            "lambda_benchmark-00015",
            "lambda_benchmark-00669",
            "lambda_benchmark-00065",
            "lambda_benchmark-00629",
            "lambda_benchmark-00025",
            "lambda_benchmark-00095",
            "lambda_benchmark-01121",
        ),
        BERT: (
            "lambda_benchmark-00615",
            "lambda_benchmark-00011",
            "lambda_benchmark-00665",
            "lambda_benchmark-00061",
            "lambda_benchmark-00625",
            "lambda_benchmark-00021",
            "lambda_benchmark-00091",
            "lambda_benchmark-01118",
            "lambda_benchmark-00518",
        ),
    },
    "zeus_nsdi23.csv": {
        RESNET: (
            "zeus_nsdi23-01286",
            "zeus_nsdi23-01321",
            "zeus_nsdi23-01300",
            "zeus_nsdi23-00850",
            "zeus_nsdi23-00834",
            "zeus_nsdi23-00530",
        ),
        BERT: (
            "zeus_nsdi23-01573",
            "zeus_nsdi23-01552",
            "zeus_nsdi23-01092",
            "zeus_nsdi23-00698",
        ),
    },
}
"""Rows by the network they are set against.

The BERT rows of NVIDIA are not among them: those are of BERT-large.
"""

PRECISIONS = {
    "fp32": "fp32",
    "fp32 (PyTorch default, TF32 convolutions)": "tf32-conv",
    "tf32": "tf32",
    "tf32-default": "tf32",  # these ran in NVIDIA's containers, where matrix products use it too
    "amp-fp16": "amp",
}
SCRIPT_OPTIMIZERS = {RESNET: "sgd", BERT: "adam"}

ORIGIN = ("row_id", "source", "source_path", "licence")
PEPR_COLUMNS = [
    "model",
    "graph_file",
    "row_id",
    "source",
    "source_path",
    "licence",
    "batch_size",
    "precision",
    "hardware",
    "step_time_s",
    "avg_power_w",
    "system_energy_j",
    "duration_s",
    "samples_per_epoch",
    "epochs",
    "mem_max_gb",
    "optimizer",
    "quality",
    "parameter_count",
]
TIMM_COLUMNS = [
    "model",
    "graph_file",
    "row_id",
    "source",
    "source_path",
    "licence",
    "batch_size",
    "img_size",
    "precision",
    "hardware",
    "samples_per_s",
    "step_time_s",
    "optimizer",
    "quality",
]
PUBLISHED_COLUMNS = [
    "graph_file",
    "dims",
    "row_id",
    "source",
    "source_path",
    "licence",
    "hardware",
    "batch_size",
    "precision",
    "optimizer",
    "samples_per_s",
    "step_time_s",
    "avg_power_w",
    "power_scope",
    "gpu_energy_j",
    "energy_scope",
    "quality",
    "samples_per_epoch",
]


def read(path: Path) -> list[Row]:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: list[str], rows: list[Row]) -> None:
    """Write a table."""
    with (GRAPHS / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{name}: {len(rows)} rows")


@cache
def export(model: str, size: int) -> tuple[str, int]:
    """Write the graph of a timm network; return its file name and its parameter count.

    Graphs at the size of the PePR runs have the plain name, others the size in theirs.
    """
    options: dict[str, Any] = {}
    if model.startswith(("vit_", "swin_", "mixer_")):
        options["img_size"] = size
    network = zoo.timm_network(model, size=size, **options)
    built = zoo.build(network)
    path = GRAPHS / (f"{model}.onnx" if size == SIZE else f"{model}_{size}.onnx")
    graph = zoo.export(network, built, dynamo=model in DYNAMO)
    structure_only.write_structure_only(graph, path)
    zoo.report(path, graph)
    return path.name, sum(item.numel() for item in built.parameters())


def matching(model: str, size: int, published: float, tolerance: float) -> tuple[str, int] | None:
    """Export a network, unless it is no longer the one that was measured."""
    made = export(model, size)
    if abs(made[1] - published) > tolerance:
        print(f"LEFT OUT {model}: {made[1]} parameters here, {published:.0f} measured", flush=True)
        (GRAPHS / made[0]).unlink()
        return None
    return made


def common(row: Row, graph_file: str) -> Row:
    """The columns that all tables have."""
    shared = {key: row.get(key) or "" for key in {*ORIGIN, *PUBLISHED_COLUMNS}}
    return shared | {
        "graph_file": graph_file,
        "model": row["model"],
        "batch_size": f"{float(row['batch_size_global']):.0f}",
        "precision": PRECISIONS[row["precision"]],
    }


def pepr_rows(data: Path) -> list[Row]:
    """The runs on the LIDC images that the source's energy can be trusted for."""
    found = {
        row["model"]: row
        for row in read(data / "pepr.csv")
        if row["dataset"] == "lidc" and row["quality"] == "A"
    }
    rows = []
    for model in PEPR:
        row = found[model]
        made = matching(model, SIZE, float(row["params"]), tolerance=0)
        if made:
            copied = {key: row.get(key) or "" for key in PEPR_COLUMNS}
            written = common(row, made[0])
            rows.append(copied | written | {"parameter_count": str(made[1])})
    return rows


def timm_rows(data: Path) -> list[Row]:
    """The training throughputs of timm's own benchmark, channels first."""
    found = {
        row["model"]: row
        for row in read(data / "timm_train_rtx3090.csv")
        if row["layout"] == "nchw" and row["img_size"] and row["quality"] == "A"
    }
    rows = []
    for model in TIMM:
        row = found[model]
        size = int(float(row["img_size"]))
        # The source rounds to a hundredth of a million.
        made = matching(model, size, float(row["params"]), tolerance=6000)
        if made:
            rows.append(common(row, made[0]) | {"img_size": str(size)})
    return rows


def published_rows(data: Path) -> list[Row]:
    """The published figures of ResNet-50 and BERT on one device."""
    rows = []
    for table, choice in PUBLISHED.items():
        found = {row["row_id"]: row for row in read(data / table)}
        for graph_file, names in choice.items():
            rows += [published_row(found[name], graph_file) for name in names]
    return rows


def published_row(row: Row, graph_file: str) -> Row:
    """One published figure; refuses rows that are not what the graph describes."""
    if float(row["num_devices"]) != 1 or row["quality"] not in {"A", "B"}:
        raise ValueError(f"{row['row_id']} is not a usable single-device row")
    written = common(row, graph_file)
    if graph_file == BERT:
        written["dims"] = f"sequence={float(row['seq_len']):.0f}"
    rate = float(written["samples_per_s"])
    written["step_time_s"] = row.get("step_time_s") or f"{int(written['batch_size']) / rate:.6g}"
    written["optimizer"] = row.get("optimizer") or SCRIPT_OPTIMIZERS[graph_file]
    return written


def main() -> None:
    """Write the graphs and the tables."""
    data = Path(sys.argv[1])
    GRAPHS.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    write("published.csv", PUBLISHED_COLUMNS, published_rows(data))
    write("pepr_lidc.csv", PEPR_COLUMNS, pepr_rows(data))
    write("timm_train.csv", TIMM_COLUMNS, timm_rows(data))


if __name__ == "__main__":
    main()
