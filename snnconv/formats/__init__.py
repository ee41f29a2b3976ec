"""Files that other people's software reads, and files of theirs: ONNX, NIR, and folders of integers for hardware.

Each format is a folder here; one that networks are exported to registers itself in its `export.py`.
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from snnconv.formats.exporting import FORMATS, Exported, ExportedBytes, ExportFormat, described, ordered_formats

__all__ = ["FORMATS", "ExportFormat", "Exported", "ExportedBytes", "described", "ordered_formats"]

for _package in iter_modules(__path__):
    _module = f"{__name__}.{_package.name}.export"
    if _package.ispkg and find_spec(_module) is not None:
        import_module(_module)
