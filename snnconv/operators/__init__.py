"""The operators, one file each or a close family: how each is read and written, behaves in time, and what it costs.

Importing this package files every record of its modules. A new operator is a new file here and no edit elsewhere.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        import_module(f"{__name__}.{_module.name}")
