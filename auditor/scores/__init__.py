"""Layer 13: scores that weigh accuracy against electricity and other resources."""

from auditor.scores.electricity import Sam, sam, sam_value
from auditor.scores.records import SAM_ALPHA, SAM_BETA, Choices, Figures, Score
from auditor.scores.reference import (
    Range,
    ReferenceSet,
    compared_set,
    published_sets,
    read_reference,
)
from auditor.scores.registry import METRICS, Metric, scores

__all__ = [
    "METRICS",
    "SAM_ALPHA",
    "SAM_BETA",
    "Choices",
    "Figures",
    "Metric",
    "Range",
    "ReferenceSet",
    "Sam",
    "Score",
    "compared_set",
    "published_sets",
    "read_reference",
    "sam",
    "sam_value",
    "scores",
]
