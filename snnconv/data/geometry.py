"""How an image of any size becomes the H x W that a network takes: scale the short side, crop the centre."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from snnconv.errors import DataError

__all__ = ["Geometry"]


@dataclass(frozen=True)
class Geometry:
    """Scale the short side to `short`, then crop the centre to `height` x `width` (pixels).

    Attributes:
        height: Rows H of the result.
        width: Columns W of the result.
        short: Length that the short side is scaled to (bilinear with antialiasing), or None: no scaling.
        keep_exact: True to take an image that is H x W already as it is, without scaling.
    """

    height: int
    width: int
    short: int | None
    keep_exact: bool = False

    @staticmethod
    def for_files(height: int, width: int, resize: int | None) -> Geometry:
        """Return the geometry for image files, whose sizes vary.

        Without `resize` the short side becomes round(max(H, W) * 256 / 224), the usual evaluation transform,
        except where the image is H x W already.

        >>> Geometry.for_files(224, 224, None).short
        256
        """
        usual = round(max(height, width) * 256 / 224)
        return Geometry(height, width, usual if resize is None else resize, keep_exact=resize is None)

    @staticmethod
    def scaled_size(height: int, width: int, short: int | None) -> tuple[int, int]:
        """Return the size (H, W) after the short side has been scaled to `short`.

        >>> Geometry.scaled_size(375, 500, 256)
        (256, 341)
        """
        if short is None:
            return height, width
        if height <= width:
            return short, int(short * width / height)
        return int(short * height / width), short

    def check(self, height: int, width: int) -> None:
        """Raise unless an image of this size can be brought to H x W.

        Raises:
            DataError: After scaling it is still smaller than the crop.
        """
        if self.keep_exact and (height, width) == (self.height, self.width):
            return
        rows, columns = self.scaled_size(height, width, self.short)
        if rows >= self.height and columns >= self.width:
            return
        scaled = "" if self.short is None else f" ({rows} x {columns} after --resize {self.short})"
        raise DataError(
            f"The image is {height} x {width} pixels{scaled} (height x width), the network takes "
            f"{self.height} x {self.width}. Give --resize N, N at least "
            f"{max(self.height, self.width)}, to scale it up, or --size N if the network takes smaller ones."
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Bring pixels `[..., C, h, w]`, uint8 or float, to `[..., C, H, W]` of the same type."""
        height, width = x.shape[-2:]
        self.check(height, width)
        scaled = self.short is not None and self.short != min(height, width)
        if (height, width) == (self.height, self.width) and (self.keep_exact or not scaled):
            return x
        from torchvision.transforms.v2 import functional as VF  # takes seconds, and most arrays fit as they are

        if scaled:
            rows, columns = self.scaled_size(height, width, self.short)
            x = VF.resize(x, [rows, columns], antialias=True)
        if tuple(x.shape[-2:]) != (self.height, self.width):
            x = VF.center_crop(x, [self.height, self.width])
        return x
