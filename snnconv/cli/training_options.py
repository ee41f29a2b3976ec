"""Options that every verb which trains has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import labels_option, refuse, require
from snnconv.cli.setting_options import setting_options
from snnconv.finetune.settings import LoopSettings
from snnconv.options import options_of

__all__ = [
    "data_options",
    "loop_options",
    "own_options",
    "refuse_idle",
    "resume_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

SHARED = ("seed",)  # an option of every verb


def data_options(command: Command) -> Command:
    """Add `--data`, `--eval-data` and `--labels`."""
    for option in (
        labels_option,
        click.option(
            "--eval-data", metavar="DATA", help="Classified after every epoch; does not influence the training."
        ),
        click.option("--data", cls=DataOption, required=True, metavar="DATA", help=f"Labelled data: {DATA_HELP}."),
    ):
        command = option(command)
    return command


def resume_option(command: Command) -> Command:
    """Add `--resume`."""
    return click.option("--resume", is_flag=True, help="Go on from the checkpoint beside the output.")(command)


def loop_options(settings: type[LoopSettings]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of `LoopSettings`, with the defaults of a verb's settings."""

    def decorate(command: Command) -> Command:
        command = click.option("--distill", metavar="FILE", help="ANN of the same classes to distil from.")(command)
        return setting_options(settings, only=options_of(LoopSettings), without=SHARED)(command)

    return decorate


def own_options(settings: type[LoopSettings]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options that a verb's settings have beside those of `LoopSettings`."""
    return setting_options(settings, without=options_of(LoopSettings))


def refuse_idle(options: dict[str, Any]) -> None:
    """Refuse options of `LoopSettings` that nothing would read."""
    if options["distill"] is None:
        refuse(
            ("distill_logits", "distill_features", "distill_temperature"), "there is no teacher; give --distill FILE"
        )
    else:
        weights = options["distill_logits"], options["distill_features"]
        require(any(weights), "--distill-logits and --distill-features are 0: the teacher would teach nothing.")
    if not options["rmp_loss"]:
        refuse(("rmp_sites",), "there is no RMP-Loss; give --rmp-loss K")
    if not options["augment"]:
        refuse(("shift", "padding", "flips"), "--no-augment leaves shifts and flips out")
    if options["scheduler"] != "step":
        refuse(("step_epochs", "step_rate"), "only --scheduler step has steps")
    if options["optimizer"] in ("adam", "adamw"):
        refuse(("momentum",), f"{options['optimizer']} has momenta of its own")
