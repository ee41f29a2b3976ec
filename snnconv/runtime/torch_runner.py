"""A network in torch, in float32 or float64, as a Runnable."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.model import InputSpec, Model
from snnconv.runtime.batches import Batch
from snnconv.runtime.inference import batch_that_fits, fires_levels, for_inference
from snnconv.runtime.integers import ARITHMETIC
from snnconv.runtime.runnable import Engine, Outputs, Shape, shapes_of
from snnconv.runtime.running import Dtype, in_dtype, placed
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["TorchRunner", "in_one_pass", "run_in_torch", "runner_of"]


@dataclass(frozen=True)
class TorchRunner:
    """A network in torch.

    Attributes:
        model: Network made for inference.
        input: Size, layout and normalisation of the images that it is given.
        outputs: Names of the outputs.
        shapes: Axes of one sample of each output.
        batch_size: Number of images that run well at a time.
        engine: Description of how it is run.
        takes_pixels: False: it takes normalised values.
    """

    model: Model
    input: InputSpec
    outputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    batch_size: int
    engine: Engine
    takes_pixels: bool = False

    def __call__(self, batch: Batch) -> Outputs:
        """Run the network on a batch, on its own device."""
        return Outputs.of(self.model(placed(batch.values_for(self.input), self.model)), len(self.outputs))


def run_in_torch(model: Model, dtype: Dtype = "float32") -> TorchRunner:
    """Make a network ready to run in torch.

    Args:
        model: Network of any stage, run as it is: one that steps, steps. It is not changed.
        dtype: "float64", or "float32" for the network's own.
    """
    return runner_of(in_dtype(model, dtype), dtype)


def runner_of(model: Model, dtype: Dtype) -> TorchRunner:
    """Make a network that is in a dtype already ready to run in torch.

    Args:
        model: Network of any stage. It is not changed.
        dtype: Name of its dtype.
    """
    fast = for_inference(model)
    engine = Engine("torch", dtype, ARITHMETIC if fires_levels(fast) else dtype)
    return TorchRunner(fast, model.input, model.outputs, shapes_of(model), batch_that_fits(fast), engine)


def in_one_pass(model: Model) -> Model:
    """Return the quantized network that a mean-coupled spiking one equals; any other network as it is."""
    return collapse(model) if collapses(model) else model
