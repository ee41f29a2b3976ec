"""The choices of a report: how many images it looks at, and how it computes."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.errors import InvalidValueError
from snnconv.runtime.running import Precision

__all__ = ["LIMIT", "SHOWN", "SITE_IMAGES", "ReportOptions"]

LIMIT = 1024  # images to classify by default
SITE_IMAGES = 64  # images to watch sites and count operations on by default
SHOWN = 12  # images of each kind to show by default


@dataclass(frozen=True)
class ReportOptions:
    """The choices of a report.

    Attributes:
        limit: Number of images to classify, the first of the data; None: all.
        site_images: Number of images to watch sites and count operations on, the first of those.
        shown: Most images of each kind to show.
        precision: Arithmetic, as `evaluate` takes it.
        energy_model: Costs of operations.
        command: The command line, for the provenance; None from Python.

    Raises:
        InvalidValueError: a number is out of its range.
    """

    limit: int | None = LIMIT
    site_images: int = SITE_IMAGES
    shown: int = SHOWN
    precision: Precision = "auto"
    energy_model: EnergyModel = DEFAULT
    command: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("limit", 1), ("site_images", 1), ("shown", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidValueError(f"{name} is {value}: it must be at least {least}.")
