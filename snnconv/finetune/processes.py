"""The processes that `accelerate launch` or `torchrun` started, through accelerate; one where nothing was launched."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from snnconv.errors import InvalidValueError
from snnconv.finetune.losses.objective import first_output

if TYPE_CHECKING:
    from snnconv.data.images import Images

__all__ = ["broadcast_buffers", "is_main_process", "open_accelerator", "shared_accuracy"]


def open_accelerator(device: torch.device | str | None = None) -> Any:
    """Return accelerate's `Accelerator`; the first call brings the launched processes together.

    Args:
        device: Device to train on, by default a GPU each where there is one. A single process names its device itself,
            because accelerate keeps the first one for as long as the process lives.

    Raises:
        InvalidValueError: Accelerate was set up for one process before, although several were launched.
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
    """Return whether this process is the one that prints and writes."""
    from accelerate import PartialState

    return bool(PartialState(cpu=_meet_on_cpu(None)).is_main_process)


def broadcast_buffers(modules: Iterable[nn.Module]) -> None:
    """Give every process the main one's batch-norm statistics, which are the result's."""
    for module in modules:
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, 0)


@torch.inference_mode()
def shared_accuracy(
    graph: fx.GraphModule, images: Images, accelerator: Any, device: torch.device, batch_size: int
) -> float:
    """Return the share of images that a network classifies rightly; the processes share the images.

    Args:
        graph: Network, which is in evaluation mode afterwards.
        images: Labelled images.
        accelerator: Accelerate's object for the processes of the run.
        device: Device of the network.
        batch_size: Images of one batch in one process.
    """
    graph.eval()
    right = torch.zeros((), dtype=torch.int64, device=device)
    processes = accelerator.num_processes
    for number, (x, y) in enumerate(images.batches(batch_size)):
        if number % processes == accelerator.process_index:
            right += (first_output(graph(x.to(device))).argmax(1) == y.to(device)).sum()
    if processes > 1:
        right = accelerator.reduce(right, reduction="sum")
    return int(right) / len(images)


def _launched() -> int:
    """Return the number of processes, as both launchers tell each of them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _meet_on_cpu(device: torch.device | str | None) -> bool:
    """Return whether launched processes meet through gloo, as accelerate lets them where it is told of no GPU."""
    from accelerate.utils import parse_flag_from_env

    if _launched() == 1:
        return False
    if device is not None:
        return torch.device(device).type == "cpu"
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator is None or accelerator.type == "mps" or bool(parse_flag_from_env("ACCELERATE_USE_CPU"))
