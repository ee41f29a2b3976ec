"""Images that are sampled between their pixels, at points that a grid states."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["GridSample"]


class GridSample(nn.Module):
    """The values of an image at points `(x, y)`, of which -1 and 1 are its left and right, or upper and lower, borders.

    Args:
        mode: Interpolation, as torch names it: bilinear, nearest or bicubic.
        padding: Values beyond the borders, as torch names them: zeros, border or reflection.
        align_corners: True where the borders are the middles of the outermost pixels, else their outer edges.
        grid: Points `[1, H, W, 2]`, where they are constant; None where they are the second operand.
    """

    MODES: ClassVar = ("bilinear", "nearest", "bicubic")
    PADDINGS: ClassVar = ("zeros", "border", "reflection")
    grid: Tensor | None

    def __init__(
        self, mode: str = "bilinear", padding: str = "zeros", *, align_corners: bool = False, grid: Tensor | None = None
    ) -> None:
        super().__init__()
        self.mode = mode
        self.padding = padding
        self.align_corners = align_corners
        self.register_buffer("grid", grid)

    def forward(self, x: Tensor, grid: Tensor | None = None) -> Tensor:
        """Map `[B, C, H, W]` and points `[B, H', W', 2]` to `[B, C, H', W']`."""
        if self.grid is not None:
            grid = self.grid.expand(len(x), *self.grid.shape[1:])
        assert grid is not None
        return F.grid_sample(x, grid.to(x), self.mode, self.padding, self.align_corners)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{self.mode}, {self.padding}, align_corners={self.align_corners}"
