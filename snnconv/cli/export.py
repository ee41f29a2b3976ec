"""`snnconv export`: a network in a format, and how it compares with what it was written from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.export_options import ExportCommand, option_names, settings_of
from snnconv.cli.input_options import input_options, load_model, warn_of_unknown_pixels
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import examples, json_option, labelled, labels_option, output_path, refuse, require, stem
from snnconv.cli.output import print_json, print_line, print_output_errors, print_table, track
from snnconv.formats import ordered_formats

if TYPE_CHECKING:
    from snnconv.evaluation import Score

__all__ = ["export"]


@click.command(
    cls=ExportCommand,
    epilog=examples(
        "snnconv export resnet18-snn.onnx --int8 --data imagefolder:photos -o resnet18-int8.onnx",
        "snnconv export resnet18-snn.onnx --form collapsed -o resnet18-quantized.onnx",
        "snnconv export resnet18-causal.onnx --form single-step -o resnet18-step.onnx",
        "snnconv export resnet18-causal.onnx --to nir -o resnet18.nir",
        "snnconv export resnet18-snn.onnx --to hardware --data imagefolder:photos -o resnet18-hardware",
    ),
)
@click.argument("file")
@click.option(
    "--data", cls=DataOption, metavar="DATA", help=f"Compare what is written with FILE on images: {DATA_HELP}."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Compare the first N images.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PATH", help="Where to write.")
@labels_option
@input_options
@json_option
def export(
    file: str,
    target: str,
    data: str | None,
    limit: int | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a converted network FILE for other software, and show that it answers alike."""
    formats = ordered_formats()
    for name, other in formats.items():
        refuse(
            sorted(option_names(other) - option_names(formats[target])),
            f"of --to {name}, not of --to {target}; leave it out",
        )
    require(data is not None or limit is None, "--limit counts images to compare: give --data.")
    require(data is not None or options["labels"] is None, "--labels names an array of the data: give --data.")
    data = data and labelled(data, options)
    export_format, settings = formats[target](), settings_of(formats[target], options)
    path = output or export_format.path_for(stem(file), settings)
    if export_format.kind == "file":
        path = output_path(path, file, "", {"data": data})
    export_format.require_path(path)
    model = load_model(file, options, data)
    if data is not None:
        warn_of_unknown_pixels(model)
    written, comparison = export_format.write(model, settings), None
    if data is not None:
        from snnconv.evaluation.written import compare_written

        comparison = compare_written(written, model, data, limit=limit, progress=track)
        written = written.with_measured(comparison.to_dict())
    written.save(path)
    if as_json:
        facts = {export_format.kind: str(path), "format": target, **written.to_dict()}
        print_json({**facts, "comparison": None if comparison is None else comparison.to_dict()})
        return
    if comparison is not None:
        _print_comparison(comparison, model.input.noun, f"{written.title()} beside FILE", written.called)
    first, *others = written.lines()
    for line in (f"Wrote {path}: {first}", *others):
        print_line(line)


def _print_comparison(comparison: Score, noun: str, title: str, called: str) -> None:
    """Print how what was written compares with the network.

    Args:
        comparison: Comparison to print.
        noun: Word for one input, `InputSpec.noun`.
        title: Title of the table.
        called: Name of what was written.
    """
    from snnconv.evaluation.differences import names_only_classes

    if comparison.agreement is not None:
        rows = [(f"{noun}s", str(comparison.images)), ("same arg-max", f"{comparison.agreement:.2f} %")]
        if comparison.accuracy is not None:
            rows.append((f"accuracy of {called}", f"{comparison.accuracy:.2f} %"))
            rows.append(("of FILE", f"{comparison.against_accuracy:.2f} %"))
        print_table(title, ("", ""), rows)
    if comparison.output_errors and not names_only_classes(comparison.output_errors):
        heading = f"{title}: errors of the outputs over {comparison.images} {noun}s"
        print_output_errors(heading, comparison.output_errors)
