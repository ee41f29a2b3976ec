"""What a spiking network costs on a GPU, as ratios to its ANN, in float32 and bfloat16, beside SpikingJelly's.

    pip install -e '.[bench]'
    python -m benchmarks.accelerator [--batch 128] [--output benchmarks/results/accelerator.json]

As benchmarks/run.py: contenders take turns, and a ratio is taken within its round. Everyone convolves as torch does by
itself (TF32 in float32, cuDNN's quickest algorithm); in bfloat16 everyone runs under autocast. SpikingJelly's neurons
run with each of its implementations that is there: torch and triton of the package itself, cuda where it was built.
The share of the neurons is the time of their kernels in all kernels' time of one training step.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.environment import environment
from benchmarks.run import LEVELS, SHAPE, STEPS, TRAINED_STEPS, Contenders, ResetFirst, measured, network, peer_training

ROUNDS = 9
LARGEST = 2**30  # elements of one activation; more is run in parts
OURS = ("multithreshold_", "leaky_")  # our kernels' names


def autocast(short: bool) -> torch.autocast:
    """Bfloat16, or nothing."""
    return torch.autocast("cuda", dtype=torch.bfloat16, enabled=short)


@contextmanager
def implementation(name: str) -> Iterator[None]:
    """SpikingJelly's choice of kernels, which it takes from the environment when it is imported."""
    from spikingjelly._ops import if_, lif

    for module in (if_, lif):
        module._selection._requested = name
        module._selection._selections.clear()
    yield


def implementations() -> list[str]:
    """Those of SpikingJelly that run here."""
    from spikingjelly.activation_based import neuron

    found = []
    for name in ("torch", "triton", "cuda"):
        try:
            with implementation(name):
                neuron.IFNode(step_mode="m")(torch.rand(2, 3, device="cuda"))
                neuron.LIFNode(step_mode="m")(torch.rand(2, 3, device="cuda"))
            found.append(name)
        except Exception as error:
            print(f"SpikingJelly's implementation {name} is not here: {str(error)[:200]}", flush=True)
    return found


