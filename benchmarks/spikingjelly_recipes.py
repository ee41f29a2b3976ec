"""SpikingJelly 2.0's recipes on DeiT-tiny: conversion, simulation, time (run by `spikingjelly_transformers`)."""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.spikingjelly_networks import (
    FromTokens,
    quantized_network,
    timm_network,
    tokens,
    torchvision_network,
)

STEPS = (1, 2, 4, 8, 16, 32)
THEIR_CALIBRATION = 32  # images
NEURONS = ("STBIFNode", "_STASpikeEncoder")
LEVEL = 32  # of SpikeZIP's published networks
TIMED_STEPS, TIMED_IMAGES = 4, 2


@dataclass(frozen=True)
class Data:
    """Images `[n, 3, 224, 224]`, normalised, and the ANN's classes `[n]` of those that test."""

    calibration: Tensor
    test: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Peer:
    """One recipe.

    Attributes:
        recipe: Returns the converter for T and calibration images.
        form: Name of the network that it takes.
        silent: All is said in the first step, so that a silent step ends the simulation.
        fixed: T changes nothing in the converted network, so that one simulation answers for every T.
        few: As many images as --few says, since every step is simulated.
        shown: Agreement is measured.
    """

    recipe: Callable[[int, Tensor], Any]
    form: str = "timm"
    silent: bool = False
    fixed: bool = False
    few: bool = False
    shown: bool = True


def _fx(name: str, **arguments: Any) -> Callable[[int, Tensor], Any]:
    def made(steps: int, calibration: Tensor) -> Any:
        from spikingjelly.activation_based import ann2snn

        given = dict(arguments)
        if name != "TransformerTDEquivalentRecipe":
            given["dataloader"] = list(torch.split(calibration, 16))
        if name not in ("RateCodingRecipe", "LocalThresholdBalancingRecipe"):
            given["time_steps"] = steps
        return ann2snn.FXConverter(getattr(ann2snn, name)(**given))

    return made


def _spikezip(steps: int, calibration: Tensor) -> Any:
    from spikingjelly.activation_based import ann2snn

    return ann2snn.ModuleConverter(ann2snn.SpikeZIPTFQANNRecipe(time_steps=steps, model_family="vit"))


STA = "STATransformerRecipe"
TD = "TransformerTDEquivalentRecipe"
# Its example searches thresholds by "mse" and halves them. No neuron has a ceiling, so that the search ends at its
# finest step, an eighth of the maximum over T, for 99.9 % of the channels at T=1 and for all at T=8 (4 images). "max"
# gives the same 31 times faster.
SPIKING: dict[str, Any] = {"mode": "spiking_encoder", "threshold_mode": "max", "threshold_scale": 0.5 / 8}
PEERS: dict[str, Peer] = {
    "rate coding": Peer(_fx("RateCodingRecipe")),
    "rate coding, torchvision's module": Peer(_fx("RateCodingRecipe"), "torchvision"),
    "LTB": Peer(_fx("LocalThresholdBalancingRecipe")),
    "LTB, torchvision's module": Peer(_fx("LocalThresholdBalancingRecipe"), "torchvision"),
    "temporal difference": Peer(_fx(TD)),
    "temporal difference, torchvision's module": Peer(_fx(TD), "torchvision", fixed=True, few=True),
    "temporal difference, behind the embeddings": Peer(_fx(TD), "tokens", silent=True, fixed=True),
    "STA": Peer(_fx(STA, **SPIKING)),
    "STA, spiking layers": Peer(_fx(STA, mode="spiking_affine"), "torchvision"),
    "STA, torchvision's module": Peer(_fx(STA, **SPIKING), "torchvision", silent=True),
    "SpikeZIP": Peer(_spikezip, shown=False),
    "SpikeZIP, quantized, GELU exchanged": Peer(_spikezip, "quantized", fixed=True, few=True),
}


def same(one: Tensor, other: Tensor) -> float:
    """Percentage of equal classes."""
    return 100 * float((one == other).double().mean())


def message(error: Exception) -> str:
    """Kind and text of an error, without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")


def network(form: str, path: Path, calibration: Tensor) -> nn.Module:
    """Return DeiT-tiny in a form of `benchmarks.spikingjelly_networks`."""
    found = timm_network(path)
    if form == "quantized":
        return quantized_network(found, LEVEL, torch.split(calibration, 8))
    if form == "timm":
        return found
    made = torchvision_network(found)
    return FromTokens(made) if form == "tokens" else made


def exchange_gelu(snn: nn.Module) -> None:
    """Give each GELU that SpikeZIP leaves in place the form of SpikingJelly's that keeps differences."""
    from spikingjelly.activation_based.ann2snn.operators import TDGELU

    for name, module in list(snn.named_modules()):
        if isinstance(module, nn.GELU):
            snn.set_submodule(name, TDGELU(approximate="none"))


