"""`snnconv zoo`: recipes, and the networks that come with the package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import LARGEST_SEED, examples, json_option, output_path
from snnconv.cli.output import filled_columns, print_json, print_line, print_table, track
from snnconv.cli.training_options import resume_option
from snnconv.cli.training_run import Reporter, is_main_process, read_metrics, require_epochs, resumable

if TYPE_CHECKING:
    from snnconv.finetune import EpochMetrics, LoopSettings
    from snnconv.model import Model
    from snnconv.zoo.pretrained import Card
    from snnconv.zoo.recipe_files import RecipeFiles
    from snnconv.zoo.recipes import Figure, Measured, Recipe
    from snnconv.zoo.running import Stages


@click.group(
    epilog=examples(
        "snnconv zoo list",
        "snnconv zoo show lmht-resnet18-cifar10",
        "snnconv zoo train qcfs-small-cnn-digits",
        "snnconv zoo get small-cnn-digits-qcfs",
    )
)
def zoo() -> None:
    """Recipes of published results, and trained networks."""


@zoo.command("list", epilog=examples("snnconv zoo list", "snnconv zoo list --json"))
@json_option
def list_all(as_json: bool) -> None:
    """List the recipes, with the papers' figures and ours, and the networks that come with the package."""
    from snnconv.zoo.pretrained import list_networks, read_card
    from snnconv.zoo.recipes import list_recipes, read_recipe
    from snnconv.zoo.running import stages_of

    recipes = [(recipe, stages_of(recipe)) for recipe in map(read_recipe, list_recipes())]
    cards = [read_card(name) for name in list_networks()]
    if as_json:
        print_json(
            {
                "recipes": [_summary(recipe, stages) for recipe, stages in recipes],
                "networks": [card.to_dict() for card in cards],
            }
        )
        return
    embedded = {recipe.name for recipe, _ in recipes if recipe.data.embedded}
    print_table(
        "Networks that come with the package, ready to run: snnconv zoo get NAME",
        *filled_columns(
            ("network", "recipe", "data", "T", "L", "N", "accuracy"),
            [
                (
                    card.name,
                    card.recipe,
                    card.data.name,
                    card.timesteps,
                    card.levels,
                    card.total_levels,
                    card.accuracy[0],
                )
                for card in sorted(cards, key=lambda card: card.recipe not in embedded)
            ],
        ),
    )
    small = sorted(
        (pair for pair in recipes if _runs_on_a_laptop(pair[0])), key=lambda pair: pair[0].name not in embedded
    )
    others = [pair for pair in recipes if pair not in small]
    _print_recipes("Recipes that a laptop runs, accuracies in %: snnconv zoo train NAME", small)
    _print_recipes("Recipes for a GPU, accuracies in %: snnconv zoo show NAME, snnconv zoo train NAME", others)


def _runs_on_a_laptop(recipe: Recipe) -> bool:
    """Whether its data come with the package, or it was measured without a GPU."""
    return recipe.data.embedded or any("no GPU" in each.hardware for each in recipe.measured)


def _print_recipes(title: str, recipes: Sequence[tuple[Recipe, Stages]]) -> None:
    print_table(
        title,
        *filled_columns(
            ("recipe", "network", "data", "T", "L", "N", "paper", "ours"),
            [
                (
                    recipe.name,
                    recipe.network.name.removeprefix("zoo:"),
                    recipe.data.name,
                    stages.timesteps,
                    stages.levels,
                    stages.total_levels,
                    None if recipe.figure is None else f"{recipe.figure.value:.2f} {recipe.figure.status}",
                    None if not recipe.measured else f"{recipe.measured[-1].value:.2f}",
                )
                for recipe, stages in recipes
            ],
        ),
    )


def _summary(recipe: Recipe, stages: Stages) -> dict[str, Any]:
    """A row of the list, JSON-ready."""
    figure = None if recipe.figure is None else {**recipe.to_dict()["figure"], "status": recipe.figure.status}
    return {
        "name": recipe.name,
        "title": recipe.title,
        "network": recipe.network.name,
        "data": recipe.data.name,
        "timesteps": stages.timesteps,
        "levels": stages.levels,
        "total_levels": stages.total_levels,
        "figure": figure,
        "measured": recipe.to_dict()["measured"],
    }


