"""Recipes as dataclasses: data, network, and the settings of every stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from snnconv.data.datasets import DataInfo
from snnconv.data.dataspec import parse_spec
from snnconv.errors import DataError, InvalidValueError
from snnconv.finetune.settings import FinetuneSettings, LoopSettings, TrainSettings
from snnconv.networks import NETWORKS
from snnconv.neurons.site import require_positive_int
from snnconv.options import MOST_LEVELS
from snnconv.tables import json_ready
from snnconv.zoo.recipes.results import Figure, Measured, Paper

__all__ = ["Conversion", "DataTable", "NetworkTable", "Recipe"]

TIMM, ZOO = "timm:", "zoo:"

Stage = TypeVar("Stage", bound=LoopSettings)


@dataclass(frozen=True)
class DataTable:
    """Data that the network is trained on.

    Attributes:
        name: Name of the data set.
        spec: Data spec, with DIR or FILE for the place of the data, as in `cifar10:DIR`.
        mean: Mean of pixels in 0..1, one value or one a channel; None: the network's own, or 0.
        std: Standard deviation of pixels in 0..1, one value or one a channel; None: the network's own, or 1.
        size: Height and width in pixels; None: the images' own.
        resize: Short side that images are scaled to before the centre is cropped; None: no scaling.
        shape: Channels, height and width in pixels of the images that the recipe is made for; None: any.
        classes: Number of classes that the recipe is made for; None: any.
    """

    name: str
    spec: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: int | None = None
    resize: int | None = None
    shape: tuple[int, ...] | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        try:
            parse_spec(self.spec)
        except DataError as error:
            raise InvalidValueError(f"spec is no data spec: {error}") from error
        if self.shape is not None and (len(self.shape) != 3 or min(self.shape) < 1):
            raise InvalidValueError(
                f"shape is {list(self.shape)}: it must be channels, height and width, as [3, 32, 32]."
            )
        if self.classes is not None and self.classes < 2:
            raise InvalidValueError(f"classes is {self.classes}: it must be at least 2.")

    def check(self, spec: str, info: DataInfo) -> None:
        """Refuse data of another shape or number of classes than the recipe is made for.

        Args:
            spec: Data spec of the user.
            info: Facts of the data; labels without names may leave the highest classes out.

        Raises:
            DataError: The data are of another kind.
        """
        sides = (info.channels, info.height, info.width)
        count = 3 if self.size is None and self.resize is None else 1  # of the axes, the others are scaled
        fewer = info.class_names is None and info.classes is not None and info.classes <= (self.classes or 0)
        same = self.shape is None or sides[:count] == self.shape[:count]
        if not same or not (self.classes is None or fewer or info.classes == self.classes):
            raise DataError(
                f"{spec!r} holds {_in_words(sides, info.classes)}, and the recipe is made for {self.name}, "
                f"{_in_words(self.shape, self.classes)}: give such data, or a recipe of your own without shape and "
                "classes in its table [data]."
            )

    @property
    def embedded(self) -> bool:
        """Whether the data come with the package's own requirements."""
        return not parse_spec(self.spec).where


@dataclass(frozen=True)
class NetworkTable:
    """Network that is trained.

    Attributes:
        name: Name of the network: `zoo:NAME` or `timm:NAME`.
    """

    name: str

    def __post_init__(self) -> None:
        if not self.name.startswith((TIMM, ZOO)):
            raise InvalidValueError(f"name is {self.name!r}: it must be zoo:NAME or timm:NAME.")
        if self.name.startswith(ZOO):
            NETWORKS[self.name[len(ZOO) :]]


@dataclass(frozen=True)
class Conversion:
    """Conversion of the quantized ANN to an SNN: its T, its L and its coupling."""

    timesteps: int
    levels: int
    coupling: Literal["mean", "causal"] = "mean"

    def __post_init__(self) -> None:
        require_positive_int("timesteps", self.timesteps)
        require_positive_int("levels", self.levels)


