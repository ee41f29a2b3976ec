"""Mixup and cutmix: what they do, and that seed, epoch and step alone fix it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snnconv.errors import InvalidValueError
from snnconv.finetune import TrainSettings, train
from snnconv.finetune.mixing import Mixing
from snnconv.finetune.settings import LoopSettings

MIXES = [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}]
X = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 2, 3, 2, 1])


def _mixed(settings: LoopSettings, *, epoch: int = 1, step: int = 1):
    return Mixing(settings, 4)(X, Y, epoch=epoch, step=step)


def test_mixup_is_a_weighted_mean_of_an_image_and_another_and_of_their_labels():
    x, y = _mixed(LoopSettings(mixup=0.4))
    one_hot = torch.nn.functional.one_hot(Y, 4).float()
    share = float(((x - X.flip(0)) * (X - X.flip(0))).sum() / (X - X.flip(0)).square().sum())
    assert 0 < share < 1
    torch.testing.assert_close(x, share * X + (1 - share) * X.flip(0))
    torch.testing.assert_close(y, share * one_hot + (1 - share) * one_hot.flip(0))


def test_cutmix_pastes_a_rectangle_and_weighs_labels_by_its_area():
    settings, areas = LoopSettings(cutmix=1.0), set()
    for step in range(1, 20):
        x, y = _mixed(settings, step=step)
        pasted = (x == X.flip(0)).all(0).all(0)
        assert torch.equal((x == X).all(0).all(0), ~pasted)
        rows, columns = pasted.any(1), pasted.any(0)
        assert torch.equal(pasted, rows[:, None] & columns)  # a rectangle, the same in every image
        area = float(pasted.float().mean())
        torch.testing.assert_close(y[0], torch.tensor([1 - area, area, 0.0, 0.0]))
        areas.add(area)
    assert len(areas) > 5


def test_labels_are_smoothed_too():
    _, y = _mixed(LoopSettings(mixup=0.4, label_smoothing=0.2))
    torch.testing.assert_close(y.sum(1), torch.ones(6))
    torch.testing.assert_close(y.amin(1), torch.full((6,), 0.2 / 4))


@pytest.mark.parametrize("mix", MIXES)
def test_seed_epoch_and_step_fix_the_mix(mix):
    x, y = _mixed(LoopSettings(**mix), epoch=2, step=3)
    again, labels = _mixed(LoopSettings(**mix), epoch=2, step=3)
    assert torch.equal(x, again)
    assert torch.equal(y, labels)
    others = [
        _mixed(LoopSettings(**mix), epoch=3, step=3),
        _mixed(LoopSettings(**mix), epoch=2, step=4),
        _mixed(LoopSettings(**mix, seed=1), epoch=2, step=3),
        _mixed(LoopSettings(**mix, seed=2**32), epoch=2, step=3),
    ]
    assert all(not torch.equal(x, other) for other, _ in others)


@pytest.mark.parametrize("mix", MIXES)
def test_nothing_else_is_changed(mix):
    before, images = np.random.get_state()[1].copy(), X.clone()
    _mixed(LoopSettings(**mix))
    assert np.array_equal(np.random.get_state()[1], before)
    assert torch.equal(images, X)


def test_frames_of_a_recording_are_mixed_alike():
    frames = torch.stack([X, X, X + 1])  # [T, B, C, H, W]
    mixing = Mixing(LoopSettings(mixup=0.4), 4)
    x, y = mixing(frames, Y, epoch=1, step=1)
    still, labels = mixing(X, Y, epoch=1, step=1)
    torch.testing.assert_close(x, torch.stack([still, still, still + 1]))
    assert torch.equal(y, labels)


def test_an_odd_batch_cannot_be_paired(few_digits, small_cnn):
    with pytest.raises(InvalidValueError, match=r"5 images.*even"):
        Mixing(LoopSettings(mixup=0.1), 4)(X[:5], Y[:5], epoch=1, step=1)
    with pytest.raises(InvalidValueError, match=r"25 images.*even"):
        train(small_cnn, few_digits, TrainSettings(epochs=1, batch_size=25, cutmix=1.0), device="cpu")


def test_it_is_trained_on(few_digits, small_cnn):
    log = []
    settings = TrainSettings(epochs=8, batch_size=20, mixup=0.2, cutmix=1.0, initial_ceiling=4.0, label_smoothing=0.1)
    train(small_cnn, few_digits, settings, on_epoch=log.append, device="cpu")
    assert log[-1].loss < 0.9 * log[0].loss
