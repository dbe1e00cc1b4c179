"""Models of a hub (``hf://``), played on loopback by its published API: of weights nothing is sent.

The API is https://huggingface.co/docs/hub/api; huggingface_hub itself asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from builders import DATA
from fleet import ASKED, heavy, rows, run
from loopback import Handler, Server

# Once in the gate is enough.
pytestmark = pytest.mark.slow

EXAMPLE = DATA.parents[1] / "examples" / "resnet50.onnx"
API = "/api/models/zoo/nets"
TREE = f"{API}/tree/main"
FILES = "/zoo/nets/resolve/main/"


class Hub(Handler):
    """One repository, ``zoo/nets``."""

    def answer(self) -> None:
        asked = urlsplit(self.path)
        path, folder = unquote(asked.path), self.server.folder
        if path in (API, f"{API}/revision/main"):
            self.send_json({"id": "zoo/nets", "sha": "a" * 40, "siblings": []})
        elif path == TREE or path.startswith(f"{TREE}/"):
            below = folder / path.removeprefix(TREE).lstrip("/")
            is_deep = parse_qs(asked.query).get("recursive", ["false"])[0].lower() == "true"
            found = below.rglob("*") if is_deep else below.glob("*")
            self.send_json([_entry(p, folder) for p in sorted(found)])
        elif path.startswith(FILES) and (folder / path.removeprefix(FILES)).is_file():
            self.send_file(path.removeprefix(FILES))
        else:
            self.send_json({"error": "not found"}, status=404)


def _entry(path: Path, folder: Path) -> dict[str, Any]:
    """What the API says of a file or a folder."""
    kind = "directory" if path.is_dir() else "file"
    size = 0 if path.is_dir() else path.stat().st_size
    return {
        "type": kind,
        "oid": "f" * 40,
        "size": size,
        "path": path.relative_to(folder).as_posix(),
    }


@pytest.fixture
def files(tmp_path: Path) -> Path:
    pytest.importorskip("huggingface_hub")
    folder = tmp_path / "hub"
    (folder / "deep").mkdir(parents=True)
    (folder / "resnet50.onnx").write_bytes(EXAMPLE.read_bytes())
    (folder / "deep" / "heavy.onnx").write_bytes(heavy(12, 512).SerializeToString())
    (folder / "readme.txt").write_text("not for us")
    return folder


@pytest.fixture
def hub(files: Path) -> Iterator[Server]:
    with Server(Hub, files).running() as server:
        yield server


def environment(hub: Server, tmp_path: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("hf://zoo/nets", ["deep/heavy", "resnet50"]),
        ("hf://zoo/nets/*.onnx", ["resnet50"]),
        ("hf://zoo/nets/deep/heavy.onnx", ["deep/heavy"]),
    ],
)
def test_models_of_a_hub(hub: Server, tmp_path: Path, url: str, names: list[str]) -> None:
    ran = run(url, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
    assert ran.returncode == 0, ran.stderr
    found = rows(tmp_path / "all.jsonl")
    assert [r["source"] for r in found] == [f"hf://zoo/nets/{name}.onnx" for name in names]
    assert {r["status"] for r in found} == {"ok"}
    # What the table says was read is what the server sent, weights left out: of the heavy model's
    # 12 matrices of 1 MiB a head each, in blocks of 4 KiB.
    for row in found:
        assert row["read_bytes"] == hub.sent_bytes[row["source"].removeprefix("hf://zoo/nets/")]
        if "heavy" in row["source"]:
            assert row["read_bytes"] < 30 * 4096 < row["model_file_bytes"]


def test_what_is_not_there_is_a_row(hub: Server, tmp_path: Path) -> None:
    given = ("hf://zoo/nets/none.onnx", "hf://zoo/nets/resnet50.onnx")
    ran = run(*given, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
    assert ran.returncode == 0, ran.stderr
    missing, found = rows(tmp_path / "all.jsonl")
    assert missing["error"].startswith("hf://zoo/nets/none.onnx: cannot be read:")
    assert found["status"] == "ok"


@pytest.mark.parametrize("url", ["hf://zoo/nets", "hf://zoo/nets/a.onnx", "hf://zoo", "hf://"])
def test_a_hub_that_is_not_there_is_one_line(tmp_path: Path, url: str) -> None:
    pytest.importorskip("huggingface_hub")
    said = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    ran = run(url, *ASKED, cwd=tmp_path, **said)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"error: {url}: cannot be listed: ")


def test_a_hub_that_sends_all_is_named(files: Path, tmp_path: Path) -> None:
    with Server(Hub, files, has_ranges=False).running() as hub:
        given = "hf://zoo/nets/deep/heavy.onnx"
        ran = run(given, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
        assert ran.returncode == 2
        (row,) = rows(tmp_path / "all.jsonl")
        assert "does not serve ranges" in row["error"]
