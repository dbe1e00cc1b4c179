"""Networks built, trained and profiled for real, on the processor; skipped without torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collecting import configuration, manifest_table, train_entry
from test_tables import kernels

from auditor.cli import run
from auditor.collect.collection import planned
from auditor.collect.configuration import Configuration, Network, canonical
from auditor.collect.jobs import MeasureJob, ProfileJob, Setup
from auditor.collect.kernels import kernels_from
from auditor.collect.manifest import manifest_from, read_manifest
from auditor.collect.store import Store, opened
from auditor.collect.supervisor import WorkerProcess
from auditor.collect.worker import Desk, worker_main
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.protocol import Schedule
from auditor.measure.recording import Mark, Recording, read_recording, recording_text

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "calibration" / "manifests" / "h200.toml"
BRIEF = Schedule(
    idle_s=0.3, warm_up_s=0.1, longest_warm_up_s=1.0, window_s=0.3, trial_count=2, cool_down_s=0.0
)
NEEDED = ("torch", "onnxscript", "fvcore", "timm", "torchvision", "transformers")

pytestmark = [
    pytest.mark.slow,
    # torch and the libraries warn of their own plans, in every version of others.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in NEEDED),
        reason="needs torch, timm, torchvision and transformers",
    ),
]

GPT = Network(
    library="transformers",
    name="mini",
    definition=canonical(
        {
            "class": "GPT2LMHeadModel",
            "config": "GPT2Config",
            "inputs": "tokens",
            "settings": {
                "n_layer": 1,
                "n_embd": 32,
                "n_head": 2,
                "vocab_size": 100,
                "bos_token_id": 0,
                "eos_token_id": 0,
            },
        }
    ),
)


def small(library: str = "plain", name: str = "cnn", **changes: Any) -> Configuration:
    values = {"size": 32, "batch_size": 2, "precision": "fp32"} | changes
    return configuration(network=Network(library=library, name=name), **values)


def trained(run: Configuration) -> Any:
    import torch

    from auditor.collect.training import Training

    found = Training(run, torch.device("cpu"))
    for _ in range(2):
        found.step()
    found.wait()
    return found


class TestTraining:
    @pytest.mark.parametrize(
        "run",
        [
            small(),
            small(optimizer="sgd", layout="nhwc"),
            small(precision="amp-bf16", optimizer="adamw"),
            small(precision="bf16", optimizer="adam"),
            small(name="unet"),
            small(name="bilstm-tagger", size=4),
            small("timm", "resnet10t"),
            small("timm", "vit_tiny_patch16_224"),
            small("torchvision", "lraspp_mobilenet_v3_large", size=64),
            small("torchvision", "ssdlite320_mobilenet_v3_large", size=64),
            configuration(network=GPT, size=8, batch_size=2, precision="fp32", optimizer="adamw"),
        ],
        ids=str,
    )
    def test_a_step_changes_every_weight_and_the_loss_stays_finite(
        self, run: Configuration
    ) -> None:
        import torch

        from auditor.collect.training import Training

        found = Training(run, torch.device("cpu"))
        found.step()
        gradients = [p.grad for p in found.module.parameters() if p.grad is not None]
        assert gradients and any(bool(g.abs().sum() > 0) for g in gradients)
        found.step()
        found.wait()
        assert found.warnings() == () and found.last is not None

    def test_the_loss_is_that_of_random_classes(self) -> None:
        """Of 10 classes and small scores: ln 10 = 2.30."""
        assert float(trained(small()).last) == pytest.approx(2.30, abs=0.3)

    def test_a_network_gone_wrong_is_told(self) -> None:
        import torch

        found = trained(small())
        found.last = torch.tensor(float("nan"))
        assert found.warnings() == ("the loss is not finite: a network of NaN may draw less power",)

    def test_losses_of_outputs_by_hand(self) -> None:
        """Equal scores of 5 classes: ln 5 each; the mean square of (1, 3) is 5."""
        import torch

        from auditor.collect.training import Loss

        scores = {"out": torch.zeros(2, 5, 3, 3), "aux": torch.zeros(2, 5)}
        assert float(Loss("classes")(scores)) == pytest.approx(2 * 1.6094379)
        assert float(Loss("classes")(torch.zeros(2, 7, 5))) == pytest.approx(1.6094379)
        assert float(Loss("squares")((torch.tensor([1.0, 3.0]),))) == pytest.approx(5.0)

    def test_no_memory_is_known_by_its_errors(self) -> None:
        import torch

        from auditor.collect.networks import is_out_of_memory

        assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
        told = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
        assert is_out_of_memory(RuntimeError(told))
        assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access"))
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**60)
        assert is_out_of_memory(caught.value)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A meter of 100 W, recorded for 2 s."""
    readings = tuple(
        Reading(time_s=t / 50, power_w=100.0 + 0.001 * (t % 3), counter_j=2.0 * t)
        for t in range(101)
    )
    made = Recording(
        description=MeterDescription(name="made", kind="made", scope="gpu"),
        readings=readings,
        marks=(Mark(0.0, "idle"), Mark(2.0, "end")),
    )
    path = tmp_path_factory.mktemp("meter") / "made.csv"
    path.write_text(recording_text(made), encoding="utf-8")
    return f"replay:{path}"


