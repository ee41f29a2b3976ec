"""Names that are cut stay apart."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.gather_comparison import gather_comparison
from snnconv.reporting.names import shortened, shortened_apart
from snnconv.reporting.view import report_view

LENGTH = 30


@pytest.mark.parametrize(
    "names",
    [
        ["relu", "relu_1"],
        [f"{'encoder/' * 6}{place}/Relu" for place in range(120)],  # differ in the middle that a cut leaves out
        [f"{'encoder/' * 6}{place}{'/x' * 40}" for place in range(120)],
        [f"{'a' * 100}{place}{'b' * 100}" for place in range(12)],
        ["x" * 20 + first + "y" * 40 + second + "z" * 40 for first, second in itertools.product("ab", repeat=2)],
        ["x" * count for count in range(28, 60)],  # one is the beginning of the next
    ],
)
def test_different_names_stay_different(names):
    texts = shortened_apart(names, LENGTH)
    assert len(set(texts)) == len(names)
    assert max(map(len, texts)) <= LENGTH
    assert all(text == name for text, name in zip(texts, names, strict=True) if len(name) <= LENGTH)


def test_a_name_that_stands_alone_keeps_its_end():
    long = "model/" * 20 + "head"
    assert shortened_apart([long, "relu", long], LENGTH) == [shortened(long, LENGTH), "relu", shortened(long, LENGTH)]


def test_sites_with_long_names_are_told_apart_on_the_page(found):
    names = {1: "encoder." * 20 + "first" + ".x" * 40, 2: "encoder." * 20 + "second" + ".x" * 40}
    rows = report_view(replace(found, site_labels=names))["sites"]["rows"]
    assert len({row[0].partition(" ")[2] for row in rows}) == len(rows) == 2
    assert "first" in rows[0][0]
    assert "second" in rows[1][0]


def test_layers_of_neurons_have_the_labels_of_their_sites(found):
    first = found.sites[0]
    rows = report_view(replace(found, site_labels={1: f"{first.name} after stem"}))["energy"]["rows"]
    assert [row[0] for row in rows if "after stem" in row[0]] == [
        f"{place} {first.name} after stem" for place, layer in enumerate(found.layers, 1) if layer.name == first.name
    ]


def test_settings_of_one_file_are_counted_as_one_network(found, ann, snn, images):
    from snnconv.reporting import Grid

    two = gather_comparison([("ann", ann), ("snn", snn)], images.spec)
    assert comparison_view(two)["title"] == "2 networks compared"
    several = gather_comparison([("snn", snn)], images.spec, grid=Grid((1, 4)))
    same = [replace(contender, sha256="0" * 64) for contender in several.contenders]
    assert comparison_view(replace(several, contenders=tuple(same)))["title"] == "1 network at 2 settings compared"
