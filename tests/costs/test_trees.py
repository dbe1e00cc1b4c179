"""ai.onnx.ml, counted by hand: comparisons of trees, products of linear and kernel models."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from builders import INT64, Given, act, cost, single
from hypothesis import given
from hypothesis import strategies as st

from auditor.costs import Cost, UnknownCost, Work, cost_of
from auditor.costs.trees import tree_depths

ML = "ai.onnx.ml"
# Two trees: 0 -> (1 -> (3, 4), 2), of depth 2, and 0 -> (1, 2), of depth 1.
TREES = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0] * 8,
    "nodes_values": [0.5] * 8,
    "nodes_modes": [
        *("BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"),
        *("BRANCH_LEQ", "LEAF", "LEAF"),
    ],
    "nodes_truenodeids": [1, 3, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [2, 4, 0, 0, 0, 2, 0, 0],
}
TARGETS = {
    "target_treeids": [0, 0, 0, 1, 1],
    "target_nodeids": [2, 3, 4, 1, 2],
    "target_ids": [0] * 5,
    "target_weights": [1.0] * 5,
    "n_targets": 1,
}


def of(op_type: str, inputs: list[Given], outputs: int = 1, **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, outputs, domain=ML, **attributes), {0})


def test_comparisons_of_a_regressor() -> None:
    # 10 samples, 2 + 1 levels, and one sum a result; every level reads 4 numbers of 4 bytes
    found = of("TreeEnsembleRegressor", [act(10, 3)], **TREES, **TARGETS)
    assert found.forward == Work(
        other_flops=10 * 3 + 10, read_bytes=10 * 3 * 4 * 4, written_bytes=4 * 10
    )
    assert found.backward == Work()


def test_comparisons_of_a_classifier() -> None:
    classes = {"classlabels_int64s": [0, 1], "class_treeids": [0], "class_nodeids": [2],
               "class_ids": [0], "class_weights": [1.0]}  # fmt: skip
    found = of("TreeEnsembleClassifier", [act(10, 3)], 2, **TREES, **classes)
    assert found.forward.other_flops == 10 * 3 + 20
    # labels of 8 bytes, scores of two classes
    assert found.forward.written_bytes == 8 * 10 + 4 * 20


def test_trees_whose_leaves_are_numbered_apart() -> None:
    # node 0 goes to node 1 or leaf 0; node 1 to leaf 1 or leaf 2: depth 2
    def tensor(values: list[float]) -> Any:
        return onnx.numpy_helper.from_array(np.asarray(values, np.float32))

    modes = onnx.numpy_helper.from_array(np.asarray([0, 0], np.uint8))
    found = of(
        "TreeEnsemble", [act(10, 3)], nodes_splits=tensor([0.5, 0.5]), nodes_modes=modes,
        nodes_featureids=[0, 1], nodes_truenodeids=[1, 1], nodes_falsenodeids=[0, 2],
        nodes_trueleafs=[0, 1], nodes_falseleafs=[1, 1], tree_roots=[0], n_targets=2,
        leaf_targetids=[0, 0, 1], leaf_weights=tensor([1.0, 2.0, 3.0]), aggregate_function=1,
    )  # fmt: skip
    assert found.forward.other_flops == 10 * 2 + 20


def test_a_tree_ensemble_without_nodes_is_unknown() -> None:
    op = single("TreeEnsembleRegressor", [act(10, 3)], domain=ML, n_targets=1)
    assert cost_of(op, frozenset()) == UnknownCost("a tree ensemble without its nodes")


@given(st.integers(0, 9))
def test_a_chain_is_as_deep_as_it_has_branches(branches: int) -> None:
    edges = {(0, n): ((0, n + 1), (0, 100 + n)) for n in range(branches)}
    nodes = [(0, n) for n in range(branches + 1)] + [(0, 100 + n) for n in range(branches)]
    assert tree_depths(nodes, edges) == {0: branches}


def test_a_tree_that_leads_back_to_itself_ends() -> None:
    assert tree_depths([(0, 0), (0, 1)], {(0, 0): ((0, 1), (0, 1)), (0, 1): ((0, 1), (0, 1))}) == {
        0: 1
    }


def test_linear_models() -> None:
    # 4 samples of 3 features to 2 targets
    found = of("LinearRegressor", [act(4, 3)], coefficients=[0.5] * 6, intercepts=[0.1] * 2,
               targets=2)  # fmt: skip
    assert (found.forward.macs, found.forward.other_flops) == (4 * 3 * 2, 4 * 2)
    assert found.forward.read_bytes == 4 * (12 + 6 + 2)
    classes = of("LinearClassifier", [act(4, 3)], 2, coefficients=[0.5] * 9,
                 intercepts=[0.1] * 3, classlabels_ints=[0, 1, 2])  # fmt: skip
    assert classes.forward.macs == 4 * 9


@pytest.mark.parametrize(("kernel", "each"), [("LINEAR", 0), ("POLY", 3), ("RBF", 4)])
def test_support_vectors(kernel: str, each: int) -> None:
    # 5 vectors of 3 features: 15 products a sample, 5 in the sum
    found = of("SVMRegressor", [act(4, 3)], kernel_type=kernel, support_vectors=[0.5] * 15,
               coefficients=[1.0] * 5, n_supports=5, rho=[0.0])  # fmt: skip
    assert (found.forward.macs, found.forward.other_flops) == (4 * (15 + 5), 4 * 5 * each)


def test_a_classifier_by_support_vectors_votes_pairwise() -> None:
    # 3 classes: each of 5 vectors has a weight against the 2 other classes
    found = of("SVMClassifier", [act(4, 3)], 2, support_vectors=[0.5] * 15,
               coefficients=[1.0] * 10, vectors_per_class=[2, 2, 1], rho=[0.0] * 3,
               classlabels_ints=[0, 1, 2])  # fmt: skip
    assert found.forward.macs == 4 * (15 + 10)
    assert found.forward.written_bytes == 8 * 4 + 4 * 12


@pytest.mark.parametrize(
    ("op_type", "each", "attributes"),
    [
        ("Scaler", 2, {"offset": [0.0], "scale": [1.0]}),
        ("Normalizer", 3, {}),
        ("Imputer", 1, {"imputed_value_floats": [0.0]}),
        ("Binarizer", 1, {}),
    ],
)
def test_features_are_prepared(op_type: str, each: int, attributes: dict[str, Any]) -> None:
    found = of(op_type, [act(4, 3)], **attributes)
    assert found.forward == Work(other_flops=12 * each, read_bytes=48, written_bytes=48)


def test_encoders_look_up() -> None:
    words = act(4, dtype=INT64)
    hot = of("OneHotEncoder", [words], cats_int64s=[0, 1, 2])
    assert (hot.forward.other_flops, hot.forward.written_bytes) == (12, 48)
    label = of("LabelEncoder", [words], keys_int64s=[0], values_floats=[1.0])
    assert (label.forward.other_flops, label.forward.written_bytes) == (4, 16)


def test_features_are_picked_and_joined() -> None:
    picked = of("ArrayFeatureExtractor", [act(4, 3), np.asarray([0, 2])])
    assert picked.forward == Work(read_bytes=32, written_bytes=32)
    joined = of("FeatureVectorizer", [act(4, 3), act(4, 2)], inputdimensions=[3, 2])
    assert joined.forward == Work(read_bytes=80, written_bytes=80)
    named = of("ZipMap", [act(4, 3)], classlabels_int64s=[0, 1, 2])
    assert named.forward == Work(read_bytes=48, written_bytes=48)
