"""``--timeout-s``: what takes too long ends with one line and exit code 2."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import model, node, value
from command_line import A100, RESNET, audit, process

# A process that hears no signal, as one deep in a compiled library: the thread ends it.
DEAF = """
import signal, sys, time
import auditor.cli.deadline as deadline
from auditor.cli.main import run
import auditor.pipeline
deadline._GRACE_S = 0.2
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
auditor.pipeline.audit = lambda request: time.sleep(60)
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def long_chain(tmp_path: Path) -> Path:
    """A file that takes seconds to audit."""
    nodes = [node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(40_000)]
    made = model(nodes, [value("t0", [1, 4])], [value("t40000", [1, 4])])
    path = tmp_path / "long.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.parametrize("command", [(), ("compare", RESNET)])
def test_an_audit_that_takes_too_long_is_given_up(
    long_chain: Path, command: tuple[object, ...]
) -> None:
    target = long_chain.parent / "report.txt"
    target.write_text("what was there before\n")
    begun = time.monotonic()
    found = process(
        *command, long_chain, *A100, "--timeout-s", 0.9, "-o", target, cwd=long_chain.parent
    )
    assert time.monotonic() - begun < 5
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr == (
        "error: not done after 0.9 s; give it more with --timeout-s, or a smaller model\n"
    )
    assert target.read_text() == "what was there before\n"
    assert sorted(p.name for p in long_chain.parent.iterdir()) == ["long.onnx", "report.txt"]


def test_the_clock_stops_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert audit(capsys, RESNET, *A100, "--timeout-s", 60).code == 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_what_hears_no_signal_is_ended_too(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", DEAF, str(RESNET), *A100, "--timeout-s", "0.3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("error: not done after 0.3 s")


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], given: str) -> None:
    found = audit(capsys, RESNET, *A100, "--timeout-s", given)
    assert found.code == 2
    assert found.err.startswith("error: ") and "--timeout-s" in found.err