@zoo.command(
    epilog=examples("snnconv zoo show lmht-resnet18-cifar10", "snnconv zoo show my-recipe.toml --json"),
)
@click.argument("recipe")
@json_option
def show(recipe: str, as_json: bool) -> None:
    """Show RECIPE (a name of the list, or your own TOML file): its paper, figures, settings, and what differs."""
    from snnconv.zoo.recipes import read_recipe
    from snnconv.zoo.running import stages_of

    found = read_recipe(recipe)
    stages = stages_of(found)
    if as_json:
        settings = {"train": stages.train.to_dict(), "finetune": stages.finetune and stages.finetune.to_dict()}
        print_json({**found.to_dict(), **_summary(found, stages), **settings, "data": found.to_dict()["data"]})
        return
    for line in _described(found, stages, recipe):
        print_line(line)


def _described(recipe: Recipe, stages: Stages, source: str) -> Iterator[str]:
    yield f"{recipe.name}: {recipe.title}"
    if recipe.paper is not None:
        yield f"Paper: {recipe.paper}."
        yield f"Its figure: {'none is known here.' if recipe.figure is None else _figure(recipe.figure)}"
    measured = [_measured(each) for each in recipe.measured]
    yield f"Ours: {' '.join(measured) or 'not measured.'}"
    window = "" if stages.timesteps is None else f"T={stages.timesteps}, L={stages.levels}, "
    yield f"Data: {recipe.data.name}, as {recipe.data.spec}"
    yield f"Network: {recipe.network.name}, {window}N={stages.total_levels}"
    yield f"Train: {_settings(recipe.train)}"
    if recipe.convert is not None:
        made = recipe.convert
        yield f"Convert: T={made.timesteps}, L={made.levels}, {made.coupling} coupling"
    if recipe.finetune is not None:
        yield f"Fine-tune: {_settings(recipe.finetune)}"
    for title, lines in (
        ("Differs from the paper:", recipe.differs),
        ("Read neither in the paper nor in its authors' code:", recipe.unverified),
    ):
        if lines:
            yield title
            yield from (f"  - {line}" for line in lines)
    yield f"Run it: snnconv zoo train {source}{'' if recipe.data.embedded else f' --data {recipe.data.spec}'}"


def _figure(figure: Figure) -> str:
    source = {
        "paper": "read in the paper",
        "code": "read in the authors' code",
        "second-hand": "quoted in another paper",
        "memory": "from memory: do not quote it",
    }[figure.source]
    return f"{figure.value:.2f} % {figure.metric} at T={figure.timesteps} ({figure.status}: {source})."


def _measured(measured: Measured) -> str:
    return (
        f"{measured.value:.2f} ± {measured.standard_error:.2f} % on {measured.images:,} images after {measured.epochs} "
        f"epochs; {measured.hardware}, {measured.date}; {measured.command}."
    )


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_setting(value)}" for name, value in values.items())


def _setting(value: Any) -> str:
    """As a recipe's file writes it; a table in brackets."""
    if isinstance(value, Mapping):
        return f"({_settings(value)})"
    return str(value).lower() if isinstance(value, bool) else str(value)


@zoo.command(
    epilog=examples(
        "snnconv zoo train qcfs-small-cnn-digits",
        "snnconv zoo train lmht-resnet18-cifar10 --data cifar10:DIR --eval-data cifar10:DIR",
        "snnconv zoo train qcfs-resnet20-cifar10 --data cifar10:DIR --epochs 30 -o short.onnx",
        "snnconv zoo train lmht-hybrid-resnet20-cifar10 --data cifar10:DIR --resume",
    )
)
@click.argument("recipe")
@click.option(
    "--data",
    cls=DataOption,
    metavar="DATA",
    help=f"Labelled data: {DATA_HELP}.  [default: the recipe's, where embedded]",
)
@click.option("--eval-data", metavar="DATA", help="Classified after every epoch; does not influence the training.")
@click.option(
    "--epochs", type=click.IntRange(1), metavar="N", help="Of every stage.  [default: the recipe's of each stage]"
)
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), metavar="N", help="Of every random choice.  [default: the recipe's]"
)
@resume_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: RECIPE.onnx here]")
@json_option
def train(recipe: str, output: Path | None, resume: bool, as_json: bool, **options: Any) -> None:
    """Run RECIPE (a name of the list, or your own TOML file) from random weights.

    A recipe of two stages keeps the quantized network of the first beside its result, as NAME-qcfs.onnx.
    """
    from snnconv.formats.onnx import save
    from snnconv.zoo.recipe_files import RecipeFiles
    from snnconv.zoo.recipes import read_recipe
    from snnconv.zoo.running import data_of, run_recipe, stages_of

    found = read_recipe(recipe)
    stages = stages_of(found, epochs=options["epochs"], seed=options["seed"])
    data_of(found, options["data"])
    target = output_path(output, recipe, "", options)
    files = RecipeFiles(target, resume)
    if files.is_finished(found):
        _tell_finished(found, stages, files, as_json=as_json)
        return
    if is_main_process():
        files.check(found)
    report = _Report(found, as_json=as_json)
    with resumable(files.only.checkpoint, files.first.checkpoint, files.last.checkpoint, files.quantized):
        made = run_recipe(
            found,
            options["data"],
            eval_data=options["eval_data"],
            epochs=options["epochs"],
            seed=options["seed"],
            progress=track,
            on_stage=report.stage,
            on_epoch=report.epoch,
            files=files,
        )
    if is_main_process():
        save(made, target)
        files.finish(found)
        report.finish(made, files)


