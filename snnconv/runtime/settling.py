"""A single-step network that ends early for an image whose class has settled.

    c_t                         class of the mean of the first t steps
    stops after step t          where c_t = c_{t-1} = .. = c_{t-S}, at the earliest at t = S + 1; else at t = T

An image that has stopped leaves the batch, with its state, so that no later step computes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.model import InputSpec, rows_of
from snnconv.runtime.batches import Batch
from snnconv.runtime.file_runner import BATCH, FLOATS
from snnconv.runtime.runnable import Engine, Outputs, Shape
from snnconv.runtime.streaming import StreamedNetwork

__all__ = ["SettlingRunner", "check_settled_steps"]


def check_settled_steps(settled_steps: int, timesteps: int) -> None:
    """Refuse a number of steps that no window of T steps can settle for.

    Raises:
        InvalidValueError: It is below 1, or above T - 1.
    """
    if settled_steps < 1:
        raise InvalidValueError(
            f"stop_when_settled is {settled_steps}: a class settles when it stays for 1 step or more."
        )
    if settled_steps > timesteps - 1:
        most = f"at most {timesteps - 1}" if timesteps > 1 else "nothing to stop early"
        raise InvalidValueError(
            f"stop_when_settled is {settled_steps}: of T={timesteps} time step{'s' * (timesteps != 1)} there is {most}."
        )


@dataclass(frozen=True)
class SettlingRunner:
    """A single-step network in onnxruntime, which stops for every image when its class has settled.

    Attributes:
        network: The network.
        settled_steps: S, the number of steps for which a class must stay.
        input: Size, layout and normalisation of the images that it is given.
        outputs: Names of the outputs.
        shapes: Axes of one sample of each output.
        engine: Description of how it is run.
        batch_size: Number of images that run well at a time.
        takes_pixels: False: it takes normalised values.

    Raises:
        InvalidValueError: S is below 1, or above T - 1.
    """

    network: StreamedNetwork
    settled_steps: int
    input: InputSpec
    outputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    engine: Engine = FLOATS
    batch_size: int = BATCH
    takes_pixels: bool = False

    def __post_init__(self) -> None:
        check_settled_steps(self.settled_steps, self.network.timesteps)

    def __call__(self, batch: Batch) -> Outputs:
        """Run the network on a batch; steps after an image has stopped are 0."""
        x = batch.values_for(self.input)
        state = self.network.start(x)
        size = self.input.batch_of(x)
        running, stopped = torch.arange(size), torch.full((size,), self.network.timesteps)
        window = [torch.zeros(self.network.timesteps, size, *shape) for shape in self.shapes]
        answers = [torch.zeros(size, *shape) for shape in self.shapes]
        classes: list[Tensor] = []
        for step in range(self.network.timesteps):
            values, state = self.network.step(_frame(x, running, self.input, step), state)
            for output, answer, value in zip(window, answers, values, strict=True):
                output[step, running] = value
                answer[running] = value if self.network.tells_values else _mean(output[: step + 1, running])
            classes.append(rows_of(answers[0]).argmax(1))
            settled = self._settled(classes)[running]
            stopped[running[settled]] = step + 1
            running, left = running[~settled], (~settled).numpy()
            state = {name: array[left] for name, array in state.items()}
            if not len(running):
                break
        return Outputs(tuple(answers), tuple(map(self.network.as_steps, window)), stopped)

    def _settled(self, classes: list[Tensor]) -> Tensor:
        """Return which images have had one class for S steps, `[B]`, given the classes after each step so far."""
        last = torch.stack(classes[-self.settled_steps - 1 :])
        return (last == last[-1]).all(0) & (len(last) > self.settled_steps)


def _frame(x: Tensor, running: Tensor, spec: InputSpec, step: int) -> Tensor:
    """Return the input of a step for the images that still run."""
    return x[running] if spec.timesteps is None else x[step, running]


def _mean(steps: Tensor) -> Tensor:
    """Return the mean of the steps so far, added up in their order."""
    return steps.cumsum(0)[-1] / len(steps)
