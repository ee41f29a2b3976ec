"""Give one network the images that were opened for another."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import DataError, ModelError
from snnconv.model import InputSpec

__all__ = ["adapt", "check_against", "check_data"]


def adapt(x: Tensor, source: InputSpec, target: InputSpec) -> Tensor:
    """A batch as another network takes it.

    A network that states no mean and no std is given what `source` gives.

    Args:
        x: `[B, ...]` or `[T, B, ...]`, normalised and laid out as `source` says.
        source: what the images were opened for.
        target: what the other network expects; of the same channels, height, width and number of frames.

    Returns:
        Of the same leading axes, float32.
    """
    channels_first = x.movedim(-1, -3) if source.layout == "NHWC" else x
    if target.mean is not None or target.std is not None:
        old, new = _normalisation(source), _normalisation(target)
        if any(not torch.equal(a, b) for a, b in zip(old, new, strict=True)):
            pixels = channels_first.double() * old[1].to(x.device) + old[0].to(x.device)
            channels_first = ((pixels - new[0].to(x.device)) / new[1].to(x.device)).to(x.dtype)
    out = channels_first.movedim(-3, -1) if target.layout == "NHWC" else channels_first
    return out.contiguous()


def _normalisation(spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Mean and std, `[C, 1, 1]` float64; of a flat input `[F]`."""
    mean = torch.tensor(spec.mean or (0.0,), dtype=torch.float64)
    std = torch.tensor(spec.std or (1.0,), dtype=torch.float64)
    axes = (-1,) if spec.layout == "NC" else (-1, 1, 1)
    return mean.expand(spec.channels).view(axes), std.expand(spec.channels).view(axes)


def check_data(given: InputSpec, wanted: InputSpec) -> None:
    """Raise unless images are opened for a network of this size, layout and number of frames.

    Raises:
        DataError: they are not.
    """
    if given.timesteps != wanted.timesteps:
        raise DataError(
            f"The data are {_time(given)}, the network takes {_time(wanted)}: open the data with the network's own "
            "input."
        )
    if given.layout != wanted.layout or not _same_size(given, wanted):
        raise DataError(
            f"The images are {_size(given)} ({given.layout}), the network takes {_size(wanted)} "
            f"({wanted.layout}): open the data with the network's own input."
        )


def check_against(given: InputSpec, against: InputSpec) -> None:
    """Raise unless another network takes images of the same size and number of frames.

    Raises:
        ModelError: it does not.
    """
    if given.timesteps != against.timesteps:
        raise ModelError(
            f"The network takes {_time(given)}, the network it is compared with {_time(against)}: both must see the "
            "same data. Compare with a network of the same number of time steps."
        )
    if not _same_size(given, against):
        raise ModelError(
            f"The network takes {_size(given)}, the network it is compared with {_size(against)}: both must "
            "see the same images. Compare with the network it was made from."
        )


def _same_size(given: InputSpec, wanted: InputSpec) -> bool:
    pairs = [(given.height, wanted.height), (given.width, wanted.width)]
    return given.channels == wanted.channels and all(a == b or b is None for a, b in pairs)


def _time(spec: InputSpec) -> str:
    return "still images" if spec.timesteps is None else f"recordings of T={spec.timesteps} frames"


def _size(spec: InputSpec) -> str:
    return f"{spec.channels} channels of {spec.height or 'any'} x {spec.width or 'any'}"
