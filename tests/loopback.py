"""Servers on loopback, of files by ranges; what each one plays stands where it is used."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class Server(ThreadingHTTPServer):
    """Files below a folder; `sent_bytes` by their names, for what was sent of each.

    Without ranges it sends all of a file, whatever was asked for.
    """

    def __init__(self, handler: type[Handler], folder: Path, *, has_ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.folder, self.has_ranges = folder, has_ranges
        self.sent_bytes: Counter[str] = Counter()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator[Self]:
        with self:
            thread = threading.Thread(target=self.serve_forever, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.shutdown()
                thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers of a server; its subclasses say to what, by ``answer``."""

    server: Server

    def answer(self) -> None:
        raise AssertionError(self.path)

    # By these names the standard library calls them.
    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, said in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, said)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_json(self, said: Any, status: int = 200) -> None:
        self.send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def send_file(self, name: str) -> None:
        """The range of a file that was asked for, or all of it."""
        content = (self.server.folder / name).read_bytes()
        asked = self.headers.get("Range")
        if asked is None or not self.server.has_ranges:
            status, part, headers = 200, content, {}
        else:
            first, last = (int(end) for end in asked.removeprefix("bytes=").split("-"))
            status, part = 206, content[first : last + 1]
            headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        if self.command != "HEAD":
            self.server.sent_bytes[name] += len(part)
        self.send(status, part, {**headers, "Accept-Ranges": "bytes"})

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
