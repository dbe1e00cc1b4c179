"""Every case of onnx's own backend tests is audited: a profile or a typed error, and quickly.

The cases hold every operator in every form that the standard's authors thought of, with inputs
and what has to come out.  Inputs that only set something (axes, sizes, lengths: a vector or a
number behind the first input) are put into the file, as an exporter would.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import bound
from google.protobuf.message import DecodeError

from auditor.costs import has_formula
from auditor.errors import AuditError
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.profile import ProfileOptions, profile
from auditor.shapes import ShapedGraph, infer_shapes
from auditor.shapes.functions import expand_functions
from auditor.training import BatchNorm

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "real")
SECONDS = 2.0
COVERED_SHARE = 0.97
RIGHT_SHARE = 0.985
# Their first input is a size; behind it nothing else could be.
SIZED = ("range", "window", "constantofshape", "melweight")
LARGEST_SETTING = 64

# What is not covered, by a pattern of the case's name, and why.
UNCOVERED = {
    r"loop1[136]|sequence_map|range_.*_expanded": "a loop whose trips or states the data decides",
    r"range_bfloat16": "onnx folds no bfloat16",
    r"image_decoder": "decoding depends on the compressed bytes",
    r"optional|sequence|identity_opt": "an input that is a sequence or optional: --shape is for "
    "tensors",
    r"string_split|strnorm": "how many texts are left the data decides",
    r"gradient_of": "a derivative as an operator: the audit derives its own",
}
# How many elements come out depends on their values: at most as many as the shape says.
BOUNDED = re.compile(r"nonzero|unique|compress|nonmaxsuppression|string_split")


@dataclass(frozen=True)
class Case:
    """A model with a first set of inputs and outputs; None where there is none."""

    name: str
    model: onnx.ModelProto
    inputs: Mapping[str, Any]
    outputs: Sequence[Any]


@dataclass(frozen=True)
class Outcome:
    """What the audit of a case came to; `wrong` tells inferred shapes that are not so."""

    error: str = ""
    unknown: tuple[str, ...] = ()
    crash: str = ""
    seconds: float = 0.0
    checked: int = 0
    wrong: tuple[str, ...] = ()

    @property
    def covered(self) -> bool:
        return not (self.error or self.unknown or self.crash)


def node_cases() -> Iterator[Case]:
    from onnx.backend.test import loader

    for kind in KINDS:
        for case in loader.load_model_tests(kind=kind):
            if case.model is not None and case.data_sets:
                inputs, outputs = case.data_sets[0]
                names = [i.name for i in case.model.graph.input]
                yield Case(case.name, case.model, dict(zip(names, inputs, strict=False)), outputs)
            else:
                yield stored_case(case)


def stored_case(case: Any) -> Case:
    """A model in a folder with its tensors beside it, or one of the light models."""
    folder = Path(case.model_dir) if case.model_dir else None
    if folder is None or not (folder / "model.onnx").exists():
        path = Path(onnx.__file__).parents[1] / case.url
        return Case(case.name, onnx.load(path), {}, ())
    model = onnx.load(folder / "model.onnx")
    names = [i.name for i in model.graph.input]
    inputs = stored_tensors(folder, "input", len(names))
    outputs = stored_tensors(folder, "output", len(model.graph.output))
    return Case(case.name, model, dict(zip(names, inputs, strict=False)), outputs)


def stored_tensors(folder: Path, kind: str, count: int) -> list[Any]:
    found: list[Any] = []
    for index in range(count):
        path = folder / "test_data_set_0" / f"{kind}_{index}.pb"
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString(path.read_bytes())
            found.append(onnx.numpy_helper.to_array(tensor))
        except (OSError, TypeError, ValueError, DecodeError):
            found.append(None)  # left out, or no tensor
    return found


def array(given: Any) -> np.ndarray | None:
    """A tensor among the inputs, which some cases hold as a proto; None for lists of them."""
    if isinstance(given, onnx.TensorProto):
        return onnx.numpy_helper.to_array(given)
    return np.asarray(given) if isinstance(given, np.ndarray | np.generic) else None


def is_setting(case: str, index: int, given: np.ndarray) -> bool:
    if given.ndim > 1 or given.size > LARGEST_SETTING or given.dtype.kind not in "iufb":
        return False
    if index == 0:
        return any(word in case for word in SIZED)
    return not given.ndim or given.dtype.kind in "iu" or "resize" in case or "upsample" in case


def settled(case: Case) -> tuple[onnx.ModelProto, dict[str, tuple[int, ...]]]:
    """The model with its settings inside and nothing said of its outputs, and input shapes."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    stored = {i.name for i in model.graph.initializer}
    shapes = {}
    for index, (name, given) in enumerate(case.inputs.items()):
        value = array(given)
        if value is None or name in stored:
            continue
        if is_setting(case.name, index, value):
            model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
        else:
            shapes[name] = value.shape
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
    return model, shapes


