"""A saved network in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.errors import FileError

__all__ = ["OnnxNetwork", "run_onnx"]

Array = NDArray[Any]


class OnnxNetwork:
    """A network in onnxruntime on the CPU.

    Args:
        source: File, or the network that it holds.

    Raises:
        FileError: onnxruntime cannot read the network.
    """

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto) -> None:
        import onnxruntime

        network = source.SerializeToString() if isinstance(source, onnx.ModelProto) else os.fspath(source)
        try:
            self._session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base of their own
            name = "The network" if isinstance(source, onnx.ModelProto) else str(network)
            raise FileError(f"{name} does not load in onnxruntime: {error}") from error

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return every output for a batch, normalised and in the network's layout."""
        inputs = {self._session.get_inputs()[0].name: x.cpu().numpy()}
        return tuple(torch.from_numpy(output) for output in self._session.run(None, inputs))

    def run(self, x: Array, more: Mapping[str, Array]) -> dict[str, Array]:
        """Return every output by name, for the first input and more inputs by their names."""
        inputs = {self._session.get_inputs()[0].name: x, **more}
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, inputs), strict=True))


def run_onnx(source: str | os.PathLike[str] | onnx.ModelProto, batches: Iterable[Tensor]) -> Tensor:
    """Run an ONNX network in onnxruntime on the CPU.

    Args:
        source: File, or the network that it holds.
        batches: Inputs `[B, ...]`, or `[T, B, ...]` of an SNN whose input changes over time; normalised and in the
            network's layout; at least one batch.

    Returns:
        The first output of all of them, `[n, ...]`: of an SNN the time mean.

    Raises:
        FileError: onnxruntime cannot read the network.
    """
    network = OnnxNetwork(source)
    return torch.cat([network(batch)[0] for batch in batches])
