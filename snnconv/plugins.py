"""Plug-ins: operators, neurons, calibration methods, formats and data schemes of installed distributions.

A distribution announces them in its `pyproject.toml`:

    [project.entry-points."snnconv.plugins"]
    wavelets = "wavelets.for_snnconv"

The value names a module, which registers its additions by decorators when it is imported, or a function in the form
`module:function`, which does so when it is called. Registries ask for plug-ins when a name is missing or all names are
listed, so that the command line offers them too.
"""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint, entry_points
from threading import RLock

from snnconv.errors import SnnconvWarning

__all__ = ["GROUP", "load"]

GROUP = "snnconv.plugins"

_lock = RLock()  # held while plug-ins are imported, so that other threads wait for what they register
_loaded = False


def load() -> None:
    """Import every plug-in, or call its function, unless that was done before.

    Warns:
        SnnconvWarning: A plug-in cannot be loaded; the others are.
    """
    global _loaded
    if _loaded:
        return
    with _lock:
        if not _loaded:
            _loaded = True  # a plug-in that looks names up comes here again
            for entry in dict.fromkeys(entry_points(group=GROUP)):
                _load_one(entry)


def _load_one(entry: EntryPoint) -> None:
    try:
        plugin = entry.load()
        if callable(plugin):
            plugin()
    except Exception as error:  # it is somebody else's code
        distribution = "an unnamed distribution" if entry.dist is None else entry.dist.name
        warnings.warn(
            f"The plug-in {entry.name!r} of {distribution} ({entry.value}) cannot be loaded, and what it adds is "
            f"missing ({type(error).__name__}: {error}). Update or uninstall it.",
            SnnconvWarning,
            stacklevel=2,
        )
