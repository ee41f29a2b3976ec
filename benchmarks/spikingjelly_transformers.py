"""DeiT-tiny by SpikingJelly 2.0's own recipes for transformers, beside ours: edits, agreement with the ANN, time.

SpikingJelly brings packages of its own, so it has an environment of its own:

    python -m venv spikingjelly-venv
    spikingjelly-venv/bin/pip install -e . spikingjelly==2.0.0
    spikingjelly-venv/bin/python -m benchmarks.spikingjelly_transformers ../shared \
        --output benchmarks/results/spikingjelly-transformers.json

Each recipe is first given timm's module as it is, with the weights of imagenet_deit_tiny_patch16_224.onnx, then a form
that it takes (benchmarks/spikingjelly_networks.py). Images come as SpikingJelly's examples show them: whole at the
first step, zeros afterwards; the answer is the sum of the outputs of all steps. Where a step is silent, later ones are,
too: a module that keeps differences changes nothing for an input of zeros.

A run updates the rows of its --methods in --output; others stay. --converted keeps our networks, whose conversion takes
minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from benchmarks.environment import environment
from benchmarks.road import cases
from benchmarks.spikingjelly_networks import timm_network
from benchmarks.spikingjelly_recipes import PEERS, STEPS, TIMED_IMAGES, Data, run_peer, same, timed

FILE = "imagenet_deit_tiny_patch16_224.onnx"
MEAN, STD, RESIZE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 256
CALIBRATION = 128  # images
TOLERANCE = 1e-4  # between timm's module and the file

OURS: dict[str, dict[str, Any]] = {
    "ours, differential, T=2": {"coupling": "differential", "timesteps": 2},
    "ours, differential, T=4": {"coupling": "differential", "timesteps": 4},
    "ours, differential, T=8": {"coupling": "differential", "timesteps": 8},
    "ours, mean, N=64": {"total_levels": 64},
}


def run_ours(name: str, path: Path, data: Data, folder: Path, spec: str, given: argparse.Namespace) -> dict[str, Any]:
    """Convert, unless a file is there, evaluate and time."""
    import snnconv
    from snnconv.spiking.unrolling import collapse, collapses

    ann = ours_ann(path)
    file = folder / f"{name.replace(', ', '-').replace('=', '').replace(' ', '-')}.onnx"
    row: dict[str, Any] = {"form": "file"}
    if not file.exists():
        started = time.perf_counter()
        made = snnconv.convert(ann, calibration_data=spec, calibration_images=CALIBRATION, **OURS[name])
        row["convert_s"] = time.perf_counter() - started
        snnconv.save(made, file)
    snn = snnconv.load(file)
    running = collapse(snn) if collapses(snn) else snn
    steps = OURS[name].get("timesteps", 1)  # one pass under mean coupling
    if not given.only_time:
        classes = torch.cat([running.logits(part).argmax(1) for part in torch.split(data.test, 8)])
        row |= {"images": len(classes), "agreement": {steps: same(classes, data.wanted)}}
    if given.rounds:
        x = data.test[:TIMED_IMAGES]
        row |= {"timed_steps": steps, "timed_images": len(x)}
        row |= timed(lambda: ann.logits(x), lambda: running.logits(x), given.rounds)
    return row


def ours_ann(path: Path) -> Any:
    """Return the ANN as snnconv imports it, with the normalisation of its pixels."""
    import snnconv

    ann = snnconv.load(path)
    ann.input = ann.input.override(mean=MEAN, std=STD, resize=RESIZE)
    return ann


def load_data(path: Path, spec: tuple[str, str], count: int) -> Data:
    """Images of both parts, the test images spread evenly over theirs; timm's module is held against the file."""
    import snnconv

    input_spec = ours_ann(path).input
    calibration = snnconv.open_data(spec[0], input_spec, purpose="calibration").sample(CALIBRATION, 0)
    test = snnconv.open_data(spec[1], input_spec, purpose="eval")
    chosen = test.subset([index * len(test) // count for index in range(count)])
    shown, x = (torch.cat([part for part, _ in images.batches(16)]) for images in (calibration, chosen))
    wanted = torch.cat([timm_network(path)(part) for part in torch.split(x, 16)])
    (reference,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": x[:8].numpy()})
    torch.testing.assert_close(wanted[:8], torch.as_tensor(reference), rtol=0, atol=TOLERANCE)
    return Data(shown, x, wanted.argmax(1))


def rows(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every method that is asked for."""
    case = cases(given.shared, folder)["lite0"]  # the split of the samples
    path = given.shared / "models" / FILE
    data = load_data(path, (case.calibration, case.test), given.images)
    for name, peer in PEERS.items():
        if name in given.methods:
            yield name, run_peer(peer, path, data, given)
    for name in OURS:
        if name in given.methods:
            yield name, run_ours(name, path, data, given.converted or folder, case.calibration, given)


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown: agreement by T, and time over T times the ANN's."""
    lines = ["| method | images | " + " | ".join(f"T={steps}" for steps in STEPS) + " | time |"]
    lines.append("|---" * (len(STEPS) + 3) + "|")
    for name, row in found.items():
        if "refused" in row:
            lines.append(f"| {name} | | " + " | ".join([""] * len(STEPS)) + f" | refused: {row['refused']} |")
            continue
        agreement = {int(steps): value for steps, value in row.get("agreement", {}).items()}
        cells = [f"{agreement[steps]:.0f}" if steps in agreement else "" for steps in STEPS]
        cost = f"{row['time_wall'] / row['timed_steps']:.2f}" if "time_wall" in row else ""
        lines.append(f"| {name} | {row.get('images', '')} | " + " | ".join(cells) + f" | {cost} |")
    return "\n".join(lines)


@torch.inference_mode()
def main() -> None:
    """Run the methods and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--methods", nargs="+", default=[*PEERS, *OURS], choices=[*PEERS, *OURS], metavar="METHOD")
    parser.add_argument("--images", type=int, default=48, help="that test")
    parser.add_argument("--few", type=int, default=8, help="images where every step is simulated")
    parser.add_argument("--rounds", type=int, default=3, help="of each timing; 0: none")
    parser.add_argument("--most", type=int, default=max(STEPS), help="steps of theirs")
    parser.add_argument("--only-time", action="store_true", help="no agreement")
    parser.add_argument("--converted", type=Path, help="folder that keeps our converted networks")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    kept = json.loads(given.output.read_text())["rows"] if given.output and given.output.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name, row in rows(given, Path(folder)):
            row["threads"], row["load"] = torch.get_num_threads(), os.getloadavg()[0]
            kept[name] = kept.get(name, {}) | row
            print(json.dumps({name: row}), flush=True)
            if given.output:
                about = environment() | {"spikingjelly": version("spikingjelly"), "torchvision": version("torchvision")}
                given.output.write_text(json.dumps({"environment": about, "rows": kept}, indent=1) + "\n")
    print(table({name: kept[name] for name in [*PEERS, *OURS] if name in kept}))


if __name__ == "__main__":
    main()
