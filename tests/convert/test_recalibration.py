"""Calibrating a quantized network anew, for another number of levels: no ceiling rises, every channel's mean stays."""

from __future__ import annotations

import pytest
import torch
from graph_cases import CASES, W, classifier, conv, images, model_of, node, prepared, quantize

from snnconv.convert.calibration import calibrate
from snnconv.convert.calibration.bias import bias_carrier
from snnconv.errors import SnnconvWarning
from snnconv.model import Stage
from snnconv.neurons import QCFS, Coupling
from snnconv.spiking.sites import channel_axis, iter_sites
from snnconv.spiking.unrolling import collapse, spike

OLD, NEW = 16, 5
MEAN_ERROR = 0.01  # of a ceiling: what two rounds of bias correction may leave of a mean
NAMES = [name for name in CASES if name != "relu_on_the_input"]  # whose site no bias precedes


def _batches(model, count=96, size=32):
    return list(torch.split(images(model, count), size))


def _outputs(model, batches):
    """Everything that each site puts out, `[C, M]`."""
    outs: dict[str, list[torch.Tensor]] = {}
    handles = []
    for place, site in iter_sites(model.graph):
        axis = channel_axis(model.graph, place)

        def keep(_, __, out, name=str(place.target), axis=axis):
            rows = out.double().reshape(1, -1) if axis is None else out.double().movedim(axis, 0).flatten(1)
            outs.setdefault(name, []).append(rows)

        handles.append(site.register_forward_hook(keep))
    for batch in batches:
        model(batch)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(found, 1) for name, found in outs.items()}


@pytest.mark.parametrize(("name", "total_levels"), [*((name, NEW) for name in NAMES), ("chain", 2 * OLD)])
def test_no_ceiling_rises_and_every_mean_stays(name, total_levels):
    old = quantize(prepared(name), OLD)
    before = {key: value.clone() for key, value in old.graph.state_dict().items()}
    batches = _batches(old)
    new = calibrate(old, batches, total_levels, anew=old)
    assert new.stage is Stage.QUANTIZED
    assert all(torch.equal(before[key], value) for key, value in old.graph.state_dict().items())
    wanted, found = _outputs(old, batches), _outputs(new, batches)
    for (place, site), (_, its) in zip(iter_sites(new.graph), iter_sites(old.graph), strict=True):
        assert isinstance(site, QCFS)
        assert (site.total_levels, its.total_levels) == (total_levels, OLD)
        assert site.channel_axis == its.channel_axis
        assert (site.ceiling <= its.ceiling * (1 + 1e-6)).all()
        if bias_carrier(new.graph, place) is not None:
            error = (found[place.target].mean(1) - wanted[place.target].mean(1)).abs() / its.ceiling.detach()
            assert float(error.max()) <= MEAN_ERROR * (OLD / min(total_levels, OLD))


def test_few_levels_get_lower_ceilings_and_a_smaller_error():
    old = quantize(prepared("chain"), OLD)
    batches = _batches(old)
    kept, anew = calibrate(old, batches, 2), calibrate(old, batches, 2, anew=old)
    wanted = _outputs(old, batches)

    def error(model):
        return sum(float((out - wanted[name]).square().mean()) for name, out in _outputs(model, batches).items())

    assert error(anew) < 0.95 * error(kept)
    ceilings = [[site.ceiling for _, site in iter_sites(model.graph)] for model in (old, kept, anew)]
    for its, same, lower in zip(*ceilings, strict=True):
        assert torch.equal(its, same)
        assert (lower < 0.95 * its).any()


def test_the_biases_are_what_keeps_the_means():
    old = quantize(prepared("chain"), OLD)
    batches = _batches(old)
    new = calibrate(old, batches, 2, anew=old)
    uncorrected = new.copy()
    for part in ("c1", "c2"):
        uncorrected.graph.get_submodule(part).bias = old.graph.get_submodule(part).bias
        assert torch.equal(uncorrected.graph.get_submodule(part).weight, old.graph.get_submodule(part).weight)
    wanted, after, before = (_outputs(model, batches) for model in (old, new, uncorrected))
    for name, out in wanted.items():
        error, without = ((found[name].mean(1) - out.mean(1)).abs().max() for found in (after, before))
        assert error < 0.5 * without


def test_without_anew_ceilings_and_biases_stay():
    old = quantize(prepared("chain"), OLD)
    new = calibrate(old, _batches(old), NEW)
    for key, value in old.graph.state_dict().items():
        assert torch.equal(new.graph.state_dict()[key], value)
    assert {site.total_levels for _, site in iter_sites(new.graph)} == {NEW}


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
def test_a_spiking_network_at_another_t_and_l(coupling):
    """Collapse, calibrate anew, spike: what `finetune` does with --timesteps and --levels."""
    snn = spike(quantize(prepared("residual_of_spikes"), 8), 4, 2, coupling)
    batches = _batches(snn)
    resized = spike(calibrate(collapse(snn), batches, 6, anew=snn), 2, 3, coupling)
    assert (resized.timesteps, resized.levels, resized.coupling) == (2, 3, coupling)
    assert {(site.timesteps, site.levels) for _, site in iter_sites(resized.graph)} == {(2, 3)}
    wanted, found = _outputs(collapse(snn), batches), _outputs(collapse(resized), batches)
    for name, out in wanted.items():
        assert float((found[name].mean(1) - out.mean(1)).abs().max()) < 0.03


def test_one_ceiling_for_all_channels_becomes_one_a_channel():
    old = quantize(prepared("chain"), OLD)
    for place, _ in list(iter_sites(old.graph)):
        old.graph.add_submodule(str(place.target), QCFS(torch.tensor(0.9), OLD))
    new = calibrate(old, _batches(old), NEW, anew=old)
    for _, site in iter_sites(new.graph):
        assert site.ceiling.shape == (4,)
        assert (site.ceiling <= 0.9 * (1 + 1e-6)).all()


def test_a_site_that_is_silent_keeps_its_ceilings():
    model = model_of(
        classifier(
            [
                conv("input", "c1", "w1", "low"),
                node("Relu", "c1", "r1"),
                conv("r1", "c2", "w2"),
                node("Relu", "c2", "features"),
            ],
            {"low": W["b1"] - 100},
        )
    )
    old = quantize(model, OLD)
    with pytest.warns(SnnconvWarning, match="Not one unit was active"):
        new = calibrate(old, _batches(old), NEW, anew=old)
    (_, before), (_, after) = next(iter_sites(old.graph)), next(iter_sites(new.graph))
    assert torch.equal(before.ceiling, after.ceiling)
    assert after.total_levels == NEW
