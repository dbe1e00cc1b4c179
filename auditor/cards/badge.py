"""A badge: the energy with its interval, as an SVG picture that fetches nothing."""

from __future__ import annotations

from html import escape

from auditor import units
from auditor.cards.facts import Facts
from auditor.cards.options import CardOptions

_HEIGHT = 20
# A generous width of a character at the size of the text: fonts differ, and no text may be cut.
_CHARACTER = 6.6
_PADDING = 12


def render(found: Facts, _options: CardOptions) -> str:
    """The picture; its title says the same in words."""
    left, right = "training energy", _value(found)
    first, second = _width(left), _width(right)
    title = escape(f"{found.name}: {left} {right}, scope {found.energy.scope}, {found.hardware}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="{_HEIGHT}" '
        f'role="img" aria-labelledby="auditor-badge-title">\n'
        f'<title id="auditor-badge-title">{title}</title>\n'
        f'<rect width="{first}" height="{_HEIGHT}" fill="#444"/>\n'
        f'<rect x="{first}" width="{second}" height="{_HEIGHT}" fill="#0b5394"/>\n'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">\n'
        f"{_text(left, first / 2, first)}\n{_text(right, first + second / 2, second)}\n"
        "</g>\n</svg>\n"
    )


def _value(found: Facts) -> str:
    """The estimate with its interval, and beside it what a meter saw, where there was one."""
    span = found.energy.interval
    if span is None:
        return "not assessed"
    low, median, high = (units.energy(v, span.median) for v in (span.low, span.median, span.high))
    text = f"{median} ({low} to {high}), {found.energy.basis.value}"
    if found.measured is None:
        return text
    whole = found.measured.energies[0]
    return f"{text}; {units.energy(whole.measured)} measured ({whole.measured_scope})"


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + _PADDING


def _text(text: str, middle: float, width: int) -> str:
    """A text that is squeezed to its width where a font is wider."""
    return (
        f'<text x="{middle:g}" y="14" textLength="{width - _PADDING}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )
