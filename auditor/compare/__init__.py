"""Layer 17: several models beside each other: ranks, the Pareto front, scores."""

from auditor.compare.candidates import Candidate, candidates
from auditor.compare.comparison import comparison
from auditor.compare.records import Comparison, Entry, Failure

__all__ = ["Candidate", "Comparison", "Entry", "Failure", "candidates", "comparison"]
