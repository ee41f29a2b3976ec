"""`snnconv zoo`: recipes, and the networks that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import LARGEST_SEED, examples, json_option, output_path
from snnconv.cli.output import print_json, print_line, track
from snnconv.cli.training_options import resume_option
from snnconv.cli.training_run import is_main_process, resumable
from snnconv.cli.zoo_output import card_lines, print_lists, recipe_lines, summary
from snnconv.cli.zoo_report import RecipeReporter, tell_recipe_finished


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

    recipes = [read_recipe(name) for name in list_recipes()]
    cards = [read_card(name) for name in list_networks()]
    if as_json:
        print_json(
            {
                "recipes": [summary(recipe) for recipe in recipes],
                "networks": [card.to_dict() for card in cards],
            }
        )
    else:
        print_lists(recipes, cards)


@zoo.command(
    epilog=examples("snnconv zoo show lmht-resnet18-cifar10", "snnconv zoo show my-recipe.toml --json"),
)
@click.argument("recipe")
@json_option
def show(recipe: str, as_json: bool) -> None:
    """Show RECIPE (a name of the list, or your own TOML file): its paper, figures, settings, and what differs."""
    from snnconv.zoo.recipes import read_recipe

    source, shown = recipe, read_recipe(recipe)
    if as_json:
        facts = shown.to_dict()
        print_json({**facts, **summary(shown), "data": facts["data"]})
        return
    for line in recipe_lines(shown, source):
        print_line(line)


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
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Epochs of every stage.  [default: the recipe's of each stage]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    metavar="N",
    help="Seed of every random choice.  [default: the recipe's]",
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
    from snnconv.zoo.running import data_of, run_recipe

    adapted = read_recipe(recipe).adapted(epochs=options["epochs"], seed=options["seed"])
    data = data_of(adapted, options["data"])
    target = output_path(output, recipe, "", options)
    files = RecipeFiles(target, resume)
    if files.is_finished(adapted):
        tell_recipe_finished(adapted, files, as_json=as_json)
        return
    if is_main_process():
        files.check(adapted)
    report = RecipeReporter(adapted, as_json=as_json)
    with resumable(files.only.checkpoint, files.first.checkpoint, files.last.checkpoint, files.quantized):
        result = run_recipe(
            adapted,
            data,
            eval_data=options["eval_data"],
            progress=track,
            on_stage=report.stage,
            on_epoch=report.epoch,
            files=files,
        )
    if is_main_process():
        save(result, target)
        files.finish(adapted)
        report.finish(result, files)


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
        for line in card_lines(card, target):
            print_line(line)
