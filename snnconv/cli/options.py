"""Options that mean the same in every verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from snnconv.model import Model

__all__ = ["DATA_HELP", "input_options", "json_option", "load_model", "seed_option"]

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_HELP = (
    "digits, cifar10:DIR, cifar100:DIR, imagefolder:DIR, csv:FILE or npz:FILE[,FILE...]; a slice may follow, as in "
    "npz:a.npz[0:1024]"
)


class Numbers(click.ParamType[tuple[float, ...]]):
    """`A` or `A,B,C`."""

    name = "A,B,C"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Parse comma-separated numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers like 0.485,0.456,0.406.", param, ctx)


def input_options(command: Command) -> Command:
    """What a network expects of an image, where the file does not say it or says it otherwise."""
    for option in (
        click.option(
            "--pretrained/--no-pretrained",
            default=True,
            help="Of timm:NAME, whether to take timm's trained weights.  [default: pretrained]",
        ),
        click.option("--resize", type=click.IntRange(1), metavar="N", help="Short side before the centre crop."),
        click.option("--size", type=click.IntRange(1), metavar="N", help="Height and width of the centre crop."),
        click.option("--std", type=Numbers(), help="Divides pixels (0..1) less the mean, one value or one a channel."),
        click.option("--mean", type=Numbers(), help="Subtracted from pixels (0..1), one value or one a channel."),
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def seed_option(command: Command) -> Command:
    """`--seed`."""
    return click.option("--seed", default=0, show_default=True, help="Of every random choice.")(command)


def load_model(source: str, options: dict[str, Any]) -> Model:
    """Load a network with the values of `input_options`."""
    from snnconv.loading import load

    model = load(source, size=options["size"], pretrained=options["pretrained"])
    model.input = model.input.override(
        mean=options["mean"], std=options["std"], size=options["size"], resize=options["resize"]
    )
    return model