@dataclass(frozen=True)
class Recipe:
    """One result and the stages that lead to it: train, then possibly convert and fine-tune.

    Attributes:
        name: Name of its file.
        title: Title in a few words.
        data: Data that the network is trained on.
        network: Network that is trained.
        train: Settings of `train`.
        convert: T, L and coupling of the SNN; None: the trained network is the result.
        finetune: Settings of `finetune`; None: the SNN is not fine-tuned.
        paper: Publication; None: the result is ours.
        figure: Published figure; None: none was published, or none is known here.
        measured: Results of our own runs.
        differs: Points in which ours is necessarily another than the paper's.
        unverified: Points, beside the figure, that were read neither in the paper nor in its authors' code.
        written: Tables of the file as they are written, without the defaults.
    """

    name: str
    title: str
    data: DataTable
    network: NetworkTable
    train: TrainSettings
    convert: Conversion | None = None
    finetune: FinetuneSettings | None = None
    paper: Paper | None = None
    figure: Figure | None = None
    measured: tuple[Measured, ...] = field(default=())
    differs: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    written: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.figure is not None and self.paper is None:
            raise InvalidValueError("there is a [figure] and no [paper]: name the paper that it stands in.")
        if self.finetune is not None and self.convert is None:
            raise InvalidValueError("there is a [finetune] and no [convert]: only a converted network is fine-tuned.")
        if self.convert is not None:
            self._check_conversion(self.convert)

    def _check_conversion(self, conversion: Conversion) -> None:
        """Refuse at once what the later stages would refuse when the first is trained."""
        if self.train.neuron is not None:
            raise InvalidValueError(
                "there are [convert] and [train.neuron]: neurons need no conversion; leave one out."
            )
        if max(self.total_levels, conversion.timesteps * conversion.levels) > MOST_LEVELS:
            raise InvalidValueError(f"N = L*T is above {MOST_LEVELS} levels. Give less.")
        allowed = ("lmht", "mht") if conversion.coupling == "mean" else ("mht",)
        neuron = None if self.finetune is None else self.finetune.neuron
        if neuron not in (None, *allowed):
            raise InvalidValueError(
                f"neuron in [finetune] is {neuron!r}; under {conversion.coupling} coupling it must be "
                f"{' or '.join(allowed)}."
            )

    @property
    def timesteps(self) -> int | None:
        """T of the result; None for a quantized ANN."""
        if self.convert is not None:
            return (self.finetune and self.finetune.timesteps) or self.convert.timesteps
        return None if self.train.neuron is None else self.train.neuron.timesteps

    @property
    def levels(self) -> int | None:
        """L of the result; None for a quantized ANN."""
        if self.convert is not None:
            return (self.finetune and self.finetune.levels) or self.convert.levels
        return None if self.train.neuron is None else self.train.neuron.firing_levels

    @property
    def total_levels(self) -> int:
        """N of the result."""
        if self.timesteps is None or self.levels is None:
            return self.train.total_levels
        return self.timesteps * self.levels

    def adapted(self, *, epochs: int | None = None, seed: int | None = None) -> Recipe:
        """Return the recipe with another length or seed.

        Args:
            epochs: Epochs of every stage; None: the recipe's. A warm-up ends before them, and steps of the learning
                rate come as early in proportion.
            seed: Seed of every stage; None: the recipe's.

        Raises:
            InvalidValueError: A value is not allowed.
        """
        try:
            finetune = None if self.finetune is None else _adapted(self.finetune, epochs, seed)
            return replace(self, train=_adapted(self.train, epochs, seed), finetune=finetune)
        except InvalidValueError as error:
            raise InvalidValueError(f"Recipe {self.name!r}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dictionary that is ready for JSON."""
        return {name: value for name, value in json_ready(self).items() if name != "written"}


def _in_words(shape: tuple[int | None, ...] | None, classes: int | None) -> str:
    """Return the kind of images of a data set in words; None is any."""
    sides = ("any" if side is None else str(side) for side in shape or (None,) * 3)
    return f"images of {' x '.join(sides)} (channels x height x width) in {classes or 'any'} classes"


def _adapted(settings: Stage, epochs: int | None, seed: int | None) -> Stage:
    if seed is not None:
        settings = replace(settings, seed=seed)
    if epochs is None:
        return settings
    require_positive_int("epochs", epochs)
    return replace(
        settings,
        epochs=epochs,
        warmup_epochs=min(settings.warmup_epochs, epochs - 1),
        step_epochs=max(1, round(settings.step_epochs * epochs / settings.epochs)),
    )
