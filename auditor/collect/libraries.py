"""The libraries that networks come from: imported, asked for nothing over the network.

The one module of this package that imports timm, torchvision and transformers.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from auditor.errors import PlanError

# Declarations of operators vanish with the object that made them.
_DECLARED: list[Any] = []


def require(library: str) -> None:
    """Make sure that a library is installed, without importing it.

    Raises:
        PlanError: it is not.
    """
    if importlib.util.find_spec(library) is None:
        extra = "'auditor[torch]'" if library == "torch" else library
        raise PlanError(f"{library} is not installed, and a run needs it; pip install {extra}")


def torchvision() -> ModuleType:
    """Import torchvision, also beside a torch that its compiled operators do not fit.

    There its import fails at operators of detection that are not declared.  They are declared
    here without an implementation: no network that is collected calls them.

    Raises:
        PlanError: it is not installed.
    """
    import torch

    require("torchvision")
    try:
        import torchvision as found
    except RuntimeError:
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)
        import torchvision as found
    return _module(found)


def timm() -> ModuleType:
    """Import timm, and torchvision that it needs.

    Raises:
        PlanError: one is not installed.
    """
    require("timm")
    torchvision()
    import timm as found

    return _module(found)


def transformers() -> ModuleType:
    """Import transformers, told to ask no hub.

    Raises:
        PlanError: it is not installed.
    """
    require("transformers")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    if importlib.util.find_spec("torchvision") is not None:
        torchvision()  # transformers imports it where it is there
    import transformers as found

    return _module(found)


def _module(found: Any) -> ModuleType:
    module: ModuleType = found
    return module
