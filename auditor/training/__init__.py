"""Layer 4: the training graph behind an export: parameters, normalization, gradients."""

from auditor.training.attention import Attention, attention_as
from auditor.training.gradients import gradients
from auditor.training.normalization import BatchNorm, Restored, restore_batch_normalization
from auditor.training.parameters import parameter_count, parameters, possible_tie
from auditor.training.recompose import recompose
from auditor.training.selection import selected
from auditor.training.unfuse import unfuse

__all__ = [
    "Attention",
    "BatchNorm",
    "Restored",
    "attention_as",
    "gradients",
    "parameter_count",
    "parameters",
    "possible_tie",
    "recompose",
    "restore_batch_normalization",
    "selected",
    "unfuse",
]