def inference(case: str, batch: int, short: bool, peers: list[str]) -> Contenders:
    """The contenders of inference."""
    import snnconv
    from snnconv.runtime.inference import for_inference
    from snnconv.spiking.unrolling import collapse

    module = network(case).eval()
    small = torch.randn(16, *SHAPE[case])
    x = torch.randn(batch, *SHAPE[case], device="cuda")
    ann = snnconv.load(module, size=SHAPE[case][1])
    largest = {"cifar": 64 * 32 * 32, "imagenet": 64 * 112 * 112}[case]
    found: Contenders = {}

    def fast(model: Any) -> nn.Module:  # moved first: on a CPU the form for inference is another
        model = model.copy()
        model.graph.cuda()
        graph: nn.Module = for_inference(model).graph
        return graph

    def add(name: str, graph: nn.Module, timesteps: int, steps: int) -> None:
        parts = torch.split(x, max(1, LARGEST // (largest * steps)))

        def run() -> None:
            with autocast(short):
                for part in parts:
                    graph(part)

        found[name] = (run, timesteps)

    add("ANN", module.cuda(), 1, 1)
    add("ANN, folded, channels last", fast(ann), 1, 1)
    for timesteps in STEPS:
        snn = snnconv.convert(ann, timesteps=timesteps, levels=LEVELS, calibration="max", calibration_data=small)
        if timesteps == TRAINED_STEPS:
            add("ours, collapsed", fast(collapse(snn)), 1, 1)
        add(f"ours, T={timesteps}", fast(snn), timesteps, timesteps)
    if peers:
        found |= peer_inference(ann, small, x, short)
    return found


def peer_inference(ann: Any, small: Tensor, x: Tensor, short: bool) -> Contenders:
    """SpikingJelly's rate coding, step by step, with the implementation that it chooses."""
    from spikingjelly.activation_based import ann2snn, functional

    from benchmarks.plain import plain

    recipe = ann2snn.RateCodingRecipe(dataloader=[small], mode="Max")
    snn = ann2snn.Converter(recipe).convert(plain(ann.copy().graph)).cuda()

    def run(timesteps: int) -> None:
        functional.reset_net(snn)
        with autocast(short), implementation("auto"):
            out = snn(x)
            for _ in range(timesteps - 1):
                out = out + snn(x)

    return {f"SpikingJelly, T={steps}": (lambda steps=steps: run(steps), steps) for steps in STEPS}


def training(batch: int, short: bool, peers: list[str]) -> tuple[Contenders, dict[str, float]]:
    """The contenders of a training step of the CIFAR network; and the share of the neurons in ours."""
    from snnconv.finetune import spiking_network
    from snnconv.loading import load_module
    from snnconv.neurons import NeuronSettings
    from snnconv.neurons.kernels import use_kernels

    x = torch.randn(batch, *SHAPE["cifar"], device="cuda")
    y = torch.randint(0, 10, (batch,), device="cuda")
    found: Contenders = {}
    shares: dict[str, float] = {}
    if short and "torch" in peers:  # in bfloat16 it takes torch's operators by itself, where it has nothing else
        peers = ["auto"]

    def add(name: str, module: nn.Module, given: Tensor, timesteps: int, context: Callable[[], Any]) -> None:
        module.cuda().train()
        optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)

        def step() -> None:
            with context():
                with autocast(short):
                    out = module(given)
                    out = out[0] if isinstance(out, tuple) else out
                    loss = F.cross_entropy((out.mean(0) if out.dim() == 3 else out).float(), y)
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()

        found[name] = (step, timesteps)

    ann = network("cifar")
    loaded = load_module(ann, SHAPE["cifar"])
    add("ANN", ann, x, 1, lambda: use_kernels("auto"))
    last = x.contiguous(memory_format=torch.channels_last)
    for kind in ("mht", "lmht", "if", "lif"):
        for kernels in ("triton", "eager"):
            snn = spiking_network(loaded, NeuronSettings(kind, timesteps=TRAINED_STEPS)).graph
            snn.to(memory_format=torch.channels_last)
            name = f"ours, {kind}, {kernels}"
            add(name, snn, last, TRAINED_STEPS, lambda kernels=kernels: use_kernels(kernels))
            if kernels == "triton":
                shares[name] = share(found[name][0])
    for name in peers:
        for kind, (module, repeated, _) in peer_training(x).items():
            add(
                f"{kind}, {name}",
                ResetFirst(module),
                repeated,
                TRAINED_STEPS,
                lambda name=name: implementation(name),
            )
    return found, shares


def share(step: Callable[[], Any]) -> float:
    """Of the neurons' kernels in the time of all kernels."""
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
        torch.cuda.synchronize()
    times = {event.key: event.self_device_time_total for event in profile.key_averages()}
    return sum(time for key, time in times.items() if key.startswith(OURS)) / sum(times.values())


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("cifar", "imagenet", "training"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("there is no CUDA device here.")
    torch.backends.cudnn.benchmark = True
    peers = implementations()
    results: dict[str, Any] = {}
    shares: dict[str, Any] = {}
    for short in (False, True):
        precision = "bfloat16" if short else "float32"
        for part in given.only or ("training", "cifar", "imagenet"):
            title = f"{part}, {precision}"
            if part == "training":
                contenders, shares[precision] = training(given.batch, short, peers)
                results[title] = measured(contenders, given.rounds, title, torch.cuda.synchronize)
                print(shares[precision], flush=True)
            else:
                with torch.inference_mode():
                    contenders = inference(part, given.batch, short, peers)
                    results[title] = measured(contenders, given.rounds, title, torch.cuda.synchronize)
            del contenders
            torch.cuda.empty_cache()
            if given.output:
                settings = {"batch": given.batch, "rounds": given.rounds, "levels": LEVELS, "peers": peers}
                where = environment() | {"device": torch.cuda.get_device_name()}
                report = {"environment": where, "settings": settings, "results": results, "shares": shares}
                given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
