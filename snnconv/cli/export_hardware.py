"""`snnconv export --to hardware`: a network as a plain folder of integers."""

from __future__ import annotations

from pathlib import Path

from snnconv.cli.export_request import ExportRequest, Target, print_comparison
from snnconv.cli.options import load_model, stem, warn_of_unknown_pixels
from snnconv.cli.output import print_json, print_line, track

__all__ = ["TARGET"]

DEFAULT_BITS = 8


def _write(request: ExportRequest) -> None:
    from snnconv.evaluation.hardware import compare_hardware
    from snnconv.formats.hardware import require_folder, to_hardware, write_hardware

    path = request.output or Path(f"{stem(request.file)}-hardware")
    require_folder(path)
    model = load_model(request.file, request.options)
    if request.data is not None:
        warn_of_unknown_pixels(model)
    files = to_hardware(model, weight_bits=request.options["weight_bits"] or DEFAULT_BITS)
    found = None
    if request.data is not None:
        found = compare_hardware(files, model, request.data, limit=request.limit, progress=track)
        files = files.with_measured(found.to_dict())
    write_hardware(path, files)
    bits, widest, layers, size = files.weight_bits, files.widest_bits, files.layers, files.size_bytes
    if request.as_json:
        values = {"folder": str(path), "format": request.target, "coupling": files.coupling, "weight_bits": bits}
        sizes = {"layers": layers, "widest_bits": widest, "files": len(files), "bytes": size}
        print_json({**values, **sizes, "comparison": None if found is None else found.to_dict()})
        return
    if found is not None:
        print_comparison(found, "The integers beside FILE", "the integers")
    print_line(
        f"Wrote {path}: {layers} layers, weights of {bits} bits, sums of up to {widest} bits, {files.coupling} "
        f"coupling, {size / 1e6:.2f} MB."
    )


TARGET = Target(frozenset({"weight_bits"}), _write)
