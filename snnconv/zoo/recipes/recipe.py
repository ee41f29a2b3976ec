"""What a recipe holds: one published result, or one of ours, and how it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from snnconv.data.dataspec import parse_spec
from snnconv.errors import DataError, InvalidValueError
from snnconv.networks import NETWORKS
from snnconv.neurons.site import require_positive_int

__all__ = ["Conversion", "DataTable", "Figure", "Measured", "NetworkTable", "Paper", "Recipe", "json_ready"]

TIMM, ZOO = "timm:", "zoo:"
READ = ("paper", "code")  # sources that a verified figure can have


def _require_percent(name: str, value: float) -> None:
    if not 0 <= value <= 100:
        raise InvalidValueError(f"{name} is {value!r}: it must be a percentage, 0 to 100.")


@dataclass(frozen=True)
class Paper:
    """Where the method or the result was published.

    Attributes:
        section: or table, or figure; empty for the whole.
    """

    title: str
    authors: str
    venue: str
    year: int
    section: str = ""

    def __str__(self) -> str:
        section = f", {self.section}" if self.section else ""
        return f'{self.authors}, "{self.title}", {self.venue} {self.year}{section}'


@dataclass(frozen=True)
class Figure:
    """The published figure.

    Attributes:
        metric: what it counts.
        value: in percent.
        source: where we have it from: read in the paper or in its authors' code, quoted in another paper, or memory.
        verified: whether it was read in the paper or the code.
        timesteps: T that it belongs to.
    """

    metric: str
    value: float
    source: Literal["paper", "code", "second-hand", "memory"]
    verified: bool
    timesteps: int

    def __post_init__(self) -> None:
        _require_percent("value", self.value)
        require_positive_int("timesteps", self.timesteps)
        if self.verified and self.source not in READ:
            raise InvalidValueError(
                f"verified is true and the source is {self.source}: only a figure that was read in the "
                f"{' or the '.join(READ)} is verified."
            )

    @property
    def status(self) -> str:
        """Verified, second-hand or unverified."""
        if self.verified:
            return "verified"
        return "second-hand" if self.source == "second-hand" else "unverified"


@dataclass(frozen=True)
class DataTable:
    """What the network is trained on.

    Attributes:
        name: of the data set.
        spec: how its data spec is written, with DIR or FILE for where it lies, as in `cifar10:DIR`.
        mean: of pixels in 0..1, one value or one a channel; None: the network's own, or 0.
        std: likewise; None: the network's own, or 1.
        size: height and width in pixels; None: the images' own.
        resize: short side that images are scaled to before the centre is cropped; None: not.
    """

    name: str
    spec: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: int | None = None
    resize: int | None = None

    def __post_init__(self) -> None:
        try:
            parse_spec(self.spec)
        except DataError as error:
            raise InvalidValueError(f"spec is no data spec: {error}") from error

    @property
    def embedded(self) -> bool:
        """Whether the data come with the package's own requirements."""
        return not parse_spec(self.spec).where


@dataclass(frozen=True)
class NetworkTable:
    """What is trained.

    Attributes:
        name: `zoo:NAME` or `timm:NAME`.
    """

    name: str

    def __post_init__(self) -> None:
        if not self.name.startswith((TIMM, ZOO)):
            raise InvalidValueError(f"name is {self.name!r}: it must be zoo:NAME or timm:NAME.")
        if self.name.startswith(ZOO):
            NETWORKS[self.name[len(ZOO) :]]


@dataclass(frozen=True)
class Conversion:
    """From the quantized ANN to an SNN."""

    timesteps: int
    levels: int
    coupling: Literal["mean", "causal"] = "mean"

    def __post_init__(self) -> None:
        require_positive_int("timesteps", self.timesteps)
        require_positive_int("levels", self.levels)


@dataclass(frozen=True)
class Measured:
    """What we measured.

    Attributes:
        value: accuracy in percent.
        standard_error: of it, in percentage points.
        images: that it was measured on.
        epochs: of every stage; fewer than the recipe's where it was cut short.
        hardware: that it was trained on.
        date: when.
        command: that makes it again.
    """

    value: float
    standard_error: float
    images: int
    epochs: int
    hardware: str
    date: date
    command: str

    def __post_init__(self) -> None:
        _require_percent("value", self.value)
        _require_percent("standard_error", self.standard_error)
        require_positive_int("images", self.images)
        require_positive_int("epochs", self.epochs)


@dataclass(frozen=True)
class Recipe:
    """One result and how it is made: train, then possibly convert and fine-tune.

    Attributes:
        name: of its file.
        title: in a few words.
        data: what the network is trained on.
        network: what is trained.
        train: settings of `train`, `neuron` among them as a table; `snnconv.zoo.running` reads them.
        convert: T, L and coupling of the SNN; None: the trained network is the result.
        finetune: settings of `finetune`, or None.
        paper: None: the result is ours.
        figure: None: none was published, or none is known here.
        measured: our own figures.
        differs: where ours is necessarily another than the paper's.
        unverified: what of the recipe, beside the figure, was read neither in the paper nor in its authors' code.
    """

    name: str
    title: str
    data: DataTable
    network: NetworkTable
    train: Mapping[str, Any]
    convert: Conversion | None = None
    finetune: Mapping[str, Any] | None = None
    paper: Paper | None = None
    figure: Figure | None = None
    measured: tuple[Measured, ...] = field(default=())
    differs: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.figure is not None and self.paper is None:
            raise InvalidValueError("there is a [figure] and no [paper]: name the paper that it stands in.")
        if self.convert is not None and "neuron" in self.train:
            raise InvalidValueError(
                "there are [convert] and [train.neuron]: neurons need no conversion; leave one out."
            )
        if self.finetune is not None and self.convert is None:
            raise InvalidValueError("there is a [finetune] and no [convert]: only a converted network is fine-tuned.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return json_ready(self)


def json_ready(values: Any) -> dict[str, Any]:
    """A dataclass as a dictionary whose dates are text."""
    ready: dict[str, Any] = _without_dates(asdict(values))
    return ready


def _without_dates(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_dates(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_dates(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
