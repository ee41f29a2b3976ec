"""Files of a recipe: the checkpoints and metrics of its stages, and the result of the first."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from snnconv.errors import FileError
from snnconv.files import require_writable
from snnconv.finetune.run import RunFiles
from snnconv.zoo.recipes import Recipe

__all__ = ["RecipeFiles"]


@dataclass(frozen=True)
class RecipeFiles:
    """Files of the stages, beside the file of the result.

    Attributes:
        output: Result, `NAME.onnx`, which whoever runs the recipe writes.
        resume: True to go on from the files of an interrupted run.
    """

    output: Path
    resume: bool = False

    @property
    def quantized(self) -> Path:
        """`NAME-qcfs.onnx`, the result of the first stage where another follows."""
        return self.output.with_name(f"{self.output.name.removesuffix('.onnx')}-qcfs.onnx")

    @property
    def first(self) -> RunFiles:
        """Files of the first of two stages; it goes on where it has begun."""
        files = RunFiles.beside(self.quantized)
        return replace(files, resume=self.resume and files.checkpoint.exists())

    @property
    def last(self) -> RunFiles:
        """Files of the second of two stages; it goes on where it has begun."""
        files = RunFiles.beside(self.output)
        return replace(files, resume=self.resume and files.checkpoint.exists())

    @property
    def only(self) -> RunFiles:
        """Files of the stage of a recipe that has one."""
        return RunFiles.beside(self.output, resume=self.resume)

    def metrics(self, recipe: Recipe) -> tuple[Path, ...]:
        """Return the files with the metrics of every epoch, one a training."""
        if recipe.convert is None:
            return (self.only.metrics,)
        return (self.first.metrics, *(() if recipe.finetune is None else (self.last.metrics,)))

    def check(self, recipe: Recipe) -> None:
        """Refuse to lose anything, before any work.

        Raises:
            FileError: There is nothing to go on from, something would be overwritten that took long to make, or a file
                cannot be written.
        """
        require_writable(self.output)
        if recipe.convert is None:
            self.only.check()
            return
        require_writable(self.quantized)
        begun = [path for path in (self.first.checkpoint, self.quantized) if path.exists()]
        if self.resume and not begun:
            raise FileError(
                f"There is nothing to go on from: neither {self.first.checkpoint} nor {self.quantized} is there. "
                "Without --resume the training starts anew."
            )
        if not self.resume and self.quantized.exists() and not self.output.exists():
            raise FileError(
                f"{self.quantized} is the first stage of a training that did not finish: go on with --resume, or "
                "remove it to start anew."
            )
        self.first.check()
        self.last.check()

    def is_finished(self, recipe: Recipe) -> bool:
        """Return whether there is nothing to go on with, for the result is written already."""
        written = all(os.path.isfile(path) for path in (self.output, *self.metrics(recipe)))
        checkpoints = (self.only.checkpoint, self.first.checkpoint, self.last.checkpoint)
        return self.resume and written and not any(os.path.lexists(path) for path in checkpoints)

    def finish(self, recipe: Recipe) -> None:
        """Remove the last checkpoint: the result is written."""
        (self.only if recipe.convert is None else self.last).finish()
