"""An ONNX file of any form, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx

from snnconv.files import write_atomically
from snnconv.formats.exporting import Exported
from snnconv.formats.onnx.export import OnnxExport, OnnxForm
from snnconv.formats.onnx.int8 import to_int8
from snnconv.formats.onnx.single_step import to_single_step
from snnconv.formats.onnx.writing import to_onnx
from snnconv.model import SNN, Model
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["OnnxFile", "onnx_file"]


@dataclass(frozen=True)
class OnnxFile(Exported):
    """A network as an ONNX file.

    Attributes:
        proto: The file.
        form: Form of the network.
        int8: Flag of a file whose weights and activations are 8-bit integers.
    """

    proto: onnx.ModelProto
    form: OnnxForm
    int8: bool

    @cached_property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        return bytes(self.proto.SerializeToString())

    @property
    def nodes(self) -> int:
        """Return the number of nodes."""
        return len(self.proto.graph.node)

    def save(self, path: Path) -> None:
        """Write the file, atomically."""
        write_atomically(path, self.content)

    def open(self, model: Model) -> onnx.ModelProto:
        """Return the file, which onnxruntime runs."""
        return self.proto

    def to_dict(self) -> dict[str, Any]:
        """Return form and sizes."""
        return {"form": self.form, "int8": self.int8, "nodes": self.nodes, "bytes": len(self.content)}

    def lines(self) -> list[str]:
        """Return form and sizes, in words."""
        integers = ", int8" if self.int8 else ""
        return [f"{self.form}{integers}, {self.nodes} nodes, {len(self.content) / 1e6:.2f} MB."]

    def title(self) -> str:
        """Return what runs the file."""
        return "The file in onnxruntime"


def onnx_file(model: Model, settings: OnnxExport) -> OnnxFile:
    """Return a network as an ONNX file.

    Args:
        model: Any stage that has the form.
        settings: Choices.

    Raises:
        ModelError: The network has no such form.
    """
    of_one_pass = settings.int8 and (collapses(model) or not isinstance(model, SNN))
    form = settings.form or ("collapsed" if of_one_pass else "stepped")
    if settings.int8:
        proto = to_int8(model, stepped=form == "stepped")
    elif form == "single-step":
        proto = to_single_step(model)
    else:
        proto = to_onnx(collapse(model) if form == "collapsed" and isinstance(model, SNN) else model)
    return OnnxFile(proto, form, settings.int8)
