"""A network that an export format wrote, as a Runnable."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import onnx
from torch import Tensor

from snnconv.formats.hardware import HardwareNetwork
from snnconv.model import Model
from snnconv.runtime.file_runner import FileRunner, run_file
from snnconv.runtime.hardware_runner import run_hardware
from snnconv.runtime.runnable import Runnable, shapes_of
from snnconv.runtime.running import resolve
from snnconv.runtime.torch_runner import run_in_torch

__all__ = ["Written", "run_written"]

Function: TypeAlias = Callable[[Tensor], tuple[Tensor, ...]]
Written: TypeAlias = Model | HardwareNetwork | onnx.ModelProto | str | os.PathLike[str] | Function
"""Forms in which a format gives back a network that it wrote (`Exported.open`)."""


def run_written(written: Written, model: Model) -> Runnable:
    """Make a written network ready to run.

    Args:
        written: Network as it is read back, integers of a hardware folder, ONNX file, or a function from a normalised
            batch in the network's layout to the outputs.
        model: Network that it was written from; it tells the names of the outputs.

    Raises:
        FileError: A file is damaged.
    """
    if isinstance(written, Model):
        runner = run_in_torch(written, resolve("auto", written, "torch"))
        return replace(runner, outputs=model.outputs)  # it has names of its own for them, in the same order
    if isinstance(written, HardwareNetwork):
        return run_hardware(written, model)
    if isinstance(written, (onnx.ModelProto, str, os.PathLike)):
        return run_file(written, model)
    return FileRunner(written, model.input, model.outputs, shapes_of(model))
