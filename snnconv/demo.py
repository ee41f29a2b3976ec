"""The whole road on data that comes with scikit-learn: train, save, convert, evaluate, run elsewhere, and report."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from snnconv.convert import convert
from snnconv.data import Images, describe_data, open_data
from snnconv.evaluation import Evaluation, ann_energy, evaluate
from snnconv.files import require_writable, write_together
from snnconv.finetune import build_network, demo_settings, train
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting import ReportOptions, report

__all__ = ["Demo", "DemoRow", "run_demo"]

TIMESTEPS = 4
ANN_FILE, SNN_FILE = "digits-ann.onnx", "digits-snn.onnx"
REPORT_FILE, NUMBERS_FILE = "digits-report.html", "digits-report.json"


@dataclass(frozen=True)
class DemoRow:
    """One network of the demo: accuracy and agreement with the quantized ANN in percent, costs of one image."""

    network: str
    accuracy: float
    agreement: float
    spikes_per_image: float | None
    energy_pj_per_image: float | None


@dataclass(frozen=True)
class Demo:
    """What the demo found and wrote."""

    rows: tuple[DemoRow, ...]
    images: int
    timesteps: int
    levels: int
    ann_file: str
    snn_file: str
    report_file: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def run_demo(folder: Path, *, progress: Progress = no_progress) -> Demo:
    """Train a small quantized ANN on handwritten digits, convert it, evaluate it in four ways, and report on it.

    Args:
        folder: where `digits-ann.onnx`, `digits-snn.onnx`, and the page `digits-report.html` with its numbers are
            written.
        progress: shows the work.

    Raises:
        FileError: the folder cannot be written to.
    """
    files = [folder / name for name in (ANN_FILE, SNN_FILE, REPORT_FILE, NUMBERS_FILE)]
    for path in files:
        require_writable(path)
    # The road goes through files, as a user's does; they appear in the folder when all of it is done.
    with tempfile.TemporaryDirectory() as made:
        found = _run(Path(made), progress)
        write_together({path: (Path(made) / path.name).read_bytes() for path in files})
    return replace(found, ann_file=str(files[0]), snn_file=str(files[1]), report_file=str(files[2]))


def _run(folder: Path, progress: Progress) -> Demo:
    ann_file, snn_file = folder / ANN_FILE, folder / SNN_FILE
    network = build_network("zoo:small-cnn", describe_data("digits", purpose="train"))
    save(
        train(network, open_data("digits", network.input, purpose="train"), demo_settings(), progress=progress),
        ann_file,
    )
    ann = load(ann_file)
    converted = convert(ann, timesteps=TIMESTEPS, progress=progress)
    save(converted, snn_file)
    snn = load(snn_file)
    test = open_data("digits", ann.input, purpose="eval")
    energy_pj = ann_energy(ann).energy_pj_per_image
    rows = (
        _row("quantized ANN", evaluate(ann, test, against=ann, progress=progress), energy_pj),
        _row("SNN, collapsed", evaluate(snn, test, against=ann, progress=progress)),
        _row("SNN, simulated", evaluate(snn, test, against=ann, simulate=True, progress=progress)),
        _row_of_onnxruntime(snn_file, ann, test),
    )
    page = folder / REPORT_FILE
    report(snn_file, test, page, against=ann_file, options=ReportOptions(command="snnconv demo"), progress=progress)
    return Demo(rows, len(test), TIMESTEPS, converted.levels, str(ann_file), str(snn_file), str(page))


def _row(network: str, found: Evaluation, energy_pj: float | None = None) -> DemoRow:
    assert found.accuracy is not None
    assert found.agreement is not None
    assert found.operations is not None
    spikes = sum(site.spikes_per_image or 0.0 for site in found.sites) if found.timesteps else None
    return DemoRow(network, found.accuracy, found.agreement, spikes, energy_pj or found.operations.energy_pj_per_image)


def _row_of_onnxruntime(path: Path, ann: Model, images: Images) -> DemoRow:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    correct = same = 0
    for x, labels in images.batches(128):
        classes = np.argmax(session.run(None, {name: x.numpy()})[0], axis=1)
        correct += int((classes == labels.numpy()).sum())
        same += int((torch.from_numpy(classes) == ann.logits(x).argmax(1)).sum())
    return DemoRow("SNN, in onnxruntime", 100 * correct / len(images), 100 * same / len(images), None, None)
