"""The protocol of everything that runs a network: torch, onnxruntime, a streamed single step, integers of a folder.

images -> Batch -> Runnable -> Outputs(final [B, ...], steps [T, B, ...])
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

import torch
from torch import Tensor

from snnconv.data.images import Images
from snnconv.graph.access import results
from snnconv.model import SNN, InputSpec, Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.batches import Batch, batches_of

__all__ = ["Engine", "Outputs", "Runnable", "Shape", "run_together", "shapes_of"]

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Outputs:
    """Outputs of a network for a batch.

    Attributes:
        final: Each output, `[B, ...]`; of a network that steps the mean over time.
        steps: Each output at each step, `[T, B, ...]`; None of a network that does not step.
        stopped: Number of steps that were run for each image, `[B]`, the others of `steps` mean nothing; None: all T.
    """

    final: tuple[Tensor, ...]
    steps: tuple[Tensor, ...] | None = None
    stopped: Tensor | None = None

    @classmethod
    def of(cls, tensors: Sequence[Tensor] | Tensor, count: int) -> Self:
        """Sort the tensors that a graph or a file puts out: every output, and after them the steps of every output.

        Args:
            tensors: One tensor, or all of them.
            count: Number of outputs.
        """
        every = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
        return cls(every[:count], every[count:] or None)


@dataclass(frozen=True)
class Engine:
    """Description of how a network is run.

    Attributes:
        backend: torch, onnxruntime, onnxruntime-int8 or hardware.
        dtype: float32, float64 or 8-bit integers.
        arithmetic: The dtype, or that spikes are computed as integers (snnconv.runtime.integers).
    """

    backend: str
    dtype: str
    arithmetic: str


class Runnable(Protocol):
    """A network that can be run on batches of images, wherever it runs."""

    @property
    def input(self) -> InputSpec:
        """Size, layout and normalisation of the images that the network takes."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Axes of one sample of each output."""

    @property
    def batch_size(self) -> int:
        """Number of images that run well at a time."""

    @property
    def takes_pixels(self) -> bool:
        """True where the network takes pixels instead of normalised values."""

    @property
    def engine(self) -> Engine:
        """Description of how the network is run."""

    def __call__(self, batch: Batch) -> Outputs:
        """Run the network on a batch."""


def shapes_of(model: Model) -> tuple[Shape, ...]:
    """Return the axes of one sample of each output; those of a spiking network's steps are left out."""
    nodes = results(model.graph)
    count = len(nodes) // 2 if isinstance(model, SNN) else len(nodes)
    return tuple(tuple(node.meta["shape"]) for node in nodes[:count])


def run_together(
    networks: Sequence[Runnable],
    images: Images,
    *,
    batch_size: int | None = None,
    description: str = "Evaluating",
    progress: Progress = no_progress,
) -> Iterator[tuple[Batch, list[Outputs]]]:
    """Run several networks in one pass through the images.

    Args:
        networks: One network or more; each is given the images in its own form.
        images: Images opened for the first network.
        batch_size: Images at a time; None: as many as all networks run well.
        description: Heading of the progress.
        progress: Receiver of each batch's progress.

    Yields:
        A batch, and the outputs of every network for it.
    """
    size = batch_size or min(network.batch_size for network in networks)
    batches = batches_of(images, size, with_pixels=any(network.takes_pixels for network in networks))
    with torch.inference_mode():
        for batch in progress(batches, description, math.ceil(len(images) / size)):
            yield batch, [network(batch) for network in networks]
