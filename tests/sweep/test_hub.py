"""Models of a hub (``hf://``), played on loopback by its published API: of weights nothing is sent.

The API is https://huggingface.co/docs/hub/api; huggingface_hub itself asks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from builders import DATA
from fleet import heavy, rows, run

# Once in the gate is enough.
pytestmark = pytest.mark.slow

EXAMPLE = DATA.parents[1] / "examples" / "resnet50.onnx"
ASKED = ("--hardware", "a100-sxm4-80gb", "--samples", "1e6", "--processes", "1", "-o", "all.jsonl")
API = "/api/models/zoo/nets"
FILES = "/zoo/nets/resolve/main/"


class Hub(ThreadingHTTPServer):
    """One repository, ``zoo/nets``, of the files below a folder; `sent` are bytes by file."""

    def __init__(self, folder: Path, *, has_ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.has_ranges = folder, has_ranges
        self.sent: dict[str, int] = {}

    def entry(self, path: Path) -> dict[str, Any]:
        """What the API says of a file or a folder."""
        kind = "directory" if path.is_dir() else "file"
        size = 0 if path.is_dir() else path.stat().st_size
        name = path.relative_to(self.folder).as_posix()
        return {"type": kind, "oid": "f" * 40, "size": size, "path": name}


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        path = unquote(asked.path)
        tree, _, below = path.removeprefix(f"{API}/tree/main").partition("/")
        if path in (API, f"{API}/revision/main"):
            self._json({"id": "zoo/nets", "sha": "a" * 40, "siblings": []})
        elif path.startswith(f"{API}/tree/main") and not tree:
            folder = self.server.folder / below
            is_deep = parse_qs(asked.query).get("recursive", ["false"])[0].lower() == "true"
            found = folder.rglob("*") if is_deep else folder.glob("*")
            self._json([self.server.entry(p) for p in sorted(found)])
        elif path.startswith(FILES) and (self.server.folder / path.removeprefix(FILES)).is_file():
            self._file(path.removeprefix(FILES))
        else:
            self._json({"error": "not found"}, status=404)

    def do_POST(self) -> None:
        self._json([])

    def _json(self, said: Any, status: int = 200) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _file(self, name: str) -> None:
        content = (self.server.folder / name).read_bytes()
        said = self.headers.get("Range")
        if said is None or not self.server.has_ranges:
            status, part, headers = 200, content, {}
        else:
            first, last = (int(end) for end in said.removeprefix("bytes=").split("-"))
            status, part = 206, content[first : last + 1]
            headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self.server.sent[name] = self.server.sent.get(name, 0) + len(part)
        self._send(status, part, headers)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, said in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, said)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _served(hub: Hub) -> Iterator[Hub]:
    with hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


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
def hub(files: Path) -> Iterator[Hub]:
    yield from _served(Hub(files))


def environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    home = str(tmp_path / "home")
    return {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": home}


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("hf://zoo/nets", ["deep/heavy", "resnet50"]),
        ("hf://zoo/nets/*.onnx", ["resnet50"]),
        ("hf://zoo/nets/deep/heavy.onnx", ["deep/heavy"]),
    ],
)
def test_models_of_a_hub(hub: Hub, tmp_path: Path, url: str, names: list[str]) -> None:
    ran = run(url, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
    assert ran.returncode == 0, ran.stderr
    found = rows(tmp_path / "all.jsonl")
    assert [r["source"] for r in found] == [f"hf://zoo/nets/{name}.onnx" for name in names]
    assert {r["status"] for r in found} == {"ok"}
    # What the table says was read is what the server sent, weights left out: of the heavy model's
    # 12 matrices of 1 MiB a head each, in blocks of 4 KiB.
    for row in found:
        assert row["read_bytes"] == hub.sent[row["source"].removeprefix("hf://zoo/nets/")]
        if "heavy" in row["source"]:
            assert row["read_bytes"] < 30 * 4096 < row["model_file_bytes"]


def test_what_is_not_there_is_a_row(hub: Hub, tmp_path: Path) -> None:
    given = ("hf://zoo/nets/none.onnx", "hf://zoo/nets/resnet50.onnx")
    ran = run(*given, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
    assert ran.returncode == 0, ran.stderr
    missing, found = rows(tmp_path / "all.jsonl")
    assert missing["error"].startswith("hf://zoo/nets/none.onnx: cannot be read:")
    assert found["status"] == "ok"


def test_a_hub_that_sends_all_is_named(files: Path, tmp_path: Path) -> None:
    for hub in _served(Hub(files, has_ranges=False)):
        given = "hf://zoo/nets/deep/heavy.onnx"
        ran = run(given, *ASKED, cwd=tmp_path, **environment(hub, tmp_path))
        assert ran.returncode == 2
        (row,) = rows(tmp_path / "all.jsonl")
        assert "does not serve ranges" in row["error"]
