"""A training that is killed. As a script, with a folder as its argument, it kills one process a moment.

Every process trains into a folder of its moment's name and gets SIGKILL, which nothing can catch or clean up after.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from snnconv.data import describe_data, open_data
from snnconv.finetune import RunFiles, TrainSettings, build_network, train, trainer
from snnconv.model import Model
from snnconv.neurons import NeuronSettings

DATA = "digits[:200]"
SETTINGS = TrainSettings(
    epochs=3,
    batch_size=40,
    accumulate=2,
    lr=3e-3,
    optimizer="adamw",
    weight_decay=1e-2,
    warmup_epochs=1,
    clip=1.0,
    ema=0.9,
    bias_lr=4.0,
    whitening=True,
    flips="alternating",
    auto_augment="randaugment",
    cutout=2,
    mixup=0.2,
    cutmix=1.0,
    label_smoothing=0.1,
    rmp_loss=0.5,
    neuron=NeuronSettings("lmht", 2),
)
STEPS = 5  # an epoch
NAME = "snn.onnx"
MOMENTS = ("after_an_epoch", "between_two_steps", "while_a_checkpoint_is_written", "before_the_last_metrics")


def network() -> Model:
    return build_network("zoo:small-cnn", describe_data(DATA, purpose="train"))


def run(model: Model, folder: Path, *, resume: bool = False, **hooks: Any) -> Model:
    """Train `model` with its files in a folder."""
    images = open_data(DATA, model.input, purpose="train")
    held_out = open_data("digits[:100]", model.input, purpose="eval")
    files = RunFiles.beside(folder / NAME, resume=resume)
    return train(model, images, SETTINGS, eval_data=held_out, files=files, device="cpu", **hooks)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying_write(ending: str, number: int) -> Callable[[Path, Path], Path]:
    """`Path.replace`, but death before the file of that ending is replaced for so many times."""
    replace, written = Path.replace, []

    def dying(self: Path, target: Path) -> Path:
        if str(target).endswith(ending):
            written.append(target)
            if len(written) == number:
                _die()
        return replace(self, target)

    return dying


def _until(step: int) -> Callable[..., Iterator[Any]]:
    """Progress of a training that dies when so many steps are done, over all epochs."""
    taken = [0]

    def progress(batches: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        for batch in batches:
            if taken[0] == step:
                _die()
            taken[0] += 1
            yield batch

    return progress


def killed(model: Model, folder: Path, moment: str) -> None:
    """Train until death."""
    if moment == "after_an_epoch":
        run(model, folder, on_epoch=lambda metrics: metrics.epoch == 2 and _die())
    elif moment == "before_the_last_metrics":
        Path.replace = _dying_write(".metrics.jsonl", SETTINGS.epochs)  # type: ignore[method-assign]
        run(model, folder)
    trainer.CHECKPOINT_S = 0.0  # a checkpoint after every step
    if moment == "between_two_steps":
        run(model, folder, progress=_until(random.Random(1).randrange(2, SETTINGS.epochs * STEPS)))
    else:
        Path.replace = _dying_write(".checkpoint", 8)  # type: ignore[method-assign]
        run(model, folder)


def main(folder: Path) -> None:
    """Kill one process a moment, all of them children of this one, and print what each died of as JSON."""
    model, children = network(), {}
    for moment in MOMENTS:
        (folder / moment).mkdir()
        child = os.fork()
        if not child:
            try:
                killed(model, folder / moment, moment)
            finally:
                os._exit(1)
        children[moment] = child
    died = {moment: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for moment, child in children.items()}
    sys.stdout.write(json.dumps(died))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
