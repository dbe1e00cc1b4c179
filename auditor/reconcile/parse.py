"""From a file to what was measured: which tool wrote it, and its parser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from auditor.errors import CalibrationError
from auditor.reconcile import carbontracker, codecarbon, zeus
from auditor.reconcile.files import read_text
from auditor.reconcile.measured import Measured, Selection, Tool

PARSERS: Mapping[Tool, Callable[[str, Selection], Measured]] = {
    Tool.CODECARBON: codecarbon.parse,
    Tool.CARBONTRACKER: carbontracker.parse,
    Tool.ZEUS: zeus.parse,
}
# Which tools an option of `Selection` is for.
_FOR = {
    "row": (Tool.CODECARBON,),
    "run_id": (Tool.CODECARBON,),
    "project": (Tool.CODECARBON,),
    "window": (Tool.ZEUS,),
    "pue": (Tool.CARBONTRACKER,),
}
_OPTIONS = {"row": "--row", "run_id": "--run-id", "project": "--project", "window": "--window"}


def detected(text: str) -> Tool:
    """The tool that wrote `text`.

    Raises:
        CalibrationError: none of the three did, as far as can be seen.
    """
    first = text.split("\n", 1)[0].strip()
    if {name.strip() for name in first.split(",")} >= codecarbon.MARKS:
        return Tool.CODECARBON
    if zeus.is_zeus(first):
        return Tool.ZEUS
    if carbontracker.MARK.search(text):
        return Tool.CARBONTRACKER
    raise CalibrationError(
        "not a file of codecarbon (columns emissions and energy_consumed), zeus (columns "
        "start_time, window_name, elapsed_time, or times and powers) or carbontracker (lines "
        "'Average power usage (W) for' or 'Actual consumption'); name it with --tool if it is"
    )


def parse(text: str, selection: Selection | None = None, tool: Tool | None = None) -> Measured:
    """What `text` says was measured; `tool` is seen from the text where it is not given.

    Raises:
        CalibrationError: the text is of none of the tools, or not usable.
    """
    selection = selection or Selection()
    tool = tool or detected(text)
    for name, tools in _FOR.items():
        if getattr(selection, name) is not None and tool not in tools:
            option = _OPTIONS.get(name, "--tool-pue")
            raise CalibrationError(f"{option} is for files of {tools[0]}; this one is of {tool}")
    return PARSERS[tool](text, selection)


def read_measured(path: Path, selection: Selection, tool: Tool | None = None) -> Measured:
    """What the file at `path` says was measured.

    Raises:
        CalibrationError: it cannot be read, or as by `parse`; the message names the file.
    """
    text = read_text(path, "the file of codecarbon, carbontracker or zeus")
    try:
        return parse(text, selection, tool)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}", path=str(path)) from error
