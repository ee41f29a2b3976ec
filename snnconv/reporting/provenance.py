"""What a report was made from: files by their hashes, versions, data, and the conversion behind the network."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from snnconv.data.images import Images
from snnconv.model import Model

__all__ = ["Provenance", "describe_model", "finite", "json_ready", "provenance_of"]

PACKAGES = ("snnconv", "torch", "onnx", "numpy", "matplotlib")
DEPTH = 8  # of what a file says of itself; deeper is left out
LONGEST = 2000  # characters of one text in it
MOST = 512  # entries of one list or table in it


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from.

    Attributes:
        made: date and time, UTC.
        command: the command line, or None from Python.
        network: the network's file, its SHA-256, and what the file says of how it was made.
        against: the same of the other network.
        data: the data spec, how many images, and a hash of labels and 64 of the images.
        versions: of the software.
        machine: processor and system.
    """

    made: str
    command: str | None
    network: dict[str, Any]
    against: dict[str, Any] | None
    data: dict[str, Any]
    versions: dict[str, str]
    machine: str


def provenance_of(model: Model, against: Model | None, images: Images, used: int, command: str | None) -> Provenance:
    """Write down where numbers come from.

    Args:
        model: the network.
        against: the other one.
        images: all that the data hold.
        used: how many of them were classified.
        command: the command line.
    """
    return Provenance(
        datetime.now(UTC).isoformat(timespec="seconds"),
        command,
        describe_model(model),
        None if against is None else describe_model(against),
        {"spec": images.spec, "images": len(images), "used": used, "sha256_of_labels_and_64": images.fingerprint()},
        {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        machine(),
    )


def describe_model(model: Model) -> dict[str, Any]:
    """What is known of where a network comes from; a file's own words are cut where they are long."""
    found: dict[str, Any] = json_ready(model.provenance)
    return {"stage": model.stage.value, "input": json_ready(model.input.to_dict()), **found}


def machine() -> str:
    """Processor and system, in words."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {platform.system()}"


def json_ready(value: Any, depth: int = DEPTH) -> Any:
    """A value as strict JSON holds it: finite numbers, texts and levels of bounded size.

    >>> json_ready({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if depth and isinstance(value, Mapping):
        return {json_ready(str(key)): json_ready(each, depth - 1) for key, each in islice(value.items(), MOST)}
    if depth and isinstance(value, (list, tuple)):
        return [json_ready(each, depth - 1) for each in value[:MOST]]
    return "…" if isinstance(value, (Mapping, list, tuple)) else json_ready(str(value))


def finite(value: Any) -> Any:
    """The same value with None in the place of numbers that are not finite, and lists in that of tuples.

    >>> finite({"a": (1.0, float("inf"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, (list, tuple)) else value
