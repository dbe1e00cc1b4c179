"""All formats of a card, by name: a pure function of the facts and the options to a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from auditor.cards.facts import Facts, facts
from auditor.cards.options import CardOptions
from auditor.errors import PlanError

Formatter = Callable[[Facts, CardOptions], str]
_PAGE = "html"
# Loaded when it is asked for: one card needs one module.
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "huggingface": "auditor.cards.huggingface",
        "cyclonedx": "auditor.cards.cyclonedx",
        "spdx": "auditor.cards.spdx",
        "boamps": "auditor.cards.boamps",
        "ai-act": "auditor.cards.ai_act",
        "compute-form": "auditor.cards.compute_form",
        "json": "auditor.cards.own",
        "badge": "auditor.cards.badge",
        _PAGE: "auditor.page",
    }
)


def render_card(
    form: str,
    document: Mapping[str, Any],
    options: CardOptions,
    reconciliation: Mapping[str, Any] | None = None,
) -> str:
    """The card of an audit's document in the format `form`, one of `FORMATS`.

    Raises:
        PlanError: the reconciliation is of another audit, or the options lack what the format
            demands.
    """
    checked = options.checked()
    found = facts(document, reconciliation, checked.name)
    module = import_module(FORMATS[form])
    if form == _PAGE:  # shows the audit itself
        if reconciliation is not None:
            raise PlanError("--reconciled: the page does not show it; choose another --format")
        page: str = module.render(document)
        return page
    formatter: Formatter = module.render
    return formatter(found, checked)
