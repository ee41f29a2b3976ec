"""What the verbs print: JSON alone on standard output, tables on any terminal, names as they are."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from graph_cases import CASES

from snnconv.cli.output import MIN_WIDTH, accept_any_terminal, print_table, track

EVALUATION_KEYS = {
    "images",
    "accuracy",
    "agreement",
    "timesteps",
    "levels",
    "coupling",
    "accuracy_at",
    "sites",
    "synops_per_image",
    "macs_per_image",
    "energy_pj_per_image",
}
NASTY = ("<script>", "../../x", "[red]rich markup[/red]", "\x1b[31mred\x07", "ü µ ±", ":smile: [/]\\", "x" * 500)


@pytest.fixture
def snn(here: Path, run: Callable[..., Any]) -> str:
    assert run("convert", "net.onnx", "-T", 2, "--calibration-data", "npz:data.npz").code == 0
    return "net-snn.onnx"


def test_evaluate_as_json(snn: str, run: Callable[..., Any]) -> None:
    for options in ((), ("--simulate",), ("--against", "net.onnx", "--limit", 5)):
        found = run("evaluate", snn, "--data", "npz:data.npz", "--json", *options).json
        assert found.keys() >= EVALUATION_KEYS
        assert (found["timesteps"], found["levels"], found["coupling"]) == (2, 4, "mean")
    assert found["images"] == 5


def test_evaluate_as_a_table(snn: str, run: Callable[..., Any]) -> None:
    for words in (("net.onnx",), (snn,), (snn, "--simulate", "--against", "net.onnx")):
        ran = run("evaluate", *words, "--data", "npz:data.npz")
        assert ran.code == 0
        assert "relu2" in ran.out


def test_inspect_as_json(snn: str, run: Callable[..., Any]) -> None:
    found = run("inspect", "net.onnx", "--json").json
    assert found["convertible"] is True
    assert [site["name"] for site in found["sites"]] == ["relu1", "relu2"]
    assert run("inspect", snn, "--json").json["stage"] == "snn"


def test_json_stands_alone_beside_warnings(here: Path, run: Callable[..., Any]) -> None:
    ran = run("convert", "net.onnx", "--json")
    assert ran.json["output"] == "net-snn.onnx"
    assert (here / "net-snn.onnx").is_file()
    assert ran.err.startswith("warning: No calibration data")
    assert len(ran.err.splitlines()) == 1


def test_json_stands_alone_beside_progress(here: Path, run: Callable[..., Any]) -> None:
    command = ("train", "--model", "net.onnx", "--data", "npz:data.npz", "--eval-data", "npz:data.npz")
    ran = run(*command, "--epochs", 2, "--batch-size", 8, "--json")
    assert [epoch["epoch"] for epoch in ran.json["epochs"]] == [1, 2]
    assert "epoch 2/2: loss" in ran.err


def test_a_failing_json_command_prints_no_json(refused: Callable[..., str]) -> None:
    assert "missing.onnx does not exist" in refused("inspect", "missing.onnx", "--json")


def test_names_are_printed_literally(make: Callable[..., str], run: Callable[..., Any]) -> None:
    name = make("names.onnx", names=NASTY)
    shown = run("inspect", name)
    assert shown.code == 0
    for text in ("<script>", "../../x", "[red]rich markup[/red]", "\\x1b[31mred\\x07"):
        assert text in shown.out
    assert shown.out.count("x") >= 500
    assert "\x1b" not in shown.out
    layers = run("inspect", name, "--json").json["layers"]
    assert [layer["name"] for layer in layers] == [NASTY[0], NASTY[2], NASTY[6]]


def test_a_network_with_nasty_names_converts(make: Callable[..., str], run: Callable[..., Any]) -> None:
    shown = run("convert", make("names.onnx", names=NASTY), "-T", 1)
    assert shown.code == 0
    assert "\\x1b[31mred" in shown.out
    assert run("evaluate", "names-snn.onnx", "--data", "npz:data.npz").code == 0


def test_tables_say_where_a_site_without_a_name_is(make: Callable[..., str], run: Callable[..., Any]) -> None:
    name = make("plain.onnx", names=("/stem/Conv", "Relu_1", "/body/body.0/Conv", "Relu_3", "pool", "flat", "head"))
    labels = ("Relu_1 after stem", "Relu_3 after body.0")
    inspected = run("inspect", name)
    assert all(label in inspected.out for label in labels)
    assert [site["name"] for site in run("inspect", name, "--json").json["sites"]] == ["Relu_1", "Relu_3"]
    converted = run("convert", name, "--calibration-data", "npz:data.npz", "--mean", 0, "--std", 1)
    first_cells = " ".join(line.split("│")[1] for line in converted.out.splitlines() if line.startswith("│"))
    assert " ".join(labels) in " ".join(first_cells.split())
    reported = run("report", "plain-snn.onnx", "--data", "npz:data.npz", "--against", name)
    assert any(f"Worst site: {place} {label} (" in reported.out for place, label in enumerate(labels, 1))


def test_titles_hold_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("[bold]net[/bold].onnx \x1b[2J", ("site", "n"), [("[/red]", 1), ("[", None)])
    shown = capsys.readouterr().out
    assert shown.startswith("[bold]net[/bold].onnx \\x1b[2J\n")
    assert "[/red]" in shown


def test_a_wide_title_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    title = "word " * MIN_WIDTH
    print_table(title, ("site",), [("relu",)])
    assert title.strip() in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("name", ["\x1b[2J.onnx", "a\nb.onnx"])
def test_errors_show_control_characters(name: str, refused: Callable[..., str]) -> None:
    assert "\x1b" not in refused("inspect", name)


def test_a_narrow_coloured_terminal(snn: str, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in (("inspect", snn), ("evaluate", snn, "--data", "npz:data.npz"), ("convert", "net.onnx", "-T", 1)):
        ran = run(*words)
        assert ran.code == 0
        assert "\x1b[" in ran.out


def test_no_color(snn: str, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert "\x1b[3" not in run("inspect", snn).out


def test_a_terminal_without_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    accept_any_terminal()
    print_table("98 % ± 1", ("site", "µJ"), [("relu é", 1)])
    sys.stdout.flush()
    shown = raw.getvalue().decode("ascii")
    assert "98 % +- 1" in shown
    assert "uJ" in shown
    assert "relu \\xe9" in shown


def test_an_ascii_terminal(make: Callable[..., str], here: Path) -> None:
    command = [sys.executable, "-m", "snnconv.cli", "evaluate", make("n.onnx", names=NASTY), "--data", "npz:data.npz"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=here, env=environment, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert b"+-" in ran.stdout
    assert b" uJ" in ran.stdout
    ran.stdout.decode("ascii")


def test_a_closed_pipe(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "snnconv.cli", "inspect", "net.onnx"]
    with os.fdopen(writing, "wb") as pipe:
        ran = subprocess.run(command, cwd=here, stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stderr == b""


def test_progress_passes_everything_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(track(range(3), "Counting", 3)) == [0, 1, 2]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(track(range(3), "Counting", 3)) == [0, 1, 2]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Counting" in shown.err


def test_slow_progress_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 1000, 7))
    monkeypatch.setattr("snnconv.cli.output.time.monotonic", lambda: next(times))
    assert list(track(range(6), "Counting", 6)) == list(range(6))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Counting: 1 of 6, 0.0714/s, about 70 s left",
        "Counting: 3 of 6, 0.107/s, about 28 s left",
        "Counting: 5 of 6, 0.119/s, about 8 s left",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("softmax_tail", "Softmax 'out' is applied once, to the average over time."),
        ("squeeze_and_excite", "Sigmoid 'gate' is applied once, to the average over time."),
        ("leaky_chain", "PRelu 'r2'; Clip 'features' are applied once, to the average over time."),
        ("chain", None),
    ],
)
def test_what_sees_the_average_over_time_is_named(
    name: str, sentence: str | None, here: Path, run: Callable[..., Any]
) -> None:
    onnx.save(CASES[name](), "case.onnx")
    converted = run("convert", "case.onnx").out.splitlines()
    inspected = run("inspect", "case.onnx").out.splitlines()
    for lines in (converted, inspected):
        assert [line for line in lines if "average over time" in line] == ([] if sentence is None else [sentence])
