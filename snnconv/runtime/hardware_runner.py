"""The integers of a hardware folder as a Runnable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.formats.hardware import HardwareNetwork
from snnconv.model import InputSpec, Model
from snnconv.runtime.batches import Batch
from snnconv.runtime.runnable import Engine, Outputs, Shape, shapes_of

__all__ = ["HardwareRunner", "integers_of", "run_hardware"]

BATCH = 32
WHITE = 255
HARDWARE = Engine("hardware", "integers", "integers")


@dataclass(frozen=True)
class HardwareRunner:
    """A network of integers in numpy.

    Attributes:
        network: Integers of the folder.
        input: Layout of the images, as the network that was written takes them.
        outputs: Names of the outputs.
        shapes: Axes of one sample of each output.
        batch_size: Number of images that run well at a time.
        engine: Description of how it is run.
        takes_pixels: True: it takes pixels of 0..255, or counts of events.
    """

    network: HardwareNetwork
    input: InputSpec
    outputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    batch_size: int = BATCH
    engine: Engine = HARDWARE
    takes_pixels: bool = True

    def __call__(self, batch: Batch) -> Outputs:
        """Run the network on a batch, and scale its integers to the outputs of the network that was written."""
        assert batch.pixels is not None
        sums = self.network(integers_of(batch.pixels, self.input))
        scales = [float(output["scale"]) for output in self.network.graph["outputs"]]
        return Outputs(tuple(torch.from_numpy(total) * scale for total, scale in zip(sums, scales, strict=True)))


def run_hardware(files: Mapping[str, bytes] | HardwareNetwork, model: Model) -> HardwareRunner:
    """Make a hardware folder ready to run.

    Args:
        files: Files of the folder by name, or the network of integers that they hold.
        model: Network that the folder was written from; it tells the input and the outputs.

    Raises:
        FileError: The folder is damaged.
    """
    network = files if isinstance(files, HardwareNetwork) else HardwareNetwork(files)
    return HardwareRunner(network, model.input, model.outputs, shapes_of(model))


def integers_of(pixels: Tensor, spec: InputSpec) -> NDArray[np.int64]:
    """Return images as a hardware network takes them, in its layout.

    Args:
        pixels: Images `[B, C, H, W]`, uint8 or float32 (0..1); recordings `[B, T, C, H, W]`, float32 counts.
        spec: Input of the network.

    Returns:
        Integers of 0..255, `[B, *sample_shape]`; of recordings `[T, B, *sample_shape]`.
    """
    if spec.timesteps is not None:
        pixels = pixels.transpose(0, 1)
    elif pixels.dtype != torch.uint8:
        pixels = pixels.double() * WHITE
    whole = pixels.double().round().clamp(0, WHITE).to(torch.int64)
    return np.asarray((whole.movedim(-3, -1) if spec.layout == "NHWC" else whole).numpy())
