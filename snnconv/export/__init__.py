"""Files that other people's software reads."""

from snnconv.export.hardware import save_hardware, to_hardware
from snnconv.export.int8 import save_int8, to_int8
from snnconv.export.onnx import save, to_onnx
from snnconv.export.single_step import initial_state, save_single_step, to_single_step

__all__ = [
    "initial_state",
    "save",
    "save_hardware",
    "save_int8",
    "save_single_step",
    "to_hardware",
    "to_int8",
    "to_onnx",
    "to_single_step",
]
