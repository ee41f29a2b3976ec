"""A table of image files: the scheme `csv`, with the columns `file` and, where there are labels, `index`."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from snnconv.data.imagefiles import FileSource
from snnconv.data.scheme import Purpose
from snnconv.data.sources import LARGEST_LABEL
from snnconv.errors import DataError, FileError

__all__ = ["read_csv"]

MOST_DIGITS = len(str(LARGEST_LABEL))


def read_csv(where: str, purpose: Purpose) -> FileSource:
    """Return the images that a table lists, each by a path that is absolute or relative to the table's folder.

    Other columns are allowed. Where `index` is missing or empty an image has no label.

    Raises:
        FileError: The table or an image is missing, or the table is no text.
        DataError: No column `file`, an empty path, or an index that is no whole number >= 0.
    """
    table = Path(os.path.expanduser(where))
    rows = _rows(table)
    folder = table.parent.resolve()
    paths: list[Path] = []
    labels: list[int] = []
    for line, row in rows:
        at = f"{table}, line {line}"
        paths.append(_path(folder, row.get("file") or "", at))
        labels.append(_label(row.get("index") or "", at))
    if not paths:
        raise DataError(f"{table} lists no image: at least one row below the header is needed.")
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        raise FileError(f"{table}: {len(missing)} of {len(paths)} images are not there, first {missing[0]}.")
    known = any(label >= 0 for label in labels)
    return FileSource(tuple(paths), np.array(labels, dtype=np.int64) if known else None)


def _rows(table: Path) -> list[tuple[int, dict[str, str | None]]]:
    if not os.path.isfile(table):
        raise FileError(f"{table} is not there or is no file. Give a table with a column 'file': csv:FILE.")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or [])
            if "file" not in columns:
                raise DataError(f"{table} has the columns {columns}: 'file' is needed, 'index' holds the labels.")
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{table} cannot be read as a table of text in UTF-8 ({error}).") from error


def _path(folder: Path, name: str, at: str) -> Path:
    if not name.strip():
        raise DataError(f"{at}: the column 'file' is empty; it must name an image, relative to {folder} or absolute.")
    return folder / name


def _label(text: str, at: str) -> int:
    """Return the class index, or -1 for an empty cell."""
    if not text.strip():
        return -1
    digits = text.strip().lstrip("0")
    whole = text.strip().isascii() and text.strip().isdigit()
    if not whole or len(digits) > MOST_DIGITS or int(digits or "0") > LARGEST_LABEL:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise DataError(f"{at}: index {shown!r}; allowed is a whole number from 0 to {LARGEST_LABEL}, or nothing.")
    return int(digits or "0")
