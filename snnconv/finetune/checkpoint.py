"""Checkpoints: the state of a training in one file, tensors as safetensors and the rest as JSON in its header.

One file is replaced in one go, so that at every moment the last good checkpoint is there, whole. No pickle is read.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snnconv.digest import digest_of
from snnconv.errors import FileError, unreadable
from snnconv.files import require_regular, write_atomically
from snnconv.finetune.optimizer_state import optimizer_from, optimizer_parts

__all__ = ["Checkpoint", "copy_into", "load_checkpoint", "save_checkpoint"]

KEY = "snnconv_checkpoint"
DIGEST = "snnconv_sha256"
VERSION = 1


@dataclass
class Checkpoint:
    """State of a training after a step.

    Attributes:
        settings: Settings, ready for JSON; a training goes on only with the same.
        identity: Network and data, ready for JSON; a training goes on only with the same.
        epoch: Epoch of the step, counted from 1.
        step: Number of steps of that epoch that are done.
        sums: Running sums of the epoch's metrics.
        log: Metrics of the epochs that are done.
        network: Tensors of the network, by name.
        average: Tensors of its moving average, by name; empty where there is none.
        optimizer: `state_dict` of the optimizer.
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


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in the place of the one before it.

    Raises:
        FileError: It cannot be written; the one before it is still there.
    """
    from safetensors.torch import save

    moments, rest = optimizer_parts(checkpoint.optimizer)
    groups = {"network": checkpoint.network, "average": checkpoint.average, "optimizer": moments}
    tensors = {
        f"{group}/{name}": value.detach().to("cpu", copy=True).contiguous()
        for group, values in groups.items()
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
    write_atomically(path, save(tensors, {KEY: text, DIGEST: digest_of(text, sorted(tensors.items()))}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint that `save_checkpoint` wrote.

    Raises:
        FileError: It is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError

    require_regular(path)
    if not os.path.isfile(path):
        raise FileError(f"There is no checkpoint {path}: without --resume the training starts anew.")
    try:
        header, tensors = _contents(path)
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


def _contents(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file, whose digest fits them: no bit of it flipped on a disk.

    Raises:
        FileError: The file is of another version.
        ValueError: The file is no checkpoint, or is damaged; so for what safetensors raises.
    """
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        if KEY not in metadata:
            raise ValueError("it says nothing of a training")
        header: dict[str, Any] = json.loads(metadata[KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    if header["version"] != VERSION:
        raise FileError(f"{path} is a checkpoint of version {header['version']}; {VERSION} is read here.")
    if metadata.get(DIGEST) != digest_of(metadata[KEY], sorted(tensors.items())):
        raise ValueError("its contents are not those that were written")
    return header, tensors


def copy_into(target: dict[str, Tensor], source: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into others of the same names and shapes.

    Args:
        target: Tensors to overwrite.
        source: Tensors to copy.
        path: File that they come from, for the message.

    Raises:
        FileError: The names or shapes differ.
    """
    differing = sorted(target.keys() ^ source.keys())
    differing += [name for name in target.keys() & source.keys() if target[name].shape != source[name].shape]
    if differing:
        raise FileError(f"{path} is of another network: it differs in {', '.join(differing[:5])}.")
    with torch.no_grad():
        for name, value in target.items():
            value.copy_(source[name])
