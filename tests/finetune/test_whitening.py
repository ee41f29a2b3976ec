"""The first convolution: whitening filters of the images' patches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from comparing import state
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from snnconv.data import Images
from snnconv.data.opening import as_images
from snnconv.errors import InvalidValueError
from snnconv.finetune import TrainSettings, train
from snnconv.finetune.whitening import whiten
from snnconv.loading import load_module
from snnconv.model import InputSpec, Model
from snnconv.neurons import NeuronSettings

SIZE = 9


def _images(count: int = 300, channels: int = 2) -> Images:
    """Images whose neighbours resemble each other, brighter than 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, channels, SIZE, SIZE)).cumsum(3).cumsum(2).astype(np.float32)
    x[:, 1:] += x[:, :1]
    return as_images((x, rng.integers(3, size=count)), InputSpec(channels, SIZE, SIZE), "train")


def _network(convolution: nn.Conv2d, channels: int = 2) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return load_module(module.append(nn.Linear(len(convolution.weight), 3)), (channels, SIZE, SIZE))


def _first(model: Model) -> nn.Conv2d:
    return next(module for module in model.graph.modules() if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize("filters", [16, 6])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [((2, 2), 1, 1), ((1, 4), 2, 1), ((2, 2), 1, 3)])
def test_outputs_are_the_uncorrelated_directions_of_largest_variance(filters, kernel, stride, dilation):
    model, images = _network(nn.Conv2d(2, filters, kernel, stride, dilation=dilation)), _images()
    whiten(model.graph, images, 0)
    x = torch.stack([images[place][0] for place in range(len(images))])
    with torch.inference_mode():
        out = _first(model)(x).double().transpose(0, 1).flatten(1).numpy()
    half = filters // 2
    np.testing.assert_allclose(out[half:], -out[:half])
    np.testing.assert_allclose(out[:half] @ out[:half].T / out.shape[1], np.eye(half), atol=3e-2)  # of ε, at most
    reach = [dilation * (side - 1) + 1 for side in kernel]
    windows = sliding_window_view(x.numpy(), reach, (2, 3))[:, :, ::stride, ::stride, ::dilation, ::dilation]
    patches = np.moveaxis(windows, 1, 3).reshape(-1, 8).astype(np.float64)
    variances, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    weight = _first(model).weight.detach().double().numpy().reshape(filters, -1)[:half]
    along = np.abs(weight @ vectors)[:, ::-1][:, :half]  # each filter lies along one eigenvector, in falling order
    np.testing.assert_allclose(along, np.diag((variances[::-1][:half] + 5e-4) ** -0.5), atol=1e-4 * along.max())


def test_the_same_images_give_the_same_filters():
    first, second = (_network(nn.Conv2d(2, 16, 2)) for _ in range(2))
    images = _images()
    whiten(first.graph, images, 3)
    whiten(second.graph, images, 3)
    assert torch.equal(_first(first).weight, _first(second).weight)


@pytest.mark.parametrize("neuron", [None, NeuronSettings("lmht", 2)], ids=["quantized", "spiking"])
def test_filters_stay_and_the_rest_is_trained(neuron):
    model, images = _network(nn.Conv2d(2, 16, 2)), _images()
    whitened = model.copy()
    whiten(whitened.graph, images, 5)
    settings = TrainSettings(epochs=1, batch_size=50, seed=5, whitening=True, augment=False, neuron=neuron, lr=0.05)
    trained = train(model, images, settings, device="cpu")
    assert torch.equal(_first(trained).weight, _first(whitened).weight)
    assert _first(trained).bias.abs().max() > 0  # it starts at 0
    before, after = state(model), state(trained)
    assert not any(torch.equal(before[name], after[name]) for name in before if name != "n_0.weight")
    plain = train(model, images, replace(settings, whitening=False), device="cpu")
    assert not torch.equal(_first(plain).weight, _first(whitened).weight)


@pytest.mark.parametrize(
    ("convolution", "said"),
    [
        (nn.Conv2d(2, 18, 2), "at most 16 .*it has 18"),
        (nn.Conv2d(2, 5, 2), "an even number.*it has 5"),
        (nn.Conv2d(2, 4, 2, groups=2), "one 2D convolution"),
    ],
)
def test_a_network_that_cannot_be_whitened_is_refused(convolution, said):
    with pytest.raises(InvalidValueError, match=f"whitening.*{said}"):
        train(_network(convolution), _images(), TrainSettings(epochs=1, whitening=True), device="cpu")
