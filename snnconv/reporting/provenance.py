"""The origin of a page's numbers: files by their hashes, versions, data, and the conversion behind the network."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from snnconv.data.images import Images
from snnconv.model import Model
from snnconv.reporting.json_values import bounded

__all__ = ["Provenance", "describe_model", "provenance_of"]

PACKAGES = ("snnconv", "torch", "onnx", "numpy", "matplotlib")


@dataclass(frozen=True)
class Provenance:
    """The origin of a page's numbers.

    Attributes:
        date: Date and time, UTC; `made` in JSON.
        command: The command line, or None from Python.
        network: The network's file, its SHA-256, and the file's own words on how it was made.
        against: File, SHA-256 and words of the other network, or None without one.
        data: The data spec, the number of images, and a hash of the labels and 64 of the images.
        versions: Versions of Python and the packages, by name.
        machine: Processor and system.
    """

    date: str = field(metadata={"json": "made"})
    command: str | None
    network: dict[str, Any]
    against: dict[str, Any] | None
    data: dict[str, Any]
    versions: dict[str, str]
    machine: str


def provenance_of(model: Model, against: Model | None, images: Images, used: int, command: str | None) -> Provenance:
    """Return the origin of numbers that are computed now.

    Args:
        model: The network.
        against: The other network, or None.
        images: All images that the data hold.
        used: Number of the images that were classified.
        command: The command line, or None from Python.
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
    """Return everything that is known of a network's origin; a file's own words are cut where they are long."""
    origin: dict[str, Any] = bounded(model.provenance)
    return {"stage": model.stage.value, "input": bounded(model.input.to_dict()), **origin}


def machine() -> str:
    """Return processor and system, in words."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {platform.system()}"
