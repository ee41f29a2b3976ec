"""What a spiking network costs, as ratios to its ANN: inference and a training step, beside SpikingJelly's.

    pip install -e '.[bench]'
    python -m benchmarks.run [--only cifar imagenet training] [--output benchmarks/results/speed.json]

The same networks, weights and inputs, in one process. All contenders take turns, once a round; a ratio is taken within
its round, and the median over the rounds is shown with the quartiles. ANN is the original network as its author runs
it: plain PyTorch, batch-norm in place. A step-by-step network counts by time step: its time over T times the ANN's.
"Its convolutions" are the network's convolutions and linear layers alone, batch-norm folded, channels last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from benchmarks.environment import environment

STEPS = (1, 4, 8, 32)
DIFFERENTIAL_STEPS = (4, 8)
TRAINED_STEPS, TRAINED_BATCH = 4, 32
LEVELS = 4
ROUNDS = 9
BATCH = {"cifar": 16, "imagenet": 4}
SHAPE = {"cifar": (3, 32, 32), "imagenet": (3, 224, 224)}
TRAINING = {"training": True, "training, memory given back": False}  # whether all keep large blocks, as `fit` does
Contenders = dict[str, tuple[Callable[[], Any], int]]  # what is run, and T


def network(case: str) -> nn.Module:
    """ResNet-18 with random weights."""
    from torchvision.models import resnet18

    from snnconv.networks import NETWORKS

    torch.manual_seed(0)
    return NETWORKS["resnet18"](3, 10) if case == "cifar" else resnet18()


def inputs_of_convolutions(graph: nn.Module, x: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """Every convolution and linear layer of a graph, with a copy of its input there."""
    from snnconv.graph.linear import LINEAR

    given: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        given.append((module, inputs[0].detach().clone().requires_grad_(inputs[0].requires_grad)))

    handles = [module.register_forward_pre_hook(keep) for module in graph.modules() if isinstance(module, LINEAR)]
    graph(x)
    for handle in handles:
        handle.remove()
    return given


def convolutions_alone(model: Any, x: Tensor) -> Callable[[], None]:
    """Run every convolution and linear layer of a graph, and nothing else."""
    given = inputs_of_convolutions(model.graph, x)

    def run() -> None:
        for module, kept in given:
            module(kept)

    return run


def convolutions_trained(graph: nn.Module, x: Tensor) -> Callable[[], None]:
    """Forward and backward of every convolution and linear layer of a graph, and nothing else."""
    given = [(module, kept, torch.randn_like(module(kept))) for module, kept in inputs_of_convolutions(graph, x)]

    def run() -> None:
        for module, kept, upstream in given:
            module(kept).backward(upstream)
            module.zero_grad()
            kept.grad = None

    return run


def inference(case: str) -> Contenders:
    """The contenders of inference."""
    import snnconv
    from snnconv.runtime.inference import batch_that_fits, for_inference
    from snnconv.spiking.unrolling import collapse

    module = network(case).eval()
    x = torch.randn(BATCH[case], *SHAPE[case])
    ann = snnconv.load(module, size=SHAPE[case][1])

    def split(model: Any) -> Callable[[], None]:  # as `snnconv.evaluate` does
        parts = torch.split(x, batch_that_fits(model))

        def run() -> None:
            for part in parts:
                model.graph(part)

        return run

    found: Contenders = {"ANN": (lambda: module(x), 1)}
    fast = for_inference(ann)
    found["ANN, folded, channels last"] = (lambda: fast.graph(x), 1)
    found["its convolutions"] = (convolutions_alone(fast, x), 1)
    for timesteps in STEPS:
        snn = snnconv.convert(ann, timesteps=timesteps, levels=LEVELS, calibration="max", calibration_data=x)
        if timesteps == TRAINED_STEPS:
            found["ours, collapsed"] = (split(for_inference(collapse(snn))), 1)
        found[f"ours, T={timesteps}"] = (split(for_inference(snn)), timesteps)
    for timesteps in DIFFERENTIAL_STEPS:
        found[f"ours, differential, T={timesteps}"] = (split(for_inference(differential(ann, x, timesteps))), timesteps)
    if find_spec("spikingjelly"):
        found |= peer_inference(ann, x)
    return found


def differential(ann: Any, x: Tensor, timesteps: int) -> Any:
    """The network of differential coupling, code power-of-two."""
    import snnconv

    return snnconv.convert(ann, timesteps=timesteps, coupling="differential", calibration_data=x)


def peer_inference(ann: Any, x: Tensor) -> Contenders:
    """SpikingJelly's rate coding, step by step."""
    from spikingjelly.activation_based import ann2snn, functional

    from benchmarks.plain import plain

    snn = ann2snn.Converter(ann2snn.RateCodingRecipe(dataloader=[x], mode="Max")).convert(plain(ann.copy().graph))

    def run(timesteps: int) -> Tensor:
        functional.reset_net(snn)
        out = snn(x)
        for _ in range(timesteps - 1):
            out = out + snn(x)
        return out

    return {f"SpikingJelly, T={steps}": (lambda steps=steps: run(steps), steps) for steps in STEPS}


