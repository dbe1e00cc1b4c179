"""Whatever stands where a file is read: a refusal in one line, soon, that tells nothing of it."""

from __future__ import annotations

import ast
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from builders import DATA
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.main import run
from auditor.reading import opened, read_limited, strict_json, unpacked

ROOT = DATA.parents[1]
RESNET, MOBILENET = ROOT / "examples" / "resnet50.onnx", ROOT / "examples" / "mobilenetv2.onnx"
A100 = ("--hardware", "a100-sxm4-80gb")
SECRET = "ghp_0123456789abcdefSECRET"  # noqa: S105 - of nothing
LONGEST_S = 5.0

# Every place where a command reads a file that someone else may have written.
ROLES: dict[str, tuple[object, ...]] = {
    "model": ("FILE", *A100),
    "plan": (RESNET, *A100, "--plan", "FILE"),
    "hardware file": (RESNET, *A100, "--hardware-file", "FILE"),
    "hardware file of the list": ("hardware", "--hardware-file", "FILE"),
    "calibration": (RESNET, *A100, "--calibration", "FILE"),
    "plan of several": ("compare", RESNET, MOBILENET, *A100, "--plan", "FILE"),
    "accuracies": ("compare", RESNET, MOBILENET, *A100, "--accuracy-file", "FILE"),
    "reference": ("compare", RESNET, MOBILENET, *A100, "--reference", "FILE"),
    "audit": ("card", "FILE", "--format", "json"),
    "reconciliation": ("card", "audit.json", "--format", "json", "--reconciled", "FILE"),
    "measurement": ("reconcile", "FILE", "--audit", "audit.json"),
    "audit of a measurement": ("reconcile", "zeus.csv", "--audit", "FILE"),
    "rows": ("reconcile", "zeus.csv", "--audit", "audit.json", "--row-output", "FILE"),
    "runs": ("calibrate", "FILE", "-o", "out.json"),
    "base": ("calibrate", "runs.csv", "--calibration", "FILE", "-o", "out.json"),
    "configuration": ("check", "--no-cache", "--config", "FILE"),
    "lock": ("check", "--no-cache", "--config", "good.toml", "--lock", "FILE"),
    "manifest": ("collect", "manifest", "FILE", "--check"),
}


