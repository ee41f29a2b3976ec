"""A file of one time step in onnxruntime, driven through its window as a host would."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import torch
from torch import Tensor

from snnconv.errors import FileError
from snnconv.formats.onnx import initial_state
from snnconv.formats.onnx.metadata import SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.model import InputSpec
from snnconv.neurons import Coupling, Increments
from snnconv.runtime.onnxruntime import OnnxNetwork

__all__ = ["StreamedNetwork", "is_single_step"]


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

    Raises:
        FileError: The file cannot be read, or is damaged.
    """

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto) -> None:
        self._proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
        metadata = metadata_in(self._proto)
        try:
            super().__init__(self._proto)
            self.timesteps = int(metadata["timesteps"])
            self._differential = metadata.get("coupling") == Coupling.DIFFERENTIAL.value
            self._input = InputSpec.from_dict(metadata["input"])
            self._states = {str(state["output"]): str(state["input"]) for state in metadata[SINGLE_STEP]["states"]}
        except (LookupError, TypeError, ValueError) as error:
            raise FileError(f"The file's own metadata is damaged ({error}). Export the network again.") from error

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the time mean of every output for a batch, `[B, ...]`, and then their steps, `[T, B, ...]`."""
        state = initial_state(self._proto, self._input.batch_of(x))
        steps: list[dict[str, Tensor]] = []
        for step in range(self.timesteps):
            frame = x if self._input.timesteps is None else x[step]
            values = self.run(frame.cpu().numpy(), state)
            state = {self._states[name]: array for name, array in values.items() if name in self._states}
            steps.append({name: torch.from_numpy(array) for name, array in values.items() if name not in self._states})
        outputs = [torch.stack([step[name] for step in steps]) for name in steps[0]]
        if self._differential:  # a step's output is the answer so far
            increments = Increments(self.timesteps)
            return (*(output[-1] for output in outputs), *(increments(output.flatten(0, 1)) for output in outputs))
        return (*(output.mean(0) for output in outputs), *outputs)
