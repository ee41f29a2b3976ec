from __future__ import annotations

import math
import subprocess
import sys

import pytest

from snnconv.errors import InvalidValueError
from snnconv.finetune import FinetuneSettings, TrainSettings, demo_settings, finetune, train
from snnconv.options import options_of


def test_the_defaults_are_the_recipe():
    given = TrainSettings()
    assert (given.total_levels, given.epochs, given.lr, given.momentum) == (8, 300, 0.1, 0.9)
    assert (given.weight_decay, given.optimizer, given.scheduler) == (5e-4, "sgd", "cosine")
    assert (given.initial_ceiling, given.average_pool) == (8.0, True)
    assert demo_settings().total_levels == 8


@pytest.mark.parametrize(
    "values",
    [
        {"total_levels": 0},
        {"epochs": 0},
        {"batch_size": 1.5},
        {"lr": 0.0},
        {"lr": math.nan},
        {"lr": math.inf},
        {"weight_decay": -1.0},
        {"momentum": 1.0},
        {"optimizer": "sdg"},
        {"scheduler": "exponential"},
        {"warmup_epochs": -1},
        {"warmup_epochs": 300},
        {"warmup_epochs": 1, "scheduler": "none"},
        {"initial_ceiling": 0.0},
        {"label_smoothing": 1.0},
        {"seed": -1},
        {"seed": 2**63},
        {"accumulate": 0},
        {"accumulate": 3},  # of a batch of 128
        {"step_epochs": 0},
        {"step_rate": 0.0},
        {"step_rate": 1.5},
        {"clip": -1.0},
        {"ema": 1.0},
        {"auto_augment": "augmix"},
        {"cutout": -1},
        {"cutout": 2.5},
        {"mixup": -0.1},
        {"cutmix": math.inf},
        {"rmp_loss": 0.1},  # of a quantized network
        {"rmp_sites": "outer"},
        {"distill_logits": -1.0},
        {"distill_features": math.nan},
        {"distill_temperature": 0.0},
        {"workers": -2},
    ],
)
def test_what_is_not_allowed_is_refused_by_name(values):
    with pytest.raises(InvalidValueError, match=next(iter(values))):
        TrainSettings(**values)


@pytest.mark.parametrize("given", [{}, None, FinetuneSettings(epochs=1)])
def test_settings_of_another_kind_are_refused(given, small_cnn, few_digits):
    with pytest.raises(InvalidValueError, match=rf"settings is a {type(given).__name__}: it must be a TrainSettings"):
        train(small_cnn, few_digits, given)
    with pytest.raises(InvalidValueError, match="settings is a TrainSettings: it must be a FinetuneSettings"):
        finetune(small_cnn, few_digits, TrainSettings())


def test_a_neuron_is_no_name():
    with pytest.raises(InvalidValueError, match="neuron is 'lif': it must be None or a NeuronSettings"):
        TrainSettings(neuron="lif")


def test_settings_are_read_without_torch():
    code = "import sys; from snnconv.finetune.settings import TrainSettings; TrainSettings(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert {"torch", "timm", "numpy"}.isdisjoint(ran.stdout.decode().split())


@pytest.mark.parametrize("kind", [TrainSettings, FinetuneSettings])
def test_every_setting_has_a_help_text(kind):
    assert {name for name in kind.__dataclass_fields__ if name not in options_of(kind)} <= {"neuron"}
    assert all(field.metadata["help"].endswith(".") for field in options_of(kind).values())


def test_the_settings_of_a_file_are_flat_and_in_their_order():
    """Checkpoints and provenance of older versions are compared with these names."""
    assert list(FinetuneSettings().to_dict())[:4] == ["epochs", "batch_size", "accumulate", "lr"]
    assert list(FinetuneSettings().to_dict())[-4:] == ["levels", "mpr", "train_ceilings", "calibration_images"]
    assert (FinetuneSettings().epochs, FinetuneSettings().lr, TrainSettings().lr) == (30, 5e-4, 0.1)