def simulate(snn: nn.Module, x: Tensor, peer: Peer, steps: list[int]) -> dict[int, Tensor]:
    """Classes `[B]` after each of some numbers of steps."""
    from spikingjelly.activation_based import functional

    functional.reset_net(snn)
    functional.set_step_mode(snn, "s")
    total = torch.zeros(())
    found: dict[int, Tensor] = {}
    for step in range(1, max(steps) + 1):
        output = snn(x if step == 1 else torch.zeros_like(x))
        total = total + output
        quiet = peer.silent and step > 1 and not output.any()
        found |= {count: total.argmax(1) for count in steps if count == step or (quiet and count > step)}
        print(f"step {step}", end="\r", flush=True)
        if quiet:
            break
    return found


def timed(ann: Callable[[], Any], snn: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Time over the ANN's, turn by turn: medians of wall time and of CPU time."""
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    for turn in range(rounds + 1):
        passed = []
        for run in (ann, snn):
            started = time.perf_counter(), time.process_time()
            run()
            passed.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        if turn:
            for clock, one, other in zip(ratios, *passed, strict=True):
                ratios[clock].append(other / one)
    return {f"time_{clock}": statistics.median(found) for clock, found in ratios.items()}


def time_peer(snn: nn.Module, ann: Callable[[], Any], x: Tensor, rounds: int) -> dict[str, Any]:
    """Time of some steps, as its examples run them (all steps at once), or step by step where that fails."""
    from spikingjelly.activation_based import functional

    sequence = torch.cat([x[None], torch.zeros(TIMED_STEPS - 1, *x.shape)])

    def together() -> None:
        functional.reset_net(snn)
        functional.set_step_mode(snn, "m")
        snn(sequence)

    def apart() -> None:
        functional.reset_net(snn)
        functional.set_step_mode(snn, "s")
        for each in sequence:
            snn(each)

    row: dict[str, Any] = {"timed_steps": TIMED_STEPS, "timed_images": len(x)}
    try:
        together()
    except (ValueError, RuntimeError) as error:
        row["multi_step"] = message(error)
    run = apart if "multi_step" in row else together
    return row | timed(ann, run, rounds)


def converted(peer: Peer, ann: nn.Module, steps: int, calibration: Tensor) -> nn.Module:
    """Convert for T, and exchange GELU where SpikeZIP leaves it."""
    snn: nn.Module = peer.recipe(steps, calibration).convert(ann)
    if peer.form == "quantized":
        exchange_gelu(snn)
    return snn


def agreements(
    peer: Peer, ann: nn.Module, x: Tensor, wanted: Tensor, calibration: Tensor, counts: list[int]
) -> dict[int, float]:
    """Agreement in percent by T; a conversion for each T where T changes it."""
    found: dict[int, float] = {}
    for steps in [counts] if peer.fixed else [[count] for count in counts]:
        snn = converted(peer, ann, max(steps), calibration)
        parts = [simulate(snn, part, peer, steps) for part in torch.split(x, 8)]
        found |= {each: same(torch.cat([part[each] for part in parts]), wanted) for each in steps}
        print(json.dumps(found), flush=True)
    return found


def run_peer(peer: Peer, path: Path, data: Data, given: argparse.Namespace) -> dict[str, Any]:
    """Convert, simulate and time; the message where it refuses.

    Args:
        peer: the recipe.
        path: the ONNX file.
        data: images.
        given: options of `benchmarks.spikingjelly_transformers`.
    """
    count = given.few if peer.few else len(data.test)
    calibration, wanted = data.calibration[:THEIR_CALIBRATION], data.wanted[:count]
    ann, plain = network(peer.form, path, calibration), timm_network(path)
    x = data.test[:count]
    if peer.form == "tokens":
        x = tokens(torchvision_network(plain), x)
    row: dict[str, Any] = {"form": peer.form}
    try:
        started = time.perf_counter()
        snn = converted(peer, ann, TIMED_STEPS, calibration)
        row["convert_s"] = time.perf_counter() - started
    except (ValueError, TypeError, NotImplementedError) as error:
        return row | {"refused": message(error)}
    row["neurons"] = sum(type(module).__name__ in NEURONS for module in snn.modules())
    if given.rounds and peer.shown:
        row |= time_peer(snn, lambda: plain(data.test[:TIMED_IMAGES]), x[:TIMED_IMAGES], given.rounds)
    if peer.shown and not given.only_time:
        counts = [steps for steps in STEPS if steps <= given.most]
        row |= {"images": count, "agreement": agreements(peer, ann, x, wanted, calibration, counts)}
    if peer.form == "quantized" and not given.only_time:
        classes = torch.cat([ann(part).argmax(1) for part in torch.split(data.test, 8)])
        row |= {"ann_agreement": same(classes, data.wanted), "ann_images": len(classes)}
    return row
