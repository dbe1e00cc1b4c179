"""The cells of the EC-NAS networks, found again from the hash that names them.

A cell of NAS-Bench-101 is an upper triangular matrix of edges between its vertices and an
operation for each inner vertex; its name is a hash that is the same for cells that are the same
graph (Ying et al., NAS-Bench-101, ICML 2019, https://arxiv.org/abs/1902.09635, section 2 and
``graph_util.hash_module`` of google-research/nasbench).  With five vertices at most there are
few enough to try them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")
LARGEST_VERTICES = 5
LARGEST_EDGES = 9
STEM_CHANNELS, STACKS, CELLS_PER_STACK, CLASSES = 128, 3, 3, 10
"""Of the network around the cell; each stack after the first doubles the channels."""

Matrix = tuple[tuple[int, ...], ...]
Cell = tuple[Matrix, tuple[int, ...]]
"""Edges (row to column), and the index in `OPERATIONS` of every inner vertex."""


def _digest(value: object) -> str:
    return hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest()


def cell_hash(cell: Cell) -> str:
    """The name of a cell: vertices' labels, mixed with their neighbours' once a vertex."""
    matrix, operations = cell
    columns = tuple(zip(*matrix, strict=True))
    # -1 and -2 are the labels of input and output.
    labels = (-1, *operations, -2)
    hashes = [
        _digest((sum(row), sum(column), label))
        for row, column, label in zip(matrix, columns, labels, strict=True)
    ]
    for _ in matrix:
        hashes = [
            _digest(
                "".join(sorted(h for h, edge in zip(hashes, column, strict=True) if edge))
                + "|"
                + "".join(sorted(h for h, edge in zip(hashes, row, strict=True) if edge))
                + "|"
                + own
            )
            for row, column, own in zip(matrix, columns, hashes, strict=True)
        ]
    return _digest(sorted(hashes))


def _matrices(vertices: int) -> Iterator[Matrix]:
    """Every matrix in which each vertex lies on a way from input to output."""
    places = [(i, j) for i in range(vertices) for j in range(i + 1, vertices)]
    for edges in product((0, 1), repeat=len(places)):
        there = {place for place, edge in zip(places, edges, strict=True) if edge}
        reached = all(any((i, j) in there for i in range(j)) for j in range(1, vertices))
        left = all(any(i == place[0] for place in there) for i in range(vertices - 1))
        if reached and left and len(there) <= LARGEST_EDGES:
            yield tuple(
                tuple(int((i, j) in there) for j in range(vertices)) for i in range(vertices)
            )


@cache
def cells() -> dict[str, tuple[Cell, ...]]:
    """Every cell of up to five vertices and nine edges, by name: one graph in all its orders."""
    found: dict[str, list[Cell]] = {}
    for vertices in range(2, LARGEST_VERTICES + 1):
        for matrix in _matrices(vertices):
            for operations in product(range(len(OPERATIONS)), repeat=vertices - 2):
                found.setdefault(cell_hash((matrix, operations)), []).append((matrix, operations))
    return {name: tuple(orders) for name, orders in found.items()}


def cell_channels(into: int, out: int, matrix: Matrix) -> list[int]:
    """Channels of every vertex: the output's are shared out among those that feed it.

    The first few take what division leaves; a vertex that feeds others only has the most of
    theirs (NAS-Bench-101, ``model_builder.compute_vertex_channels``).
    """
    last = len(matrix) - 1
    feeding = [v for v in range(1, last) if matrix[v][last]]
    channels = [into] + [0] * (last - 1) + [out]
    for place, vertex in enumerate(feeding):
        channels[vertex] = out // len(feeding) + (place < out % len(feeding))
    for vertex in range(last - 2, 0, -1):
        if not matrix[vertex][last]:
            channels[vertex] = max(
                channels[v] for v in range(vertex + 1, last) if matrix[vertex][v]
            )
    return channels


def _unit_parameters(into: int, out: int, size: int) -> int:
    """Of a convolution without bias, and its normalization's scale and shift."""
    return into * out * size * size + 2 * out


def _cell_parameters(cell: Cell, into: int, out: int) -> int:
    matrix, operations = cell
    channels = cell_channels(into, out, matrix)
    projected = sum(
        _unit_parameters(into, width, 1)
        for edge, width in zip(matrix[0][1:], channels[1:], strict=True)
        if edge
    )
    sizes = {"conv3x3": 3, "conv1x1": 1}
    return projected + sum(
        _unit_parameters(width, width, sizes[OPERATIONS[index]])
        for width, index in zip(channels[1:-1], operations, strict=True)
        if OPERATIONS[index] in sizes
    )


def network_parameters(cell: Cell) -> int:
    """Trainable parameters of the network around a cell: stem, nine cells, classifier."""
    widths = [STEM_CHANNELS << stack for stack in range(STACKS) for _ in range(CELLS_PER_STACK)]
    inner = sum(_cell_parameters(cell, *pair) for pair in pairwise([STEM_CHANNELS, *widths]))
    classifier = widths[-1] * CLASSES + CLASSES
    return _unit_parameters(3, STEM_CHANNELS, 3) + inner + classifier


def rebuilt(name: str, parameter_count: int) -> Cell | None:
    """The cell called `name` whose network has that many parameters; None if there is none.

    The order of the vertices decides who gets the channels that division leaves, and the hash
    does not tell orders apart; the parameters do, as far as it matters.
    """
    orders = cells().get(name, ())
    return next((cell for cell in orders if network_parameters(cell) == parameter_count), None)
