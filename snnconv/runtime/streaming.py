"""A file of one time step in onnxruntime, driven through its window as a host would."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.errors import FileError
from snnconv.formats.onnx import initial_state
from snnconv.formats.onnx.metadata import LAST, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.model import InputSpec
from snnconv.neurons import Increments, fold_time
from snnconv.runtime.onnxruntime import OnnxNetwork

__all__ = ["State", "StreamedNetwork", "is_single_step"]

State: TypeAlias = dict[str, NDArray[Any]]


def is_single_step(source: str | os.PathLike[str] | onnx.ModelProto) -> bool:
    """Return whether a file is one of a single step."""
    proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
    return SINGLE_STEP in metadata_in(proto)


class StreamedNetwork(OnnxNetwork):
    """A single-step file that is called T times, from the initial state on.

    Args:
        source: File, or the network that it holds.

    Attributes:
        timesteps: T.
        tells_values: True under differential coupling, whose outputs hold at each step the answer so far.

    Raises:
        FileError: The file cannot be read, or is damaged.
    """

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto) -> None:
        self._proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
        metadata = metadata_in(self._proto)
        try:
            self._input = InputSpec.from_dict(metadata["input"])
            super().__init__(self._proto, self._input)
            self.timesteps = int(metadata["timesteps"])
            self.tells_values = metadata[SINGLE_STEP].get("answer") == LAST
            self._states = {str(state["output"]): str(state["input"]) for state in metadata[SINGLE_STEP]["states"]}
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise FileError(f"The file's own metadata is damaged ({error}). Export the network again.") from error

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the time mean of every output for a batch, `[B, ...]`, and then their steps, `[T, B, ...]`."""
        state = self.start(x)
        steps: list[tuple[Tensor, ...]] = []
        for step in range(self.timesteps):
            values, state = self.step(x if self._input.timesteps is None else x[step], state)
            steps.append(values)
        outputs = [torch.stack(output) for output in zip(*steps, strict=True)]
        if self.tells_values:
            return (*(output[-1] for output in outputs), *map(self.as_steps, outputs))
        return (*(output.mean(0) for output in outputs), *outputs)

    def as_steps(self, outputs: Tensor) -> Tensor:
        """Return steps whose mean over the first t is the answer after step t, of the outputs of all steps."""
        return Increments(self.timesteps)(fold_time(outputs)) if self.tells_values else outputs

    def start(self, x: Tensor) -> State:
        """Return the state before the first step of a batch, by the name of the input that takes it."""
        return initial_state(self._proto, self._input.batch_of(x))

    def step(self, frame: Tensor, state: State) -> tuple[tuple[Tensor, ...], State]:
        """Run one step.

        Args:
            frame: Input of the step, `[B, ...]`.
            state: State before it.

        Returns:
            Every output of the step, `[B, ...]`, and the state after it.
        """
        values = self.run(frame, state)
        outputs = tuple(torch.from_numpy(array) for name, array in values.items() if name not in self._states)
        return outputs, {self._states[name]: array for name, array in values.items() if name in self._states}
