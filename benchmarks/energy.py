"""Synaptic operations and multiply-accumulates beside neurobench's, on the same networks and images.

    python -m benchmarks.energy ../shared --output benchmarks/results/energy.json

neurobench (extra `bench`) watches what convolutions and linear layers receive: it counts the elements that are not 0
and the weights that are not 0 which meet, as ACs where all elements of a call are 0, 1 or -1, else as MACs. Our neurons
emit currents θ·s; neurobench is shown s in their place, except where the case says that it is not.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

TIMESTEPS, IMAGES = 4, 16


class Shown(nn.Module):
    """A layer, and a copy of it that receives unit spikes in the place of currents, for others to watch."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self._layer = (layer,)  # no child, so that nobody watches what it receives
        self.watched = layer

    def forward(self, currents: Tensor) -> Tensor:
        """Currents to the layer's output."""
        layer, *_ = self._layer
        self.watched((currents != 0).to(currents.dtype))
        return layer.forward(currents)


def name_of(node: fx.Node) -> str:
    """Its name in the ONNX file."""
    return str(node.meta["onnx_name"])


def linear_layers(graph: fx.GraphModule) -> dict[fx.Node, nn.Module]:
    """Convolutions and linear layers."""
    from snnconv.graph.access import calls, module_of
    from snnconv.graph.linear import LINEAR

    found = {node: module_of(graph, node) for node in calls(graph)}
    return {node: layer for node, layer in found.items() if isinstance(layer, LINEAR)}


def show_spikes(graph: fx.GraphModule) -> None:
    """Put `Shown` around every layer that receives the output of one site of neurons, only moved."""
    from snnconv.graph.access import module_of, operands
    from snnconv.neurons import SpikingSite

    for node, layer in linear_layers(graph).items():
        source = operands(node)[0]
        while source.op == "call_module" and _moves(module_of(graph, source)):
            source = operands(source)[0]
        if source.op == "call_module" and isinstance(module_of(graph, source), SpikingSite):
            graph.set_submodule(str(node.target), Shown(layer))


def _moves(module: nn.Module) -> bool:
    """Whether a module computes nothing, whatever it moves."""
    from snnconv.graph.operator import FREE, find_operator

    operator = find_operator(module)
    return operator is not None and operator.cost is FREE


def by_neurobench(graph: fx.GraphModule, x: Tensor, layers: dict[str, nn.Module]) -> dict[str, dict[str, float]]:
    """Its `SynapticOperations` of each layer, for one image of `x`."""
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    model = TorchModel(graph)
    model.register_hooks()
    with torch.no_grad():
        model(x)
    names = {id(layer): name for name, layer in layers.items()}
    hooks, found = list(model.connection_hooks), {}
    for hook in hooks:
        model.connection_hooks = [hook]
        with torch.no_grad():
            found[names[id(hook.layer)]] = SynapticOperations()(model, None, (x,))
    model.connection_hooks = hooks
    model.cleanup_hooks()
    return found


def unpadded_macs(graph: fx.GraphModule) -> dict[str, float]:
    """Of each layer the multiply-accumulates of one image and step that meet no padding."""
    from snnconv.costs.operators import fan_out
    from snnconv.graph.access import operands

    shapes = {node: torch.Size([1, *operands(node)[0].meta["shape"]]) for node in linear_layers(graph)}
    return {
        name_of(node): float(fan_out(layer, shapes[node]).expand(shapes[node]).sum())
        for node, layer in linear_layers(graph).items()
    }


def compare(name: str, snn: Any, x: Tensor, *, spikes_shown: bool = True) -> dict[str, Any]:
    """One row: both counts of a spiking network, whole and layer by layer."""
    from snnconv.costs.activity import measure

    model = snn.copy()
    graph = model.graph.double().eval()
    x = x.double()
    ours = {layer.name: layer for layer in measure(graph, [x], timesteps=snn.timesteps).layers}
    unpadded = unpadded_macs(graph)
    layers = {name_of(node): layer for node, layer in linear_layers(graph).items()}
    if spikes_shown:
        show_spikes(graph)
    theirs = by_neurobench(graph, x, layers)
    rows = [
        {
            "layer": layer,
            "synops": ours[layer].synops_per_image,
            "macs": ours[layer].macs_per_image,
            "macs_without_padding": unpadded[layer] if ours[layer].macs_per_image else 0.0,
            "effective_acs": counted["Effective_ACs"],
            "effective_macs": counted["Effective_MACs"],
        }
        for layer, counted in theirs.items()
    ]
    figures = [key for key in rows[0] if key != "layer"]
    same = [
        abs(row["synops"] - row["effective_acs"]) < 1e-6
        and abs(row["macs_without_padding"] - row["effective_macs"]) < 1e-6
        for row in rows
    ]
    return {
        "case": name,
        "timesteps": snn.timesteps,
        "levels": snn.levels,
        **{key: sum(row[key] for row in rows) for key in figures},
        "layers": len(rows),
        "layers_that_agree": sum(same),
        "by_layer": rows,
    }


def small(padding: int, *, pool: bool = False) -> nn.Module:
    """3 x 16 x 16 to ten classes, of random weights."""
    torch.manual_seed(0)
    side = 14 + 2 * padding
    side = (side + 2 * padding - 3) // 2 + 1
    end: list[nn.Module] = [nn.AvgPool2d(2)] if pool else []
    side //= 2 if pool else 1
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=padding),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=padding, groups=2),
        nn.ReLU(),
        *end,
        nn.Flatten(),
        nn.Linear(16 * side * side, 10),
    )


def main() -> None:
    """One line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()

    import snnconv
    from snnconv.loading import load_module

    images = torch.rand(IMAGES, 3, 16, 16, generator=torch.Generator().manual_seed(1)) + 0.05
    black = images.clone()
    black[:, :, :4] = 0.0

    def spiking(module: nn.Module, levels: int = 1) -> Any:
        ann = load_module(module, (3, 16, 16))
        options = {"timesteps": TIMESTEPS, "levels": levels, "coupling": "causal", "calibration": "mse"}
        return snnconv.convert(ann, calibration_data=images, **options)

    bare, padded = spiking(small(0)), spiking(small(1))
    rows = [
        compare("no padding", bare, images),
        compare("padding", padded, images),
        compare("black pixels", bare, black),
        compare("average pooling", spiking(small(0, pool=True)), images),
        compare("L = 2", spiking(small(0), levels=2), images, spikes_shown=False),
        compare("currents shown", bare, images, spikes_shown=False),
    ]
    ann = snnconv.load(given.shared / "models" / "cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    data = snnconv.open_data(test(given.shared), ann.input, purpose="eval")
    x, _ = next(data.batches(IMAGES))
    snn = snnconv.convert(
        ann, timesteps=8, levels=1, coupling="causal", calibration="bias", calibration_data=training(given.shared, 1024)
    )
    rows.append(compare("ResNet-20, CIFAR-10", snn, x))
    for row in rows:
        print(json.dumps({key: value for key, value in row.items() if key != "by_layer"}), flush=True)
    if given.output:
        found = {"environment": environment() | {"neurobench": version("neurobench")}, "images": IMAGES, "rows": rows}
        given.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
