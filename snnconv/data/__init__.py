"""Data sets: what a data spec names, or a caller holds, opened as a network takes it."""

from snnconv.data.datasets import DataInfo, Images, describe_data, open_data
from snnconv.data.opening import DataLike, as_images

__all__ = ["DataInfo", "DataLike", "Images", "as_images", "describe_data", "open_data"]
