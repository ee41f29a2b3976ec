"""Export formats: entries of a registry, that can be added from outside; their typed results."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import nir
import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from graph_cases import W as WEIGHTS
from graph_cases import conv, model_of, node, prepared, proto_of, quantize
from hardware_cases import spiking

from snnconv.cli import cli
from snnconv.errors import InvalidValueError, UnsupportedOperatorsError
from snnconv.evaluation.written import compare_written
from snnconv.files import write_atomically
from snnconv.formats import FORMATS, Exported, ExportFormat, described, ordered_formats
from snnconv.formats.hardware import HardwareNetwork, read_folder, to_hardware
from snnconv.formats.nir.export import NirExport
from snnconv.formats.nir.writing import nir_file
from snnconv.formats.onnx import save
from snnconv.formats.onnx.export import OnnxExport
from snnconv.formats.onnx.int8 import int8_file
from snnconv.model import Model
from snnconv.neurons import Coupling
from snnconv.spiking.unrolling import spike

T, L = 2, 2


@pytest.fixture(scope="module")
def causal():
    return spiking("chain", Coupling.CAUSAL, L)


@dataclass(frozen=True)
class NotesExport:
    mood: Literal["glad", "sober"] = field(default="sober", metadata=described("how it sounds."))
    words: int | None = field(default=None, metadata=described("most words.", metavar="N", least=1))
    loud: bool = field(default=False, metadata=described("capital letters."))
    signed: bool = field(default=True, metadata=described("a name below."))


class Notes(Exported):
    called = "the notes"

    def __init__(self, model, settings):
        self.network, self.settings = model, settings

    def save(self, path):
        write_atomically(path, repr(self.settings).encode())

    def open(self, model):
        return lambda x: (self.network.graph(x),)

    def to_dict(self):
        return {"mood": self.settings.mood, "words": self.settings.words, "loud": self.settings.loud}

    def lines(self):
        return ["a few notes.", "Second line."]

    def title(self):
        return "The notes"


@pytest.fixture
def notes(monkeypatch):
    monkeypatch.setattr(FORMATS, "_entries", dict(FORMATS._entries))

    @FORMATS.register("notes")
    class NotesFormat(ExportFormat[NotesExport]):
        """A format of somebody else's."""

        help = "Notes on a network."
        settings = NotesExport

        def path_for(self, stem, settings):
            return Path(f"{stem}-{settings.mood}.txt")

        def write(self, model, settings):
            return Notes(model, settings)

    return NotesFormat


def test_the_formats_in_their_order():
    assert list(ordered_formats()) == ["onnx", "nir", "hardware"]
    for entry in ordered_formats().values():
        assert entry.help.endswith(".")
    with pytest.raises(InvalidValueError, match="did you mean nir"):
        FORMATS["nirr"]


