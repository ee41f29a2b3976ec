"""Small networks and the digits, built once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from snnconv.convert import convert
from snnconv.data import Images, describe_data, open_data
from snnconv.finetune import EpochMetrics, TrainSettings, build_network, demo_settings, train
from snnconv.loading import load_module
from snnconv.model import Model


@pytest.fixture(scope="session")
def small_cnn() -> Model:
    """Three sites, with batch-norm."""
    return build_network("zoo:small-cnn", describe_data("digits", purpose="train"))


@pytest.fixture(scope="session")
def digits(small_cnn: Model) -> Images:
    return open_data("digits", small_cnn.input, purpose="train")


@pytest.fixture(scope="session")
def few_digits(digits: Images) -> Images:
    return digits.sample(200, seed=0)


@pytest.fixture(scope="session")
def held_out_digits(small_cnn: Model) -> Images:
    return open_data("digits", small_cnn.input, purpose="eval")


@dataclass(frozen=True)
class Trained:
    model: Model
    settings: TrainSettings
    metrics: list[EpochMetrics]


@pytest.fixture(scope="session")
def trained(small_cnn: Model, digits: Images, held_out_digits: Images) -> Trained:
    """The small network, quantized to N = 8 and trained on the digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    metrics: list[EpochMetrics] = []
    settings = replace(demo_settings(), epochs=8, batch_size=128, augment=False)
    model = train(small_cnn, digits, settings, eval_data=held_out_digits, on_epoch=metrics.append, device="cpu")
    torch.set_num_threads(threads)
    return Trained(model, settings, metrics)


@pytest.fixture(scope="session")
def spiking(trained: Trained) -> Model:
    """The same network with M-HT neurons, T = 2, L = 4, mean coupling: it equals the quantized one."""
    return convert(trained.model, timesteps=2, levels=4)


@pytest.fixture(scope="session")
def plain_ann() -> Model:
    """Three sites without batch-norm, weights random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(128, 10),
        )
    return load_module(module, (1, 8, 8))


@pytest.fixture(scope="session")
def converted(plain_ann: Model, few_digits: Images) -> Callable[..., Model]:
    """Convert that network: `converted(timesteps=2, levels=2, coupling="mean")`."""
    x, _ = next(few_digits.batches(100))
    return lambda **options: convert(plain_ann, calibration_data=x, **options)
