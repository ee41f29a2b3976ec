"""Files that other people's software reads."""

from snnconv.export.onnx import require_writable, save, to_onnx

__all__ = ["require_writable", "save", "to_onnx"]
