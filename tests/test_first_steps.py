"""Every command of the page for beginners, on real images, fewer than a reader has."""

from __future__ import annotations

import pickle
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from snnconv.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "first-steps.md"
TRAINING, TEST = 160, 16
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write_cifar10(data: Path, folder: Path) -> None:
    """CIFAR-10 as torchvision leaves it, with a few of its images."""
    folder.mkdir(parents=True)
    for name, source, count in (
        ("data_batch_1", "cifar10_train_0.npz", TRAINING),
        ("test_batch", "cifar10_test_1017.npz", TEST),
    ):
        with np.load(data / source) as arrays:
            x, y = arrays["x"][:count], arrays["y"][:count]
        rows = {"data": x.transpose(0, 3, 1, 2).reshape(count, -1).copy(), "labels": [int(label) for label in y]}
        (folder / name).write_bytes(pickle.dumps(rows))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": NAMES}))


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_every_command(shared, tmp_path, monkeypatch, capsys):
    commands = [
        line for block in re.findall(r"```bash\n(.*?)```", PAGE.read_text(), flags=re.S) for line in block.splitlines()
    ]
    assert len(commands) > 10
    write_cifar10(shared / "data", tmp_path / "data" / "cifar-10-batches-py")
    (tmp_path / "resnet20.onnx").write_bytes((shared / "models" / "cifar10_resnet20.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)
    for command in commands:
        assert command.startswith("snnconv ")
        main(shlex.split(command)[1:])
        assert capsys.readouterr().out, command
