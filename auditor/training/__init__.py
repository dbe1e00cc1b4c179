"""Layer 4: the training graph behind an export: parameters, normalization, gradients."""

from auditor.training.attention import Attention, attention_as
from auditor.training.gradients import gradients
from auditor.training.normalization import BatchNorm, Restored, restore_batch_normalization
from auditor.training.parameters import learned, parameter_count, parameters, possible_tie
from auditor.training.quantized import quantized_products
from auditor.training.recompose import recompose
from auditor.training.selection import selected
from auditor.training.unfuse import unfuse

__all__ = [
    "Attention",
    "BatchNorm",
    "Restored",
    "attention_as",
    "gradients",
    "learned",
    "parameter_count",
    "parameters",
    "possible_tie",
    "quantized_products",
    "recompose",
    "restore_batch_normalization",
    "selected",
    "unfuse",
]
