"""Auditor: the electricity of a training, from the ONNX graph, before the training."""

__version__ = "0.1.0"
