"""`snnconv export --to onnx`: a network as one ONNX file, in one of its forms."""

from __future__ import annotations

from snnconv.cli.export_request import ExportRequest, Target, print_comparison
from snnconv.cli.options import load_model, output_path, require, warn_of_unknown_pixels
from snnconv.cli.output import print_json, print_line, track

__all__ = ["TARGET"]


def _write(request: ExportRequest) -> None:
    from snnconv.evaluation import compare_file
    from snnconv.files import write_atomically
    from snnconv.formats.onnx import to_int8, to_onnx, to_single_step
    from snnconv.model import SNN
    from snnconv.spiking.unrolling import collapse, collapses

    form, int8 = request.options["form"], request.options["int8"]
    require(not int8 or form != "single-step", "--int8 is of --form stepped and collapsed, not single-step.")
    ending = "-int8" if int8 and form != "stepped" else f"-{form or 'stepped'}{'-int8' if int8 else ''}"
    path = output_path(request.output, request.file, ending, {"data": request.data})
    model = load_model(request.file, request.options)
    form = form or ("collapsed" if int8 and (collapses(model) or not isinstance(model, SNN)) else "stepped")
    if request.data is not None:
        warn_of_unknown_pixels(model)
    if int8:
        proto = to_int8(model, stepped=form == "stepped")
    elif form == "single-step":
        proto = to_single_step(model)
    else:
        proto = to_onnx(collapse(model) if form == "collapsed" and isinstance(model, SNN) else model)
    found = None
    if request.data is not None:
        found = compare_file(proto, model, request.data, limit=request.limit, progress=track)
    content = proto.SerializeToString()
    write_atomically(path, content)
    operators = len(proto.graph.node)
    if request.as_json:
        values = {"file": str(path), "format": request.target, "form": form, "int8": int8}
        sizes = {"nodes": operators, "bytes": len(content)}
        print_json({**values, **sizes, "comparison": None if found is None else found.to_dict()})
        return
    if found is not None:
        print_comparison(found, model.input.noun, "The file in onnxruntime beside FILE", "the file")
    print_line(f"Wrote {path}: {form}{', int8' if int8 else ''}, {operators} nodes, {len(content) / 1e6:.2f} MB.")


TARGET = Target(frozenset({"form", "int8"}), _write)
