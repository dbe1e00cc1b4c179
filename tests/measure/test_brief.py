"""Brief runs of real models on the real onnxruntime, on the processor."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import INT64, graph, model, node, value, weight
from fake_nvml import FakeNvml
from onnx import ModelProto, numpy_helper

import auditor.measure.brief
import auditor.measure.protocol
import auditor.measure.session
from auditor.errors import HardwareError, ModelError, PlanError, ShapeError
from auditor.graph import load_model
from auditor.measure.assignment import Assignment, assignment_of
from auditor.measure.brief import BriefRequest, BriefRun, brief_run
from auditor.measure.meter import MeterDescription, NoMeter, Reading
from auditor.measure.meters import Host, gpu_meter
from auditor.measure.protocol import Schedule
from auditor.measure.runtime import Runtime
from auditor.measure.session import Provider, SessionOptions, SessionWork, open_session
from auditor.measure.weights import runnable

ROOT = Path(__file__).resolve().parents[2]
MOBILENET = ROOT / "examples" / "mobilenetv2.onnx"
BRIEF = Schedule(
    idle_s=0.05, warm_up_s=0.05, longest_warm_up_s=0.3, window_s=0.2, trial_count=2, cool_down_s=0
)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.measure.protocol, "_CHUNK_S", 0.05)


class Fixed:
    """A meter of 50 W."""

    def __init__(self, name: str = "NVIDIA H100 80GB HBM3") -> None:
        self.description = MeterDescription(
            name="fixed", kind="fixed", scope="gpu", device_name=name
        )
        self.reads = 0
        self.closed = False

    def read(self) -> Reading:
        self.reads += 1
        return Reading(
            time_s=time.monotonic(), power_w=50 + 0.001 * (self.reads % 3), counter_j=None
        )

    def close(self) -> None:
        self.closed = True


def save(tmp_path: Path, proto: ModelProto, name: str = "net.onnx") -> Path:
    (tmp_path / name).write_bytes(proto.SerializeToString())
    return tmp_path / name


def product() -> ModelProto:
    return model(
        [node("MatMul", ["x", "w"], ["y"])], [value("x", ["batch", 8])], ["y"], [weight("w", 8, 4)]
    )


def measured(path: Path, meters: Sequence[Any] | None = (), **options: Any) -> BriefRun:
    options = {"provider": Provider.CPU, "schedule": BRIEF, **options}
    return brief_run(BriefRequest(path=path, **options), meters)


def test_a_model_without_weights_is_run_and_timed() -> None:
    found = measured(MOBILENET, (Fixed("a processor"),), batch_size=2)
    assert found.structure_sha256 == load_model(MOBILENET).structure_sha256
    assert (found.batch_size, found.precision, found.provider) == (2, "fp32", Provider.CPU)
    assert dict(found.shapes) == {"input": (2, 3, 224, 224)}
    assert found.energy_j is not None
    # 50 W for the time of a pass.
    assert found.energy_j.value == pytest.approx(50 * found.step_time_s.value, rel=0.01)
    assert found.hardware_id is None
    # 76 of its 106 tensors, as written by examples/structure_only.py.
    assert any("76 tensors" in note and "random" in note for note in found.notes)
    assert set(found.versions) >= {"auditor", "onnxruntime", "python"}


def test_a_longer_run_takes_more_time() -> None:
    one = measured(MOBILENET, batch_size=1).step_time_s.value
    many = measured(MOBILENET, batch_size=16).step_time_s.value
    assert many > 2 * one


def test_without_a_meter_time_alone_is_measured() -> None:
    found = measured(MOBILENET, host=Host.NONE, meters=None)
    assert found.energy_j is None
    assert "energy and power are not measured: there is no meter" in found.warnings


def test_left_alone_the_host_is_metered_or_modelled() -> None:
    found = measured(MOBILENET, meters=None)
    assert found.primary.energy_method in ("counter", "modelled")
    if found.primary.energy_method == "modelled":
        assert any("modelled, not measured" in text for text in found.warnings)


def test_meters_are_closed_in_any_case(tmp_path: Path) -> None:
    meter = Fixed()
    measured(save(tmp_path, product()), (meter,))
    assert meter.closed
    meter = Fixed()
    with pytest.raises(ModelError):
        measured(save(tmp_path, unknown_operator()), (meter,))
    assert meter.closed


def unknown_operator() -> ModelProto:
    nodes = [node("Mystery", ["x"], ["y"], domain="com.example")]
    return model(nodes, [value("x", ["batch", 8])], ["y"])


def test_what_onnxruntime_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx: onnxruntime cannot run it: .*Mystery"):
        measured(save(tmp_path, unknown_operator()))


def test_what_fails_in_a_run_is_one_line(tmp_path: Path) -> None:
    # The indices that are given lie outside the table.
    proto = model(
        [node("Gather", ["w", "i"], ["y"])],
        [value("i", ["batch"], INT64)],
        ["y"],
        [weight("w", 4, 2)],
    )
    path = save(tmp_path, proto)
    np.savez(tmp_path / "in.npz", i=np.array([9]))
    with pytest.raises(ModelError, match=r"onnxruntime failed in a run: .*Gather"):
        measured(path, inputs_file=tmp_path / "in.npz")
    # Made up, they lie within.
    assert measured(path).step_time_s.value > 0


def test_inputs_are_the_users_where_given(tmp_path: Path) -> None:
    path = save(tmp_path, product())
    np.savez(tmp_path / "in.npz", x=np.ones((3, 8), np.float32))
    found = measured(path, inputs_file=tmp_path / "in.npz", batch_size=3)
    assert any("inputs are those in" in note for note in found.notes)
    with pytest.raises(PlanError, match=r"^--inputs x: is float32 3x8, but the audit is of .*1x8"):
        measured(path, inputs_file=tmp_path / "in.npz")


def test_inputs_that_cannot_be_made_up_are_named(tmp_path: Path) -> None:
    path = save(tmp_path, model([node("Identity", ["x"], ["y"])], [value("x", [2], 8)], ["y"]))
    with pytest.raises(PlanError, match=r"^audit measure: input 'x' is of type .*give --inputs$"):
        measured(path)


def test_a_size_that_is_not_bound_is_an_error(tmp_path: Path) -> None:
    proto = model([node("Relu", ["x"], ["y"])], [value("x", ["batch", "length"])], ["y"])
    path = save(tmp_path, proto)
    with pytest.raises(ShapeError, match="length"):
        measured(path)
    assert dict(measured(path, dims={"length": 5}).dims) == {"batch": 1, "length": 5}


def test_a_batch_is_given_once(tmp_path: Path) -> None:
    path = save(tmp_path, product())
    assert measured(path, dims={"batch": 3}).batch_size == 3
    assert measured(path, shapes={"x": (5, 8)}).batch_size == 5
    with pytest.raises(PlanError, match=r"--batch-size 2: the batch is 3 by the file, --dim or"):
        measured(path, dims={"batch": 3}, batch_size=2)
    fixed = model([node("Relu", ["x"], ["y"])], [value("x", [4, 8])], ["y"])
    assert measured(save(tmp_path, fixed)).batch_size == 4
    with pytest.raises(PlanError, match="--batch-size 2: the batch is 4"):
        measured(save(tmp_path, fixed), batch_size=2)


def test_the_gpu_is_not_taken_for_granted() -> None:
    # The installed onnxruntime is the one for the processor.
    with pytest.raises(HardwareError, match=r"one for the processor; install auditor\[gpu\]"):
        measured(MOBILENET, provider=Provider.CUDA)


def test_the_processor_is_not_the_hardware_that_was_named() -> None:
    with pytest.raises(HardwareError, match=r"h100-sxm-80gb, but .* the processor; .*--any-device"):
        measured(MOBILENET, hardware="H100 SXM")
    found = measured(MOBILENET, hardware="H100 SXM", any_device=True)
    assert any("runs on the processor" in text for text in found.warnings)


# --- a GPU, as far as it can be played ---------------------------------------------------------


@pytest.fixture
def on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime of the GPU, whose session runs on the processor all the same."""

    def opened(loaded: Any, feed: Any, options: SessionOptions) -> SessionWork:
        assert options.provider is Provider.CUDA
        work = open_session(loaded, feed, replace(options, provider=Provider.CPU))
        work.assignment = Assignment(
            provider_nodes=9, cpu_nodes=2, cpu_op_types={"Shape": 1, "Gather": 1}
        )
        return work

    monkeypatch.setattr(auditor.measure.brief, "require_runtime", lambda: Runtime.GPU)
    monkeypatch.setattr(auditor.measure.brief, "open_session", opened)


