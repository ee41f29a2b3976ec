"""Networks that come with the package, trained from scratch by its own recipes: `NAME.onnx` and its card, `NAME.toml`.

A pair more in this folder is a network more. A card says what the network is, what made it and what it reaches.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from snnconv.errors import InvalidValueError
from snnconv.registry import suggestion
from snnconv.tables import fill, parse
from snnconv.zoo.pretrained.card import Accuracy, Card, TrainingData

__all__ = ["Accuracy", "Card", "TrainingData", "list_networks", "network_bytes", "read_card"]

NETWORK, CARD = ".onnx", ".toml"


def list_networks(folder: Traversable | None = None) -> tuple[str, ...]:
    """Return the names of the networks that have a card.

    Args:
        folder: Folder of the networks; the package's own by default.
    """
    entries = {file.name for file in _folder(folder).iterdir()}
    names = sorted(name.removesuffix(NETWORK) for name in entries if name.endswith(NETWORK))
    return tuple(name for name in names if f"{name}{CARD}" in entries)


def read_card(name: str, folder: Traversable | None = None) -> Card:
    """Read the card of a network.

    Args:
        name: Name of the network.
        folder: Folder of the networks; the package's own by default.

    Raises:
        InvalidValueError: There is no such network (near ones are named), or its card holds what is not allowed.
        FileError: Its card is no TOML.
    """
    title = f"The card of {name!r}"
    return fill(Card, parse(_contents(name, CARD, folder), title), title, name=name)


def network_bytes(name: str, folder: Traversable | None = None) -> bytes:
    """Return the ONNX file of a network.

    Args:
        name: Name of the network.
        folder: Folder of the networks; the package's own by default.

    Raises:
        InvalidValueError: There is no such network; near ones are named.
    """
    return _contents(name, NETWORK, folder)


def _folder(folder: Traversable | None) -> Traversable:
    return files(__name__) if folder is None else folder


def _contents(name: str, suffix: str, folder: Traversable | None) -> bytes:
    known = list_networks(folder)
    if name not in known:
        raise InvalidValueError(f"No network {name!r} comes with the package: {suggestion(name, known)}")
    return (_folder(folder) / f"{name}{suffix}").read_bytes()
