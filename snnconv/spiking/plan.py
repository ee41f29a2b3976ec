"""The plan of a conversion, made before any work: the fate of each node, and every obstacle."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from snnconv.errors import ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.access import calls, display_name, module_of
from snnconv.graph.linear import LINEAR
from snnconv.graph.modules import Arithmetic
from snnconv.graph.passes import MERGE, SIMPLIFY, run_passes
from snnconv.model import Model
from snnconv.neurons import Coupling, Site, SpikingSite, capabilities_of
from snnconv.spiking.pooling import pool_before_sites
from snnconv.spiking.signals import place_reads, place_signals
from snnconv.spiking.sites import is_site, iter_sites
from snnconv.spiking.temporal import analyse, leads_to_site

__all__ = ["Plan", "make_plan", "nonlinear_operators", "operator_name", "prepare"]


@dataclass(frozen=True)
class Plan:
    """The fate of a network's nodes.

    Attributes:
        sites: Names of the activations that become neurons.
        on_means: Names of operators that are computed once, on the time mean of their input.
        unsupported: Nodes that stand in the way.
    """

    sites: tuple[str, ...]
    on_means: tuple[str, ...]
    unsupported: tuple[UnsupportedNode, ...]

    @property
    def convertible(self) -> bool:
        """True where nothing stands in the way and there is something to convert."""
        return bool(self.sites) and not self.unsupported

    def require(self) -> None:
        """Refuse a network that cannot be converted, with all obstacles at once.

        Raises:
            UnsupportedOperatorsError: Nodes cannot be converted.
            ModelError: The network has no activation that could become a neuron.
        """
        if self.unsupported:
            raise UnsupportedOperatorsError("Nodes that cannot be converted", self.unsupported)
        if not self.sites:
            raise ModelError(
                "The network has no activation that could become a neuron (ReLU, GELU, SiLU, hard-swish, ...), and no "
                "norm or attention before a linear operator: there is nothing to convert."
            )


def prepare(model: Model, *, merge_linear: bool = False) -> Model:
    """Return a copy with batch-norm folded and max-pooling moved before the activations; its outputs are the same.

    Args:
        model: Network of any stage before SNN.
        merge_linear: True to make one of linear operators in a row, and of parallel ones, where that costs no more.
    """
    prepared = model.copy()
    while merge_linear and run_passes(prepared.graph, MERGE):
        pass
    run_passes(prepared.graph, (*SIMPLIFY, place_signals, place_reads, pool_before_sites))
    return prepared


def make_plan(model: Model, coupling: Coupling = Coupling.MEAN) -> Plan:
    """Plan a conversion.

    Args:
        model: ANN or quantized ANN, as `prepare` returns it.
        coupling: Coupling of the spiking network.
    """
    graph = model.graph
    timing = analyse(graph, coupling, frames=model.input.timesteps is not None)
    ahead = leads_to_site(graph)
    unsupported = []
    for node in calls(graph):
        if node in ahead:
            reason = _obstacle(module_of(graph, node), node in timing.on_means, coupling)
            if reason:
                unsupported.append(UnsupportedNode(display_name(node), operator_name(module_of(graph, node)), reason))
    return Plan(
        tuple(display_name(node) for node, _ in iter_sites(graph)),
        tuple(display_name(node) for node in calls(graph) if node in timing.on_means),
        tuple(unsupported),
    )


def _obstacle(module: nn.Module, on_means: bool, coupling: Coupling) -> str | None:
    """Return why a node with a site behind it cannot be converted; None where it can."""
    if is_site(module):
        return None
    if on_means and coupling is Coupling.CAUSAL:
        return (
            "it is not linear in its spikes and would have to wait for the whole window; use --coupling "
            "differential, which streams everything, or mean"
        )
    return None


_OPERATORS = {
    "SignalSite": "Signal",
    "LeakyReLU": "LeakyRelu",
    "ParametricReLU": "PRelu",
    "Hardtanh": "Clip",
    "ReLU6": "Clip",
    "ReLU": "Relu",
}


def nonlinear_operators(graph: fx.GraphModule) -> dict[str, str]:
    """Return the operator of every node that is neither linear nor a site, by the node's name in the user's file.

    The neurons that are put behind an operator share its name.
    """
    modules = ((node, module_of(graph, node)) for node in calls(graph))
    return {
        display_name(node): operator_name(module) for node, module in modules if not isinstance(module, (*LINEAR, Site))
    }


def operator_name(module: nn.Module) -> str:
    """Return the name of an operator in the user's file, as far as it has a name there."""
    if isinstance(module, Arithmetic):
        return module.operator.capitalize()
    kind = capabilities_of(module).written_as if isinstance(module, SpikingSite) else type(module).__name__
    return _OPERATORS.get(kind, kind)