@pytest.mark.parametrize("asked", ["h100-sxm-80gb", "H100 SXM5", None])
def test_the_device_is_looked_up_in_the_catalogue(on_cuda: None, asked: str | None) -> None:
    found = measured(MOBILENET, (Fixed(), NoMeter()), provider=None, hardware=asked)
    assert (found.hardware_id, found.provider) == ("h100-sxm-80gb", Provider.CUDA)
    assert found.precision == "tf32"
    assert len(found.measurements) == 2
    assert any(text.startswith("2 of 11 nodes run on the processor") for text in found.warnings)


def test_without_tf32_it_is_fp32(on_cuda: None) -> None:
    assert measured(MOBILENET, (Fixed(),), provider=None, tf32=False).precision == "fp32"


def test_a_device_without_tf32_runs_fp32(on_cuda: None) -> None:
    found = measured(MOBILENET, (Fixed("Tesla V100-SXM2-32GB"),), provider=None)
    assert (found.hardware_id or "").startswith("v100")
    assert found.precision == "fp32"


def test_another_device_than_was_named_is_refused(on_cuda: None) -> None:
    with pytest.raises(HardwareError, match=r"a100-sxm4-80gb, but .* HBM3 \(h100-sxm-80gb\)"):
        measured(MOBILENET, (Fixed(),), provider=None, hardware="a100-sxm4-80gb")
    found = measured(
        MOBILENET, (Fixed(),), provider=None, hardware="a100-sxm4-80gb", any_device=True
    )
    assert found.hardware_id == "h100-sxm-80gb"


