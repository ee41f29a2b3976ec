"""The export format nir: a NIR graph for other people's simulators and chips."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from snnconv.formats.exporting import FORMATS, ExportFormat, described

if TYPE_CHECKING:
    from snnconv.formats.nir.writing import NirFile
    from snnconv.model import Model

__all__ = ["NirExport", "NirFormat"]


@dataclass(frozen=True)
class NirExport:
    """Choices of a NIR graph.

    Attributes:
        exact_reset: Flag to build the reset by subtraction of NIR's primitives.
        unit_thresholds: Flag to let every threshold be 1.
    """

    exact_reset: bool = field(default=False, metadata=described("reset by subtraction, built of NIR's primitives."))
    unit_thresholds: bool = field(default=False, metadata=described("every threshold 1, as some simulators ask."))


@FORMATS.register("nir")
class NirFormat(ExportFormat[NirExport]):
    """NIR graphs."""

    help = "A NIR graph of a causal network, for other people's simulators and chips."
    settings = NirExport
    place = 1

    def path_for(self, stem: str, settings: NirExport) -> Path:
        """Return the network's name with the ending of NIR."""
        return Path(f"{stem}.nir")

    def write(self, model: Model, settings: NirExport) -> NirFile:
        """Return the network as a NIR graph."""
        from snnconv.formats.nir.writing import nir_file

        return nir_file(model, exact_reset=settings.exact_reset, unit_thresholds=settings.unit_thresholds)
