"""ONNX files: any stage of a network, one time step of it, and its form in 8-bit integers."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.formats.onnx.int8 import save_int8, to_int8
    from snnconv.formats.onnx.single_step import initial_state, save_single_step, to_single_step
    from snnconv.formats.onnx.writing import save, to_onnx

__all__ = ["initial_state", "save", "save_int8", "save_single_step", "to_int8", "to_onnx", "to_single_step"]

__getattr__ = lazy_names(
    __name__,
    {
        "initial_state": ".single_step",
        "save": ".writing",
        "save_int8": ".int8",
        "save_single_step": ".single_step",
        "to_int8": ".int8",
        "to_onnx": ".writing",
        "to_single_step": ".single_step",
    },
)
