r"""Multi-threshold neurons become single-threshold ones: L levels in each of T steps, one level in each of L·T steps.

    θ = λ/L, T steps, v_0 = v·θ      ->      θ = λ, L·T steps, v_0 = v·λ, each input current repeated L times

(LM-HT, Hao et al., NeurIPS 2024, Lemma 4.1.) For a constant current both fire the same number of spikes. Neurons behind
others see uneven spikes, between which nothing averages here: the network is run as it is, and differs.
"""

from __future__ import annotations

from torch import fx, nn

from snnconv.errors import ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.node import Refusal
from snnconv.model import SNN, Model
from snnconv.neurons import Coupling, NoForm, SpikingSite, capabilities_of
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse, unroll

__all__ = ["single_threshold", "why_not_single"]


def why_not_single(site: SpikingSite) -> str | None:
    """Return why a layer of neurons is not written with one threshold; None where it is."""
    form = capabilities_of(site).single_threshold
    if site.coupling is Coupling.MEAN:
        return "under mean coupling its neurons wait for the mean of their window: convert with --coupling causal"
    if isinstance(form, NoForm):
        return form.reason
    if site.signed:
        return "its neurons fire negative spikes too: use a network of rectifiers (ReLU, ReLU6)"
    try:
        form(site, site.total_levels)
    except Refusal as reason:
        return str(reason)
    return None


def single_threshold(snn: Model) -> Model:
    """Return a causally coupled SNN whose neurons fire one level a step, in T' = L·T steps.

    Where sites have several L, all run for as many steps as the one of the most levels needs.

    Args:
        snn: causally coupled; it is not changed, and returned as a copy where it has one level already.

    Raises:
        ModelError: it is no SNN, or takes frames, which would each have to be shown L times.
        UnsupportedOperatorsError: sites that have no such form, all of them.
    """
    if not isinstance(snn, SNN):
        raise ModelError(f"Only an SNN has neurons; this network is at the stage {snn.stage.value}: convert it first.")
    sites = {str(node.target): site for node, site in iter_sites(snn.graph) if isinstance(site, SpikingSite)}
    refused = [
        UnsupportedNode(name, capabilities_of(site).written_as, reason)
        for name, site in sites.items()
        if (reason := why_not_single(site)) is not None
    ]
    if refused:
        raise UnsupportedOperatorsError("The network has neurons without a form of one threshold a step", refused)
    if snn.levels == 1:
        return snn.copy()
    if snn.input.timesteps is not None:
        raise ModelError(
            f"The network takes frames and fires L={snn.levels} levels a step: with one threshold each frame would be "
            "shown L times. Train it with --levels 1."
        )
    steps = snn.levels * snn.timesteps

    def neuron(node: fx.Node, _: nn.Module) -> SpikingSite:
        site = sites[str(node.target)]
        form = capabilities_of(site).single_threshold
        assert not isinstance(form, NoForm)
        return form(site, steps)

    return unroll(collapse(snn), neuron)
