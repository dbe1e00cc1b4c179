"""Models behind URLs: an S3 server and a web server on loopback, read by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import DATA
from fleet import ASKED, heavy, rows, run
from loopback import Handler, Server

# Once in the gate is enough: together these take minutes.
pytestmark = pytest.mark.slow

EXAMPLES = DATA.parents[1] / "examples"
BUCKET = "models"


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """An S3 server; what a client needs in its environment."""
    pytest.importorskip("s3fs")
    server_of = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "any"),
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    for name, content in {
        "zoo/resnet50.onnx": (EXAMPLES / "resnet50.onnx").read_bytes(),
        "zoo/deep/heavy.onnx": heavy(12, 512).SerializeToString(),
        "zoo/deep/broken.onnx": b"no model",
        "zoo/readme.txt": b"not for us",
    }.items():
        client.put_object(Bucket=BUCKET, Key=name, Body=content)
    yield {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    server.stop()


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("s3://models/zoo", ["deep/broken", "deep/heavy", "resnet50"]),
        ("s3://models/zoo/*.onnx", ["resnet50"]),
        ("s3://models/zoo/**/*.onnx", ["deep/broken", "deep/heavy", "resnet50"]),
        ("s3://models/zoo/resnet50.onnx", ["resnet50"]),
    ],
)
def test_models_in_a_bucket(s3: dict[str, str], tmp_path: Path, url: str, names: list[str]) -> None:
    ran = run(url, *ASKED, cwd=tmp_path, **s3)
    assert ran.returncode == 0, ran.stderr
    found = rows(tmp_path / "all.jsonl")
    assert [r["source"] for r in found] == [f"s3://models/zoo/{name}.onnx" for name in names]
    for row in found:
        assert row["status"] == ("failed" if "broken" in row["source"] else "ok")


def test_a_model_in_a_bucket_is_as_it_is_on_disk(s3: dict[str, str], tmp_path: Path) -> None:
    assert run("s3://models/zoo/resnet50.onnx", *ASKED, cwd=tmp_path, **s3).returncode == 0
    (remote,) = rows(tmp_path / "all.jsonl")
    assert run(EXAMPLES / "resnet50.onnx", *ASKED, cwd=tmp_path).returncode == 0
    (local,) = rows(tmp_path / "all.jsonl")
    own = {"source", "read_bytes", "read_requests"}
    assert {k: v for k, v in remote.items() if k not in own} == {
        k: v for k, v in local.items() if k not in own
    }
    assert remote["read_bytes"] == (EXAMPLES / "resnet50.onnx").stat().st_size
    assert local["read_bytes"] is None


def test_weights_in_a_bucket_are_not_read(s3: dict[str, str], tmp_path: Path) -> None:
    ran = run("s3://models/zoo/deep/heavy.onnx", *ASKED, "--summary", cwd=tmp_path, **s3)
    (row,) = rows(tmp_path / "all.jsonl")
    assert row["status"] == "ok"
    # 12 matrices of 1 MiB; a head of each, in blocks of 4 KiB.
    assert row["model_file_bytes"] > 12 * 2**20
    assert row["read_bytes"] < 30 * 4096
    assert f"{row['read_bytes']:,} bytes read of {row['model_file_bytes']:,} stored" in ran.stdout


def test_what_is_not_in_a_bucket_is_a_row(s3: dict[str, str], tmp_path: Path) -> None:
    ran = run("s3://models/none.onnx", "s3://models/zoo/resnet50.onnx", *ASKED, cwd=tmp_path, **s3)
    assert ran.returncode == 0
    missing, found = rows(tmp_path / "all.jsonl")
    assert "s3://models/none.onnx: cannot be read: there is no such file" in missing["error"]
    assert found["status"] == "ok"


class _Web(Handler):
    def answer(self) -> None:
        self.send_file(self.path.lstrip("/"))


@pytest.fixture
def www(tmp_path: Path) -> Path:
    pytest.importorskip("aiohttp")
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "heavy.onnx").write_bytes(heavy(12, 512).SerializeToString())
    return folder


def test_a_model_on_the_web(www: Path, tmp_path: Path) -> None:
    with Server(_Web, www).running() as web:
        ran = run(f"{web.address}/heavy.onnx", *ASKED, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (row,) = rows(tmp_path / "all.jsonl")
    assert row["source"] == f"{web.address}/heavy.onnx"
    assert row["read_bytes"] == web.sent_bytes["heavy.onnx"] < 30 * 4096


def test_a_server_without_ranges_is_named(www: Path, tmp_path: Path) -> None:
    with Server(_Web, www, has_ranges=False).running() as web:
        ran = run(f"{web.address}/heavy.onnx", *ASKED, cwd=tmp_path)
    assert ran.returncode == 2
    (row,) = rows(tmp_path / "all.jsonl")
    assert "does not serve ranges" in row["error"]


def test_a_server_that_is_asked_at_once_and_not_there_is_one_line(tmp_path: Path) -> None:
    ran = run("ftp://127.0.0.1:9/heavy.onnx", *ASKED, cwd=tmp_path)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: ftp://127.0.0.1:9/heavy.onnx: cannot be reached: ")
