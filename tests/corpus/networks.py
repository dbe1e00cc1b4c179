"""What is in the corpus: networks of torchvision, timm and transformers, and plain ones.

Every network is small where its family has a configuration, and as deep as it really is where it
has none; images are small throughout.  The point is variety of operators and of structure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import make_examples as zoo
import plain_networks as plain
import torch
from torch import nn

Inputs = dict[str, torch.Tensor]
Axes = Mapping[str, Mapping[int, str]]
MakeInputs = Callable[[int, int], Inputs]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network of the corpus: how to build it, feed it and name its dynamic axes."""

    name: str
    kind: str
    origin: str
    build: Callable[[], nn.Module]
    make_inputs: MakeInputs
    axes: Axes
    options: Mapping[str, Any] = field(default_factory=dict)


class One(nn.Module):
    """A network of transformers with one input; the outputs are picked by `pick`."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], pick: tuple[str, ...]) -> None:
        """Wrap ``model``."""
        super().__init__()
        self.model, self.names, self.pick = model, names, pick

    def call(self, *tensors: torch.Tensor) -> Any:
        """Give the tensors under their names; return the outputs wanted, or the first."""
        out = self.model(**dict(zip(self.names, tensors, strict=True)))
        if not self.pick:
            return out[0] if isinstance(out, tuple | list) or hasattr(out, "to_tuple") else out
        picked = tuple(out[key] for key in self.pick)
        return picked if len(picked) > 1 else picked[0]

    def forward(self, a: torch.Tensor) -> Any:
        """Return the outputs wanted."""
        return self.call(a)


class Two(One):
    """The same with two inputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
        """Return the outputs wanted."""
        return self.call(a, b)


