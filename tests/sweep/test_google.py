"""Models in a bucket of Google's (``gs://``), played on loopback by its JSON API.

The API is https://cloud.google.com/storage/docs/json_api; gcsfs itself asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fleet import ASKED, heavy, rows, run
from loopback import Handler, Server

# Once in the gate is enough.
pytestmark = pytest.mark.slow

OBJECTS = "/storage/v1/b/models/o"
MEDIA = "/download"


class Bucket(Handler):
    """One bucket, ``models``."""

    def answer(self) -> None:
        asked = urlsplit(self.path)
        query = {name: said[0] for name, said in parse_qs(asked.query).items()}
        path, folder = unquote(asked.path), self.server.folder
        name = path.removeprefix(MEDIA).removeprefix(OBJECTS).lstrip("/")
        if path == OBJECTS:
            self.send_json(_listed(folder, query.get("prefix", ""), query.get("delimiter")))
        elif OBJECTS in path and (folder / name).is_file():
            if path.startswith(MEDIA) or query.get("alt") == "media":
                self.send_file(name)
            else:
                self.send_json(_object(folder, name))
        else:
            self.send_json({"error": {"code": 404, "message": "not found"}}, status=404)


def _object(folder: Path, name: str) -> dict[str, Any]:
    """What the API says of an object."""
    size = (folder / name).stat().st_size
    of = {"kind": "storage#object", "bucket": "models", "name": name, "size": str(size)}
    return {**of, "etag": "e", "generation": "1", "updated": "2026-01-01T00:00:00Z"}


def _listed(folder: Path, prefix: str, delimiter: str | None) -> dict[str, Any]:
    """Objects whose names begin so, those with a delimiter after that as what is before it."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    names = [name for name in files if name.startswith(prefix)]
    if not delimiter:
        return {"items": [_object(folder, name) for name in names]}
    deeper = {
        prefix + n[len(prefix) :].split("/")[0] + "/" for n in names if "/" in n[len(prefix) :]
    }
    here = [_object(folder, n) for n in names if "/" not in n[len(prefix) :]]
    return {"items": here, "prefixes": sorted(deeper)}


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Server]:
    pytest.importorskip("gcsfs")
    folder = tmp_path / "bucket"
    (folder / "zoo" / "deep").mkdir(parents=True)
    (folder / "zoo" / "deep" / "heavy.onnx").write_bytes(heavy(12, 512).SerializeToString())
    (folder / "zoo" / "light.onnx").write_bytes(heavy(1, 8).SerializeToString())
    (folder / "zoo" / "readme.txt").write_text("not for us")
    with Server(Bucket, folder).running() as server:
        yield server


def environment(bucket: Server) -> dict[str, str]:
    # Kinds of buckets that newer clients ask for by gRPC have no server here.
    plain = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
    return {"STORAGE_EMULATOR_HOST": bucket.address, "FSSPEC_GS_TOKEN": "anon", **plain}


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("gs://models/zoo", ["deep/heavy", "light"]),
        ("gs://models/zoo/*.onnx", ["light"]),
        ("gs://models/zoo/deep/heavy.onnx", ["deep/heavy"]),
    ],
)
def test_models_in_a_bucket(bucket: Server, tmp_path: Path, url: str, names: list[str]) -> None:
    ran = run(url, *ASKED, cwd=tmp_path, **environment(bucket))
    assert ran.returncode == 0, ran.stderr
    found = rows(tmp_path / "all.jsonl")
    assert [r["source"] for r in found] == [f"gs://models/zoo/{name}.onnx" for name in names]
    assert {r["status"] for r in found} == {"ok"}
    for row in found:
        assert row["read_bytes"] == bucket.sent_bytes[row["source"].removeprefix("gs://models/")]
        if "heavy" in row["source"]:  # 12 matrices of 1 MiB: a head of each
            assert row["read_bytes"] < 30 * 4096 < row["model_file_bytes"]


def test_what_is_not_there_is_a_row(bucket: Server, tmp_path: Path) -> None:
    given = ("gs://models/none.onnx", "gs://models/zoo/light.onnx")
    ran = run(*given, *ASKED, cwd=tmp_path, **environment(bucket))
    assert ran.returncode == 0, ran.stderr
    missing, found = rows(tmp_path / "all.jsonl")
    assert missing["error"].startswith("gs://models/none.onnx: cannot be read:")
    assert found["status"] == "ok"
