"""Options of a network's input, and the network that is loaded with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snnconv.cli.options import require
from snnconv.errors import SnnconvWarning

if TYPE_CHECKING:
    from snnconv.evaluation import ExportedNetwork
    from snnconv.formats.nir import NirReading
    from snnconv.model import InputSpec, Model

__all__ = [
    "input_options",
    "load_model",
    "load_reference",
    "nir_options",
    "shapes_by_name",
    "warn_of_unknown_pixels",
    "with_input_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def _numbers(text: str) -> tuple[float, ...]:
    """Parse `A` or `A,B,C`."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a list of numbers like 0.485,0.456,0.406.") from error


def _size(text: str) -> int | tuple[int, int]:
    """Parse `N`, which stands for both sides, or `H,W`."""
    sides = tuple(int(part) if part.strip().isdecimal() else 0 for part in text.split(","))
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise click.BadParameter(f"{text!r} is no size: give N, or height and width H,W, of at least 1.")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Parse `NAME=DIM[,DIM...]`."""
    name, equals, axes = text.rpartition("=")
    sizes = tuple(int(size) if size.strip().isdecimal() else 0 for size in axes.split(","))
    if not equals or not name or min(sizes) < 1:
        raise click.BadParameter(f"{text!r} is no shape of an input: give NAME=DIM[,DIM...], as in tokens=128.")
    return name, sizes


def input_options(command: Command) -> Command:
    """Add the options of an input: its shape and normalisation, in the place of what the file says."""
    for option in (
        click.option(
            "--input-shape",
            "input_shapes",
            type=_input_shape,
            multiple=True,
            metavar="NAME=DIM,DIM...",
            help="Shape of one sample of a named input, where the file leaves axes open; may be repeated.",
        ),
        click.option("--resize", type=click.IntRange(1), metavar="N", help="Short side before the centre crop."),
        click.option("--size", type=_size, metavar="N|H,W", help="Height and width of the centre crop."),
        click.option(
            "--std",
            type=_numbers,
            metavar="A,B,C",
            help="Divides pixels (0..1) less the mean, one value or one a channel.",
        ),
        click.option(
            "--mean",
            type=_numbers,
            metavar="A,B,C",
            help="Subtracted from pixels (0..1), one value or one a channel.",
        ),
    ):
        command = option(command)
    return command


def nir_options(command: Command) -> Command:
    """Add the options of a NIR file, which leaves open how its network is run."""
    for option in (
        click.option("--still", is_flag=True, default=None, help="NIR: the input is one image, the same at each step."),
        click.option(
            "--dt",
            type=click.FloatRange(0, min_open=True),
            metavar="SECONDS",
            help="NIR: length of a step, of leaky neurons and of frames of events.",
        ),
        click.option(
            "--reset",
            type=click.Choice(["subtract", "zero"]),
            help="NIR: what a spike does to the potential.  [default: as the file says, else zero]",
        ),
        click.option("--timesteps", "-T", type=click.IntRange(1), metavar="T", help="NIR: time steps of a sample."),
    ):
        command = option(command)
    return command


def load_model(source: str, options: dict[str, Any], data: str | None = None) -> Model:
    """Return a network that is loaded with the values of `input_options` and `nir_options`.

    Args:
        source: Network as the user named it.
        options: Values of the command's options.
        data: Data spec, whose arrays tell axes that the file leaves open; None: there are no data.
    """
    from snnconv.loading import load, load_for

    choices = {
        "size": options["size"],
        "pretrained": options.get("pretrained", True),
        "nir": _nir_reading(options),
        "input_shapes": shapes_by_name(options),
    }
    model = load(source, **choices) if data is None else load_for(source, data, "eval", **choices)
    model.input = with_input_options(model.input, options)
    return model


def load_reference(source: str | None, options: dict[str, Any], model: Model | ExportedNetwork) -> Model | None:
    """Return the network that another is compared with, None where the user named none."""
    from snnconv.loading import load_beside

    if source is None:
        return None
    return load_beside(source, model.input, size=options["size"], pretrained=options.get("pretrained", True))


def shapes_by_name(options: dict[str, Any]) -> dict[str, tuple[int, ...]] | None:
    """Return the values of `--input-shape`.

    Raises:
        InvalidValueError: An input is named twice.
    """
    names = [name for name, _ in options["input_shapes"]]
    require(len(names) == len(set(names)), f"--input-shape names an input twice: {', '.join(names)}.")
    return dict(options["input_shapes"]) or None


def _nir_reading(options: dict[str, Any]) -> NirReading | None:
    """Return the values of `nir_options`; None of a verb that has no such options."""
    if "dt" not in options:
        return None
    from snnconv.formats.nir import NirReading

    return NirReading(options["timesteps"], options["reset"], options["dt"], options["still"])


def with_input_options(spec: InputSpec, options: dict[str, Any]) -> InputSpec:
    """Return a network's input with the values of `input_options`."""
    return spec.override(mean=options["mean"], std=options["std"], size=options["size"], resize=options["resize"])


def warn_of_unknown_pixels(model: Model | ExportedNetwork) -> None:
    """Say that a network does not state its normalisation, the commonest cause of a collapse of accuracy."""
    spec = model.input
    if spec.layout != "NC" and spec.mean is None and spec.std is None and spec.timesteps is None:
        warnings.warn(
            "The network's file does not state the mean and standard deviation of its pixels; it gets them in 0..1, "
            "and numbers that are no pixels as they are. "
            "Give --mean and --std (--mean 0 --std 1 where 0..1 is right).",
            SnnconvWarning,
            stacklevel=2,
        )
