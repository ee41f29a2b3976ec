"""Networks of other people's simulators in NIR files: read into a spiking Model."""

from snnconv.formats.nir.reading import read_network
from snnconv.formats.nir.settings import NirReading

__all__ = ["NirReading", "is_nir", "read_network"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of HDF5, which NIR files are


def is_nir(data: bytes) -> bool:
    """Whether a file's bytes are HDF5, the container of NIR."""
    return data.startswith(SIGNATURE)
