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
from snnconv.inputspec import InputSpec

__all__ = ["OnnxNetwork", "run_onnx"]

Array = NDArray[Any]


class OnnxNetwork:
    """A network in onnxruntime on the CPU.

    Args:
        source: File, or the network that it holds.
        spec: Input of the network, which says where rows of numbers hold several inputs; None: it takes one tensor.

    Raises:
        FileError: onnxruntime cannot read the network.
    """

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto, spec: InputSpec | None = None) -> None:
        import onnxruntime

        network = source.SerializeToString() if isinstance(source, onnx.ModelProto) else os.fspath(source)
        try:
            self._session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base of their own
            name = "The network" if isinstance(source, onnx.ModelProto) else str(network)
            raise FileError(f"{name} does not load in onnxruntime: {error}") from error
        self._spec = spec if spec is not None and spec.parts else None

    def _inputs(self, x: Tensor) -> dict[str, Array]:
        """Return a batch as the session takes it, by the names of its inputs."""
        if self._spec is None:
            return {self._session.get_inputs()[0].name: x.cpu().numpy()}
        return {name: part.numpy() for name, part in self._spec.unpacked(x.cpu()).items()}

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return every output for a batch, normalised and in the network's layout."""
        return tuple(torch.from_numpy(output) for output in self._session.run(None, self._inputs(x)))

    def run(self, x: Tensor, more: Mapping[str, Array]) -> dict[str, Array]:
        """Return every output by name, for a batch and more inputs by their names."""
        inputs = {**self._inputs(x), **more}
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
