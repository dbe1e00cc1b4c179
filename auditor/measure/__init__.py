"""Layer 10: running on real hardware: which onnxruntime there is to run with."""

from auditor.measure.runtime import Runtime, require_runtime

__all__ = ["Runtime", "require_runtime"]
