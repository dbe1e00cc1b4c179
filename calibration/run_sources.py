"""What is taken from each table of the collected measurements, and how it is converted.

One function a source, from the source's rows to rows of ``runs.csv``.  `Row` maps a column to
its text; what a function leaves out of it is empty in the table.  The reasons for what is left
out are in ``calibration/README.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from run_families import family

Row = dict[str, str]

PRECISIONS = {
    "fp32": "fp32",
    "fp32 (pure)": "fp32",
    "fp32 (PyTorch default, TF32 convolutions)": "tf32-conv",
    "tf32": "tf32",
    # NVIDIA's containers of these two sources, where matrix products use it too.
    "tf32-default": "tf32",
    "amp-fp16": "amp",
    "amp": "amp",
    "fp16 (pure)": "fp16",
    "bf16 (pure)": "bf16",
}
"""The sources' words for a numeric mode, and ours."""


def number(text: str) -> str:
    """A figure with nine digits, more than any of the measurements has."""
    return f"{float(text):.9g}" if text else ""


def origin(row: Row) -> Row:
    """The columns that say where a row comes from."""
    return {
        "run_id": row["row_id"],
        "source": row["source"],
        "source_path": row["source_path"],
        "licence": row["licence"],
        "quality": row["quality"],
        "batch_size": number(row["batch_size_per_device"]),
        "precision": PRECISIONS[row["precision"]],
        "hardware": row["hardware"],
        "device_count": number(row["num_devices"]),
        "step_time_s": number(row.get("step_time_s", "")),
    }


PEPR_CHANGED = {"convnext_tiny_hnf": "three times the time of what timm builds by this name"}
"""Networks that the collection's notes name as changed since they were measured."""


def pepr(rows: Iterable[Row]) -> Iterator[Row]:
    """Ten epochs of fine-tuning at 256 px; of the doubtful energies only the time is kept."""
    for row in rows:
        if row["quality"] not in {"A", "B-dup"}:
            continue
        run = origin(row) | {
            "quality": row["quality"][0],
            "family": family(row["model"]),
            "graph": f"timm:{row['model']}@256",
            "phase": "train",
            "layout": "nchw",
            "optimizer": row["optimizer"],
            "samples_per_epoch": number(row["samples_per_epoch"]),
            "epochs": row["epochs"],
            "evaluated_samples_per_epoch": number(row["n_test"]),
            "note": row["dataset"],
        }
        if row["quality"] == "A":
            run |= {
                "duration_s": number(row["duration_s"]),
                "energy_j": number(row["system_energy_j"]),
                "energy_scope": "gpu+cpu",
                "mean_power_w": number(row["avg_power_w"]),
                "power_scope": "gpu+cpu",
            }
        else:
            run["note"] += "; energy left out: the source has the same one twice"
        if row["model"] in PEPR_CHANGED:
            run |= {"quality": "C", "note": f"{run['note']}; {PEPR_CHANGED[row['model']]}"}
        yield run


def timm_train(rows: Iterable[Row]) -> Iterator[Row]:
    """Training steps of timm's benchmark, whose SGD has momentum 0.9 (its create_optimizer_v2)."""
    for row in rows:
        if row["img_size"]:
            yield origin(row) | {
                "family": family(row["model"]),
                "graph": f"timm:{row['model']}@{number(row['img_size'])}",
                "phase": "train",
                "layout": row["layout"],
                "optimizer": "momentum",
            }


def pytorch_gpu_benchmark(rows: Iterable[Row]) -> Iterator[Row]:
    """Forward, and forward and backward, of torchvision's networks; several sets of one card."""
    for row in rows:
        yield origin(row) | {
            "family": family(row["model"]),
            "graph": f"torchvision:{row['model']}@224",
            "phase": "forward_backward" if row["phase"] == "train" else "infer",
            "layout": "nchw",
            "optimizer": "none",
            "note": "with copy to the device",
        }


NEUSIGHT_PATH = "sitar-lab/NeuSight@6945927d:"
NEUSIGHT_NETWORKS = ("bert_large", "gpt2_large", "gpt3_xl", "gpt3_27", "opt_13")


