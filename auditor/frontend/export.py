"""From a network to an ONNX file of its structure, in a folder that is deleted again.

The network is exported as it is trained: in training mode, with its normalization and its
dropout in the graph.  torch.onnx's own optimization would fold the normalization away, so
it is off; of what it does only the folding of constants is done here, and that never to
parameters.  No weight is written: the file refers to values that do not exist.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from onnxscript import optimizer

from auditor.errors import ModelLoadError
from auditor.frontend.call import Call, make_call
from auditor.frontend.descriptors import stdout_to_nowhere
from auditor.frontend.inputs import InputSpec, shared_batch_size
from auditor.frontend.network import USER_ERRORS, first_line
from auditor.frontend.record import Export
from auditor.frontend.target import Target

_BATCH = "batch"
# torch.export takes a size of 1 for a constant, so an open batch is traced at 2.
_LEAST_OPEN_BATCH_SIZE = 2
_KEPT_BYTES = 8192
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to export."""

    exporter: str
    training: bool
    batch_open: bool

    def __str__(self) -> str:
        mode = "training" if self.training else "evaluation"
        batch = "open" if self.batch_open else "fixed"
        return f"{self.exporter} exporter, {mode} mode, {batch} batch"


# The best first.  Every step down is said in the report.
_ATTEMPTS = (
    _Attempt("dynamo", True, True),
    _Attempt("dynamo", True, False),
    _Attempt("dynamo", False, True),
    _Attempt("dynamo", False, False),
    _Attempt("TorchScript", True, True),
    _Attempt("TorchScript", True, False),
)


@contextlib.contextmanager
def exported(network: Any, target: Target, specs: Sequence[InputSpec]) -> Iterator[Export]:
    """Export `network` for as long as the context lasts.

    Raises:
        PlanError: ``forward`` does not take these inputs.
        ModelLoadError: the network fails on them, or cannot be exported.
    """
    with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
        yield _export(network, target, specs, Path(folder) / "network.onnx")


def _export(network: Any, target: Target, specs: Sequence[InputSpec], path: Path) -> Export:
    batch_size = shared_batch_size(specs)
    failures: dict[_Attempt, BaseException] = {}
    for attempt in _ATTEMPTS:
        if attempt.batch_open and batch_size is None:
            continue
        traced = max(batch_size or 0, _LEAST_OPEN_BATCH_SIZE) if attempt.batch_open else None
        call = make_call(network, target, specs, traced)
        network.train(attempt.training)
        try:
            with quietly():
                if attempt.exporter == "dynamo":
                    _write_dynamo(network, call, attempt.batch_open, path)
                else:
                    _write_torchscript(network, call, attempt.batch_open, path)
        except USER_ERRORS as error:
            if not failures:
                _require_it_runs(network, target, make_call(network, target, specs))
            failures[attempt] = error
            continue
        return Export(
            path=path,
            training=attempt.training,
            batch_open=attempt.batch_open,
            parameter_count=sum(p.numel() for p in network.parameters()),
            buffers=_buffers(network),
            notes=(_note(attempt, specs),),
            warnings=_warnings(attempt, failures, batch_size, network),
        )
    # The easiest of the exporter that should do it: an open batch may be one more obstacle.
    failure = failures[_Attempt("dynamo", True, False)]
    raise ModelLoadError(
        f"{target}: torch.onnx.export failed: {first_line(failure)}; change what it names, or "
        "export the network yourself and audit the file"
    ) from failure


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        stdout_to_nowhere(),
    ):
        yield


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep torch's warnings, log lines and dumps to itself; its failures are exceptions."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), _unseen():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _require_it_runs(network: Any, target: Target, call: Call) -> None:
    """Tell a network that cannot run on these inputs from one that cannot be exported.

    Raises:
        ModelLoadError: it cannot run.
    """
    network.eval()
    try:
        with torch.no_grad(), quietly():
            network(*call.args, **call.kwargs)
    except USER_ERRORS as error:
        shapes = ", ".join("x".join(map(str, t.shape)) for t in call.tensors())
        raise ModelLoadError(
            f"{target}: the network fails on inputs of {shapes}: {first_line(error)}; check --input"
        ) from error


