"""What strangers may put into names, and models, tables and configurations that are full of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from builders import constant, model, node, value, weight

# What GitHub's runner, Azure's and TeamCity's take for commands, beside what drives a terminal, a
# spreadsheet, a browser, and readers of Markdown, YAML and XML.
PAYLOADS = {
    "formula": "=cmd|' /C calc'!A0",
    "formula at": "@SUM(1+9)*cmd|' /C calc'!A0",
    "formula plus": "+1",
    "formula minus": "-1",
    "formula tab": "\t=1+1",
    "formula return": "\r=1+1",
    "full width": "\N{FULLWIDTH EQUALS SIGN}1+1",
    "script": "<script>alert(1)</script>",
    "script end": "</script><script>alert(1)</script>",
    "picture": '"><img src=x onerror=alert(1)>',
    "link": "a](javascript:alert(1)) [b](http://x.example)",
    "bare link": "https://x.example www.x.example me@x.example <http://x.example>",
    "pipes": "a | b || c |",
    "backticks": "```\ncode ` `` ```",
    "title": "\x1b]0;owned\x07",
    "screen": "\x1b[2J\x9b31m\x7f",
    "direction": "abc\u202e\u2066def\u200f",
    "command": "::error file=x::y",
    "command below": "x\n::add-mask::a\r\n::stop-commands::b",
    "command wrapped": "x " * 60 + "::add-mask::a " * 60,
    "old command": "x##[add-mask]a ###[error]b",
    "other runners": "##vso[task.setvariable variable=x]y ##teamcity[buildStop]",
    "escaped command": "%0A::set-output name=x::y%0D%3A",
    "lines": "one\n\n# two\r\n- three\n    four\u2028five\u0085six",
    "front matter": "---\nkey: v\n...\n",
    "yaml tag": "!!python/object/apply:os.system [id]",
    "yaml anchor": "&a *a {a: [b]} : # - ? ' \" @ ` ,",
    "cdata": "]]></system-out><failure/>&amp;&#x3c;<![CDATA[",
    "comment": "<!-- auditor:end --><!-- auditor-check --><!--",
    "nul": "a\x00b",
    "template": "{{7*7}} {% raw %} ${{ secrets.TOKEN }} $(id) <%= 7 %>",
    "json": 'quote " backslash \\ \\u0041 /',
    "spaces": "  at both ends ",
    "empty": "",
}
PLAIN = "plain"


def network(said: str) -> bytes:
    """A product, an operator that nobody knows, and one whose result only the data decides."""
    nodes = [
        node("MatMul", [f"{said}x", f"{said}w"], ["a"], name=said, doc_string=said),
        node(f"{said}Odd", ["a"], ["b"], domain=f"{said}.example", name=f"{said}2"),
        node("NonZero", ["a"], ["c"], name=f"{said}3"),
        node("Add", ["a", f"{said}bias"], [f"{said}y"], name=f"{said}4"),
    ]
    weights = [weight(f"{said}w", 64, 32), constant(f"{said}bias", [0.5] * 32, "float32")]
    made = model(
        nodes,
        [value(f"{said}x", [f"{said}n", 64])],
        [f"{said}y", "b", "c"],
        weights,
        producer_name=said,
        producer_version=said,
        doc_string=said,
    )
    made.graph.name = f"{said}graph"
    made.graph.doc_string = said
    made.metadata_props.add(key=f"{said}key", value=said)
    return made.SerializeToString()


def unbound(said: str) -> bytes:
    """A network that cannot be audited, which the error says with a name of the file's."""
    made = model([node("Relu", [f"{said}x"], ["y"])], [value(f"{said}x", ["n", f"{said}m"])], ["y"])
    return made.SerializeToString()


def hardware_file(path: Path, said: str) -> Path:
    """A device described with texts as far as such a file may hold them: on one line."""
    shown = json.dumps("".join(c for c in said if c.isprintable()) or PLAIN, ensure_ascii=False)
    path.write_text(
        "[[accelerator]]\nid = 'made-up'\nmemory_bytes = 80_000_000_000\n"
        "memory_bandwidth_bytes_per_s = 2e12\ntdp_w = 400\nfp32_flops_per_s = 2e13\n"
        f"name = {shown}\nvendor = {shown}\nsource = {shown}\nnotes = {shown}\n",
        encoding="utf-8",
    )
    return path


def quoted(said: str) -> str:
    """A string of TOML."""
    return json.dumps(said)


def accuracy_file(path: Path, **accuracies: float) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("model", "accuracy"))
    writer.writerows(accuracies.items())
    path.write_text(text.getvalue(), encoding="utf-8")
    return path
