"""What IF, LIF and MLF have of their own; their laws are in test_neuron_laws.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snnconv.errors import InvalidValueError
from snnconv.neurons import LIF, MultiLevel, multilevel, parse_surrogate
from snnconv.neurons.lif import lif

ONE = torch.tensor(1.0, dtype=torch.float64)


def _double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_a_level_fires_strictly_above_its_beginning():
    x = _double(0.5, np.nextafter(0.5, 1), 1.5, np.nextafter(1.5, 2), 9.0)
    for reset in ("soft", "hard"):
        assert lif(x[None], ONE, 2, reset=reset).tolist() == [[0.0, 1.0, 1.0, 2.0, 2.0]]


def test_a_membrane_fires_strictly_above_its_threshold():
    x = _double(0.6, np.nextafter(0.6, 1), 1.6, np.nextafter(1.6, 2), 9.0)
    assert multilevel(x[None], ONE, 2).tolist() == [[0.0, 1.0, 1.0, 2.0, 2.0]]


def test_what_the_resets_leave():
    """1.4 fires once: soft leaves 0.4, hard nothing."""
    x = _double(1.4, 0.2)[:, None]
    assert lif(x, ONE).flatten().tolist() == [1.0, 1.0]
    assert lif(x, ONE, reset="hard").flatten().tolist() == [1.0, 0.0]


def test_the_decay_is_what_is_left():
    """0.4 and then 0.4: of IF 0.8, of decay 0.2 only 0.48; decay 0 forgets."""
    x = _double(0.4, 0.4)[:, None]
    assert [lif(x, ONE, decay=decay)[1].item() for decay in (1.0, 0.3, 0.2, 0.0)] == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_a_spike_passes_its_gradient_through_the_reset(reset):
    """x_1 fires at 0.8; s_2 sees it through the potential that is left: du_2/dx_1 = 1 - ds (soft) or 1 - s - u*ds."""
    x = _double(0.8, 0.6)[:, None].requires_grad_()
    lif(x, ONE, reset=reset, surrogate=parse_surrogate("sigmoid:2"))[1].sum().backward()
    sigma = 1 / (1 + math.exp(-2 * 0.3))
    ds = 2 * sigma * (1 - sigma)
    left = 0.8 - 1 if reset == "soft" else 0.0
    rho = 1 / (1 + math.exp(-2 * (left + 0.6 - 0.5)))
    through = 1 - ds if reset == "soft" else -0.8 * ds
    assert x.grad.flatten().tolist() == pytest.approx([through * 2 * rho * (1 - rho), 2 * rho * (1 - rho)], rel=1e-12)


@pytest.mark.parametrize("decay", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("neuron", [lif, multilevel])
def test_decays_outside_0_to_1_are_refused(neuron, decay):
    with pytest.raises(InvalidValueError, match="decay"):
        neuron(torch.zeros(1, 1), ONE, 1, decay=decay)


@pytest.mark.parametrize("levels", [0, -1, 2.0, True])
@pytest.mark.parametrize("neuron", [lif, multilevel])
def test_levels_that_are_no_positive_integer_are_refused(neuron, levels):
    with pytest.raises(InvalidValueError, match="levels"):
        neuron(torch.zeros(1, 1), ONE, levels)


def test_unknown_resets_are_refused():
    with pytest.raises(InvalidValueError, match="one of soft, hard"):
        lif(torch.zeros(1, 1), ONE, reset="none")


@pytest.mark.parametrize("kind", [LIF, MultiLevel])
def test_layers_refuse_what_they_cannot_be(kind):
    for wrong in ({"timesteps": 0}, {"timesteps": 2, "levels": 0}, {"timesteps": 2, "surrogate": "step"}):
        with pytest.raises(InvalidValueError, match=r"timesteps|levels|surrogate"):
            kind(ONE, **wrong)
