"""Open images for a network; refuse images that it cannot take, and a reference that takes other images."""

from __future__ import annotations

from snnconv.data.images import Images
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, ModelError
from snnconv.model import InputSpec

__all__ = ["check_against", "check_data", "images_of"]


def images_of(data: DataLike, spec: InputSpec, limit: int | None) -> Images:
    """Open data for a network, and return the first images.

    Args:
        data: Data in any form that `evaluate` takes.
        spec: Input of the network.
        limit: Number of images; None: all.

    Raises:
        DataError: There is no image.
    """
    images = as_images(data, spec, "eval")
    if not len(images):
        raise DataError(f"{images.spec!r} holds no {images.input.noun}.")
    return images.first(limit)


def check_data(opened: InputSpec, network: InputSpec) -> None:
    """Raise unless images are opened for a network of this size, layout and number of frames.

    Args:
        opened: Input that the images were opened for.
        network: Input of the network.

    Raises:
        DataError: They are opened for another network.
    """
    if opened.timesteps != network.timesteps:
        raise DataError(
            f"The data are {_time(opened)}, the network takes {_time(network)}: open the data with the network's own "
            "input."
        )
    if opened.parts or network.parts:
        if opened.parts != network.parts:
            raise DataError(
                f"The data are {_size(opened)}, the network takes {_size(network)}: open the data with the network's "
                "own input."
            )
        return
    if opened.layout != network.layout or not _same_size(opened, network):
        raise DataError(
            f"The images are {_size(opened)} ({opened.layout}), the network takes {_size(network)} "
            f"({network.layout}): open the data with the network's own input."
        )


def check_against(opened: InputSpec, against: InputSpec) -> None:
    """Raise unless a reference takes images of the same size and number of frames.

    Args:
        opened: Input that the images were opened for.
        against: Input of the reference.

    Raises:
        ModelError: The reference takes other images.
    """
    if opened.timesteps != against.timesteps:
        raise ModelError(
            f"The network takes {_time(opened)}, the network it is compared with {_time(against)}: both must see the "
            "same data. Compare with a network of the same number of time steps."
        )
    if not _same_size(opened, against):
        raise ModelError(
            f"The network takes {_size(opened)}, the network it is compared with {_size(against)}: both must "
            f"see the same {opened.noun}s. Compare with the network it was made from."
        )


def _same_size(opened: InputSpec, network: InputSpec) -> bool:
    """Return whether images fit a network; a height or width that it leaves open fits all."""
    if opened.parts or network.parts:
        return {part.name: part for part in opened.parts} == {part.name: part for part in network.parts}
    pairs = [(opened.height, network.height), (opened.width, network.width)]
    return opened.channels == network.channels and all(a == b or b is None for a, b in pairs)


def _time(spec: InputSpec) -> str:
    return "still images" if spec.timesteps is None else f"recordings of T={spec.timesteps} frames"


def _size(spec: InputSpec) -> str:
    if spec.parts:
        return ", ".join(map(str, spec.parts))
    if spec.layout == "NC":
        return f"flat samples of {spec.channels} values"
    return f"{spec.channels} channels of {spec.height or 'any'} x {spec.width or 'any'}"
