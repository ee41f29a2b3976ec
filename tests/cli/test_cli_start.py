"""Starting and stopping: help, version, what is imported, tracebacks, interruption."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from snnconv.cli import cli

VERBS = ("compare", "convert", "demo", "evaluate", "export", "finetune", "inspect", "report", "train", "zoo")


def test_every_verb_is_known() -> None:
    assert tuple(sorted(cli.commands)) == VERBS


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str, flag: str, run: Callable[..., Any]) -> None:
    ran = run(verb, flag)
    assert ran.code == 0
    assert ran.err == ""
    lines = ran.out.splitlines()
    start = lines.index("  Examples:") + 1
    assert lines[start].startswith(f"    snnconv {verb}")
    assert all(line.startswith("    snnconv ") for line in lines[start:])
    assert "\\b" not in ran.out
    assert "\b" not in ran.out


def test_help_of_the_whole(run: Callable[..., Any]) -> None:
    ran = run("--help")
    assert ran.code == 0
    assert all(verb in ran.out for verb in VERBS)
    assert "    snnconv demo   " in ran.out
    assert run("-h") == ran


def test_nothing_given_shows_the_help(run: Callable[..., Any]) -> None:
    ran = run()
    assert ran.code in (0, 2)  # as click's version has it
    assert "Usage: snnconv" in ran.out + ran.err


def test_version(run: Callable[..., Any]) -> None:
    assert "snnconv" in run("--version").out


def test_debug_shows_the_traceback_wherever_it_stands(run: Callable[..., Any], here: Path) -> None:
    for words in (("--debug", "inspect", "missing.onnx"), ("inspect", "missing.onnx", "--debug")):
        ran = run(*words)
        assert ran.code == 2
        assert ran.err.startswith("Traceback")
        assert "error: missing.onnx does not exist" in ran.err


def test_a_fault_of_ours_has_its_own_exit_code(
    run: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("of ours")

    monkeypatch.setattr("snnconv.loading.load", fail)
    ran = run("inspect", "net.onnx")
    assert ran.code == 1
    assert ran.err == "error: KeyError: 'of ours'\nThis is a fault of snnconv; --debug shows where.\n"


@pytest.mark.parametrize(
    ("command", "module", "step"),
    [
        (("convert", "net.onnx"), "snnconv.convert.pipeline", "verify"),
        (
            ("train", "--model", "net.onnx", "--data", "npz:data.npz"),
            "snnconv.finetune.losses.objective",
            "first_output",
        ),
        (("demo",), "snnconv.demo", "convert"),
    ],
)
def test_an_interrupt_leaves_nothing(
    command: tuple[str, ...],
    module: str,
    step: str,
    run: Callable[..., Any],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if command == ("demo",):
        monkeypatch.setattr("snnconv.demo.train", lambda network, *_, **__: _untrained(network))
    before = sorted(here.iterdir())
    monkeypatch.setattr(import_module(module), step, interrupt)
    ran = run(*command)
    assert ran.code == 130
    assert "interrupted; nothing was written" in ran.err
    assert "Traceback" not in ran.err
    assert sorted(here.iterdir()) == before


def _untrained(network: Any) -> Any:
    from snnconv.finetune.quantize import quantize_activations

    return quantize_activations(network, 8, 4.0)


def _imported(code: str, folder: Path) -> set[str]:
    """Modules in memory after some lines of Python in a process of its own."""
    listing = f"import sys\n{code}\nprint('modules:', *sys.modules)"
    ran = subprocess.run([sys.executable, "-c", listing], cwd=folder, capture_output=True, timeout=60, check=True)
    return set(ran.stdout.decode().rpartition("modules:")[2].split())


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    verbs = ("convert", "evaluate", "export", "train", "finetune", "report", "compare", "inspect", "zoo")
    calls = "".join(f"\nmain(['{verb}', '--help'])" for verb in verbs)
    found = _imported(f"from snnconv.cli import main\nmain(['--help']){calls}", tmp_path)
    assert "click" in found
    assert found.isdisjoint({"torch", "onnx", "onnxruntime", "timm", "torchvision", "numpy", "sklearn", "rich"})


def test_inspect_imports_no_compiler(here: Path) -> None:
    found = _imported("from snnconv.cli import main\nmain(['inspect', 'net.onnx'])", here)
    assert "torch" in found
    unwanted = {"torch._dynamo", "torch._inductor", "torchvision", "timm", "onnxruntime", "onnxscript", "sklearn"}
    assert found.isdisjoint(unwanted)
