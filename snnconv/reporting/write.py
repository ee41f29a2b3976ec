"""A page and its numbers: two files, both written or neither."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snnconv.errors import FileError
from snnconv.files import require_writable, write_together

__all__ = ["check_output", "numbers_beside", "write"]


def numbers_beside(page: Path) -> Path:
    """Return the path of a page's numbers: `report.json` beside `report.html`."""
    return page.with_suffix(".json")


def check_output(page: Path, read: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuse, before any work, a path where a page or its numbers cannot be written.

    Args:
        page: Path of the page.
        read: Files that are read, and must not be written over.

    Raises:
        FileError: its name does not end in .html, it cannot be written, or it is a file that is read.
    """
    if page.suffix.lower() not in (".html", ".htm") or not page.stem:
        raise FileError(f"{page} is no name for a page: give one that ends in .html, as in -o report.html.")
    for target in (page, numbers_beside(page)):
        require_writable(target)
        for path in read:
            try:
                if target.exists() and os.path.exists(path) and target.samefile(path):
                    raise FileError(f"{target} is a file that is read: name another page with -o, so that it is kept.")
            except (OSError, ValueError):  # what cannot be looked at, or be a file's name, is not written over either
                continue


def write(page: Path, html: str, numbers: dict[str, Any]) -> tuple[Path, Path]:
    """Write a page and its numbers beside it.

    Returns:
        Both paths.

    Raises:
        FileError: one of the two cannot be written; then neither is, and old ones are as they were.
    """
    beside = numbers_beside(page)
    text = json.dumps(numbers, indent=2, allow_nan=False)
    write_together({page: html.encode("utf-8", "replace"), beside: f"{text}\n".encode()})
    return page, beside
