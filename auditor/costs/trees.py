"""ai.onnx.ml: trees, linear models, support vectors, encoders.

Source: https://onnx.ai/onnx/operators/ (ai.onnx.ml).  These models are fitted, not trained by
gradients: none has a backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import formula
from auditor.graph import Tensor
from auditor.shapes import Operation

ML = "ai.onnx.ml"
# Of a node: which feature, the threshold, where to go, and the feature's value.
_NODE_READS = 4
_ELEMENT_BYTES = 4


def _samples(op: Operation) -> tuple[int, int]:
    """(samples, features) of (N, F), or of one sample of F features."""
    shape = op.required(0).dims
    return (shape[0], shape[1]) if len(shape) > 1 else (1, shape[0] if shape else 1)


def tree_depths(
    nodes: Sequence[tuple[int, int]], edges: Mapping[tuple[int, int], Sequence[tuple[int, int]]]
) -> dict[int, int]:
    """Comparisons on the longest way through each tree.

    Nodes are (tree, node); `edges` leads from a node that compares to its two children.
    """
    targets = {child for children in edges.values() for child in children}
    depths: dict[int, int] = {}
    for root in nodes:
        if root not in targets:
            depths[root[0]] = max(depths.get(root[0], 0), _depth(root, edges))
    return depths


def _depth(
    root: tuple[int, int], edges: Mapping[tuple[int, int], Sequence[tuple[int, int]]]
) -> int:
    level, depth, seen = [root], 0, {root}
    while level:
        level = [c for n in level for c in edges.get(n, ()) if c not in seen]
        seen.update(level)
        depth += bool(level)
    return depth


def _old_depth(op: Operation) -> int | None:
    """Sum of all trees' depths, from the nodes_* attributes."""
    attributes = op.node.attributes
    modes = attributes.get("nodes_modes")
    if modes is None:
        return None
    trees, ids = attributes["nodes_treeids"], attributes["nodes_nodeids"]
    true, false = attributes["nodes_truenodeids"], attributes["nodes_falsenodeids"]
    nodes = list(zip(trees, ids, strict=True))
    edges = {
        (tree, node): ((tree, yes), (tree, no))
        for (tree, node), mode, yes, no in zip(nodes, modes, true, false, strict=True)
        if mode not in ("LEAF", b"LEAF")
    }
    return sum(tree_depths(nodes, edges).values())


def _new_depth(op: Operation) -> int:
    """Sum of all trees' depths: nodes are numbered through, and leaves apart from them."""
    attributes = op.node.attributes
    branches = zip(
        attributes["nodes_truenodeids"], attributes["nodes_trueleafs"],
        attributes["nodes_falsenodeids"], attributes["nodes_falseleafs"], strict=True,
    )  # fmt: skip
    edges: dict[tuple[int, int], Sequence[tuple[int, int]]] = {}
    for node, (yes, yes_leaf, no, no_leaf) in enumerate(branches):
        # A leaf has the number of its own list: kept apart by a negative one.
        edges[0, node] = (
            (0, -1 - yes if yes_leaf else yes),
            (0, -1 - no if no_leaf else no),
        )
    return sum(_depth((0, root), edges) for root in attributes["tree_roots"])


@formula("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble", domain=ML,
         differentiable=False)  # fmt: skip
def tree_ensemble(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Per sample and tree one comparison a level, at most its depth, and the leaf's sum.

    The way through a tree depends on data; counted is the longest.  Every level reads a node
    and a feature from where the last one led.
    """
    levels = _new_depth(op) if op.op_type == "TreeEnsemble" else _old_depth(op)
    if levels is None:
        return UnknownCost("a tree ensemble without its nodes")
    samples, _ = _samples(op)
    scores = op.outputs[-1]
    combined = scores.size if scores is not None else 0
    gathered = _ELEMENT_BYTES * _NODE_READS * samples * levels
    forward = work(other_flops=samples * levels + combined, writes=op.outputs)
    return Cost(family=Family.EMBEDDING, forward=forward + Work(read_bytes=gathered))


def _count(op: Operation, name: str) -> int:
    value = op.attribute(name, ())
    return value.value.size if isinstance(value, Tensor) else len(value)


def _with_weights(forward: Work, count: int) -> Cost:
    """A product that reads `count` weights from its attributes besides."""
    read = _ELEMENT_BYTES * count
    return Cost(
        family=Family.MATMUL, forward=forward + Work(read_bytes=read, weight_read_bytes=read)
    )


@formula("LinearClassifier", "LinearRegressor", domain=ML, differentiable=False)
def linear_model(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Samples times coefficients, and the intercepts."""
    samples, _ = _samples(op)
    coefficients, intercepts = _count(op, "coefficients"), _count(op, "intercepts")
    forward = work(
        macs=samples * coefficients,
        other_flops=samples * intercepts,
        reads=op.inputs,
        writes=op.outputs,
    )
    return _with_weights(forward, coefficients + intercepts)


# Of a kernel's value, beside the product: RBF squares a difference of sums (3) and exp.
_KERNEL_FLOPS = {"LINEAR": 0, "POLY": 3, "RBF": 4, "SIGMOID": 3}


@formula("SVMClassifier", "SVMRegressor", domain=ML, differentiable=False)
def support_vectors(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A kernel's value for every sample and support vector, then their weighted sums.

    A classifier votes pairwise: each support vector has a weight against every other class.
    Without support vectors the model is linear.
    """
    samples, features = _samples(op)
    elements, coefficients = _count(op, "support_vectors"), _count(op, "coefficients")
    vectors = elements // features if features else 0
    kernel = _KERNEL_FLOPS.get(str(op.attribute("kernel_type", "LINEAR")), 0)
    forward = work(
        macs=samples * (elements + coefficients),
        other_flops=samples * vectors * kernel,
        reads=op.inputs,
        writes=op.outputs,
    )
    return _with_weights(forward, elements + coefficients)


# Elementary operations per element of the result.
_ELEMENTWISE: Mapping[str, int] = {
    "Scaler": 2,  # offset, scale
    "Normalizer": 3,  # raise, sum, divide
    "Imputer": 1,
    "Binarizer": 1,
    "OneHotEncoder": 1,
    "CategoryMapper": 1,
    "LabelEncoder": 1,
    "DictVectorizer": 1,
}


@formula(*_ELEMENTWISE, domain=ML, differentiable=False)
def encoder(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table; a look-up is one operation."""
    flops = _ELEMENTWISE[op.op_type] * op.result.size
    return forward_only(op, Family.ELEMENTWISE, flops=flops)


@formula("ArrayFeatureExtractor", "FeatureVectorizer", "CastMap", "ZipMap", domain=ML,
         differentiable=False, moves=True)  # fmt: skip
def features(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Features picked, joined or named: as many are read as are written."""
    return forward_only(op, Family.MOVEMENT, reads=(op.result,))
