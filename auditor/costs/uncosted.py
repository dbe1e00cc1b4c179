"""Operators that are unknown on purpose: what they cost is not in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.costs.registry import MICROSOFT, Key, leave_unknown

_GENERATION = "a whole generation loop: how many tokens it makes depends on data"
_BINARY = "the work is in another tool's binary, which the graph only carries"
_PLUGIN = "a TensorRT plug-in, whose definition is not published with it"
_INDEXER = "which blocks it scores depends on the state of its cache"

UNCOSTED: Mapping[Key, str] = MappingProxyType(
    {
        # Entered by the walk over the graph; one that is left standing could not be.
        ("", "If"): "a branch that could not be entered",
        ("", "Loop"): "how often its body runs depends on data",
        ("", "Scan"): "how often its body runs is not known",
        ("", "ImageDecoder"): "decoding depends on the compressed bytes",
        ("", "GRUUnit"): "an experiment of Caffe2 that no specification defines",
        ("", "DisentangledAttention_TRT"): _PLUGIN,
        ("", "EfficientNMS_TRT"): _PLUGIN,
        ("", "MultilevelCropAndResize_TRT"): _PLUGIN,
        ("", "PyramidROIAlign_TRT"): _PLUGIN,
        ("ai.onnx.preview.training", "Gradient"): "a gradient of its own; the audit derives them",
        (MICROSOFT, "AttnLSTM"): "its attention is in no specification; no exporter writes it",
        (MICROSOFT, "BeamSearch"): _GENERATION,
        (MICROSOFT, "WhisperBeamSearch"): _GENERATION,
        (MICROSOFT, "GreedySearch"): _GENERATION,
        (MICROSOFT, "Sampling"): _GENERATION,
        (MICROSOFT, "BifurcationDetector"): "a search in token lists whose lengths depend on data",
        (MICROSOFT, "EPContext"): _BINARY,
        (MICROSOFT, "Snpe"): _BINARY,
        (MICROSOFT, "SparseAttentionIndexer"): _INDEXER,
        (MICROSOFT, "PackedSparseAttentionIndexer"): _INDEXER,
    }
)

leave_unknown(UNCOSTED)
