"""Functions that are called whenever modules run, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

__all__ = ["hooked"]


@contextmanager
def hooked(hooks: Iterable[tuple[nn.Module, Callable[..., Any]]], *, before: bool = False) -> Iterator[None]:
    """Call functions whenever modules run; when the context ends, also by an error, they are called no more.

    Args:
        hooks: Modules, each with its function: `function(module, inputs, output)`, whose result takes the place of the
            output unless it is None.
        before: True for functions that are called before their module runs: `function(module, inputs)`.

    >>> import torch
    >>> layer, sizes = nn.Identity(), []
    >>> with hooked([(layer, lambda module, inputs, output: sizes.append(output.numel()))]):
    ...     _ = layer(torch.zeros(2, 3))
    >>> _ = layer(torch.zeros(5))
    >>> sizes
    [6]
    """
    with ExitStack() as stack:
        for module, function in hooks:
            register = module.register_forward_pre_hook if before else module.register_forward_hook
            stack.callback(register(function).remove)
        yield
