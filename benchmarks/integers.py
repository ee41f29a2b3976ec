"""8-bit forms of a spiking network beside its float file, step by step and in one pass, under both couplings.

    python -m benchmarks.integers ../shared --output benchmarks/results/integers.json

ResNet-20 at T=4 and several N, calibrated with "bias" on 1,024 images; the same arg-max on the 1,017 test images as the
float file of the same spiking network in onnxruntime and as the ANN, and accuracy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

TIMESTEPS, TOTAL_LEVELS = 4, (8, 16, 32, 64)


def same(found: Tensor, wanted: Tensor) -> float:
    """Percent of images with the same class."""
    return 100 * float((found == wanted).double().mean())


def main() -> None:
    """One JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()

    import snnconv
    from snnconv.evaluation import run_onnx
    from snnconv.formats.onnx import to_int8, to_onnx

    ann = snnconv.load(given.shared / "models" / "cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    images = snnconv.open_data(test(given.shared), ann.input, purpose="eval")
    batches = [x for x, _ in images.batches(64)]
    labels = torch.as_tensor(images.labels.copy())
    plain = run_onnx(to_onnx(ann), batches).argmax(1)
    rows: list[dict[str, Any]] = []
    for coupling in ("mean", "causal"):
        for total in TOTAL_LEVELS:
            snn = snnconv.convert(
                ann,
                timesteps=TIMESTEPS,
                levels=total // TIMESTEPS,
                coupling=coupling,
                calibration="bias",
                calibration_data=training(given.shared, 50_000),
            )
            forms = {"float": to_onnx(snn), "stepped": to_int8(snn, stepped=True)}
            if coupling == "mean":
                forms["collapsed"] = to_int8(snn)
            answers = {form: run_onnx(proto, batches).argmax(1) for form, proto in forms.items()}
            for form, found in answers.items():
                row = {"coupling": coupling, "total_levels": total, "form": form}
                row |= {"float": same(found, answers["float"]), "ann": same(found, plain)}
                rows.append(row | {"accuracy": same(found, labels)})
                print(json.dumps(rows[-1]), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
