"""Neurons whose only parameters are λ, T and L, registered with one decorator.

A kind like this sees its currents step by step. It gives the equation of its window twice, for torch in `run` and for
other people's software as ONNX nodes; all else that a kind can be has no form, unless it is stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.neurons.capabilities import Capabilities, no_forms, register_neuron
from snnconv.neurons.catalogue import NeuronSettings
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import LevelRule, NamedNeuron, NeuronNames, NoForm, OnnxForm, Supported, Update
from snnconv.neurons.onnx_attributes import DOMAIN, count, emit_ceiling, flag, read_ceiling
from snnconv.neurons.shared_forms import LEVEL_SPIKES
from snnconv.neurons.site import SpikingSite

__all__ = ["register_plain_neuron"]

S = TypeVar("S", bound=type[SpikingSite])

# current x [T*B, ...] time-major, threshold θ = λ/L; levels from `lowest`, 0 or -L, to `highest`, L
_FUNCTION = """
{name} <timesteps, levels, signed: int = 0> (current, ceiling) => (spikes) {{
    L = Constant <value_int: int = @levels> ()
    highest = CastLike (L, current)
    threshold = Div (ceiling, highest)
    negative = Constant <value_int: int = @signed> ()
    side = CastLike (negative, current)
    below = Mul (side, highest)
    lowest = Neg (below)
    {nodes}
}}
"""


def register_plain_neuron(
    name: str,
    description: str,
    *,
    onnx: str,
    update: Callable[[Any, int], Update],
    signed: Supported | NoForm = Supported(),  # noqa: B008 - it is frozen
    **forms: Any,
) -> Callable[[S], S]:
    """Return a decorator that registers a class of neurons with the parameters λ, T and L alone.

    Args:
        name: Name that `--neuron` takes.
        description: The neuron in the field's terms.
        onnx: ONNX nodes in the text format that make `spikes` of `current`, `threshold`, `lowest` and `highest`.
        update: Operations of one update, given a layer and T.
        signed: Levels below 0, or why there are none.
        forms: Other capabilities, by their names.

    Raises:
        ValueError: The name, the class or its ONNX function is registered already; the decorator raises it.
    """

    def decorate(kind: S) -> S:
        def build(settings: NeuronSettings, ceiling: Tensor, signed: bool, channel_axis: int) -> SpikingSite:
            return _layer(kind, ceiling, settings.timesteps, settings.firing_levels, signed, channel_axis)

        neuron = NamedNeuron(
            description, 1, ceiling=float, norm_threshold=_half_threshold, options=frozenset(), build=build
        )
        stated = {
            "names": NeuronNames({name: neuron}, lambda _: name),
            "trained": Supported(),
            "onnx": _onnx_form(kind, onnx),
            "engine": LevelRule(),
            "update": update,
            "spikes": LEVEL_SPIKES,
            "signed": signed,
            **forms,
        }
        others = no_forms(f"{name} neurons are registered without such a form", except_=stated)
        title = kind.__name__
        return register_neuron(Capabilities(title=title, written_as=title, **stated, **others))(kind)

    return decorate


def _half_threshold(ceiling: float, levels: int) -> float:
    """Return the current of half a level, from which a neuron that rounds fires the first."""
    return ceiling / levels / 2


def _layer(
    kind: type[SpikingSite], ceiling: Tensor, timesteps: int, levels: int, signed: bool, channel_axis: int
) -> SpikingSite:
    return kind(ceiling, timesteps, levels, coupling=Coupling.CAUSAL, signed=signed, channel_axis=channel_axis)


def _onnx_form(kind: type[SpikingSite], nodes: str) -> OnnxForm:
    """Return the ONNX function of a kind, with its reader and its writer."""
    function = kind.__name__

    def read(node: NodeView) -> Call:
        ceiling, axis = read_ceiling(node)
        try:
            site = _layer(kind, ceiling, count(node, "timesteps"), count(node, "levels"), flag(node, "signed"), axis)
        except InvalidValueError as error:
            raise Refusal(str(error)) from error
        return Call((site,))

    def emit(site: SpikingSite, emission: Emission, inputs: Sequence[str], name: str) -> str:
        ceiling = emit_ceiling(site, emission, name)
        attributes = {"timesteps": site.timesteps, "levels": site.levels, "signed": int(site.signed)}
        return emission.node(function, [*inputs, ceiling], name, domain=DOMAIN, **attributes)

    return OnnxForm((_FUNCTION.format(name=function, nodes=nodes.strip()),), read, emit)
