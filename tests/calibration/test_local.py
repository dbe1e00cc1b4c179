"""Own runs on top of a calibration: what is modelled, corrected, written and refused."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import DATA
from made_calibration import artefact_file, content

from auditor.calibration.local import (
    Base,
    Correction,
    correction,
    localized,
    of_one_device,
    read_base,
    schema,
    without,
)
from auditor.calibration.modelled import device_time, modelled
from auditor.calibration.record import Run
from auditor.errors import CalibrationError
from auditor.hardware import resolve
from auditor.precision import precision
from auditor.profile import Profile
from auditor.sized import static_profile
from auditor.step import training_step
from auditor.step.artefact import digest_of, parsed
from auditor.step.calibrated import calibrated_times
from auditor.step.kernels import kernels_of
from auditor.step.local import local_runs
from auditor.workload import Plan, workload

EXAMPLES = DATA.parents[1] / "examples"
RESNET, MOBILENET = EXAMPLES / "resnet50.onnx", EXAMPLES / "mobilenetv2.onnx"
RTX3090 = resolve("rtx3090").accelerator
BASE = Base(content(), parsed(content(), "made up"))


@pytest.fixture(scope="module")
def profiles() -> dict[Path, Profile]:
    plan = Plan(batch_size=16, precision="amp")
    return {path: static_profile(path, plan) for path in (RESNET, MOBILENET)}


def run(graph: Path = RESNET, **figures: Any) -> Run:
    given: dict[str, Any] = {
        "run_id": "one",
        "graph": str(graph),
        "batch_size": 16,
        "precision": "amp",
        "hardware": "rtx3090",
        "step_time_s": 0.1,
    }
    return Run(**given | figures)


@pytest.fixture
def corrected(profiles: dict[Path, Profile], tmp_path: Path) -> Any:
    def of(*runs: Run) -> Correction:
        return correction(
            tmp_path / "my_runs.csv", runs, RTX3090, lambda path, _: profiles[path], BASE
        )

    return of


class TestModelled:
    @pytest.mark.parametrize("graph", [RESNET, MOBILENET])
    @pytest.mark.parametrize("hardware", ["rtx3090", "v100-sxm2-16gb", "h100-sxm"])
    @pytest.mark.parametrize("mode", ["fp32", "amp"])
    def test_the_time_is_that_of_the_estimate(
        self, profiles: dict[Path, Profile], graph: Path, hardware: str, mode: str
    ) -> None:
        device = resolve(hardware).accelerator
        profile = profiles[graph]
        timed = calibrated_times(profile, device, precision(mode), BASE.artefact)
        whole_s = timed.forward.total_s + timed.backward.total_s + timed.update.total_s
        one = run(graph, precision=mode)
        found = device_time(one, kernels_of(profile), device, BASE.artefact)
        assert found.total_s == pytest.approx(whole_s, rel=1e-12)

    @pytest.mark.parametrize(("count", "limit_w"), [(1, None), (1, 200.0), (4, None), (4, 250.0)])
    def test_exchange_and_power_limit_are_those_of_the_estimate(
        self, profiles: dict[Path, Profile], count: int, limit_w: float | None
    ) -> None:
        one = run(device_count=count, power_limit_w=limit_w)
        found = modelled(one, RESNET, lambda path, _: profiles[path], RTX3090, BASE.artefact)
        plan = Plan(batch_size=16, devices=count, power_limit_w=limit_w)
        step = training_step(profiles[RESNET], RTX3090, workload(plan, "amp", None), BASE.artefact)
        assert found.step_time_s == pytest.approx(step.total_s, rel=1e-12)
        assert found.powers_w["gpu"] == pytest.approx(count * step.device_power_w)
        node_w = count * (step.device_power_w + step.host_power_w)
        assert found.powers_w["node"] == pytest.approx(node_w)
        assert found.powers_w["gpu"] < found.powers_w["gpu+cpu"] < node_w

    def test_less_of_a_step_takes_less_time(self, profiles: dict[Path, Profile]) -> None:
        times = [
            device_time(
                run(phase=phase), kernels_of(profiles[RESNET]), RTX3090, BASE.artefact
            ).total_s
            for phase in ("infer", "forward_backward", "train")
        ]
        assert times == sorted(times)

    def test_the_profile_is_asked_for_as_the_row_says(
        self, profiles: dict[Path, Profile], tmp_path: Path
    ) -> None:
        asked = []

        def profiler(path: Path, plan: Plan) -> Profile:
            asked.append((path, plan))
            return profiles[RESNET]

        one = run(Path("nets/a.onnx"), dims=(("height", 224),), optimizer="sgd")
        correction(tmp_path / "my.csv", [one], RTX3090, profiler, BASE)
        ((path, plan),) = asked
        assert path == tmp_path / "nets" / "a.onnx"
        assert (plan.batch_size, plan.precision, plan.optimizer) == (16, "amp", "sgd")
        assert dict(plan.dims) == {"height": 224}


class TestCorrection:
    def modelled_s(self, corrected: Any, graph: Path = RESNET) -> float:
        (found,) = corrected(run(graph)).runs
        return float(found.step_time_s)

    def test_one_run_by_hand(self, corrected: Any) -> None:
        """Half widths 0.39 and 0.15: common 0.39^2 - 0.15^2 = 0.36^2; twice as long as modelled.

        The run varies by 0.36^2 + 0.15^2 and 0.15^2 of repeats: 0.1296 + 2 x 0.0225 = 0.1746.
        """
        time_s = 2 * self.modelled_s(corrected)
        found = corrected(run(step_time_s=time_s))
        assert found.time.log_common == pytest.approx(math.log(2) * 0.1296 / 0.1746)
        place = found.runs[0].device.place
        assert found.time.log_at(place) == pytest.approx(math.log(2) * 0.1521 / 0.1746)

    def test_networks_are_counted_and_left_out_with_all_their_runs(self, corrected: Any) -> None:
        found = corrected(run(), run(batch_size=16, run_id="again"), run(MOBILENET, run_id="b"))
        assert found.networks == 2
        resnet, _, mobilenet = (m.network for m in found.runs)
        others, one = without(found, mobilenet), without(found, resnet)
        assert others is not None and one is not None
        assert (len(others.logs), len(one.logs)) == (2, 1)
        assert without(corrected(run()), resnet) is None

    def test_own_runs_stand_in_for_a_device_that_was_not_measured(
        self, profiles: dict[Path, Profile], tmp_path: Path
    ) -> None:
        """Then more of the error may be common: the wider of both widths is shared out."""
        t4 = resolve("t4").accelerator
        wide = content(half_widths={"family": 0.15, "device": 0.6, "source": 0.39})
        base = Base(wide, parsed(wide, "made up"))
        one = run(hardware="t4")
        found = correction(tmp_path / "a.csv", [one], t4, lambda *_: profiles[RESNET], base)
        assert found.time_half_width == 0.6
        assert found.time.spread.common == pytest.approx((0.36 - 0.0225) ** 0.5)

    def test_power_by_hand(self, corrected: Any) -> None:
        """Half of the half width 0.2 is the networks' own: weight 0.03 / (0.03 + 0.01)."""
        (before,) = corrected(run()).runs
        power_w = 1.1 * before.powers_w["gpu"]
        found = corrected(run(mean_power_w=power_w, power_scope="gpu"))
        assert found.power.log_factor == pytest.approx(math.log(1.1) * 0.75)
        assert found.power_scope == "gpu"
        by_energy = run(energy_j=power_w * 30, energy_scope="gpu", duration_s=30.0)
        assert corrected(by_energy).power.log_factor == pytest.approx(math.log(1.1) * 0.75)

    def test_boards_say_more_than_the_whole_machine(self, corrected: Any) -> None:
        boards = run(mean_power_w=200.0, power_scope="gpu")
        machine = run(MOBILENET, mean_power_w=400.0, power_scope="node")
        found = corrected(machine, boards)
        assert (found.power_scope, found.power.count) == ("gpu", 1)
        assert [m.run for m in found.power_runs] == [boards]
        assert corrected(machine).power_scope == "node"

    def test_no_power_no_factor(self, corrected: Any) -> None:
        found = corrected(run())
        assert found.power is None and found.power_scope is None and found.power_runs == ()
        forward = run(phase="infer", mean_power_w=200.0, power_scope="gpu")
        assert corrected(forward).power is None

    @pytest.mark.parametrize("factor", [1e-3, 25.0, 1e3])
    def test_a_time_in_another_unit(self, corrected: Any, factor: float) -> None:
        time_s = factor * self.modelled_s(corrected)
        with pytest.raises(CalibrationError, match=r"my_runs.csv, run one: a step of .*: give s"):
            corrected(run(step_time_s=time_s))


