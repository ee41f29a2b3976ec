"""Accuracy, agreement, activity, operations and energy of networks on data."""

from snnconv.costs.activity import Activity
from snnconv.costs.energy import ENERGY_NOTE, EnergyModel
from snnconv.costs.operations import LayerOperations, MemoryAccesses, Operations
from snnconv.evaluation.differences import OutputError
from snnconv.evaluation.energy import ann_activity, ann_energy
from snnconv.evaluation.evaluation import evaluate
from snnconv.evaluation.exported import ExportedNetwork, open_exported
from snnconv.evaluation.file import compare_file
from snnconv.evaluation.hardware import compare_hardware
from snnconv.evaluation.inspection import Inspection, inspect
from snnconv.evaluation.metrics import Metric
from snnconv.evaluation.nir import compare_nir
from snnconv.evaluation.result import Evaluation
from snnconv.evaluation.score import Score
from snnconv.runtime.onnxruntime import run_onnx

__all__ = [
    "ENERGY_NOTE",
    "Activity",
    "EnergyModel",
    "Evaluation",
    "ExportedNetwork",
    "Inspection",
    "LayerOperations",
    "MemoryAccesses",
    "Metric",
    "Operations",
    "OutputError",
    "Score",
    "ann_activity",
    "ann_energy",
    "compare_file",
    "compare_hardware",
    "compare_nir",
    "evaluate",
    "inspect",
    "open_exported",
    "run_onnx",
]
