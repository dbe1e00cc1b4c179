"""Whole audits of real exports against facts that are known from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders import DATA, constant, model, node, untyped, value, weight
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HardwareError, OperatorError, PlanError, ShapeError
from auditor.pipeline import Audit, Request, audit
from auditor.workload import Plan

EXAMPLES = DATA.parents[1] / "examples"
MODELS = DATA / "models"
TRANSFORMERS = ("bert_base", "gpt_small")


def audited(path: Path, *, strict: bool = False, **plan: Any) -> Audit:
    given_plan = {"hardware": "a100-sxm4-80gb", "samples": 1e6, "precision": "amp"} | plan
    if "dims" not in plan and path.name.startswith(TRANSFORMERS):
        given_plan["dims"] = {"sequence": 128}
    return audit(Request(path=path, plan=Plan(**given_plan), strict=strict))


def node_kwh(found: Audit) -> float:
    assert found.estimate.energy is not None
    return found.estimate.energy.node_kwh.median


def macs_per_sample(found: Audit) -> float:
    return found.profile.forward.macs / found.profile.batch_size


class TestFactsFromElsewhere:
    def test_resnet50(self) -> None:
        found = audited(EXAMPLES / "resnet50.onnx")
        # torchvision's documentation: 4.09 GFLOPS (multiply-accumulates), 25,557,032 parameters.
        assert macs_per_sample(found) == pytest.approx(4.089e9, rel=1e-3)
        assert found.profile.training_parameter_count == 25_557_032
        assert found.profile.coverage == 1.0
        # The file has 53 normalizations folded: 26,560 channels lose a scale and a shift and
        # gain a bias, 26,560 parameters fewer.
        assert found.profile.parameter_count == 25_557_032 - 26_560

    def test_mobilenetv2(self) -> None:
        found = audited(EXAMPLES / "mobilenetv2.onnx")
        # torchvision's documentation: 0.30 GFLOPS, 3,504,872 parameters; the paper: 300 M MAdds.
        assert macs_per_sample(found) == pytest.approx(0.301e9, rel=1e-2)
        assert found.profile.training_parameter_count == 3_504_872

    def test_vit_b_16(self) -> None:
        found = audited(EXAMPLES / "vit_b_16.onnx")
        # torchvision's documentation: 17.56 GFLOPS, 86,567,656 parameters.
        assert macs_per_sample(found) == pytest.approx(17.56e9, rel=1e-2)
        assert found.profile.training_parameter_count == 86_567_656

    def test_bert_base(self) -> None:
        found = audited(EXAMPLES / "bert_base.onnx")
        # Per token and layer: four projections 4 * 768^2 = 2,359,296, two of the feed-forward
        # part 2 * 768 * 3072 = 4,718,592, scores and weighted sum 2 * 128 * 768 = 196,608:
        # 7,274,496; 128 tokens and 12 layers: 11,173,625,856.  Behind them, once a sample, the
        # pooler 768^2 = 589,824 and the two classes 2 * 768 = 1,536.
        assert macs_per_sample(found) == 11_173_625_856 + 589_824 + 1_536
        # BertModel has 109,482,240 parameters (bert-base-uncased), two classes 2 * 769 more.
        assert found.profile.parameter_count == 109_482_240 + 1_538

    @pytest.mark.parametrize("name", ["resnet50", "mobilenetv2", "vit_b_16", "bert_base"])
    def test_the_backward_pass_has_twice_the_products_of_the_forward_pass(self, name: str) -> None:
        found = audited(EXAMPLES / f"{name}.onnx").profile
        # Gradients of inputs and of weights; only the first layer needs none of its input, at
        # most 3 % of the network (ResNet-50's stem: 118 of 4089 M).
        assert found.backward.macs <= 2 * found.training_forward.macs
        assert found.backward.macs >= 1.96 * found.training_forward.macs

    def test_resnet50_on_imagenet_takes_kilowatt_hours_not_watts_or_gigawatts(self) -> None:
        # MLPerf-like runs of 90 epochs on V100s and A100s are reported at 5 to 60 kWh.
        found = audited(EXAMPLES / "resnet50.onnx", samples=1_281_167, epochs=90, batch_size=256)
        assert 2 < node_kwh(found) < 60

    def test_memory_of_static_values_by_hand(self) -> None:
        # fp32 AdamW: parameter, gradient and two states of 4 bytes each.
        memory = audited(EXAMPLES / "resnet50.onnx", precision="fp32").profile.memory
        assert memory.static_bytes == 16 * 25_557_032


@pytest.mark.parametrize("precision", ["amp", "tf32-conv"])
class TestSameTraining:
    """Files that differ in form but not in what is trained get the same estimate."""

    @pytest.mark.parametrize("name", ["resnet50", "mobilenetv2"])
    @pytest.mark.parametrize("mode", ["eval", "train"])
    def test_folded_and_preserved_normalization(self, name: str, mode: str, precision: str) -> None:
        folded = audited(MODELS / f"{name}.torchscript.onnx", precision=precision)
        kept = audited(MODELS / f"{name}.torchscript.preserve_{mode}.onnx", precision=precision)
        assert node_kwh(folded) == pytest.approx(node_kwh(kept), rel=0.02)
        assert folded.profile.memory.total_bytes == pytest.approx(
            kept.profile.memory.total_bytes, rel=0.02
        )
        trained = (folded.profile.training_parameter_count, kept.profile.training_parameter_count)
        assert trained[0] == trained[1]
        assert folded.profile.restored_count > 0 == kept.profile.restored_count

    def test_fixed_and_dynamic_batch(self, precision: str) -> None:
        wanted = {"batch_size": 256, "precision": precision}
        fixed = audited(MODELS / "resnet50.torchscript.fixedbatch.onnx", **wanted)
        dynamic = audited(MODELS / "resnet50.torchscript.onnx", **wanted)
        assert (fixed.profile.graph_batch_size, dynamic.profile.graph_batch_size) == (1, 256)
        assert node_kwh(fixed) == pytest.approx(node_kwh(dynamic), rel=0.01)
        assert fixed.profile.memory.total_bytes == pytest.approx(
            dynamic.profile.memory.total_bytes, rel=0.01
        )
        assert macs_per_sample(fixed) == macs_per_sample(dynamic)
        assert any("fixes the batch at 1" in line for line in fixed.assumptions)

    @pytest.mark.parametrize(
        "name", ["resnet50", "mobilenetv2", "vit_b_16", "bert_base", "gpt_small"]
    )
    def test_both_exporters(self, name: str, precision: str) -> None:
        script = audited(MODELS / f"{name}.torchscript.onnx", precision=precision)
        dynamo = audited(MODELS / f"{name}.dynamo.onnx", precision=precision)
        assert node_kwh(script) == pytest.approx(node_kwh(dynamo), rel=0.10)
        assert macs_per_sample(script) == pytest.approx(macs_per_sample(dynamo), rel=1e-3)


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2", "vit_b_16", "bert_base", "gpt_small"])
@pytest.mark.parametrize("precision", ["amp", "tf32-conv"])
def test_energy_per_sample_never_grows_with_the_batch(name: str, precision: str) -> None:
    batches = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    found = [
        node_kwh(audited(EXAMPLES / f"{name}.onnx", batch_size=b, precision=precision))
        for b in batches
    ]
    # The roofline never grows; the residual upon it, fitted on where the time goes, may give back
    # a little where nothing is left to gain.
    assert all(more <= less * 1.005 for less, more in pairwise(found))
    assert found[-1] < found[0] / 1.5


def test_faster_modes_take_less_time() -> None:
    found = [
        audited(EXAMPLES / "vit_b_16.onnx", precision=p).step.total_s
        for p in ("fp32", "tf32-conv", "tf32", "amp")
    ]
    assert found == sorted(found, reverse=True) and len(set(found)) == 4


def test_a_newer_device_is_faster_and_a_plan_with_it_is_all_that_changes() -> None:
    request = Request(
        path=EXAMPLES / "resnet50.onnx", plan=Plan(hardware="v100-sxm2-16gb", precision="amp")
    )
    old = audit(request)
    new = audit(replace(request, plan=Plan(hardware="h100-sxm-80gb", precision="amp")))
    assert new.step.total_s < old.step.total_s
    assert new.profile.forward == old.profile.forward


class TestBatchNorm:
    FOLDED = MODELS / "resnet50.torchscript.onnx"
    NEVER_HAD_ANY = MODELS / "vgg11.torchscript.onnx"

    def test_auto_restores_what_was_folded(self) -> None:
        auto = audited(self.FOLDED)
        assert auto.profile.restored_count == 53  # ResNet-50 has 53 convolutions, each with one
        assert auto.estimate == audited(self.FOLDED, batchnorm="auto").estimate
        assert auto.estimate == audited(self.FOLDED, batchnorm="restore").estimate

    def test_keep_leaves_the_file_as_it_is(self) -> None:
        kept, auto = audited(self.FOLDED, batchnorm="keep"), audited(self.FOLDED)
        assert kept.profile.restored_count == 0
        assert kept.profile.training_parameter_count == kept.profile.parameter_count
        assert kept.profile.training_forward.flops < auto.profile.training_forward.flops
        assert kept.profile.backward.flops < auto.profile.backward.flops
        assert kept.profile.memory.total_bytes < auto.profile.memory.total_bytes
        assert kept.profile.forward == auto.profile.forward

    def test_auto_adds_none_where_there_was_none(self) -> None:
        assert audited(self.NEVER_HAD_ANY).profile.restored_count == 0

    def test_restore_adds_it_behind_every_convolution(self) -> None:
        # VGG-11 has 8 convolutions with 64 + 128 + 2*256 + 4*512 = 2752 channels; behind each
        # a scale and a shift: 5504 parameters more, which is torchvision's vgg11_bn.
        found = audited(self.NEVER_HAD_ANY, batchnorm="restore").profile
        assert found.restored_count == 8
        assert found.training_parameter_count == found.parameter_count + 5504 == 132_868_840

    @pytest.mark.parametrize("mode", ["auto", "restore", "keep"])
    def test_a_file_that_has_its_own_is_the_same_in_every_mode(self, mode: str) -> None:
        path = MODELS / "resnet50.torchscript.preserve_eval.onnx"
        assert audited(path, batchnorm=mode).estimate == audited(path).estimate


def write_custom(folder: Path) -> Path:
    """A product, an operator nobody knows, and another product."""
    made = model(
        [
            node("MatMul", ["x", "w"], ["a"]),
            node("Frobnicate", ["a"], ["b"], domain="com.example", name="frob"),
            node("Relu", ["a"], ["y"]),
        ],
        [value("x", ["batch", 8])],
        ["y", "b"],
        [weight("w", 8, 4)],
    )
    path = folder / "custom.onnx"
    path.write_bytes(made.SerializeToString())
    return path


class TestUnknownOperators:
    def test_they_are_listed_not_counted_as_nothing(self, tmp_path: Path) -> None:
        found = audited(write_custom(tmp_path))
        (unknown,) = found.profile.unknown
        assert (unknown.op_type, unknown.count) == ("com.example.Frobnicate", 1)
        assert found.profile.coverage == pytest.approx(2 / 3)
        assert any("Frobnicate" in line for line in found.warnings)
        # The product is still counted: 8 * 4 MACs a sample.
        assert macs_per_sample(found) == 32

    def test_strict_fails_and_names_them(self, tmp_path: Path) -> None:
        path = write_custom(tmp_path)
        with pytest.raises(OperatorError, match=r"com\.example\.Frobnicate \(1\).*--strict"):
            audited(path, strict=True)

    def test_strict_accepts_what_is_known(self) -> None:
        found = audited(EXAMPLES / "resnet50.onnx", strict=True)
        assert found == audited(EXAMPLES / "resnet50.onnx")


def test_without_a_floating_point_output_nothing_is_trained(tmp_path: Path) -> None:
    made = model([node("ArgMax", ["x"], ["y"])], [value("x", ["batch", 8])], ["y"])
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    backward = audited(path).step.backward
    assert backward.overhead_s == 0.0


class TestDimensions:
    BERT = EXAMPLES / "bert_base.onnx"

    def test_a_longer_sequence_is_more_than_twice_the_work(self) -> None:
        # 4 * 768^2 + 2 * 768 * 3072 + 2 * s * 768 MACs a token and layer.
        found = macs_per_sample(audited(self.BERT, dims={"sequence": 256}))
        assert found == 12 * 256 * (7_077_888 + 2 * 256 * 768) + 589_824 + 1_536

    def test_the_sequence_counts_tokens(self) -> None:
        found = audited(self.BERT, samples=None, tokens=256e6, dims={"sequence": 256})
        assert (found.workload.sequence_length, found.workload.samples) == (256, 1e6)

    def test_an_image_has_no_tokens(self) -> None:
        with pytest.raises(PlanError, match="--samples"):
            audited(EXAMPLES / "resnet50.onnx", samples=None, tokens=1e6)

    def test_shapes_bind_what_dims_bind(self) -> None:
        by_dim = audited(self.BERT, batch_size=16, dims={"sequence": 64})
        shape = (16, 64)
        by_shape = audited(
            self.BERT,
            batch_size=16,
            dims={},
            shapes={"input_ids": shape, "attention_mask": shape},
        )
        assert by_shape.estimate == by_dim.estimate
        assert dict(by_shape.bound.shapes) == dict(by_dim.bound.shapes)

    def test_unbound_dimensions_are_named_with_the_option_that_binds_them(self) -> None:
        with pytest.raises(ShapeError, match="--dim sequence=128"):
            audited(self.BERT, dims={})

    @pytest.mark.parametrize(
        ("plan", "culprit"),
        [
            ({"dims": {"sequence": 128, "width": 3}}, "--dim width"),
            ({"shapes": {"nobody": (1, 2)}}, "--shape nobody"),
            ({"shapes": {"input_ids": (1, 2, 3)}}, "--shape input_ids=1x2x3"),
        ],
    )
    def test_bindings_of_what_is_not_there_are_refused(
        self, plan: dict[str, Any], culprit: str
    ) -> None:
        with pytest.raises(ShapeError, match=culprit):
            audited(self.BERT, **plan)


class TestNothingToTrain:
    @staticmethod
    def saved(folder: Path, dtype: str) -> Path:
        """A graph that hands out a constant."""
        proto = model(
            [node("Identity", ["c"], ["y"])],
            [],
            [untyped("y")],
            [constant("c", [1, 2], dtype)],
        )
        path = folder / "constant.onnx"
        path.write_bytes(proto.SerializeToString())
        return path

    def test_a_step_of_nothing_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match=r"constant\.onnx: nothing with a known cost runs"):
            audited(self.saved(tmp_path, "int64"))

    def test_a_step_without_parameters_is_said_to_be_one(self, tmp_path: Path) -> None:
        found = audited(self.saved(tmp_path, "float32"))
        assert any("no parameter that is trained" in line for line in found.warnings)


class TestFit:
    def test_the_largest_batch_fits_and_the_next_does_not(self) -> None:
        path = EXAMPLES / "resnet50.onnx"
        largest = audited(path, hardware="v100-sxm2-16gb").fit.largest_batch_size
        assert largest is not None and largest > 1
        at, above = (
            audited(path, hardware="v100-sxm2-16gb", batch_size=largest + more) for more in (0, 1)
        )
        assert (at.fit.fits, above.fit.fits) == (True, False)
        assert any("does not fit v100-sxm2-16gb" in line for line in above.warnings)
        assert not any("does not fit" in line for line in at.warnings)

    def test_what_is_too_large_at_any_batch_says_so(self) -> None:
        found = audited(EXAMPLES / "vit_b_16.onnx", hardware="gtx1060-3gb", batch_size=1024)
        assert found.fit.fits is False

    def test_a_device_without_a_memory_of_its_own_is_not_judged(self) -> None:
        found = audited(EXAMPLES / "resnet50.onnx", hardware="epyc-7763", precision="fp32")
        assert (found.fit.fits, found.fit.largest_batch_size) == (None, None)


class TestPlans:
    def test_hardware_is_required(self) -> None:
        with pytest.raises(PlanError, match="--hardware"):
            audited(EXAMPLES / "resnet50.onnx", hardware=None)

    def test_the_facility_needs_a_pue(self) -> None:
        with pytest.raises(PlanError, match="--pue"):
            audited(EXAMPLES / "resnet50.onnx", scope="facility", region="FR")
        found = audited(EXAMPLES / "resnet50.onnx", scope="facility", region="gcp:us-central1")
        assert found.estimate.mean_power_w == pytest.approx(
            1.1 * (found.step.device_power_w + found.step.host_power_w)
        )

    def test_the_plan_is_checked_before_the_file_is_read(self) -> None:
        with pytest.raises(HardwareError, match="unknown accelerator"):
            audited(Path("there-is-no-such-file.onnx"), hardware="a1000000")

    def test_sam_needs_accuracy_and_an_amount_of_training(self) -> None:
        path = EXAMPLES / "resnet50.onnx"
        assert audited(path).sam is None
        assert audited(path, samples=None, accuracy=0.76).sam is None
        score = audited(path, samples=1_281_167, epochs=90, accuracy=0.76).sam
        assert score is not None and score.median is not None

    def test_sam_takes_the_electricity_of_the_headline(self) -> None:
        plan = {"samples": 1_281_167, "epochs": 90, "accuracy": 0.76, "scope": "gpu"}
        found = audited(EXAMPLES / "resnet50.onnx", **plan)
        assert found.sam is not None and found.estimate.energy is not None
        assert found.sam.energy_kwh == found.estimate.energy.gpu_kwh.median

    def test_eight_devices_take_eight_times_the_power_and_hardly_less_energy(self) -> None:
        path = EXAMPLES / "resnet50.onnx"
        one, eight = audited(path), audited(path, devices=8)
        assert eight.workload.global_batch_size == 8 * one.workload.global_batch_size
        # The all-reduce over NVLink hides but for a bucket: within 5 %, and never less.
        assert node_kwh(one) * 0.95 <= node_kwh(eight) <= node_kwh(one) * 1.05
        assert eight.estimate.duration_s is not None and one.estimate.duration_s is not None
        assert eight.estimate.duration_s.median == pytest.approx(
            one.estimate.duration_s.median / 8, rel=0.1
        )


@given(
    st.floats(1.0, 1e9), st.floats(0.1, 1e3), st.integers(1, 100), st.sampled_from(["gpu", "node"])
)
def test_a_whole_audit_is_linear_in_the_amount_of_training(
    samples: float, epochs: float, trials: int, scope: str
) -> None:
    path = MODELS / "alexnet.dynamo.onnx"
    one = node_kwh(audited(path, samples=1.0, scope=scope))
    many = node_kwh(audited(path, samples=samples, epochs=epochs, trials=trials, scope=scope))
    assert many == pytest.approx(one * samples * epochs * trials, rel=1e-12)