def test_a_format_from_outside_is_a_choice_with_options(notes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = quantize(prepared("chain"), 8)
    model.input = model.input.override(mean=(0.0,), std=(1.0,))
    save(model, "net.onnx")
    x = np.random.default_rng(0).random((3, *model.input.sample_shape()), dtype=np.float32)
    np.savez("data.npz", x=x)
    run = CliRunner()
    assert "[onnx|nir|hardware|notes]" in run.invoke(cli, ["export", "--help"]).output
    help_text = " ".join(run.invoke(cli, ["export", "--help"]).output.split())
    assert "--mood [glad|sober] Of notes: how it sounds." in help_text
    assert "--words N Of notes: most words." in help_text
    assert "--signed / --no-signed Of notes: a name below." in help_text
    words = [
        "export",
        "net.onnx",
        "--to",
        "notes",
        "--mood",
        "glad",
        "--words",
        "3",
        "--no-signed",
        "--data",
        "npz:data.npz",
        "--json",
    ]
    ran = run.invoke(cli, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["file"] == "net-glad.txt"
    assert (found["format"], found["mood"], found["words"], found["loud"]) == ("notes", "glad", 3, False)
    assert (found["comparison"]["images"], found["comparison"]["agreement"]) == (3, 100)
    assert Path("net-glad.txt").read_text() == "NotesExport(mood='glad', words=3, loud=False, signed=False)"
    ran = run.invoke(cli, ["export", "net.onnx", "--to", "notes", "-o", "out.txt"], catch_exceptions=False)
    assert ran.stdout.splitlines() == ["Wrote out.txt: a few notes.", "Second line."]
    with pytest.raises(InvalidValueError, match="--mood: of --to notes, not of --to onnx"):
        run.invoke(cli, ["export", "net.onnx", "--mood", "glad"], catch_exceptions=False)


def test_a_setting_with_the_name_of_an_option_of_the_verb_is_refused(notes, monkeypatch):
    @dataclass(frozen=True)
    class Bad:
        limit: int = field(default=3, metadata=described("something else."))
        calm: bool = field(default=True, metadata=described("no exclamation marks."))

    monkeypatch.setattr(notes, "settings", Bad)
    with pytest.raises(InvalidValueError, match="settings limit, which are options of export itself"):
        CliRunner().invoke(cli, ["export", "--help"], catch_exceptions=False)


def test_it_is_gone_with_its_registration():
    assert "notes" not in CliRunner().invoke(cli, ["export", "--help"]).output


@pytest.mark.parametrize(
    ("name", "settings", "opened"),
    [
        ("onnx", OnnxExport(), onnx.ModelProto),
        ("onnx", OnnxExport("single-step"), onnx.ModelProto),
        ("nir", NirExport(exact_reset=True), Model),
        ("hardware", FORMATS["hardware"].settings(), HardwareNetwork),
    ],
)
def test_what_is_written_is_opened_and_runs(name, settings, opened, causal, tmp_path):
    written = FORMATS[name]().write(causal, settings)
    assert isinstance(written.open(causal), opened)
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).random((4, 3, 6, 6), dtype=np.float32))
    assert compare_written(written, causal, f"npz:{tmp_path}/data.npz").images == 4


def test_choices_that_exclude_each_other_are_refused_at_construction():
    with pytest.raises(InvalidValueError, match="not single-step"):
        OnnxExport("single-step", int8=True)


def test_a_hardware_folder_says_what_its_files_say(causal, tmp_path):
    folder = to_hardware(causal, weight_bits=5)
    graph = json.loads(folder["graph.json"])
    assert (folder.layers, folder.weight_bits) == (len(graph["layers"]), 5)
    assert (folder.widest_bits, folder.coupling) == (graph["widest_bits"], "causal")
    folder.save(tmp_path / "out")
    sizes = [path.stat().st_size for path in (tmp_path / "out").iterdir()]
    assert (len(folder), folder.size_bytes) == (len(sizes), sum(sizes))
    assert read_folder(tmp_path / "out").items() <= dict(folder).items()
    measured = folder.with_measured({"images": 2, "agreement": 50.0, "accuracy": None, "model_accuracy": None})
    assert json.loads(measured["graph.json"])["measured"]["images"] == 2
    assert json.loads(folder["graph.json"])["measured"] is None
    assert b"On 2 images" in measured["README.txt"]
    assert list(measured) == list(folder)


def test_a_nir_file_says_which_sites_reset_exactly(causal, tmp_path):
    written, plain = nir_file(causal, exact_reset=True), nir_file(causal)
    assert written.exact_sites == ("r1", "features")
    assert plain.exact_sites == ()
    written.save(tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    assert (written.timesteps, written.to_dict()["nodes"]) == (causal.timesteps * L, len(graph.nodes))
    assert "Delay" in written.kinds


def test_an_int8_file_says_what_it_holds():
    written = int8_file(quantize(prepared("chain"), 8))
    assert (written.form, written.total_levels) == ("collapsed", (8, 8))
    assert written.convolutions >= 1


def test_an_output_that_integers_cannot_bring_to_one_scale_is_refused():
    nodes = [conv("input", "c1"), node("Relu", "c1", "r1"), node("Mul", "r1 scale", "out")]
    scale = np.array([1.0, 1e-20, 1.0, 1.0]).reshape(1, 4, 1, 1)
    model = model_of(proto_of(nodes, WEIGHTS | {"scale": scale}))
    snn = spike(quantize(model, T * L), T, L)
    with pytest.raises(UnsupportedOperatorsError, match="output 'out': it needs integers up to"):
        to_hardware(snn)
    assert torch.isfinite(snn.graph.get_submodule("r1").ceiling).all()
