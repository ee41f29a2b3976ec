"""Pages that people look at: what one network does, and several beside each other."""

from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.gather import ReportOptions, gather
from snnconv.reporting.numbers import Report
from snnconv.reporting.verbs import compare, report
from snnconv.spiking.grid import Grid

__all__ = ["Comparison", "Contender", "Grid", "Report", "ReportOptions", "compare", "gather", "report"]
