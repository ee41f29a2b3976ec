"""A saved network in other people's software."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import onnx
import torch
from torch import Tensor

from snnconv.errors import FileError

__all__ = ["open_session", "run_onnx"]


def open_session(source: str | os.PathLike[str] | onnx.ModelProto) -> Callable[[Tensor], Tensor]:
    """A function that runs a batch in onnxruntime on the CPU and gives the network's first output.

    Raises:
        FileError: onnxruntime cannot read the network.
    """
    import onnxruntime

    network = source.SerializeToString() if isinstance(source, onnx.ModelProto) else os.fspath(source)
    try:
        session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base of their own
        name = "The network" if isinstance(source, onnx.ModelProto) else str(network)
        raise FileError(f"{name} does not load in onnxruntime: {error}") from error
    given, made = session.get_inputs()[0].name, session.get_outputs()[0].name
    return lambda batch: torch.from_numpy(session.run([made], {given: batch.cpu().numpy()})[0])


def run_onnx(source: str | os.PathLike[str] | onnx.ModelProto, batches: Iterable[Tensor]) -> Tensor:
    """Run an ONNX network in onnxruntime on the CPU.

    Args:
        source: a file, or the network itself.
        batches: inputs `[B, ...]`, or `[T, B, ...]` of an SNN whose input changes over time; normalised and in the
            network's layout; at least one.

    Returns:
        The first output of all of them, `[n, ...]`: of an SNN the time mean.

    Raises:
        FileError: onnxruntime cannot read the network.
    """
    run = open_session(source)
    return torch.cat([run(batch) for batch in batches])
