"""Run a recipe: build the network for the data, train it, and where the recipe says so convert and fine-tune it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from snnconv.convert import convert
from snnconv.convert.calibration import with_total_levels
from snnconv.data.datasets import Images, describe_data, open_data
from snnconv.errors import DataError, InvalidValueError
from snnconv.finetune.build import build_network
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.processes import is_main_process
from snnconv.finetune.run import FREE, RunFiles
from snnconv.finetune.settings import FinetuneSettings, LoopSettings, TrainSettings
from snnconv.finetune.training import train
from snnconv.finetune.tuning import finetune
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.model import Model
from snnconv.neurons.site import require_positive_int
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import MOST_LEVELS
from snnconv.tables import fill
from snnconv.zoo.recipe_files import RecipeFiles
from snnconv.zoo.recipes import Conversion, Recipe, read_recipe

__all__ = ["Stages", "data_of", "run_recipe", "stages_of"]

S = TypeVar("S", bound=LoopSettings)


@dataclass(frozen=True)
class Stages:
    """The settings of a recipe's stages, in their order.

    Attributes:
        train: the first.
        convert: T, L and coupling of the SNN that the trained network becomes, or None.
        finetune: of that SNN, or None.
    """

    train: TrainSettings
    convert: Conversion | None
    finetune: FinetuneSettings | None

    @property
    def timesteps(self) -> int | None:
        """T of the result; None of a quantized ANN."""
        if self.convert is not None:
            return (self.finetune and self.finetune.timesteps) or self.convert.timesteps
        return None if self.train.neuron is None else self.train.neuron.timesteps

    @property
    def levels(self) -> int | None:
        """L of the result; None of a quantized ANN."""
        if self.convert is not None:
            return (self.finetune and self.finetune.levels) or self.convert.levels
        return None if self.train.neuron is None else self.train.neuron.firing_levels

    @property
    def total_levels(self) -> int:
        """N of the result."""
        if self.timesteps is None or self.levels is None:
            return self.train.total_levels
        return self.timesteps * self.levels


def stages_of(recipe: Recipe, *, epochs: int | None = None, seed: int | None = None) -> Stages:
    """The settings of a recipe's stages.

    Args:
        recipe: see `snnconv.zoo.recipes`.
        epochs: of every stage, in place of the recipe's; a warm-up ends before them, and steps of the learning rate
            come as early in proportion.
        seed: of every stage, in place of the recipe's.

    Raises:
        InvalidValueError: a key is unknown, or a value is not allowed.
    """
    of = f"Recipe {recipe.name!r}"
    first = fill(TrainSettings, recipe.train, of, "train")
    last = None if recipe.finetune is None else fill(FinetuneSettings, recipe.finetune, of, "finetune")
    stages = Stages(
        _changed(first, epochs, seed), recipe.convert, None if last is None else _changed(last, epochs, seed)
    )
    _check_conversion(of, stages)
    return stages


def _check_conversion(of: str, stages: Stages) -> None:
    """Refuse before the first stage what the later ones would refuse after it."""
    if stages.convert is None:
        return
    if stages.total_levels > MOST_LEVELS or stages.convert.timesteps * stages.convert.levels > MOST_LEVELS:
        raise InvalidValueError(f"{of}: N = L*T is above {MOST_LEVELS} levels. Give less.")
    known = ("lmht", "mht") if stages.convert.coupling == "mean" else ("mht",)
    wanted = None if stages.finetune is None else stages.finetune.neuron
    if wanted not in (None, *known):
        raise InvalidValueError(
            f"{of}: neuron in [finetune] is {wanted!r}; under {stages.convert.coupling} coupling it must be "
            f"{' or '.join(known)}."
        )


def _changed(settings: S, epochs: int | None, seed: int | None) -> S:
    if seed is not None:
        settings = replace(settings, seed=seed)
    if epochs is None:
        return settings
    require_positive_int("epochs", epochs)
    return replace(
        settings,
        epochs=epochs,
        warmup_epochs=min(settings.warmup_epochs, epochs - 1),
        step_epochs=max(1, round(settings.step_epochs * epochs / settings.epochs)),
    )


def data_of(recipe: Recipe, given: str | None) -> str:
    """The data spec to train on: the one given, or that of data that come with the package.

    Raises:
        DataError: none is given, and the recipe's data must be fetched.
    """
    if given is not None:
        return given
    known = recipe.data
    if not known.embedded:
        raise DataError(
            f"Recipe {recipe.name!r} is trained on {known.name}, which does not come with the package: give --data "
            f"{known.spec} (in Python: data={known.spec!r}), or the same data in another form."
        )
    return known.spec


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
        recipe: or its name, or the path of its TOML file.
        data: spec of labelled data; not needed where they come with the package.
        eval_data: spec of data that are classified after every epoch; they do not influence the training.
        epochs: of every stage, in place of the recipe's.
        seed: of every random choice, in place of the recipe's.
        progress: shows the steps of each epoch.
        on_stage: called before the training of each stage with its name and settings.
        on_epoch: called after every epoch.
        device: where to train; by default a GPU where there is one.
        files: where stages keep themselves, and whether to go on from there; None: nowhere. The result itself is not
            written.

    Returns:
        The quantized ANN or the SNN that the recipe makes, its name in the provenance.

    Raises:
        InvalidValueError: the recipe is unknown or holds what is not allowed, or what is there to go on from is of
            another training.
        DataError: no data are given that the recipe needs, or they do not fit.
        DivergenceError: the loss or a parameter is no longer finite.
        FileError: a file is missing, damaged or cannot be written.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    stages = stages_of(recipe, epochs=epochs, seed=seed)
    network, images = _opened(recipe, stages, data_of(recipe, data))
    held_out = None if eval_data is None else open_data(eval_data, network.input, purpose="eval")
    announce = on_stage or (lambda name, settings: None)

    def first(files: RunFiles | None) -> Model:
        announce("train", stages.train)
        trained = train(
            network,
            images,
            stages.train,
            eval_data=held_out,
            progress=progress,
            on_epoch=on_epoch,
            device=device,
            files=files,
        )
        trained.provenance["recipe"] = recipe.name
        return trained

    if stages.convert is None:
        return first(None if files is None else files.only)
    snn = _converted(first(None) if files is None else _kept(first, stages, images, files), stages, progress)
    if stages.finetune is None:
        return snn
    announce("finetune", stages.finetune)
    return finetune(
        snn,
        images,
        stages.finetune,
        eval_data=held_out,
        progress=progress,
        on_epoch=on_epoch,
        device=device,
        files=None if files is None else files.last,
    )


def _opened(recipe: Recipe, stages: Stages, spec: str) -> tuple[Model, Images]:
    """The network with random weights, and the data for it."""
    known = recipe.data
    network = build_network(
        recipe.network.name,
        describe_data(spec, purpose="train"),
        size=known.size,
        resize=known.resize,
        mean=known.mean,
        std=known.std,
        timesteps=None if stages.train.neuron is None else stages.train.neuron.timesteps,
        seed=stages.train.seed,
    )
    return network, open_data(spec, network.input, purpose="train")


def _converted(quantized: Model, stages: Stages, progress: Progress) -> Model:
    """At the recipe's N, which may be another than the trained one: fine-tuning makes up for it."""
    wanted = stages.convert
    assert wanted is not None
    return convert(
        with_total_levels(quantized, wanted.timesteps * wanted.levels),
        timesteps=wanted.timesteps,
        levels=wanted.levels,
        coupling=wanted.coupling,
        seed=stages.train.seed,
        progress=progress if is_main_process() else no_progress,
    )


