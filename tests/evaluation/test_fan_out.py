"""Fan-out and MACs of linear operators, against every connection there is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnconv.costs.operations import Operations
from snnconv.costs.operators import fan_out, macs

OPERATORS = [
    (nn.Conv2d(4, 6, 3), (7, 5)),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1), (7, 6)),
    (nn.Conv2d(4, 6, (3, 1), padding=(2, 0), dilation=2, groups=2), (7, 6)),
    (nn.Conv2d(4, 8, 3, padding=1, groups=4), (5, 5)),
    (nn.Conv2d(4, 6, 2, stride=3), (7, 7)),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 5)),
    (nn.Conv1d(4, 6, 3, padding=1), (6,)),
    (nn.Conv3d(4, 6, 2, padding=1), (3, 3, 2)),
    (nn.ConvTranspose1d(4, 6, 4, stride=3, dilation=2), (5,)),
]


@pytest.mark.parametrize(("operator", "spatial"), OPERATORS)
def test_fan_out_is_the_number_of_outputs_that_an_input_reaches(operator, spatial):
    with torch.inference_mode():
        found = fan_out(operator, torch.Size([2, 4, *spatial])).expand(4, *spatial)
    nn.init.ones_(operator.weight)
    spikes = torch.eye(found.numel()).view(-1, 4, *spatial)  # one in each
    reached = operator(spikes) - operator(torch.zeros_like(spikes))
    expected = (reached.abs() > 0.5).flatten(1).sum(1).view(4, *spatial)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("operator", "spatial"), OPERATORS)
def test_without_padding_the_fan_outs_add_up_to_the_macs(operator, spatial):
    whole = type(operator)(4, 6, operator.kernel_size, stride=operator.stride, groups=2)
    x = torch.zeros(1, 4, *spatial)
    per_channel = fan_out(whole, x.shape)
    assert macs(whole, x.numel(), whole(x).numel()) == 4 * int(per_channel.sum())


def test_a_linear_layer_feeds_all_its_outputs():
    assert fan_out(nn.Linear(3, 7), torch.Size([2, 5, 3])) == 7
    assert macs(nn.Linear(3, 7), 2 * 5 * 3, 2 * 5 * 7) == 2 * 5 * 3 * 7


def test_energy_adds_up():
    operations = Operations(
        macs_per_image=10.0,
        synops_per_image=100.0,
        additions_per_image=5.0,
        uncounted_operators=({"name": "a", "operator": "Sigmoid"},),
    )
    assert operations.energy_pj_per_image == pytest.approx(46 + 90 + 4.5)
    values = operations.to_dict()
    assert values["uncounted_operators"] == [{"name": "a", "operator": "Sigmoid"}]
    assert "not a measurement" in values["energy_note"]
