"""Make a package callable that is named like its verb: `snnconv.convert(...)` and `import snnconv.convert`."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

__all__ = ["make_callable"]


class CallablePackage(ModuleType):
    """A package whose call is that of the function of the same name in it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _verb_of(self)(*args, **kwargs)


def make_callable(name: str) -> None:
    """Let the call of a package be that of the function in it that has its name.

    Help and signature are then the function's, too.

    Args:
        name: Name of the package, `__name__` in its own file.
    """
    package = sys.modules[name]
    verb = _verb_of(package)
    package.__class__ = CallablePackage
    package.__doc__ = verb.__doc__
    vars(package)["__signature__"] = inspect.signature(verb)


def _verb_of(package: ModuleType) -> Any:
    return vars(package)[package.__name__.rpartition(".")[2]]