def test_a_device_that_nobody_knows_has_no_row(on_cuda: None) -> None:
    found = measured(MOBILENET, (Fixed("NVIDIA Quixote 9"),), provider=None)
    assert found.hardware_id is None
    assert any("unknown accelerator 'NVIDIA Quixote 9'" in text for text in found.warnings)


def test_the_meter_is_opened_before_the_device_is_used(
    on_cuda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = FakeNvml().install(monkeypatch)
    nvml.devices[0].busy = True
    order: list[str] = []
    opened, load = gpu_meter, auditor.measure.brief.runnable
    monkeypatch.setattr(
        auditor.measure.brief,
        "gpu_meter",
        lambda *a, **k: (order.append("meter"), opened(*a, environment={}, **k))[1],
    )
    monkeypatch.setattr(
        auditor.measure.brief, "runnable", lambda *a: (order.append("model"), load(*a))[1]
    )
    schedule = replace(BRIEF, window_s=1.0, trial_count=1)
    found = measured(MOBILENET, None, provider=None, schedule=schedule, host=Host.NONE)
    assert order == ["meter", "model"]
    assert found.primary.energy_method == "counter"
    assert found.primary.mean_power_w == pytest.approx(600, rel=0.03)
    assert found.versions["nvidia_driver"] == "580.65.06"
    assert not nvml.is_open


# --- sessions -------------------------------------------------------------------------------


def opened_on(tmp_path: Path, proto: ModelProto, **options: Any) -> SessionWork:
    loaded = runnable(save(tmp_path, proto), {})
    feed = {"x": np.ones((1, 8), np.float32)}
    return open_session(loaded, feed, SessionOptions(**options))


def test_a_provider_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="has no CUDAExecutionProvider"):
        opened_on(tmp_path, product(), provider=Provider.CUDA)


class Turncoat:
    """A session that was asked for CUDA and came back with the processor alone."""

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_a_silent_fall_back_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.measure.session, "_require_provider", lambda _: None)
    monkeypatch.setattr(auditor.measure.session, "_preload", lambda: "Failed to load libcudnn.so.9")
    monkeypatch.setattr(auditor.measure.session, "_session", lambda *_: Turncoat())
    with pytest.raises(HardwareError, match=r"fell back to CPU.*: Failed to load libcudnn"):
        opened_on(tmp_path, product(), provider=Provider.CUDA)


class Part:
    """Nodes that one provider was given."""

    def __init__(self, ep_name: str, *op_types: str) -> None:
        self.ep_name = ep_name
        self.op_types = op_types

    def get_nodes(self) -> list[Any]:
        return [type("Node", (), {"op_type": op_type}) for op_type in self.op_types]


