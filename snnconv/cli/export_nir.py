"""`snnconv export --to nir`: a causal network as a NIR graph, for other people's simulators and chips."""

from __future__ import annotations

from pathlib import Path

from snnconv.cli.export_request import ExportRequest, Target, print_comparison
from snnconv.cli.options import load_model, output_path, warn_of_unknown_pixels
from snnconv.cli.output import print_json, print_line, track

__all__ = ["TARGET"]


def _write(request: ExportRequest) -> None:
    from snnconv.evaluation.nir import compare_nir
    from snnconv.files import write_atomically
    from snnconv.formats.nir.writing import nir_bytes, to_nir

    target = request.output or Path(f"{Path(request.file).stem}.nir")
    path = output_path(target, request.file, "", {"data": request.data})
    model = load_model(request.file, request.options)
    if request.data is not None:
        warn_of_unknown_pixels(model)
    exact, unit = request.options["exact_reset"], request.options["unit_thresholds"]
    graph = to_nir(model, exact_reset=exact, unit_thresholds=unit)
    found = None
    if request.data is not None:
        found = compare_nir(
            model, request.data, exact_reset=exact, unit_thresholds=unit, limit=request.limit, progress=track
        )
    content = nir_bytes(graph)
    write_atomically(path, content)
    steps = int(graph.metadata["timesteps"])
    kinds = sorted({type(node).__name__ for node in graph.nodes.values()})
    if request.as_json:
        values = {"file": str(path), "format": request.target, "exact_reset": exact, "unit_thresholds": unit}
        sizes = {"timesteps": steps, "nodes": len(graph.nodes), "edges": len(graph.edges), "bytes": len(content)}
        print_json({**values, **sizes, "kinds": kinds, "comparison": None if found is None else found.to_dict()})
        return
    if found is not None:
        print_comparison(found, model.input.noun, f"One threshold, {steps} steps, beside FILE", "the file")
    print_line(f"Wrote {path}: {steps} steps, {len(graph.nodes)} nodes, {len(content) / 1e6:.2f} MB.")
    print_line(f"Kinds of nodes: {', '.join(kinds)}.")


TARGET = Target(frozenset({"exact_reset", "unit_thresholds"}), _write)
