"""No command speaks to anyone, nor writes anywhere but where it was told to and into its cache.

Every command runs as a process whose sockets are forbidden, and which says what it opened to write.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import DATA

from auditor.cli.main import cli

# Once in the gate is enough: together these take minutes.
pytestmark = pytest.mark.slow

ROOT = DATA.parents[1]
RESNET, MOBILENET = ROOT / "examples" / "resnet50.onnx", ROOT / "examples" / "mobilenetv2.onnx"
A100 = ("--hardware", "a100-sxm4-80gb", "--samples", "1e6")

# `onnxruntime` looks at the machine by files alone; none of what is here needs a socket.
WATCHED = """
import sys
FORBIDDEN = ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname",
             "socket.bind", "socket.sendto", "urllib.Request", "http.client.connect",
             "ftplib.connect", "smtplib.connect")
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod",
           "os.truncate", "shutil.move", "shutil.copyfile", "shutil.rmtree")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile")
written = []
def watch(event, arguments):
    if event in FORBIDDEN:
        sys.stderr.write(f"SOCKET {event} {arguments!r}\\n")
        raise PermissionError(event)
    if event in STARTS:
        written.append(f"STARTED {event} {arguments!r}")
    elif event in CHANGES:
        written.extend(f"WROTE {a}" for a in arguments[:2] if isinstance(a, (str, bytes)))
    elif event == "open":
        path, mode, flags = arguments
        if isinstance(path, str) and (flags & 0o1103 or set(mode or "") & set("wax+")):
            written.append(f"WROTE {path}")
sys.addaudithook(watch)
from auditor.cli.main import run
code = run(sys.argv[1:])
print(*written, sep="\\n", file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("closed")
    (made / "home").mkdir()
    (made / "runs.csv").write_text(
        f"graph,batch_size,precision,hardware,step_time_s\n{RESNET},64,amp,rtx3090,0.5\n",
        encoding="utf-8",
    )
    (made / "zeus.csv").write_text(
        "start_time,window_name,elapsed_time,gpu0_energy\n1.7e9,train,60,9000\n", encoding="utf-8"
    )
    (made / "auditor.toml").write_text(
        "hardware = 'a100-sxm4-80gb'\nsamples = 1e9\n[limits]\nenergy_kwh = 1e-9\n"
        f"[models.net]\npath = '{RESNET}'\n",
        encoding="utf-8",
    )
    found, _, _ = closed(
        made, RESNET, "--hardware", "rtx3090", "--samples", "9e4", "--format", "json", "-o",
        "audit.json",
    )  # fmt: skip
    assert found == 0
    return made


def closed(folder: Path, *arguments: object) -> tuple[int, set[str], str]:
    """Run a command; return its exit code, what it wrote, and what it said of it."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder / "home"),
        "AUDITOR_CACHE_DIR": str(folder / "cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    found = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    lines = found.stderr.splitlines()
    assert [line for line in lines if line.startswith(("SOCKET", "STARTED"))] == []
    paths = {line.removeprefix("WROTE ") for line in lines if line.startswith("WROTE ")}
    inside = {os.path.relpath(os.path.join(folder, path), folder) for path in paths}
    # The name that a file has before it is whole.
    return found.returncode, {p for p in inside if not _hidden(p)}, found.stderr


def _hidden(path: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(".") and name.endswith(".tmp")


CARD = ("card", "audit.json", "--format")
# Arguments, exit code, and the files that they name to be written.
COMMANDS: dict[str, tuple[tuple[object, ...], int, set[str]]] = {
    "model": ((RESNET, *A100, "--alternatives", "--by-region", "all"), 0, set()),
    "model to a file": ((RESNET, *A100, "-o", "report.txt"), 0, {"report.txt"}),
    "model as a page": ((RESNET, *A100, "--format", "html", "-o", "page.html"), 0, {"page.html"}),
    "model that is none": (("runs.csv", *A100), 2, set()),
    "hardware": (("hardware",), 0, set()),
    "regions": (("regions", "france"), 0, set()),
    "compare": (("compare", RESNET, MOBILENET, *A100, "-o", "c.txt"), 0, {"c.txt"}),
    "card": ((*CARD, "huggingface", "--training-type", "pre-training"), 0, set()),
    "card in place": ((*CARD, "huggingface", "--update", "README.md"), 2, set()),
    "reconcile": (
        ("reconcile", "zeus.csv", "--audit", "audit.json", "--samples", "9e4", "--row-output",
         "rows.csv", "-o", "r.txt"), 0, {"rows.csv", "r.txt"},
    ),
    "calibrate": (("calibrate", "runs.csv", "-o", "mine.json"), 0, {"mine.json"}),
    "collect": (("collect", "manifest", "runs.csv", "--check"), 2, set()),
    "check": (("check", "--no-cache"), 1, set()),
    "check with all": (
        ("check", "--no-cache", "--update", "--also", "junit=j.xml", "-o", "v.txt"),
        1, {"audit.lock.json", "j.xml", "v.txt"},
    ),
    "measure without a device": (("measure", "runs.csv"), 2, set()),
    "crosscheck without a network": (("crosscheck", "torch:there.is:none"), 2, set()),
}  # fmt: skip


def test_every_command_is_one_of_these() -> None:
    said = {str(arguments[0]) for arguments, _, _ in COMMANDS.values()}
    # What reads a URL has tests of its own, with a server of their own.
    assert {*cli.commands} - said - {"model", "sweep"} == set()


# What takes longest, or is another way into a command that is tried as well.
SLOW = {"model to a file", "model as a page", "card in place", "check", "calibrate", "reconcile"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in COMMANDS]
)
def test_nothing_is_sent_and_nothing_else_written(folder: Path, name: str) -> None:
    arguments, code, outputs = COMMANDS[name]
    found, written, said = closed(folder, *arguments)
    assert (found, written) == (code, outputs), said
    assert list((folder / "home").iterdir()) == []


def test_a_check_writes_into_its_cache_alone(folder: Path) -> None:
    for _ in range(2):
        code, written, said = closed(folder, "check")
        assert code == 1, said
        assert all(path == "cache" or path.startswith("cache/") for path in written), written
    assert written == set()  # all of it was there
    assert list((folder / "home").iterdir()) == []


def test_the_watch_would_notice(folder: Path) -> None:
    code = WATCHED.replace(
        "code = run(sys.argv[1:])",
        "import socket\nopen('secret.txt', 'w').close()\n"
        "socket.create_connection(('127.0.0.1', 9))",
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "SOCKET socket." in found.stderr
    assert (folder / "secret.txt").exists()
