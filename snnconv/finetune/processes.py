"""The processes that `accelerate launch` or `torchrun` started, through accelerate; one where nothing was launched."""

from __future__ import annotations

import os
from typing import Any

import torch

from snnconv.errors import InvalidValueError

__all__ = ["is_main_process", "open_accelerator"]


def open_accelerator(device: torch.device | str | None = None) -> Any:
    """Accelerate's `Accelerator`; the first call brings the launched processes together.

    Args:
        device: where they train, by default a GPU each where there is one. A single process names its device itself,
            because accelerate keeps the first one for as long as the process lives.

    Raises:
        InvalidValueError: accelerate was set up for one process before, although several were launched.
    """
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=_meet_on_cpu(device))
    if accelerator.num_processes != _launched():
        raise InvalidValueError(
            f"{_launched()} processes were launched, and accelerate was set up for {accelerator.num_processes} before: "
            "without a GPU, give its first object cpu=True, as in PartialState(cpu=True)."
        )
    return accelerator


def is_main_process() -> bool:
    """Whether this process is the one that prints and writes."""
    from accelerate import PartialState

    return bool(PartialState(cpu=_meet_on_cpu(None)).is_main_process)


def _launched() -> int:
    """Number of processes, as both launchers tell each of them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _meet_on_cpu(device: torch.device | str | None) -> bool:
    """Whether launched processes meet through gloo, which accelerate does where it is told that there is no GPU."""
    from accelerate.utils import parse_flag_from_env

    if _launched() == 1:
        return False
    if device is not None:
        return torch.device(device).type == "cpu"
    found = torch.accelerator.current_accelerator(check_available=True)
    return found is None or found.type == "mps" or bool(parse_flag_from_env("ACCELERATE_USE_CPU"))
