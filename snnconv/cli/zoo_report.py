"""Progress and result of `snnconv zoo train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snnconv.cli.output import print_json, print_line
from snnconv.cli.training_run import Reporter, is_main_process, read_metrics, require_epochs

if TYPE_CHECKING:
    from snnconv.finetune import EpochMetrics, LoopSettings
    from snnconv.model import Model
    from snnconv.zoo.recipe_files import RecipeFiles
    from snnconv.zoo.recipes import Recipe

__all__ = ["RecipeReporter", "tell_recipe_finished"]


class RecipeReporter:
    """Printer of a line an epoch of every stage on standard error, and of the result.

    Args:
        recipe: Recipe that is run.
        as_json: True to print the result as JSON.
    """

    def __init__(self, recipe: Recipe, *, as_json: bool) -> None:
        self.recipe = recipe
        self.as_json = as_json
        self.stages: list[tuple[str, LoopSettings, Reporter]] = []

    def stage(self, name: str, settings: LoopSettings) -> None:
        """Print the name of a stage whose training begins."""
        self.stages.append((name, settings, Reporter(settings.epochs, as_json=self.as_json)))
        if self.recipe.finetune is not None and is_main_process():
            click.echo(f"{name}:", err=True)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Print the metrics of an epoch."""
        self.stages[-1][2](metrics)

    def finish(self, result: Model, files: RecipeFiles) -> None:
        """Print which files were written."""
        recipe = self.recipe
        written = [files.output, *(() if recipe.convert is None else (files.quantized,))]
        metrics = files.metrics(recipe)
        if not self.as_json:
            print_line(f"Wrote {' and '.join(map(str, written))}; metrics in {' and '.join(map(str, metrics))}.")
            return
        print_json(
            {
                "recipe": recipe.name,
                "output": str(files.output),
                "quantized": None if recipe.convert is None else str(files.quantized),
                "metrics": [str(path) for path in metrics],
                "stage": result.stage.value,
                "timesteps": result.timesteps,
                "levels": result.levels,
                "coupling": result.coupling.value if result.coupling else None,
                "stages": [
                    {"name": name, "settings": settings.to_dict(), "epochs": read_metrics(path)}
                    for (name, settings, _), path in zip(self.stages, metrics[-len(self.stages) :], strict=True)
                ],
            }
        )


def tell_recipe_finished(recipe: Recipe, files: RecipeFiles, *, as_json: bool) -> None:
    """Print that a recipe that is to go on is finished.

    Args:
        recipe: Recipe with the epochs that are asked for.
        files: Files of the recipe.
        as_json: True to print what the finished training printed, as JSON.

    Raises:
        InvalidValueError: It is finished after another number of epochs.
    """
    from snnconv.loading import load

    trainings: dict[str, LoopSettings] = {"train": recipe.train}
    if recipe.finetune is not None:
        trainings["finetune"] = recipe.finetune
    for settings, metrics in zip(trainings.values(), files.metrics(recipe), strict=True):
        require_epochs(files.output, metrics, settings.epochs)
    if not is_main_process():
        return
    if not as_json:
        print_line(f"The training is finished already: {files.output}.")
        return
    report = RecipeReporter(recipe, as_json=True)
    for name, settings in trainings.items():
        report.stage(name, settings)
    report.finish(load(files.output), files)
