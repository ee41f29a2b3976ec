"""Pages that people look at: one network on data, or several networks beside each other."""

from snnconv.reporting.comparison import Comparison, Contender
from snnconv.reporting.gather import gather
from snnconv.reporting.numbers import Report
from snnconv.reporting.options import ReportOptions
from snnconv.reporting.verbs import compare, report
from snnconv.spiking.grid import Grid

__all__ = ["Comparison", "Contender", "Grid", "Report", "ReportOptions", "compare", "gather", "report"]
