"""Networks of other people's simulators in NIR files: read into a spiking Model, and written from one."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.formats.nir.reading import read_network
    from snnconv.formats.nir.settings import NirReading

__all__ = ["NirReading", "is_nir", "read_network"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of HDF5, which NIR files are

__getattr__ = lazy_names(__name__, {"NirReading": ".settings", "read_network": ".reading"})


def is_nir(data: bytes) -> bool:
    """Return whether a file's bytes are HDF5, the container of NIR."""
    return data.startswith(SIGNATURE)
