"""From a document to the page: which kind it is, its charts, its template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditor.errors import OutputError
from auditor.page.audit_charts import audit_charts
from auditor.page.bundle import chart_library, missing_extra, policy, resource
from auditor.page.comparison_charts import comparison_charts
from auditor.page.figures import NOT_ASSESSED, Figures, plain
from auditor.page.shares import energy_basis, family_parts, operation_parts, step_parts
from auditor.tables import read_schema

if TYPE_CHECKING:
    from jinja2 import Environment

LARGEST_BYTES = 2_000_000


def render(document: Mapping[str, Any]) -> str:
    """Return the page of what ``audit --format json`` or ``audit compare --format json`` writes.

    Raises:
        OutputError: the document is neither, the extra `html` is not installed, or the page
            would be of 2 MB or more.
    """
    kind = _kind(document)
    _finite(document)
    parts = _audit_parts(document) if kind == "audit" else _comparison_parts(document)
    scripts = (chart_library(), resource("page.js"))
    style = resource("page.css")
    markup = _environment()
    page = markup.get_template(f"{kind}.html").render(
        document=document,
        figures=Figures(document),
        policy=policy(scripts, (style,)),
        scripts=scripts,
        style=style,
        **parts,
    )
    return _small(page)


def _kind(document: Mapping[str, Any]) -> str:
    """Which of the two schemas the document is of.

    Raises:
        OutputError: it is of neither, or not valid by it.
    """
    import jsonschema

    kind = "comparison" if "models" in document else "audit"
    validator = jsonschema.Draft202012Validator(read_schema(f"{kind}.schema.json"))
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        where = plain(error.json_path)[:80]
        raise OutputError(
            f"page: {where} is not as in {kind}.schema.json: {plain(error.message)[:160]}; "
            "give what --format json writes"
        )
    return kind


def _finite(document: Mapping[str, Any]) -> None:
    """Refuse NaN and the infinities, which a schema admits as numbers and JSON has not.

    Raises:
        OutputError: the document has one.
    """
    try:
        json.dumps(document, allow_nan=False)
    except ValueError as error:
        raise OutputError(
            "page: a figure is infinite or not a number; give what --format json writes"
        ) from error


def _audit_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "charts": audit_charts(document),
        "step_parts": step_parts(document),
        "operation_parts": operation_parts(document),
        "family_parts": family_parts(document),
        "basis": energy_basis(document)[1],
    }


def _comparison_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"charts": comparison_charts(document)}


def _environment() -> Environment:
    """Templates that escape all they are given, and fail on what they are not given.

    Raises:
        OutputError: the extra `html` is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise missing_extra(error) from error
    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    # Strict JSON, in the document's order; the filter itself escapes <, >, & and '.
    found.policies["json.dumps_kwargs"] = {"allow_nan": False, "ensure_ascii": True}
    return found


def _shown(value: Any) -> Any:
    """What stands in a page for a value: null in words, text without what does not print."""
    if value is None:
        return NOT_ASSESSED
    # Markup is ours: a figure that is escaped, a script of the bundle.
    return plain(value) if type(value) is str else value


def _small(page: str) -> str:
    size_bytes = len(page.encode("utf-8"))
    if size_bytes >= LARGEST_BYTES:
        raise OutputError(
            f"--format html: the page would have {size_bytes:,} bytes, {LARGEST_BYTES:,} are "
            "allowed; use --format json"
        )
    return page
