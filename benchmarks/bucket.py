"""An S3 server for one large file: heads, ranges and listings, of a file that may be sparse.

The servers that tests use hold whole objects in memory and copy them for every range; ten gigabytes
ask for one that reads what is asked for.  Paths are /bucket/key.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class _Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, folder: Path, **named: Any) -> None:
        self.folder = folder
        super().__init__(*arguments, **named)

    def do_HEAD(self) -> None:
        path = self._file()
        if path is None:
            self._send(404, b"", {})
            return
        self._send(200, b"", {"Content-Length": str(path.stat().st_size)})

    def do_GET(self) -> None:
        path = self._file()
        if path is None:
            self._send(200, self._listed(), {"Content-Type": "application/xml"})
            return
        first, last = 0, path.stat().st_size - 1
        said = self.headers.get("Range")
        if said is not None:
            first, last = (int(end) for end in said.removeprefix("bytes=").split("-"))
        with path.open("rb") as file:
            file.seek(first)
            part = file.read(last - first + 1)
        where = f"bytes {first}-{last}/{path.stat().st_size}"
        self._send(206 if said else 200, part, {"Content-Range": where})

    def _file(self) -> Path | None:
        path = self.folder / unquote(urlsplit(self.path).path).lstrip("/")
        return path if path.is_file() else None

    def _listed(self) -> bytes:
        parts = urlsplit(self.path)
        bucket = unquote(parts.path).strip("/").split("/")[0]
        prefix = parse_qs(parts.query).get("prefix", [""])[0]
        root = self.folder / bucket
        found = [
            f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag></Contents>"
            for path in sorted(root.rglob("*"))
            if path.is_file() and (key := str(path.relative_to(root))).startswith(prefix)
        ]
        return (
            f"<ListBucketResult><Name>{escape(bucket)}</Name><KeyCount>{len(found)}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{''.join(found)}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        said = {"Content-Length": str(len(content)), "ETag": '"0"'}
        said["Last-Modified"] = "Thu, 01 Jan 2026 00:00:00 GMT"
        for name, value in {**said, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the folders in `folder` as buckets; yield what a client needs in its environment."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Bucket, folder=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield {
            **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "any"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        }
        server.shutdown()
        thread.join()
