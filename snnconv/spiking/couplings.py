"""One network under several couplings: the same weights, ceilings and levels, whose neurons wait or do not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from snnconv.model import SNN, Model
from snnconv.neurons import Coupling, NoForm, SpikingSite, capabilities_of, reasons_against
from snnconv.spiking.plan import make_plan
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import of_one_frame, unroll

__all__ = ["Variant", "depth_of", "latency_of", "variants", "with_coupling"]

WAITS = (
    "Each layer waits for its whole window: step t of the output comes after depth x T steps of the layers before it."
)
STREAMS = "All layers run at once, step by step: step t of the output comes at step t."
TAKES_BACK = f"{STREAMS} What was told too early is taken back, so that the answer gets better with every step."


@dataclass(frozen=True)
class Variant:
    """A network under one coupling.

    Attributes:
        coupling: The coupling.
        model: The network, or None where it cannot be.
        note: Sentences that a reader of its figures should know, or the reason why it cannot be.
    """

    coupling: Coupling
    model: Model | None
    note: str


def variants(model: Model) -> tuple[Variant, ...]:
    """Return the network itself, and what it would be under the other couplings; nothing of a network without time."""
    if not isinstance(model, SNN):
        return ()
    others = (Coupling.MEAN, Coupling.CAUSAL, Coupling.DIFFERENTIAL)
    itself = Variant(model.coupling, model, _timing(model.coupling))
    return (itself, *(_other(model, coupling) for coupling in others if coupling is not model.coupling))


def _timing(coupling: Coupling) -> str:
    """Return a sentence on when the output comes."""
    if coupling is Coupling.DIFFERENTIAL:
        return TAKES_BACK
    return STREAMS if coupling.streams else WAITS


def _other(model: Model, coupling: Coupling) -> Variant:
    sites = [site for _, site in iter_sites(model.graph)]
    if reasons := reasons_against(sites, "other_coupling"):
        return Variant(coupling, None, f"{reasons[0][0].upper()}{reasons[0][1:]}.")
    if model.timesteps == 1:
        return Variant(coupling, None, "Of one step all couplings are the same.")
    unsupported = make_plan(of_one_frame(model), coupling).unsupported
    if unsupported:
        more = f" and {len(unsupported) - 1} more" if len(unsupported) > 1 else ""
        first = unsupported[0]
        return Variant(coupling, None, f"Not possible: {first.operator} {first.name} would have to wait{more}.")
    note = _timing(coupling)
    if model.coupling is Coupling.LEARNED:
        note += " Learned coupling and leak are left out."
    else:
        note += f" Weights and ceilings are as the {model.coupling} network has them, not calibrated for this."
    return Variant(coupling, with_coupling(model, coupling), note)


def with_coupling(model: Model, coupling: Coupling) -> Model:
    """Return a copy of an SNN of multi-threshold neurons under another coupling; nothing else differs.

    Args:
        model: Network of M-HT, LM-HT or bipolar neurons; of a learned coupling the copy has no ω and leak.
        coupling: Mean, causal, or differential (code uniform). Initial potentials are kept where it is causal.
    """
    sites = {str(node.target): site for node, site in iter_sites(model.graph)}

    def neuron(node: fx.Node, _: nn.Module) -> SpikingSite:
        site = sites[str(node.target)]
        form = capabilities_of(site).other_coupling
        assert not isinstance(form, NoForm)
        return form(site, coupling)

    return unroll(of_one_frame(model), neuron)


def depth_of(graph: fx.GraphModule) -> int:
    """Return how many sites the longest way through a network passes."""
    sites = {node for node, _ in iter_sites(graph)}
    depth: dict[fx.Node, int] = {}
    for node in graph.graph.nodes:
        depth[node] = max((depth[before] for before in node.all_input_nodes), default=0) + (node in sites)
    return max(depth.values())


def latency_of(model: Model) -> int | None:
    """Return the time steps until the answer is out: T, or depth times T where each layer waits for its window."""
    if model.timesteps is None:
        return None
    streams = model.coupling is not None and model.coupling.streams
    return model.timesteps * (1 if streams else depth_of(model.graph))
