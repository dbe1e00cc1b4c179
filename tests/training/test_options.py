"""What the plan changes in the training: what is trained, attention, checkpoints, shards."""

from __future__ import annotations

from typing import Any

import pytest
from builders import DATA, Setting, constant, model, node, profiled, value, weight
from onnx import ModelProto

from auditor.errors import PlanError
from auditor.profile import Profile
from auditor.sharding import Sharding
from auditor.training import Attention

B, W = 4, 8  # batch and width of the dense layers


def chain(layers: int = 4) -> ModelProto:
    """Dense layers of W x W with a sigmoid each, weights layer0.weight, layer1.weight, ..."""
    nodes, tensors, at = [], [], "x"
    for k in range(layers):
        nodes.append(node("MatMul", [at, f"layer{k}.weight"], [f"p{k}"], name=f"/net/{k}/MatMul"))
        nodes.append(node("Sigmoid", [f"p{k}"], [f"s{k}"]))
        tensors.append(weight(f"layer{k}.weight", W, W))
        at = f"s{k}"
    return model(nodes, [value("x", [B, W])], [value(at, [B, W])], tensors)


def found(proto: Any, **options: Any) -> Profile:
    dims = {"sequence": 64} if not isinstance(proto, ModelProto) else None
    return profiled(proto, Setting(batch=B, dims=dims, options=options))


def backward_macs(profile: Profile) -> int:
    return profile.backward.macs


LAYER = B * W * W  # multiply-accumulates of one product


def test_all_are_trained_by_default() -> None:
    # Every layer's weight, and every layer's input but the first's, which is the data.
    assert backward_macs(found(chain())) == 4 * LAYER + 3 * LAYER


def test_frozen_layers_at_the_start_need_no_backward_pass() -> None:
    profile = found(chain(), freeze=("layer0.*", "layer1.*"))
    # Weights of layers 2 and 3, the input of layer 3; nothing trained lies before layer 2.
    assert backward_macs(profile) == 2 * LAYER + LAYER
    assert profile.trained_parameter_count == 2 * W * W
    assert profile.training_parameter_count == 4 * W * W
    assert profile.memory.gradients_bytes == 4 * 2 * W * W
    assert profile.memory.parameters_bytes == 4 * 4 * W * W


def test_only_the_first_trained_sends_gradients_through_the_rest() -> None:
    profile = found(chain(), trainable=("layer0.weight",))
    # Its own weight, and the inputs of the three behind it.
    assert backward_macs(profile) == LAYER + 3 * LAYER


def test_a_pattern_may_name_the_module_that_uses_the_weight() -> None:
    assert found(chain(), trainable=("net.3",)).trained_parameter_count == W * W


@pytest.mark.parametrize("option", ["freeze", "trainable"])
def test_a_pattern_that_matches_nothing_is_refused(option: str) -> None:
    with pytest.raises(PlanError, match=rf"--{option} 'lyer0.weight': .* layer0.weight"):
        found(chain(), **{option: ("lyer0.weight",)})


def test_checkpointed_segments_run_forward_twice() -> None:
    plain, cut = found(chain()), found(chain(), checkpointing=2)
    # Two segments of two layers: the first runs once more.
    assert backward_macs(cut) - backward_macs(plain) == 2 * LAYER
    assert cut.training_forward == plain.training_forward


def test_checkpointing_saves_inputs_of_segments_alone() -> None:
    long = chain(16)
    plain, cut = found(long).memory, found(long, checkpointing=4).memory
    # A sigmoid's output is saved, 16 of them; cut in four, four inputs and four outputs of
    # the segment at work, with what is made meanwhile.
    size = 4 * B * W
    assert plain.saved_bytes == 16 * size + size  # and the data, which the first weight needs
    assert cut.saved_bytes < plain.saved_bytes / 2
    assert cut.activations_bytes < plain.activations_bytes / 1.5


def test_more_segments_than_places_to_cut_are_refused() -> None:
    with pytest.raises(PlanError, match=r"--checkpointing 100: .* segments at most"):
        found(chain(), checkpointing=100)


