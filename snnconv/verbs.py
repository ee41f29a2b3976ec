"""Make a package callable that is named like its verb: `snnconv.convert(...)` and `import snnconv.convert`."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

__all__ = ["make_callable"]


class CallablePackage(ModuleType):
    """Package whose call is that of the function in it that has its name, which is imported when it is needed."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _verb_of(self)(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(_verb_of(self))


def _documentation(package: ModuleType) -> str | None:
    documentation: str | None = _verb_of(package).__doc__
    return documentation


setattr(CallablePackage, "__doc__", property(_documentation))  # noqa: B010 - a class body keeps its own docstring


def make_callable(name: str) -> None:
    """Let the call of a package be that of the function in it that has its name.

    Help and signature are then the function's, too.

    Args:
        name: Name of the package, `__name__` in its own file.
    """
    sys.modules[name].__class__ = CallablePackage


def _verb_of(package: ModuleType) -> Any:
    return getattr(package, package.__name__.rpartition(".")[2])