def in_onnxruntime(case: str) -> Contenders:
    """The contenders in onnxruntime: the ANN there is plain, its batch-norms folded by onnxruntime itself."""
    import onnxruntime

    import snnconv
    from snnconv.formats.onnx import to_int8, to_onnx
    from snnconv.spiking.unrolling import collapse

    x = torch.randn(BATCH[case], *SHAPE[case])
    ann = snnconv.load(network(case).eval(), size=SHAPE[case][1])
    snn = snnconv.convert(ann, timesteps=TRAINED_STEPS, levels=LEVELS, calibration="max", calibration_data=x)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()

    def run(proto: Any) -> Callable[[], Any]:
        content = proto.SerializeToString()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: x.numpy()}
        return lambda: session.run(None, given)

    return {
        "ANN": (run(to_onnx(ann)), 1),
        "ours, collapsed": (run(to_onnx(collapse(snn))), 1),
        "ours, collapsed, int8": (run(to_int8(snn)), 1),
        f"ours, T={TRAINED_STEPS}": (run(to_onnx(snn)), TRAINED_STEPS),
        f"ours, T={TRAINED_STEPS}, int8": (run(to_int8(snn, stepped=True)), TRAINED_STEPS),
        f"ours, differential, T={TRAINED_STEPS}": (run(to_onnx(differential(ann, x, TRAINED_STEPS))), TRAINED_STEPS),
    }


def training() -> Contenders:
    """The contenders of a training step: forward, backward and SGD."""
    from snnconv.finetune import spiking_network
    from snnconv.loading import load_module
    from snnconv.neurons import NeuronSettings

    x, y = torch.randn(TRAINED_BATCH, *SHAPE["cifar"]), torch.randint(0, 10, (TRAINED_BATCH,))
    ann = network("cifar")
    networks: dict[str, tuple[Any, Tensor, int]] = {"ANN": (ann, x, 1)}
    last, loaded = x.contiguous(memory_format=torch.channels_last), load_module(ann, SHAPE["cifar"])
    for kind in ("lmht", "lif"):
        snn = spiking_network(loaded, NeuronSettings(kind, timesteps=TRAINED_STEPS)).graph
        snn.train().to(memory_format=torch.channels_last)
        networks[f"ours, {kind}"] = (snn, last, TRAINED_STEPS)
    alone = convolutions_trained(networks["ours, lmht"][0], last)
    if find_spec("spikingjelly"):
        networks |= peer_training(x)

    def step(module: nn.Module, given: Tensor, optimizer: torch.optim.Optimizer) -> None:
        out = module(given)
        out = out[0] if isinstance(out, tuple) else out
        F.cross_entropy(out.mean(0) if out.dim() == 3 else out, y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    found: Contenders = {"its convolutions": (alone, TRAINED_STEPS)}
    for name, (module, given, timesteps) in networks.items():
        module.train()
        optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
        if name.startswith("SpikingJelly"):
            module = ResetFirst(module)
        found[name] = (lambda m=module, g=given, o=optimizer: step(m, g, o), timesteps)
    return found


def peer_training(x: Tensor) -> dict[str, tuple[nn.Module, Tensor, int]]:
    """SpikingJelly's own ResNet-18 with the stem of the CIFAR network, multi-step."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate
    from spikingjelly.activation_based.model import spiking_resnet

    found: dict[str, tuple[nn.Module, Tensor, int]] = {}
    repeated = x.expand(TRAINED_STEPS, *x.shape)
    for name, kind in (("LIF", neuron.LIFNode), ("IF", neuron.IFNode)):
        module = spiking_resnet.spiking_resnet18(
            num_classes=10, spiking_neuron=kind, surrogate_function=surrogate.ATan(), detach_reset=True
        )
        module.conv1 = layer.Conv2d(3, 64, 3, padding=1, bias=False)
        module.maxpool = layer.SeqToANNContainer(nn.Identity())
        functional.set_step_mode(module, "m")
        found[f"SpikingJelly, {name}"] = (module, repeated, TRAINED_STEPS)
    return found


class ResetFirst(nn.Module):
    """Resets every potential before each pass."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        from spikingjelly.activation_based import functional

        functional.reset_net(self.network)
        out: Tensor = self.network(x)
        return out


def measured(
    contenders: Contenders, rounds: int, what: str, synchronize: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """One row a contender; `synchronize` waits for a device."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in track(range(rounds + 1), what):
        for name, (run, _) in contenders.items():
            start = time.perf_counter()
            run()
            synchronize()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    rows = []
    for name, (_, timesteps) in contenders.items():
        ratios = [own / (timesteps * ann) for own, ann in zip(seconds[name], seconds["ANN"], strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        rows.append(
            {
                "contender": name,
                "timesteps": timesteps,
                "seconds": statistics.median(seconds[name]),
                "ratio": median,
                "quartiles": [low, high],
            }
        )
        print(f"{what}: {name}: {rows[-1]['seconds']:.4f} s, {median:.2f} x ({low:.2f} to {high:.2f})", flush=True)
    return rows


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("cifar", "imagenet", "cifar in onnxruntime", "imagenet in onnxruntime", *TRAINING)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    from snnconv.finetune.allocation import blocks_kept

    torch.set_num_threads(given.threads)
    results = {}
    for part in given.only:
        if part in TRAINING:
            with blocks_kept(torch.device("cpu")) if TRAINING[part] else nullcontext():
                results[part] = measured(training(), given.rounds, part)
            continue
        case, _, runtime = part.partition(" in ")
        with torch.inference_mode():
            results[part] = measured(in_onnxruntime(case) if runtime else inference(case), given.rounds, part)
    if given.output:
        settings = {"threads": given.threads, "rounds": given.rounds, "batch": BATCH, "levels": LEVELS}
        report = {"environment": environment(), "settings": settings, "results": results}
        given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
