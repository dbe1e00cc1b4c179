"""JUnit XML: valid by Jenkins' schema, whatever is in the names."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import (
    PAYLOADS,
    broken,
    change,
    compared,
    everything,
    exceeded,
    model,
    not_assessed,
    verdict,
    warned,
    within,
)
from xmlschema import XMLSchema, XMLSchemaValidationError

from auditor.budget.junit import render_junit
from auditor.budget.records import Cause, Verdict
from auditor.escaping import printable

SCHEMA = XMLSchema(Path(__file__).resolve().parents[2] / "schemas" / "junit" / "junit-10.xsd")

WHOLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="auditor check" tests="2" failures="1" errors="1">
  <testsuite name="resnet50" file="examples/resnet50.onnx" tests="1" failures="1" errors="0">
    <properties>
      <property name="tool_version" value="0.1.0" />
      <property name="hardware" value="A100 SXM4 80GB" />
      <property name="region" value="FRA" />
      <property name="scope" value="node" />
      <property name="method" value="calibrated" />
      <property name="structure_sha256" value="{a}" />
      <property name="plan_sha256" value="{b}" />
      <property name="artefact_sha256" value="{c}" />
    </properties>
    <testcase name="energy_kwh" classname="resnet50">
      <failure type="exceeded" message="energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 \
kWh): the median is 3.000 kWh (25.0%) over the limit (at most 12 kWh, by [limits] of auditor.toml)\
">energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh): the median is 3.000 kWh (25.0%) \
over the limit (at most 12 kWh, by [limits] of auditor.toml)
epochs 72 (is 90): 12.00 kWh</failure>
    </testcase>
  </testsuite>
  <testsuite name="broken" file="broken.onnx" tests="1" failures="0" errors="1">
    <testcase name="audit" classname="broken">
      <error type="broken_model" message="broken.onnx: is no ONNX model">broken.onnx: is no ONNX \
model</error>
    </testcase>
  </testsuite>
</testsuites>
"""


def suites(found: Verdict) -> list[ElementTree.Element]:
    said = render_junit(found)
    SCHEMA.validate(said)
    return list(ElementTree.fromstring(said))  # noqa: S314 - it is our own


def outcomes(suite: ElementTree.Element) -> dict[str, list[str]]:
    """By case, the elements in it."""
    return {case.get("name", ""): [e.tag for e in case] for case in suite.iter("testcase")}


def test_the_whole_of_it() -> None:
    said = render_junit(verdict(model(exceeded()), broken()))
    assert said == WHOLE.format(a="a" * 64, b="b" * 64, c="c" * 64)
    SCHEMA.validate(said)


@pytest.mark.parametrize(
    "spoilt",
    [
        '<testsuites name="x" tests="0" failures="0" errors="0"><testcase name="x"/></testsuites>',
        '<testsuite name="x" tests="0" failures="0"/>',
        '<testsuite name="x" tests="0" failures="0" errors="0" odd="x"/>',
        '<testsuite name="x" tests="0" failures="0" errors="0" time="1 s"/>',
        '<testsuite name="x" tests="0" failures="0" errors="0"><failure/></testsuite>',
        '<testsuite name="x" tests="1" failures="0" errors="0"><testcase/></testsuite>',
    ],
)
def test_the_schema_refuses_what_jenkins_refuses(spoilt: str) -> None:
    with pytest.raises(XMLSchemaValidationError):
        SCHEMA.validate(spoilt)


def test_each_outcome_is_the_element_that_servers_count() -> None:
    judged = (exceeded(), warned(), within(), not_assessed())
    for one, expected in zip(
        judged, (["failure"], ["system-out"], ["system-out"], ["error"]), strict=True
    ):
        (suite,) = suites(verdict(model(one)))
        assert outcomes(suite) == {one.limit.quantity: expected}
    (suite,) = suites(verdict(model(*judged)))
    counts = (suite.get("tests"), suite.get("failures"), suite.get("errors"))
    assert counts == ("4", "1", "1")


def test_several_limits_on_one_quantity_are_told_apart() -> None:
    (suite,) = suites(verdict(model(exceeded(), within())))
    assert list(outcomes(suite)) == ["energy_kwh at most 12 kWh", "energy_kwh at most 30 kWh"]


def test_a_warning_shows_its_remedies() -> None:
    (suite,) = suites(verdict(model(warned(), warnings=("odd", "strange"))))
    in_case, in_suite = (e.text for e in suite.iter("system-out"))
    assert in_case is not None
    assert in_case.startswith("warning: energy_kwh is 15.00 kWh")
    assert in_case.endswith("\nepochs 72 (is 90): 16.00 kWh")
    assert in_suite == "warning: odd\nwarning: strange"


def test_a_figure_under_a_tolerance_is_a_case() -> None:
    changed = (
        ("energy_kwh", change()),
        ("duration_h", change(causes=(), ratio=1.0, after=12.0, exceeds=False)),
        ("sam", change(causes=(Cause.NEW,), ratio=None, exceeds=None)),
    )
    (suite,) = suites(compared(model(changes=changed)))
    assert outcomes(suite) == {
        "energy_kwh against the lock file": ["failure"],
        "duration_h against the lock file": ["system-out"],
        "sam against the lock file": ["system-out"],
    }
    (without,) = suites(compared(model(changes=changed), tolerance=None))
    assert outcomes(without) == {}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_name_is_text_and_nothing_else(payload: str) -> None:
    found, plain = suites(everything(payload)), suites(everything("plain"))
    assert [[e.tag for e in s.iter()] for s in found] == [[e.tag for e in s.iter()] for s in plain]
    assert [s.get("name") for s in found] == [printable(payload)] * 2


@settings(max_examples=50)
@given(st.text(st.characters()))
def test_every_text_can_be_written_and_read(name: str) -> None:
    (suite,) = suites(verdict(broken(name, name=name)))
    assert suite.get("name") == printable(name)
    (error,) = suite.iter("error")
    assert (error.text or "") == printable(name)


def test_what_is_printable_can_be_written_in_xml() -> None:
    """All of Unicode beside the characters of XML 1.0 (https://www.w3.org/TR/xml/#charsets)."""
    legal = (range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))
    beyond = set(range(0x110000)).difference(*legal, {0x9, 0xA, 0xD})
    assert not any(chr(code).isprintable() for code in beyond)
