"""Conversion without training, beside SpikingJelly 2.0: agreement with the ANN, accuracy, time, memory.

    pip install -e '.[bench]'
    python -m benchmarks.conversion ../shared --output benchmarks/results/conversion.json
    python -m benchmarks.conversion_plot benchmarks/results/conversion.json --pictures docs/img

Both convert the same networks with the same calibration images and are evaluated on the same test images. T, L and
N = L*T are printed together: T alone is not comparable. Each conversion runs in a process of its own, so that its time
and peak memory are its own; the peak is that of the whole process when the conversion is done.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.environment import environment
from benchmarks.plain import plain
from benchmarks.road import Case
from benchmarks.road import cases as road_cases

STEPS = (1, 2, 4, 8, 16, 32)
CALIBRATION = "bias"  # ours; the default goes on to reconstruct block by block, which takes minutes for each T and L


@dataclass(frozen=True)
class Ours:
    """One way to convert with snnconv.

    Attributes:
        coupling: Name of the coupling.
        levels: L; None where the neurons have octaves.
        code: Messages of differential coupling; None under another one.
    """

    coupling: str
    levels: int | None
    code: str | None = None

    @property
    def fewest_steps(self) -> int:
        """The smallest T that this way takes."""
        return 2 if self.code == "uniform" else 1


@dataclass(frozen=True)
class Peer:
    """One recipe of SpikingJelly: of its class, the arguments, and how often the calibration images are shown."""

    recipe: str
    arguments: dict[str, Any]
    passes: int = 1


METHODS: dict[str, Ours | Peer] = {
    "ours, mean, L=1": Ours("mean", 1),
    "ours, mean, L=4": Ours("mean", 4),
    "ours, mean, L=8": Ours("mean", 8),
    "ours, causal, L=1": Ours("causal", 1),
    "ours, causal, L=4": Ours("causal", 4),
    "ours, differential": Ours("differential", None, "power-of-two"),
    "ours, differential, uniform, L=1": Ours("differential", 1, "uniform"),
    "ours, differential, uniform, L=4": Ours("differential", 4, "uniform"),
    "SpikingJelly, rate coding": Peer("RateCodingRecipe", {"mode": "Max"}),
    # as in its ImageNet example
    "SpikingJelly, rate coding, 99.9 % a channel": Peer(
        "RateCodingRecipe", {"mode": "99.9%", "channel_wise": True, "pre_spike_maxpool": True, "half_threshold": True}
    ),
    "SpikingJelly, LTB": Peer("LocalThresholdBalancingRecipe", {}),
    # Its thresholds only grow, by twice the mean overflow of a batch, so that few batches leave them too low. Its
    # ImageNet example shows 50,000 images: so many here, too, of the same 1,024.
    "SpikingJelly, LTB, images shown 50 times": Peer("LocalThresholdBalancingRecipe", {}, passes=50),
}


def cases(shared: Path, folder: Path) -> dict[str, Case]:
    """The networks with their data; none of them was trained by us."""
    found = road_cases(shared, folder)
    resnet8 = replace(
        found["resnet20"],
        network=str(shared / "models" / "cifar10_resnet8_mlperftiny.onnx"),
        mean=(0.0,),
        std=(1 / 255,),
    )
    return {"resnet20": found["resnet20"], "resnet8": resnet8, "lite0": found["lite0"]}


def peak_mb() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Percentage of equal entries."""
    return 100 * float((one == other).mean())


ReadOut = tuple[int, int]  # T, and the first step whose output counts, from 0


def read_outs(outputs: Iterable[Tensor], wanted: Iterable[ReadOut]) -> dict[ReadOut, Tensor]:
    """Class of each image, for every read-out.

    Args:
        outputs: of each step, `[B, classes]`.
        wanted: the read-outs.

    >>> steps = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]]), torch.tensor([[5.0, 0.0]])]
    >>> {key: found.tolist() for key, found in read_outs(steps, [(1, 0), (2, 0), (3, 1)]).items()}
    {(1, 0): [0], (2, 0): [1], (3, 1): [0]}
    """
    sums: list[Tensor] = []
    for output in outputs:
        sums.append(output if not sums else sums[-1] + output)
    return {
        (steps, start): (sums[steps - 1] - sums[start - 1] if start else sums[steps - 1]).argmax(1)
        for steps, start in wanted
    }


def load(case: Case) -> Any:
    """The ANN, with the normalisation of its pixels."""
    import snnconv

    ann = snnconv.load(case.network)
    ann.input = ann.input.override(mean=case.mean, std=case.std)
    return ann


def run_ours(case: Case, method: Ours, timesteps: int, limit: int | None) -> list[dict[str, Any]]:
    """Convert and evaluate at one T: under mean coupling in one pass, which is exact, else step by step."""
    import snnconv
    from snnconv.spiking.unrolling import collapse

    ann = load(case)
    started = time.perf_counter()
    snn = snnconv.convert(
        ann,
        timesteps=timesteps,
        levels=method.levels,
        coupling=method.coupling,
        code=method.code,
        calibration_data=case.calibration,
        calibration_images=case.calibration_images,
        calibration="auto" if method.levels is None else CALIBRATION,
    )
    row = {"convert_s": time.perf_counter() - started, "convert_peak_mb": peak_mb()}
    running = collapse(snn) if method.coupling == "mean" else snn

    def classify(x: Tensor) -> dict[ReadOut, Tensor]:
        return {(timesteps, 0): running.logits(x).argmax(1)}

    (scores,) = evaluate(case, ann, classify, limit)
    total = None if method.levels is None else method.levels * timesteps
    return [{"levels": method.levels, "total_levels": total} | row | scores]


