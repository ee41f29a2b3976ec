"""Which timm architectures convert: one network after the other is loaded, converted and compared with its ANN.

    python -m benchmarks.coverage --jobs 2 --output benchmarks/results/coverage.json
    python -m benchmarks.coverage --only resnet18 lcnet_035
    python -m benchmarks.coverage --jobs 2 --shift 0 --output benchmarks/results/coverage-unshifted.json

Weights are random, so this is about operators and about whether the parts fit, not about accuracy. Each network runs in
a process of its own, with a limit on its time and memory. `benchmarks.coverage_page` writes docs/coverage.md from the
results.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.coverage_causes import short_causes
from benchmarks.coverage_models import FAMILIES, MORE
from benchmarks.environment import environment

SECONDS = 300  # for one network
GIGABYTES = 10  # of address space for one process
TIMESTEPS, LEVELS = 4, 16
NOISE = 0.01  # standard deviation, of images whose own is about 1
IMAGES = 32  # to calibrate with, and as many others to compare with
SMALL = (64, 96)  # sides of the input of networks with many parameters: the first that the network can take
AT_OWN_SIZE = ("vgg11",)  # whose head is another one on small images
LAST_SCALE = 0.25  # of the batch-norms at the ends of residual branches, which timm starts at 0
LEAST_VARIANCE = (
    0.01  # of a batch-norm's channel, to their median: one silent on these images is not blown up on others
)
SHIFT = 1.0  # of batch-norms, which timm starts at 0
FIGURES = ("error", "fitted", "rounding", "noise")
FEW_PARAMETERS = 3_000_000  # networks with fewer see images of their own size


def family_of(name: str) -> str:
    """The timm module that a network is in."""
    import timm

    return str(timm.model_entrypoint(name).__module__.rsplit(".", 1)[-1])


def sweep_names() -> list[str]:
    """Every network of the table once, family by family."""
    return list(dict.fromkeys([*(name for names in FAMILIES.values() for name in names), *MORE]))


def measure(name: str, shift: float) -> dict[str, Any]:
    """Load, convert and compare one network in this process."""
    from snnconv.errors import ModelError, SnnconvError, UnsupportedOperatorsError

    started = time.perf_counter()
    row: dict[str, Any] = {"network": name, "family": family_of(name)}
    try:
        row |= _converted(name, shift)
    except UnsupportedOperatorsError as error:
        row |= {"outcome": "refused", "reasons": reasons(error.nodes)}
    except ModelError as error:
        export = "torch.onnx.export" in str(error)
        row |= {"outcome": "failed" if export else "refused", "reasons": {_first_line(error): 1}}
    except SnnconvError as error:
        row |= {"outcome": "failed", "reasons": {_first_line(error): 1}}
    row["seconds"] = round(time.perf_counter() - started, 1)
    return row


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]


def reasons(nodes: Sequence[Any]) -> dict[str, int]:
    """What is refused, in the fewest words, with the number of nodes; the most frequent first."""
    found: Counter[str] = Counter()
    for node in nodes:
        what, marker, _ = node.reason.partition(" is not supported")
        named = marker and not what.startswith(("it ", "its "))
        what = what.split(" (by its")[0].split(", or a")[0].split(", as in")[0]
        found[what if named else f"{node.operator}: {node.reason}"] += 1
    return dict(found.most_common())


def _converted(name: str, shift: float) -> dict[str, Any]:
    import torch

    import snnconv
    from snnconv.convert.calibration.synthetic import synthetic_images
    from snnconv.spiking.sites import iter_sites
    from snnconv.spiking.unrolling import collapse

    module, side = _network(name, shift)
    ann = snnconv.load(module, size=side)
    spec = _spec(side)
    calibration, test = synthetic_images(spec, IMAGES, 1), synthetic_images(spec, IMAGES, 2)
    snn = snnconv.convert(
        ann, timesteps=TIMESTEPS, levels=LEVELS, calibration="bias", calibration_data=calibration, seed=0
    )
    with torch.no_grad():
        noise = NOISE * torch.randn(test.shape, generator=torch.Generator().manual_seed(3))
        quantized = collapse(snn)
        wanted, found, moved = ann.logits(test), quantized.logits(test), ann.logits(test + noise)
        fitted = _distance(quantized.logits(calibration), ann.logits(calibration))
        rounding = _distance(_dithered(quantized).logits(test), wanted)
    return {
        "outcome": "converted",
        "sites": len(list(iter_sites(snn.graph))),
        "error": round(_distance(found, wanted), 4),
        "fitted": round(fitted, 4),
        "rounding": round(rounding, 4),
        "noise": round(_distance(moved, wanted), 4),
        "side": side,
    }


def _distance(found: Any, wanted: Any) -> float:
    """Relative, both centred over the images `[n, ...]`."""
    found, wanted = (x.double() - x.double().mean(0) for x in (found, wanted))
    return float((found - wanted).norm() / wanted.norm())


def _dithered(quantized: Any) -> Any:
    """The network with noise, uniform and one level wide, in place of the rounding of its active sites."""
    import torch

    from snnconv.spiking.sites import iter_sites, swap

    class Dither(torch.nn.Module):
        def __init__(self, site: Any) -> None:
            super().__init__()
            self.site = site

        def forward(self, z: Any) -> Any:
            step = self.site.ceiling_for(z) / self.site.total_levels
            noisy = z + step * (torch.rand_like(z) - 0.5)
            return noisy if self.site.signed else torch.where(z > 0, noisy, 0)

    torch.manual_seed(4)
    network = quantized.copy()
    for node, site in list(iter_sites(network.graph)):
        if hasattr(site, "total_levels"):
            swap(network.graph, node, Dither(site))
    return network


def _spec(side: int) -> Any:
    from snnconv.model import InputSpec

    return InputSpec(3, side, side, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _network(name: str, shift: float) -> tuple[Any, int]:
    """The network with random weights and settled batch-norms, and the side of its images."""
    import timm
    import torch
    from timm.data import resolve_model_data_config

    from snnconv.convert.calibration.synthetic import synthetic_images

    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False)
    own = resolve_model_data_config(module)["input_size"][1]
    many = sum(parameter.numel() for parameter in module.parameters()) > FEW_PARAMETERS and name not in AT_OWN_SIZE
    for side in (*(side for side in SMALL if many and side < own), own):
        try:
            settle(module, synthetic_images(_spec(side), IMAGES, 0), shift)
        except Exception:
            if side == own:  # no smaller one was tried, or none will do
                raise
            continue
        return module, side
    raise AssertionError("unreachable")


def settle(module: Any, images: Any, shift: float) -> None:
    """Give batch-norms the statistics of these images, this shift, and scales of 0 another value."""
    import torch

    norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    module.eval()
    with torch.no_grad():
        for norm in norms:
            if norm.weight is not None and not norm.weight.any():
                norm.weight.fill_(LAST_SCALE)
            if norm.bias is not None:
                norm.bias.fill_(shift)
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        module(images if norms else images[:2])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.running_var.clamp_(min=LEAST_VARIANCE * float(norm.running_var.median()))
        norm.momentum = momentum
        norm.eval()


def outcome(row: dict[str, Any]) -> str:
    """Return the outcome of one network, with its causes where it did not convert."""
    listed = ", ".join(short_causes(row.get("reasons", {})))
    return f"{row['outcome']}: {listed}" if listed else str(row["outcome"])


def run(name: str, threads: int, shift: float) -> dict[str, Any]:
    """Measure one network in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.coverage", "--child", name, "--shift", str(shift)]
    environ = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environ, check=False)
    except subprocess.TimeoutExpired:
        return _failure(name, f"not done after {SECONDS} s", started)
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    said = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return _failure(name, (said[-1] if said else f"exit code {done.returncode}")[:200], started)