class TestDesk:
    def test_figures_and_the_shared_baseline(self, played: str) -> None:
        desk = Desk(Setup(device="cpu", meter=played))
        job = MeasureJob(small(), BRIEF)
        first, second = desk.done(job).result, desk.done(job).result
        for outcome in (first, second):
            assert outcome.status == "measured", outcome
            found = outcome.figures
            assert found["mean_power_w"] == pytest.approx(100.0, rel=0.02)
            assert found["energy_j_per_step"] == pytest.approx(
                found["mean_power_w"] * found["step_time_s"]
            )
            assert found["idle_power_w"] == first.figures["idle_power_w"]
            # 3 x 8 x 9 and 8 x 16 x 9 + 16 of convolution, 16 of normalization, 160 + 10 of head.
            assert found["parameter_count"] == 216 + 16 + 1168 + 170
            assert found["memory"] == {"allocated_bytes": None, "reserved_bytes": None}
            assert any("plays" in warning for warning in found["warnings"])
        assert first.elapsed_s > second.elapsed_s - 0.5 and first.recordings

    @pytest.mark.parametrize(
        ("run", "status", "reason"),
        [
            (small(precision="tf32"), "refused", "precision tf32: cpu has no TF32; take fp32"),
            (small("timm", "nonet"), "refused", "timm:nonet@32: cannot be built: ValueError"),
            (small("timm", "resnet10t", batch_size=1, size=1), "failed", "ValueError: Expected"),
            (small(batch_size=10**9, size=4096), "out-of-memory", "RuntimeError: "),
        ],
    )
    def test_what_goes_wrong_is_part_of_the_answer(
        self, run: Configuration, status: str, reason: str
    ) -> None:
        answer = Desk(Setup(device="cpu", meter="none")).done(MeasureJob(run, BRIEF))
        assert answer.result.status == status
        assert answer.result.reason.startswith(reason) and not answer.must_restart


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    from auditor.errors import HardwareError

    worker = WorkerProcess(worker_main, Setup(device="cuda", meter="none"))
    with pytest.raises(HardwareError, match=r"the worker cannot start: torch .* no CUDA device"):
        worker.start()


