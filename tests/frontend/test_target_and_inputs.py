"""What stands on the command line: targets and the shapes of inputs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import PlanError
from auditor.frontend import InputSpec, Target, parse_inputs, parse_target, shared_batch_size
from auditor.frontend.inputs import DTYPES

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("torch:nets:Small", Target("nets", "Small")),
        ("torch:package.module:factory", Target("package.module", "factory")),
        ("torch:m:Class.make", Target("m", "Class.make")),
    ],
)
def test_a_target_is_module_and_name(text: str, target: Target) -> None:
    assert parse_target(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text",
    ["torch:", "torch:m", "torch::f", "torch:m:", "torch:m:f()", "torch:m:f:g", "torch:.m:f",
     "torch:a/b:f", "torch:a b:f", "m:f", "torch:1m:f"],
)  # fmt: skip
def test_what_is_no_target_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(PlanError, match=r"torch:package\.module:factory") as caught:
        parse_target(text)
    assert str(caught.value).startswith(f"{text}: ")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1x3x224x224", InputSpec(None, (1, 3, 224, 224), "float32")),
        ("ids=1x128:int64", InputSpec("ids", (1, 128), "int64")),
        ("4:bool", InputSpec(None, (4,), "bool")),
        ("x=2x8", InputSpec("x", (2, 8), "float32")),
    ],
)
def test_an_input_is_a_shape_with_a_name_or_a_type(text: str, spec: InputSpec) -> None:
    assert parse_inputs([text]) == (spec,)
    assert str(spec) == text


@given(
    st.builds(
        InputSpec,
        st.none() | NAMES,
        st.lists(st.integers(1, 9999), min_size=1, max_size=5).map(tuple),
        st.sampled_from(DTYPES),
    )
)
def test_an_input_reads_back_as_it_was_written(spec: InputSpec) -> None:
    assert parse_inputs([str(spec)]) == (spec,)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "add --input 1x3x224x224"),
        (["1x3xa"], "1x3xa"),
        (["1x3:int65"], "no type 'int65'"),
        (["1x3:"], "no type ''"),
        (["=1x3"], "no name"),
        (["a-b=1x3"], "'a-b' is no name"),
        (["0x3"], "1 or more"),
        (["x="], "x="),
        (["x=1x2", "x=1x3"], "given twice"),
    ],
)
def test_what_is_no_input_is_refused(texts: list[str], words: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_inputs(texts)
    assert words in str(caught.value)


def test_the_batch_is_the_first_size_that_all_inputs_share() -> None:
    assert shared_batch_size(parse_inputs(["4x3", "4x8x8"])) == 4
    assert shared_batch_size(parse_inputs(["4x3", "1x8"])) is None