def model_step_latency(rows: Iterable[Row]) -> Iterator[Row]:
    """Transformers on one device, operator by operator; numbered as the source's rows are."""
    for index, row in enumerate(rows):
        usable = row["fusion"] == "0" and row["num_devices"] == "1"
        if not usable or row["quality"] == "B-alloc" or row["model"] not in NEUSIGHT_NETWORKS:
            continue
        train = row["mode"] == "train"
        headless = "-infer" if row["model"] == "bert_large" and not train else ""
        yield {
            "run_id": f"model_step_latency-{index:05d}",
            "source": "neusight",
            "source_path": NEUSIGHT_PATH + row["source_file"],
            "licence": "MIT",
            "quality": row["quality"][0],
            "family": family(row["model"]),
            "graph": f"neusight:{row['model']}{headless}",
            "dims": f"sequence={row['seq_len']}",
            "phase": "forward_backward" if train else "infer",
            "batch_size": row["batch"],
            "precision": PRECISIONS[row["precision"]],
            "optimizer": "none",
            "hardware": row["device"],
            "device_count": row["num_devices"],
            "step_time_s": number(str(float(row["step_ms"]) / 1000)),
            "note": "memory is allocated afresh in every iteration",
        }


ZEUS_GRAPHS = {
    ("resnet50", "imagenet"): ("torchvision:resnet50@224", "", "nchw"),
    ("shufflenetv2", "cifar100"): ("pytorch-cifar100:shufflenetv2@32", "", "nchw"),
    ("bert_base_uncased", "squad"): ("bert:base-qa", "sequence=384", ""),
}


def zeus(rows: Iterable[Row]) -> Iterator[Row]:
    """One training epoch each, over batch sizes and power limits, with the board's energy."""
    for row in rows:
        found = ZEUS_GRAPHS.get((row["model"], row["dataset"]))
        if not found:
            continue
        yield origin(row) | {
            "family": family(row["model"]),
            "graph": found[0],
            "dims": found[1],
            "phase": "train",
            "layout": found[2],
            "optimizer": row["optimizer"],
            "power_limit_w": number(row["power_limit_w"]),
            "duration_s": number(row["duration_s"]),
            "samples_per_epoch": number(row["samples_per_epoch"]),
            "epochs": row["epochs"],
            "energy_j": number(row["gpu_energy_j"]),
            "energy_scope": "gpu",
            "mean_power_w": number(row["avg_power_w"]),
            "power_scope": "gpu",
            "note": row["dataset"],
        }


LAMBDA_GRAPHS = {
    "resnet50": ("torchvision:resnet50@224", "", "momentum"),
    "bert-base": ("bert:base-qa", "sequence=384", "adamw"),
    "bert-large": ("bert:large-qa", "sequence=384", "adamw"),
}
"""Graph, dimensions, and the optimizer of the training script, which the rows do not name."""


def from_rate(batch_size: str, samples_per_s: str) -> str:
    """Time in s of one pass of `batch_size` samples."""
    return number(str(float(batch_size) / float(samples_per_s)))


def lambda_benchmark(rows: Iterable[Row]) -> Iterator[Row]:
    """NVIDIA's training scripts on one card of each kind."""
    for row in rows:
        found = LAMBDA_GRAPHS.get(row["model"])
        known = row["batch_size_per_device"] and row["quality"] == "A"
        if not found or not known or float(row["num_devices"]) != 1:
            continue
        if row["model"] == "resnet50" and row["hardware"].startswith("b200"):
            continue  # no faster than a card with half its bandwidth: bound by the images
        yield origin(row) | {
            "family": family(row["model"]),
            "graph": found[0],
            "dims": found[1],
            "phase": "train",
            "optimizer": found[2],
            "step_time_s": from_rate(row["batch_size_per_device"], row["samples_per_s"]),
            "note": row["config_name"],
        }


def flopmetrics(rows: Iterable[Row]) -> Iterator[Row]:
    """Forward and backward of a language model, with the board's energy."""
    for row in rows:
        impossible = row["hardware"].startswith("a100") and row["precision"] == "fp32 (pure)"
        emulated = row["hardware"].startswith("v100") and row["precision"] == "bf16 (pure)"
        if impossible or emulated:
            continue
        yield origin(row) | {
            "quality": "C",
            "family": family(row["model"]),
            "graph": f"flopmetrics:{row['model']}",
            "dims": f"sequence={number(row['seq_len'])}",
            "phase": "forward_backward",
            "optimizer": "none",
            "duration_s": number(row["duration_s"]),
            "energy_j": number(row["gpu_energy_j"]),
            "energy_scope": "gpu",
            "mean_power_w": number(row["avg_power_w"]),
            "power_scope": "gpu",
            "note": "time of the profiler's kernels, which misses part of the forward pass",
        }
