"""`snnconv export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.options import (
    DATA_HELP,
    examples,
    input_options,
    json_option,
    load_model,
    output_path,
    require,
    warn_of_unknown_pixels,
)
from snnconv.cli.output import print_json, print_line, print_table, track


@click.command(
    epilog=examples(
        "snnconv export resnet18-snn.onnx --int8 --data imagefolder:photos -o resnet18-int8.onnx",
        "snnconv export resnet18-snn.onnx --form collapsed -o resnet18-quantized.onnx",
    )
)
@click.argument("file")
@click.option("--to", "target", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="Format.")
@click.option(
    "--form",
    type=click.Choice(["stepped", "collapsed"]),
    help="Of an SNN: step by step, or the quantized network that it equals in one pass.  [default: stepped; of --int8 "
    "collapsed where it equals one]",
)
@click.option("--int8", is_flag=True, help="Weights and activations in 8-bit integers, levels exact.")
@click.option("--data", metavar="DATA", help=f"Compare the file in onnxruntime with FILE on images: {DATA_HELP}.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Compare the first N images.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write.")
@input_options
@json_option
def export(
    file: str,
    target: str,
    form: str | None,
    int8: bool,
    data: str | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a converted network FILE for other software, and show that it answers alike."""
    from snnconv.convert.spike import collapse, collapses
    from snnconv.evaluate import compare_file
    from snnconv.export import to_int8, to_onnx
    from snnconv.files import write_atomically
    from snnconv.model import Stage

    require(data is not None or options["limit"] is None, "--limit counts images to compare: give --data.")
    ending = "-int8" if int8 and form != "stepped" else f"-{form or 'stepped'}{'-int8' if int8 else ''}"
    path = output_path(output, file, ending, {"data": data})
    model = load_model(file, options)
    form = form or ("collapsed" if int8 and (collapses(model) or model.stage is not Stage.SNN) else "stepped")
    if data is not None:
        warn_of_unknown_pixels(model)
    if int8:
        proto = to_int8(model, stepped=form == "stepped")
    else:
        proto = to_onnx(collapse(model) if form == "collapsed" and model.stage is Stage.SNN else model)
    found = None
    if data is not None:
        found = compare_file(proto, model, data, limit=options["limit"], progress=track)
    content = proto.SerializeToString()
    write_atomically(path, content)
    operators = len(proto.graph.node)
    values = {
        "file": str(path),
        "format": target,
        "form": form,
        "int8": int8,
        "nodes": operators,
        "bytes": len(content),
    }
    if as_json:
        print_json({**values, "comparison": None if found is None else found.to_dict()})
        return
    if found is not None:
        rows: list[tuple[str, object]] = [("images", found.images), ("same arg-max", f"{found.agreement:.2f} %")]
        if found.accuracy is not None:
            rows += [("accuracy of the file", f"{found.accuracy:.2f} %"), ("of FILE", f"{found.model_accuracy:.2f} %")]
        print_table("The file in onnxruntime beside FILE", ("", ""), rows)
    print_line(f"Wrote {path}: {form}{', int8' if int8 else ''}, {operators} nodes, {len(content) / 1e6:.2f} MB.")
