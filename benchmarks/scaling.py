"""How time and memory of an audit grow: ``python -m benchmarks.scaling [NODES ...] [--form FORM]``.

For every form of graph and every number of nodes: seconds, seconds a node, and the peak of memory
as a multiple of the file, each audit in a process of its own.  A graph that is twice as large
takes about twice as long, whatever its form; `tests/hostile/test_scaling.py` holds that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OPSET = 22
SIZES = (10_000, 100_000)
MAX_FUNCTION_NODES = 10_000
_AUDIT = """
import json, sys, time
from pathlib import Path
from auditor.pipeline import Request, audit
from auditor.workload import Plan
plan = Plan(samples=1000.0, batch_size=2, hardware="a100-sxm4-80gb")
def peak_kb():
    # Not getrusage, which begins with what the parent had.
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])
import auditor.shapes.functions, onnx.inliner
idle = peak_kb()
start = time.process_time()
found = audit(Request(path=Path(sys.argv[1]), plan=plan))
seconds = time.process_time() - start
peak = peak_kb()
print(json.dumps([seconds, (peak - idle) * 1024, found.profile.node_count]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One audit: processor seconds, and memory beyond the process's own before it."""

    form: str
    node_count: int
    file_bytes: int
    seconds: float
    memory_bytes: int

    @property
    def memory_multiple(self) -> float:
        """Peak memory as a multiple of the file."""
        return self.memory_bytes / self.file_bytes


def _tensor(name: str, *dims: int) -> TensorProto:
    made = TensorProto(name=name, data_type=FLOAT, dims=dims)
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value="scaling.weights")
    return made


def _info(name: str, dims: Sequence[int | str] = (2, 64), kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, dims)


def _node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    return helper.make_node(op_type, inputs, outputs, **attributes)


def _model(
    nodes: Sequence[NodeProto],
    outputs: Sequence[str],
    weights: Sequence[TensorProto] = (),
    functions: Sequence[FunctionProto] = (),
) -> ModelProto:
    infos = [helper.make_empty_tensor_value_info(o) for o in outputs]
    graph = helper.make_graph(nodes, "scaling", [_info("x")], infos, list(weights))
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, functions=functions)


def _line(count: int) -> list[NodeProto]:
    return [_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(count)]


def chain(count: int) -> ModelProto:
    """One operator after the other."""
    return _model(_line(count), [f"v{count}"])


def backwards(count: int) -> ModelProto:
    """The same, the last operator first in the file."""
    return _model(_line(count)[::-1], [f"v{count}"])


def residual(count: int) -> ModelProto:
    """Every operator adds what the one before it read: many values are read twice."""
    names = ["x", "x", *(f"v{i}" for i in range(count))]
    nodes = [_node("Add", [names[i], names[i + 1]], [names[i + 2]]) for i in range(count)]
    return _model(nodes, [names[-1]])


def fan_out(count: int) -> ModelProto:
    """One value that half of the operators read, and one operator that reads what they make."""
    made = [f"v{i}" for i in range(count)]
    nodes = [_node("Relu", ["x"], [name]) for name in made]
    return _model([*nodes, _node("Concat", made, ["y"], axis=0)], ["y"])


def many_outputs(count: int) -> ModelProto:
    """As many outputs of the graph as operators."""
    made = [f"v{i}" for i in range(count)]
    return _model([_node("Relu", ["x"], [name]) for name in made], made)


def split(count: int) -> ModelProto:
    """One operator of many outputs, each of which is read."""
    made = [f"v{i}" for i in range(count)]
    big = _node("Concat", ["x"] * count, ["big"], axis=0)
    cut = _node("Split", ["big"], made, axis=0, num_outputs=count)
    return _model([big, cut, *(_node("Relu", [m], [m + "r"]) for m in made)], [made[-1] + "r"])


def operands(count: int) -> ModelProto:
    """One operator of as many inputs, multiplied one after the other."""
    equation = ",".join(["ab"] * count) + "->ab"
    return _model([_node("Einsum", ["x"] * count, ["y"], equation=equation)], ["y"])


def weights(count: int) -> ModelProto:
    """A weight for each operator."""
    names = ["x", *(f"v{i}" for i in range(count))]
    nodes = [_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(count)]
    return _model(nodes, [names[-1]], [_tensor(f"w{i}", 64, 64) for i in range(count)])


