"""The whole pipeline: what it takes, what it warns of, what it refuses, and that it can be repeated."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from graph_cases import CASES, images, plain, quantize

import snnconv
from snnconv.convert import convert
from snnconv.convert.verification import verify
from snnconv.data.datasets import open_data
from snnconv.errors import DataError, FileError, InvalidValueError, ModelError, SnnconvWarning
from snnconv.model import InputSpec, Stage
from snnconv.neurons import Coupling
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse


@pytest.fixture(scope="module")
def ann():
    return plain("residual_of_spikes")


@pytest.fixture(scope="module")
def data(ann):
    return images(ann, 40)


def assert_same(one, other):
    first, second = one.graph.state_dict(), other.graph.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("coupling", ["mean", "causal", Coupling.MEAN])
@pytest.mark.parametrize("name", ["residual_of_spikes", "channels_last", "flat_mlp", "two_outputs"])
def test_a_plain_network(name, coupling):
    ann = plain(name)
    before = {key: value.clone() for key, value in ann.graph.state_dict().items()}
    graph = str(ann.graph.graph)
    snn = convert(ann, timesteps=4, coupling=coupling, calibration_data=images(ann, 30))
    assert (snn.stage, snn.timesteps, snn.levels, snn.coupling) == (Stage.SNN, 4, 4, Coupling(coupling))
    assert snn.input == ann.input
    assert snn.outputs == ann.outputs
    report = snn.report
    assert (report.timesteps, report.levels, report.total_levels, report.coupling) == (4, 4, 16, str(coupling))
    assert report.calibration_images == 30
    assert report.wall_s > 0
    assert snn.provenance["conversion"]["calibration"] == report.calibration
    assert str(ann.graph.graph) == graph
    assert all(torch.equal(value, before[key]) for key, value in ann.graph.state_dict().items())
    x = images(ann, 6, seed=1)
    if snn.coupling is Coupling.MEAN:
        assert verify(collapse(snn), snn, x).tolerance <= 1e-9
        error = (snn.logits(x) - ann.logits(x)).square().mean() / ann.logits(x).square().mean()
        assert error < 0.02


def test_without_data_it_says_how_to_give_some(ann):
    with pytest.warns(SnnconvWarning, match="--calibration-data") as caught:
        snn = convert(ann)
    assert len(caught) == 1
    assert snn.report.calibration_images == 256


def test_without_data_a_flat_network_is_given_standard_normal_values():
    with pytest.warns(SnnconvWarning, match="--calibration-data"):
        snn = convert(plain("flat_mlp"), calibration_images=64)
    assert snn.report.calibration_images == 64
    assert snn(torch.zeros(3, 6))[0].shape == (3, 5)


@pytest.mark.parametrize(("timesteps", "levels"), [(4, 2), (2, 4), (1, 8), (8, 1)])
def test_a_quantized_network_needs_no_data_and_keeps_its_levels(ann, timesteps, levels):
    """Warnings are errors here: there is none."""
    quantized = quantize(ann, 8)
    snn = convert(quantized, timesteps=timesteps)
    assert (snn.timesteps, snn.levels) == (timesteps, levels)
    assert_same(collapse(snn), quantized)
    assert snn.report.calibration_images == 0
    assert "trained" in snn.report.calibration


def test_a_quantized_network_takes_data_to_verify_with(ann, data):
    quantized = quantize(ann, 8)
    snn = convert(quantized, calibration_data=data)
    assert_same(snn, convert(quantized))
    assert snn.report.calibration_images == 0
    assert snn.report.verification.images == 32
    assert "serve to verify only" in snn.report.calibration
    with pytest.raises(InvalidValueError, match="calibration_data has shape"):
        convert(quantized, calibration_data=data[:, :1])
    with pytest.raises(FileError, match="nowhere"):
        convert(quantized, calibration_data="npz:nowhere.npz")


@pytest.mark.parametrize(("count", "checked"), [(40, 32), (20, 20)])
def test_it_is_verified_on_images_of_every_batch(ann, count, checked, monkeypatch):
    seen = []
    monkeypatch.setattr(import_module("snnconv.convert.calibration.images"), "ELEMENTS", 5 * 4 * 6 * 6)
    monkeypatch.setattr(
        import_module("snnconv.convert.pipeline"),
        "verify",
        lambda q, s, x, **more: seen.append(x) or verify(q, s, x, **more),
    )
    x = images(ann, count)
    assert convert(ann, calibration_data=x).report.verification.images == checked
    places = [next(place for place in range(count) if torch.equal(x[place], image)) for image in seen[0]]
    assert len(places) == checked
    assert {place // 5 for place in places} == set(range(count // 5))


def test_a_slow_network_is_verified_on_fewer_images(ann, data, monkeypatch):
    monkeypatch.setattr(import_module("snnconv.convert.verification"), "forward_seconds", lambda _: 0.04)
    assert convert(ann, timesteps=2, calibration_data=data).report.verification.images == 12
    assert convert(ann, timesteps=18, calibration_data=data).report.verification.images == 4


@pytest.mark.parametrize(("timesteps", "levels"), [(4, 4), (3, None), (4, 1)])
def test_another_number_of_levels_is_warned_about(ann, timesteps, levels):
    with pytest.warns(SnnconvWarning, match=r"N=8 levels .* --levels and --timesteps"):
        snn = convert(quantize(ann, 8), timesteps=timesteps, levels=levels)
    assert snn.levels == (levels or 3)


def test_sites_of_different_levels_cannot_all_be_kept(ann):
    quantized = quantize(ann, 8)
    next(iter_sites(quantized.graph))[1].total_levels = 4
    with pytest.warns(SnnconvWarning, match="N=4 and 8 levels"):
        convert(quantized, timesteps=8)
    with pytest.warns(SnnconvWarning, match="N=4 and 8 levels"):
        convert(quantized, timesteps=4, levels=2)


def test_sites_of_different_levels_keep_them_where_time_steps_divide_them(ann):
    quantized = quantize(ann, 8)
    next(iter_sites(quantized.graph))[1].total_levels = 4
    snn = convert(quantized, timesteps=4)
    assert [site.levels for _, site in iter_sites(snn.graph)] == [1, 2]
    assert [site.total_levels for _, site in iter_sites(collapse(snn).graph)] == [4, 8]
    assert (snn.levels, snn.report.levels, snn.report.total_levels) == (2, 2, 8)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"timesteps": 0}, "timesteps is 0"),
        ({"timesteps": -1}, "timesteps is -1"),
        ({"timesteps": 2.5}, "timesteps is 2.5"),
        ({"levels": 0}, "levels is 0"),
        ({"levels": True}, "levels is True"),
        ({"coupling": "both"}, "mean, causal, differential"),
        ({"calibration_images": 0}, "calibration_images is 0"),
    ],
)
def test_values_outside_what_is_allowed(ann, wrong, named):
    with pytest.raises(InvalidValueError, match=named):
        convert(ann, **wrong)


def test_a_spiking_network_is_not_converted_again(ann):
    snn = convert(quantize(ann, 8))
    with pytest.raises(ModelError, match="SNN already"):
        convert(snn)


@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (3, 6, 6), (5, 6, 6, 3), (5, 3, 6, 7), (5, 108)])
def test_a_tensor_of_another_shape(ann, shape):
    with pytest.raises(InvalidValueError, match=r"\[n, 3, 6, 6\]"):
        convert(ann, calibration_data=torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_tensor_that_is_not_finite(ann, data, value):
    broken = data.clone()
    broken[3, 1, 2, 2] = value
    with pytest.raises(InvalidValueError, match="NaN or infinite"):
        convert(ann, calibration_data=broken)


def test_images_opened_for_another_network(ann, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8))
    spec = f"npz:{tmp_path / 'x.npz'}"
    opened = open_data(spec, InputSpec(3, 8, 8), purpose="calibration")
    with pytest.raises(DataError, match=r"\[3, 8, 8\].*\[3, 6, 6\]"):
        convert(ann, calibration_data=opened)
    ours = open_data(spec, replace(ann.input, resize=6), purpose="calibration")
    with pytest.warns(SnnconvWarning, match="9 images only"):
        snn = convert(ann, calibration_data=ours, calibration_images=9)
    assert snn.report.calibration_images == 9
    assert snn.report.calibration.startswith(spec)


def test_a_flat_network_takes_no_images(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 8, 8, 6), np.uint8))
    with pytest.raises((DataError, InvalidValueError), match=r"flat|channels"):
        convert(plain("flat_mlp"), calibration_data=f"npz:{tmp_path / 'x.npz'}")


def test_a_seed_makes_it_repeatable(ann, data):
    first, second = (convert(ann, calibration_data=data, calibration_images=16, seed=3) for _ in range(2))
    assert_same(first, second)
    other = convert(ann, calibration_data=data, calibration_images=16, seed=4)
    assert not torch.equal(other.graph.get_submodule("r1").ceiling, first.graph.get_submodule("r1").ceiling)
    assert first.report.calibration_images == 16


def test_a_seed_makes_it_repeatable_without_data(ann):
    with pytest.warns(SnnconvWarning):
        first, second = (convert(ann, calibration_images=16, seed=3) for _ in range(2))
    assert_same(first, second)


@pytest.mark.parametrize("name", CASES)
def test_levels_bring_it_close_to_the_ann(name):
    ann = plain(name)
    snn = convert(ann, timesteps=8, levels=16, calibration_data=images(ann, 60))
    x = images(ann, 20, seed=2)
    wanted = ann.logits(x)
    assert (snn.logits(x) - wanted).square().mean() < 1e-3 * wanted.square().mean()


def test_the_verb_of_the_package_is_the_pipeline():
    assert snnconv.convert.convert is convert
    assert callable(snnconv.convert)
    assert snnconv.verify is verify
