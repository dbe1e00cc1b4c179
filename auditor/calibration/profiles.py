"""The kernels of the networks whose training was measured, as tables: a refit needs no graph."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auditor.costs import Family
from auditor.errors import CalibrationError
from auditor.reading import read_limited, unpacked
from auditor.step.kernels import Floats, Kernels

NETWORK_COLUMNS = (
    "graph",
    "dims",
    "trained_parameter_count",
    "trained_tensor_count",
    "product_parameter_count",
)
KERNEL_COLUMNS = (
    "graph",
    "dims",
    "family",
    "count",
    "forward_macs",
    "backward_macs",
    "forward_other_flops",
    "backward_other_flops",
    "forward_batch_bytes",
    "backward_batch_bytes",
    "forward_weight_bytes",
    "backward_weight_bytes",
    "forward_launches",
    "backward_launches",
    "contraction",
    "element_bytes",
    "keeps_fp32",
)
LARGEST_BYTES = 200_000_000  # ours unpack to a tenth of that
_PAIRS = ("macs", "other_flops", "batch_bytes", "weight_bytes", "launches")
# So that families stand in the order of the enumeration, not of the file.
_ORDER = {family.value: index for index, family in enumerate(Family)}


@dataclass(frozen=True, slots=True)
class Network:
    """A network by its key in the tables, its open dimensions bound, at a batch of one."""

    graph: str
    dims: str
    kernels: Kernels


def write_networks(folder: Path, networks: Iterable[Network]) -> None:
    """Write ``networks.csv`` and ``profiles.csv.gz``, the same bytes for the same networks."""
    ordered = sorted(networks, key=lambda n: (n.graph, n.dims))
    heads, rows = io.StringIO(), io.StringIO()
    head, row = csv.writer(heads, lineterminator="\n"), csv.writer(rows, lineterminator="\n")
    head.writerow(NETWORK_COLUMNS)
    row.writerow(KERNEL_COLUMNS)
    for network in ordered:
        k = network.kernels
        counts = (k.trained_parameter_count, k.trained_tensor_count, k.product_parameter_count)
        head.writerow((network.graph, network.dims, *counts))
        for alike, count in sorted(_alike(k).items(), key=lambda a: (_ORDER[a[0][0]], a[0][1:])):
            family, *numbers = alike
            row.writerow((network.graph, network.dims, family, count, *numbers))
    (folder / "networks.csv").write_text(heads.getvalue(), encoding="utf-8")
    (folder / "profiles.csv.gz").write_bytes(
        gzip.compress(rows.getvalue().encode(), compresslevel=9, mtime=0)
    )


def _alike(kernels: Kernels) -> Counter[tuple[str, ...]]:
    pairs = [getattr(kernels, name) for name in _PAIRS]
    columns = [part[:, turn] for part in pairs for turn in (0, 1)]
    columns += [kernels.contraction, kernels.element_bytes, kernels.keeps_fp32]
    return Counter(zip(kernels.families, *(map(_written, c) for c in columns), strict=True))


def _written(number: float) -> str:
    return f"{float(number):.9g}"


def read_networks(folder: Path) -> Mapping[tuple[str, str], Kernels]:
    """Read both tables, by key and dimensions.

    Raises:
        CalibrationError: a table is missing or not of this form.
    """
    try:
        heads = list(_rows(read_limited(folder / "networks.csv", LARGEST_BYTES)))
        packed = read_limited(folder / "profiles.csv.gz", LARGEST_BYTES)
        rows = list(_rows(unpacked(packed, LARGEST_BYTES)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CalibrationError(f"{folder}: the networks' tables cannot be read: {error}") from error
    grouped: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        grouped.setdefault((row["graph"], row["dims"]), []).append(row)
    try:
        return {
            (head["graph"], head["dims"]): _kernels(head, grouped[head["graph"], head["dims"]])
            for head in heads
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CalibrationError(
            f"{folder}: the networks' tables do not fit together: {error}; make them again"
        ) from error


def _rows(data: bytes) -> Iterator[Mapping[str, str]]:
    return csv.DictReader(io.StringIO(data.decode("utf-8")), strict=True)


def _kernels(head: Mapping[str, str], rows: list[Mapping[str, str]]) -> Kernels:
    count = np.array([float(r["count"]) for r in rows])

    def pair(name: str) -> Floats:
        both = [[float(r[f"forward_{name}"]), float(r[f"backward_{name}"])] for r in rows]
        found: Floats = np.array(both) * count[:, None]
        return found

    return Kernels(
        families=tuple(r["family"] for r in rows),
        macs=pair("macs"),
        other_flops=pair("other_flops"),
        batch_bytes=pair("batch_bytes"),
        weight_bytes=pair("weight_bytes"),
        launches=pair("launches"),
        contraction=np.array([float(r["contraction"]) for r in rows]),
        element_bytes=np.array([float(r["element_bytes"]) for r in rows]),
        keeps_fp32=np.array([float(r["keeps_fp32"]) > 0 for r in rows]),
        batch_size=1,
        trained_parameter_count=int(head["trained_parameter_count"]),
        trained_tensor_count=int(head["trained_tensor_count"]),
        product_parameter_count=int(head["product_parameter_count"]),
    )
