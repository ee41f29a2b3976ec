"""What each of several launched processes does: trainings whose results are compared with those of one process.

As a script, with a folder as its argument, it runs under torchrun. It leaves the tensors of every training and what it
saw, of each process apart.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snnconv.data import open_data
from snnconv.errors import InvalidValueError
from snnconv.finetune import FinetuneSettings, RunFiles, TrainSettings, finetune, train, trainer
from snnconv.finetune.continuation import continued
from snnconv.loading import load
from snnconv.model import Model

BATCH = 8
COMMAND = (
    *("train", "--model", "ann.onnx", "--data", "digits[:96]", "--eval-data", "digits[:51]", "--mean", 0, "--std", 1),
    *("--epochs", 2, "--batch-size", 16, "--lr", 0.05, "--json", "-o", "cli.onnx"),
)
ONE_STEP = FinetuneSettings(
    epochs=1, batch_size=BATCH, lr=1.0, momentum=0.0, weight_decay=0.0, scheduler="none", augment=False
)
LONGER = replace(
    ONE_STEP, epochs=3, lr=1e-3, optimizer="adamw", ema=0.9, rmp_loss=0.3, scheduler="cosine", warmup_epochs=1
)
NORMED = TrainSettings(epochs=2, batch_size=16, ema=0.5, initial_ceiling=4.0)


def one_step(snn: Model, *, images: str = f"digits[:{BATCH}]", **choices: Any) -> Model:
    """The network after one step of plain gradient descent with learning rate 1, on all of the images at once."""
    data = open_data(images, snn.input, purpose="train")
    return finetune(snn, data, replace(ONE_STEP, **choices), device="cpu")


def continued_from(snn: Model) -> Model:
    """What that step starts from."""
    return continued(snn, open_data(f"digits[:{BATCH}]", snn.input, purpose="train"), ONE_STEP)


class StoppedError(Exception):
    """Ends a training in every process."""


def _resumed(snn: Model, folder: Path) -> Model:
    """A training that stops after its first epoch and goes on."""
    data, files = open_data("digits[:32]", snn.input, purpose="train"), RunFiles.beside(folder / "resumed.onnx")
    save = trainer.Trainer.save

    def stopping(self: Any) -> None:
        save(self)
        raise StoppedError

    trainer.Trainer.save = stopping  # type: ignore[method-assign]
    try:
        finetune(snn, data, LONGER, device="cpu", files=files)
    except StoppedError:
        torch.distributed.barrier()
    finally:
        trainer.Trainer.save = save  # type: ignore[method-assign]
    return finetune(snn, data, LONGER, device="cpu", files=replace(files, resume=True))


def _normed(network: Model, **choices: Any) -> Model:
    """A network with batch-norm, trained."""
    return train(
        network,
        open_data("digits[:96]", network.input, purpose="train"),
        replace(NORMED, **choices),
        eval_data=open_data("digits[:50]", network.input, purpose="eval"),
        device="cpu",
    )


def main(folder: Path) -> None:
    """Run everything and write what came of it."""
    os.chdir(folder)
    rank, written, replace_file = int(os.environ["RANK"]), [], Path.replace

    def counted(self: Path, target: Path) -> Path:
        written.append(Path(target).name)
        return replace_file(self, target)

    Path.replace = counted  # type: ignore[method-assign]
    sys.argv = ["snnconv", *map(str, COMMAND)]
    runpy.run_module("snnconv.cli", run_name="__main__")

    snn, normed = load("snn.onnx"), load("normed.onnx")
    told: list[int] = []
    results = {
        "one_step": one_step(snn),
        "accumulated": one_step(snn, accumulate=2),
        "checkpointed": one_step(snn, accumulate=2, checkpoint_blocks=True),
        "whole": finetune(
            snn,
            open_data("digits[:32]", snn.input, purpose="train"),
            LONGER,
            device="cpu",
            on_epoch=lambda metrics: told.append(metrics.epoch),
        ),
        "resumed": _resumed(snn, folder),
        "normed": _normed(normed),
        "again": _normed(normed, checkpoint_blocks=True),
    }
    try:
        train(normed, "digits[:96]", replace(NORMED, batch_size=15), device="cpu")
    except InvalidValueError as error:
        refusal = str(error)
    for name, model in results.items():
        np.savez(f"{name}.{rank}.npz", **{key: value.numpy() for key, value in model.graph.state_dict().items()})
    seen = {
        "processes": torch.distributed.get_world_size(),
        "backend": torch.distributed.get_backend(),
        "written": written,
        "told": told,
        "refusal": refusal,
        "eval_accuracy": results["normed"].provenance["finetune"]["metrics"]["eval_accuracy"],
    }
    Path(f"seen.{rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
