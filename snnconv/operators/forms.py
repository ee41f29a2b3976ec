"""The reasons that several operators have no form in a format."""

from __future__ import annotations

from snnconv.formats.hardware import builder
from snnconv.formats.nir import writer
from snnconv.graph.operator import NoForm

__all__ = ["IN_FLOAT", "NO_INTEGERS", "NO_NIR"]

IN_FLOAT = NoForm("it is computed in 32-bit floats")
NO_INTEGERS = NoForm(builder.NO_FORM)
NO_NIR = NoForm(writer.NO_FORM)
