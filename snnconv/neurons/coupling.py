"""Coupling: the part of its window of T steps that a neuron receives before it fires.

    I_t = sum_j ω_tj x_j

Symbols: x_j input current of step j, ω coupling of the steps `[T, T]`, I_t what the neuron receives at step t.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.time import mean_of_steps

__all__ = ["Coupling", "couple", "uncouple"]


class Coupling(StrEnum):
    """The part of its window of T steps that a neuron sees before it fires.

    MEAN: every step receives the time mean of the input currents (ω = 1/T, LM-HT's T-GIM as it is initialised):
    exact, but a layer waits for its whole window. CAUSAL: step t receives the current of step t (ω = identity, the
    ordinary neuron), as a streaming chip does: no waiting, and unevenness errors. LEARNED: ω is trained (LM-HT); a
    layer waits for its window, and no quantized network equals it. DIFFERENTIAL: the steps so far, of which a neuron
    tells changes, and takes back what it told too early; no waiting. No ω: its readers add up what they are told.
    """

    MEAN = "mean"
    CAUSAL = "causal"
    DIFFERENTIAL = "differential"
    LEARNED = "learned"

    @property
    def streams(self) -> bool:
        """Return whether step t of a network's output comes at step t of its input, so that no layer waits."""
        return self in (Coupling.CAUSAL, Coupling.DIFFERENTIAL)

    def matrix(self, timesteps: int) -> Tensor:
        """Return ω, `[T, T]`, float32; rows sum to 1.

        Raises:
            InvalidValueError: ω is learned, so each layer has its own, or the coupling is differential.
        """
        if self is Coupling.LEARNED:
            raise InvalidValueError("A learned coupling has no fixed matrix: it is a parameter of each neuron layer.")
        if self is Coupling.DIFFERENTIAL:
            raise InvalidValueError(
                "Differential coupling has no matrix: a neuron's readers add up what they are told."
            )
        if self is Coupling.MEAN:
            return torch.full((timesteps, timesteps), 1.0 / timesteps)
        return torch.eye(timesteps)


def couple(currents: Tensor, coupling: Coupling | Tensor) -> Tensor:
    """Mix the input currents of T steps.

    Args:
        currents: `[T, ...]`.
        coupling: mean, causal, or a matrix ω `[T, T]`.

    Returns:
        What the neurons receive, `[T, ...]` (expanded, not copied, under mean coupling).
    """
    if isinstance(coupling, Tensor):
        return _matrix_product(coupling.to(currents.dtype), currents)
    if coupling is Coupling.MEAN:
        if currents.stride(0) == 0:  # one current for all steps
            return currents
        return mean_of_steps(currents).expand_as(currents)
    if coupling is Coupling.CAUSAL:
        return currents
    if coupling is Coupling.DIFFERENTIAL:
        raise InvalidValueError(
            "Under differential coupling a neuron receives what it was told, not a mixture of steps."
        )
    raise InvalidValueError("A learned coupling is a matrix: give ω itself.")


def uncouple(gradients: Tensor, coupling: Coupling | Tensor) -> Tensor:
    """Compute the gradient of `couple`: dL/dI `[T, ...]` to dL/dx `[T, ...]`."""
    if isinstance(coupling, Tensor):
        return _matrix_product(coupling.T.to(gradients.dtype), gradients)
    if coupling is Coupling.MEAN:
        return mean_of_steps(gradients).expand_as(gradients)
    return gradients


def _matrix_product(omega: Tensor, currents: Tensor) -> Tensor:
    """Multiply `[T, T]` by `[T, ...]`, in the memory layout of the currents: images may lie channels last."""
    if currents.dim() == 5 and not currents.is_contiguous():
        last = currents.movedim(2, -1)
        return (omega @ last.flatten(1)).view(last.shape).movedim(-1, 2)
    return (omega @ currents.flatten(1)).view_as(currents)
