"""How much worse a figure may be than the one in the lock file."""

from __future__ import annotations

from typing import Any

from auditor.errors import PlanError


def fraction(value: Any, where: str) -> float:
    """Read ``5%``, ``"0.05"`` or 0.05 as a fraction.

    Raises:
        PlanError: it is none of 0 to 1, as 5 without a percent sign.
    """
    remedy = "give a share, as 5% or 0.05"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise PlanError(f"{where} {value!r}: {remedy}")
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError as error:
        raise PlanError(f"{where} {value!r}: {remedy}") from error
    share = number / 100 if text.endswith("%") else number
    if not 0 <= share <= 1:
        raise PlanError(f"{where} {value!r}: {remedy}, from 0 to 100%")
    return share
