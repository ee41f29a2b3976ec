"""CIFAR-10 of the folder of real data: what is trained on, held out, and tested on."""

from __future__ import annotations

from pathlib import Path

__all__ = ["MEAN", "STD", "TRAINED_MEAN", "TRAINED_STD", "held_out", "test", "training"]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10's training images
TRAINED_MEAN, TRAINED_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what cifar10_resnet20.onnx was trained with


def _all(shared: Path) -> str:
    return "npz:" + ",".join(str(shared / "data" / f"cifar10_train_{part}.npz") for part in range(3))


def training(shared: Path, images: int = 45_000) -> str:
    """The first of the images 0..44999."""
    return f"{_all(shared)}[0:{images}]"


def held_out(shared: Path) -> str:
    """The images 45000..49999."""
    return f"{_all(shared)}[45000:50000]"


def test(shared: Path) -> str:
    """The 1,017 test images."""
    return f"npz:{shared / 'data' / 'cifar10_test_1017.npz'}"
