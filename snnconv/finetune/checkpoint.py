"""Where a training stands, in one file: tensors as safetensors, the rest as JSON in its header.

One file is replaced in one go, so that at every moment the last good checkpoint is there, whole. No pickle is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snnconv.errors import FileError, unreadable
from snnconv.files import require_regular, write_atomically

__all__ = ["Checkpoint", "load_checkpoint", "optimizer_from", "optimizer_parts", "save_checkpoint"]

KEY = "snnconv_checkpoint"
DIGEST = "snnconv_sha256"
VERSION = 1


@dataclass
class Checkpoint:
    """Where a training stands after a step.

    Attributes:
        settings: JSON-ready; a training goes on only with the same.
        identity: what is trained on what, JSON-ready; likewise.
        epoch: in which it stands, from 1.
        step: steps of that epoch that are done.
        sums: running sums of the epoch's metrics.
        log: metrics of the epochs that are done.
        network: tensors of the network, by name.
        average: of its moving average, by name; empty where there is none.
        optimizer: the optimizer's `state_dict`.
    """

    settings: dict[str, Any]
    identity: dict[str, Any]
    epoch: int
    step: int
    sums: dict[str, float]
    log: list[dict[str, Any]]
    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    average: dict[str, Tensor] = field(default_factory=dict)


def optimizer_parts(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's `state_dict`, whatever it nests, as tensors by `place.in.it` and a JSON-ready rest."""
    tensors: dict[str, Tensor] = {}
    return tensors, _without_tensors(state, "", tensors)


def optimizer_from(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `optimizer_parts`."""
    state: dict[str, Any] = _with_tensors(rest, tensors)
    return state


def _without_tensors(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """What JSON has no form for becomes an object of one key; tensors go to `tensors`."""
    if isinstance(value, Tensor):
        tensors[place] = value
        return {"tensor": place}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, dict):  # whose keys may be numbers
        return {"items": [[key, _without_tensors(each, f"{place}.{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        members = [_without_tensors(each, f"{place}.{number}", tensors) for number, each in enumerate(value)]
        return members if isinstance(value, list) else {"tuple": members}
    return value


def _with_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_with_tensors(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "dtype":
        return getattr(torch, held)
    if kind == "tuple":
        return tuple(_with_tensors(each, tensors) for each in held)
    return {key: _with_tensors(each, tensors) for key, each in held}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in the place of the one before it.

    Raises:
        FileError: it cannot be written; the one before it is still there.
    """
    from safetensors.torch import save

    moments, rest = optimizer_parts(checkpoint.optimizer)
    tensors = {
        f"{group}/{name}": value.detach().to("cpu", copy=True).contiguous()
        for group, values in (
            ("network", checkpoint.network),
            ("average", checkpoint.average),
            ("optimizer", moments),
        )
        for name, value in values.items()
    }
    header = {
        "version": VERSION,
        "settings": checkpoint.settings,
        "identity": checkpoint.identity,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "sums": checkpoint.sums,
        "log": checkpoint.log,
        "optimizer": rest,
    }
    text = json.dumps(header)
    write_atomically(path, save(tensors, {KEY: text, DIGEST: _digest(text, tensors)}))


def _digest(header: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of all that a checkpoint holds: a bit that flipped on a disk is no longer the same training."""
    found = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        FileError: it is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    require_regular(path)
    if not os.path.isfile(path):
        raise FileError(f"There is no checkpoint {path}: without --resume the training starts anew.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:
                raise ValueError("it says nothing of a training")
            header = json.loads(metadata[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if header["version"] != VERSION:
            raise FileError(f"{path} is a checkpoint of version {header['version']}; {VERSION} is read here.")
        if metadata.get(DIGEST) != _digest(metadata[KEY], tensors):
            raise ValueError("its contents are not those that were written")
        groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        for name, value in tensors.items():
            group, rest = name.split("/", 1)
            groups[group][rest] = value
        return Checkpoint(
            settings=dict(header["settings"]),
            identity=dict(header["identity"]),
            epoch=int(header["epoch"]),
            step=int(header["step"]),
            sums=dict(header["sums"]),
            log=list(header["log"]),
            network=groups["network"],
            average=groups["average"],
            optimizer=optimizer_from(groups["optimizer"], header["optimizer"]),
        )
    except FileError:
        raise
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        message = f"{path} is no checkpoint of a training, or is damaged ({error}). Remove it to start anew."
        raise unreadable(path, error, message) from error


def copy_into(target: dict[str, Tensor], source: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into others of the same names and shapes.

    Raises:
        FileError: the names or shapes differ.
    """
    differing = sorted(target.keys() ^ source.keys())
    differing += [name for name in target.keys() & source.keys() if target[name].shape != source[name].shape]
    if differing:
        raise FileError(f"{path} is of another network: it differs in {', '.join(differing[:5])}.")
    with torch.no_grad():
        for name, value in target.items():
            value.copy_(source[name])
