"""Accuracy that fine-tuning brings back: a plain ReLU network converted at T=2, L=2, before and after.

    python -m benchmarks.finetuning ../shared --output benchmarks/results/finetuning.json
    python -m benchmarks.finetuning ../shared --coupling differential --timesteps 1 --images 16667 --epochs 1

cifar10_resnet20.onnx (made by others, who trained it on all training images of CIFAR-10, 45000..49999 among them)
is converted without training, then fine-tuned on images 0..44999: as LM-HT, or with its power-of-two messages under
differential coupling, at any T.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, held_out, test, training
from benchmarks.environment import environment

TIMESTEPS, LEVELS = 2, 2
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 32,
    "optimizer": "adamw",
    "lr": 3e-4,
    "weight_decay": 0.0,
    "distill_features": 1.0,
}


def main() -> None:
    """Convert, evaluate, fine-tune, evaluate."""
    import snnconv
    from snnconv.finetune import FinetuneSettings, finetune

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--coupling", choices=("mean", "differential"), default="mean")
    parser.add_argument("--timesteps", type=int, default=TIMESTEPS)
    parser.add_argument("--images", type=int, default=45_000)
    parser.add_argument("--epochs", type=int, default=SETTINGS["epochs"])
    parser.add_argument("--change", type=json.loads, default={}, help='other settings, as in {"mixup": 1.0}')
    parser.add_argument("--no-teacher", action="store_true", help="labels only, without distillation")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    def accuracies(model: Any) -> dict[str, float | None]:
        sets = {"held_out": held_out(given.shared), "test": test(given.shared)}
        return {
            name: snnconv.evaluate(model, spec, activity_images=0, precision="float32").accuracy
            for name, spec in sets.items()
        }

    ann = snnconv.load(given.shared / "models" / "cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    data = training(given.shared, given.images)
    levels = None if given.coupling == "differential" else LEVELS
    choices: dict[str, Any] = {"timesteps": given.timesteps, "levels": levels, "coupling": given.coupling}
    snn = snnconv.convert(ann, calibration_data=data, **choices)
    rows = [{"network": "ANN", **accuracies(ann)}, {"network": "SNN, converted", **accuracies(snn)}]
    print(json.dumps(rows), flush=True)
    settings = {**SETTINGS, "epochs": given.epochs, **given.change}
    for seed in given.seeds:
        start = time.perf_counter()
        tuned = finetune(
            snn,
            snnconv.open_data(data, snn.input, purpose="train"),
            FinetuneSettings(**settings, seed=seed),
            teacher=None if given.no_teacher else ann,
            on_epoch=lambda metrics: print(json.dumps(metrics.to_dict()), flush=True),
        )
        wall_s = round(time.perf_counter() - start)
        rows.append({"network": "SNN, fine-tuned", "seed": seed, "wall_s": wall_s, **accuracies(tuned)})
        print(json.dumps(rows[-1]), flush=True)
    if given.output:
        settings |= {**choices, "images": given.images, "teacher": not given.no_teacher}
        report = {"environment": environment(), "settings": settings, "threads": given.threads, "rows": rows}
        given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
