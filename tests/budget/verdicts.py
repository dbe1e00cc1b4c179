"""Verdicts with round figures, made by hand."""

from __future__ import annotations

from typing import Any

from auditor.budget.records import (
    Bound,
    Cause,
    Change,
    End,
    Found,
    Judgement,
    Limit,
    ModelVerdict,
    Outcome,
    Remedy,
    Value,
    Verdict,
)

ENERGY = Value(median=15.0, low=10.0, high=20.0, level=0.9)

# What strangers may put into names and messages.
PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "link": "a](javascript:alert(1)) [b](http://x.example",
    "backticks": "```\ncode ` `` ```",
    "pipes": "a | b || c |",
    "new lines": "one\n\n# two\r\n---\n- three",
    "marker": "--><!-- auditor-check -->\n<!-- auditor-check -->",
    "command": "::error file=x::y",
    "command below": "x\n::add-mask::a\r\n::stop-commands::b",
    "old command": "##[error]x",
    "property": "x,file=/etc/passwd::z %0A%3A: 100%",
    "cdata": "]]></system-out><failure/>&amp;&#x3c;<![CDATA[",
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f",
    "direction": "abc\u202e\u2066def\u2028\u0085",
    "surrogate": "half \ud800 of one, \ufffe and \uffff",
    "mention": "@everyone #1 www.x.example https://x.example me@x.example",
    "numbered": "1. - + one",
    "list": "- one",
    "sum": "+ one",
    "spaces": "  at both ends\t",
    "emoji": "gr\u00fcn \U0001f600 \u65e5\u672c",
}


def limit(amount: float = 12.0, **changes: Any) -> Limit:
    said = {
        "quantity": "energy_kwh",
        "bound": Bound.MAX,
        "error_on": End.MEDIAN,
        "warn_on": End.HIGH,
        "origin": "[limits] of auditor.toml",
    }
    return Limit(amount=amount, **(said | changes))


def exceeded(**changes: Any) -> Judgement:
    """15 kWh where 12 are allowed: 3 kWh too much, a quarter."""
    said = {
        "limit": limit(),
        "unit": "kWh",
        "title": "energy",
        "value": ENERGY,
        "because": None,
        "outcome": Outcome.EXCEEDED,
        "end": End.MEDIAN,
        "excess": 3.0,
        "excess_share": 0.25,
        "remedies": (Remedy(key="epochs", setting=72.0, was=90.0, value=12.0),),
        "no_remedy": None,
    }
    return Judgement(**(said | changes))


_WITHOUT: dict[str, Any] = {"end": None, "excess": None, "excess_share": None, "remedies": ()}


def within(**changes: Any) -> Judgement:
    """15 kWh where 30 are allowed."""
    said = {"limit": limit(30.0), "outcome": Outcome.WITHIN, **_WITHOUT}
    return exceeded(**(said | changes))


def warned(**changes: Any) -> Judgement:
    """15 kWh where 16 are allowed, but 20 at the high end: 4 too much, a quarter."""
    said = {
        "limit": limit(16.0),
        "outcome": Outcome.WARNED,
        "end": End.HIGH,
        "excess": 4.0,
        "remedies": (Remedy(key="epochs", setting=72.0, was=90.0, value=16.0),),
    }
    return exceeded(**(said | changes))


def not_assessed(**changes: Any) -> Judgement:
    said = {
        "limit": limit(5000.0, quantity="operational_gco2e"),
        "unit": "gCO2e",
        "title": "carbon of the electricity",
        "value": None,
        "because": "no region was given; add region",
        "outcome": Outcome.NOT_ASSESSED,
        **_WITHOUT,
    }
    return exceeded(**(said | changes))


def found(**changes: Any) -> Found:
    said = {
        "hardware": "A100 SXM4 80GB",
        "region": "FRA",
        "method": "calibrated",
        "scope": "node",
        "in_domain": True,
        "structure_sha256": "a" * 64,
        "plan_sha256": "b" * 64,
        "artefact_sha256": "c" * 64,
        "figures": (("energy_kwh", ENERGY),),
    }
    return Found(**(said | changes))


def model(*judgements: Judgement, **changes: Any) -> ModelVerdict:
    said = {
        "name": "resnet50",
        "path": "examples/resnet50.onnx",
        "found": found(),
        "judgements": judgements,
        "changes": (),
        "warnings": (),
        "error": None,
    }
    return ModelVerdict(**(said | changes))


def broken(error: str = "broken.onnx: is no ONNX model", **changes: Any) -> ModelVerdict:
    said = {"name": "broken", "path": "broken.onnx", "found": None, "error": error}
    return model(**(said | changes))


def change(**changes: Any) -> Change:
    """12 kWh before and 15 now: a quarter more."""
    said = {
        "before": 12.0,
        "after": 15.0,
        "ratio": 1.25,
        "causes": (Cause.MODEL,),
        "exceeds": True,
    }
    return Change(**(said | changes))


def verdict(*models: ModelVerdict, **changes: Any) -> Verdict:
    said = {
        "tool_version": "0.1.0",
        "config": "auditor.toml",
        "models": models,
        "baseline": None,
        "tolerance": None,
        "missing": (),
    }
    return Verdict(**(said | changes))


def compared(*models: ModelVerdict, **changes: Any) -> Verdict:
    """A verdict beside a lock file with a tolerance."""
    return verdict(*models, **({"baseline": "audit.lock.json", "tolerance": 0.05} | changes))


def everything(payload: str = "plain") -> Verdict:
    """Every kind of outcome, with a payload wherever a stranger may put one."""
    poisoned = {"name": payload, "path": payload}
    asked = limit(origin=payload)
    region = Remedy(key="region", setting=payload, was=payload, value=11.0)
    judged = (
        exceeded(limit=asked, remedies=(region,), no_remedy=payload),
        warned(unit=payload),
        within(title=payload),
        not_assessed(because=payload),
    )
    named = found(hardware=payload, region=payload, method=payload, scope=payload)
    changes = (("energy_kwh", change()), ("duration_h", change(causes=(Cause.NEW,), exceeds=None)))
    return compared(
        model(*judged, found=named, changes=changes, warnings=(payload,), **poisoned),
        broken(payload, **poisoned),
        baseline=payload,
        config=payload,
        missing=(payload,),
    )
