"""A file in onnxruntime as a Runnable: in floats or 8-bit integers, of a whole window or of one step."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import onnx
from torch import Tensor

from snnconv.formats.onnx import to_int8, to_onnx
from snnconv.model import SNN, InputSpec, Model
from snnconv.runtime.batches import Batch
from snnconv.runtime.inference import batch_that_fits
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.runnable import Engine, Outputs, Shape, shapes_of
from snnconv.runtime.streaming import StreamedNetwork, is_single_step

__all__ = ["FLOATS", "INTEGERS", "FileRunner", "run_exported", "run_file"]

BATCH = 32
FLOATS = Engine("onnxruntime", "float32", "float32")
INTEGERS = Engine("onnxruntime-int8", "8-bit integers", "8-bit integers")


@dataclass(frozen=True)
class FileRunner:
    """A network that a function runs on the CPU, such as a session of onnxruntime.

    Attributes:
        network: Function from a normalised batch to every output, and after these the steps of every output where the
            network steps.
        input: Size, layout and normalisation of the images that it is given.
        outputs: Names of the outputs.
        shapes: Axes of one sample of each output.
        engine: Description of how it is run.
        batch_size: Number of images that run well at a time.
        takes_pixels: False: it takes normalised values.
    """

    network: Callable[[Tensor], tuple[Tensor, ...]]
    input: InputSpec
    outputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    engine: Engine = FLOATS
    batch_size: int = BATCH
    takes_pixels: bool = False

    def __call__(self, batch: Batch) -> Outputs:
        """Run the network on a batch."""
        return Outputs.of(self.network(batch.values_for(self.input)), len(self.outputs))


def run_file(source: str | os.PathLike[str] | onnx.ModelProto, model: Model) -> FileRunner:
    """Make a file ready to run; a file of a single step is driven through its window.

    Args:
        source: File, or the network that it holds.
        model: Network that the file was written from; it tells the input and the outputs.

    Raises:
        FileError: onnxruntime cannot read the file, or it is damaged.
    """
    network = StreamedNetwork(source) if is_single_step(source) else OnnxNetwork(source, model.input)
    return FileRunner(network, model.input, model.outputs, shapes_of(model))


def run_exported(model: Model, *, int8: bool) -> FileRunner:
    """Write a network as a file and make that ready to run.

    Args:
        model: Network of any stage; one that steps, steps.
        int8: True for 8-bit integers, False for floats.

    Raises:
        ModelError: The network has no form in 8-bit integers.
    """
    proto = to_int8(model, stepped=isinstance(model, SNN)) if int8 else to_onnx(model)
    engine = INTEGERS if int8 else FLOATS
    return FileRunner(
        OnnxNetwork(proto, model.input),
        model.input,
        model.outputs,
        shapes_of(model),
        engine,
        batch_size=batch_that_fits(model),
    )