def rotations(count: int) -> ModelProto:
    """Sums of products with arranged constants, one after the other: what a rotation looks like."""
    nodes: list[NodeProto] = []
    for i in range(count // 4):
        at = f"v{i}" if i else "x"
        nodes += [
            _node("Transpose", [at], [f"t{i}"], perm=[0, 1]),
            _node("Mul", [f"t{i}", "w"], [f"a{i}"]),
            _node("Mul", [at, "w"], [f"b{i}"]),
            _node("Add", [f"a{i}", f"b{i}"], [f"v{i + 1}"]),
        ]
    return _model(nodes, [f"v{count // 4}"], [_tensor("w", 2, 64)])


def arranged(count: int) -> ModelProto:
    """A long chain that only arranges, compared at every step."""
    nodes: list[NodeProto] = []
    for i in range(count // 2):
        at = f"v{i}" if i else "w"
        nodes += [
            _node("Transpose", [at], [f"v{i + 1}"], perm=[1, 0]),
            _node("Less", [at, "x1"], [f"c{i}"]),
        ]
    first = _node("ReduceSum", ["x"], ["x1"])
    return _model([first, *nodes], ["x1"], [_tensor("w", 64, 64)])


def _branch(name: str, source: str) -> GraphProto:
    made = helper.make_empty_tensor_value_info(name)
    return helper.make_graph([_node("Relu", [source], [name])], name, [], [made])


def branches(count: int) -> ModelProto:
    """Choices by the data, one after the other, each with two subgraphs."""
    nodes = [_node("ReduceMax", ["x"], ["m"], keepdims=0), _node("Cast", ["m"], ["c"], to=BOOL)]
    for i in range(count // 3):
        at = f"v{i}" if i else "x"
        both = {"then_branch": _branch(f"t{i}", at), "else_branch": _branch(f"e{i}", at)}
        nodes.append(_node("If", ["c"], [f"v{i + 1}"], **both))
    return _model(nodes, [f"v{count // 3}"])


def nested(count: int) -> ModelProto:
    """Nests of choices 20 deep: protobuf allows 33."""
    nodes = [_node("ReduceMax", ["x"], ["m"], keepdims=0), _node("Cast", ["m"], ["c"], to=BOOL)]
    for i in range(count // 40):
        then = _branch(f"n{i}.0", "x")
        for depth in range(1, 20):
            name = f"n{i}.{depth}"
            both = {"then_branch": then, "else_branch": _branch(name + "e", "x")}
            made = helper.make_empty_tensor_value_info(name)
            then = helper.make_graph([_node("If", ["c"], [name], **both)], name, [], [made])
        both = {"then_branch": then, "else_branch": _branch(f"n{i}.e", "x")}
        nodes.append(_node("If", ["c"], [f"v{i}"], **both))
    return _model(nodes, [f"v{count // 40 - 1}"])


def functions(count: int) -> ModelProto:
    """As many functions as calls, each of one operator."""
    imports = [helper.make_opsetid("", OPSET)]
    made = [
        helper.make_function("own", f"f{i}", ["a"], ["b"], [_node("Relu", ["a"], ["b"])], imports)
        for i in range(count)
    ]
    calls = [
        _node(f"f{i}", [f"v{i}" if i else "x"], [f"v{i + 1}"], domain="own") for i in range(count)
    ]
    return _model(calls, [f"v{count}"], functions=made)


def unknown(count: int) -> ModelProto:
    """Operators that nobody knows, whose shapes only what reads them could tell."""
    nodes = [
        _node("Odd" if i % 2 else "Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"], domain=d)
        for i in range(count)
        for d in ["own" if i % 2 else ""]
    ]
    return _model(nodes, [f"v{count}"])


FORMS: Mapping[str, Callable[[int], ModelProto]] = {
    made.__name__: made
    for made in (
        chain, backwards, residual, fan_out, many_outputs, split, operands, weights, rotations,
        arranged, branches, nested, functions, unknown,
    )
}  # fmt: skip


def scaled(form: str, count: int) -> Scaled:
    """Audit a graph of one form and about that many nodes, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(FORMS[form](count).SerializeToString())
        done = subprocess.run(
            [sys.executable, "-c", _AUDIT, str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{form} of {count}: {done.stderr.strip().splitlines()[-1]}")
        seconds, memory_bytes, node_count = json.loads(done.stdout)
        return Scaled(
            form=form,
            node_count=int(node_count),
            file_bytes=path.stat().st_size,
            seconds=float(seconds),
            memory_bytes=int(memory_bytes),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--form", choices=FORMS, action="append")
    given = parser.parse_args()
    print(f"{'form':14} {'nodes':>9} {'seconds':>8} {'us/node':>8} {'MB':>7} {'x file':>7}")
    for form in given.form or FORMS:
        for count in given.nodes:
            if form == "functions" and count > MAX_FUNCTION_NODES:
                continue
            found = scaled(form, count)
            each_us = 1e6 * found.seconds / count
            memory_mb = found.memory_bytes / 1e6
            print(
                f"{form:14} {count:9} {found.seconds:8.2f} {each_us:8.1f} {memory_mb:7.0f} "
                f"{found.memory_multiple:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
