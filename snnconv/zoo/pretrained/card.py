"""Cards of trained networks: origin, accuracy, licence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int
from snnconv.tables import json_ready
from snnconv.zoo.recipes.results import require_percent

__all__ = ["Accuracy", "Card", "TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Data that a network was trained on.

    Attributes:
        name: Name of the data set.
        images: Number of training images.
        terms: Terms under which the data are had.
    """

    name: str
    images: int
    terms: str

    def __post_init__(self) -> None:
        require_positive_int("images", self.images)


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a network on one set of images.

    Attributes:
        data: Images, none of which was trained on, in words.
        images: Number of images.
        value: Accuracy in percent.
        standard_error: Standard error of the accuracy, in percentage points.
    """

    data: str
    images: int
    value: float
    standard_error: float

    def __post_init__(self) -> None:
        require_positive_int("images", self.images)
        require_percent("value", self.value)
        require_percent("standard_error", self.standard_error)

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.standard_error:.2f} %"


@dataclass(frozen=True)
class Card:
    """Facts about a trained network.

    Attributes:
        name: Name of its file.
        description: Description in a sentence.
        recipe: Recipe that made it.
        data: Data that it was trained on.
        seed: Seed of its training.
        hardware: Hardware that it was trained on.
        date: Date of the training.
        stage: Stage of the network: quantized or snn.
        total_levels: N.
        accuracy: Accuracies, one a set of images.
        timesteps: T of an SNN, else None.
        levels: L of an SNN, else None.
        differs: Points in which its training differs from the recipe.
        licence: Licence of the network.
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
        """Return the card as a dictionary that is ready for JSON."""
        return json_ready(self)
