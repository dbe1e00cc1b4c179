"""Batch normalization that the exporter folded away is found again, and only that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import DATA, Setting, model, node, profiled, shaped, value, weight
from onnx import ModelProto, NodeProto, TensorProto

from auditor.training import BatchNorm, Restored, restore_batch_normalization

Namer = Callable[[int], tuple[str, str, str]]  # weight, bias ("" for none), output


def chain(length: int, names: Namer, *, residual: bool = False, group: int = 1) -> ModelProto:
    """Convolutions of 4 channels, one behind the other, Relu between them."""
    nodes: list[NodeProto] = []
    tensors: list[TensorProto] = []
    at = "x"
    for index in range(length):
        w, b, out = names(index)
        inputs = [at, w, b] if b else [at, w]
        nodes.append(node("Conv", inputs, [out], pads=[1] * 4, group=group, name=f"conv{index}"))
        tensors += [weight(w, 4, 4 // group, 3, 3)] + ([weight(b, 4)] if b else [])
        after = out
        if residual and index:
            after = f"sum{index}"
            nodes.append(node("Add", [out, at], [after]))
        at = f"relu{index}"
        nodes.append(node("Relu", [after], [at]))
    return model(nodes, [value("x", [2, 4, 6, 6])], [at], tensors)


def restored(proto: ModelProto, mode: BatchNorm = BatchNorm.AUTO) -> Restored:
    return restore_batch_normalization(shaped(proto), mode)


def torchscript(index: int) -> tuple[str, str, str]:
    return f"onnx::Conv_{497 + 3 * index}", f"onnx::Conv_{498 + 3 * index}", f"/conv{index}/out"


def old_torchscript(index: int) -> tuple[str, str, str]:
    return f"{497 + 3 * index}", f"{498 + 3 * index}", f"{900 + index}"


def dynamo(index: int) -> tuple[str, str, str]:
    return f"layer{index}.weight", f"layer{index}.weight_bias", f"getitem_{3 * index}"


def dynamo_without_bias(index: int) -> tuple[str, str, str]:
    return f"layer{index}.weight", "", "getitem" if index == 0 else f"getitem_{3 * index}"


def own(index: int) -> tuple[str, str, str]:
    return f"layer{index}.weight", f"layer{index}.bias", f"/conv{index}/out"


def swallowed(index: int) -> tuple[str, str, str]:
    """A convolution with a bias of its own before the normalization, by the dynamo exporter."""
    return f"layer{index}.weight", f"layer{index}.bias", f"getitem_{3 * index}"


def unknown(index: int) -> tuple[str, str, str]:
    return f"w{index}", f"b{index}", f"c{index}"


def unknown_without_bias(index: int) -> tuple[str, str, str]:
    return f"w{index}", "", f"c{index}"


@pytest.mark.parametrize(
    "names", [torchscript, old_torchscript, dynamo, dynamo_without_bias, swallowed]
)
def test_exporters_names_give_folding_away(names: Namer) -> None:
    found = restored(chain(3, names))
    assert (found.count, found.undecided) == (3, 0)
    kinds = [op.op_type for op in found.graph.operations]
    assert kinds == ["Conv", "BatchNormalization", "Relu"] * 3


def test_a_convolution_keeps_what_was_its_own() -> None:
    # folding made the biases, 4 each; scale and shift of 4 channels come back
    made = restored(chain(3, dynamo))
    assert sorted(made.dropped) == [f"layer{i}.weight_bias" for i in range(3)]
    assert sum(v.size for v in made.added.values()) == 3 * 2 * 4
    # here the bias is the convolution's, and stays beside scale and shift
    kept = restored(chain(3, swallowed))
    assert kept.dropped == frozenset()
    assert [len(op.inputs) for op in kept.graph.operations if op.op_type == "Conv"] == [3] * 3


def test_a_plain_chain_with_its_own_biases_is_left_alone() -> None:
    found = restored(chain(12, own))
    assert (found.count, found.undecided) == (0, 0)


def test_a_residual_network_of_unknown_names_had_normalization() -> None:
    found = restored(chain(9, unknown, residual=True))
    assert (found.count, found.undecided) == (9, 0)


def test_so_had_a_depthwise_one() -> None:
    assert restored(chain(9, unknown, group=4)).count == 9


def test_so_had_one_without_any_bias() -> None:
    assert restored(chain(9, unknown_without_bias)).count == 9


def test_a_plain_chain_of_unknown_names_is_undecided() -> None:
    found = restored(chain(9, unknown))
    assert (found.count, found.undecided) == (0, 9)


def test_a_short_chain_is_as_likely_to_have_had_none() -> None:
    # fewer than eight convolutions
    found = restored(chain(7, unknown, residual=True))
    assert (found.count, found.undecided) == (0, 7)


@pytest.mark.parametrize("names", [torchscript, own, unknown])
def test_the_user_decides(names: Namer) -> None:
    proto = chain(4, names)
    assert restored(proto, BatchNorm.KEEP).count == 0
    assert restored(proto, BatchNorm.RESTORE).count == 4


def test_a_convolution_before_a_normalization_lost_none() -> None:
    names = ["scale", "shift", "mean", "variance"]
    nodes = [
        node("Conv", ["x", "onnx::Conv_1", "onnx::Conv_2"], ["c"]),
        node("BatchNormalization", ["c", *names], ["y"]),
    ]
    tensors = [weight("onnx::Conv_1", 4, 4, 1, 1), weight("onnx::Conv_2", 4)]
    tensors += [weight(n, 4) for n in names]
    proto = model(nodes, [value("x", [2, 4, 6, 6])], ["y"], tensors)
    assert restored(proto).count == 0
    assert restored(proto, BatchNorm.RESTORE).count == 0


def test_a_network_that_kept_some_normalizations_gets_back_the_others() -> None:
    """As DenseNet: one stands before its convolution, and cannot be folded."""
    names = ["scale", "shift", "mean", "variance"]
    nodes = [
        node("Conv", ["x", "onnx::Conv_1", "onnx::Conv_2"], ["c"]),
        node("BatchNormalization", ["c2", *names], ["n"]),
        node("Conv", ["n", "features.conv.weight"], ["y"]),
    ]
    nodes.insert(1, node("Relu", ["c"], ["c2"]))
    tensors = [weight("onnx::Conv_1", 4, 4, 1, 1), weight("onnx::Conv_2", 4)]
    tensors += [weight("features.conv.weight", 4, 4, 1, 1), *(weight(n, 4) for n in names)]
    found = restored(model(nodes, [value("x", [2, 4, 6, 6])], ["y"], tensors))
    assert found.count == 1
    kinds = [op.op_type for op in found.graph.operations]
    assert kinds == ["Conv", "BatchNormalization", "Relu", "BatchNormalization", "Conv"]


def test_a_product_of_activations_is_no_convolution_to_restore() -> None:
    nodes = [node("Conv", ["x", "k"], ["y"])]
    inputs = [value("x", [2, 4, 6, 6]), value("k", [4, 4, 3, 3])]
    assert restored(model(nodes, inputs, ["y"]), BatchNorm.RESTORE).count == 0


@pytest.mark.parametrize(
    ("file", "count"),
    # counted in torch: modules of BatchNorm2d that follow a convolution
    [
        ("resnet50.torchscript", 53),
        ("resnet50.dynamo", 53),
        ("resnet50.torchscript.defaultinit", 53),
        ("resnet50.dynamo.defaultinit", 53),
        ("resnet50.torchscript.preserve_eval", 0),
        ("mobilenetv2.torchscript", 52),
        ("mobilenetv2.dynamo", 52),
        ("efficientnet_b0.torchscript", 49),
        ("efficientnet_b0.dynamo", 49),
        ("vgg11_bn.torchscript", 8),
        ("vgg11_bn.dynamo", 8),
        ("vgg11.torchscript", 0),
        ("vgg11.dynamo", 0),
        ("alexnet.torchscript", 0),
        ("squeezenet1_1.torchscript", 0),
        ("squeezenet1_1.dynamo", 0),
        # 121 in all: the stem's and one in each of 58 layers stand behind a convolution
        ("densenet121.torchscript", 59),
        ("densenet121.dynamo", 59),
        ("vit_b_16.torchscript", 0),
        ("convnext_tiny.torchscript", 0),
    ],
)
def test_normalizations_of_real_networks(file: str, count: int) -> None:
    found = profiled(DATA / "models" / f"{file}.onnx")
    assert (found.restored_count, found.undecided_count) == (count, 0)


@pytest.mark.parametrize("network", ["resnet50", "mobilenetv2"])
@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_a_folded_export_profiles_as_the_one_that_kept_its_normalizations(
    network: str, exporter: str
) -> None:
    setting = Setting(batch=8, precision="amp", optimizer="momentum")
    folder = DATA / "models"
    folded = profiled(folder / f"{network}.{exporter}.onnx", setting)
    kept = profiled(folder / f"{network}.torchscript.preserve_train.onnx", setting)
    assert folded.training_parameter_count == kept.training_parameter_count
    for part in ("training_forward", "backward"):
        mine, theirs = getattr(folded, part), getattr(kept, part)
        assert mine.flops == pytest.approx(theirs.flops, rel=0.02)
        assert mine.read_bytes == pytest.approx(theirs.read_bytes, rel=0.02)
        assert mine.written_bytes == pytest.approx(theirs.written_bytes, rel=0.02)
    assert folded.memory.total_bytes == pytest.approx(kept.memory.total_bytes, rel=0.02)