class Three(One):
    """The same with three inputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> Any:
        """Return the outputs wanted."""
        return self.call(a, b, c)


WRAPPERS = {1: One, 2: Two, 3: Three}


def _names(make_inputs: MakeInputs) -> tuple[str, ...]:
    return tuple(make_inputs(1, 8))


# --- inputs -----------------------------------------------------------------------------------


def images(size: int, channels: int = 3, name: str = "input") -> MakeInputs:
    return lambda batch, _: {name: torch.randn(batch, channels, size, size)}


def tokens(vocabulary: int = 1000, *more: str) -> MakeInputs:
    """Token numbers and a full mask, and further token inputs by name."""

    def make(batch: int, length: int) -> Inputs:
        ids = torch.randint(3, vocabulary, (batch, length))
        made = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        return made | {key: torch.randint(3, vocabulary, (batch, length)) for key in more}

    return make


def only_tokens(vocabulary: int = 1000) -> MakeInputs:
    return lambda batch, length: {"input_ids": torch.randint(3, vocabulary, (batch, length))}


def audio(samples: int) -> MakeInputs:
    return lambda batch, _: {"input_values": torch.randn(batch, samples)}


def normal(**shapes: tuple[int, ...]) -> MakeInputs:
    """Normal numbers; every shape is without the batch."""
    return lambda batch, _: {key: torch.randn(batch, *shape) for key, shape in shapes.items()}


def batch_axes(make_inputs: MakeInputs) -> Axes:
    return {name: {0: "batch"} for name in _names(make_inputs)}


def token_axes(make_inputs: MakeInputs) -> Axes:
    axes = {}
    for name in _names(make_inputs):
        second = "decoder_sequence" if name.startswith("decoder") else "sequence"
        axes[name] = {0: "batch"} | ({1: second} if "ids" in name or "mask" in name else {})
    return axes


# --- constructors -----------------------------------------------------------------------------


def torchvision(name: str, size: int = 96, kind: str = "cnn", **options: Any) -> Entry:
    """An image classifier of torchvision."""

    def build() -> nn.Module:
        models = zoo.import_torchvision().models
        extra = {"weights": None} | options
        return getattr(models, name)(**extra)

    make = images(size)
    origin = f"torchvision {name}, {size} px"
    return Entry(
        name=name, kind=kind, origin=origin, build=build, make_inputs=make, axes=batch_axes(make)
    )


class Field(nn.Module):
    """A segmentation network of torchvision, giving its map and not a dictionary."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap ``model``."""
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the map of classes."""
        return self.model(x)["out"]


def segmentation(name: str, size: int = 96) -> Entry:
    """A segmentation network of torchvision."""

    def build() -> nn.Module:
        module = zoo.import_torchvision().models.segmentation
        return Field(getattr(module, name)(weights=None, weights_backbone=None, num_classes=8))

    make = images(size)
    return Entry(
        name=name,
        kind="segmentation",
        origin=f"torchvision segmentation {name}, 8 classes, {size} px",
        build=build,
        make_inputs=make,
        axes=batch_axes(make),
    )


def video(name: str, frames: int, size: int) -> Entry:
    """A video classifier of torchvision."""

    def build() -> nn.Module:
        return getattr(zoo.import_torchvision().models.video, name)(weights=None, num_classes=20)

    make = normal(input=(3, frames, size, size))
    return Entry(
        name=name,
        kind="video",
        origin=f"torchvision video {name}, {frames} frames of {size} px",
        build=build,
        make_inputs=make,
        axes=batch_axes(make),
    )


def timm(name: str, size: int = 96, as_name: str = "", kind: str = "cnn", **options: Any) -> Entry:
    """An image classifier of timm."""

    def build() -> nn.Module:
        zoo.import_torchvision()
        import timm as library

        return library.create_model(name, pretrained=False, num_classes=20, **options)

    make = images(size)
    said = "".join(f", {key}={value}" for key, value in options.items())
    return Entry(
        name=as_name or name,
        kind=kind,
        origin=f"timm {name}, {size} px, 20 classes{said}",
        build=build,
        make_inputs=make,
        axes=batch_axes(make),
    )


def transformer(
    name: str, cls: str, config_cls: str, make: MakeInputs, kind: str = "language", **settings: Any
) -> Entry:
    """A network of transformers from its configuration; `pick` and `axes` may be settings."""
    pick = tuple(settings.pop("pick", ()))
    axes = settings.pop("axes", None)
    plain_config = settings.pop("plain", False)

    def build() -> nn.Module:
        zoo.import_torchvision()
        import transformers

        common = {} if plain_config else {"use_cache": False, "attn_implementation": "eager"}
        config = getattr(transformers, config_cls)(**common, **settings)
        names = _names(make)
        return WRAPPERS[len(names)](getattr(transformers, cls)(config), names, pick)

    written = ", ".join(f"{key}={value}" for key, value in settings.items())
    return Entry(
        name=name,
        kind=kind,
        origin=f"transformers {cls}({config_cls}({written}))",
        build=build,
        make_inputs=make,
        axes=axes if axes is not None else token_axes(make),
    )


def own(
    name: str, kind: str, build: Callable[[], nn.Module], make: MakeInputs, axes: Any = None
) -> Entry:
    """A network of this folder."""
    axes = axes if axes is not None else batch_axes(make)
    origin = "plain torch, plain_networks.py"
    return Entry(name=name, kind=kind, origin=origin, build=build, make_inputs=make, axes=axes)


# --- the corpus -------------------------------------------------------------------------------

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 1000,
}
GROUPED = SMALL | {"num_key_value_heads": 2}
BART = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "vocab_size": 1000,
}
VISION = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
SPEECH = VISION | {
    "vocab_size": 32,
    "conv_dim": (32, 32, 32),
    "conv_stride": (5, 2, 2),
    "conv_kernel": (10, 3, 2),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
PIXELS = images(64, name="pixel_values")
PIXEL_AXES = {"pixel_values": {0: "batch"}}


def graph_inputs(make_edges: Callable[[int], Inputs]) -> MakeInputs:
    return lambda _, nodes: {"x": torch.randn(nodes, 32)} | make_edges(nodes)


def edges(nodes: int) -> Inputs:
    count = 4 * nodes
    ring = torch.stack([torch.arange(count) % nodes, (torch.arange(count) * 7 + 1) % nodes])
    return {"edges": ring}


def neighbours(nodes: int) -> Inputs:
    return {"neighbours": torch.randint(0, nodes, (nodes, 5))}


def whisper_inputs(batch: int, length: int) -> Inputs:
    ids = torch.randint(3, 1000, (batch, length))
    return {"input_features": torch.randn(batch, 16, 128), "decoder_input_ids": ids}


def speech_to_text_inputs(batch: int, length: int) -> Inputs:
    ids = torch.randint(3, 1000, (batch, length))
    return {"input_features": torch.randn(batch, 64, 16), "decoder_input_ids": ids}


def text_and_image(batch: int, length: int) -> Inputs:
    return tokens()(batch, length) | {"pixel_values": torch.randn(batch, 3, 64, 64)}


def ids_and_image(batch: int, length: int) -> Inputs:
    return {
        "input_ids": torch.randint(3, 1000, (batch, length)),
        "pixel_values": torch.randn(batch, 3, 64, 64),
    }


WHISPER_AXES = {
    "input_features": {0: "batch"},
    "decoder_input_ids": {0: "batch", 1: "decoder_sequence"},
}
GRAPH_AXES = {"x": {0: "nodes"}, "edges": {1: "edges"}}
TOWERS = {"text_config": SMALL, "vision_config": VISION | {"image_size": 64, "patch_size": 16}}

CNNS = (
    torchvision("resnet18"),
    torchvision("resnext50_32x4d"),
    torchvision("wide_resnet50_2"),
    torchvision("regnet_x_400mf"),
    torchvision("regnet_y_400mf"),
    torchvision("mnasnet0_5"),
    torchvision("shufflenet_v2_x0_5"),
    torchvision("googlenet", aux_logits=False, init_weights=False),
    torchvision("inception_v3", 128, aux_logits=False, init_weights=False),
    torchvision("mobilenet_v3_small"),
    torchvision("efficientnet_v2_s"),
    torchvision("densenet169"),
    timm("ghostnet_100"),
    timm("nf_regnet_b0"),
    timm("dpn48b"),
    timm("hrnet_w18_small"),
    timm("cspdarknet53"),
    timm("repvgg_a0"),
    timm("res2net50_26w_4s"),
    timm("skresnet18"),
    timm("legacy_seresnet18"),
    timm("legacy_xception", 128),
    timm("rexnet_100"),
    timm("tresnet_m"),
    timm("mixnet_s"),
    timm("vovnet39a"),
    timm("dla34"),
    timm("resnest14d"),
    timm("mobilenetv4_conv_small"),
    timm("lambda_resnet26t", 128),
    timm("botnet26t_256", 256),
    timm("halonet26t", 256),
    timm("starnet_s1"),
    timm("inception_next_tiny", depths=(2, 2, 2, 2)),
    timm("convnextv2_atto"),
)
TRANSFORMERS_OF_IMAGES = tuple(
    timm(name, size, kind="vision transformer", **options)
    for name, size, options in (
        ("levit_128s", 224, {}),
        ("mobilevit_xxs", 128, {}),
        ("mobilevitv2_050", 128, {}),
        ("mixer_s32_224", 224, {}),
        ("resmlp_12_224", 224, {}),
        ("poolformer_s12", 96, {}),
        ("edgenext_xx_small", 128, {}),
        ("fastvit_t8", 128, {}),
        ("coat_lite_tiny", 64, {"img_size": 64}),
        ("cait_xxs24_224", 96, {"img_size": 96, "depth": 3}),
        ("deit_tiny_distilled_patch16_224", 96, {"img_size": 96, "depth": 3}),
        (
            "beit_base_patch16_224",
            96,
            {"img_size": 96, "depth": 2, "embed_dim": 96, "num_heads": 3},
        ),
        ("xcit_nano_12_p16_224", 96, {"img_size": 96, "depth": 3}),
        ("pvt_v2_b0", 96, {"depths": (1, 1, 1, 1)}),
        ("twins_svt_small", 112, {"depths": (1, 1, 2, 2)}),
        ("maxvit_rmlp_pico_rw_256", 256, {}),
        ("crossvit_9_240", 240, {}),
        ("davit_tiny", 96, {"depths": (1, 1, 2, 1)}),
        ("tnt_s_legacy_patch16_224", 224, {"depth": 3}),
        ("visformer_tiny", 224, {}),
        ("swinv2_tiny_window8_256", 64, {"img_size": 64, "depths": (1, 1, 2, 1)}),
        ("eva02_tiny_patch14_224", 112, {"img_size": 112, "depth": 2}),
        ("hiera_tiny_224", 224, {"stages": (1, 1, 1, 1)}),
        ("efficientformer_l1", 224, {}),
        ("efficientvit_b0", 96, {}),
        ("sequencer2d_s", 224, {"layers": (1, 1, 1, 1)}),
        ("coatnet_nano_rw_224", 224, {}),
        ("vit_relpos_small_patch16_224", 96, {"img_size": 96, "depth": 2}),
    )
)
LANGUAGE = (
    transformer(
        "albert", "AlbertForMaskedLM", "AlbertConfig", tokens(), embedding_size=32, **SMALL
    ),
    transformer(
        "electra", "ElectraForPreTraining", "ElectraConfig", tokens(), embedding_size=32, **SMALL
    ),
    transformer("roberta", "RobertaForSequenceClassification", "RobertaConfig", tokens(), **SMALL),
    transformer(
        "deberta_v2",
        "DebertaV2ForSequenceClassification",
        "DebertaV2Config",
        tokens(),
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        max_position_embeddings=64,
        position_biased_input=False,
        **SMALL,
    ),
    transformer("mpnet", "MPNetForMaskedLM", "MPNetConfig", tokens(), **SMALL),
    transformer(
        "funnel",
        "FunnelForSequenceClassification",
        "FunnelConfig",
        tokens(),
        d_model=64,
        n_head=4,
        d_head=16,
        d_inner=128,
        vocab_size=1000,
        block_sizes=[1, 1, 1],
        plain=True,
    ),
    transformer(
        "xlnet",
        "XLNetForSequenceClassification",
        "XLNetConfig",
        tokens(),
        d_model=64,
        n_layer=2,
        n_head=4,
        d_inner=128,
        vocab_size=1000,
        plain=True,
    ),
    transformer(
        "opt",
        "OPTForCausalLM",
        "OPTConfig",
        tokens(),
        hidden_size=64,
        ffn_dim=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=1000,
        word_embed_proj_dim=64,
    ),
    transformer(
        "gpt_neo",
        "GPTNeoForCausalLM",
        "GPTNeoConfig",
        tokens(),
        hidden_size=64,
        num_layers=2,
        num_heads=4,
        vocab_size=1000,
        attention_types=[[["global", "local"], 1]],
        window_size=8,
    ),
    transformer(
        "gptj",
        "GPTJForCausalLM",
        "GPTJConfig",
        tokens(),
        n_embd=64,
        n_layer=2,
        n_head=4,
        rotary_dim=8,
        vocab_size=1000,
    ),
    transformer("gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXConfig", tokens(), **SMALL),
    transformer(
        "bloom",
        "BloomForCausalLM",
        "BloomConfig",
        tokens(),
        hidden_size=64,
        n_layer=2,
        n_head=4,
        vocab_size=1000,
    ),
    transformer(
        "falcon",
        "FalconForCausalLM",
        "FalconConfig",
        tokens(),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=1000,
    ),
    transformer("phi", "PhiForCausalLM", "PhiConfig", tokens(), **SMALL),
    transformer("gemma", "GemmaForCausalLM", "GemmaConfig", tokens(), head_dim=16, **GROUPED),
    transformer(
        "gemma2",
        "Gemma2ForCausalLM",
        "Gemma2Config",
        tokens(),
        head_dim=16,
        sliding_window=8,
        **GROUPED,
    ),
    transformer(
        "mistral", "MistralForCausalLM", "MistralConfig", tokens(), sliding_window=16, **GROUPED
    ),
    transformer("qwen2", "Qwen2ForCausalLM", "Qwen2Config", tokens(), **GROUPED),
    transformer("qwen3", "Qwen3ForCausalLM", "Qwen3Config", tokens(), head_dim=16, **GROUPED),
    transformer(
        "mixtral", "MixtralForCausalLM", "MixtralConfig", tokens(), num_local_experts=4, **GROUPED
    ),
    transformer(
        "mamba",
        "MambaForCausalLM",
        "MambaConfig",
        only_tokens(),
        hidden_size=32,
        num_hidden_layers=2,
        state_size=8,
        vocab_size=1000,
        use_cache=False,
        plain=True,
    ),
    transformer(
        "rwkv",
        "RwkvForCausalLM",
        "RwkvConfig",
        only_tokens(),
        hidden_size=32,
        num_hidden_layers=2,
        attention_hidden_size=32,
        intermediate_size=64,
        vocab_size=1000,
        use_cache=False,
        plain=True,
    ),
    transformer(
        "bart",
        "BartForConditionalGeneration",
        "BartConfig",
        tokens(1000, "decoder_input_ids"),
        **BART,
    ),
    transformer(
        "pegasus",
        "PegasusForConditionalGeneration",
        "PegasusConfig",
        tokens(1000, "decoder_input_ids"),
        **BART,
    ),
    transformer(
        "marian",
        "MarianMTModel",
        "MarianConfig",
        tokens(1000, "decoder_input_ids"),
        pad_token_id=0,
        **BART,
    ),
    transformer(
        "m2m100",
        "M2M100ForConditionalGeneration",
        "M2M100Config",
        tokens(1000, "decoder_input_ids"),
        **BART,
    ),
    transformer(
        "mt5",
        "MT5ForConditionalGeneration",
        "MT5Config",
        tokens(1000, "decoder_input_ids"),
        d_model=64,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        vocab_size=1000,
    ),
    transformer(
        "umt5_encoder",
        "UMT5EncoderModel",
        "UMT5Config",
        tokens(),
        d_model=64,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        vocab_size=1000,
    ),
    transformer(
        "fnet",
        "FNetForSequenceClassification",
        "FNetConfig",
        only_tokens(),
        hidden_size=64,
        num_hidden_layers=2,
        intermediate_size=128,
        vocab_size=1000,
        plain=True,
    ),
    transformer(
        "squeezebert",
        "SqueezeBertForSequenceClassification",
        "SqueezeBertConfig",
        tokens(),
        embedding_size=64,
        **SMALL,
    ),
    transformer(
        "mobilebert",
        "MobileBertForMaskedLM",
        "MobileBertConfig",
        tokens(),
        embedding_size=32,
        intra_bottleneck_size=32,
        true_hidden_size=32,
        **SMALL,
    ),
    transformer(
        "convbert",
        "ConvBertForSequenceClassification",
        "ConvBertConfig",
        tokens(),
        embedding_size=32,
        **SMALL,
    ),
    transformer(
        "roformer", "RoFormerForMaskedLM", "RoFormerConfig", tokens(), embedding_size=64, **SMALL
    ),
    transformer(
        "gpt_bigcode",
        "GPTBigCodeForCausalLM",
        "GPTBigCodeConfig",
        tokens(),
        n_embd=64,
        n_layer=2,
        n_head=4,
        vocab_size=1000,
    ),
    transformer(
        "codegen",
        "CodeGenForCausalLM",
        "CodeGenConfig",
        tokens(),
        n_embd=64,
        n_layer=2,
        n_head=4,
        rotary_dim=8,
        vocab_size=1000,
    ),
    transformer("stablelm", "StableLmForCausalLM", "StableLmConfig", tokens(), **GROUPED),
    transformer("cohere", "CohereForCausalLM", "CohereConfig", tokens(), **GROUPED),
    transformer(
        "longformer",
        "LongformerForSequenceClassification",
        "LongformerConfig",
        tokens(),
        attention_window=16,
        plain=True,
        axes={},
        **SMALL,
    ),
    transformer(
        "big_bird",
        "BigBirdForMaskedLM",
        "BigBirdConfig",
        tokens(),
        attention_type="original_full",
        **SMALL,
    ),
    transformer(
        "modernbert",
        "ModernBertForMaskedLM",
        "ModernBertConfig",
        tokens(),
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
        local_attention=16,
        **SMALL,
    ),
)
MORE_TRANSFORMERS = (
    transformer(
        "segformer",
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        PIXELS,
        "segmentation",
        depths=[1, 1, 1, 1],
        hidden_sizes=[16, 32, 48, 64],
        num_attention_heads=[1, 2, 2, 4],
        decoder_hidden_size=32,
        num_labels=8,
        axes=PIXEL_AXES,
    ),
    transformer(
        "yolos",
        "YolosForObjectDetection",
        "YolosConfig",
        PIXELS,
        "detection",
        image_size=[64, 64],
        patch_size=16,
        num_detection_tokens=10,
        pick=("logits", "pred_boxes"),
        axes=PIXEL_AXES,
        **VISION,
    ),
    transformer(
        "dpt",
        "DPTForDepthEstimation",
        "DPTConfig",
        PIXELS,
        "segmentation",
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 24, 32, 48],
        fusion_hidden_size=32,
        axes=PIXEL_AXES,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
    ),
    transformer(
        "swin2sr",
        "Swin2SRForImageSuperResolution",
        "Swin2SRConfig",
        PIXELS,
        "super-resolution",
        image_size=64,
        embed_dim=32,
        depths=[2, 2],
        num_heads=[2, 2],
        window_size=8,
        axes=PIXEL_AXES,
    ),
    transformer(
        "clipseg_vision",
        "CLIPVisionModelWithProjection",
        "CLIPVisionConfig",
        PIXELS,
        "vision transformer",
        image_size=64,
        patch_size=16,
        projection_dim=32,
        axes=PIXEL_AXES,
        **VISION,
    ),
    transformer(
        "dinov2",
        "Dinov2ForImageClassification",
        "Dinov2Config",
        PIXELS,
        "vision transformer",
        image_size=64,
        patch_size=16,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        axes=PIXEL_AXES,
    ),
    transformer(
        "siglip", "SiglipModel", "SiglipConfig", ids_and_image, "vision-language", **TOWERS
    ),
    transformer(
        "vilt",
        "ViltModel",
        "ViltConfig",
        text_and_image,
        "vision-language",
        image_size=64,
        patch_size=16,
        max_image_length=-1,
        axes={},
        **SMALL,
    ),
    transformer(
        "blip_text_image",
        "BlipForImageTextRetrieval",
        "BlipConfig",
        text_and_image,
        "vision-language",
        text_config=SMALL | {"encoder_hidden_size": 64},
        vision_config=VISION | {"image_size": 64, "patch_size": 16},
        image_text_hidden_size=32,
        projection_dim=32,
    ),
    transformer(
        "wav2vec2",
        "Wav2Vec2ForCTC",
        "Wav2Vec2Config",
        audio(2000),
        "speech",
        axes={"input_values": {0: "batch"}},
        **SPEECH,
    ),
    transformer(
        "hubert",
        "HubertForCTC",
        "HubertConfig",
        audio(2000),
        "speech",
        axes={"input_values": {0: "batch"}},
        **SPEECH,
    ),
    transformer(
        "wavlm",
        "WavLMForCTC",
        "WavLMConfig",
        audio(2000),
        "speech",
        axes={"input_values": {0: "batch"}},
        **SPEECH,
    ),
    transformer(
        "whisper",
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        whisper_inputs,
        "speech",
        num_mel_bins=16,
        max_source_positions=64,
        max_target_positions=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        axes=WHISPER_AXES,
        **BART,
    ),
    transformer(
        "speech_to_text",
        "Speech2TextForConditionalGeneration",
        "Speech2TextConfig",
        speech_to_text_inputs,
        "speech",
        input_feat_per_channel=16,
        conv_channels=32,
        max_source_positions=64,
        max_target_positions=64,
        pad_token_id=0,
        axes=WHISPER_AXES,
        **BART,
    ),
    transformer(
        "audio_spectrogram",
        "ASTForAudioClassification",
        "ASTConfig",
        normal(input_values=(64, 32)),
        "speech",
        max_length=64,
        num_mel_bins=32,
        axes={"input_values": {0: "batch"}},
        **VISION,
    ),
    transformer(
        "patchtst",
        "PatchTSTForPrediction",
        "PatchTSTConfig",
        normal(past_values=(48, 3)),
        "time series",
        num_input_channels=3,
        context_length=48,
        patch_length=8,
        patch_stride=8,
        prediction_length=12,
        d_model=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        ffn_dim=64,
        loss="mse",
        axes={"past_values": {0: "batch"}},
    ),
    transformer(
        "perceiver",
        "PerceiverForSequenceClassification",
        "PerceiverConfig",
        tokens(262),
        "language",
        num_latents=16,
        d_latents=64,
        d_model=48,
        num_blocks=1,
        num_self_attends_per_block=2,
        num_self_attention_heads=4,
        num_cross_attention_heads=4,
        pick=("logits",),
        plain=True,
        max_position_embeddings=32,
        axes={},
    ),
)
SEGMENTATION = (
    segmentation("fcn_resnet50"),
    segmentation("deeplabv3_mobilenet_v3_large"),
    segmentation("lraspp_mobilenet_v3_large"),
)
VIDEO = (
    video("r3d_18", 8, 32),
    video("mc3_18", 8, 32),
    video("r2plus1d_18", 8, 32),
)
_TOKENS_500 = only_tokens(500)
_SEQUENCES = {"input_ids": {0: "batch", 1: "sequence"}}


def _pair(batch: int, length: int) -> Inputs:
    return {
        "source": torch.randint(0, 300, (batch, length)),
        "target": torch.randint(0, 200, (batch, length)),
    }


PLAIN = (
    own("lstm_tagger", "recurrent", lambda: plain.Tagger("lstm"), _TOKENS_500, _SEQUENCES),
    own(
        "bilstm_tagger", "recurrent", lambda: plain.Tagger("lstm", True, 2), _TOKENS_500, _SEQUENCES
    ),
    own("gru_tagger", "recurrent", lambda: plain.Tagger("gru", True), _TOKENS_500, _SEQUENCES),
    own("elman_tagger", "recurrent", lambda: plain.Tagger("elman"), _TOKENS_500, _SEQUENCES),
    own("gru_cell_steps", "recurrent", plain.ForecastGRU, normal(series=(8, 6))),
    own(
        "seq2seq_lstm",
        "recurrent",
        plain.Seq2SeqAttention,
        _pair,
        {"source": {0: "batch", 1: "sequence"}, "target": {0: "batch", 1: "target_sequence"}},
    ),
    own("gcn", "graph", plain.GCN, graph_inputs(edges), GRAPH_AXES),
    own("gat", "graph", plain.GAT, graph_inputs(edges), GRAPH_AXES),
    own(
        "graphsage",
        "graph",
        plain.GraphSAGE,
        graph_inputs(neighbours),
        {"x": {0: "nodes"}, "neighbours": {0: "nodes"}},
    ),
    own("gin_dense", "graph", plain.GINBatched, normal(x=(20, 16), adjacency=(20, 20))),
    own(
        "dlrm",
        "recommendation",
        plain.DLRM,
        lambda batch, _: {
            "dense": torch.randn(batch, 13),
            "categories": torch.randint(0, 200, (batch, 3, 4)),
        },
    ),
    own(
        "deepfm",
        "recommendation",
        plain.DeepFM,
        lambda batch, _: {"fields": torch.randint(0, 2000, (batch, 10))},
    ),
    own(
        "wide_and_deep",
        "recommendation",
        plain.WideAndDeep,
        lambda batch, _: {
            "crossed": torch.randn(batch, 200),
            "categories": torch.randint(0, 20, (batch, 4)),
        },
    ),
    own(
        "ncf",
        "recommendation",
        plain.NCF,
        lambda batch, _: {
            "user": torch.randint(0, 300, (batch,)),
            "item": torch.randint(0, 700, (batch,)),
        },
    ),
    own(
        "sasrec",
        "recommendation",
        plain.SelfAttentionRecommender,
        lambda batch, _: {"items": torch.randint(0, 800, (batch, 20))},
    ),
    own(
        "diffusion_unet",
        "generative",
        plain.DiffusionUNet,
        lambda batch, _: {
            "x": torch.randn(batch, 3, 32, 32),
            "step": torch.randint(0, 1000, (batch,)),
        },
    ),
    own("conv_vae", "generative", plain.ConvVAE, normal(x=(3, 32, 32), noise=(32,))),
    own("dcgan_generator", "generative", plain.DCGANGenerator, normal(z=(64, 1, 1))),
    own("dcgan_discriminator", "generative", plain.DCGANDiscriminator, normal(x=(3, 32, 32))),
    own("unet_2d", "segmentation", lambda: plain.UNet(2), normal(x=(1, 64, 64))),
    own("unet_3d", "segmentation", lambda: plain.UNet(3, 8), normal(x=(1, 16, 16, 16))),
    own(
        "wavenet",
        "1-d",
        plain.WaveNet,
        lambda batch, length: {"x": torch.randn(batch, 1, 8 * length)},
        {"x": {0: "batch", 2: "samples"}},
    ),
    own("tcn", "1-d", plain.TCN, normal(x=(8, 64))),
    own("m5_audio", "1-d", plain.M5, normal(x=(1, 4000))),
    own("espcn", "super-resolution", plain.ESPCN, images(24, 1, "x")),
    own("edsr", "super-resolution", plain.EDSR, images(24, 3, "x")),
    own("spatial_transformer", "vision", plain.SpatialTransformer, images(28, 1, "x")),
    own("siamese", "vision", plain.Siamese, normal(left=(1, 28, 28), right=(1, 28, 28))),
    own("tied_autoencoder", "generative", plain.TiedAutoencoder, normal(x=(784,))),
    own(
        "nerf",
        "other",
        plain.NeRF,
        lambda _, n: {"points": torch.randn(8 * n, 3), "directions": torch.randn(8 * n, 3)},
        {"points": {0: "points"}, "directions": {0: "points"}},
    ),
    own("pointnet", "other", plain.PointNet, normal(points=(3, 128))),
    own("kan", "other", plain.KAN, normal(x=(20,))),
    own("capsule_net", "vision", plain.CapsuleNet, images(28, 1, "x")),
    own("bilinear_tensor", "einsum", plain.BilinearTensorNet, normal(x=(9, 24), y=(7, 32))),
    own("tensor_train", "einsum", plain.TensorTrain, normal(x=(256,))),
    own("fourier_operator", "other", plain.FourierOperator, normal(x=(64, 1))),
    own("mixture_of_experts", "einsum", plain.MixtureOfExperts, normal(x=(10, 32))),
    own("linear_attention", "other", plain.LinearAttention, normal(x=(12, 64))),
    own("tabular_periodic", "other", plain.SqueezeTabular, normal(x=(10,))),
)
NETWORKS: tuple[Entry, ...] = (
    *PLAIN, *LANGUAGE, *CNNS, *TRANSFORMERS_OF_IMAGES, *MORE_TRANSFORMERS, *SEGMENTATION, *VIDEO,
)  # fmt: skip


def interleaved() -> list[Entry]:
    """All networks, kinds mixed, so that a part of them is a fair sample."""
    groups = (PLAIN, LANGUAGE, CNNS, TRANSFORMERS_OF_IMAGES, MORE_TRANSFORMERS, SEGMENTATION, VIDEO)
    longest = max(map(len, groups))
    return [group[i] for i in range(longest) for group in groups if i < len(group)]
