"""Plug-ins: what installed distributions announce is loaded once, when it is needed, and never breaks anything."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from snnconv import plugins
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.registry import Registry

WORDS: Registry[str, int] = Registry("word")


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that announces Python text as a plug-in of an installed distribution."""
    monkeypatch.setattr(WORDS, "_entries", {"ours": 1})
    monkeypatch.setattr(plugins, "_loaded", False)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def announce(name: str, text: str, value: str = "") -> None:
        (tmp_path / f"{name}.py").write_text(f"from plugin_words import WORDS\n{text}\n")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[snnconv.plugins]\n{name} = {value or name}\n")
        names.append(name)

    monkeypatch.setitem(sys.modules, "plugin_words", SimpleNamespace(WORDS=WORDS))
    yield announce
    for name in names:
        sys.modules.pop(name, None)


def test_a_module_is_imported_when_a_word_is_missing(announce) -> None:
    announce("added_module", "WORDS.register('theirs')(2)")
    assert WORDS["ours"] == 1
    assert "added_module" not in sys.modules
    assert WORDS["theirs"] == 2
    assert list(WORDS) == ["ours", "theirs"]


def test_words_that_are_listed_are_complete(announce) -> None:
    announce("listed_module", "WORDS.register('theirs')(2)")
    assert list(WORDS) == ["ours", "theirs"]


def test_a_function_is_called_once(announce) -> None:
    announce("added_function", "def add():\n    WORDS.register('theirs')(3)", "added_function:add")
    assert WORDS.get("theirs") == 3
    plugins.load()
    assert "nothing" not in WORDS


def test_a_plugin_may_look_words_up(announce) -> None:
    announce("asking", "assert 'theirs' not in WORDS\nWORDS.register('theirs')(WORDS['ours'] + 1)")
    assert WORDS["theirs"] == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("raise RuntimeError('broken')", ""), ("WORDS.register('ours')(2)", ""), ("", "failing:absent")],
)
def test_a_plugin_that_fails_is_named_and_left_out(announce, text: str, value: str) -> None:
    announce("failing", text, value)
    announce("working", "WORDS.register('theirs')(2)")
    with pytest.warns(SnnconvWarning, match="plug-in 'failing' of failing"):
        assert WORDS["theirs"] == 2
    with pytest.raises(InvalidValueError, match="Unknown word 'thers': did you mean theirs"):
        WORDS["thers"]
