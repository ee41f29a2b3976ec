"""Metrics of one's own: functions of all outputs of a network, and of another one's beside it.

A metric is given what a network puts out for all samples, in their order, and returns one number:

    def ap50(outputs, labels):
        return average_precision(outputs["boxes"], boxes)

    snnconv.evaluate(snn, x, against=ann, metrics={"ap50": ap50})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnconv.errors import InvalidValueError

__all__ = ["Metric", "OutputArrays", "check_metrics"]

Metric: TypeAlias = Callable[[dict[str, NDArray[Any]], NDArray[np.int64] | None], float]
"""Function of the outputs by name, `[n, ...]`, and of the labels `[n]`, None without labels; returns one number."""


def check_metrics(metrics: Mapping[str, Metric]) -> None:
    """Raise InvalidValueError unless metrics are functions by name.

    >>> check_metrics({"spread": lambda outputs, labels: float(outputs["logits"].std())})
    """
    if not isinstance(metrics, Mapping):
        raise InvalidValueError(
            f"metrics is a {type(metrics).__name__}: give functions by name, as in "
            "metrics={'ap50': function of (outputs, labels)}."
        )
    for name, metric in metrics.items():
        if not isinstance(name, str) or not name or not callable(metric):
            raise InvalidValueError(
                f"metrics has {name!r}: {type(metric).__name__}; allowed are names and functions of (outputs, labels)."
            )


class OutputArrays:
    """All outputs of a network, gathered batch by batch for its metrics.

    Args:
        names: Names of the outputs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}

    def add(self, outputs: Sequence[Tensor]) -> None:
        """Add a batch, in the order of the names; outputs that either lacks are left out."""
        for parts, output in zip(self._parts.values(), outputs, strict=False):
            parts.append(output.detach().to("cpu", torch.float32).numpy())

    def measured(self, metrics: Mapping[str, Metric], labels: NDArray[np.int64] | None) -> dict[str, float]:
        """Return what each metric gives.

        Args:
            metrics: Functions by name.
            labels: Class indices, `[n]`, -1 where a sample has none; None where none has.

        Raises:
            InvalidValueError: A metric returns no number.
        """
        outputs = {name: np.concatenate(parts) for name, parts in self._parts.items() if parts}
        return {name: _number(name, metric(dict(outputs), labels)) for name, metric in metrics.items()}


def _number(name: str, value: Any) -> float:
    """Return what a metric gave as a number, or refuse it."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"Metric {name!r} returned a {type(value).__name__}: it must return one number; give each figure a name "
            "and a function of its own."
        ) from error
