"""Every output of the command line for models full of one text, and readers of them."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import yaml
from markdown_it import MarkdownIt
from payloads import PLAIN, accuracy_file, hardware_file, network, quoted, unbound

from auditor.cli.main import run

DEVICE = ("--hardware", "made-up", "--hardware-file", "device.toml")
PLAN = ("--samples", "1e12", "--region", "FRA", "--price-per-kwh", "0.2")
CARDS = ("huggingface", "cyclonedx", "spdx", "boamps", "ai-act", "compute-form", "json", "badge")
JSON_CARDS = ("cyclonedx", "spdx", "boamps", "json")
MARKDOWN_CARDS = ("ai-act", "compute-form", "huggingface")
CARD = (
    "--release-time", "2026-01-01", "--download-location", "https://x.example/a",
    "--training-type", "pre-training", "--data-type", "image", "--infrastructure", "other",
)  # fmt: skip
# As the runner of GitHub reads a log: actions/runner, src/Runner.Common/ActionCommand.cs.
COMMAND = re.compile(r"^\s*::[^:]+?::|##\[[^\]]*\]|##vso\[|##teamcity\[")


@dataclass(frozen=True)
class Told:
    code: object
    out: str
    err: str


def told(*arguments: object) -> Told:
    """Run the command line in this process and this folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(a) for a in arguments])
    return Told(code, out.getvalue(), err.getvalue())


def stem(said: str) -> str:
    """A name of a file as near to `said` as the system takes."""
    return said.replace("/", "").replace("\0", "")[:80] or PLAIN


def _saved(folder: Path, said: str) -> tuple[Path, Path]:
    good, bad = folder / f"{stem(said)}.onnx", folder / "bad" / f"{stem(said)}bad.onnx"
    bad.parent.mkdir()
    good.write_bytes(network(said))
    bad.write_bytes(unbound(said))
    (folder / "simple.onnx").write_bytes(network(PLAIN))
    hardware_file(folder / "device.toml", said)
    accuracy_file(folder / "accuracy.csv", **{str(good): 0.7, "simple": 0.6})
    (folder / "auditor.toml").write_text(
        "hardware = 'made-up'\nhardware_file = 'device.toml'\nsamples = 1e6\nepochs = 2\n"
        f"region = 'FRA'\n[limits]\nenergy_kwh = 1e-9\nduration_h = 1e9\n"
        f"[models.{quoted(said)}]\npath = {quoted(good.name)}\n"
        f"[models.{quoted(said + 'bad')}]\npath = {quoted('bad/' + bad.name)}\n",
        encoding="utf-8",
    )
    return good, bad


@cache
def outputs(said: str) -> dict[str, Told]:
    """What each command prints of a model with `said` in it, by command and format."""
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        return dict(_outputs(Path(folder), said))


def _outputs(folder: Path, said: str) -> Iterator[tuple[str, Told]]:
    good, bad = _saved(folder, said)
    for form in ("text", "json", "markdown"):
        yield f"audit {form}", told(good, *DEVICE, *PLAN, "--currency", "EUR", "--format", form)
    yield "audit error", told(bad, *DEVICE, *PLAN)
    yield "strict error", told(good, *DEVICE, *PLAN, "--strict")
    told(good, *DEVICE, *PLAN, "--accuracy", "0.7", "--format", "json", "-o", "audit.json")
    says = said or PLAIN  # an option without a text is refused
    names = ("--model-name", says, "--model-version", says, "--supplied-by", says)
    names += ("--task", says, "--dataset", says)
    for form in CARDS:
        yield f"card {form}", told("card", "audit.json", "--format", form, *CARD, *names)
    models = (good, bad, folder / "simple.onnx", "--accuracy-file", "accuracy.csv")
    for form in ("text", "json", "csv"):
        yield f"compare {form}", told("compare", *models, *DEVICE, *PLAN, "--format", form)
    for form in ("text", "json", "markdown", "github", "junit"):
        yield f"check {form}", told("check", "--no-cache", "--format", form)


@cache
def pages(said: str) -> dict[str, Told]:
    """The pages in HTML of the same."""
    with TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        good, bad = _saved(folder, said)
        models = (good, bad, folder / "simple.onnx", "--accuracy-file", "accuracy.csv")
        return {
            "audit": told(good, *DEVICE, *PLAN, "--format", "html"),
            "compare": told("compare", *models, *DEVICE, *PLAN, "--format", "html"),
        }


def elements(markdown: str) -> list[str]:
    """The elements that a reader of Markdown makes, each with its attributes."""
    reader = MarkdownIt("gfm-like", {"linkify": False, "html": True}).enable("table")
    return re.findall(r"<[^>]*>", reader.render(markdown))


def front_matter(card: str) -> tuple[dict[str, Any], str]:
    """The YAML head of a model card, and what follows it."""
    _, head, body = card.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found, body


def tree(xml: str) -> list[tuple[str, tuple[str, ...]]]:
    found = ElementTree.fromstring(xml)  # noqa: S314 - our own text
    return [(e.tag, tuple(e.attrib)) for e in found.iter()]


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


class Page(HTMLParser):
    """The elements of a page with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def page(text: str) -> Page:
    parser = Page()
    parser.feed(text)
    parser.close()
    return parser
