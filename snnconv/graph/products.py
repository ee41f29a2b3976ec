"""Products of matrices: of two activations, or of an activation and constant matrices that are no linear layer's."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ConstantMatMul", "MatMul"]


class MatMul(nn.Module):
    """The product of two activations along their last two axes, as numpy's `matmul` has it."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map `[B, ..., M, K]` and `[B, ..., K, N]` to `[B, ..., M, N]`."""
        return x @ y


class ConstantMatMul(nn.Module):
    """The product of an activation and constant matrices along the last two axes, as numpy's `matmul` has it.

    Args:
        matrix: Matrices `[..., M, K]` in front of the activation, or `[..., K, N]` behind it.
        constant_first: True where the constant is the left operand.
    """

    def __init__(self, matrix: nn.Parameter, *, constant_first: bool = False) -> None:
        super().__init__()
        self.matrix = matrix
        self.constant_first = constant_first

    @property
    def features(self) -> int:
        """Return the number of products that each output is the sum of."""
        return self.matrix.shape[-1 if self.constant_first else -2]

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, ..., K, N]` to `[B, ..., M, N]`, or `[B, ..., M, K]` to that."""
        return self.matrix @ x if self.constant_first else x @ self.matrix

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        shape = tuple(self.matrix.shape)
        return f"{shape} at the left" if self.constant_first else f"{shape}"
