"""Work adds, repeats and scales."""

from __future__ import annotations

from dataclasses import astuple, fields

from builders import act, cost, par, single
from hypothesis import given
from hypothesis import strategies as st

from auditor.costs import Work
from auditor.costs.records import names, work
from auditor.shapes import Value

COUNT = st.integers(0, 10**15)


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Weights' traffic is part of the whole."""
    read, written = draw(COUNT), draw(COUNT)
    return Work(
        macs=draw(COUNT),
        other_flops=draw(COUNT),
        read_bytes=read,
        written_bytes=written,
        weight_read_bytes=draw(st.integers(0, read)),
        weight_written_bytes=draw(st.integers(0, written)),
    )


@given(works(), works(), works())
def test_addition_is_associative_and_commutative(a: Work, b: Work, c: Work) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Work() == a


@given(works(), works())
def test_every_field_is_added(a: Work, b: Work) -> None:
    assert astuple(a + b) == tuple(x + y for x, y in zip(astuple(a), astuple(b), strict=True))
    assert (a + b).flops == a.flops + b.flops


@given(works(), st.integers(0, 6))
def test_repeating_is_adding(a: Work, times: int) -> None:
    total = Work()
    for _ in range(times):
        total += a
    assert a.repeated(times) == total


@given(works(), st.integers(1, 512))
def test_a_batch_scales_all_but_the_weights_traffic(a: Work, batch: int) -> None:
    many = a.at_batch(batch, 1)
    assert (many.macs, many.other_flops) == (batch * a.macs, batch * a.other_flops)
    assert many.weight_read_bytes == a.weight_read_bytes
    own, more = a.read_bytes - a.weight_read_bytes, many.read_bytes - many.weight_read_bytes
    assert more == batch * own
    assert many.at_batch(1, batch) == a


@given(works())
def test_the_same_batch_changes_nothing(a: Work) -> None:
    assert a.at_batch(7, 7) == a


def test_traffic_of_weights_is_told_from_that_of_activations() -> None:
    activation, weight = Value("a", "float32", (6,)), Value("w", "float32", (2,), "initializer")
    found = work(reads=(activation, weight, None), writes=(weight,))
    assert found == Work(
        read_bytes=4 * 8, written_bytes=4 * 2, weight_read_bytes=4 * 2, weight_written_bytes=4 * 2
    )
    assert names(activation, weight, None) == ("a",)


@given(batch=st.integers(1, 64))
def test_scaling_a_product_is_running_it_at_that_batch(batch: int) -> None:
    def of(samples: int) -> Work:
        return cost(single("Gemm", [act(samples, 8), par(8, 5), par(5)]), {0, 1, 2}).backward

    assert of(1).at_batch(batch, 1) == of(batch)


def test_fields_are_the_six_that_are_added() -> None:
    assert len(fields(Work)) == 6
