"""Optimizer, schedule and weight average: timm's, set up from our settings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from snnconv.errors import InvalidValueError
from snnconv.finetune.settings import OptimizerSettings, optimizer_name
from snnconv.graph.access import calls, module_of, results
from snnconv.graph.linear import NORMS

__all__ = ["build_average", "build_optimizer", "build_schedule", "hold_unused", "load_optimizer"]


def hold_unused(graph: fx.GraphModule) -> None:
    """Take the gradient from parameters that the first output does not depend on: processes would wait for it."""
    used: set[fx.Node] = set()
    waiting = [results(graph)[0]]
    while waiting:
        node = waiting.pop()
        if node not in used:
            used.add(node)
            waiting += node.all_input_nodes
    needed = {id(p) for node in calls(graph) if node in used for p in module_of(graph, node).parameters()}
    for parameter in graph.parameters():
        if id(parameter) not in needed:
            parameter.requires_grad_(False)


def build_optimizer(graph: fx.GraphModule, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Return timm's optimizer of all trainable parameters; weight decay takes every one of them, as in the recipes.

    Args:
        graph: Network to train.
        settings: Optimizer, learning rate, weight decay, momentum.

    Raises:
        InvalidValueError: The optimizer needs what is not installed, or second derivatives, or is random by itself.
    """
    from timm.optim import create_optimizer_v2

    if settings.optimizer.startswith("kron"):
        raise InvalidValueError(
            f"optimizer is {settings.optimizer!r}, which draws random numbers that no seed fixes: give another one."
        )
    try:
        optimizer: torch.optim.Optimizer = create_optimizer_v2(
            _groups(graph, settings),
            opt=optimizer_name(settings.optimizer),
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            filter_bias_and_bn=False,
        )
    except (AssertionError, ImportError) as error:  # timm's own checks
        raise InvalidValueError(f"optimizer is {settings.optimizer!r}, which cannot be had here: {error}.") from error
    if getattr(optimizer, "is_second_order", False):
        raise InvalidValueError(f"optimizer is {settings.optimizer!r}: it needs second derivatives. Give another one.")
    return optimizer


def _groups(graph: fx.GraphModule, settings: OptimizerSettings) -> list[dict[str, Any]]:
    """Return the trainable parameters: the biases of batch-norms by themselves where their rate is another."""
    trained = [parameter for parameter in graph.parameters() if parameter.requires_grad]
    if settings.bias_lr == 1:
        return [{"params": trained}]
    norms = [module for module in graph.modules() if isinstance(module, NORMS)]
    biases = {id(norm.bias) for norm in norms if norm.bias is not None}
    lr, decay = settings.lr * settings.bias_lr, settings.weight_decay / settings.bias_lr
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in trained if id(parameter) not in biases]},
        {"params": [parameter for parameter in trained if id(parameter) in biases], "lr": lr, "weight_decay": decay},
    ]
    return [group for group in groups if group["params"]]


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the `state_dict` of an optimizer, its moments laid out in memory as their parameters are.

    Sums over them are then rounded as they would have been without a checkpoint.
    """
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def build_schedule(optimizer: torch.optim.Optimizer, settings: OptimizerSettings, steps: int) -> Any:
    """Return timm's schedule, moved on by `step_update(steps so far)`; None where the rate is constant.

    Args:
        optimizer: Optimizer whose learning rate it sets.
        settings: Scheduler, epochs, warm-up.
        steps: Steps of an epoch.
    """
    from timm.scheduler import create_scheduler_v2

    # Cosine and line begin at the highest rate when the warm-up ends, and are 0 at the last epoch's end.
    falls = settings.scheduler in ("cosine", "linear")
    linear = settings.scheduler == "linear"
    schedule, _ = create_scheduler_v2(
        optimizer,
        "poly" if linear else settings.scheduler,
        num_epochs=settings.epochs - settings.warmup_epochs if falls else settings.epochs,
        warmup_prefix=falls,
        decay_epochs=settings.step_epochs,
        decay_rate=1.0 if linear else settings.step_rate,  # timm's polynomial takes its exponent here
        warmup_epochs=settings.warmup_epochs,
        warmup_lr=settings.lr / 100,
        step_on_epochs=False,
        updates_per_epoch=steps,
    )
    return schedule


def build_average(graph: fx.GraphModule, settings: OptimizerSettings) -> Any:
    """Return timm's moving average of weights and statistics; None where the settings ask for none."""
    from timm.utils import ModelEmaV3

    return ModelEmaV3(graph, decay=settings.ema, use_warmup=True) if settings.ema else None
