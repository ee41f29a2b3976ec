"""Training steps through torch's compiler."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import torch
from torch import fx

from snnconv.errors import InvalidValueError

__all__ = ["compiled"]


def compiled(graph: fx.GraphModule, processes: int) -> Any:
    """A graph whose calls are compiled at the first of them; parameters are the graph's own.

    Args:
        graph: to train.
        processes: that train it.

    Raises:
        InvalidValueError: there are several processes, or no C++ compiler where a CPU computes.
    """
    if processes > 1:
        raise InvalidValueError(f"compile is set and {processes} processes train: compile in one, or leave it out.")
    if all(parameter.device.type == "cpu" for parameter in graph.parameters()):
        _require_compiler()
    return torch.compile(graph, dynamic=False)


def _require_compiler() -> None:
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")  # torch's own choice
    if shutil.which(name) is None:
        raise InvalidValueError(
            f"compile is set and torch's C++ compiler, {name}, is not found: install it, name another in CXX, or leave "
            "compile out."
        )
