"""Layer 1: an ONNX file as typed, read-only records, without its weights."""

from auditor.graph.load import array_to_proto, graph_from_proto, load_model, model_of
from auditor.graph.local_functions import inlined
from auditor.graph.records import Dim, Graph, Model, Node, Shape, Tensor

__all__ = [
    "Dim",
    "Graph",
    "Model",
    "Node",
    "Shape",
    "Tensor",
    "array_to_proto",
    "graph_from_proto",
    "inlined",
    "load_model",
    "model_of",
]