@pytest.mark.parametrize(
    ("sharding", "parameters", "gradients", "states"),
    [
        (Sharding.NONE, 1, 1, 1),
        (Sharding.ZERO1, 1, 1, 4),
        (Sharding.ZERO2, 1, 4, 4),
        (Sharding.ZERO3, 4, 4, 4),
    ],
)
def test_shards(sharding: Sharding, parameters: int, gradients: int, states: int) -> None:
    setting = Setting(batch=B, optimizer="adam", options={"sharding": sharding, "devices": 4})
    memory = profiled(chain(), setting).memory
    whole = 4 * (4 * W * W)  # four layers in fp32
    assert memory.parameters_bytes == whole // parameters
    assert memory.gradients_bytes == whole // gradients
    assert memory.optimizer_bytes == 2 * whole // states


H, S, D = 2, 16, 4  # heads, sequence, head size


def spelled_out() -> ModelProto:
    """Attention as exporters write it, behind projections that make it need gradients."""
    nodes = [
        *(node("MatMul", [n, f"{n}.w"], [f"{n}p"]) for n in ("q", "k", "v")),
        node("Transpose", ["kp"], ["kt"], perm=[0, 1, 3, 2]),
        node("MatMul", ["qp", "kt"], ["scores"]),
        node("Mul", ["scores", "scale"], ["scaled"]),
        node("Add", ["scaled", "mask"], ["masked"]),
        node("Softmax", ["masked"], ["weights"], axis=-1),
        node("MatMul", ["weights", "vp"], ["y"]),
    ]
    inputs = [value(n, [B, H, S, D]) for n in ("q", "k", "v")] + [value("mask", [B, 1, 1, S])]
    tensors = [weight(f"{n}.w", D, D) for n in ("q", "k", "v")]
    tensors.append(constant("scale", 0.5, "float32"))
    return model(nodes, inputs, [value("y", [B, H, S, D])], tensors)


SCORES = B * H * S * S


def test_flash_attention_stores_no_scores_and_computes_them_again() -> None:
    math, flash = found(spelled_out()), found(spelled_out(), attention=Attention.FLASH)
    assert flash.attention_count == 1
    assert flash.training_forward.macs == math.training_forward.macs
    # Q K^T once more, D multiply-accumulates a score.
    assert flash.backward.macs - math.backward.macs == SCORES * D
    # The softmax's output is gone; the output and a row's statistic, in fp32, are there.
    gone, kept = 4 * SCORES, 4 * B * H * S * D + 4 * B * H * S
    # The scores that the scaling needs are none: its factor is a constant.
    assert math.memory.saved_bytes - flash.memory.saved_bytes == gone - kept


def fused() -> ModelProto:
    nodes = [
        *(node("MatMul", [n, f"{n}.w"], [f"{n}p"]) for n in ("q", "k", "v")),
        node("Attention", ["qp", "kp", "vp"], ["y"]),
    ]
    inputs = [value(n, [B, H, S, D]) for n in ("q", "k", "v")]
    tensors = [weight(f"{n}.w", D, D) for n in ("q", "k", "v")]
    return model(nodes, inputs, [value("y", [B, H, S, D])], tensors, opset=23)


def test_a_fused_attention_spelled_out_saves_its_scores() -> None:
    flash, math = found(fused()), found(fused(), attention=Attention.MATH)
    assert math.attention_count == 1
    assert math.training_forward.macs == flash.training_forward.macs
    assert math.backward.macs == flash.backward.macs
    assert math.memory.saved_bytes - flash.memory.saved_bytes >= 4 * SCORES - 4 * B * H * S * D


@pytest.mark.parametrize(
    ("name", "layers"), [("bert_base.torchscript", 12), ("gpt_small.dynamo", 6)]
)
def test_the_attention_of_real_exports_is_found(name: str, layers: int) -> None:
    path = DATA / "models" / f"{name}.onnx"
    assert found(path, attention=Attention.FLASH).attention_count == layers
