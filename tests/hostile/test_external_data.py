"""Weights outside the model's file: never opened by an audit, by a run only below its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import constant, graph, model, node, value
from onnx import AttributeProto, ModelProto, SparseTensorProto, TensorProto, helper

from auditor.errors import ModelLoadError
from auditor.measure import external
from auditor.measure.weights import runnable

posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and folders' descriptors")
ELEMENTS = np.arange(32, dtype=np.float32).reshape(4, 8)

# Every file that a process opens, as Python sees it, after the imports.
_RECORD = """
import json, sys
from pathlib import Path
sys.path[:0] = ["tests", "tests/hostile"]
from auditor.pipeline import Request, audit
from hostile_models import PLAN
opened = []
def note(event, args):
    watched = ("open", "os.listdir", "os.scandir")
    if event in watched and isinstance(args[0], (str, bytes)):
        opened.append(os.fsdecode(args[0]))
import os
sys.addaudithook(note)
audit(Request(path=Path(sys.argv[1]), plan=PLAN))
print(json.dumps(opened))
"""


def stored(name: str, location: str) -> TensorProto:
    made = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4, 8])
    made.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "0"), ("length", "128")):
        made.external_data.add(key=key, value=text)
    return made


def saved(folder: Path, location: str = "w.bin") -> Path:
    folder.mkdir(exist_ok=True)
    made = model([node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 4])], ["y"])
    made.graph.initializer.append(stored("w", location))
    path = folder / "net.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@posix
@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "absent", "outside"])
def test_a_static_audit_opens_the_model_and_its_own_tables_only(tmp_path: Path, kind: str) -> None:
    path, beside = saved(tmp_path / "m"), tmp_path / "m" / "w.bin"
    if kind == "file":
        beside.write_bytes(ELEMENTS.tobytes())
    elif kind == "folder":
        beside.mkdir()
    elif kind == "pipe":
        os.mkfifo(beside)  # who opens it waits for ever
    elif kind == "outside":
        path = saved(tmp_path / "m", "/etc/passwd")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _RECORD, str(path)],
        cwd=root, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    own = (str(root), *map(os.path.realpath, (sys.prefix, sys.base_prefix)), sys.prefix)
    others = [name for name in json.loads(done.stdout) if not name.startswith(own)]
    assert others == [str(path)]


def everywhere() -> dict[str, Callable[[ModelProto, TensorProto], None]]:
    """Places of a model in which a tensor may stand."""

    def attribute(made: ModelProto, **fields: Any) -> None:
        made.graph.node.add(op_type="Odd", domain="own", name="odd").attribute.append(
            AttributeProto(name="a", **fields)
        )

    def subgraph(made: ModelProto, tensor: TensorProto) -> None:
        inner = graph([node("Identity", ["w"], ["o"])], [], ["o"], [tensor])
        attribute(made, type=AttributeProto.GRAPH, g=inner)

    def function(made: ModelProto, tensor: TensorProto) -> None:
        body = [helper.make_node("Constant", [], ["b"], value=tensor)]
        imports = [helper.make_opsetid("", 22)]
        made.functions.append(helper.make_function("own", "f", ["a"], ["b"], body, imports))
        made.graph.node.append(helper.make_node("f", ["x"], ["z"], domain="own"))

    def sparse(tensor: TensorProto) -> SparseTensorProto:
        return SparseTensorProto(
            values=tensor, indices=onnx.numpy_helper.from_array(np.zeros(1, np.int64)), dims=[4]
        )

    return {
        "initializer": lambda made, t: made.graph.initializer.append(t),
        "sparse initializer": lambda made, t: made.graph.sparse_initializer.append(sparse(t)),
        "attribute": lambda made, t: attribute(made, type=AttributeProto.TENSOR, t=t),
        "untyped attribute": lambda made, t: attribute(made, type=AttributeProto.INT, t=t),
        "list": lambda made, t: attribute(made, type=AttributeProto.TENSORS, tensors=[t]),
        "sparse attribute": lambda made, t: attribute(
            made, type=AttributeProto.SPARSE_TENSOR, sparse_tensor=sparse(t)
        ),
        "subgraph": subgraph,
        "function": function,
    }


@pytest.mark.parametrize("place", everywhere())
def test_wherever_a_tensor_stands_it_is_not_opened_outside(tmp_path: Path, place: str) -> None:
    made = model([node("Relu", ["x"], ["y"])], [value("x", [2, 4])], ["y"], [constant("k", [1])])
    made.opset_import.add(domain="own", version=1)
    everywhere()[place](made, stored("w", "../secret.bin"))
    (tmp_path / "m").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(128))
    path = tmp_path / "m" / "net.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.raises(ModelLoadError, match="outside the model's folder and not opened"):
        runnable(path, {})


def test_what_runs_names_no_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "m")
    (tmp_path / "m" / "w.bin").write_bytes(ELEMENTS.tobytes())
    found = runnable(path, {})
    assert found.weights["w"].tolist() == ELEMENTS.tolist()
    assert b"w.bin" not in found.serialized


@posix
def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    path = saved(tmp_path / "m")
    (tmp_path / "m" / "real.bin").write_bytes(ELEMENTS.tobytes())
    (tmp_path / "m" / "w.bin").symlink_to("real.bin")
    assert runnable(path, {}).weights["w"].tolist() == ELEMENTS.tolist()


@posix
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_put_in_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = saved(tmp_path / "m", "d/w.bin")
    inside, outside = tmp_path / "m" / "d", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "w.bin").write_bytes(bytes(128))
    plain = os.open

    def swapping(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        # The first opening is that of the model's folder: all has been checked by then.
        if name == "d":
            if what == "folder":
                inside.rename(tmp_path / "gone")
                inside.symlink_to(outside)
            else:
                (inside / "w.bin").unlink()
                (inside / "w.bin").symlink_to(outside / "w.bin")
        return plain(name, flags, *rest, **more)

    monkeypatch.setattr(external.os, "open", swapping)
    monkeypatch.setattr(external.os, "supports_dir_fd", {swapping})
    with pytest.raises(ModelLoadError, match="outside the model's folder"):
        runnable(path, {})


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path, beside = saved(tmp_path / "m"), tmp_path / "m" / "w.bin"
    if kind == "pipe":
        os.mkfifo(beside)
    else:
        beside.mkdir()
    with pytest.raises(ModelLoadError, match=r"no plain file|cannot be read"):
        runnable(path, {})


def test_a_length_that_is_not_that_of_the_shape(tmp_path: Path) -> None:
    path = saved(tmp_path / "m")
    made = onnx.load(path, load_external_data=False)
    made.graph.initializer[0].dims[0] = 2**40
    path.write_bytes(made.SerializeToString())
    with pytest.raises(ModelLoadError, match="should have 35184372088832 bytes by their shape"):
        runnable(path, {})  # 2^40 x 8 x 4 bytes