class TestProfiles:
    def test_a_network_and_its_export(self) -> None:
        """Products of `cnn` at 32: 256 sites x 216, 64 sites x 1,152, and 160 of the head."""
        network = Desk(Setup(device="cpu", meter="none")).done(ProfileJob(small(), "train")).result
        assert network.status == "profiled", network.reason
        found = kernels_from(network.kernels)
        forward = 256 * 216 + 64 * 1152 + 160
        assert found.macs[:, 0].sum() == forward
        # Backward twice that, but for the images' own gradient, which nobody needs.
        assert found.macs[:, 1].sum() == 2 * forward - 256 * 216
        assert network.facts["macs"] == found.macs.sum()
        assert network.facts["parameter_count"] == found.trained_parameter_count == 1570
        assert network.facts["attention"] == "exported"
        assert found.families != kernels().families

    def test_attention_is_fused_as_it_is_trained(self) -> None:
        run = configuration(network=GPT, size=16, batch_size=2)
        network = Desk(Setup(device="cpu", meter="none")).done(ProfileJob(run, "train")).result
        assert network.facts["attention"] == "flash"
        # One kernel a layer, and not two products around a softmax.
        assert kernels_from(network.kernels).families.count("batched_matmul") == 1

    def test_one_that_cannot_be(self) -> None:
        desk = Desk(Setup(device="cpu", meter="none"))
        network = desk.done(ProfileJob(small("timm", "nonet"), "train")).result
        assert network.status == "failed" and network.reason.startswith("timm:nonet@32: cannot be")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "runs.db") as found:
        yield found


def test_the_commands_from_the_manifest_to_the_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], played: str
) -> None:
    (tmp_path / "m.toml").write_text(MANIFEST, encoding="utf-8")
    manifest, kept = str(tmp_path / "m.toml"), str(tmp_path / "runs.db")
    assert run(["collect", "profile", manifest, "--store", kept]) == 0
    assert capsys.readouterr().out == "2 networks profiled, 0 could not be\n"
    own = ["--store", kept, "--device", "cpu", "--meter", played]
    assert run(["collect", manifest, *own]) == 0
    assert capsys.readouterr().out.startswith("2 measured in ")
    assert run(["collect", manifest, *own]) == 0
    assert capsys.readouterr().out.startswith("nothing in ")
    tables = ["collect", "export", "--store", kept, "-o", str(tmp_path / "t"), "--hardware", "h200"]
    assert run([*tables, "--recordings"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 't'}: 1 runs\n"
    recordings = [read_recording(p) for p in (tmp_path / "t" / "recordings").iterdir()]
    assert len(recordings) == 2
    # As measured: 50 readings a second over two windows of 0.3 s and more.
    assert all(len(found.phases("trial")) == 2 for found in recordings)
    assert all(len(found.readings) >= 30 for found in recordings)


MANIFEST = """
name = "mine"
[schedule]
idle_s = 0.2
warm_up_s = 0.1
longest_warm_up_s = 1.0
window_s = 0.3
cool_down_s = 0.0
[[train]]
networks = ["plain:cnn"]
family = "cnn"
sizes = [32]
batch_sizes = [2]
precisions = ["fp32"]
optimizer = "sgd"
[[infer]]
networks = ["plain:cnn"]
family = "cnn"
sizes = [32]
batch_sizes = [2]
precisions = ["fp32"]
provider = "cpu"
"""


def test_every_network_of_the_shipped_manifest_can_be_built() -> None:
    from auditor.collect.check import checked

    found = list(checked(read_manifest(SHIPPED).runs))
    assert [str(c.run) for c in found if c.reason is not None] == []
    counts = {c.run.graph: c.parameter_count for c in found}
    # Published: 25.6 M (resnet50), 124 M (GPT-2), 1.24 B and 3.21 B (Llama 3.2).
    assert counts["timm:resnet50@224"] == 25_557_032
    assert counts["transformers:gpt2-124m"] == 124_439_808
    assert counts["transformers:llama-1b"] == 1_235_814_400
    assert 3.2e9 < counts["transformers:llama-3b"] < 3.22e9


def test_profiles_change_the_order(store: Store) -> None:
    entry = train_entry(batch_sizes=[2])
    manifest = manifest_from(manifest_table(train=[entry]), "m.toml")
    (only,) = manifest.runs
    desk = Desk(Setup(device="cpu", meter="none"))
    store.add_network(desk.done(ProfileJob(only, "train")).result)
    assert planned(manifest, store, "cpu").left == (only,)
    assert replace(only, family="x").network_key in store.network_facts("train")
