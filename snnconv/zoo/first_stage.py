"""Store the first stage of a recipe in a file, and take it from there when the recipe goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snnconv.data.images import Images
from snnconv.errors import InvalidValueError
from snnconv.finetune.run import RunFiles, differences
from snnconv.finetune.settings import TrainSettings
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.model import Model
from snnconv.zoo.recipe_files import RecipeFiles

__all__ = ["stored_first_stage"]


def stored_first_stage(
    train: Callable[[RunFiles], Model], settings: TrainSettings, images: Images, files: RecipeFiles
) -> Model:
    """Return the result of the first stage, read from its file also where it was just written.

    So the second stage starts from the same weights whether the recipe was interrupted or not.

    Args:
        train: Function that trains the first stage, with its files.
        settings: Settings of the first stage.
        images: Images that it is trained on.
        files: Files of the recipe.

    Raises:
        InvalidValueError: The file is of a first stage that was trained otherwise; the differences are named.
        FileError: The file is damaged or cannot be written.
    """
    from accelerate import PartialState

    run = files.first
    if files.resume and not run.resume:
        stored = load(files.quantized)
        _require_same(stored, settings, images, files.quantized)
        return stored
    trained = train(run)
    process = PartialState()
    if process.is_main_process:
        save(trained, files.quantized)
        run.finish()
    process.wait_for_everyone()
    return load(files.quantized)


def _require_same(stored: Model, settings: TrainSettings, images: Images, path: Path) -> None:
    """Refuse a first stage that was trained otherwise.

    Raises:
        InvalidValueError: The settings or the data differ; the differences are named.
    """
    origin: dict[str, Any] = stored.provenance.get("finetune") or {}
    current = {"data": images.spec, "images": len(images), **json.loads(json.dumps(settings.to_dict()))}
    former = {"data": origin.get("data"), "images": origin.get("images"), **(origin.get("settings") or {})}
    if differing := differences(current, former, "the file's"):
        raise InvalidValueError(
            f"{path} is the first stage of another training: {differing}. Give the same, or remove the file to start "
            "anew."
        )
