"""A file that is not here, read a range at a time: what the walk looks at, and no more.

The walk reads heads of fields and jumps over weights, so it asks for little at places far apart,
and for much in one go where the graph stands.  Ranges start small and double as long as one
follows the other; a jump makes them small again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

# Start (included) and end (left out) of a range to its bytes.
Fetch = Callable[[int, int], bytes]

BLOCK_BYTES = 4096
MOST_BYTES = 1 << 20


class RangeError(OSError):
    """A range came back with another length than was asked for."""


class Ranges:
    """Bytes of `size` behind a function that fetches ranges of them.

    Indexed and sliced as `bytes` are, with steps of one.  What was fetched stays: it is what an
    audit keeps.  `read_bytes` and `requests` count what was fetched.
    """

    def __init__(self, size: int, fetch: Fetch) -> None:
        self.size = size
        self.read_bytes = 0
        self.requests = 0
        self._fetch = fetch
        self._blocks: dict[int, bytes] = {}
        self._next_block = -1
        self._ahead = 1

    def __len__(self) -> int:
        """All bytes, fetched or not."""
        return self.size

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> bytes: ...

    def __getitem__(self, at: int | slice) -> int | bytes:
        """Return one byte as a number, or those of a slice."""
        if isinstance(at, int):
            if not 0 <= at < self.size:
                raise IndexError(at)
            return self._block(at // BLOCK_BYTES)[at % BLOCK_BYTES]
        start, stop, _ = at.indices(self.size)
        if stop <= start:
            return b""
        first, last = start // BLOCK_BYTES, (stop - 1) // BLOCK_BYTES
        found = b"".join(self._block(index) for index in range(first, last + 1))
        return found[start - first * BLOCK_BYTES : stop - first * BLOCK_BYTES]

    def _block(self, index: int) -> bytes:
        if index not in self._blocks:
            self._read_from(index)
        return self._blocks[index]

    def _read_from(self, index: int) -> None:
        """Fetch a block, and more after it where the last fetch ended just before."""
        follows = index == self._next_block
        self._ahead = min(2 * self._ahead, MOST_BYTES // BLOCK_BYTES) if follows else 1
        count = 1
        while count < self._ahead and index + count not in self._blocks:
            count += 1
        start, stop = index * BLOCK_BYTES, min((index + count) * BLOCK_BYTES, self.size)
        data = self._fetch(start, stop)
        if len(data) != stop - start:
            raise RangeError(
                f"{len(data)} bytes came for the {stop - start} from {start} on: it does not serve "
                "ranges, or changed meanwhile"
            )
        self.requests += 1
        self.read_bytes += len(data)
        for place in range(count):
            self._blocks[index + place] = data[place * BLOCK_BYTES : (place + 1) * BLOCK_BYTES]
        self._next_block = index + count
