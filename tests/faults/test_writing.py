"""Whatever stops a command while it writes: the old file is there, or the new one, never half.

Commands are stopped for real, as processes: at every call by which Python touches a file while a
report is written, by a signal, and by a disk that is full.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import DATA, model, node, value, weight

# Once in the gate is enough: together these take minutes.
pytestmark = pytest.mark.slow

ROOT = DATA.parents[1]
OLD = "what was there before\n"
A100 = ("--hardware", "a100-sxm4-80gb", "--samples", "1e9")

# Ends itself, or interrupts itself, at the n-th time that Python touches a file since the report
# is being written; says on stderr how often it did, if it came to the end.
STOPPED = """
import os, signal, sys
import auditor.cli.output as output
at, number = int(sys.argv[1]), getattr(signal, sys.argv[2])
seen, is_on = 0, False
def touched(event, arguments):
    global seen
    if is_on and event in ("open", "os.rename", "os.remove", "os.chmod", "os.truncate", "os.mkdir"):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), number)
sys.addaudithook(touched)
writing = output.replacing
def replacing(path):
    global is_on
    is_on = True
    return writing(path)
output.replacing = replacing
from auditor.cli.main import run
code = run(sys.argv[3:])
is_on = False
print("touched", seen, file=sys.stderr)
sys.exit(code)
"""


def network(width: int = 8) -> bytes:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    return model(
        nodes, [value("x", ["batch", 64])], ["y"], [weight("w", 64, width)]
    ).SerializeToString()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the four commands read and write, each target with an old content."""
    tmp_path = tmp_path_factory.mktemp("made")
    (tmp_path / "net.onnx").write_bytes(network())
    (tmp_path / "report.json").write_text(OLD, encoding="utf-8")
    (tmp_path / "README.md").write_text("# Net\n\nkept\n", encoding="utf-8")
    (tmp_path / "mine.json").write_text(OLD, encoding="utf-8")
    (tmp_path / "runs.csv").write_text(
        "graph,batch_size,precision,hardware,step_time_s\n"
        f"{ROOT}/examples/resnet50.onnx,64,amp,rtx3090,0.5\n",
        encoding="utf-8",
    )
    (tmp_path / "auditor.toml").write_text(
        "hardware = 'a100-sxm4-80gb'\nsamples = 1e9\n[limits]\nenergy_kwh = 1e9\n"
        "[models.net]\npath = 'net.onnx'\n",
        encoding="utf-8",
    )
    audit = ("net.onnx", *A100, "--format", "json", "-o", "audit.json")
    assert ran(tmp_path, "-m", "auditor", *audit).returncode == 0
    assert ran(tmp_path, "-m", "auditor", "check", "--update").returncode == 0
    old_lock = json.loads((tmp_path / "audit.lock.json").read_text(encoding="utf-8"))
    old_lock["models"]["net"]["figures"]["energy_kwh"] = 1.0
    (tmp_path / "audit.lock.json").write_text(json.dumps(old_lock), encoding="utf-8")
    return tmp_path


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it to write in."""
    shutil.copytree(made, tmp_path / "folder", ignore=shutil.ignore_patterns("cache"))
    return tmp_path / "folder"


# Command, the file that it writes, and what is in a whole new one.
COMMANDS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "audit -o": (
        ("net.onnx", *A100, "--format", "json", "-o", "report.json"),
        "report.json",
        '"schema_version"',
    ),
    "card --update": (
        ("card", "audit.json", "--format", "huggingface", "--update", "README.md"),
        "README.md",
        "<!-- auditor:end -->",
    ),
    "check --update": (("check", "--no-cache", "--update"), "audit.lock.json", '"tool_version"'),
    "calibrate -o": (("calibrate", "runs.csv", "-o", "mine.json"), "mine.json", '"digest"'),
}
EVERY = pytest.mark.parametrize("command", COMMANDS)
# All write by one function; the first is tried where every test runs.
FIRST = pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=pytest.mark.long if place else ())
        for place, name in enumerate(COMMANDS)
    ],
)


def ran(folder: Path, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AUDITOR_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
        **options,
    )


def listing(folder: Path) -> dict[str, bytes]:
    there = (p for p in folder.rglob("*") if p.is_file() and "cache" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in there}


def require_whole(folder: Path, before: dict[str, bytes], command: str) -> bool:
    """Old or new, and nothing beside it but what is hidden; return whether it is new."""
    _, target, mark = COMMANDS[command]
    now = listing(folder)
    content = now[target]
    if content != before[target]:
        text = content.decode()
        assert mark in text and text.endswith("\n")
        if target.endswith(".json"):
            json.loads(text)
    rest = {name: data for name, data in now.items() if name != target}
    shown = {name: data for name, data in rest.items() if not Path(name).name.startswith(".")}
    assert shown == {name: data for name, data in before.items() if name != target}
    return content != before[target]


def restore(folder: Path, before: dict[str, bytes]) -> None:
    for name in listing(folder):
        if name not in before:
            (folder / name).unlink()
    for name, data in before.items():
        (folder / name).write_bytes(data)


@FIRST
@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT"])
def test_stopped_at_every_touch_of_a_file(folder: Path, command: str, number: str) -> None:
    before = listing(folder)
    arguments, seen = COMMANDS[command][0], []
    for at in range(1, 20):
        found = ran(folder, "-c", STOPPED, at, number, *arguments)
        seen.append(require_whole(folder, before, command))
        hidden = [n for n in listing(folder) if n not in before]
        assert "Traceback" not in found.stderr
        if "touched" in found.stderr and found.returncode == 0:
            assert seen[-1] and hidden == []
            break
        assert found.returncode == (-signal.SIGKILL if number == "SIGKILL" else 130)
        assert number == "SIGKILL" or hidden == []
        restore(folder, before)
    else:
        pytest.fail("it never came to the end")
    # It was stopped before the file was in its place at least once, and once afterwards.
    assert len(seen) >= 3 and not seen[0]


@pytest.mark.long
@EVERY
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_stopped_at_random(folder: Path, command: str, number: signal.Signals) -> None:
    before = listing(folder)
    arguments = COMMANDS[command][0]
    environment = os.environ | {"AUDITOR_CACHE_DIR": str(folder / "cache")}
    begun = time.monotonic()
    assert ran(folder, "-m", "auditor", *arguments).returncode == 0
    whole_s = time.monotonic() - begun
    delays = random.Random(8)  # noqa: S311 - the same delays every time
    for _ in range(25):
        restore(folder, before)
        process = subprocess.Popen(
            [sys.executable, "-m", "auditor", *arguments],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        time.sleep(whole_s * delays.uniform(0.3, 1.05))
        process.send_signal(number)
        process.wait(timeout=60)
        require_whole(folder, before, command)
        if number == signal.SIGINT:
            assert [n for n in listing(folder) if n not in before] == []


def small_files() -> None:
    """What a full disk does to a file: nothing beyond its first bytes can be written."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def require_refusal(
    found: subprocess.CompletedProcess[str], folder: Path, before: dict[str, bytes]
) -> None:
    assert found.returncode == 2
    assert found.stderr.startswith("error: ") and found.stderr.count("\n") == 1, found.stderr
    assert "cannot be written" in found.stderr
    assert listing(folder) == before