def audited(case: Case) -> Outcome:
    model, shapes = settled(case)
    start = time.process_time()
    try:
        read, inputs = bound(model, 2, shapes=shapes)
        shaped = infer_shapes(read, inputs)
        expanded = expand_functions(shaped, read.opset_imports, has_formula)
        batch = max(1, inputs.graph_batch_size)  # some sizes here are zero; a plan refuses them
        options = ProfileOptions(
            batch_size=batch,
            graph_batch_size=batch,
            precision=precision("fp32"),
            optimizer=optimizer("sgd"),
            batch_norm=BatchNorm.AUTO,
        )
        found = profile(expanded, options)
    except AuditError as error:
        return Outcome(error=str(error))
    except Exception as error:  # noqa: BLE001  (that there is none is what is tested)
        return Outcome(crash=repr(error))
    seconds = time.process_time() - start
    unknown = tuple(f"{u.op_type}: {u.reason}" for u in found.unknown)
    checked, wrong = compared(case, shaped)
    return Outcome(unknown=unknown, seconds=seconds, checked=checked, wrong=wrong)


def compared(case: Case, shaped: ShapedGraph) -> tuple[int, tuple[str, ...]]:
    """Outputs whose shapes can be compared, and those that differ."""
    if BOUNDED.search(case.name):
        return 0, ()
    whole = len(shaped.outputs) == len(case.model.graph.output)
    made = {v.name: v for v in shaped.outputs}
    checked, wrong = 0, []
    for index, output in enumerate(case.model.graph.output[: len(case.outputs)]):
        value = array(case.outputs[index])
        if value is None:
            continue
        checked += 1
        # What a subgraph makes has a name of its own.
        found = shaped.outputs[index] if whole else made.get(output.name)
        shape = None if found is None else found.shape
        if shape != value.shape:
            wrong.append(f"{output.name}: {shape}, is {value.shape}")
    return checked, tuple(wrong)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what onnx's own cases compute, and deprecations
        try:
            cases = list(node_cases())
        except (ImportError, AttributeError, OSError) as error:
            pytest.skip(f"the installed onnx cannot load its own cases: {error!r}")
        return {case.name: audited(case) for case in cases}


def reason(name: str) -> str | None:
    return next((why for pattern, why in UNCOVERED.items() if re.search(pattern, name)), None)


def test_there_are_as_many_cases_as_are_expected(outcomes: dict[str, Outcome]) -> None:
    assert len(outcomes) > 1500


def test_every_case_gives_a_profile_or_a_typed_error(outcomes: dict[str, Outcome]) -> None:
    assert {n: o.crash for n, o in outcomes.items() if o.crash} == {}


def test_no_case_takes_long(outcomes: dict[str, Outcome]) -> None:
    slow = {n: o.seconds for n, o in outcomes.items() if o.seconds > SECONDS}
    assert slow == {}


def test_nearly_every_case_is_fully_covered(outcomes: dict[str, Outcome]) -> None:
    rest = {n: o for n, o in outcomes.items() if not o.covered}
    share = 1 - len(rest) / len(outcomes)
    sys.stdout.write(f"\n{share:.2%} of {len(outcomes)} cases are fully covered; the rest:\n")
    for name, outcome in rest.items():
        sys.stdout.write(f"  {name}: {outcome.error or '; '.join(outcome.unknown)}\n")
    assert share >= COVERED_SHARE


def test_every_case_that_is_not_covered_is_so_for_a_reason(outcomes: dict[str, Outcome]) -> None:
    rest = {n: o.error or o.unknown for n, o in outcomes.items() if not o.covered}
    assert {n: why for n, why in rest.items() if reason(n) is None} == {}


def test_inferred_shapes_are_those_that_come_out(outcomes: dict[str, Outcome]) -> None:
    checked = sum(o.checked for o in outcomes.values())
    wrong = {n: o.wrong for n, o in outcomes.items() if o.wrong}
    share = 1 - sum(map(len, wrong.values())) / checked
    sys.stdout.write(f"\n{share:.2%} of {checked} output shapes are right; the rest: {wrong}\n")
    assert share >= RIGHT_SHARE
