"""The two verbs: measure, draw, and write a page with its numbers beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError
from snnconv.loading import ModelLike, load_beside, load_for
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting.comparison import Comparison, gather_comparison
from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.gather import ReportOptions, gather
from snnconv.reporting.numbers import Report
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
        output: Page, which ends in .html; the numbers get the same name with .json.
        against: Network it was made from, or another of the same outputs, in any of these forms.
        options: how much to look at.
        progress: told of each batch.

    Raises:
        FileError: a file is missing or damaged, or the page cannot be written; then nothing is.
        DataError, ModelError, InvalidValueError: as `evaluate` does.
    """
    page = Path(output)
    check_output(page, _files(model, against))
    network = load_for(model, data, "eval")
    other = None if against is None else load_beside(against, network.input)
    names = (_name(model, network), None if against is None or other is None else _name(against, other))
    found = gather(network, data, against=other, options=options, names=names, progress=progress)
    write(page, render("report.html.j2", report_view(found)), found.to_dict())
    return found


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
    command: str | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Write one self-contained page that sets networks side by side, and its numbers as JSON beside it.

    Args:
        models: Networks of any stage, each in any form that `load` takes.
        data: Data in any form that `report` takes. A data spec is opened for each network's own input; samples in
            memory and opened images are given to all of them as they are.
        output: Page, which ends in .html; the numbers get the same name with .json.
        against: Reference whose answers are compared; needed where the data have no labels.
        grid: T, L and couplings to try with each.
        limit: the first so many images; None: all.
        precision: as in `evaluate`.
        energy_model: what operations cost.
        command: the command line, for the provenance.
        progress: told of each batch.

    Raises:
        FileError: a file is missing or damaged, or the page cannot be written; then nothing is.
        DataError, ModelError, InvalidValueError: as `evaluate` does, or a setting cannot be.
    """
    if isinstance(models, (str, os.PathLike, nn.Module, Model)):
        raise InvalidValueError("models is one network: give a list of one or more, as in compare([model], data).")
    page = Path(output)
    check_output(page, _files(*models, against))
    networks = [(_name(source, loaded), loaded) for source in models for loaded in (load_for(source, data, "eval"),)]
    other = None if against is None or not networks else load_beside(against, networks[0][1].input)
    found = gather_comparison(
        networks,
        data,
        against=None if against is None or other is None else (_name(against, other), other),
        grid=grid,
        limit=limit,
        precision=precision,
        energy_model=energy_model,
        command=command,
        progress=progress,
    )
    write(page, render("compare.html.j2", comparison_view(found)), found.to_dict())
    return found


def _files(*networks: ModelLike | None) -> list[str]:
    return [os.fspath(each) for each in networks if isinstance(each, (str, os.PathLike))]


def _name(given: ModelLike, model: Model) -> str:
    """A file's own name, or what a network's provenance calls it."""
    if isinstance(given, (str, os.PathLike)):
        text = os.fspath(given)
        return text if ":" in text and not os.path.exists(text) else Path(text).name
    return str(model.provenance.get("source", f"a network at the stage {model.stage.value}"))
