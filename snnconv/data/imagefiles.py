"""Image files on disk: the schemes `imagefolder` and `csv`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from snnconv.data.geometry import Geometry
from snnconv.data.sources import Fit, Indices, Labels, Source
from snnconv.errors import DataError, SnnconvError, unreadable
from snnconv.files import require_regular

__all__ = ["FileSource", "read_image"]

_MODES = {1: "L", 3: "RGB"}
_GREY_MODES = ("1", "L", "LA")
_PROBED = 64  # images whose headers are looked at to learn the size of all
_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class FileSource(Source):
    """Images that are decoded when they are wanted.

    Attributes:
        paths: Paths of the files.
        labels: Class indices `[n]`, -1 where an image has none, or None.
        classes: Class names by index, or None.
        channels: Number of channels that every file is converted to: 1 (grey) or 3 (RGB).
    """

    paths: tuple[Path, ...]
    labels: Labels | None = None
    classes: tuple[str, ...] | None = None
    channels: int = 3

    def __len__(self) -> int:
        return len(self.paths)

    def _probe(self) -> list[tuple[tuple[int, int], str]]:
        """Return sizes (H, W) and modes of images spread evenly over the whole."""
        picks = np.unique(np.linspace(0, len(self.paths) - 1, _PROBED).round().astype(int))
        return [_header(self.paths[pick]) for pick in picks]

    def own_channels(self) -> int:
        """Return 1 where all images looked at are grey, else 3."""
        return 1 if all(mode in _GREY_MODES for _, mode in self._probe()) else 3

    def with_channels(self, channels: int) -> FileSource:
        """Have every file converted to grey or RGB."""
        if channels not in _MODES:
            raise DataError(
                f"Image files give 1 (grey) or 3 (RGB) channels, the network takes {channels}: give arrays, "
                "npz:FILE with [n,H,W,C] or [n,C,H,W]."
            )
        return replace(self, channels=channels)

    def size(self) -> tuple[int, int] | None:
        """Return the size that all images looked at share, or None."""
        sizes = {size for size, _ in self._probe()}
        return sizes.pop() if len(sizes) == 1 else None

    def geometry(self, height: int, width: int, resize: int | None) -> Geometry:
        """Scale as `Geometry.for_files` says; an image that cannot fit is refused when it is read."""
        return Geometry.for_files(height, width, resize)

    def _load_one(self, index: int, fit: Fit) -> Tensor:
        path = self.paths[index]
        pixels = read_image(path, self.channels)
        try:
            return fit(pixels)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def load(self, indices: Indices, fit: Fit) -> Tensor:
        """Return the pixels of some images, `[B, C, H, W]`, decoded one by one."""
        return torch.stack([self._load_one(int(index), fit) for index in indices])

    def stream(self, chunks: Iterable[Indices], fit: Fit) -> Iterator[Tensor]:
        """Decode in threads (Pillow lets go of Python's lock), a few batches ahead of whoever takes them."""
        pending: deque[list[Future[Tensor]]] = deque()
        pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="decode")
        try:
            for chunk in chunks:
                pending.append([pool.submit(self._load_one, int(index), fit) for index in chunk])
                if len(pending) > _BATCHES_AHEAD:
                    yield _gather(pending)
            while pending:
                yield _gather(pending)
        finally:
            pool.shutdown(cancel_futures=True)


def _gather(pending: deque[list[Future[Tensor]]]) -> Tensor:
    return torch.stack([future.result() for future in pending.popleft()])


def read_image(path: Path, channels: int) -> Tensor:
    """Decode one image file to uint8 `[C, H, W]`, grey (C=1) or RGB (C=3).

    Raises:
        FileError: It is missing, damaged or no image.
        DataError: Its pixels are deeper than 8 bits.
    """
    with _reading(path), Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise DataError(f"{path} has more than 8 bits per pixel (mode {image.mode}): save it with 8 bits.")
        pixels = np.array(image.convert(_MODES[channels]))
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1)


def _header(path: Path) -> tuple[tuple[int, int], str]:
    with _reading(path), Image.open(path) as image:
        return (image.height, image.width), image.mode


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    require_regular(path)
    try:
        yield
    except SnnconvError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        message = f"{path} cannot be read as an image ({type(error).__name__}: {error}). Replace it or leave it out."
        raise unreadable(path, error, message) from error
