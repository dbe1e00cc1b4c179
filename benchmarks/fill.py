"""Give a structure-only graph weights again: inside the file, or in a data file beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import onnx
from onnx import TensorProto


def tensor_bytes(tensor: TensorProto) -> int:
    """Size of a tensor's raw data."""
    count = 1
    for dim in tensor.dims:
        count *= dim
    return count * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def fill_inside(source: Path, target: Path) -> None:
    """Write `target` with random weights in the file itself."""
    model = onnx.load(source, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
            tensor.raw_data = os.urandom(tensor_bytes(tensor))
    target.write_bytes(model.SerializeToString())


def fill_beside(source: Path, target: Path) -> None:
    """Write `target` with all its weights in one data file, as large as it is declared.

    The data file is sparse: its size is real, its blocks are not.
    """
    model = onnx.load(source, load_external_data=False)
    offset = 0
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            size = tensor_bytes(tensor)
            del tensor.external_data[:]
            for key, value in (("location", f"{target.name}.data"), ("offset", offset)):
                tensor.external_data.add(key=key, value=str(value))
            tensor.external_data.add(key="length", value=str(size))
            offset += size
    target.write_bytes(model.SerializeToString())
    with Path(f"{target}.data").open("wb") as file:
        file.truncate(offset)


if __name__ == "__main__":
    how, source_path, target_path = sys.argv[1:]
    {"inside": fill_inside, "beside": fill_beside}[how](Path(source_path), Path(target_path))
