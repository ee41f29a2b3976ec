"""Numbers of a report against slow loops, and against what `evaluate` says."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from graph_cases import plain, prepared, quantize
from reference import multithreshold as reference
from reference.qcfs import qcfs as reference_qcfs

from snnconv.evaluation import ann_energy, evaluate
from snnconv.neurons import Coupling, NeuronSettings, build_neuron
from snnconv.reporting import ReportOptions, gather
from snnconv.reporting.energy_view import energy_view
from snnconv.reporting.histogram import BinCounts
from snnconv.reporting.measure import measure
from snnconv.reporting.predictions import ImagePredictions
from snnconv.reporting.recorder import Correlation
from snnconv.spiking.couplings import depth_of, latency_of, variants
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import spike

T = 4


def currents_of_first_site(snn, images):
    """What the first site receives of a still image: the convolution's output, in float64, `[n, C, H, W]`."""
    x = torch.stack([image for image, _ in (images[index] for index in range(len(images)))]).double()
    graph = snn.copy().graph.double().eval()
    kept = {}
    node, site = next(iter(iter_sites(graph)))
    site.register_forward_hook(lambda _, given, out: kept.update(x=given[0], out=out))
    graph(x)
    return kept["x"].detach().numpy().reshape(T, len(images), *node.meta["shape"]), site


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
@pytest.mark.parametrize("case", ["chain", "residual_of_spikes"])
def test_a_site_is_what_a_loop_over_neurons_finds(case, coupling, images):
    ann = plain(case)
    snn = spike(quantize(prepared(case), 8), T, coupling=coupling)
    found = measure(snn, images, against=ann)[0]
    currents, site = currents_of_first_site(snn, images)
    theta = site.ceiling.detach().double().numpy().reshape(-1, 1, 1) / 2
    trace = reference.trace(currents, theta, levels=2)
    s, mean = trace.s, currents.mean(0)
    u = trace.m / theta - 0.5
    lam = 2 * theta
    activation = np.maximum(mean, 0)
    clipped = np.minimum(activation, lam)
    quantized = reference_qcfs(mean, lam, 8)
    spikes = (theta * s).mean(0)
    whole = activation.sum()
    assert found.neurons == math.prod(currents.shape[2:])
    assert found.firing_rate == pytest.approx(s.mean())
    assert found.silent == pytest.approx((s.sum(0) == 0).mean())
    assert found.saturated == pytest.approx((s.sum(0) == 8).mean())
    assert found.fired.shares == pytest.approx([(s == level).mean() for level in range(3)])
    assert found.clipping == pytest.approx(np.abs(activation - clipped).sum() / whole)
    assert found.quantization == pytest.approx(np.abs(clipped - quantized).sum() / whole)
    assert found.unevenness == pytest.approx(np.abs(quantized - spikes).sum() / whole, abs=1e-12)
    nearest = np.clip(np.round(u), 0, 2)
    assert found.potential_loss == pytest.approx(np.square(u - nearest).mean())
    edges = np.array(found.potentials.edges)
    counts, _ = np.histogram(u, edges)
    assert found.potentials.shares == pytest.approx(counts / u.size, abs=2 / u.size)  # rounding at an edge
    assert found.potentials.below + found.potentials.above + sum(found.potentials.shares) == pytest.approx(1)
    wanted = np.maximum(mean, 0)  # a still image's current is the ANN's own
    assert found.correlation == pytest.approx(np.corrcoef(spikes.ravel(), wanted.ravel())[0, 1])
    assert found.ann_error == pytest.approx(np.square(spikes - wanted).sum() / np.square(wanted).sum())


def test_sites_do_not_depend_on_how_images_come_in_batches(snn, ann, images, monkeypatch):
    whole = measure(snn, images, against=ann)
    monkeypatch.setattr(import_module("snnconv.reporting.measure"), "LARGEST_BATCH", 5)
    for one, other in zip(whole, measure(snn, images, against=ann), strict=True):
        assert one.fired == other.fired
        assert one.potentials == other.potentials
        assert one.correlation == pytest.approx(other.correlation)
        assert one.quantization == pytest.approx(other.quantization)


def test_watching_changes_nothing(snn, ann, images):
    before = {name: value.clone() for name, value in snn.graph.state_dict().items()}
    measure(snn, images, against=ann)
    assert all(torch.equal(before[name], value) for name, value in snn.graph.state_dict().items())
    assert all(site.observer is None for _, site in iter_sites(snn.graph))


def test_answers_are_those_of_evaluate(found, snn, ann, images):
    wanted = evaluate(snn, images, against=ann, simulate=True)
    own = found.curves[0]
    assert (own.coupling, own.native) == ("mean", True)
    assert own.accuracy_at == pytest.approx(wanted.accuracy_at)
    assert own.agreement_at == pytest.approx(wanted.agreement_at)
    summary = found.summary
    assert summary.accuracy == pytest.approx(wanted.accuracy)
    assert summary.agreement == pytest.approx(wanted.agreement)
    assert summary.against_accuracy == pytest.approx(wanted.against_accuracy)
    assert summary.energy_pj == pytest.approx(wanted.operations.energy_pj_per_image)
    assert summary.ann_energy_pj == pytest.approx(ann_energy(ann).energy_pj_per_image)
    assert sum(layer.energy_pj for layer in found.layers if layer.energy_pj) == pytest.approx(summary.energy_pj)
    assert sum(layer.ann_energy_pj or 0 for layer in found.layers) == pytest.approx(summary.ann_energy_pj)