@FIRST
def test_a_file_that_may_not_grow(folder: Path, command: str) -> None:
    before = listing(folder)
    found = ran(folder, "-m", "auditor", *COMMANDS[command][0], preexec_fn=small_files)
    require_refusal(found, folder, before)
    assert "File too large" in found.stderr


def mount(place: Path, options: str) -> None:
    """Put a file system in memory at a place, or leave the test where that is not allowed."""
    said = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(said, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with hardly any room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=8k")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full(folder: Path, full_disk: Path) -> None:
    (full_disk / "report.json").write_text(OLD, encoding="utf-8")
    (full_disk / "rest").write_bytes(bytes(4096))
    before = listing(full_disk)
    target = full_disk / "report.json"
    audit = ("-m", "auditor", "net.onnx", *A100, "--format", "json", "-o", target)
    found = ran(folder, *audit)
    require_refusal(found, full_disk, before)
    assert "No space left" in found.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
@pytest.mark.parametrize("command", ["audit -o", "check --update"])
def test_what_is_printed_into_a_full_disk(folder: Path, command: str) -> None:
    arguments = [a for a in COMMANDS[command][0] if a not in ("-o", "report.json")]
    before = listing(folder)
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "auditor", *arguments],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"AUDITOR_CACHE_DIR": str(folder / "cache")},
        )
    assert found.returncode == 2
    assert found.stderr.startswith("error: standard output: ")
    assert listing(folder) == before


@pytest.fixture
def read_only(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same folder where nothing can be written: root may write anywhere but there."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    place = tmp_path_factory.mktemp("read-only")
    mount(place, "size=8m")
    shutil.copytree(folder, place, dirs_exist_ok=True)
    mount(place, "remount,ro")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@FIRST
def test_a_read_only_folder(read_only: Path, command: str) -> None:
    before = listing(read_only)
    found = ran(read_only, "-m", "auditor", *COMMANDS[command][0])
    require_refusal(found, read_only, before)


def test_checks_at_once_share_the_cache(folder: Path) -> None:
    """Some of them killed, with what they leave behind: all others say the same."""
    alone = ran(folder, "-m", "auditor", "check", "--no-cache", "--format", "json")
    assert alone.returncode == 0
    environment = os.environ | {"AUDITOR_CACHE_DIR": str(folder / "cache")}

    def started() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "auditor", "check", "--format", "json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    delays = random.Random(8)  # noqa: S311
    for _ in range(2):
        several = [started() for _ in range(4)]
        time.sleep(delays.uniform(0.3, 0.8))
        several[0].kill()
        for process in several[1:]:
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out, err) == (0, alone.stdout, "")
        several[0].communicate(timeout=60)
    kept = list((folder / "cache").rglob("*.json"))
    assert kept
    for path in kept:
        json.loads(path.read_text(encoding="utf-8"))
