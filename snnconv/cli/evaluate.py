"""`snnconv evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.energy_output import cost_rows, print_energy
from snnconv.cli.input_options import (
    input_options,
    load_model,
    load_reference,
    nir_options,
    warn_of_unknown_pixels,
    with_input_options,
)
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import examples, json_option, labelled, labels_option, pretrained_option, refuse_pretrained
from snnconv.cli.output import print_json, print_line, print_output_errors, print_table, track
from snnconv.cli.score_output import figure_rows, score_rows

if TYPE_CHECKING:
    from snnconv.evaluation import Evaluation, ExportedNetwork
    from snnconv.model import Model

METRICS = ("accuracy", "agreement", "relative-error", "correlation")  # as figures.py has them, not imported for a help


@click.command(
    epilog=examples("snnconv evaluate resnet18-snn.onnx --data imagefolder:photos --against resnet18.onnx --simulate")
)
@click.argument("file")
@click.option("--data", "data", cls=DataOption, required=True, metavar="DATA", help=f"Images: {DATA_HELP}.")
@click.option(
    "--against",
    metavar="FILE",
    help="A reference network, whose outputs, and their classes where they name some, are compared.",
)
@click.option(
    "--metric",
    "metrics",
    type=click.Choice(METRICS),
    multiple=True,
    help="Print this figure alone, or say why there is none; may be given several times.",
)
@click.option("--simulate", is_flag=True, help="Step through time also where one pass gives the same.")
@click.option(
    "--stop-when-settled",
    type=int,
    metavar="S",
    help="End an image's run when its class has stayed for S steps (causal and differential coupling).",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Evaluate the first N images.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "float64"]),
    default="auto",
    show_default=True,
    help="In float64 no rounding moves a value over a level; auto takes it for what has levels, on a CPU.",
)
@click.option(
    "--backend",
    type=click.Choice(["auto", "torch", "onnxruntime", "onnxruntime-int8"]),
    default="auto",
    show_default=True,
    help="What classifies the images; auto: onnxruntime for a FILE of `snnconv export --int8`, else torch.",
)
@click.option(
    "--energy-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What operations cost (docs/energy.md).",
)
@labels_option
@pretrained_option(default=True)
@input_options
@nir_options
@json_option
def evaluate(file: str, data: str, against: str | None, as_json: bool, **options: Any) -> None:
    """Measure accuracy, agreement, activity and estimated energy of FILE on DATA.

    FILE is a network of any stage, one in 8-bit integers, or one time step of a spiking network.
    """
    from snnconv.data import open_data
    from snnconv.evaluation import EnergyModel, open_exported
    from snnconv.evaluation import evaluate as run
    from snnconv.evaluation.figures import check_figures

    refuse_pretrained(file, against)
    data = labelled(data, options)
    path = options["energy_model"]
    energy_model = EnergyModel.default() if path is None else EnergyModel.load(path)
    exported = open_exported(file)
    if exported is None:
        model: Model | ExportedNetwork = load_model(file, options, data)
    else:
        model = exported.with_input(with_input_options(exported.input, options))
    warn_of_unknown_pixels(model)
    images = open_data(data, model.input, purpose="eval")
    check_figures(options["metrics"], _first_shape(model), images=images, has_reference=against is not None)
    other = load_reference(against, options, model)
    result = run(
        model,
        images,
        against=other,
        simulate=options["simulate"],
        stop_when_settled=options["stop_when_settled"],
        limit=options["limit"],
        precision=options["precision"],
        backend=options["backend"],
        energy_model=energy_model,
        progress=track,
    )
    if as_json:
        print_json(result.to_dict())
    elif options["metrics"]:
        rows = figure_rows(result, options["metrics"], _called(other))
        print_table(f"{result.images} {model.input.noun}s", ("", ""), rows)
    else:
        _print(result, _called(other), _plain_name(other), model.input.noun)


def _first_shape(model: Model | ExportedNetwork) -> tuple[int, ...]:
    """Return the axes of one sample of the first output."""
    from snnconv.evaluation import ExportedNetwork
    from snnconv.runtime.runnable import shapes_of

    return model.runner.shapes[0] if isinstance(model, ExportedNetwork) else shapes_of(model)[0]


def _called(reference: Model | None) -> str:
    """Return the words for the network that is compared with."""
    from snnconv.model import ANN

    return "the ANN" if reference is not None and isinstance(reference, ANN) else "the reference network"


def _plain_name(reference: Model | None) -> str:
    """Return the words for the plain network whose energy stands beside: the reference, or that of the same layers."""
    from snnconv.model import SNN

    return "the plain network" if reference is None or isinstance(reference, SNN) else _called(reference)


def _window(result: Evaluation) -> str:
    """Return T, what a step can fire, and the coupling of a spiking network."""
    if result.code is None:
        return f"T={result.timesteps}, {_levels(result)}, {result.coupling} coupling"
    size = _levels(result) if result.octaves is None else f"K={result.octaves}"
    return f"T={result.timesteps}, {size}, {result.coupling} coupling ({result.code} code)"


def _levels(result: Evaluation) -> str:
    """Return L in words; N where it differs between sites."""
    from snnconv.spiking.sites import in_words

    if result.total_levels is not None or result.total_levels_range is None:
        return f"L={result.levels}"
    return f"N={in_words(result.total_levels_range)}"


def _print(result: Evaluation, reference: str, plain: str, noun: str) -> None:
    """Print an evaluation; of classes alone their errors stand in the JSON.

    Args:
        result: Evaluation of a network.
        reference: Words for the network that it is compared with.
        plain: Words for the plain network whose energy stands beside.
        noun: Word for one input.
    """
    from snnconv.evaluation.differences import names_only_classes

    window = "" if result.timesteps is None else f", {_window(result)}"
    rows = [*score_rows(result, reference, noun), *cost_rows(result, noun)]
    print_table(f"{result.mode}{window}, {result.arithmetic}, {result.backend}", ("", ""), rows)
    if result.output_errors and not names_only_classes(result.output_errors):
        print_output_errors(
            f"Errors of the outputs, beside {reference}, over {result.images} {noun}s", result.output_errors
        )
    if result.accuracy is result.agreement is None and not result.output_errors:
        print_line("Nothing says how good the answers are: give labelled data, or a reference network with --against.")
    print_energy(result, plain, noun)
    if result.sites:
        _print_sites(result, noun)
    if result.operations is not None:
        print_line(result.operations.energy_model.note)
        if result.stopping is not None:
            print_line(f"Activity and energy are those of all {result.timesteps} steps.")
        if uncounted := result.operations.uncounted_operators:
            names = (f"{operator['operator']} {operator['name']}" for operator in uncounted)
            print_line(f"Not counted: {', '.join(names)}.")


def _print_sites(result: Evaluation, noun: str) -> None:
    """Print a table of the activity of each site."""
    unary = "" if result.timesteps is None else ", unary"
    print_table(
        f"Activity over {result.activity_images} {noun}s",
        ("site", "neurons", f"spikes per {noun}{unary}", "graded", f"per neuron and step{unary}", "silent %"),
        [
            (
                site.name,
                site.neurons,
                None if site.spikes_per_image is None else f"{site.spikes_per_image:.4g}",
                None if site.graded_spikes_per_image is None else f"{site.graded_spikes_per_image:.4g}",
                None if site.firing_rate is None else f"{site.firing_rate:.3f}",
                f"{100 * site.zero_fraction:.1f}",
            )
            for site in result.sites
        ],
    )
