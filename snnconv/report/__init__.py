"""Pages that people look at: what one network does, and several beside each other."""

from snnconv.report.comparison import Comparison, Contender
from snnconv.report.gather import Options, gather
from snnconv.report.grid import Grid
from snnconv.report.numbers import Report
from snnconv.report.verbs import compare, report

__all__ = ["Comparison", "Contender", "Grid", "Options", "Report", "compare", "gather", "report"]
