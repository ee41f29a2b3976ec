"""Networks that come with the package, trained from scratch by its own recipes: `NAME.onnx` and its card, `NAME.toml`.

All pairs in this folder are found; a card says what the network is, what made it and what it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int
from snnconv.registry import suggestion
from snnconv.tables import fill, parse
from snnconv.zoo.recipes.recipe import json_ready

__all__ = ["Accuracy", "Card", "TrainingData", "list_networks", "network_bytes", "read_card"]

NETWORK, CARD = ".onnx", ".toml"


@dataclass(frozen=True)
class TrainingData:
    """What a network was trained on.

    Attributes:
        name: of the data set.
        images: how many of its training images.
        terms: under which the data are had.
    """

    name: str
    images: int
    terms: str

    def __post_init__(self) -> None:
        require_positive_int("images", self.images)


@dataclass(frozen=True)
class Accuracy:
    """What a network reaches.

    Attributes:
        data: images that were not trained on, in words.
        images: how many.
        value: accuracy in percent.
        standard_error: of it, in percentage points.
    """

    data: str
    images: int
    value: float
    standard_error: float

    def __post_init__(self) -> None:
        require_positive_int("images", self.images)
        for name in ("value", "standard_error"):
            if not 0 <= getattr(self, name) <= 100:
                raise InvalidValueError(f"{name} is {getattr(self, name)!r}: it must be a percentage, 0 to 100.")

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.standard_error:.2f} %"


@dataclass(frozen=True)
class Card:
    """What is known of a network.

    Attributes:
        name: of its file.
        description: in a sentence.
        recipe: that made it.
        data: that it was trained on.
        seed: of its training.
        hardware: that it was trained on.
        date: when.
        stage: quantized or snn.
        total_levels: N.
        accuracy: one entry a set of images.
        timesteps: T of an SNN, else None.
        levels: L of an SNN, else None.
        differs: where its training was another than the recipe's.
        licence: of the network.
    """

    name: str
    description: str
    recipe: str
    data: TrainingData
    seed: int
    hardware: str
    date: date
    stage: Literal["quantized", "snn"]
    total_levels: int
    accuracy: tuple[Accuracy, ...]
    timesteps: int | None = None
    levels: int | None = None
    differs: tuple[str, ...] = ()
    licence: str = "Apache-2.0"

    def __post_init__(self) -> None:
        if not self.accuracy:
            raise InvalidValueError("accuracy is empty: say what the network reaches.")
        spikes = (self.timesteps is not None, self.levels is not None)
        if spikes != (self.stage == "snn",) * 2:
            raise InvalidValueError(
                f"an SNN has timesteps and levels, a quantized network neither; it is {self.stage}."
            )
        if self.timesteps and self.levels and self.timesteps * self.levels != self.total_levels:
            raise InvalidValueError(f"total_levels is {self.total_levels}: it must be timesteps times levels.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return json_ready(self)


def list_networks(folder: Traversable | None = None) -> tuple[str, ...]:
    """Names of the networks that have a card.

    Args:
        folder: where they lie; the package's own by default.
    """
    there = {file.name for file in _folder(folder).iterdir()}
    names = sorted(name.removesuffix(NETWORK) for name in there if name.endswith(NETWORK))
    return tuple(name for name in names if f"{name}{CARD}" in there)


def read_card(name: str, folder: Traversable | None = None) -> Card:
    """Read the card of a network.

    Raises:
        InvalidValueError: there is no such network (near ones are named), or its card holds what is not allowed.
        FileError: its card is no TOML.
    """
    of = f"The card of {name!r}"
    return fill(Card, parse(_file(name, CARD, folder), of), of, name=name)


def network_bytes(name: str, folder: Traversable | None = None) -> bytes:
    """The ONNX file of a network.

    Raises:
        InvalidValueError: there is no such network; near ones are named.
    """
    return _file(name, NETWORK, folder)


def _folder(folder: Traversable | None) -> Traversable:
    return files(__name__) if folder is None else folder


def _file(name: str, suffix: str, folder: Traversable | None) -> bytes:
    known = list_networks(folder)
    if name not in known:
        raise InvalidValueError(f"No network {name!r} comes with the package: {suggestion(name, known)}")
    return (_folder(folder) / f"{name}{suffix}").read_bytes()
