"""Every import of the package is declared in pyproject.toml."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import snnconv

PACKAGE = Path(snnconv.__file__).parent
PROJECT = PACKAGE.parent / "pyproject.toml"
COMES_WITH = {"triton": "torch"}  # where torch was built for a GPU that has it; imported nowhere else
OPTIONAL = {"h5py": "nir", "nir": "nir", "tonic": "events"}  # by extra; whoever imports them names the extra


def imported() -> dict[str, list[str]]:
    """Top-level names that the sources import, and where."""
    places: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
                names = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
            for name in names:
                places.setdefault(name.partition(".")[0], []).append(str(path.relative_to(PACKAGE)))
    return {name: files for name, files in places.items() if name not in sys.stdlib_module_names and name != "snnconv"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """Distributions by extra, the plain install's under an empty name."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {canonical(re.split(r"[^\w.-]", entry, maxsplit=1)[0]) for entry in entries}
        for extra, entries in lists.items()
    }


installed = cache(packages_distributions)


def distributions(name: str) -> set[str]:
    """Distributions that an import may come from; its own name where it is not installed."""
    return {canonical(distribution) for distribution in installed().get(name, [name])}


def test_every_import_is_declared():
    known = declared()
    undeclared = {
        name: files
        for name, files in imported().items()
        if not distributions(COMES_WITH.get(name, name)) & known[OPTIONAL.get(name, "")]
    }
    assert not undeclared


def test_the_walk_sees_imports_of_every_kind():
    assert {"torch", "google", "PIL", "h5py", "tonic", "triton"} <= imported().keys()


def test_what_an_extra_has_is_imported_only_where_it_is_asked_for():
    for path in PACKAGE.rglob("*.py"):
        heads = [ast.unparse(node) for node in ast.parse(path.read_text(encoding="utf-8")).body]
        assert not [head for head in heads if re.match(rf"(import|from) ({'|'.join(OPTIONAL)})\b", head)], path
