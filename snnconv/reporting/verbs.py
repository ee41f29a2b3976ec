"""The two verbs: measure, draw, and write a page with its numbers beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError
from snnconv.evaluation.figures import FigureName
from snnconv.loading import ModelLike, load_beside, load_for
from snnconv.model import Model
from snnconv.neurons.spike_counts import SpikeCount
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


def report(
    model: ModelLike,
    data: DataLike,
    output: str | os.PathLike[str] = "report.html",
    *,
    against: ModelLike | None = None,
    options: ReportOptions | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Write one self-contained page about a network, and its numbers as JSON beside it.

    Args:
        model: Network of any stage, in any form that `load` takes; the data tell the shape of an `nn.Module`'s input.
        data: Data spec, samples `[n, ...]` as the network takes them, `(x, y)`, Dataset, DataLoader, or images opened
            for the network. Labels are optional.
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
    network = load_for(model, data, "eval")
    other = None if against is None else load_beside(against, network.input)
    names = (_name(model, network), None if against is None or other is None else _name(against, other))
    numbers = gather(network, data, against=other, options=options, names=names, progress=progress)
    write(page, render("report.html.j2", report_view(numbers)), numbers.to_dict())
    return numbers


def compare(
    models: Sequence[ModelLike],
    data: DataLike,
    output: str | os.PathLike[str] = "compare.html",
    *,
    against: ModelLike | None = None,
    grid: Grid | None = None,
    limit: int | None = None,
    precision: Precision = "auto",
    energy_model: EnergyModel = DEFAULT,
    spike_count: SpikeCount | str | None = None,
    score: FigureName | None = None,
    command: str | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Write one self-contained page that sets networks side by side, and its numbers as JSON beside it.

    Args:
        models: Networks of any stage, each in any form that `load` takes.
        data: Data in any form that `report` takes. A data spec is opened for each network's own input; samples in
            memory and opened images are given to all of them as they are.
        output: Path of the page, which ends in .html; the numbers get the same name with .json.
        against: Reference whose outputs are compared; needed where the data have no labels, or outputs no classes.
        grid: T, L and couplings to try with each network; None: every network at its own.
        limit: Number of images to classify, the first of the data; None: all.
        precision: Arithmetic, as `evaluate` takes it.
        energy_model: Costs of operations.
        spike_count: Count of spikes that energies and their front are in: `unary`, `power-of-two` or `graded`; None:
            unary, or power-of-two where one of the networks sends messages of a power of two.
        score: Figure that networks are ranked by: `accuracy`, `agreement`, or `relative-error` of the first output;
            None: the first of them that the data, the reference and the outputs give.
        command: The command line, for the provenance.
        progress: Callable around each batch, for a progress bar.

    Returns:
        The numbers of the page.

    Raises:
        FileError: a file is missing or damaged, or the page cannot be written; then nothing is.
        DataError, ModelError, InvalidValueError: as `evaluate` does, or a setting cannot be.
    """
    if isinstance(models, (str, os.PathLike, nn.Module, Model)):
        raise InvalidValueError("models is one network: give a list of one or more, as in compare([model], data).")
    page = Path(output)
    check_output(page, _files(*models, against))
    networks = [(_name(source, network), network) for source in models for network in (load_for(source, data, "eval"),)]
    other = None if against is None or not networks else load_beside(against, networks[0][1].input)
    numbers = gather_comparison(
        networks,
        data,
        against=None if against is None or other is None else (_name(against, other), other),
        grid=grid,
        limit=limit,
        precision=precision,
        energy_model=energy_model,
        spike_count=spike_count,
        score=score,
        command=command,
        progress=progress,
    )
    write(page, render("compare.html.j2", comparison_view(numbers)), numbers.to_dict())
    return numbers


def _files(*networks: ModelLike | None) -> list[str]:
    return [os.fspath(network) for network in networks if isinstance(network, (str, os.PathLike))]


def _name(source: ModelLike, model: Model) -> str:
    """Return the name of a network: that of its file, or what its provenance calls it."""
    if not isinstance(source, (str, os.PathLike)):
        return name_of(model)
    text = os.fspath(source)
    return text if ":" in text and not os.path.exists(text) else Path(text).name
