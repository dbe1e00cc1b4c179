"""A README brought up to date in place: our keys and our section change, nothing else.

Needs PyYAML (extra `cards`), which tells where in the text a key begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.cards.facts import Facts
from auditor.cards.huggingface import BEGIN, END, front_matter, section
from auditor.cards.options import CardOptions
from auditor.cards.yaml_lines import yaml_lines
from auditor.errors import OutputError
from auditor.reading import read_limited

_LARGEST_BYTES = 5_000_000
_OURS = ("co2_eq_emissions", "energy")
# The scores are under a key that others write too; ours stand between these lines.
_BEGIN_KEYS, _END_KEYS = "# auditor:begin", "# auditor:end"
_HEAD = re.compile(r"\A(\ufeff?---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.S | re.M)


def read_readme(path: Path) -> str:
    """The text of a README, with the line ends that it has.

    Raises:
        OutputError: it cannot be read, is too large, or is no text in UTF-8.
    """
    try:
        return read_limited(path, _LARGEST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise OutputError(f"{path}: not text in UTF-8; save it as such") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be read: {reason}; give the README.md") from error


def updated(text: str, found: Facts, options: CardOptions, path: Path) -> str:
    """The README `text` with our keys and our section brought up to date.

    Raises:
        OutputError: the YAML head or our marks are not as they should be.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    head = _HEAD.match(text)
    if head is None and text.removeprefix("\ufeff").startswith("---"):
        raise OutputError(f"{path}: its YAML head has no end; close it with a line of ---")
    before, body = (head[2], text[head.end() :]) if head is not None else ("", text)
    new_body = _with_section(body, section(found).replace("\n", end), end, path)
    new_head = _with_keys(before, front_matter(found, options), end, path)
    if head is None:
        # A byte order mark stays the first of the file.
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        return f"{mark}---{end}{new_head}---{end}{end}{new_body.removeprefix(mark)}"
    return f"{head[1]}{new_head}{head[3]}{new_body}"


def _with_section(body: str, ours: str, end: str, path: Path) -> str:
    """Put our section where the old one was, else at the end."""
    begins, ends = body.count(BEGIN), body.count(END)
    if begins == ends == 0:
        gap = "" if not body or body.endswith(end * 2) else end if body.endswith(end) else end * 2
        return f"{body}{gap}{ours}"
    first, last = body.find(BEGIN), body.find(END)
    if (begins, ends) != (1, 1) or last < first:
        raise OutputError(f"{path}: needs one {BEGIN} before one {END}; put that right by hand")
    return body[:first] + ours.removesuffix(end) + body[last + len(END) :]


def _with_keys(before: str, tree: Mapping[str, Any], end: str, path: Path) -> str:
    """Put our keys at the end of the YAML head, in place of those that stood in it.

    Raises:
        OutputError: the head is no mapping, or cannot be changed without changing other keys.
    """
    rest = _without_block(before, path)
    old = _loaded(rest, path)
    kept = {key: value for key, value in old.items() if key not in _OURS}
    for first, last in reversed(_spans(rest, path)):
        rest = rest[:first] + rest[last:]
    # Scores of others stay; ours then stand under `energy` alone.
    ours = {key: value for key, value in tree.items() if key not in kept}
    gap = "" if not rest or rest.endswith("\n") else end
    block = end.join([_BEGIN_KEYS, *yaml_lines(ours), _END_KEYS]) + end
    result = f"{rest}{gap}{block}"
    if {k: v for k, v in _loaded(result, path).items() if k not in ours} != kept:
        raise OutputError(
            f"{path}: the keys {' and '.join(_OURS)} are tied to others in its YAML head; "
            "take them out by hand"
        )
    return result


def _without_block(head: str, path: Path) -> str:
    """The head without the lines that an earlier update left."""
    marks = [len(re.findall(f"^{m}\\r?$", head, re.M)) for m in (_BEGIN_KEYS, _END_KEYS)]
    if marks == [0, 0]:
        return head
    found = re.search(f"^{_BEGIN_KEYS}\\r?\n.*?^{_END_KEYS}\\r?(?:\n|\\Z)", head, re.S | re.M)
    if marks != [1, 1] or found is None:
        raise OutputError(
            f"{path}: needs one line {_BEGIN_KEYS} before one {_END_KEYS}; put that right by hand"
        )
    return head[: found.start()] + head[found.end() :]


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise OutputError(
            "--update needs PyYAML, which is not installed: pip install 'auditor[cards]'"
        ) from error
    return yaml


def _loaded(head: str, path: Path) -> dict[Any, Any]:
    """The mapping that a YAML head is."""
    yaml = _yaml()
    try:
        found = yaml.safe_load(head)
    # ValueError: a date that is none; RecursionError: lists in lists without end.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: its YAML head cannot be read: {error}; mend it") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise OutputError(f"{path}: its YAML head is no mapping of keys; mend it")
    return found


def _spans(head: str, path: Path) -> list[tuple[int, int]]:
    """Where our keys stand in the head: from the start of a line to that of another."""
    yaml = _yaml()
    root = yaml.compose(head, Loader=yaml.SafeLoader)
    if root is None:
        return []
    if root.flow_style:
        raise OutputError(f"{path}: its YAML head is in braces; write a key a line")
    spans = []
    for key, value in root.value:
        if key.value in _OURS:
            try:
                last = head.find("\n", max(key.end_mark.index, _last(value)) - 1)
            except RecursionError as error:
                raise OutputError(f"{path}: {key.value} holds itself; take it out") from error
            spans.append((key.start_mark.index, len(head) if last < 0 else last + 1))
    return spans


def _last(node: Any) -> int:
    """Where the text of a value ends; that of a block ends with what is last in it."""
    children = [c for item in node.value for c in (item if isinstance(item, tuple) else (item,))]
    if isinstance(node.value, str) or node.flow_style or not children:
        return int(node.end_mark.index)
    return max(_last(child) for child in children)