def _write_dynamo(network: Any, call: Call, batch_open: bool, path: Path) -> None:
    spec = {0: _BATCH} if batch_open else {}
    program = torch.onnx.export(
        network,
        call.args,
        kwargs=dict(call.kwargs),
        dynamo=True,
        verbose=False,
        optimize=False,
        dynamic_shapes=_like(call.arguments, spec) if batch_open else None,
    )
    model = program.model
    _drop_made_biases(model)
    optimizer.fold_constants(model, should_fold=_may_be_folded)
    optimizer.remove_unused_nodes(model)
    _leave_out_weights(model)
    onnx_ir.save(model, path)


def _like(arguments: Mapping[str, Any], spec: dict[int, str]) -> dict[str, Any]:
    """The same for every tensor, in the structure of the bound arguments."""

    def of(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(of, value))
        return {k: of(v) for k, v in value.items()} if isinstance(value, dict) else dict(spec)

    return {name: of(value) for name, value in arguments.items()}


def _drop_made_biases(model: Any) -> None:
    """Remove the zeros that the exporter gives to a convolution that has no bias.

    Folded to a constant they would look like a parameter.
    """
    for node in model.graph:
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if node.op_type in _CONVOLUTIONS and bias is not None:
            maker = bias.producer()
            if maker is not None and maker.op_type == "Expand":
                node.replace_input_with(2, None)


def _may_be_folded(node: Any) -> bool | None:
    """Refuse what would change a parameter, or look like one; else as by default.

    That is a table cut or gathered, and an array of floats made on the way (a state of zeros).
    """
    read = any(v is not None and v.is_initializer() and _is_float_array(v) for v in node.inputs)
    return False if read or any(map(_is_float_array, node.outputs)) else None


def _is_float_array(value: Any) -> bool:
    """Whether it is of floats and more than one number, as far as that is known."""
    if value.dtype is None or not value.dtype.is_floating_point():
        return False
    shape = value.shape
    return shape is None or any(size != 1 for size in shape)


def _leave_out_weights(model: Any) -> None:
    """Replace every tensor that is not small by one that only says its type and shape."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.size <= 1:
            continue
        if tensor.dtype.is_floating_point() or tensor.nbytes > _KEPT_BYTES:
            value.const_value = onnx_ir.ExternalTensor(
                "weights-are-not-written",
                0,
                tensor.nbytes,
                tensor.dtype,
                shape=tensor.shape,
                name=value.name,
            )


def _write_torchscript(network: Any, call: Call, batch_open: bool, path: Path) -> None:
    names = [f"input_{i}" for i in range(len(call.args))] + list(call.kwargs)
    torch.onnx.export(
        network,
        call.args,
        str(path),
        kwargs=dict(call.kwargs),
        dynamo=False,
        verbose=False,
        input_names=names,
        dynamic_axes={name: {0: _BATCH} for name in names} if batch_open else None,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )


def _buffers(network: Any) -> tuple[str, ...]:
    return tuple(
        name
        for name, buffer in network.named_buffers()
        if buffer.is_floating_point()
        and buffer.numel() > 1
        and name.rpartition(".")[2] not in ("running_mean", "running_var")
    )


def _note(attempt: _Attempt, specs: Sequence[InputSpec]) -> str:
    return (
        f"the graph is torch {torch.__version__}'s export of the network ({attempt}), traced "
        f"with {', '.join(map(str, specs))}"
    )


def _warnings(
    taken: _Attempt,
    failures: Mapping[_Attempt, BaseException],
    batch_size: int | None,
    network: Any,
) -> tuple[str, ...]:
    lines = [f"export failed ({a}): {first_line(e)}" for a, e in failures.items()]
    if batch_size is None:
        lines.append("the batch is fixed: the inputs' first sizes differ, so none is the batch")
    if not taken.training:
        lines.append(
            "exported in evaluation mode: what runs in training alone, as dropout, is not in it"
        )
    if taken.exporter == "TorchScript":
        lines.append(
            "the TorchScript exporter records one run: what depends on data, as a branch, is in "
            "the graph as it went there"
        )
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    if frozen:
        lines.append(
            f"{frozen:,} parameters of the network have requires_grad off, and are taken as "
            "trained all the same (--freeze to say otherwise)"
        )
    return tuple(lines)
