"""Files of a training, beside its result: the checkpoint that it goes on from, and the metrics of every epoch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnconv.data.images import Images
from snnconv.errors import FileError, InvalidValueError
from snnconv.files import locked, require_writable
from snnconv.finetune.checkpoint import Checkpoint, load_checkpoint
from snnconv.model import Model

__all__ = ["RunFiles", "differences", "identity_of"]

CHECKPOINT, METRICS, LOCK = ".checkpoint", ".metrics.jsonl", ".lock"
DIGEST = re.compile("[0-9a-f]{64}")
FREE = ("checkpoint_blocks", "workers")  # settings that change nothing of the result


@dataclass(frozen=True)
class RunFiles:
    """Files of one training, beside the file of its result.

    Attributes:
        checkpoint: Checkpoint; removed when the result is written.
        metrics: Metrics, one JSON object an epoch.
        resume: True to go on from the checkpoint.
    """

    checkpoint: Path
    metrics: Path
    resume: bool = False

    @staticmethod
    def beside(output: str | os.PathLike[str], *, resume: bool = False) -> RunFiles:
        """Return `NAME.checkpoint` and `NAME.metrics.jsonl` beside `NAME.onnx`."""
        stem = Path(output).with_suffix("") if Path(output).suffix == ".onnx" else Path(output)
        return RunFiles(Path(f"{stem}{CHECKPOINT}"), Path(f"{stem}{METRICS}"), resume)

    def locked(self) -> AbstractContextManager[None]:
        """Return a context in which no other process trains into the same files.

        Raises:
            FileError: On entry: another process trains into them.
        """
        stem = self.checkpoint.with_suffix("")
        return locked(stem.with_name(f"{stem.name}{LOCK}"), f"training that writes {self.checkpoint} and its result")

    def check(self) -> None:
        """Refuse to lose anything, before any work.

        Raises:
            FileError: There is no checkpoint to go on from, there is one that would be overwritten, another process
                trains into the same files, or a file cannot be written.
        """
        for path in (self.checkpoint, self.metrics):
            require_writable(path)
        with self.locked():
            self._check()

    def _check(self) -> None:
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

    def is_finished(self, output: str | os.PathLike[str]) -> bool:
        """Return whether there is nothing to go on with, for the result is written already.

        Args:
            output: File of the result.
        """
        written = os.path.isfile(output) and os.path.isfile(self.metrics)
        return self.resume and written and not os.path.lexists(self.checkpoint)

    def finish(self) -> None:
        """Remove the checkpoint: the result is written."""
        self.checkpoint.unlink(missing_ok=True)

    def load(self, settings: dict[str, Any], identity: dict[str, Any]) -> Checkpoint | None:
        """Return the checkpoint to go on from, or None to start anew.

        Args:
            settings: Settings of this training, ready for JSON.
            identity: Result of `identity_of` for this training.

        Raises:
            FileError: The checkpoint is missing or damaged.
            InvalidValueError: It belongs to another training than this one; the differences are named.
        """
        if not self.resume:
            return None
        checkpoint = load_checkpoint(self.checkpoint)
        for current, former in ((settings, checkpoint.settings), (identity, checkpoint.identity)):
            if differing := differences(current, former, "the checkpoint's"):
                raise InvalidValueError(
                    f"The checkpoint {self.checkpoint} belongs to another training: {differing}. Give the same, or "
                    "remove the checkpoint to start anew."
                )
        return checkpoint


def differences(current: Mapping[str, Any], former: Mapping[str, Any], whose: str) -> str:
    """Return how a training differs from one that was stored, in words; empty where it does not.

    Args:
        current: Settings or data of this training.
        former: Settings or data that were stored.
        whose: Words for the stored ones, such as "the checkpoint's".
    """
    names = sorted((current.keys() | former.keys()) - set(FREE))
    pairs = [(name, current.get(name), former.get(name)) for name in names]
    return "; ".join(_difference(name, now, then, whose) for name, now, then in pairs if now != then)


def _difference(name: str, current: Any, former: Any, whose: str) -> str:
    """Return how one value differs; two digests say only that they do."""
    if all(isinstance(value, str) and DIGEST.fullmatch(value) for value in (current, former)):
        return f"{name} is of other contents than {whose}"
    return f"{name} is {current!r}, {whose} {former!r}"


def identity_of(model: Model, images: Images, teacher: Model | None) -> dict[str, Any]:
    """Return all that a checkpoint must agree with beside the settings."""
    return {
        "data": images.spec,
        "images": len(images),
        "pixels": images.fingerprint(),
        **{f"input_{name}": value for name, value in _with_lists(model.input.to_dict()).items()},
        "source": model.provenance.get("source_sha256") or model.provenance.get("source"),
        "stage": model.stage.value,
        "timesteps": model.timesteps,
        "levels": model.levels,
        "teacher": None if teacher is None else teacher.provenance.get("source"),
        "teacher_weights": None if teacher is None else teacher.provenance.get("source_sha256"),
    }


def _with_lists(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with lists for tuples, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
