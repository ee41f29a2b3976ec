"""How much a quantized network's answers depend on its weights' last digits, and what 8 bits do beside that.

    python -m benchmarks.perturbation ../shared --output benchmarks/results/perturbation.json

ResNet-20 at several N, calibrated with "bias"; agreement on the 1,017 test images of the quantized network with itself
after noise was added to its convolutions' weights (normal, a share of each weight tensor's standard deviation), and
with its 8-bit form in onnxruntime.
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

SHARES = (1e-5, 1e-4, 1e-3, 4e-3)
TIMESTEPS, TOTAL_LEVELS = 4, (8, 16, 32, 64)


def compared(found: Tensor, wanted: Tensor) -> dict[str, float]:
    """Agreement in percent, and the relative error, centred over the images."""
    return {
        "agreement": 100 * float((found.argmax(1) == wanted.argmax(1)).double().mean()),
        "error": float((found - wanted).norm() / (wanted - wanted.mean(0)).norm()),
    }


def main() -> None:
    """One JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()

    import snnconv
    from snnconv.evaluation import run_onnx
    from snnconv.formats.onnx import to_int8
    from snnconv.runtime.inference import for_inference
    from snnconv.spiking.unrolling import collapse

    ann = snnconv.load(given.shared / "models" / "cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    images = snnconv.open_data(test(given.shared), ann.input, purpose="eval")
    batches = [x for x, _ in images.batches(64)]
    labels = torch.as_tensor(images.labels.copy())
    rows: list[dict[str, Any]] = []

    @torch.inference_mode()
    def logits(model: Any) -> Tensor:
        return torch.cat([model.logits(x) for x in batches])

    plain = logits(for_inference(ann))
    for total in TOTAL_LEVELS:
        snn = snnconv.convert(
            ann,
            timesteps=TIMESTEPS,
            levels=total // TIMESTEPS,
            calibration="bias",
            calibration_data=training(given.shared, 50_000),
        )
        quantized = for_inference(collapse(snn))
        wanted = logits(quantized)
        row: dict[str, Any] = {"total_levels": total, "ann": compared(wanted, plain), "noise": {}}
        for share in SHARES:
            noisy = quantized.copy()
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for module in noisy.graph.modules():
                    if isinstance(module, torch.nn.Conv2d):
                        weight = module.weight
                        weight.add_(share * weight.std() * torch.randn(weight.shape, generator=generator))
            row["noise"][share] = compared(logits(noisy), wanted)
        eight = run_onnx(to_int8(snn), batches)
        row |= {"int8": compared(eight, wanted), "int8_ann": compared(eight, plain)}
        for name, found in (("ann", plain), ("quantized", wanted), ("int8", eight)):
            row[f"accuracy_{name}"] = 100 * float((found.argmax(1) == labels).double().mean())
        rows.append(row)
        print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
