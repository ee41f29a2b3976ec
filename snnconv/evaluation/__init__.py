"""What a network achieves and what it costs: accuracy, agreement, activity, operations, energy."""

from snnconv.costs.activity import Activity
from snnconv.costs.energy import ENERGY_NOTE, EnergyModel
from snnconv.costs.operations import LayerOperations, MemoryAccesses, Operations
from snnconv.evaluation.differences import OutputError
from snnconv.evaluation.evaluation import ann_activity, ann_energy, evaluate
from snnconv.evaluation.exported import ExportedNetwork, open_exported
from snnconv.evaluation.file import FileComparison, compare_file
from snnconv.evaluation.hardware import compare_hardware
from snnconv.evaluation.inspection import Inspection, inspect
from snnconv.evaluation.result import Evaluation
from snnconv.runtime.onnxruntime import run_onnx

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
    "OutputError",
    "ann_activity",
    "ann_energy",
    "compare_file",
    "compare_hardware",
    "evaluate",
    "inspect",
    "open_exported",
    "run_onnx",
]
