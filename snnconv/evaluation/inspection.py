"""List the layers and sites of a network, and tell if it converts, without running it on data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import fx, nn

from snnconv.errors import InvalidValueError
from snnconv.graph.access import display_name, module_of, operands
from snnconv.graph.linear import LINEAR
from snnconv.graph.modules import SignalSite
from snnconv.graph.operator import NoForm, operator_of
from snnconv.graph.passes import role_of
from snnconv.graph.products import ConstantMatMul, MatMul
from snnconv.loading import ModelLike, load
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import Code, Coupling, Site, SpikingSite
from snnconv.spiking.plan import Plan, make_plan, operator_name, prepare
from snnconv.spiking.signals import origin_of
from snnconv.spiking.site_labels import site_labels
from snnconv.spiking.sites import in_words, iter_sites, total_levels_of

__all__ = ["Inspection", "LayerInfo", "SiteInfo", "inspect"]

LAYERS = (*LINEAR, MatMul, ConstantMatMul, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)


@dataclass(frozen=True)
class LayerInfo:
    """A convolution, a linear layer, a product of matrices, or a norm that is computed anew for each input.

    Attributes:
        name: Name of its node in the ONNX file.
        operator: Name of its operator.
        shape: Axes of the output for one image.
        parameters: Number of parameters.
        macs: Multiply-accumulates for one image.
        role: Role in a larger operator, as "attention scores"; None where there is none.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    role: str | None = None


@dataclass(frozen=True)
class SiteInfo:
    """A place of neurons: an activation, or what linear operators and products read.

    Attributes:
        name: Name of its node in the ONNX file.
        operator: Name of the operator whose output neurons fire.
        shape: Axes of the output for one image.
        ceilings: Number of ceilings; 0 where it is not quantized.
        total_levels: N = L*T; None where it is not quantized, and of power-of-two messages.
        octaves: K, sizes of a message, of neurons of power-of-two messages; else None.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    ceilings: int
    total_levels: int | None
    octaves: int | None = None


@dataclass(frozen=True)
class Inspection:
    """The layers and sites of a network, and a plan of its conversion.

    Attributes:
        model: Network that was inspected.
        layers: Layers that multiply, in the order of execution.
        sites: Places of neurons, in the order of execution.
        plan: Plan of its conversion; of a spiking network its sites alone.
        labels: Short names of the sites, no two of them the same.
    """

    model: Model
    layers: tuple[LayerInfo, ...]
    sites: tuple[SiteInfo, ...]
    plan: Plan
    labels: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Return a sentence that tells if the network converts."""
        if isinstance(self.model, SNN):
            frames = self.model.input.timesteps
            return (
                f"It is a spiking network: T={self.model.timesteps}, {self._sizes(self.model)}, "
                f"{self.model.coupling.value} coupling"
                f"{'' if self.model.code is None else f' ({self.model.code.value} code)'}"
                f"{'' if frames is None else f'; its input changes over time, one of {frames} frames a step'}."
            )
        if self.model.input.timesteps is not None:
            return (
                f"It does not convert: its data change over time ({self.model.input.timesteps} frames a sample). Train "
                "a spiking network of its layers on such data."
            )
        if self.plan.convertible:
            trained = isinstance(self.model, QuantizedANN)
            return f"It converts{', with trained ceilings' if trained else '; its ceilings need calibration data'}."
        return "It does not convert: " + (
            "the nodes above stand in the way."
            if self.plan.unsupported
            else "it has no activation that could become a neuron."
        )

    def _sizes(self, model: SNN) -> str:
        """Return K of a spiking network's power-of-two messages, else its L, in words."""
        if model.code is Code.POWER_OF_TWO:
            return f"K={in_words(site.octaves for site in self.sites if site.octaves is not None)}"
        neurons = (site for _, site in iter_sites(model.graph))
        return f"L={in_words(site.levels for site in neurons if isinstance(site, SpikingSite))}"

    def to_dict(self) -> dict[str, Any]:
        """Return all of it JSON-ready."""
        model = self.model
        return {
            "stage": model.stage.value,
            "input_shape": list(model.input.sample_shape()),
            "layout": model.input.layout,
            "input": model.input.to_dict(),
            "outputs": list(model.outputs),
            "timesteps": model.timesteps,
            "levels": None if model.code is Code.POWER_OF_TWO else model.levels,
            "coupling": model.coupling.value if model.coupling else None,
            "code": model.code.value if model.code else None,
            "octaves": model.octaves,
            "parameters": sum(parameter.numel() for parameter in model.graph.parameters()),
            "macs": sum(layer.macs for layer in self.layers),
            "layers": [asdict(layer) for layer in self.layers],
            "sites": [asdict(site) for site in self.sites],
            "on_means": list(self.plan.on_means),
            "unsupported": [asdict(node) for node in self.plan.unsupported],
            "convertible": self.plan.convertible and not isinstance(model, SNN) and model.input.timesteps is None,
            "verdict": self.verdict,
            "provenance": model.provenance,
        }


def inspect(model: ModelLike, coupling: Coupling | str = Coupling.MEAN) -> Inspection:
    """List a network's layers, sites and obstacles.

    Args:
        model: Network of any stage, in any form that `load` takes; it is not changed.
        coupling: Coupling of the conversion that is planned: "mean", "causal" or "differential".

    Raises:
        InvalidValueError: The coupling is neither.
        SnnconvError: The network cannot be loaded.
    """
    if coupling not in (Coupling.MEAN, Coupling.CAUSAL, Coupling.DIFFERENTIAL):
        raise InvalidValueError(f"coupling is {coupling!r}: it must be 'mean', 'causal' or 'differential'.")
    model, coupling = load(model), Coupling(coupling)
    graph = model.graph
    layers = tuple(
        _layer(node, module_of(graph, node))
        for node in graph.graph.nodes
        if node.op == "call_module" and isinstance(module_of(graph, node), LAYERS)
    )
    if isinstance(model, SNN):
        sites = _sites(graph)
        plan = Plan(tuple(site.name for site in sites), (), ())
        return Inspection(model, layers, sites, plan, site_labels(graph))
    prepared = prepare(model)
    plan = make_plan(prepared, coupling)
    return Inspection(model, layers, _sites(prepared.graph), plan, site_labels(prepared.graph))


def _sites(graph: fx.GraphModule) -> tuple[SiteInfo, ...]:
    return tuple(
        SiteInfo(
            display_name(node),
            operator_name(_fired(graph, node)),
            tuple(node.meta["shape"]),
            site.ceiling.numel() if isinstance(site, Site) else 0,
            total_levels_of(site),
            site.octaves if isinstance(site, SpikingSite) else None,
        )
        for node, site in iter_sites(graph)
    )


def _fired(graph: fx.GraphModule, node: fx.Node) -> nn.Module:
    """Return the operator whose output the neurons of a site fire: their own where they take its place."""
    site = module_of(graph, node)
    origin = origin_of(graph, operands(node)[0]) if isinstance(site, SignalSite) else node
    return module_of(graph, origin) if origin.op == "call_module" else site


def _layer(node: fx.Node, module: nn.Module) -> LayerInfo:
    shapes = [(1, *source.meta["shape"]) for source in operands(node)]
    cost = operator_of(module).cost
    return LayerInfo(
        display_name(node),
        operator_name(module),
        tuple(node.meta["shape"]),
        sum(parameter.numel() for parameter in module.parameters()),
        0 if isinstance(cost, NoForm) else cost.work(module, shapes, math.prod(node.meta["shape"])).macs,
        role_of(node),
    )
