"""Agreement against steps, messages, coupling and energy: what to choose.

    python -m benchmarks.choosing ../shared --output benchmarks/results/choosing.json
    python -m benchmarks.choosing_plot benchmarks/results/choosing.json \
        --page docs/choosing.md --picture docs/img/choosing.svg

ResNet-20 and ResNet-8 for CIFAR-10, calibrated on 512 training images ("bias" where neurons have levels, else on the
spiking network itself), tested on the 1,017 test images in float32. Under mean coupling accuracy depends on N = L*T
alone; it is measured at T = 1, where it waits least, and at T = 4. Energy is an estimate by operations, of 64 images,
over that of the ANN. What was measured before an interruption is in the results file, and is not measured again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

NETWORKS = {
    "ResNet-20": ("cifar10_resnet20.onnx", TRAINED_MEAN, TRAINED_STD),
    "ResNet-8": ("cifar10_resnet8_mlperftiny.onnx", (0.0,), (1 / 255,)),
}
IMAGES = 512
MEAN = {1: (2, 4, 8, 16, 32, 64), 4: (1, 2, 4, 8, 16)}  # L by T
CAUSAL = {1: (4, 8, 16, 32), 2: (2, 4, 8, 16), 4: (1, 2, 4, 8), 8: (1, 2, 4), 16: (1, 2)}  # T by L
POWERS = ((1, None), (2, None), (3, None), (4, None), (6, None), (8, None), (4, 6), (4, 5))  # T, K
UNIFORM = ((2, 8), (4, 4), (4, 8), (8, 1), (16, 1))  # T, L


@dataclass(frozen=True)
class Way:
    """One way to convert.

    Attributes:
        coupling: Name of the coupling.
        timesteps: T.
        levels: L; None where the neurons have octaves.
        code: Messages of differential coupling; None under another one.
        octaves: K; None: by measurement, or the neurons have levels.
    """

    coupling: str
    timesteps: int
    levels: int | None = None
    code: str | None = None
    octaves: int | None = None


@dataclass(frozen=True)
class Point:
    """One network, converted one way.

    Attributes:
        network: Name of the network.
        way: Choices of the conversion.
        octaves: K that was found or asked for; None where the neurons have levels.
        accuracy: Percent of the test images.
        agreement: Percent of the test images of which it names the ANN's class.
        ann_accuracy: Percent of the test images of which the ANN names the class.
        latency: Time steps until the answer is whole.
        energy: Estimated energy over the ANN's, by the count of spikes.
        energy_with_memory: The same with memory accesses.
        images: Number of test images.
    """

    network: str
    way: Way
    octaves: int | None
    accuracy: float
    agreement: float
    ann_accuracy: float
    latency: int
    energy: Mapping[str, float]
    energy_with_memory: Mapping[str, float]
    images: int

    @staticmethod
    def read(row: Mapping[str, Any]) -> Point:
        """Return the point of a row of a results file."""
        return Point(**{**row, "way": Way(**row["way"])})


def ways() -> Iterator[Way]:
    """Yield every way to convert."""
    yield from (Way("mean", steps, levels) for steps in MEAN for levels in MEAN[steps])
    yield from (Way("causal", steps, levels) for levels in CAUSAL for steps in CAUSAL[levels])
    yield from (Way("differential", steps, None, "power-of-two", octaves) for steps, octaves in POWERS)
    yield from (Way("differential", steps, levels, "uniform") for steps, levels in UNIFORM)


def measure(shared: Path, name: str, way: Way, limit: int | None) -> Point:
    """Convert and evaluate."""
    import snnconv
    from snnconv.neurons.spike_counts import SpikeCount
    from snnconv.spiking.couplings import latency_of

    file, mean, std = NETWORKS[name]
    ann = snnconv.load(shared / "models" / file)
    ann.input = ann.input.override(mean=mean, std=std)
    snn = snnconv.convert(
        ann,
        **asdict(way),
        calibration_data=training(shared),
        calibration_images=IMAGES,
        calibration="auto" if way.levels is None else "bias",
    )
    result = snnconv.evaluate(snn, test(shared), against=ann, precision="float32", limit=limit)
    assert result.accuracy is not None
    assert result.agreement is not None
    assert result.against_accuracy is not None
    assert result.operations is not None
    assert result.ann_operations is not None
    energy, energy_with_memory = {}, {}
    for count in SpikeCount:
        own, plain = result.operations.estimate(count), result.ann_operations.estimate(count)
        energy[count.value] = own.energy_pj_per_image / plain.energy_pj_per_image
        assert own.energy_with_memory_pj_per_image is not None
        assert plain.energy_with_memory_pj_per_image is not None
        energy_with_memory[count.value] = own.energy_with_memory_pj_per_image / plain.energy_with_memory_pj_per_image
    latency = latency_of(snn)
    assert latency is not None
    return Point(
        name,
        way,
        result.octaves,
        result.accuracy,
        result.agreement,
        result.against_accuracy,
        latency,
        energy,
        energy_with_memory,
        result.images,
    )


def measured(path: Path | None) -> list[Point]:
    """Return the points of a results file; none where there is no file yet."""
    if path is None or not path.exists():
        return []
    return [Point.read(row) for row in json.loads(path.read_text())["points"]]


def write(points: Sequence[Point], path: Path) -> None:
    """Write the results file."""
    report = {"environment": environment(), "points": [asdict(point) for point in points]}
    path.write_text(json.dumps(report, indent=1) + "\n")


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--couplings", nargs="+", default=["mean", "causal", "differential"])
    parser.add_argument("--limit", type=int, help="test images")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    points = measured(options.output)
    done = {(point.network, point.way) for point in points}
    wanted = [(name, way) for name in options.only for way in ways() if way.coupling in options.couplings]
    for name, way in track([pair for pair in wanted if pair not in done], "converting"):
        points.append(measure(options.shared, name, way, options.limit))
        write(points, options.output)


if __name__ == "__main__":
    main()
