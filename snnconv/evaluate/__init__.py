"""What a network achieves and what it costs: accuracy, agreement, activity, operations, energy."""

from snnconv.convert.counting.activity import Activity
from snnconv.convert.counting.energy import ENERGY_NOTE, EnergyModel
from snnconv.convert.counting.operations import LayerOperations, MemoryAccesses, Operations
from snnconv.evaluate.evaluation import ann_activity, ann_energy, evaluate
from snnconv.evaluate.exported import ExportedNetwork, open_exported
from snnconv.evaluate.file import FileComparison, compare_file
from snnconv.evaluate.inspection import Inspection, inspect
from snnconv.evaluate.onnxruntime import run_onnx
from snnconv.evaluate.result import Evaluation

__all__ = [
    "ENERGY_NOTE",
    "Activity",
    "EnergyModel",
    "Evaluation",
    "ExportedNetwork",
    "FileComparison",
    "Inspection",
    "LayerOperations",
    "MemoryAccesses",
    "Operations",
    "ann_activity",
    "ann_energy",
    "compare_file",
    "evaluate",
    "inspect",
    "open_exported",
    "run_onnx",
]
