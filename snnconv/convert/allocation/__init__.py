"""The allocation of levels: N of each site, by what its levels bring and what they cost, under a budget."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.convert.allocation.choice import AllocatedLevels, choose_levels, require_choice
    from snnconv.convert.allocation.report import PrecisionPoint, PrecisionReport

__all__ = ["AllocatedLevels", "PrecisionPoint", "PrecisionReport", "choose_levels", "require_choice"]

__getattr__ = lazy_names(
    __name__,
    {
        "AllocatedLevels": ".choice",
        "PrecisionPoint": ".report",
        "PrecisionReport": ".report",
        "choose_levels": ".choice",
        "require_choice": ".choice",
    },
)
