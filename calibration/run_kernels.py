"""A sample of the measured kernels, spread over devices, operators and sizes.

The efficiency of a kernel against its size is fitted on it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

Row = dict[str, str]

COLUMNS = (
    "hardware",
    "op",
    "split",
    "batch",
    "m",
    "n",
    "k",
    "width",
    "in_channels",
    "out_channels",
    "kernel",
    "in_size",
    "stride",
    "padding",
    "latency_s",
    "source",
)
NAMES = {
    "B": "batch",
    "M": "m",
    "N": "n",
    "K": "k",
    "H": "width",
    "in_ch": "in_channels",
    "out_ch": "out_channels",
    "kernel": "kernel",
    "in_size": "in_size",
    "stride": "stride",
    "padding": "padding",
}
SHARES = {
    "bmm": (150, 40),
    "linear": (150, 40),
    "conv": (120, 0),
    "softmax": (45, 15),
    "ln": (45, 15),
}
ELEMENTWISE = (15, 6)
"""Rows of the train and of the test split of the source, for every device and operator."""


def _sizes(row: Row) -> tuple[float, float]:
    """Multiply-accumulates, or elements where there are none, and elements read and written."""
    value = {key: float(row[key] or 0) for key in NAMES}
    b, m, n, k = (value[key] for key in "BMNK")
    if row["op"] == "bmm":
        return b * m * n * k, b * (m * n + n * k + m * k)
    if row["op"] == "linear":
        return b * m * n * k, b * m * (n + k) + n * k
    if row["op"] == "conv":
        into, out, area = value["in_ch"], value["out_ch"], value["in_size"] ** 2
        window = value["kernel"] ** 2
        return b * into * out * area * window, b * area * (into + out) + into * out * window
    elements = b * value["H"]
    return elements, elements


def _order(row: Row) -> tuple[float, str]:
    """By what is done per element, and rows that agree in it by their text."""
    work, traffic = _sizes(row)
    return work / traffic, repr(sorted(row.items()))


def _evenly(rows: list[Row], count: int) -> list[Row]:
    if count >= len(rows):
        return rows
    return [rows[(2 * index + 1) * len(rows) // (2 * count)] for index in range(count)]


def spread(rows: Iterable[Row], count: int) -> list[Row]:
    """`count` rows, alike many of every size (in log space), in each of unlike proportions."""
    bins: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        bins[math.floor(math.log2(_sizes(row)[0]))].append(row)
    chosen: list[Row] = []
    # Small bins first: what they lack goes to the others.
    for left, (_, found) in zip(
        range(len(bins), 0, -1),
        sorted(bins.items(), key=lambda item: (len(item[1]), item[0])),
        strict=True,
    ):
        chosen += _evenly(sorted(found, key=_order), round((count - len(chosen)) / left))
    return sorted(chosen, key=lambda row: (*_sizes(row), *_order(row)))


def kernels(rows: Iterable[Row]) -> Iterator[Row]:
    """The sample, in our names and units."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["device"], row["op"], row["split"]].append(row)
    for (device, op, split), found in sorted(groups.items()):
        train, test = SHARES.get(op, ELEMENTWISE)
        share = train if split == "train" else test
        if (device, op, "train") not in groups:
            share = train + test
        for row in spread(found, share):
            yield {NAMES[key]: row[key] for key in NAMES} | {
                "hardware": device,
                "op": op,
                "split": split,
                "latency_s": f"{float(row['latency_ms']) / 1000:.6g}",
                "source": "neusight",
            }