class TestDevices:
    def test_several_need_a_choice(self) -> None:
        both = [run(), run(hardware="t4")]
        with pytest.raises(CalibrationError, match=r"runs on rtx3090, t4: .*--hardware rtx3090"):
            of_one_device(both, None)
        taken, device = of_one_device(both, "RTX 3090")
        assert (taken, device) == ((both[0],), RTX3090)
        with pytest.raises(CalibrationError, match="no run on a40; there are runs on rtx3090, t4"):
            of_one_device(both, "a40")

    def test_too_many(self) -> None:
        with pytest.raises(CalibrationError, match="201 runs on rtx3090: over 200"):
            of_one_device([run()] * 201, None)

    def test_only_gpus(self) -> None:
        with pytest.raises(CalibrationError, match="is not a GPU"):
            of_one_device([run(hardware="tpu-v4")], None)


class TestWritten:
    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        path = tmp_path / "my_runs.csv"
        path.write_text("graph\n", encoding="utf-8")
        return path

    def made(self, corrected: Any, table: Path, *runs: Run) -> dict[str, Any]:
        return localized(BASE, corrected(*runs), table)

    def test_it_is_the_base_with_own_runs(self, corrected: Any, table: Path) -> None:
        one = run(step_time_s=0.2, mean_power_w=250.0, power_scope="gpu")
        made = self.made(corrected, table, one)
        jsonschema.validate(made, dict(schema()))
        local = made["local"]
        assert {k: v for k, v in made.items() if k not in ("local", "digest")} == {
            k: v for k, v in BASE.content.items() if k != "digest"
        }
        assert (local["hardware"], local["precisions"]) == ("rtx3090", ["amp"])
        assert local["base"] == BASE.content["digest"] != made["digest"]
        sha256 = hashlib.sha256(table.read_bytes()).hexdigest()
        assert local["sources"] == {"my_runs.csv": sha256}
        assert made["digest"] == digest_of(made)
        found = corrected(one)
        assert local["factor"] == pytest.approx(math.exp(found.time.log_common), rel=1e-5)
        assert local["power_factor"] == pytest.approx(math.exp(found.power.log_factor), rel=1e-5)

    def test_the_estimate_reads_it(self, corrected: Any, table: Path) -> None:
        one = run(step_time_s=0.2)
        made = json.loads(json.dumps(self.made(corrected, table, one)))
        artefact = parsed(made, "my-calibration.json")
        timed = calibrated_times(
            static_profile(RESNET, Plan(batch_size=16, precision="amp")),
            RTX3090,
            precision("amp"),
            artefact,
        )
        whole_s = timed.forward.total_s + timed.backward.total_s + timed.update.total_s
        (before,) = corrected(one).runs
        place = before.device.place
        after_s = before.step_time_s * math.exp(corrected(one).time.log_at(place))
        assert whole_s == pytest.approx(after_s, rel=1e-5)
        assert timed.confidence.method == "calibrated+local"

    def test_own_runs_come_back(self, corrected: Any, table: Path) -> None:
        one = run(step_time_s=0.2)
        local = local_runs(self.made(corrected, table, one)["local"])
        own, found = local.time, corrected(one)
        assert (local.hardware, local.precisions, local.count) == ("rtx3090", ("amp",), 1)
        assert (local.power_factor, local.power_scope) == (1.0, None)
        assert local.power_half_width == BASE.artefact.power_half_width
        place = found.runs[0].device.place
        assert own.log_at(place) == pytest.approx(found.time.log_at(place), rel=1e-5)

    def test_the_same_runs_give_the_same_file(self, corrected: Any, table: Path) -> None:
        one = run(step_time_s=0.2)
        assert self.made(corrected, table, one) == self.made(corrected, table, one)

    def test_a_file_with_own_runs_is_no_base(
        self, corrected: Any, table: Path, tmp_path: Path
    ) -> None:
        mine = tmp_path / "mine.json"
        mine.write_text(json.dumps(self.made(corrected, table, run())), encoding="utf-8")
        with pytest.raises(CalibrationError, match=r"mine.json: holds own runs already"):
            read_base(mine)

    def test_a_base_is_read(self, tmp_path: Path) -> None:
        base = read_base(artefact_file(tmp_path))
        assert base.content == content() and base.artefact.digest == content()["digest"]