class Split:
    """A session on CUDA of which some nodes run on the processor."""

    def __init__(self, *on_cpu: str) -> None:
        self.on_cpu = on_cpu

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def get_provider_graph_assignment_info(self) -> list[Part]:
        return [
            Part("CUDAExecutionProvider", "Conv", "Relu"),
            Part("CPUExecutionProvider", *self.on_cpu),
        ]


def test_products_on_the_processor_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor.measure.session, "_require_provider", lambda _: None)
    monkeypatch.setattr(
        auditor.measure.session, "_session", lambda *_: Split("Shape", "Conv", "Conv")
    )
    with pytest.raises(HardwareError, match=r"would run Conv \(2\) on the processor"):
        opened_on(tmp_path, product(), provider=Provider.CUDA)


def test_where_nodes_run_is_asked_of_onnxruntime() -> None:
    found = assignment_of(Split("Shape", "Shape", "Gather"))
    assert (found.provider_nodes, found.cpu_nodes) == (2, 3)
    assert found.note == (
        "3 of 5 nodes run on the processor, none of them a product: Shape (2), Gather (1)"
    )
    assert assignment_of(Split()).note is None
    unknown = assignment_of(Turncoat())
    assert unknown.cpu_nodes is None and unknown.note is not None


def test_the_real_runtime_tells_where_nodes_run(tmp_path: Path) -> None:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    proto = model([node("Relu", ["x"], ["y"])], [value("x", ["batch", 8])], ["y"])
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    if not hasattr(session, "get_provider_graph_assignment_info"):
        pytest.skip("this onnxruntime does not tell")
    assert dict(assignment_of(session).cpu_op_types) == {"Relu": 1}


def test_loading_the_libraries_of_cuda_leaves_standard_output_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(
        onnxruntime,
        "preload_dlls",
        lambda: sys.stdout.write("Failed to load\n libcudnn"),
        raising=False,
    )
    assert auditor.measure.session._preload() == "Failed to load libcudnn"
    assert capsys.readouterr().out == ""


def test_subgraphs_run_too(tmp_path: Path) -> None:
    branches = {
        "then_branch": graph([node("Relu", ["x"], ["a"])], [], [value("a", None)]),
        "else_branch": graph([node("Neg", ["x"], ["b"])], [], [value("b", None)]),
    }
    taken = numpy_helper.from_array(np.array(True), "c")
    proto = model(
        [node("If", ["c"], ["y"], **branches)], [value("x", ["batch", 8])], ["y"], [taken]
    )
    assert measured(save(tmp_path, proto)).step_time_s.value > 0


# All of them take two minutes and a half; they were run once, and all passed.
SAMPLED = sorted((ROOT / "tests" / "corpus" / "models").glob("*.onnx"))[::8]


@pytest.mark.slow
@pytest.mark.parametrize("path", SAMPLED, ids=lambda p: p.stem)
def test_a_structure_gets_weights_or_says_what_it_lacks(path: Path) -> None:
    """Made-up weights run: finite numbers come out, or one line says what cannot be made up."""
    from auditor.measure import inputs
    from auditor.shapes import Bindings, Given, bind_inputs, infer_shapes

    net = load_model(path)
    open_dims = {d for t in net.graph.inputs for d in t.shape or () if isinstance(d, str)}
    dims = {d: 16 for d in open_dims if "batch" not in d.lower() and d.isidentifier()}
    bound = bind_inputs(net.graph, Bindings(batch_size=1, dims=dims))
    vocabularies = inputs.vocabularies(infer_shapes(net, bound, Given()).operations)
    try:
        loaded = runnable(path, vocabularies)
        feed = {
            t.name: inputs.made_up(
                t, bound.shapes[t.name], vocabularies.get(t.name), inputs.MEASURE
            )
            for t in net.graph.inputs
        }
        open_session(loaded, feed, SessionOptions(provider=Provider.CPU))
    except ModelError as error:
        assert any(words in str(error) for words in ("cannot be made up", "onnxruntime"))


@pytest.mark.gpu
def test_a_real_gpu_is_measured() -> None:
    found = brief_run(BriefRequest(path=MOBILENET, batch_size=32, provider=Provider.CUDA))
    assert found.primary.energy_method in ("counter", "integrated")
    assert found.primary.disagreement is None or abs(found.primary.disagreement) < 0.05
    assert found.primary.mean_power_w is not None and found.primary.idle_power_w is not None
    assert found.primary.mean_power_w > found.primary.idle_power_w
    assert found.primary.sampling_share is not None and found.primary.sampling_share < 0.01
