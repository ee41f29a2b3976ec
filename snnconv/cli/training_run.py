"""Progress and result of a training on the command line, the same for every verb."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.options import require
from snnconv.cli.output import print_json, print_line, track

if TYPE_CHECKING:
    from snnconv.finetune import EpochMetrics, LoopSettings, RunFiles
    from snnconv.model import Model

__all__ = ["Reporter", "carry_out", "is_main_process", "read_metrics", "require_epochs", "resumable", "tell_finished"]


def is_main_process() -> bool:
    """Return whether this process of a launched run is the one that prints and writes."""
    from snnconv.finetune import processes

    return processes.is_main_process()


@contextmanager
def resumable(*checkpoints: Path) -> Iterator[None]:
    """Tell how to go on with a training that is interrupted meanwhile."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        checkpoint = next((path for path in checkpoints if path.exists()), None)
        if checkpoint is None:
            raise
        raise KeyboardInterrupt(f"interrupted; {checkpoint} is kept: go on with --resume") from interrupt


def carry_out(
    run: Callable[..., Model],
    model: Model,
    settings: LoopSettings,
    files: RunFiles,
    target: Path,
    source: str,
    options: dict[str, Any],
) -> None:
    """Train by the options of `data_options`, then write the result and print what was written.

    Args:
        run: `snnconv.finetune.train` or `finetune`.
        model: Network that the training starts from.
        settings: Settings of the training.
        files: Files for checkpoint and metrics.
        target: File of the result.
        source: Name of the network as the user gave it.
        options: Values of the command's options.
    """
    from snnconv.data import open_data
    from snnconv.formats.onnx import save

    held_out, labels = options["eval_data"], options["labels"]
    report = Reporter(settings.epochs, as_json=options["as_json"])
    with resumable(files.checkpoint):
        trained = run(
            model,
            open_data(options["data"], model.input, purpose="train", labels=labels),
            settings,
            eval_data=None if held_out is None else open_data(held_out, model.input, purpose="eval", labels=labels),
            teacher=options["distill"],
            progress=track,
            on_epoch=report,
            files=files,
        )
    if is_main_process():
        save(trained, target)
        files.finish()
        report.finish(trained, settings, target, files.metrics, source)


def tell_finished(target: Path, settings: LoopSettings, metrics: Path, source: str, *, as_json: bool) -> None:
    """Print that a training that is to go on is finished.

    Args:
        target: Its result.
        settings: Settings that the user gave.
        metrics: Its metrics of every epoch.
        source: The network's name as the user gave it.
        as_json: True to print what the finished training printed, as JSON.

    Raises:
        InvalidValueError: It is finished after another number of epochs.
    """
    from snnconv.loading import load

    require_epochs(target, metrics, settings.epochs)
    if not is_main_process():
        return
    if as_json:
        Reporter(settings.epochs, as_json=True).finish(load(target), settings, target, metrics, source)
    else:
        print_line(f"The training is finished already: {target}; metrics of every epoch in {metrics}.")


def require_epochs(target: Path, metrics: Path, epochs: int) -> None:
    """Refuse to go on with a finished training whose number of epochs is another than the one asked for.

    Raises:
        InvalidValueError: The numbers differ.
    """
    count = len(read_metrics(metrics))
    require(
        count == epochs,
        f"The training of {target} is finished after {count} epochs, and {epochs} are asked for: train {target} itself "
        "for more, or start anew without --resume.",
    )


class Reporter:
    """Printer of a line an epoch on standard error, and of the result.

    Args:
        epochs: Number of epochs of the whole training.
        as_json: True to print the result as JSON.
    """

    def __init__(self, epochs: int, *, as_json: bool) -> None:
        self.epochs = epochs
        self.as_json = as_json
        self.log: list[dict[str, Any]] = []
        self.seconds: list[float] = []

    def __call__(self, metrics: EpochMetrics) -> None:
        """Print the metrics of an epoch."""
        self.log.append(metrics.to_dict())
        self.seconds.append(metrics.wall_s)
        held_out = "" if metrics.eval_accuracy is None else f", held out {100 * metrics.eval_accuracy:.2f} %"
        others = "".join(f", {name} {value:.4g}" for name, value in metrics.parts.items() if name != "task")
        left = sum(self.seconds) / len(self.seconds) * (self.epochs - metrics.epoch)
        click.echo(
            f"epoch {metrics.epoch}/{self.epochs}: loss {metrics.loss:.4f}{others}, training "
            f"{100 * metrics.accuracy:.2f} %{held_out}, {metrics.images_per_s:.0f} images/s, {metrics.wall_s:.1f} s"
            f"{f', about {_duration(left)} left' if metrics.epoch < self.epochs else ''}",
            err=True,
        )

    def finish(self, model: Model, settings: LoopSettings, target: Path, metrics: Path, source: str) -> None:
        """Print which file was written, or all facts about the training as JSON."""
        if self.as_json:
            print_json(
                {
                    "source": source,
                    "output": str(target),
                    "metrics": str(metrics),
                    "stage": model.stage.value,
                    "timesteps": model.timesteps,
                    "levels": model.levels,
                    "coupling": model.coupling.value if model.coupling else None,
                    "settings": settings.to_dict(),
                    "epochs": read_metrics(metrics),
                }
            )
        else:
            print_line(f"Wrote {target}; metrics of every epoch in {metrics}.")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the metrics of every epoch in a file, those before a training was resumed included."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def _duration(seconds: float) -> str:
    """Return a duration in the largest unit that tells it apart.

    >>> _duration(45), _duration(300), _duration(9000)
    ('45 s', '5 min', '2 h 30 min')
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
