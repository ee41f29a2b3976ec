"""The page: everything in it, nothing unescaped, whatever the network and the data lack."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from graph_cases import CASES, model_of, plain, prepared, quantize
from page_checks import check
from PIL import Image
from report_cases import COUNT, NASTY, labelled

from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec
from snnconv.neurons import NeuronSettings, build_neuron
from snnconv.reporting import ReportOptions, gather, report
from snnconv.reporting.page import render
from snnconv.reporting.thumbnails import thumbnail
from snnconv.reporting.view import report_view
from snnconv.spiking.unrolling import spike, unroll

DRAWN = ("leaky_chain", "squeeze_and_excite", "two_outputs")  # signed sites, gates, more than one output


def page_of(found):
    return render("report.html.j2", report_view(found))


def sections(html):
    return re.findall(r'<section id="(\w+)"', html)


def test_everything_is_there(found):
    html = page_of(found)
    check(html)
    assert sections(html) == ["time", "sites", "energy", "images", "provenance", "glossary"]
    assert html.count("<svg") == 2 + 2 + 2 * len(found.sites) + 1
    assert "clip-path" in html
    assert len(html) < 1_000_000


def test_the_same_numbers_give_the_same_page(found):
    assert page_of(found) == page_of(found)


def test_numbers_are_json(found):
    text = json.dumps(found.to_dict(), allow_nan=False)
    values = json.loads(text)
    assert values["summary"]["timesteps"] == 4
    assert "thumbnails" not in values
    assert len(values["sites"]) == 2


def test_nasty_names_stay_text(nasty, tmp_path):
    snn, source = nasty
    images = labelled(snn, tmp_path / "images.npz")
    images.classes = (*NASTY, "<img src=x onerror=alert(1)>")
    folder = tmp_path / "written"
    folder.mkdir()
    report(snn, images, folder / "report.html", against=source, options=ReportOptions(command=f"snnconv {NASTY[0]}"))
    html = (folder / "report.html").read_text()
    found = check(html)
    assert "<script" not in html
    assert "49" not in "".join(text for text in found.text if "7 * 7" in text)
    assert NASTY[0] in "".join(found.text)
    assert "../../x" in "".join(found.text)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    names = [site["name"] for site in json.loads((folder / "report.json").read_text())["sites"]]
    assert names == [NASTY[1], NASTY[3]]


def test_without_labels(snn, ann, tmp_path):
    html = page_of(gather(snn, labelled(ann, tmp_path / "i.npz", labels=False), against=ann))
    check(html)
    assert sections(html) == ["time", "sites", "energy", "images", "provenance", "glossary"]
    assert "Accuracy</dt>" not in html


def test_without_anything_to_compare_with(snn, ann, tmp_path):
    found = gather(snn, labelled(ann, tmp_path / "i.npz", labels=False))
    assert (found.summary.accuracy, found.summary.agreement, found.disagreements) == (None, None, None)
    assert found.curves[0].settled_at is not None
    assert all(site.correlation is None and site.quantization is not None for site in found.sites)
    html = page_of(found)
    check(html)
    assert "nothing says how good it is" in html
    assert sections(html) == ["time", "sites", "energy", "images", "provenance", "glossary"]


@pytest.mark.parametrize("stage", ["ann", "quantized"])
def test_a_network_without_time(stage, ann, quantized, images):
    found = gather({"ann": ann, "quantized": quantized}[stage], images, against=ann)
    html = page_of(found)
    check(html)
    assert sections(html)[0] == "sites"
    assert found.curves == ()
    assert found.summary.latency_steps is None
    assert all((site.quantization is None) == (stage == "ann") for site in found.sites)
    assert all(site.potentials is None for site in found.sites)


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_tangled_network(case, tmp_path):
    ann = plain(case)
    snn = spike(quantize(prepared(case), 4), 2)
    try:
        flat = ann.input.layout == "NC"  # no data scheme has flat inputs: they are given as a tensor
        data = torch.randn(8, ann.input.channels) if flat else labelled(ann, tmp_path / "i.npz", labels=False)
        found = gather(snn, data, against=ann, options=ReportOptions(limit=4, site_images=2, shown=1))
    except Exception as error:
        if "classes are one axis" in str(error):
            pytest.skip("its output is no vector of classes")
        raise
    json.dumps(found.to_dict(), allow_nan=False)
    assert any(site.correlation is not None for site in found.sites)
    if case in DRAWN:
        html = page_of(found)
        check(html)
        assert ("2 outputs, of which the first is read" in html) == (case == "two_outputs")


def test_recordings_of_events(tmp_path):
    from snnconv.data import open_data

    random = np.random.default_rng(0)
    arrays = {}
    for part in ("train", "test"):
        xyp = np.stack([random.integers(0, 6, 600), random.integers(0, 6, 600), random.integers(0, 2, 600)], 1)
        arrays |= {
            f"{part}_xyp": xyp,
            f"{part}_t_us": np.tile(np.sort(random.integers(0, 1000, 100)), 6),
            f"{part}_offset": np.arange(0, 601, 100),
            f"{part}_label": np.arange(6) % 4,
        }
    np.savez(tmp_path / "events.npz", **arrays)
    frames = events_network(random)
    settings = NeuronSettings("mht", timesteps=4)
    snn = unroll(frames, lambda _, __: build_neuron(settings, torch.tensor(1.0)))
    images = open_data(f"events:{tmp_path / 'events.npz'}", snn.input, purpose="eval")
    found = gather(snn, images)
    check(page_of(found))
    assert {curve.coupling for curve in found.curves} == {"mean", "causal", "differential"}
    assert found.summary.images == 6


def events_network(random):
    from graph_cases import conv, node, proto_of

    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        node("Flatten", "r1", "flat"),
        node("Gemm", "flat fc", "out", transB=1),
    ]
    weights = {"w1": (4, 2, 3, 3), "b1": (4,), "fc": (4, 144)}
    made = model_of(proto_of(nodes, {name: random.normal(size=shape) for name, shape in weights.items()}, (2, 6, 6)))
    return replace(made, input=InputSpec(2, 6, 6, timesteps=4))


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (4, np.uint8), (3, np.float32), (1, np.float32)]
)
def test_thumbnails_are_pictures(channels, dtype, tmp_path):
    from snnconv.data import open_data

    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, 120, 200, channels)).astype(np.uint8)
    x = pixels if dtype is np.uint8 else (pixels / 255).astype(dtype)
    np.savez(tmp_path / "i.npz", x=x)
    images = open_data(f"npz:{tmp_path / 'i.npz'}", InputSpec(channels, 120, 200), purpose="eval")
    picture = Image.open(io.BytesIO(thumbnail(images, 1)))
    assert (picture.size, picture.mode) == ((96, 58), "RGB")


def test_thumbnails_keep_small_images(found, images):
    html = page_of(found)
    for index, file in found.thumbnails.items():
        picture = np.asarray(Image.open(io.BytesIO(file)))
        assert np.array_equal(picture, images.pixels(index).permute(1, 2, 0).numpy())
        assert base64.b64encode(file).decode() in html


def test_many_sites_stay_small(found):
    many = tuple(replace(found.sites[0], number=number, name=f"relu{number}") for number in range(1, 62))
    html = page_of(replace(found, sites=many))
    check(html)
    assert len(html) < 2_000_000
    assert html.count("<article") == 3
    assert html.count("<summary>Site ") == 58


@pytest.mark.parametrize("options", [{"limit": 0}, {"site_images": 0}, {"shown": -1}])
def test_numbers_out_of_range(options):
    with pytest.raises(InvalidValueError, match="must be at least"):
        ReportOptions(**options)


def test_labels_that_do_not_fit_are_refused(snn, tmp_path):
    np.savez(tmp_path / "i.npz", x=np.zeros((3, 6, 6, 3), np.uint8), y=np.array([0, 1, 9]))
    with pytest.raises(DataError, match="label 9"):
        gather(snn, f"npz:{tmp_path / 'i.npz'}")


def test_all_images_or_the_first(snn, images):
    found = gather(snn, images, options=ReportOptions(limit=10, site_images=3, shown=0))
    assert (found.summary.images, found.summary.images_available, found.site_images) == (10, COUNT, 3)
    assert found.summary.counted_images == 3
    assert found.thumbnails == {}
