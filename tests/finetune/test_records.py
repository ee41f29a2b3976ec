"""A step waits for no number of the device; what steps found is fetched together and tells the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comparing import same
from torch.utils._python_dispatch import TorchDispatchMode

from snnconv.finetune import DivergenceError, EpochMetrics, TrainSettings, train, trainer
from snnconv.finetune.processes import open_accelerator
from snnconv.finetune.records import Records
from snnconv.neurons import NeuronSettings

CPU = torch.device("cpu")
SETTINGS = TrainSettings(epochs=2, batch_size=40, lr=0.01, initial_ceiling=4.0)  # five steps an epoch
CHOICES = {
    "qcfs": {},
    "clipped": {"clip": 1.0, "ema": 0.9, "label_smoothing": 0.1},
    "mixed": {"mixup": 0.2, "cutmix": 1.0, "cutout": 2},
    "lmht": {"neuron": NeuronSettings("lmht", 2), "rmp_loss": 0.1, "accumulate": 2},
    "lif": {"neuron": NeuronSettings("lif", 2), "checkpoint_blocks": True},
    "mlf": {"neuron": NeuronSettings("mlf", 2)},
}


@pytest.fixture
def in_threes(monkeypatch):
    """As on an accelerator, but after three steps; the fifth is fetched at the end of the epoch."""
    monkeypatch.setattr(Records, "full", property(lambda self: len(self) >= 3))


class Reads(TorchDispatchMode):
    """Counts the numbers that Python asks tensors for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", CHOICES)
def test_a_step_asks_for_no_number(kind, small_cnn, few_digits, monkeypatch):
    counts, step = [], trainer.Trainer._step

    def watched(self, x, y):
        with Reads() as reads:
            step(self, x, y)
        counts.append(reads.count)

    with Reads() as reads:
        torch.ones(()).item()
    assert reads.count == 1
    monkeypatch.setattr(trainer.Trainer, "_step", watched)
    train(small_cnn, few_digits, replace(SETTINGS, epochs=1, **CHOICES[kind]), device="cpu")
    assert counts == [0] * 5


@pytest.mark.parametrize("kind", CHOICES)
def test_fetched_together_they_tell_the_same(kind, small_cnn, few_digits, request):
    def told() -> tuple:
        log: list[EpochMetrics] = []
        model = train(small_cnn, few_digits, replace(SETTINGS, **CHOICES[kind]), on_epoch=log.append, device="cpu")
        return model, [replace(metrics, wall_s=0.0, images_per_s=0.0) for metrics in log]

    one, log = told()
    request.getfixturevalue("in_threes")
    other, others = told()
    assert same(one, other)
    assert log == others


@pytest.mark.usefixtures("in_threes")
@pytest.mark.parametrize("bad", [2, 3, 5])
@pytest.mark.parametrize("where", ["loss", "parameter"])
def test_the_first_step_that_diverged_is_named(where, bad, small_cnn, few_digits, monkeypatch):
    step, build = trainer.Trainer._step, trainer.build_optimizer

    def poisoned(self, x, y):
        step(self, torch.full_like(x, torch.nan) if where == "loss" and self.step == bad else x, y)

    def ruinous(graph, settings):
        optimizer, taken = build(graph, settings), []
        own = optimizer.step

        def ruin():
            own()
            taken.append(None)
            if where == "parameter" and len(taken) == bad:
                with torch.no_grad():
                    next(graph.parameters()).view(-1)[0] = float("inf")

        optimizer.step = ruin
        return optimizer

    monkeypatch.setattr(trainer.Trainer, "_step", poisoned)
    monkeypatch.setattr(trainer, "build_optimizer", ruinous)
    what = "The loss is nan" if where == "loss" else "is no longer finite"
    with pytest.raises(DivergenceError, match=rf"{what} in epoch 1, step {bad} "):
        train(small_cnn, few_digits, SETTINGS, device="cpu")


def test_sums_are_over_the_batch_of_parts_of_any_size():
    records = Records(open_accelerator(CPU), CPU)
    assert records.fetch() == []
    first = [(3, [torch.tensor(2.0), torch.tensor(1.0), torch.tensor(2)])]
    first.append((1, [torch.tensor(4.0), torch.tensor(0.5), torch.tensor(1)]))
    records.add(7, ["loss", "part.task"], first, torch.tensor(5.0))
    assert records.full
    (found,) = records.fetch()
    assert found.sums == {"loss": 10.0, "part.task": 3.5, "right": 3.0, "seen": 4.0}
    assert (found.step, found.finite, found.norm, len(records)) == (7, True, 5.0, 0)


def test_on_an_accelerator_several_steps_are_kept():
    records = Records(open_accelerator(CPU), torch.device("meta"))
    number = torch.zeros((), device="meta")
    for step in range(1, 11):
        assert not records.full
        records.add(step, ["loss"], [(1, [number, number])], number)  # whatever read a value would fail
    assert records.full
