"""The verdict as JUnit XML: a suite a model, a case a limit.

Names and places of elements are those of junit-10.xsd of Jenkins' xunit plugin, which GitLab's
reader takes too.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from auditor.budget import phrases
from auditor.budget.records import Change, Found, Judgement, ModelVerdict, Outcome, Verdict
from auditor.escaping import printable

_AUDIT = "audit"


def render_junit(verdict: Verdict) -> str:
    """Return the verdict as an XML document.

    Exceeded is a failure; not assessed and a broken model are errors; warnings and remedies are
    output of their case.  A figure that is compared with a lock file under a tolerance is a case
    as well.
    """
    root = Element("testsuites", name="auditor check")
    for model in verdict.models:
        root.append(_suite(model, verdict))
    _count(root)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(model: ModelVerdict, verdict: Verdict) -> Element:
    suite = Element("testsuite", name=printable(model.name), file=printable(model.path))
    if model.found is not None:
        _properties(suite, model.found, verdict)
    if model.error is not None:
        _say(_case(suite, model, _AUDIT), "error", "broken_model", [model.error])
    for judged in model.judgements:
        _limit(_case(suite, model, _name(judged, model)), judged)
    if verdict.tolerance is not None:
        for quantity, found in model.changes:
            _change(_case(suite, model, f"{quantity} against the lock file"), quantity, found)
    if model.warnings:
        _output(suite, [f"warning: {w}" for w in model.warnings])
    _count(suite)
    return suite


def _properties(suite: Element, found: Found, verdict: Verdict) -> None:
    said = {
        "tool_version": verdict.tool_version,
        "hardware": found.hardware,
        "region": found.region,
        "scope": found.scope,
        "method": found.method,
        "structure_sha256": found.structure_sha256,
        "plan_sha256": found.plan_sha256,
        "artefact_sha256": found.artefact_sha256,
    }
    into = SubElement(suite, "properties")
    for name, value in said.items():
        if value is not None:
            SubElement(into, "property", name=name, value=printable(value))


def _case(suite: Element, model: ModelVerdict, name: str) -> Element:
    return SubElement(suite, "testcase", name=printable(name), classname=printable(model.name))


def _name(judged: Judgement, model: ModelVerdict) -> str:
    """The quantity; where it has several limits, as presets set them, the limit as well."""
    quantity = judged.limit.quantity
    if [j.limit.quantity for j in model.judgements].count(quantity) == 1:
        return quantity
    return f"{quantity} {phrases.limit(judged.limit, judged.unit)}"


def _limit(case: Element, judged: Judgement) -> None:
    said = phrases.judgement(judged)
    if judged.outcome is Outcome.EXCEEDED:
        _say(case, "failure", judged.outcome, [said, *phrases.advice(judged)])
    elif judged.outcome is Outcome.NOT_ASSESSED:
        _say(case, "error", judged.outcome, [said])
    elif judged.outcome is Outcome.WARNED:
        _output(case, [f"warning: {said}", *phrases.advice(judged)])
    else:
        _output(case, [said])


def _change(case: Element, quantity: str, found: Change) -> None:
    said = phrases.change(quantity, found)
    if found.exceeds:
        _say(case, "failure", "tolerance", [said])
    else:
        _output(case, [said])


def _say(case: Element, tag: str, kind: str, lines: list[str]) -> None:
    SubElement(case, tag, type=kind, message=printable(lines[0])).text = _block(lines)


def _output(into: Element, lines: list[str]) -> None:
    SubElement(into, "system-out").text = _block(lines)


def _block(lines: list[str]) -> str:
    """Lines of text; none of what is printable is beyond what XML 1.0 can write."""
    return "\n".join(map(printable, lines))


def _count(element: Element) -> None:
    """Write how many cases are below, and how many of them failed or could not be judged."""
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(name, str(sum(1 for _ in element.iter(tag))))
