"""Files that other people's software reads."""

from snnconv.export.onnx import save, to_onnx

__all__ = ["save", "to_onnx"]