def _tell_finished(recipe: Recipe, stages: Stages, files: RecipeFiles, *, as_json: bool) -> None:
    """Say of a training that is to go on that it is finished."""
    from snnconv.loading import load

    settings = {"train": stages.train, **({} if stages.finetune is None else {"finetune": stages.finetune})}
    for each, metrics in zip(settings.values(), files.metrics(recipe), strict=True):
        require_epochs(files.output, metrics, each.epochs)
    if not is_main_process():
        return
    if not as_json:
        print_line(f"The training is finished already: {files.output}.")
        return
    report = _Report(recipe, as_json=True)
    for name, each in settings.items():
        report.stage(name, each)
    report.finish(load(files.output), files)


class _Report:
    """Prints a line an epoch of every stage on standard error, and the result.

    Args:
        recipe: that is run.
        as_json: print the result as JSON.
    """

    def __init__(self, recipe: Recipe, *, as_json: bool) -> None:
        self.recipe = recipe
        self.as_json = as_json
        self.stages: list[tuple[str, LoopSettings, Reporter]] = []

    def stage(self, name: str, settings: LoopSettings) -> None:
        """Before the training of a stage."""
        self.stages.append((name, settings, Reporter(settings.epochs, as_json=self.as_json)))
        if self.recipe.finetune is not None and is_main_process():
            click.echo(f"{name}:", err=True)

    def epoch(self, metrics: EpochMetrics) -> None:
        """After an epoch."""
        self.stages[-1][2](metrics)

    def finish(self, made: Model, files: RecipeFiles) -> None:
        """Print what was written."""
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
                "stage": made.stage.value,
                "timesteps": made.timesteps,
                "levels": made.levels,
                "coupling": made.coupling.value if made.coupling else None,
                "stages": [
                    {"name": name, "settings": settings.to_dict(), "epochs": read_metrics(path)}
                    for (name, settings, _), path in zip(self.stages, metrics[-len(self.stages) :], strict=True)
                ],
            }
        )


@zoo.command(
    epilog=examples("snnconv zoo get small-cnn-digits-qcfs", "snnconv zoo get small-cnn-digits-qcfs -o digits.onnx")
)
@click.argument("network")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: NETWORK.onnx here]")
@json_option
def get(network: str, output: Path | None, as_json: bool) -> None:
    """Write NETWORK, one of those that come with the package, as an ONNX file."""
    from snnconv.files import require_writable, write_atomically
    from snnconv.zoo.pretrained import network_bytes, read_card

    card = read_card(network)
    target = output or Path(f"{network}.onnx")
    require_writable(target)
    write_atomically(target, network_bytes(network))
    if as_json:
        print_json({"output": str(target), **card.to_dict()})
    else:
        for line in _card(card, target):
            print_line(line)


def _card(card: Card, target: Path) -> Iterator[str]:
    window = "" if card.timesteps is None else f"T={card.timesteps}, L={card.levels}, "
    yield f"{card.name}: {card.description}"
    yield f"Stage: {card.stage}, {window}N={card.total_levels}."
    for accuracy in card.accuracy:
        yield f"Accuracy: {accuracy} on {accuracy.images:,} images: {accuracy.data}."
    yield (
        f"Trained from scratch on {card.data.images:,} images of {card.data.name} by the recipe {card.recipe}, seed "
        f"{card.seed}; {card.hardware}, {card.date}."
    )
    yield from (f"  - {line}" for line in card.differs)
    yield f"Licence: {card.licence}. Data: {card.data.terms}"
    yield f"Wrote {target}."
