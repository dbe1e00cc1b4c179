"""An onnxruntime session on one device, inputs and outputs bound to it, as work to measure.

That the device is the one asked for is made sure of, not hoped for: onnxruntime falls back to
the processor without an error.  `get_providers` tells what was set up, and the assignment of
every node where it runs.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from auditor.errors import HardwareError, ModelError
from auditor.measure.assignment import Assignment, assignment_of, require_products_on_device
from auditor.measure.refusals import MAX_REASON, refusals
from auditor.measure.weights import Runnable


class Provider(StrEnum):
    """Where the model runs."""

    CUDA = "cuda"
    CPU = "cpu"

    @property
    def runtime_name(self) -> str:
        """Its name in onnxruntime."""
        return f"{self.name}ExecutionProvider"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How to run: on which device, with TF32 or not, and whether no node may run elsewhere.

    `threads` is the number of the processor's threads, None for onnxruntime's choice.
    """

    provider: Provider
    device: int = 0
    tf32: bool = True
    strict: bool = False
    threads: int | None = None


class SessionWork:
    """One run of the session a step; it comes back when the device is done."""

    def __init__(
        self,
        session: Any,
        binding: Any,
        assignment: Assignment | None,
        kept: Sequence[Any] = (),
    ) -> None:
        self._session = session
        self._binding = binding
        # Weights and inputs are used where they lie: they must live as long as the session.
        self._kept = kept
        self._failures = refusals()
        self.assignment = assignment

    def step(self) -> None:
        """Run once.

        Raises:
            ModelError: onnxruntime fails.
        """
        try:
            self._session.run_with_iobinding(self._binding)
        except self._failures as error:
            raise ModelError(f"onnxruntime failed in a run: {_reason(error)}") from error

    def wait(self) -> None:
        """Come back when the device has written all outputs."""
        self._binding.synchronize_outputs()


def open_session(
    runnable: Runnable, feed: Mapping[str, Any], options: SessionOptions
) -> SessionWork:
    """Load the model on the device, put the inputs there, and run once.

    `feed` has an array for every input.

    Raises:
        HardwareError: the provider is not there, or nodes that matter would run elsewhere.
        ModelError: onnxruntime refuses the model, or fails.
    """
    said = _preload() if options.provider is Provider.CUDA else ""
    _require_provider(options.provider)
    failures = refusals()
    try:
        weights = [value_of(array) for array in runnable.weights.values()]
        with _quietly():
            session = _session(runnable, options, weights)
    except failures as error:
        raise _refused(runnable, options, error, said) from error
    if session.get_providers()[0] != options.provider.runtime_name:
        raise HardwareError(
            f"onnxruntime fell back to {session.get_providers()[0]} instead of "
            f"{options.provider.runtime_name}: {said or 'it gives no reason'}; check that driver, "
            "CUDA and cuDNN are those it needs (auditor[gpu] installs the libraries)"
        )
    assignment = assignment_of(session) if options.provider is Provider.CUDA else None
    if assignment is not None:
        require_products_on_device(assignment)
    try:
        name, device = options.provider.value, options.device
        given = {taken: value_of(array, name, device) for taken, array in feed.items()}
        kept = (*weights, *given.values())
        work = SessionWork(session, _bound(session, given, options), assignment, kept)
    except failures as error:
        raise ModelError(
            f"{runnable.path}: onnxruntime takes no such inputs: {_reason(error)}; give --inputs"
        ) from error
    work.step()
    work.wait()
    return work


def _preload() -> str:
    """Load the CUDA libraries that pip installed; return what was said of it.

    onnxruntime prints that on standard output, where the report goes.
    """
    import onnxruntime

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()
    return " ".join(said.getvalue().split())[:MAX_REASON]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep onnxruntime's own log from standard error: what it says is raised, or asked for.

    Its default cannot be asked for; afterwards it is what it is from the start, warnings.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)


def _require_provider(provider: Provider) -> None:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if provider.runtime_name not in available:
        raise HardwareError(
            f"this onnxruntime has no {provider.runtime_name} (it has {', '.join(available)}); "
            "install auditor[gpu], or use --provider cpu"
        )


def _session(runnable: Runnable, options: SessionOptions, weights: Sequence[Any]) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # what is fatal is raised as well
    entry = settings.add_session_config_entry
    entry("session.record_ep_graph_assignment_info", "1")
    if options.strict and options.provider is not Provider.CPU:
        entry("session.disable_cpu_ep_fallback", "1")
    if options.threads is not None:
        settings.intra_op_num_threads = options.threads
    if weights:
        settings.add_external_initializers(list(runnable.weights), list(weights))
    # Bytes, not a path: what runs is what was looked at, and no file is opened here.
    return onnxruntime.InferenceSession(
        runnable.serialized, settings, providers=_providers(options), enable_fallback=0
    )


def _providers(options: SessionOptions) -> list[Any]:
    cpu = Provider.CPU.runtime_name
    if options.provider is Provider.CPU:
        return [cpu]
    settings = {"device_id": str(options.device), "use_tf32": "1" if options.tf32 else "0"}
    chosen = (options.provider.runtime_name, settings)
    return [chosen] if options.strict else [chosen, cpu]


def value_of(array: Any, device: str = "cpu", device_id: int = 0) -> Any:
    """Hand an array to onnxruntime; on the CPU it is used where it lies."""
    from onnxruntime import OrtValue

    if array.dtype.name == "bfloat16":
        number = 16  # TensorProto.BFLOAT16
        return OrtValue.ortvalue_from_numpy_with_onnx_type(array.view("uint16"), number)
    return OrtValue.ortvalue_from_numpy(array, device, device_id)


def _bound(session: Any, feed: Mapping[str, Any], options: SessionOptions) -> Any:
    binding = session.io_binding()
    name, device = options.provider.value, options.device
    for taken in session.get_inputs():
        binding.bind_ortvalue_input(taken.name, feed[taken.name])
    for made in session.get_outputs():
        binding.bind_output(made.name, name, device)
    return binding


def _refused(
    runnable: Runnable, options: SessionOptions, error: BaseException, said: str
) -> HardwareError | ModelError:
    reason = _reason(error)
    if options.strict and "fallback" in reason:
        remedy = f"{said}; check driver, CUDA and cuDNN" if said else "leave --strict away"
        return HardwareError(
            f"{runnable.path}: nodes would run on the processor: {reason}; {remedy}"
        )
    if options.provider is Provider.CUDA and "CUDA" in reason:
        return HardwareError(f"{runnable.path}: CUDA fails: {reason} {said}; check nvidia-smi")
    return ModelError(
        f"{runnable.path}: onnxruntime cannot run it: {reason}; export "
        "it for this onnxruntime, or give --inputs that it takes"
    )


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_REASON]
