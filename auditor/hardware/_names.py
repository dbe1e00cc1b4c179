"""Names of accelerators as people and drivers write them, brought to one form."""

from __future__ import annotations

import re
from functools import lru_cache

# Words that tell nothing apart: every name of the vendor may carry them.
_NOISE = frozenset(
    [
        "nvidia",
        "amd",
        "intel",
        "google",
        "aws",
        "amazon",
        "habana",
        "corporation",
        "inc",
        "tesla",
        "geforce",
        "instinct",
        "radeon",
        "cloud",
        "edition",
        "generation",
        "the",
        "gpu",
        "gpus",
        "graphics",
        "card",
        "accelerator",
        "processor",
    ]
)
_CLUTTER = re.compile(r"[^a-z0-9]+")
# Families that are written with and without a gap before their number: "rtx3090", "gaudi 2".
_FAMILY = re.compile(r"^(quadro|geforce|tesla|titan|rtx|gtx|rx|tpu|gaudi|trainium|trn)(?=\w)")
_SUFFIX = re.compile(r"^(\d{3,4})(ti|super|d|xtx|xt|ada)(?=$|\w)")
_MEMORY = re.compile(r"^(\d+)(?:gb|gib|g)$")
# Letters that belong to the number after them: "a 100", "mi 300x", "v 100".
_PREFIX = frozenset(("a", "b", "h", "k", "l", "m", "p", "t", "v", "mi", "gh", "gb"))


def compact(text: str) -> str:
    """Lower-case letters and digits only: equal for every spacing, case and dashing of a name."""
    return _CLUTTER.sub("", text.lower())


def _split(chunk: str) -> list[str]:
    family = _FAMILY.match(chunk)
    if family:
        return [family.group(), *_split(chunk[family.end() :])]
    suffix = _SUFFIX.match(chunk)
    if suffix:
        return [suffix.group(1), suffix.group(2), *_split(chunk[suffix.end() :])]
    return [chunk] if chunk else []


def _join(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        last = joined[-1] if joined else ""
        if (word in ("gb", "gib") and last.isdigit()) or (last in _PREFIX and word[0].isdigit()):
            joined[-1] = last + word
        else:
            joined.append(word)
    return [_MEMORY.sub(r"\1gb", word) for word in joined]


@lru_cache(maxsize=4096)
def tokens(text: str) -> frozenset[str]:
    """The words of a name that tell devices apart ("NVIDIA A100 80 GB" -> {"a100", "80gb"})."""
    chunks = re.findall(r"[a-z0-9]+", text.lower())
    words = [word for chunk in chunks for word in _split(chunk)]
    return frozenset(word for word in _join(words) if word not in _NOISE)
