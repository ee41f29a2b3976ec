"""The state of a layer of neurons in a file of one step: what names it has there, and how it begins.

How a step is computed belongs to the neuron (its capability `step`). It states the units of its state.
"""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.neurons import SpikingSite, capabilities_of
from snnconv.neurons.forms import StepForm

__all__ = ["State", "state_of"]


@dataclass(frozen=True)
class State:
    """The state that one layer of neurons holds from step to step, and what it begins with.

    Attributes:
        neurons: Name of the layer.
        kind: Name of the kind of neuron in files.
        input: Name of the file's input that takes it.
        output: Name of the file's output that gives it back.
        shape: Shape of a sample, without the batch's axis.
        initial: Initial state, a number or one a channel.
        axis: Axis of the channels in `[B, *shape]`.
    """

    neurons: str
    kind: str
    input: str
    output: str
    shape: tuple[int, ...]
    initial: float | tuple[float, ...]
    axis: int


def state_of(site: SpikingSite, form: StepForm, name: str, shape: tuple[int, ...], taken: set[str]) -> State:
    """Return the state of a layer, with free names, which become taken.

    Args:
        site: The layer.
        form: Form of its steps.
        name: Name of the layer.
        shape: Shape of a sample of its output.
        taken: Names that the file has already.
    """
    free = f"{name}_v"
    while free in taken or f"{free}_out" in taken:
        free += "_"
    taken.update((free, f"{free}_out"))
    kind = capabilities_of(site).written_as
    return State(name, kind, free, f"{free}_out", form.shape(site, shape), form.initial(site), site.channel_axis)
