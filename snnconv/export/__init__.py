"""Files that other people's software reads."""

from snnconv.export.int8 import save_int8, to_int8
from snnconv.export.onnx import save, to_onnx

__all__ = ["save", "save_int8", "to_int8", "to_onnx"]
