"""What is taken from published tables, competitions and networks that must be found again.

As ``run_sources.py``, for the sources that need a choice or a check before a row can be used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from run_cells import rebuilt
from run_families import family
from run_sources import PRECISIONS, Row, from_rate, number, origin

PYCLS_GRAPHS = {
    "ResNet-50": "torchvision:resnet50@224",
    "ResNet-101": "torchvision:resnet101@224",
    "ResNet-152": "torchvision:resnet152@224",
    "ResNeXt-50": "torchvision:resnext50_32x4d@224",
    "ResNeXt-101": "timm:resnext101_32x4d@224",
    # Those whose names begin with "tf_" pad as TensorFlow does, and as pycls does not.
    **{f"EfficientNet-B{n}": f"timm:efficientnet_b{n}" for n in range(6)},
}
"""Networks with equal parameter counts; no library has a ResNeXt-152."""


def _pycls_graph(model: str, side: str) -> str | None:
    if model.startswith("RegNet"):
        letter, size = model[6].lower(), model[8:]
        hundreds = float(size[:-2]) * (10 if size.endswith("GF") else 0.01)
        return f"timm:regnet{letter}_{round(hundreds):03d}@{side}"
    graph = PYCLS_GRAPHS.get(model)
    return f"{graph}@{side}" if graph and "@" not in graph else graph


def pycls(rows: Iterable[Row]) -> Iterator[Row]:
    """Forward and backward on each of eight cards, which exchange gradients as they go."""
    for row in rows:
        graph = _pycls_graph(row["model"], row["input_shape"].split("x")[-1])
        if graph:
            yield origin(row) | {
                "family": family(row["model"].replace("-", "")),
                "graph": graph,
                "phase": "forward_backward",
                "layout": "nchw",
                "optimizer": "none",
                "note": "synthetic images; DistributedDataParallel over the eight cards",
            }


NVIDIA_TABLES = (
    ("TensorFlow/Classification/ConvNets/resnet50v1.5/", "torchvision:resnet50@224"),
    ("TensorFlow/Classification/ConvNets/resnext101-32x4d/", "timm:resnext101_32x4d@224"),
)
"""Image classifiers whose tables say the batch; SE-ResNeXt cannot be checked to be the same."""

NVIDIA_FINE_TUNING = re.compile(r"Fine-tuning|fine-tuning training performance for SQuAD", re.I)


def _nvidia_batch(row: Row) -> str:
    """The batch of this row where the table gives one for each precision, else the row's."""
    named = {"fp32": "FP32", "tf32": "TF", "amp-fp16": "AMP"}[row["precision"]]
    found = re.search(rf"(\d+) \({named}\)", row["row_text"])
    return found.group(1) if found else number(row["batch_size_per_device"])


def _nvidia_images(row: Row, path: str) -> Row | None:
    graph = next((graph for folder, graph in NVIDIA_TABLES if path.startswith(folder)), None)
    if not graph or not row["batch_size_per_device"]:
        return None
    return {
        "family": "resnet",
        "graph": graph,
        "optimizer": "momentum",
        "note": "TensorFlow with XLA" if row["compiled"] == "True" else "TensorFlow",
    }


def _nvidia_bert(row: Row, path: str) -> Row | None:
    if row["model"] != "BERT" or not NVIDIA_FINE_TUNING.search(row["heading"]):
        return None
    return {
        "family": "bert",
        "graph": "bert:large-qa",
        # The column of the table that was taken for it is another; this is the script's.
        "dims": "sequence=384",
        "optimizer": "adamw",
        "note": f"SQuAD, {path.partition('/')[0]}",
    }


def nvidia(rows: Iterable[Row]) -> Iterator[Row]:
    """Training steps on one node, from NVIDIA's tables for images and for SQuAD."""
    for row in rows:
        path = row["source_path"].split(":")[1]
        found = _nvidia_images(row, path) or _nvidia_bert(row, path)
        if not found or not row["num_devices"] or not row["batch_size_per_device"]:
            continue
        batch, devices = _nvidia_batch(row), float(row["num_devices"])
        run = origin(row) | found | {"phase": "train", "batch_size": batch}
        run["step_time_s"] = from_rate(str(float(batch) * devices), row["samples_per_s"])
        if run["precision"] == "fp32" and row["hardware"].startswith("a100"):
            # At 6 x 335e6 x 384 FLOP a sequence it is 1.7 times the card's fp32 peak.
            run["precision"] = "tf32"
        yield run


