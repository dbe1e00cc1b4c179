"""What a card says and an audit cannot know: names, dates, tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from auditor.errors import PlanError
from auditor.report.lines import printable

TRAINING_TYPES = ("pre-training", "fine-tuning")
INFRASTRUCTURES = ("publicCloud", "privateCloud", "onPremise", "other")
DATA_TYPES = (
    "tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word", "other",
)  # fmt: skip
# A place to fetch from; a scheme that a browser would run is none.
_LOCATION = re.compile(r"(?:https?|ftp|s3|gs|hf|oci|ssh|git(?:\+\w+)?)://[^\s<>\"{}|\\^`]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOptions:
    """What the user says of the model; None is not said and never made up.

    `created` is when the card is made.  `release_time` is of the model, `location` where it can
    be fetched.  `infrastructure` and `data_type` are terms of BoAmps, `training_type` of Hugging
    Face.
    """

    created: datetime
    name: str | None = None
    version: str | None = None
    supplier: str | None = None
    release_time: datetime | None = None
    location: str | None = None
    training_type: str | None = None
    task: str | None = None
    dataset: str | None = None
    data_type: str | None = None
    infrastructure: str | None = None

    def checked(self) -> CardOptions:
        """Return these options with text that is safe to print.

        Raises:
            PlanError: a place is no address to fetch from, or a text is empty.
        """
        texts: dict[str, Any] = {
            f.name: printable(value)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), str)
        }
        for name, value in texts.items():
            if not value.strip():
                raise PlanError(f"--{option(name)}: is empty; leave it out or give it a value")
        if self.location is not None and not _LOCATION.fullmatch(self.location):
            raise PlanError(
                f"--{option('location')} {self.location!r}: no address to fetch a model from; "
                "give one as https://example.org/model.onnx"
            )
        return replace(self, **texts)


_OPTIONS = {
    "name": "model-name",
    "version": "model-version",
    "location": "download-location",
    "supplier": "supplied-by",
}


def option(name: str) -> str:
    """The option of the command line for a field of `CardOptions`, without its dashes."""
    return _OPTIONS.get(name, name.replace("_", "-"))


def require(options: CardOptions, form: str, *names: str) -> None:
    """Refuse to make up what a format demands.

    Raises:
        PlanError: one of the fields `names` is not said; all that lack are named.
    """
    missing = [name for name in names if getattr(options, name) is None]
    if missing:
        listed = ", ".join(f"--{option(name)}" for name in missing)
        raise PlanError(f"{form} needs what an audit cannot know: give {listed}")


def moment(text: str, name: str) -> datetime:
    """A date or a time in ISO 8601, UTC where it names no zone.

    Raises:
        PlanError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PlanError(f"{name} {text!r}: must be a date, as 2026-11-21") from error


def utc(time: datetime) -> str:
    """A time in UTC to the second, as ``2026-11-21T20:53:53Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