def _kept(first: Callable[[RunFiles], Model], stages: Stages, images: Images, files: RecipeFiles) -> Model:
    """The first stage's result, read from its file also where it was just written: the second starts the same."""
    from accelerate import PartialState

    run = files.first
    if files.resume and not run.resume:
        found = load(files.quantized)
        _require_same(found, stages.train, images, files.quantized)
        return found
    trained = first(run)
    process = PartialState()
    if process.is_main_process:
        save(trained, files.quantized)
        run.finish()
    process.wait_for_everyone()
    return load(files.quantized)


def _require_same(found: Model, settings: TrainSettings, images: Images, path: Path) -> None:
    """Refuse a first stage that was trained otherwise.

    Raises:
        InvalidValueError: what differs is named.
    """
    its: dict[str, Any] = found.provenance.get("finetune") or {}
    mine = {"data": images.spec, "images": len(images), **json.loads(json.dumps(settings.to_dict()))}
    theirs = {"data": its.get("data"), "images": its.get("images"), **(its.get("settings") or {})}
    compared = (mine.keys() | theirs.keys()) - set(FREE)
    differing = sorted(name for name in compared if mine.get(name) != theirs.get(name))
    if differing:
        told = "; ".join(f"{name} is {mine.get(name)!r}, the file's {theirs.get(name)!r}" for name in differing)
        raise InvalidValueError(
            f"{path} is the first stage of another training: {told}. Give the same, or remove the file to start anew."
        )
