"""Rewrites that keep a graph's outputs. Each names what it requires and ensures, and says whether it did anything."""

from snnconv.graph.passes.fold_affine import fold_affine

__all__ = ["fold_affine"]
