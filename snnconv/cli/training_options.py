"""Options that every verb which trains has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import refuse, require

__all__ = [
    "chosen",
    "data_options",
    "loop_options",
    "refuse_idle",
    "resume_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def data_options(command: Command) -> Command:
    """`--data` and `--eval-data`."""
    for option in (
        click.option(
            "--eval-data", metavar="DATA", help="Classified after every epoch; does not influence the training."
        ),
        click.option("--data", cls=DataOption, required=True, metavar="DATA", help=f"Labelled data: {DATA_HELP}."),
    ):
        command = option(command)
    return command


def resume_option(command: Command) -> Command:
    """`--resume`."""
    return click.option("--resume", is_flag=True, help="Go on from the checkpoint beside the output.")(command)


# name of a setting, its type, its help; the defaults are those of the verb's settings
_LOOP: tuple[tuple[str, Any, str], ...] = (
    ("epochs", click.IntRange(1), "Passes over the data."),
    ("batch_size", click.IntRange(1), "Images a step of the optimizer, over all processes."),
    ("accumulate", click.IntRange(1), "Parts that a batch is split into to save memory."),
    ("lr", float, "Learning rate at its highest."),
    ("weight_decay", float, "Of all parameters."),
    ("momentum", float, "Of sgd and nesterov."),
    ("optimizer", str, "sgd, nesterov, adam, adamw or another of timm's."),
    ("scheduler", click.Choice(["cosine", "step", "none"]), "Of the learning rate; timm's."),
    ("step_epochs", click.IntRange(1), "Of step: epochs between two steps."),
    ("step_rate", float, "Of step: factor of the learning rate."),
    ("warmup_epochs", click.IntRange(0), "Epochs in which the learning rate rises."),
    ("clip", float, "Largest norm of the gradient; 0: any."),
    ("ema", float, "Decay of the moving average of weights, e.g. 0.999; 0: none."),
    ("auto_augment", click.Choice(["none", "autoaugment", "randaugment"]), "torchvision's policies."),
    ("cutout", click.IntRange(0), "Side of an erased square in pixels; 0: none."),
    ("mixup", float, "Alpha of timm's mixup; 0: none."),
    ("cutmix", float, "Alpha of timm's cutmix; 0: none."),
    ("label_smoothing", float, "Share of the target spread over all classes."),
    ("distill_logits", float, "Weight of the teacher's logits, with --distill."),
    ("distill_features", float, "Weight of the teacher's activations at the sites, with --distill."),
    ("distill_temperature", float, "Temperature of the logits, with --distill."),
    ("rmp_loss", float, "RMP-Loss: weight at mid-training of the potentials' distance to a spike; 0: none."),
    ("rmp_sites", click.Choice(["inner", "all"]), "RMP-Loss of all sites but the first and last, or of all."),
    ("workers", click.IntRange(-1), "Processes that load data; -1: as many as help."),
)


def loop_options(**defaults: Any) -> Callable[[Command], Command]:
    """The options of `LoopSettings`; `defaults` are those that the verb has otherwise."""
    values = {**_DEFAULTS, **defaults}

    def decorate(command: Command) -> Command:
        for option in (
            click.option("--channels-last/--channels-first", default=True, show_default=True, help="Layout in memory."),
            click.option(
                "--checkpoint-blocks",
                is_flag=True,
                help="Compute blocks again in the backward pass: less memory, the same result.",
            ),
            click.option("--bf16", is_flag=True, help="Compute in bfloat16; potentials stay in single precision."),
            click.option(
                "--augment/--no-augment",
                default=True,
                show_default=True,
                help="Shift, crop and flip images.",
            ),
            click.option("--distill", metavar="FILE", help="An ANN of the same classes to distil from."),
        ):
            command = option(command)
        for name, kind, words in reversed(_LOOP):
            letters = "N" if isinstance(kind, click.IntRange) else None
            command = click.option(
                f"--{name.replace('_', '-')}",
                type=kind,
                metavar=letters,
                default=values[name],
                show_default=True,
                help=words,
            )(command)
        return command

    return decorate


_DEFAULTS: dict[str, Any] = {
    "epochs": 300,
    "batch_size": 128,
    "accumulate": 1,
    "lr": 0.1,
    "weight_decay": 5e-4,
    "momentum": 0.9,
    "optimizer": "sgd",
    "scheduler": "cosine",
    "step_epochs": 90,
    "step_rate": 0.1,
    "warmup_epochs": 0,
    "clip": 0.0,
    "ema": 0.0,
    "auto_augment": "none",
    "cutout": 0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "label_smoothing": 0.0,
    "distill_logits": 1.0,
    "distill_features": 0.0,
    "distill_temperature": 4.0,
    "rmp_loss": 0.0,
    "rmp_sites": "inner",
    "workers": -1,
}


def chosen(kind: type[Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that are settings of this kind."""
    names = set(kind.__dataclass_fields__)
    return {name: value for name, value in options.items() if name in names}


def refuse_idle(options: dict[str, Any]) -> None:
    """Refuse options of `loop_options` that nothing would read."""
    if options["distill"] is None:
        refuse(
            ("distill_logits", "distill_features", "distill_temperature"), "there is no teacher; give --distill FILE"
        )
    else:
        weights = options["distill_logits"], options["distill_features"]
        require(any(weights), "--distill-logits and --distill-features are 0: the teacher would teach nothing.")
    if not options["rmp_loss"]:
        refuse(("rmp_sites",), "there is no RMP-Loss; give --rmp-loss K")
    if options["scheduler"] != "step":
        refuse(("step_epochs", "step_rate"), "only --scheduler step has steps")
    if options["optimizer"] in ("adam", "adamw"):
        refuse(("momentum",), f"{options['optimizer']} has momenta of its own")
