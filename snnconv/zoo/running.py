"""Run a recipe: build the network for the data, train it, and where the recipe says so convert and fine-tune it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from snnconv.convert import convert
from snnconv.convert.calibration import with_total_levels
from snnconv.data.datasets import Images, describe_data, open_data
from snnconv.errors import DataError
from snnconv.finetune.build import build_network
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.processes import is_main_process
from snnconv.finetune.run import RunFiles
from snnconv.finetune.settings import LoopSettings
from snnconv.finetune.training import train
from snnconv.finetune.tuning import finetune
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.zoo.first_stage import stored_first_stage
from snnconv.zoo.recipe_files import RecipeFiles
from snnconv.zoo.recipes import Recipe, read_recipe

__all__ = ["data_of", "run_recipe"]


def data_of(recipe: Recipe, data: str | None) -> str:
    """Return the data spec to train on: the user's, or that of data that come with the package.

    Args:
        recipe: Recipe to run.
        data: Data spec of the user, or None.

    Raises:
        DataError: The user gives no data, and the recipe's must be fetched.
    """
    if data is not None:
        return data
    table = recipe.data
    if not table.embedded:
        raise DataError(
            f"Recipe {recipe.name!r} is trained on {table.name}, which does not come with the package: give --data "
            f"{table.spec} (in Python: data={table.spec!r}), or the same data in another form."
        )
    return table.spec


def run_recipe(
    recipe: Recipe | str | os.PathLike[str],
    data: str | None = None,
    *,
    eval_data: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    progress: Progress = no_progress,
    on_stage: Callable[[str, LoopSettings], None] | None = None,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    device: torch.device | str | None = None,
    files: RecipeFiles | None = None,
) -> Model:
    """Run a recipe from random weights to its result.

    Args:
        recipe: Recipe, its name, or the path of its TOML file.
        data: Spec of labelled data; not needed where they come with the package.
        eval_data: Spec of data that are classified after every epoch; they do not influence the training.
        epochs: Epochs of every stage, in place of the recipe's.
        seed: Seed of every random choice, in place of the recipe's.
        progress: Display of the steps of each epoch.
        on_stage: Function that is called before the training of each stage with its name and settings.
        on_epoch: Function that is called after every epoch.
        device: Device to train on; by default a GPU where there is one.
        files: Files in which the stages are stored and resumed; None: none. The result itself is not written.

    Returns:
        The quantized ANN or the SNN that the recipe makes, its name in the provenance.

    Raises:
        InvalidValueError: The recipe is unknown or holds what is not allowed, or the files belong to another training.
        DataError: The recipe needs data and none are given, or they do not fit.
        DivergenceError: The loss or a parameter is no longer finite.
        FileError: A file is missing, damaged or cannot be written.
    """
    recipe = (recipe if isinstance(recipe, Recipe) else read_recipe(recipe)).adapted(epochs=epochs, seed=seed)
    network, images = _opened(recipe, data_of(recipe, data))
    options: dict[str, Any] = {
        "eval_data": None if eval_data is None else open_data(eval_data, network.input, purpose="eval"),
        "progress": progress,
        "on_epoch": on_epoch,
        "device": device,
    }
    stages = _Stages(recipe, network, images, options, on_stage or (lambda name, settings: None))
    if recipe.convert is None:
        return stages.train(None if files is None else files.only)
    quantized = stages.train(None) if files is None else stored_first_stage(stages.train, recipe.train, images, files)
    snn = _converted(quantized, recipe, progress)
    return snn if recipe.finetune is None else stages.finetune(snn, None if files is None else files.last)


@dataclass(frozen=True)
class _Stages:
    """The trainings of one run.

    Attributes:
        recipe: Recipe that is run.
        network: Network with random weights.
        images: Images to train on.
        options: Options that both trainings take.
        announce: Function that is called before each training with its name and settings.
    """

    recipe: Recipe
    network: Model
    images: Images
    options: dict[str, Any]
    announce: Callable[[str, LoopSettings], None]

    def train(self, files: RunFiles | None) -> Model:
        """Return the network after the first training."""
        self.announce("train", self.recipe.train)
        trained = train(self.network, self.images, self.recipe.train, files=files, **self.options)
        trained.provenance["recipe"] = self.recipe.name
        return trained

    def finetune(self, snn: Model, files: RunFiles | None) -> Model:
        """Return a spiking network after its fine-tuning."""
        assert self.recipe.finetune is not None
        self.announce("finetune", self.recipe.finetune)
        return finetune(snn, self.images, self.recipe.finetune, files=files, **self.options)


def _opened(recipe: Recipe, spec: str) -> tuple[Model, Images]:
    """Return the network with random weights, and the data for it."""
    table, neuron = recipe.data, recipe.train.neuron
    info = describe_data(spec, purpose="train")
    table.check(spec, info)
    network = build_network(
        recipe.network.name,
        replace(info, classes=info.classes and (table.classes or info.classes)),
        size=table.size,
        resize=table.resize,
        mean=table.mean,
        std=table.std,
        timesteps=None if neuron is None else neuron.timesteps,
        seed=recipe.train.seed,
    )
    return network, open_data(spec, network.input, purpose="train")


def _converted(quantized: Model, recipe: Recipe, progress: Progress) -> Model:
    """Return the SNN at the recipe's N, which may differ from the trained one: fine-tuning makes up for it."""
    conversion = recipe.convert
    assert conversion is not None
    return convert(
        with_total_levels(quantized, conversion.timesteps * conversion.levels),
        timesteps=conversion.timesteps,
        levels=conversion.levels,
        coupling=conversion.coupling,
        seed=recipe.train.seed,
        progress=progress if is_main_process() else no_progress,
    )