def run_peer(case: Case, method: Peer, limit: int | None) -> list[dict[str, Any]]:
    """Convert once and evaluate at every T: over all steps, and from the step on that SpikingJelly estimates."""
    from spikingjelly.activation_based import ann2snn, functional

    import snnconv

    ann = load(case)
    images = snnconv.open_data(case.calibration, ann.input, purpose="calibration").sample(case.calibration_images, 0)
    batches = [x for x, _ in images.batches(32)]

    def converted(shown: list[Tensor]) -> Any:
        recipe = getattr(ann2snn, method.recipe)(dataloader=shown, **method.arguments)
        return ann2snn.Converter(recipe).convert(plain(ann.copy().graph))

    try:
        converted(batches[:1])  # it refuses after it has calibrated, which need not take long
    except (ValueError, TypeError, NotImplementedError) as error:
        return [{"refused": str(error)}]
    started = time.perf_counter()
    snn = converted(batches * method.passes)
    row = {"convert_s": time.perf_counter() - started, "convert_peak_mb": peak_mb(), "levels": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that T is small, which is what is asked
        delayed = {(steps, ann2snn.estimate_delay_start(snn, batches, "cpu", steps)) for steps in STEPS}

    def classify(x: Tensor) -> dict[ReadOut, Tensor]:
        functional.reset_net(snn)
        with torch.inference_mode():
            return read_outs((snn(x) for _ in range(max(STEPS))), sorted(delayed | {(steps, 0) for steps in STEPS}))

    return [{"total_levels": scores["timesteps"]} | row | scores for scores in evaluate(case, ann, classify, limit)]


def evaluate(
    case: Case, ann: Any, classify: Callable[[Tensor], dict[ReadOut, Tensor]], limit: int | None
) -> list[dict[str, Any]]:
    """Agreement with the ANN, and accuracy where there are labels, for every read-out that `classify` answers for."""
    import snnconv

    images = snnconv.open_data(case.test, ann.input, purpose="eval")
    wanted: list[Tensor] = []
    found: dict[ReadOut, list[Tensor]] = {}
    count = 0
    for x, _ in images.batches(32 if case.labelled else 8):
        if limit is not None and count >= limit:
            break
        count += len(x)
        wanted.append(ann.logits(x).argmax(1))
        for key, classes in classify(x).items():
            found.setdefault(key, []).append(classes)
    truth = torch.cat(wanted).numpy()
    rows = []
    for (timesteps, start), parts in found.items():
        classes = torch.cat(parts).numpy()
        row: dict[str, Any] = {
            "timesteps": timesteps,
            "readout_from": start,
            "images": count,
            "agreement": same(classes, truth),
        }
        if case.labelled:
            labels = images.labels[:count]
            row |= {"accuracy": same(classes, labels), "accuracy_ann": same(truth, labels)}
        rows.append(row)
    return rows


def main() -> None:
    """Run every method on every network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--networks", nargs="+", default=["resnet20", "resnet8", "lite0"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="beginnings of the methods' names")
    parser.add_argument("--timesteps", type=int, nargs="+", default=list(STEPS), help="of ours")
    parser.add_argument("--limit", type=int, help="about so many test images")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--child", nargs=2, metavar=("METHOD", "T"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.child:
            name, timesteps = given.child
            case, method = cases(given.shared, Path(folder))[given.networks[0]], METHODS[name]
            if isinstance(method, Ours):
                print(json.dumps(run_ours(case, method, int(timesteps), given.limit)))
            else:
                print(json.dumps(run_peer(case, method, given.limit)))
            return
    rows = []
    limit = [] if given.limit is None else ["--limit", str(given.limit)]
    for network in given.networks:
        for name, method in METHODS.items():
            if not name.startswith(tuple(given.methods)):
                continue
            if isinstance(method, Ours):
                steps = [count for count in given.timesteps if count >= method.fewest_steps]
            else:
                steps = [max(STEPS)]
            for timesteps in steps:
                command = [sys.executable, "-m", "benchmarks.conversion", str(given.shared), "--networks", network]
                child = [*command, *limit, "--child", name, str(timesteps)]
                out = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
                for row in json.loads(out.splitlines()[-1]):
                    rows.append({"network": network, "method": name, **row})
                    print(json.dumps(rows[-1]), flush=True)
                if given.output:
                    written = {"environment": environment() | {"spikingjelly": _spikingjelly()}, "rows": rows}
                    given.output.write_text(json.dumps(written, indent=1) + "\n")


def _spikingjelly() -> str | None:
    try:
        return version("spikingjelly")
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
