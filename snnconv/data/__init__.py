"""Data sets: a data spec names them, and they are opened as a network takes them."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.data.datasets import DataInfo, describe_data, open_data
    from snnconv.data.images import Images

__all__ = ["DataInfo", "Images", "describe_data", "open_data"]

__getattr__ = lazy_names(
    __name__,
    {"DataInfo": ".datasets", "Images": ".images", "describe_data": ".datasets", "open_data": ".datasets"},
)
