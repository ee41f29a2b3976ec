"""Data sets: what a data spec names, opened as a network takes it."""

from snnconv.data.datasets import DataInfo, Images, describe_data, open_data

__all__ = ["DataInfo", "Images", "describe_data", "open_data"]
