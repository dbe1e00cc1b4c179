"""From a target to the network: its module is imported and its factory called.

This runs the user's code, in this process and with the user's rights.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

from auditor.errors import ModelLoadError, PlanError
from auditor.frontend.descriptors import STDERR, stdout_to
from auditor.frontend.target import Target

_REQUIRED = ("torch", "onnxscript", "fvcore")
# A module may end the interpreter, as a script without a guard does.
USER_ERRORS = (Exception, SystemExit)


def require_torch() -> None:
    """Make sure that the packages of the extra `torch` are there.

    Raises:
        PlanError: one is missing.
    """
    for name in _REQUIRED:
        if importlib.util.find_spec(name) is None:
            raise PlanError(
                f"{name} is not installed, and a torch: network needs it; "
                "pip install 'auditor[torch]'"
            )


def first_line(error: BaseException) -> str:
    """Type and first line of what was wrong in the first place, to put into a message.

    A line that ends with a colon says nothing without the next one.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    count = 2 if lines[0].endswith(":") else 1
    return f"{type(error).__name__}: {' '.join(lines[:count])[:300]}"


@contextlib.contextmanager
def users_code() -> Iterator[None]:
    """Run the user's code as ``python -m`` would: the current folder is importable.

    What it prints goes to standard error, since standard output is the report's.
    """
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr), stdout_to(STDERR):
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def load_network(target: Target, module_type: type) -> Any:
    """Return the network that `target` names or makes, an instance of `module_type`.

    Raises:
        ModelLoadError: the module cannot be imported, has no such name, or what it
            makes is not a network; or the factory fails.
    """
    found = _attribute(_imported(target), target)
    if isinstance(found, module_type):
        return found
    if not callable(found):
        raise ModelLoadError(
            f"{target}: {target.attribute} is of type {type(found).__name__}; name an nn.Module "
            "or a function that returns one"
        )
    try:
        made = found()
    except USER_ERRORS as error:
        raise ModelLoadError(
            f"{target}: {target.attribute}() failed: {first_line(error)}; it is called without "
            "arguments, so give it defaults or wrap it in a function"
        ) from error
    if not isinstance(made, module_type):
        raise ModelLoadError(
            f"{target}: {target.attribute}() returned {type(made).__name__}, not an nn.Module; "
            "return the network itself"
        )
    return made


def _imported(target: Target) -> Any:
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and f"{target.module}.".startswith(f"{missing}."):
            raise ModelLoadError(
                f"{target}: no module {missing!r} in the current folder or among the installed "
                "packages; check the name, or run audit in the folder that holds it"
            ) from error
        raise _import_failed(target, error) from error
    except USER_ERRORS as error:
        raise _import_failed(target, error) from error


def _import_failed(target: Target, error: BaseException) -> ModelLoadError:
    return ModelLoadError(
        f"{target}: importing {target.module} failed: {first_line(error)}; it must import "
        f"without error, as in python -c 'import {target.module}'"
    )


def _attribute(module: Any, target: Target) -> Any:
    found = module
    for part in target.attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            public = [
                n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n))
            ]
            raise ModelLoadError(
                f"{target}: {target.module} has no {target.attribute!r}; it has "
                f"{', '.join(public[:8]) or 'nothing to call'}"
            ) from error
    return found
