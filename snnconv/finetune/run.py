"""Where a training keeps itself, and how it goes on: the checkpoint and the metrics beside the result."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnconv.data.images import Images
from snnconv.errors import FileError, InvalidValueError
from snnconv.files import require_writable
from snnconv.finetune.checkpoint import Checkpoint, load_checkpoint
from snnconv.model import Model

__all__ = ["FREE", "RunFiles", "identity_of"]

CHECKPOINT, METRICS = ".checkpoint", ".metrics.jsonl"
DIGEST = re.compile("[0-9a-f]{64}")
FREE = ("checkpoint_blocks", "workers")  # settings that change nothing of the result


@dataclass(frozen=True)
class RunFiles:
    """The files of one training, beside the file of its result.

    Attributes:
        checkpoint: where the training stands; removed when the result is written.
        metrics: one JSON object an epoch.
        resume: go on from the checkpoint.
    """

    checkpoint: Path
    metrics: Path
    resume: bool = False

    @staticmethod
    def beside(output: str | os.PathLike[str], *, resume: bool = False) -> RunFiles:
        """`NAME.checkpoint` and `NAME.metrics.jsonl` beside `NAME.onnx`."""
        stem = Path(output).with_suffix("") if Path(output).suffix == ".onnx" else Path(output)
        return RunFiles(Path(f"{stem}{CHECKPOINT}"), Path(f"{stem}{METRICS}"), resume)

    def check(self) -> None:
        """Refuse what would be lost, before any work.

        Raises:
            FileError: there is no checkpoint to go on from, there is one that would be overwritten, or a file cannot be
                written.
        """
        if self.resume:
            load_checkpoint(self.checkpoint)
        elif os.path.lexists(self.checkpoint):
            try:
                load_checkpoint(self.checkpoint)
            except FileError as error:
                raise FileError(
                    f"A training keeps its checkpoint in {self.checkpoint}, where something else is already: name "
                    "another output with -o."
                ) from error
            raise FileError(
                f"{self.checkpoint} is the checkpoint of a training that did not finish: go on with --resume, or "
                "remove it to start anew."
            )
        for path in (self.checkpoint, self.metrics):
            require_writable(path)

    def is_finished(self, output: str | os.PathLike[str]) -> bool:
        """Return whether there is nothing to go on with, for the result is written already.

        Args:
            output: File of the result.
        """
        there = os.path.isfile(output) and os.path.isfile(self.metrics)
        return self.resume and there and not os.path.lexists(self.checkpoint)

    def finish(self) -> None:
        """Remove the checkpoint: the result is written."""
        self.checkpoint.unlink(missing_ok=True)

    def load(self, settings: dict[str, Any], identity: dict[str, Any]) -> Checkpoint | None:
        """The checkpoint to go on from, None to start anew.

        Raises:
            FileError: it is missing or damaged.
            InvalidValueError: it is of another training than this one; what differs is named.
        """
        if not self.resume:
            return None
        found = load_checkpoint(self.checkpoint)
        for mine, its in ((settings, found.settings), (identity, found.identity)):
            differing = [name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name)]
            differing = [name for name in differing if name not in FREE]
            if differing:
                told = "; ".join(_told(name, mine.get(name), its.get(name)) for name in sorted(differing))
                raise InvalidValueError(
                    f"The checkpoint {self.checkpoint} belongs to another training: {told}. Give the same, or remove "
                    "the checkpoint to start anew."
                )
        return found


def _told(name: str, mine: Any, its: Any) -> str:
    """How one thing differs; of a digest there is only that it does."""
    if all(isinstance(value, str) and DIGEST.fullmatch(value) for value in (mine, its)):
        return f"{name} is of other contents than the checkpoint's"
    return f"{name} is {mine!r}, the checkpoint's {its!r}"


def identity_of(model: Model, images: Images, teacher: Model | None) -> dict[str, Any]:
    """What a checkpoint must agree with beside the settings."""
    return {
        "data": images.spec,
        "images": len(images),
        "pixels": images.fingerprint(),
        **{f"input_{name}": value for name, value in _listed(model.input.to_dict()).items()},
        "source": model.provenance.get("source_sha256") or model.provenance.get("source"),
        "stage": model.stage.value,
        "timesteps": model.timesteps,
        "levels": model.levels,
        "teacher": None if teacher is None else teacher.provenance.get("source"),
        "teacher_weights": None if teacher is None else teacher.provenance.get("source_sha256"),
    }


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
