"""Tables and texts of `snnconv zoo`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnconv.cli.output import filled_columns, print_table

if TYPE_CHECKING:
    from snnconv.zoo.pretrained import Card
    from snnconv.zoo.recipes import Figure, Measured, Recipe

__all__ = ["card_lines", "print_lists", "recipe_lines", "summary"]

SOURCES = {
    "paper": "read in the paper",
    "code": "read in the authors' code",
    "second-hand": "quoted in another paper",
    "memory": "from memory: do not quote it",
}


def summary(recipe: Recipe) -> dict[str, Any]:
    """Return a row of the list, ready for JSON."""
    figure = None if recipe.figure is None else {**recipe.to_dict()["figure"], "status": recipe.figure.status}
    return {
        "name": recipe.name,
        "title": recipe.title,
        "network": recipe.network.name,
        "data": recipe.data.name,
        "timesteps": recipe.timesteps,
        "levels": recipe.levels,
        "total_levels": recipe.total_levels,
        "figure": figure,
        "measured": recipe.to_dict()["measured"],
    }


def print_lists(recipes: Sequence[Recipe], cards: Sequence[Card]) -> None:
    """Print the networks, then the recipes; first those that need nothing but a laptop."""
    embedded = {recipe.name for recipe in recipes if recipe.data.embedded}
    _print_networks(sorted(cards, key=lambda card: card.recipe not in embedded))
    small = sorted(
        (recipe for recipe in recipes if _runs_on_a_laptop(recipe)), key=lambda recipe: recipe.name not in embedded
    )
    others = [recipe for recipe in recipes if recipe not in small]
    _print_recipes("Recipes that a laptop runs, accuracies in %: snnconv zoo train NAME", small)
    _print_recipes("Recipes for a GPU, accuracies in %: snnconv zoo show NAME, snnconv zoo train NAME", others)


def _print_networks(cards: Sequence[Card]) -> None:
    columns = ("network", "recipe", "data", "T", "L", "N", "accuracy")
    rows = [
        (card.name, card.recipe, card.data.name, card.timesteps, card.levels, card.total_levels, card.accuracy[0])
        for card in cards
    ]
    print_table(
        "Networks that come with the package, ready to run: snnconv zoo get NAME", *filled_columns(columns, rows)
    )


def _runs_on_a_laptop(recipe: Recipe) -> bool:
    """Return whether a recipe's data come with the package, or it was measured without a GPU."""
    return recipe.data.embedded or any("no GPU" in measured.hardware for measured in recipe.measured)


def _print_recipes(title: str, recipes: Sequence[Recipe]) -> None:
    columns = ("recipe", "network", "data", "T", "L", "N", "paper", "ours")
    rows = [
        (
            recipe.name,
            recipe.network.name.removeprefix("zoo:"),
            recipe.data.name,
            recipe.timesteps,
            recipe.levels,
            recipe.total_levels,
            None if recipe.figure is None else f"{recipe.figure.value:.2f} {recipe.figure.status}",
            None if not recipe.measured else f"{recipe.measured[-1].value:.2f}",
        )
        for recipe in recipes
    ]
    print_table(title, *filled_columns(columns, rows))


def recipe_lines(recipe: Recipe, source: str) -> Iterator[str]:
    """Yield the description of a recipe, line by line.

    Args:
        recipe: Recipe to describe.
        source: Name or path that the user gave it by.
    """
    yield f"{recipe.name}: {recipe.title}"
    if recipe.paper is not None:
        yield f"Paper: {recipe.paper}."
        yield f"Its figure: {'none is known here.' if recipe.figure is None else _figure(recipe.figure)}"
    measured = " ".join(map(_measured, recipe.measured))
    yield f"Ours: {measured or 'not measured.'}"
    yield f"Data: {recipe.data.name}, as {recipe.data.spec}"
    yield from _stage_lines(recipe)
    for title, lines in (
        ("Differs from the paper:", recipe.differs),
        ("Read neither in the paper nor in its authors' code:", recipe.unverified),
    ):
        if lines:
            yield title
            yield from (f"  - {line}" for line in lines)
    yield f"Run it: snnconv zoo train {source}{'' if recipe.data.embedded else f' --data {recipe.data.spec}'}"


def _stage_lines(recipe: Recipe) -> Iterator[str]:
    window = "" if recipe.timesteps is None else f"T={recipe.timesteps}, L={recipe.levels}, "
    yield f"Network: {recipe.network.name}, {window}N={recipe.total_levels}"
    yield f"Train: {_settings(recipe.written['train'])}"
    if recipe.convert is not None:
        conversion = recipe.convert
        yield f"Convert: T={conversion.timesteps}, L={conversion.levels}, {conversion.coupling} coupling"
    if recipe.finetune is not None:
        yield f"Fine-tune: {_settings(recipe.written['finetune'])}"


def _figure(figure: Figure) -> str:
    source = SOURCES[figure.source]
    return f"{figure.value:.2f} % {figure.metric} at T={figure.timesteps} ({figure.status}: {source})."


def _measured(measured: Measured) -> str:
    return (
        f"{measured.value:.2f} ± {measured.standard_error:.2f} % on {measured.images:,} images after {measured.epochs} "
        f"epochs; {measured.hardware}, {measured.date}; {measured.command}."
    )


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_setting(value)}" for name, value in values.items())


def _setting(value: Any) -> str:
    """Return a value as a recipe's file writes it; a table in brackets."""
    if isinstance(value, Mapping):
        return f"({_settings(value)})"
    return str(value).lower() if isinstance(value, bool) else str(value)


def card_lines(card: Card, target: Path) -> Iterator[str]:
    """Yield the description of a network, line by line.

    Args:
        card: Card of the network.
        target: File that it was written to.
    """
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