def deep(opening: str, closing: str) -> bytes:
    return (opening * 100_000 + closing * 100_000).encode()


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(5000),
    "all bytes": bytes(range(256)) * 10,
    "not text": b"\xff\xfe\x00\xd8",
    "json, deep": deep("[", "]"),
    "json, deep objects": deep('{"a":', "}"),
    "toml, deep": b"x = " + deep("[", "]"),
    "toml, deep keys": b".".join([b"a"] * 100_000) + b" = 1\n",
    "nan": b'{"lock_version": 1, "version": 2, "x": NaN}',
    "infinite": b'{"lock_version": 1, "version": 2, "x": 1e999}',
    "twice": b'{"lock_version": 1, "lock_version": 1, "version": 2, "version": 2}',
    "digits": b'{"version": ' + b"9" * 100_000 + b"}",
    "digits in toml": b"samples = " + b"9" * 100_000 + b"\n",
    "a number": b"3",
    "null": b"null",
    "a long line": b"a" * 1_000_000,
    "a long cell": b'model,accuracy\n"' + b"a" * 1_000_000 + b'",0.5\n',
    "an open quote": b'model,accuracy\n"a,0.5\n',
    "cells": b"model,accuracy\n" + b"," * 100_000 + b"\n",
    "a header twice": b"model,model,accuracy\na,b,0.5\n",
    "pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94.",
    "zip": b"PK\x03\x04" + bytes(100),
    "environment": f"HOME=/root\0GITHUB_TOKEN={SECRET}\0PATH=/bin\0".encode(),
    "credentials": f'[registry]\ntoken = "{SECRET}"\n'.encode(),
    "a key": f"-----BEGIN KEY-----\n{SECRET}\n-----END KEY-----\n".encode(),
    "secret json": json.dumps({"token": SECRET}).encode(),
}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder_there(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def huge(path: Path) -> None:
    """A gigabyte that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(1_000_000_000)


STRANGE: dict[str, Callable[[Path], None]] = {
    "a pipe": fifo,
    "an endless device": endless,
    "a folder": folder_there,
    "a link to itself": loop,
    "a gigabyte": huge,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands read beside the file in question."""
    folder = tmp_path_factory.mktemp("read")
    plan = ("--samples", "50000", "--hardware", "rtx3090")
    assert run([str(RESNET), *plan, "--format", "json", "-o", str(folder / "audit.json")]) == 0
    (folder / "zeus.csv").write_text(
        "start_time,window_name,elapsed_time,gpu0_energy\n1.7e9,train,60,9000\n", encoding="utf-8"
    )
    (folder / "runs.csv").write_text(
        f"graph,batch_size,precision,hardware,step_time_s\n{RESNET},64,amp,rtx3090,0.5\n",
        encoding="utf-8",
    )
    (folder / "good.toml").write_text(
        f"hardware = 'a100-sxm4-80gb'\nsamples = 1e6\n[limits]\nenergy_kwh = 1e9\n"
        f"[models.net]\npath = '{RESNET}'\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def watch() -> Iterator[None]:
    """End a read that would wait for ever."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"still reading after {LONGEST_S:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def require_refusal(
    role: str, path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    before = sorted(p.name for p in folder.iterdir())
    code = run([str(path if a == "FILE" else a) for a in ROLES[role]])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), (role, out[:200], err[:200])
    assert err.startswith("error: ") and err.count("\n") == 1 and len(err) < 5000
    assert SECRET not in err
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_refused(  # noqa: PLR0917
    role: str,
    kind: str,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(made)
    path = tmp_path / "strange.json"
    STRANGE[kind](path)
    require_refusal(role, path, made, capsys)


# Read by the same function as others are, by another way in.
AGAIN = {"hardware file of the list", "plan of several", "audit of a measurement", "rows", "base"}


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize(
    "role", [pytest.param(r, marks=pytest.mark.long if r in AGAIN else ()) for r in ROLES]
)
@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_another_file_is_refused_and_not_quoted(  # noqa: PLR0917
    role: str,
    content: str,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(made)
    path = tmp_path / "strange.json"
    path.write_bytes(CONTENTS[content])
    if role.startswith("plan") and content == "empty":
        pytest.skip("an empty plan says nothing, and that is allowed")
    require_refusal(role, path, made, capsys)


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    assert read_limited(path, 6) == b"abcdef"
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read_limited(path, 5)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    begun = time.monotonic()
    with pytest.raises(OSError, match="a pipe or a device"):
        opened(tmp_path / "pipe")
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("name", ["a\0b", "half \ud800"])
def test_a_name_that_is_none_is_an_error_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        opened(tmp_path / name)


def test_a_small_file_does_not_unpack_to_a_large_one() -> None:
    packed = gzip.compress(bytes(10_000_000))
    assert len(packed) < 20_000
    assert len(unpacked(packed, 10_000_000)) == 10_000_000
    with pytest.raises(OSError, match="more than 9999999 bytes"):
        unpacked(packed, 9_999_999)


@pytest.mark.parametrize(
    "data",
    [b"", b"plain", gzip.compress(b"abc")[:-3], b"\x1f\x8b" + b"\xff" * 20],
    # Named, since gzip writes the time into its head and workers must agree on the names.
    ids=["nothing", "not gzip", "cut off", "damaged"],
)
def test_what_is_not_packed_is_refused(data: bytes) -> None:
    if data:
        with pytest.raises(OSError):  # noqa: PT011
            unpacked(data, 100)
    else:
        assert unpacked(data, 100) == b""


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "'a' stands twice"),
        ('[{"x": {"y": 1, "y": 1}}]', "'y' stands twice"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "1e999 is beyond"),
        ("[" * 100_000, "nested too deeply"),
        ("[1,]", "line 1"),
    ],
)
def test_json_that_readers_read_differently_is_refused(text: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        strict_json(text)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_all_other_json_is_read_as_it_is(value: object) -> None:
    assert strict_json(json.dumps(value)) == value


# What runs code that a file names, and what may (Python's own documentation of each says so).
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "code", "pty"}
NEVER_CALLED = {
    "eval", "exec", "compile", "__import__", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.full_load", "os.system", "os.popen", "os.execv", "os.execve", "os.spawnv", "torch.load",
    "subprocess.getoutput", "pandas.read_pickle",
}  # fmt: skip


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def running(source: str) -> list[str]:
    """What in a module could run what a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in NEVER_IMPORTED]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or ""] * ((node.module or "").split(".")[0] in NEVER_IMPORTED)
        elif isinstance(node, ast.Call):
            if (called := _name(node.func)) in NEVER_CALLED:
                found.append(called)
            for keyword in node.keywords:
                is_on = not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
                if keyword.arg in ("shell", "allow_pickle") and is_on:
                    found.append(f"{keyword.arg}=")
            if called.endswith("np.load") and not any(
                k.arg == "allow_pickle" for k in node.keywords
            ):
                found.append(called)
    return found


def test_nothing_in_the_package_runs_what_a_file_says() -> None:
    sources = sorted((ROOT / "auditor").rglob("*.py"))
    assert len(sources) > 200
    for path in sources:
        assert running(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from marshal import loads", "eval(text)", "import yaml\nyaml.load(text)",
        "import os\nos.system(text)", "subprocess.run(text, shell=True)", "np.load(path)",
        "np.load(path, allow_pickle=True)", "subprocess.run(text, shell=asked)",
    ],
)  # fmt: skip
def test_the_search_would_find_it(source: str) -> None:
    assert running(source) != []
