"""What single precision does to a quantized network: the same network, computed in ways that differ by rounding alone.

python -m benchmarks.rounding ../shared [--network lite0] [--levels 8] [--images 64] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.environment import environment
from benchmarks.road import cases
from snnconv import convert, load, open_data, save
from snnconv.evaluation import run_onnx
from snnconv.graph.precision import to_double
from snnconv.model import Model
from snnconv.neurons import unfold_time
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse


def run(model: Model, x: Tensor, batch: int) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the time mean of every site in units of one level."""
    outputs: list[list[Tensor]] = []
    handles = []
    for index, (_, site) in enumerate(iter_sites(model.graph)):
        outputs.append([])

        def keep(module: Any, _: object, out: Tensor, index: int = index) -> None:
            levels = out * module.levels / module.ceiling_for(out) if model.timesteps else None
            if levels is None:
                counts = out * module.total_levels / module.ceiling_for(out)
            else:
                counts = unfold_time(levels, module.timesteps).sum(0)
            outputs[index].append(counts.round().to(torch.int16))

        handles.append(site.register_forward_hook(keep))
    logits = torch.cat([model.logits(part) for part in x.split(batch)])
    for handle in handles:
        handle.remove()
    return logits, [torch.cat(parts) for parts in outputs]


def main() -> None:
    """Print where the ways part, site by site, and how often their arg-max is the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--network", default="lite0", choices=("lite0", "resnet20"))
    parser.add_argument("--levels", type=int, default=8)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        case = cases(given.shared, Path(folder))[given.network]
        ann = load(case.network)
        ann.input = ann.input.override(mean=case.mean, std=case.std)
        snn = convert(
            ann,
            timesteps=4,
            levels=given.levels,
            calibration_data=case.calibration,
            calibration_images=case.calibration_images,
        )
        images = open_data(case.test, snn.input, purpose="eval").subset(range(given.images))
        x = torch.cat([part for part, _ in images.batches(32)])
        one_pass = collapse(snn)
        double = replace(one_pass, graph=to_double(one_pass.graph))
        ways = {
            "float32, one pass, batches of 8": run(one_pass, x, 8),
            "float32, one pass, batches of 1": run(one_pass, x, 1),
            "float32, T steps": run(snn, x, 4),
            "float64, one pass": run(double, x.double(), 8),
            "float64, T steps": run(replace(snn, graph=to_double(snn.graph)), x.double(), 2),
        }
        for name, model in (("one pass", one_pass), ("T steps", snn)):
            file = save(model, Path(folder) / "network.onnx")
            ways[f"onnxruntime (float32), {name}"] = (run_onnx(file, x.split(4)), [])
        ways["onnxruntime (float32), T steps, no graph optimisation"] = (_plain_onnxruntime(file, x), [])
    reference, sites = ways["float64, one pass"]
    rows = []
    for name, (logits, counts) in ways.items():
        differing = [float((a != b).double().mean()) for a, b in zip(counts, sites, strict=False)]
        same = 100 * float((logits.argmax(1) == reference.argmax(1)).double().mean())
        error = float((logits - reference).norm() / (reference - reference.mean(0)).norm())
        rows.append({"way": name, "same_argmax": same, "relative_error": error, "differing_levels": differing})
        shown = " ".join(f"{share:.0e}" for share in differing[:: max(1, len(differing) // 8)])
        print(
            f"{name:<55} same arg-max {same:6.2f} %  relative error {error:.1e}  differing levels {shown}", flush=True
        )
    if given.output:
        values = {"environment": environment(), "network": given.network, "levels": given.levels, "rows": rows}
        given.output.write_text(json.dumps(values, indent=1) + "\n")


def _plain_onnxruntime(file: Path, x: Tensor) -> Tensor:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return torch.cat([torch.from_numpy(session.run(None, {name: part.numpy()})[0]) for part in x.split(4)])


if __name__ == "__main__":
    main()
