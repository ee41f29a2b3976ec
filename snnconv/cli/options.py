"""Options that mean the same in every verb."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snnconv.errors import FileError, InvalidValueError, SnnconvWarning
from snnconv.options import MOST_LEVELS

if TYPE_CHECKING:
    from snnconv.evaluation import ExportedNetwork
    from snnconv.formats.nir import NirReading
    from snnconv.model import InputSpec, Model

__all__ = [
    "MOST_LEVELS",
    "examples",
    "files_of_data",
    "input_options",
    "json_option",
    "load_model",
    "nir_options",
    "output_path",
    "pretrained_option",
    "refuse",
    "refuse_pretrained",
    "require",
    "seed_option",
    "stem",
    "warn_of_unknown_pixels",
    "with_input_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

LARGEST_SEED = 2**32 - 1


def examples(*lines: str) -> str:
    """Return the end of a help text, with line breaks as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


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


def pretrained_option(default: bool) -> Callable[[Command], Command]:
    """Return the decorator that adds `--pretrained/--no-pretrained`."""
    word = "pretrained" if default else "random"
    return click.option(
        "--pretrained/--no-pretrained",
        default=default,
        help=f"Weights of timm:NAME: timm's trained ones, or random ones.  [default: {word}]",
    )


def input_options(command: Command) -> Command:
    """Add the options of an image: its size and normalisation, in the place of what the file says."""
    for option in (
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


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def seed_option(command: Command) -> Command:
    """Add `--seed`."""
    return click.option(
        "--seed",
        type=click.IntRange(0, LARGEST_SEED),
        metavar="N",
        default=0,
        show_default=True,
        help="Seed of every random choice.",
    )(command)


def output_path(output: Path | None, source: str, suffix: str, options: dict[str, Any]) -> Path:
    """Return the path that a verb writes, checked before its work.

    Args:
        output: Path that the user named, or None.
        source: SOURCE, whose name and the suffix make the path in the current folder where the user named none.
        suffix: Words behind SOURCE's name, such as `-snn`.
        options: All options of the verb, some of which name files that are read.

    Raises:
        FileError: it cannot be written, or it is a file that is read.
        DataError: a data spec among the options is malformed.
    """
    from snnconv.files import require_writable

    target = output or Path(f"{stem(source)}{suffix}.onnx")
    read = [source, *_files_read(options)]
    try:
        if target.exists() and any(os.path.exists(path) and target.samefile(path) for path in read):
            raise FileError(f"{target} is a file that is read: name another one with -o, so that it is kept.")
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror}. Name another path with -o.") from error
    require_writable(target)
    return target


def _files_read(options: dict[str, Any]) -> Iterator[str]:
    """Yield the files that are read beside SOURCE, as options name them."""
    if options.get("distill"):
        yield options["distill"]
    for name in ("data", "eval_data", "calibration_data"):
        if options.get(name):
            yield from files_of_data(options[name])


def files_of_data(spec: str) -> Iterator[str]:
    """Yield the parts of a data spec that may be files.

    Raises:
        DataError: it is malformed.
    """
    from snnconv.data.dataspec import parse_spec

    where = parse_spec(spec).where
    yield from (where, *where.split(","))


def stem(source: str) -> str:
    """Return the name of a network without folder and suffix.

    >>> stem("folder/net.onnx"), stem("timm:hub/net")
    ('net', 'hub_net')
    """
    scheme, _, name = source.partition(":")
    return name.replace("/", "_") if scheme in ("timm", "zoo") else Path(source).stem


def require(condition: bool, message: str) -> None:
    """Raise InvalidValueError where a combination of options makes no sense."""
    if not condition:
        raise InvalidValueError(message)


def refuse(names: Iterable[str], why: str) -> None:
    """Refuse options of the command line that have no meaning beside the others."""
    context = click.get_current_context()
    options = {option.name: option for option in context.command.params}
    written = click.core.ParameterSource.COMMANDLINE
    chosen = [name for name in names if context.get_parameter_source(name) is written]
    # --no-NAME where the user wrote that
    spellings = (
        options[name].secondary_opts if context.params[name] is False else options[name].opts for name in chosen
    )
    flags = [max(flag, key=len) for flag in spellings]
    require(not flags, f"{', '.join(flags)}: {why}.")


def refuse_pretrained(*sources: str | None) -> None:
    """Refuse a choice of weights where every network brings its own."""
    if not any(source is not None and source.startswith("timm:") for source in sources):
        refuse(("pretrained",), "only timm:NAME has trained weights to choose; leave it out")


def load_model(source: str, options: dict[str, Any]) -> Model:
    """Return a network that is loaded with the values of `input_options` and `nir_options`."""
    from snnconv.loading import load

    model = load(source, size=options["size"], pretrained=options.get("pretrained", True), nir=_nir_reading(options))
    model.input = with_input_options(model.input, options)
    return model


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
    if model.input.mean is None and model.input.std is None and model.input.timesteps is None:
        warnings.warn(
            "The network's file does not state the mean and standard deviation of its pixels; it gets them in 0..1. "
            "Give --mean and --std (--mean 0 --std 1 where 0..1 is right).",
            SnnconvWarning,
            stacklevel=2,
        )
