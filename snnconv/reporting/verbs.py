"""The two verbs: measure, draw, and write a page with its numbers beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.images import Images
from snnconv.loading import load
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting.comparison import Comparison
from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.gather import gather, name_of
from snnconv.reporting.gather_comparison import gather_comparison
from snnconv.reporting.numbers import Report
from snnconv.reporting.options import ReportOptions
from snnconv.reporting.page import render
from snnconv.reporting.view import report_view
from snnconv.reporting.write import check_output, write
from snnconv.runtime.running import Precision
from snnconv.spiking.grid import Grid

__all__ = ["compare", "report"]

Network = Model | str | os.PathLike[str]


def report(
    model: Network,
    data: Images | str,
    output: str | os.PathLike[str] = "report.html",
    *,
    against: Network | None = None,
    options: ReportOptions | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Write one self-contained page about a network, and its numbers as JSON beside it.

    Args:
        model: Network of any stage, or its file.
        data: Images opened for the network, or a data spec. Labels are optional.
        output: Path of the page, which ends in .html; the numbers get the same name with .json.
        against: Network that it was made from, or another one of the same outputs; None: compare with nothing.
        options: Choices of the report; None: the defaults.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The numbers of the page.

    Raises:
        FileError: a file is missing or damaged, or the page cannot be written; then nothing is.
        DataError, ModelError, InvalidValueError: as `evaluate` does.
    """
    page = Path(output)
    check_output(page, _files(model, against))
    name, network = _load(model)
    other_name, other = (None, None) if against is None else _load(against)
    numbers = gather(network, data, against=other, options=options, names=(name, other_name), progress=progress)
    write(page, render("report.html.j2", report_view(numbers)), numbers.to_dict())
    return numbers


def compare(
    models: Sequence[Network],
    data: str,
    output: str | os.PathLike[str] = "compare.html",
    *,
    against: Network | None = None,
    grid: Grid | None = None,
    limit: int | None = None,
    precision: Precision = "auto",
    energy_model: EnergyModel = DEFAULT,
    command: str | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Write one self-contained page that sets networks side by side, and its numbers as JSON beside it.

    Args:
        models: Networks of any stage, or their files.
        data: A data spec.
        output: Path of the page, which ends in .html; the numbers get the same name with .json.
        against: Reference whose predictions are compared; needed where the data have no labels.
        grid: T, L and couplings to try with each network; None: every network at its own.
        limit: Number of images to classify, the first of the data; None: all.
        precision: Arithmetic, as `evaluate` takes it.
        energy_model: Costs of operations.
        command: The command line, for the provenance.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The numbers of the page.

    Raises:
        FileError: a file is missing or damaged, or the page cannot be written; then nothing is.
        DataError, ModelError, InvalidValueError: as `evaluate` does, or a setting cannot be.
    """
    page = Path(output)
    check_output(page, _files(*models, against))
    numbers = gather_comparison(
        [_load(network) for network in models],
        data,
        against=None if against is None else _load(against),
        grid=grid,
        limit=limit,
        precision=precision,
        energy_model=energy_model,
        command=command,
        progress=progress,
    )
    write(page, render("compare.html.j2", comparison_view(numbers)), numbers.to_dict())
    return numbers


def _files(*networks: Network | None) -> list[str]:
    return [os.fspath(network) for network in networks if isinstance(network, (str, os.PathLike))]


def _load(network: Network) -> tuple[str, Model]:
    """Return a network under its name: that of its file, or what its provenance calls it."""
    model = load(network)
    if not isinstance(network, (str, os.PathLike)):
        return name_of(model), model
    text = os.fspath(network)
    return text if ":" in text and not os.path.exists(text) else Path(text).name, model
