"""A file on disk, read as far as an audit looks at it."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import ModelLoadError
from auditor.reading import opened
from auditor.wire.ranges import Ranges
from auditor.wire.walk import WireError, without_weights

EXPORT_HINT = "export the model to ONNX (torch.onnx.export, tf2onnx, ...) and pass that file"


@dataclass(frozen=True, slots=True)
class Header:
    """A serialized ModelProto without large payloads, and the size of the file it is of."""

    data: bytes
    file_bytes: int

    @property
    def sha256(self) -> str:
        """Hash (hex) of all that an audit depends on; the values of weights are no part of it."""
        return hashlib.sha256(b"%d:" % self.file_bytes + self.data).hexdigest()


def read_header(path: Path) -> Header:
    """Read the file at `path` past its weights, over a memory map.

    Raises:
        ModelLoadError: no such file, an empty one, or its bytes are not a protobuf message.
    """
    try:
        with opened(path) as file:
            file_bytes = os.fstat(file.fileno()).st_size
            if file_bytes == 0:
                raise ModelLoadError(f"{path}: the file is empty; {EXPORT_HINT}")
            # Not closed by hand: where the walk fails, its frames still hold views of the map.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return Header(without_weights(memoryview(mapped), _release(mapped)), file_bytes)
    except WireError as error:
        raise _no_model(path, error) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelLoadError(f"{path}: cannot be read: {reason}; check the path") from error


def header_of(data: Ranges, name: str) -> Header:
    """Read a file that is elsewhere past its weights; `name` is what an error calls it.

    Raises:
        ModelLoadError: it is empty, or its bytes are not a protobuf message.
        OSError: a range does not come, or not whole.
    """
    if not data.size:
        raise ModelLoadError(f"{name}: the file is empty; {EXPORT_HINT}")
    try:
        return Header(without_weights(data), data.size)
    except WireError as error:
        raise _no_model(name, error) from error


def _no_model(name: Path | str, error: WireError) -> ModelLoadError:
    return ModelLoadError(
        f"{name}: not an ONNX model, or a truncated one ({error}); "
        "check the download or export it again"
    )


def _release(mapped: mmap.mmap) -> Callable[[], None] | None:
    """Let the system take back the pages read so far: skipping weights maps more than it reads."""
    advice = getattr(mmap, "MADV_DONTNEED", None)
    return None if advice is None else lambda: mapped.madvise(advice)
