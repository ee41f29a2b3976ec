"""How ceilings and biases are found, chosen on the command line."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from snnconv.convert.calibration import METHODS
from snnconv.spiking.blocks import blocks_of

reconstruction = importlib.import_module("snnconv.convert.calibration.reconstruct")

DATA = ("convert", "net.onnx", "-T", "2", "-L", "2", "--calibration-data", "npz:data.npz", "-o", "snn.onnx")


@pytest.mark.parametrize("method", [*METHODS])
def test_every_method_by_name(run, here, method):
    ran = run(*DATA, "--calibration", method, "--json")
    assert ran.code == 0, ran
    chosen = ran.json["method"]
    assert chosen["method"] == ("bias" if method == "auto" else method)  # 20 images are few
    assert bool(chosen["reason"]) == (method == "auto")
    assert bool(chosen["blocks"]) == (method == "reconstruct")
    assert all(block["after"] <= block["before"] for block in chosen["blocks"])
    assert sorted(path.name for path in here.iterdir() if "snn" in path.name) == ["snn.onnx"]


def test_what_was_chosen_is_printed(run, here):
    ran = run(*DATA)
    assert "Calibration: bias, chosen because 20 images are fewer than the 128" in " ".join(ran.out.split())
    ran = run(*DATA, "--calibration", "reconstruct", "--reconstruct-epochs", "1", "--reconstruct-weights")
    assert "Reconstruction:" in ran.out


def test_one_ceiling_a_layer(run, here):
    ran = run(*DATA, "--calibration", "mse", "--ceilings", "layer", "--json")
    assert {site["ceilings"] for site in ran.json["verification"]["sites"]} == {1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--calibration", "best"), "'best' is not one of"),
        (("--calibration", "mse", "--reconstruct-weights"), "belong to the calibration 'reconstruct'"),
        (("--calibration", "bias", "--reconstruct-epochs", "2"), "belong to the calibration 'reconstruct'"),
        (("--calibration-budget", "0"), "--calibration-budget"),
        (("--ceilings", "pixel"), "'pixel' is not one of"),
    ],
)
def test_choices_that_make_no_sense(refused, words, said):
    assert said in refused(*DATA, *words)


def test_something_else_where_blocks_are_kept(refused, here):
    (here / "snn.onnx.reconstruction").write_text("mine")
    assert "snn.onnx.reconstruction" in refused(*DATA, "--calibration", "reconstruct")


def test_an_interrupted_command_goes_on(run, here, monkeypatch):
    words = (*DATA, "--calibration", "reconstruct", "--reconstruct-epochs", "1", "--json")
    whole = run(*words).json["method"]["blocks"]
    (here / "snn.onnx").unlink()
    move, moved = reconstruction._move, []

    def stop(*given):
        if moved:
            raise KeyboardInterrupt
        moved.append(1)
        return move(*given)

    monkeypatch.setattr(reconstruction, "blocks_of", lambda graph: blocks_of(graph, fewest=1))
    monkeypatch.setattr(reconstruction, "_move", stop)
    assert run(*words).code != 0
    assert (here / "snn.onnx.reconstruction").exists()
    assert not (here / "snn.onnx").exists()
    monkeypatch.setattr(reconstruction, "_move", lambda *given: moved.append(1) or move(*given))
    ran = run(*words)
    assert ran.code == 0
    assert len(ran.json["method"]["blocks"]) == len(moved) > len(whole)
    assert not (here / "snn.onnx.reconstruction").exists()


def test_images_of_one_colour_are_warned_of(run, here):
    np.savez(here / "grey.npz", x=np.full((20, 3, 8, 8), 0.5, np.float32))
    ran = run("convert", "net.onnx", "--calibration-data", "npz:grey.npz", "-o", "snn.onnx")
    assert ran.code == 0
    assert "all images are the same" in ran.err
    assert "every pixel is 0.5" in ran.err


def test_the_default_budget_is_that_of_python():
    from snnconv.cli.convert import convert
    from snnconv.convert import CalibrationSettings

    (option,) = (each for each in convert.params if each.name == "budget_s")
    assert option.default == CalibrationSettings().budget_s
