"""The public API: its names, and where the documentation lists them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import snnconv

ROOT = Path(__file__).parent.parent
VERBS = {
    "compare",
    "convert",
    "evaluate",
    "finetune",
    "inspect",
    "load",
    "load_module",
    "open_data",
    "report",
    "save",
    "train",
    "verify",
}
TYPES = {
    "ANN",
    "SNN",
    "CalibrationSettings",
    "Code",
    "Comparison",
    "ConversionReport",
    "Coupling",
    "DataLike",
    "EnergyModel",
    "EpochMetrics",
    "Evaluation",
    "FinetuneSettings",
    "Grid",
    "Images",
    "InputSpec",
    "Inspection",
    "Model",
    "ModelLike",
    "NeuronSettings",
    "NirReading",
    "QuantizedANN",
    "Report",
    "ReportOptions",
    "RunFiles",
    "Stage",
    "TrainSettings",
    "Verification",
}
ERRORS = {
    "DataError",
    "DivergenceError",
    "FileError",
    "InvalidValueError",
    "ModelError",
    "SnnconvError",
    "SnnconvWarning",
    "UnsupportedOperatorsError",
    "VerificationError",
}

# Names


def test_the_names_are_these_and_each_can_be_imported():
    assert set(dir(snnconv)) == VERBS | TYPES | ERRORS | {"__version__"}
    assert set(snnconv.__all__) == VERBS | TYPES | ERRORS
    for name in snnconv.__all__:
        assert getattr(snnconv, name).__doc__ or name.endswith("Like"), name
    with pytest.raises(AttributeError, match="no attribute 'converts'"):
        _ = snnconv.converts


def test_every_verb_is_documented_by_its_arguments():
    for name in VERBS:
        documentation = inspect.getdoc(getattr(snnconv, name))
        for parameter in inspect.signature(getattr(snnconv, name)).parameters:
            assert re.search(rf"^    {parameter}: ", documentation, flags=re.M), f"{name}: {parameter}"


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import snnconv, sys; dir(snnconv); snnconv.ModelError; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("name", ["convert", "finetune"])
def test_a_package_is_its_verb(name):
    package, verb = import_module(f"snnconv.{name}"), getattr(import_module(f"snnconv.{name}"), name)
    assert getattr(snnconv, name) is package is sys.modules[f"snnconv.{name}"]
    assert inspect.isfunction(verb)
    assert inspect.signature(package) == inspect.signature(verb)
    assert package.__doc__ == verb.__doc__
    with pytest.raises(TypeError, match=rf"^{name}\(\)"):
        package()


def test_a_package_is_its_verb_however_it_is_imported():
    code = """
import snnconv.convert as c
from snnconv import convert, finetune
import snnconv, snnconv.finetune
assert c is convert is snnconv.convert and finetune is snnconv.finetune
assert callable(c) and callable(c.convert) and c.calibrate and snnconv.finetune.train is snnconv.train
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def resolve(path):
    """Import the longest part of a dotted path that is a module, and take the rest as attributes."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise AssertionError(path)


def test_every_path_in_the_docs_can_be_imported():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    paths = {path for page in pages for path in re.findall(r"\bsnnconv(?:\.[A-Za-z_]\w*)+", page.read_text())}
    assert len(paths) > 20
    for path in sorted(paths):
        assert resolve(path) is not None, path


def documented(*pages):
    text = "\n".join((ROOT / "docs" / "api" / page).read_text() for page in pages)
    return re.findall(r"^::: (\S+)$", text, flags=re.M)


def test_the_reference_lists_exactly_the_public_names():
    names = [path.rpartition(".")[2] for path in documented("verbs.md", "settings.md", "errors.md")]
    assert sorted(names) == sorted(snnconv.__all__)


def test_the_reference_of_parts_lists_public_names_of_their_packages():
    for path in documented("parts.md", "files.md", "neurons.md"):
        package, _, name = path.rpartition(".")
        assert name in import_module(package).__all__, path
