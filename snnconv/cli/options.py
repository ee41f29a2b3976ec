"""Options that mean the same in every verb."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from snnconv.errors import FileError, InvalidValueError
from snnconv.options import MOST_LEVELS

__all__ = [
    "MOST_LEVELS",
    "examples",
    "files_of_data",
    "json_option",
    "labelled",
    "labels_option",
    "output_path",
    "pretrained_option",
    "refuse",
    "refuse_pretrained",
    "require",
    "seed_option",
    "stem",
]

Command = TypeVar("Command", bound=Callable[..., Any])

LARGEST_SEED = 2**32 - 1


def examples(*lines: str) -> str:
    """Return the end of a help text, with line breaks as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def pretrained_option(default: bool) -> Callable[[Command], Command]:
    """Return the decorator that adds `--pretrained/--no-pretrained`."""
    word = "pretrained" if default else "random"
    return click.option(
        "--pretrained/--no-pretrained",
        default=default,
        help=f"Weights of timm:NAME: timm's trained ones, or random ones.  [default: {word}]",
    )


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
    yield from (where, *where.split(","), *where.partition("#")[0].split(","))


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


def labels_option(command: Command) -> Command:
    """Add `--labels`."""
    return click.option("--labels", metavar="KEY", help="Array of the labels in .npz files.  [default: y]")(command)


def labelled(spec: str, options: dict[str, Any]) -> str:
    """Return a data spec that names the array of labels, as `--labels` does."""
    from snnconv.data.dataspec import with_labels

    return with_labels(spec, options["labels"])
