"""Data sets and networks."""

from snnconv.zoo.datasets import DataInfo, Images, describe_data, open_data

__all__ = ["DataInfo", "Images", "describe_data", "open_data"]
