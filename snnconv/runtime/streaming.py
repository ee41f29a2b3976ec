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
from snnconv.runtime.onnxruntime import OnnxNetwork

__all__ = ["StreamedNetwork", "is_single_step"]


def is_single_step(source: str | os.PathLike[str] | onnx.ModelProto) -> bool:
    """Whether a file is one of a single step."""
    proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
    return SINGLE_STEP in metadata_in(proto)


class StreamedNetwork(OnnxNetwork):
    """A single-step file in the place of a `Model` that only runs: T calls, from the initial state on.

    Args:
        source: a file, or the network itself.

    Raises:
        FileError: it cannot be read, or is damaged.
    """

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto) -> None:
        self._proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
        metadata = metadata_in(self._proto)
        try:
            super().__init__(self._proto, int(metadata["timesteps"]))
            self._input = InputSpec.from_dict(metadata["input"])
            self._states = {str(each["output"]): str(each["input"]) for each in metadata[SINGLE_STEP]["states"]}
        except (LookupError, TypeError, ValueError) as error:
            raise FileError(f"The file's own metadata is damaged ({error}). Export the network again.") from error

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """The time mean of every output for a batch, `[B, ...]`, and then their steps, `[T, B, ...]`."""
        assert self.timesteps is not None
        state = initial_state(self._proto, self._input.batch_of(x))
        steps: list[dict[str, Tensor]] = []
        for step in range(self.timesteps):
            frame = x if self._input.timesteps is None else x[step]
            found = self.run(frame.cpu().numpy(), state)
            state = {self._states[name]: values for name, values in found.items() if name in self._states}
            own = {name: torch.from_numpy(values) for name, values in found.items() if name not in self._states}
            steps.append(own)
        whole = [torch.stack([step[name] for step in steps]) for name in steps[0]]
        return (*(each.mean(0) for each in whole), *whole)