def _failure(name: str, reason: str, started: float) -> dict[str, Any]:
    seconds = round(time.perf_counter() - started, 1)
    return {
        "network": name,
        "family": family_of(name),
        "outcome": "failed",
        "reasons": {reason: 1},
        "seconds": seconds,
    }


def main() -> None:
    """Sweep, and print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="networks; by default those of the table")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--shift", type=float, default=SHIFT, help="of batch-norms")
    parser.add_argument("--output", type=Path, help="JSON; rows of other networks that it holds stay in it")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
        warnings.simplefilter("ignore")
        print(json.dumps(measure(given.child, given.shift)))
        return
    rows = {}
    if given.only and given.output and given.output.exists():
        rows = {row["network"]: row for row in json.loads(given.output.read_text())["rows"]}
    with ThreadPoolExecutor(given.jobs) as pool:
        for row in pool.map(lambda name: run(name, given.threads, given.shift), given.only or sweep_names()):
            rows[row["network"]] = row
            error = "".join(f"{key} {row[key]:.3f}, " for key in FIGURES if key in row)
            print(f"{row['network']}: {outcome(row)}, {error}{row['seconds']} s", flush=True)
    if given.output:
        given.output.write_text(
            json.dumps({"environment": environment(), "shift": given.shift, "rows": list(rows.values())}, indent=1)
            + "\n"
        )


if __name__ == "__main__":
    main()
