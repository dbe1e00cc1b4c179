"""One audit as a card of many formats: Hugging Face, CycloneDX, SPDX, BoAmps and others."""

from auditor.cards.facts import Basis, Facts, Figure, facts
from auditor.cards.options import CardOptions
from auditor.cards.read import read_audit_document, read_reconciliation
from auditor.cards.registry import FORMATS, render_card

__all__ = [
    "FORMATS",
    "Basis",
    "CardOptions",
    "Facts",
    "Figure",
    "facts",
    "read_audit_document",
    "read_reconciliation",
    "render_card",
]
