"""Data sets: a data spec names them, and they are opened as a network takes them."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.data.datasets import DataInfo, describe_data, open_data
    from snnconv.data.images import Images
    from snnconv.data.opening import DataLike, as_images

__all__ = ["DataInfo", "DataLike", "Images", "as_images", "describe_data", "open_data"]

__getattr__ = lazy_names(
    __name__,
    {
        "DataInfo": ".datasets",
        "DataLike": ".opening",
        "Images": ".images",
        "as_images": ".opening",
        "describe_data": ".datasets",
        "open_data": ".datasets",
    },
)