def mlperf(rows: Iterable[Row]) -> Iterator[Row]:
    """ResNet-50 to its target on whole nodes, with the power at their supplies."""
    for row in rows:
        if row["benchmark"] != "resnet":
            continue
        yield origin(row) | {
            "family": "resnet",
            "graph": "torchvision:resnet50@224",
            "phase": "train",
            "layout": "nhwc",
            "optimizer": "momentum",
            "step_time_s": from_rate(row["batch_size_global"], row["samples_per_s"]),
            "duration_s": number(row["duration_s"]),
            "samples_per_epoch": "1281167",
            "energy_j": number(row["system_energy_j"]),
            "energy_scope": "node",
            "mean_power_w": number(row["avg_power_w"]),
            "power_scope": "node",
            "note": "fused kernels; LARS; with evaluations; epochs not known",
        }


NEWEST = {
    "rtx3090": "pytorch-2.4.0",
    "rtx4090": "pytorch-2.9.1",
    "rtx5090": "pytorch-2.9.1",
    "rtx-pro6000-maxq": "pytorch-2.9.1",
}
"""Of the frameworks a card was measured with, one; results of several are not mixed."""


def _inferred(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, Row]]:
    """By network and image size: the row of every card, channels first."""
    found: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row["layout"] == "nchw" and NEWEST[row["hardware"]] == row["framework"]:
            found[row["model"], row["img_size"]][row["hardware"]] = row
    return found


def timm_infer(rows: Iterable[Row], trained: Iterable[Row]) -> Iterator[Row]:
    """Of every family the smallest, the middle and the largest network that was trained, too.

    Only those that were measured on all four cards, so that the cards can be compared.
    """
    keys = {(row["model"], row["img_size"]) for row in trained}
    families: dict[str, list[tuple[float, dict[str, Row]]]] = defaultdict(list)
    for key, cards in _inferred(rows).items():
        if key in keys and len(cards) == len(NEWEST):
            work = float(cards["rtx3090"]["fwd_macs"])
            families[family(key[0])].append((work, cards))
    for name, networks in sorted(families.items()):
        networks.sort(key=lambda item: item[0])
        chosen = sorted({0, len(networks) // 2, len(networks) - 1})
        for cards in (networks[index][1] for index in chosen):
            yield from (_timm_infer_run(cards[card], name) for card in NEWEST)


def _timm_infer_run(row: Row, name: str) -> Row:
    return {
        "run_id": row["row_id"],
        "source": "timm-benchmark-infer",
        "source_path": "huggingface/pytorch-image-models@aa4b5850:results/benchmark-infer-*",
        "licence": "Apache-2.0",
        "quality": "B",
        "family": name,
        "graph": f"timm:{row['model']}@{number(row['img_size'])}",
        "phase": "infer",
        "layout": row["layout"],
        "batch_size": number(row["batch"]),
        "precision": PRECISIONS[row["precision"]],
        "optimizer": "none",
        "hardware": row["hardware"],
        "device_count": "1",
        "step_time_s": from_rate(row["batch"], row["samples_per_s"]),
        "note": row["framework"],
    }


EC_NAS_LARGER_CELLS = 120


def _spread(rows: list[Row], count: int) -> list[Row]:
    """`count` of the rows at equal distances in their order of work."""
    rows = sorted(rows, key=lambda row: (float(row["fwd_macs"]), row["row_id"]))
    return [rows[index * (len(rows) - 1) // (count - 1)] for index in range(count)]


def ec_nas(rows: Iterable[Row]) -> Iterator[Row]:
    """Four epochs of cells on small images: all of four vertices, a sample of those of five."""
    split: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        split[row["model"].split("-")[1]].append(row)
    for row in split["4V9E"] + _spread(split["5V9E"], EC_NAS_LARGER_CELLS):
        name = row["model"].split("-")[2]
        if rebuilt(name, int(row["params"])):
            yield _ec_nas_run(row, name)


def _ec_nas_run(row: Row, name: str) -> Row:
    energy_j, duration_s = row["train_seg_system_energy_j"], row["training_time_s"]
    return origin(row) | {
        "family": "nasbench101",
        "graph": f"ecnas:{name}",
        "phase": "train",
        # RMSprop with momentum keeps as many states as Adam.
        "optimizer": "adam",
        "duration_s": number(duration_s),
        "samples_per_epoch": number(row["samples_per_epoch"]),
        "epochs": row["epochs"],
        "energy_j": number(energy_j),
        "energy_scope": "gpu+cpu",
        "mean_power_w": number(str(float(energy_j) / float(duration_s))),
        "power_scope": "gpu+cpu",
        "note": "training part only; RMSprop; TensorFlow",
    }
