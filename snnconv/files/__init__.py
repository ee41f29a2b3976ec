"""Files written whole or not at all, and the paths that are refused before work that would be lost."""

from snnconv.files.checks import require_regular, require_replaceable, require_writable
from snnconv.files.locking import locked
from snnconv.files.writing import write_atomically, write_folder_atomically, write_together

__all__ = [
    "locked",
    "require_regular",
    "require_replaceable",
    "require_writable",
    "write_atomically",
    "write_folder_atomically",
    "write_together",
]
