"""The scripts and styles of a page, and the policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence
from functools import lru_cache

from auditor.errors import OutputError

_ENTRY = "window.vegaEmbed = vegaEmbed;"
_ENDS = ("</script", "<!--", "<script")


@lru_cache(maxsize=1)
def chart_library() -> str:
    """Vega-Lite and what it needs (BSD-3-Clause), as one script, from vl-convert-python.

    Raises:
        OutputError: the extra `html` is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise missing_extra(error) from error
    return inside_script(vl_convert.javascript_bundle(_ENTRY))


def missing_extra(error: ImportError) -> OutputError:
    """The one line for a page without what it is made with."""
    return OutputError(f"--format html: {error.name} is not installed; pip install 'auditor[html]'")


def inside_script(code: str) -> str:
    """Return `code` where an HTML parser finds no end of the script in it.

    Raises:
        OutputError: it has one, where no escape is sure to keep its meaning.
    """
    found = next((end for end in _ENDS if end in code.lower()), None)
    if found is not None or "\r" in code:
        raise OutputError(
            f"--format html: {found or 'a carriage return'} in the chart library; use another "
            "version of vl-convert-python"
        )
    return code


def resource(name: str) -> str:
    """The text of a file beside the templates."""
    folder = importlib.resources.files("auditor.page") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A Content-Security-Policy that admits these texts by their hash, and no network."""
    parts = (
        "default-src 'none'",
        " ".join(("script-src", *map(_hash, scripts))),
        " ".join(("style-src", *map(_hash, styles))),
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
