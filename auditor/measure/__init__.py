"""Layer 10: measuring on real hardware: for now, which onnxruntime there is."""

from auditor.measure.runtime import Runtime, require_runtime

__all__ = ["Runtime", "require_runtime"]
