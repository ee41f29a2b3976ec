"""What is moved to suit the steps of a causal network: means come together, errors never rise, time stays causal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_cases import CASES, images, plain, prepared, run_double
from reference import multithreshold as reference

from snnconv.convert import calibrate, calibrate_causal, convert
from snnconv.convert.calibration import causal
from snnconv.convert.verification import verify
from snnconv.errors import VerificationError
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.neurons import Coupling
from snnconv.spiking.sites import channel_axis, iter_sites
from snnconv.spiking.unrolling import spike

ROUNDING = 1e-6  # of sums of 32-bit numbers, relative
STARTS = np.arange(17) / 16


def converted(name, timesteps=4, levels=1, count=24):
    ann = prepared(name)
    x = images(ann, count)
    quantized = calibrate(ann, [x], timesteps * levels)
    return ann, quantized, spike(quantized, timesteps, levels, Coupling.CAUSAL), x


def recorded(model, x):
    """Input and output of every site, by name."""
    kept, handles = {}, []
    for place, site in iter_sites(model.graph):

        def keep(_, given, out, name=str(place.target)):
            kept[name] = (given[0].detach(), out.detach())

        handles.append(site.register_forward_hook(keep))
    model(x)
    for handle in handles:
        handle.remove()
    return kept


def errors(ann, snn, x):
    """Of each site: squared error of the time mean, and the mean distance of a channel's mean from the ANN's."""
    found, wanted = recorded(snn, x), recorded(ann, x)
    result = {}
    for place, _ in iter_sites(ann.graph):
        name, axis = str(place.target), channel_axis(ann.graph, place)
        off = (found[name][1].unflatten(0, (snn.timesteps, -1)).mean(0) - wanted[name][1]).movedim(axis, 0).flatten(1)
        result[name] = (float(off.square().sum()), float(off.mean(1).abs().mean()))
    return result


def state(model):
    return {name: value.clone() for name, value in model.graph.state_dict().items()}


@pytest.mark.parametrize(("count", "size"), [(1, 1), (4, 3)])
def test_a_batch_of_one_image_is_moved_like_any_other(count, size, monkeypatch):
    """Repeated over time it is one image seen T times, until its elements get places of their own."""
    ann, quantized, snn, x = converted("chain", count=count)
    whole = calibrate_causal(ann, quantized, snn, [x])
    largest = max(torch.Size(place.meta["shape"]).numel() for place in ann.graph.graph.nodes if "shape" in place.meta)
    monkeypatch.setattr(causal, "ELEMENTS", size * snn.timesteps * largest)
    parts = calibrate_causal(ann, quantized, snn, [x])
    for name, value in state(whole.snn).items():
        torch.testing.assert_close(state(parts.snn)[name], value, rtol=0, atol=ROUNDING)


def test_the_first_site_is_what_a_slow_search_finds():
    """Channel by channel: v_0 of least squared error on the grid, then the bias, twice, with what it started from."""
    ann, quantized, snn, x = converted("chain", timesteps=3)
    made = calibrate_causal(ann, quantized, snn, [x]).snn
    currents, _ = recorded(snn, x)["r1"]
    wanted = recorded(ann, x)["r1"][1].movedim(1, 0).flatten(1).double().numpy()
    steps = currents.unflatten(0, (3, -1)).movedim(2, 1).flatten(2).double().numpy()
    thetas = snn.graph.get_submodule("r1").ceiling.detach().double().numpy()
    shifts = (made.graph.get_submodule("c1").bias - snn.graph.get_submodule("c1").bias).detach().numpy()
    for channel, theta in enumerate(thetas):

        def fired(initial, bias, channel=channel, theta=theta):
            did = reference.trace(steps[:, channel] + bias, np.array(theta), 1, initial)
            return (did.s * theta).mean(0)

        found = float(made.graph.get_submodule("r1").initial[channel])
        error = [np.square(fired(initial, 0.0) - wanted[channel]).sum() for initial in STARTS]
        assert error[int(found * 16)] == pytest.approx(min(error), rel=1e-4)
        bias = 0.0
        for _ in range(2):
            moved = bias + (wanted[channel] - fired(found, bias)).mean()
            if np.square(fired(found, moved) - wanted[channel]).sum() <= error[8] * (1 + ROUNDING):
                bias = moved
        assert shifts[channel] == pytest.approx(bias, abs=1e-2 * theta)


@pytest.mark.parametrize(("timesteps", "levels"), [(2, 1), (4, 1), (2, 4), (5, 2)])
@pytest.mark.parametrize("name", ["chain", "residual_of_spikes", "channels_last"])
def test_no_site_has_a_larger_error_given_its_spikes(name, timesteps, levels):
    ann, quantized, snn, x = converted(name, timesteps, levels)
    result = calibrate_causal(ann, quantized, snn, [x])
    assert [site.name for site in result.sites] == [place.meta["onnx_name"] for place, _ in iter_sites(ann.graph)]
    for site in result.sites:
        assert site.after <= site.before * (1 + ROUNDING)
        assert 0 <= site.initial_min <= site.initial_max <= 1
    assert any(site.after < site.before for site in result.sites)
    measured = errors(ann, result.snn, x)
    wanted = recorded(ann, x)
    for (place, _), site in zip(iter_sites(ann.graph), result.sites, strict=True):
        squares = float(wanted[str(place.target)][1].square().sum())
        assert measured[str(place.target)][0] / squares == pytest.approx(site.after, rel=1e-3)


@pytest.mark.parametrize(("timesteps", "levels"), [(4, 1), (3, 2)])
def test_means_come_together_where_spikes_are_uneven(timesteps, levels):
    """Behind the first site, which sees a constant current."""
    ann, quantized, snn, x = converted("residual_of_spikes", timesteps, levels, 64)
    before = errors(ann, snn, x)["features"]
    after = errors(ann, calibrate_causal(ann, quantized, snn, [x]).snn, x)["features"]
    assert after[1] < 0.75 * before[1]
    assert after[0] < before[0]


@pytest.mark.parametrize("name", CASES)
def test_currents_agree_with_the_quantized_network_that_comes_back(name):
    ann, quantized, snn, x = converted(name)
    result = calibrate_causal(ann, quantized, snn, [x])
    verify(result.quantized, result.snn, x[:4], ann=ann)


def test_the_quantized_network_of_before_does_not_agree():
    ann, quantized, snn, x = converted("chain")
    result = calibrate_causal(ann, quantized, snn, [x])
    with pytest.raises(VerificationError):
        verify(quantized, result.snn, x[:4], ann=ann)


def test_the_given_networks_stay_and_the_result_can_be_repeated():
    ann, quantized, snn, x = converted("residual_of_spikes")
    before = [state(model) for model in (ann, quantized, snn)]
    first, second = (calibrate_causal(ann, quantized, snn, list(x.split(size))) for size in (24, 7))
    for model, kept in zip((ann, quantized, snn), before, strict=True):
        assert all(torch.equal(value, kept[key]) for key, value in state(model).items())
    assert first.sites == second.sites
    assert all(torch.equal(value, state(second.snn)[key]) for key, value in state(first.snn).items())


def test_a_step_depends_on_no_later_one():
    """A site whose currents change from some step on fires the same before it."""
    ann, quantized, snn, x = converted("chain", 6, 2)
    site = calibrate_causal(ann, quantized, snn, [x]).snn.graph.get_submodule("features")
    currents = recorded(snn, x)["features"][0].clone()  # made in inference mode
    fired = site(currents).unflatten(0, (6, -1))
    for step in range(1, 6):
        changed = currents.unflatten(0, (6, -1)).clone()
        changed[step:] += torch.randn(changed[step:].shape, generator=torch.Generator().manual_seed(step))
        assert torch.equal(site(changed.flatten(0, 1)).unflatten(0, (6, -1))[:step], fired[:step])


def test_one_step_is_never_uneven():
    ann, quantized, snn, x = converted("chain", 1, 4)
    result = calibrate_causal(ann, quantized, snn, [x])
    assert (result.images, result.sites) == (0, ())
    assert all(torch.equal(value, state(snn)[key]) for key, value in state(result.snn).items())


@pytest.mark.parametrize("ceilings", ["channel", "layer"])
def test_convert_calibrates_steps_and_the_file_keeps_them(ceilings, tmp_path):
    from snnconv.convert import CalibrationSettings

    ann = plain("residual_of_spikes")
    x = images(ann, 30)
    snn = convert(
        ann,
        timesteps=3,
        levels=2,
        coupling="causal",
        calibration_data=x,
        calibration=CalibrationSettings("bias", ceilings=ceilings),
    )
    assert snn.report.causal.images == 30
    assert snn.provenance["conversion"]["causal_images"] == 30
    assert len(snn.report.causal.sites) == len(snn.report.verification.sites)
    again = load(save(snn, tmp_path / "network.onnx"))
    for mine, wanted in zip(again(x), snn(x), strict=True):
        assert torch.equal(mine, wanted)
    sites = [(a, b) for (_, a), (_, b) in zip(iter_sites(again.graph), iter_sites(snn.graph), strict=True)]
    assert all(torch.equal(a.initial, b.initial) and torch.equal(a.ceiling, b.ceiling) for a, b in sites)
    assert any(bool((a.initial != 0.5).any()) for a, _ in sites)


@pytest.mark.parametrize("method", ["max", "percentile", "mse", "balance"])
def test_methods_without_biases_leave_the_steps_alone(method):
    ann = plain("chain")
    snn = convert(ann, timesteps=3, coupling="causal", calibration_data=images(ann, 20), calibration=method)
    assert snn.report.causal is None
    assert all(float(site.initial) == 0.5 for _, site in iter_sites(snn.graph))


def test_it_helps():
    """Outputs of the calibrated network are closer to the ANN's, on other images."""
    ann, quantized, snn, x = converted("residual_of_spikes", 4, 1, 200)
    other = images(ann, 100, seed=5)
    wanted = run_double(ann, other)[0]
    before, after = (
        float((run_double(model, other)[0] - wanted).square().mean())
        for model in (snn, calibrate_causal(ann, quantized, snn, [x]).snn)
    )
    assert after < before