def test_energy_stands_in_three_counts(found, snn, ann, images):
    wanted = evaluate(snn, images, against=ann).to_dict()
    summary = found.summary
    assert [counted.count for counted in summary.energy_by_count] == list(wanted["energy_by_count"])
    for counted in summary.energy_by_count:
        figures = wanted["energy_by_count"][counted.count]
        shares = wanted["energy_over_ann"][counted.count]
        assert counted.energy_pj == pytest.approx(figures["energy_pj_per_image"])
        assert counted.energy_with_memory_pj == pytest.approx(figures["energy_with_memory_pj_per_image"])
        assert (counted.of_plain, counted.of_plain_with_memory) == pytest.approx(tuple(shares.values()))
    unary, power_of_two, graded = (counted.energy_pj for counted in summary.energy_by_count)
    assert unary == summary.energy_pj
    assert sum(layer.power_of_two_energy_pj or 0 for layer in found.layers) == pytest.approx(power_of_two)
    assert sum(layer.graded_energy_pj or 0 for layer in found.layers) == pytest.approx(graded)
    rows = energy_view(found)["count_rows"]
    assert [row[0] for row in rows] == ["unary", "power-of-two", "graded", "plain network"]
    assert gather(ann, images).summary.energy_by_count == ()


def test_the_other_coupling_is_the_network_spiked_so(found, quantized, ann, images):
    causal = evaluate(spike(quantized, T, coupling=Coupling.CAUSAL), images, against=ann)
    other = found.curves[1]
    assert (other.coupling, other.native) == ("causal", False)
    assert other.accuracy_at == pytest.approx(causal.accuracy_at)
    assert other.settled_at[-1] == 100


def test_settled_is_the_step_from_which_an_answer_stays():
    at = torch.tensor([[0, 1, 2, 2], [1, 1, 2, 0], [1, 1, 0, 2], [1, 1, 2, 2]])
    wanted = []
    for column in at.T.tolist():
        step = len(column)
        while step > 1 and column[step - 2] == column[-1]:
            step -= 1
        wanted.append(step)
    assert ImagePredictions(at[-1], at, torch.zeros(4)).settled.tolist() == wanted == [2, 1, 4, 3]


def test_disagreeing_images_are_counted_and_the_surest_come_first(found, snn, ann, images):
    x = torch.stack([images[index][0] for index in range(len(images))])
    own, theirs = snn.logits(x).argmax(1), ann.logits(x).argmax(1)
    places = set((own != theirs).nonzero().flatten().tolist())
    assert found.disagreements == len(places)
    assert {note.index for note in found.disagreeing} <= places
    margins = [note.margin for note in found.disagreeing]
    assert margins == sorted(margins, reverse=True)
    for note in (*found.disagreeing, *found.slowest):
        assert (note.prediction, note.other_prediction, note.label) == (
            own[note.index],
            theirs[note.index],
            images.labels[note.index],
        )
        assert note.index in found.thumbnails


def test_correlation_is_numpys():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 40))
    found = Correlation()
    for start in range(0, 40, 7):
        found.add(torch.tensor(x[start : start + 7]), torch.tensor(y[start : start + 7]))
    assert found.pearson == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.error == pytest.approx(np.square(x - y).sum() / np.square(y).sum())
    silent = Correlation()
    silent.add(torch.zeros(3), torch.zeros(3))
    assert (silent.pearson, silent.error) == (None, None)


def test_histogram_is_numpys():
    x = torch.tensor(np.random.default_rng(1).uniform(-2, 3, 500))
    tally = BinCounts(-1.0, 0.25, 12)
    tally.add(x[:200])
    tally.add(x[200:])
    counts, _ = np.histogram(x.numpy(), np.arange(-1, 2.01, 0.25))
    found = tally.shares()
    assert found.shares == pytest.approx(counts / 500)
    assert found.below == pytest.approx(float((x < -1).double().mean()))
    assert found.above == pytest.approx(float((x > 2).double().mean()))


def test_depth_is_of_the_longest_way_and_waiting_multiplies_it(snn, quantized):
    assert depth_of(snn.graph) == 2
    assert latency_of(snn) == 8
    assert latency_of(spike(quantized, T, coupling=Coupling.CAUSAL)) == 4
    assert latency_of(quantized) is None


def test_variants_say_why_a_coupling_cannot_be(quantized):
    one, *others = variants(spike(quantized, 1))
    assert [other.coupling for other in others] == [Coupling.CAUSAL, Coupling.DIFFERENTIAL]
    assert all(other.model is None and "one step" in other.note for other in others)
    assert one.model is not None
    assert variants(quantized) == ()


@pytest.mark.parametrize("kind", ["if", "lif", "mlf", "lmht"])
def test_every_kind_of_neuron_has_a_report(kind, ann, images):
    from snnconv.spiking.unrolling import unroll

    settings = NeuronSettings(kind, timesteps=T)
    snn = unroll(prepared("chain"), lambda _, __: build_neuron(settings, torch.tensor(1.0)))
    found = gather(snn, images, against=ann, options=ReportOptions(site_images=8))
    assert found.curves[0].native
    assert len(found.curves[0].settled_at) == T
    assert all(site.potentials is not None for site in found.sites)
    assert (found.sites[0].potential_loss is None) == (kind == "mlf")
    if kind in ("if", "lif", "mlf"):
        assert all(curve.settled_at is None for curve in found.curves[1:])
    else:
        assert [curve.coupling for curve in found.curves] == ["learned", "mean", "causal", "differential"]
        assert all(curve.settled_at is not None for curve in found.curves)
