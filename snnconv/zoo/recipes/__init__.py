"""Recipes: one TOML file a published result, with its hyper-parameters, its figure, and our own results.

The files lie beside this one; docs/zoo.md explains them. A file more is a recipe more.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from snnconv.errors import InvalidValueError
from snnconv.neurons import NeuronSettings
from snnconv.registry import suggestion
from snnconv.tables import fill, parse, read_bytes
from snnconv.zoo.recipes.recipe import Conversion, DataTable, NetworkTable, Recipe
from snnconv.zoo.recipes.results import Figure, Measured, Paper

__all__ = [
    "Conversion",
    "DataTable",
    "Figure",
    "Measured",
    "NetworkTable",
    "Paper",
    "Recipe",
    "list_recipes",
    "read_recipe",
]

SUFFIX = ".toml"


def list_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package.

    >>> "qcfs-resnet20-cifar10" in list_recipes()
    True
    """
    names = (file.name for file in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)))


def read_recipe(source: str | os.PathLike[str]) -> Recipe:
    """Read a recipe, and check the settings of all its stages.

    Args:
        source: Name of `list_recipes`, or path of a TOML file.

    Raises:
        FileError: The file is missing, or is no TOML.
        InvalidValueError: The name is unknown, a key is unknown or missing, or a value is not allowed.

    >>> read_recipe("lmht-resnet18-cifar10").figure.value
    96.25
    """
    name = os.fspath(source)
    if name in list_recipes():
        text = (files(__name__) / f"{name}{SUFFIX}").read_bytes()
    elif name.endswith(SUFFIX):
        text = read_bytes(name)
    else:
        raise InvalidValueError(
            f"Unknown recipe {name!r}: {suggestion(name, list_recipes())} A recipe of your own is named by its file, "
            f"NAME{SUFFIX}."
        )
    file = f"Recipe {name!r}"
    tables = parse(text, file)
    return fill(
        Recipe,
        tables,
        file,
        classes={"NeuronSettings": NeuronSettings},
        name=Path(name).name.removesuffix(SUFFIX),
        written=tables,
    )
