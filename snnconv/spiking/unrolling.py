"""Sites become neurons: swap them, and let time in and out where it begins and ends. And the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from torch import fx, nn

from snnconv.errors import InvalidValueError, ModelError
from snnconv.graph.access import calls, input_of, module_of, operands, output_of, results
from snnconv.model import SNN, Model, QuantizedANN, typed
from snnconv.neurons import (
    Coupling,
    Fold,
    Increments,
    LastStep,
    NoForm,
    QuantizedSite,
    Repeat,
    SpikingSite,
    Steps,
    TimeMean,
    capabilities_of,
    reasons_against,
)
from snnconv.neurons.site import require_positive_int
from snnconv.spiking.sites import insert_after, iter_sites, swap
from snnconv.spiking.temporal import analyse

__all__ = ["collapse", "collapses", "default_levels", "of_one_frame", "spike", "unroll", "without_time"]


def spike(quantized: Model, timesteps: int, levels: int | None = None, coupling: Coupling = Coupling.MEAN) -> SNN:
    """Turn a quantized ANN into a spiking network of M-HT neurons.

    Args:
        quantized: Quantized ANN, whose ceilings, weights and biases are taken as they are.
        timesteps: T.
        levels: L of every site, so that N = L*T; None: each site's own N divided by T.
        coupling: Coupling of the neurons: mean, causal, or differential (code uniform).

    Returns:
        The SNN: `[B, ...]` to the time mean of each output `[B, ...]` followed by each output's steps `[T, B, ...]`.
        Before the first site it computes once, not T times.

    Raises:
        ModelError: The network is not a quantized ANN.
        InvalidValueError: T or L is not a positive integer, or T does not divide the N of some site.
    """
    require_positive_int("timesteps", timesteps)
    if not isinstance(quantized, QuantizedANN):
        sites = [site for _, site in iter_sites(quantized.graph)]
        why = "".join(f": {reason}" for reason in reasons_against(sites, "spiking")[:1])
        raise ModelError(
            f"Only a quantized ANN can be given spikes; this network is at the stage {quantized.stage.value}{why}."
        )

    def neuron(node: fx.Node, site: nn.Module) -> SpikingSite:
        if not isinstance(site, QuantizedSite):
            raise ModelError(f"{node.target} is a {type(site).__name__}, not QCFS: quantize the network first.")
        form = capabilities_of(site).spiking
        if isinstance(form, NoForm):
            raise ModelError(f"{node.target} does not become neurons: {form.reason}.")
        return form.build(site, timesteps, _levels_of(node, site, timesteps) if levels is None else levels, coupling)

    return unroll(quantized, neuron)


def _levels_of(node: fx.Node, site: QuantizedSite, timesteps: int) -> int:
    """Return L that gives a site its own N."""
    levels, left = divmod(site.total_levels, timesteps)
    if left:
        raise InvalidValueError(
            f"{node.target} is quantized to N={site.total_levels} levels, which T={timesteps} steps do not divide: "
            "give each site a multiple of T."
        )
    return levels


def unroll(model: Model, neuron: Callable[[fx.Node, nn.Module], SpikingSite]) -> SNN:
    """Return a copy whose sites are layers of neurons, with time let in before the first of them and out at the end.

    Args:
        model: ANN or quantized ANN. Where its data change over time (`model.input.timesteps` is T) the spiking
            network takes `[T, B, ...]`, frame t at step t, and computes every layer at every step.
        neuron: Function of a node and its site that makes the neurons for its place; all have one T and coupling.

    Raises:
        ModelError: There is no site.
        InvalidValueError: The input has another number of frames than the neurons have steps.
    """
    unrolled = model.copy()
    graph = unrolled.graph
    neurons = [(node, neuron(node, site)) for node, site in iter_sites(graph)]
    if not neurons:
        raise ModelError("The network has no activation that could become a neuron.")
    first = neurons[0][1]
    if model.input.timesteps is not None:
        if model.input.timesteps != first.timesteps:
            raise InvalidValueError(
                f"The input has {model.input.timesteps} frames, the neurons T={first.timesteps} steps: each step takes "
                "one frame, so both must be the same."
            )
        _fold_input(graph, first.timesteps)
    timing = analyse(graph, first.coupling)
    for node, layer in neurons:
        swap(graph, node, layer)
    _let_time_in(graph, timing.temporal, first.timesteps)
    _take_means(graph, timing.temporal, timing.on_means, first.timesteps)
    _read_out(graph, timing.temporal, first)
    graph.recompile()
    return typed(unrolled, SNN)


def _fold_input(graph: fx.GraphModule, timesteps: int) -> None:
    """Let the network take `[T, B, ...]`."""
    source = input_of(graph)
    readers = list(source.users)
    folded = insert_after(graph, source, Fold(timesteps), f"{source.target}_folded")
    for reader in readers:
        reader.replace_input_with(source, folded)


def _let_time_in(graph: fx.GraphModule, temporal: frozenset[fx.Node], timesteps: int) -> None:
    """Repeat what does not depend on time where a temporal operator takes it."""
    repeated: dict[fx.Node, fx.Node] = {}
    for node in list(graph.graph.nodes):
        if node not in temporal or isinstance(module_of(graph, node), Fold):
            continue
        for arg in [arg for arg in operands(node) if arg not in temporal]:
            if arg not in repeated:
                repeated[arg] = insert_after(graph, arg, Repeat(timesteps), f"{arg.target}_repeated")
            node.replace_input_with(arg, repeated[arg])


def _take_means(
    graph: fx.GraphModule, temporal: frozenset[fx.Node], on_means: frozenset[fx.Node], timesteps: int
) -> None:
    """Give the time mean to what is not affine."""
    means: dict[fx.Node, fx.Node] = {}
    for node in list(graph.graph.nodes):
        if node in on_means:
            for arg in [arg for arg in operands(node) if arg in temporal]:
                if arg not in means:
                    means[arg] = insert_after(graph, arg, TimeMean(timesteps), f"{arg.target}_mean")
                node.replace_input_with(arg, means[arg])


def _read_out(graph: fx.GraphModule, temporal: frozenset[fx.Node], site: SpikingSite) -> None:
    """Replace the outputs by their time means, followed by their steps.

    Under differential coupling a tensor holds the value so far: the last is the answer, and its steps are increments.
    """
    differential = site.coupling is Coupling.DIFFERENTIAL
    whole, single = (LastStep, Increments) if differential else (TimeMean, Steps)
    means, steps = [], []
    for result in results(graph):
        changing = result in temporal
        repeat = Repeat(site.timesteps)
        source = result if changing else insert_after(graph, result, repeat, f"{result.target}_repeated")
        mean = whole(site.timesteps)
        means.append(insert_after(graph, source, mean, f"{result.target}_mean") if changing else result)
        steps.append(insert_after(graph, source, single(site.timesteps), f"{result.target}_steps"))
    output_of(graph).args = ((*means, *steps),)


def collapse(snn: Model) -> QuantizedANN:
    """Return the quantized ANN that an SNN equals, exactly where every site is mean-coupled.

    Under other couplings it is their origin: the quantized ANN of the same weights and ceilings.

    Raises:
        ModelError: The network is not an SNN, its input changes over time, or its neurons are those of a NIR file.
    """
    if isinstance(snn, SNN) and snn.input.timesteps is not None:
        raise ModelError(
            f"The network's input changes over time ({snn.input.timesteps} frames a sample): no quantized network, "
            "which takes one still input, equals it. Run the spiking network itself."
        )
    return of_one_frame(snn)


def collapses(model: Model) -> TypeGuard[SNN]:
    """Return whether a model is an SNN that equals what `collapse` makes of it: mean-coupled, of a still input."""
    return isinstance(model, SNN) and model.coupling is Coupling.MEAN and model.input.timesteps is None


def of_one_frame(snn: Model) -> QuantizedANN:
    """Return the quantized ANN of an SNN's weights and ceilings; it takes one frame of an input that changes over time.

    Raises:
        ModelError: The network is not an SNN, or its neurons have no quantized form.
    """
    if not isinstance(snn, SNN):
        raise ModelError(f"Only an SNN collapses; this network is at the stage {snn.stage.value}.")
    neurons = [site for _, site in iter_sites(snn.graph) if isinstance(site, SpikingSite)]
    if reasons := reasons_against(neurons, "collapse"):
        raise ModelError(f"{reasons[0]}. Run the spiking network.")
    return typed(without_time(snn), QuantizedANN)


def without_time(snn: SNN) -> Model:
    """Return the network without time that an SNN stands for; it takes one frame of an input that changes over time.

    Its activations are the quantized ones of an SNN's weights and ceilings; where neurons approach an activation
    without levels (power-of-two messages) that one.

    Raises:
        ModelError: The neurons have neither form.
    """
    model = snn.copy()
    graph = model.graph
    for node, site in list(iter_sites(graph)):
        if isinstance(site, SpikingSite):
            swap(graph, node, site.activation() or _quantized(site))
    for node in calls(graph):
        if isinstance(module_of(graph, node), (Fold, Repeat, TimeMean, Steps)):
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
    outputs = results(graph)
    means = outputs[: len(outputs) // 2]
    output_of(graph).args = (means[0] if len(means) == 1 else means,)
    graph.delete_all_unused_submodules()
    graph.recompile()
    return typed(model)


def _quantized(site: SpikingSite) -> nn.Module:
    form = capabilities_of(site).collapse
    if isinstance(form, NoForm):
        raise ModelError(f"{form.reason}. Run the spiking network.")
    return form(site)


def default_levels(total_levels: int, timesteps: int) -> int:
    """Return L for a network quantized at N levels: N/T where it divides, else the next above."""
    require_positive_int("timesteps", timesteps)
    return -(-total_levels // timesteps)
