"""The export format hardware: a network as a plain folder of integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from snnconv.formats.exporting import FORMATS, ExportFormat, described

if TYPE_CHECKING:
    from snnconv.formats.hardware.folder import HardwareFolder
    from snnconv.model import Model

__all__ = ["HardwareExport", "HardwareFormat"]


@dataclass(frozen=True)
class HardwareExport:
    """Choices of a hardware folder.

    Attributes:
        weight_bits: Width of a signed weight, 2 to 16.
    """

    weight_bits: int = field(
        default=8, metadata=described("bits of a weight, 2 to 16.  [default: 8]", metavar="N", least=2, most=16)
    )


@FORMATS.register("hardware")
class HardwareFormat(ExportFormat[HardwareExport]):
    """Folders of integers."""

    help = "A plain folder of integers, for people who deploy by hand."
    settings = HardwareExport
    kind = "folder"
    place = 2

    def path_for(self, stem: str, settings: HardwareExport) -> Path:
        """Return the network's name with the word hardware behind it."""
        return Path(f"{stem}-hardware")

    def require_path(self, path: Path) -> None:
        """Refuse a path where something other than an earlier export is."""
        from snnconv.formats.hardware.writing import require_folder

        require_folder(path)

    def write(self, model: Model, settings: HardwareExport) -> HardwareFolder:
        """Return the network as a folder of integers."""
        from snnconv.formats.hardware.network import to_hardware

        return to_hardware(model, weight_bits=settings.weight_bits)
