"""A spiking network as a plain folder of integers, for people who deploy by hand (docs/hardware.md)."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.formats.hardware.folder import HardwareFolder
    from snnconv.formats.hardware.network import save_hardware, to_hardware
    from snnconv.formats.hardware.run import HardwareNetwork, read_folder
    from snnconv.formats.hardware.writing import require_folder, write_hardware

__all__ = [
    "HardwareFolder",
    "HardwareNetwork",
    "read_folder",
    "require_folder",
    "save_hardware",
    "to_hardware",
    "write_hardware",
]

__getattr__ = lazy_names(
    __name__,
    {
        "HardwareFolder": ".folder",
        "HardwareNetwork": ".run",
        "read_folder": ".run",
        "require_folder": ".writing",
        "save_hardware": ".network",
        "to_hardware": ".network",
        "write_hardware": ".writing",
    },
)
