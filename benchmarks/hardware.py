"""Networks of integers, as `snnconv export --to hardware` writes them, beside the float spiking networks.

    python -m benchmarks.hardware ../shared --output benchmarks/results/hardware.json

ResNet-20 at T=4 and several N, under both couplings, calibrated with "bias" on 1,024 images; weights of 8, 6 and 4
bits. The same arg-max on the 1,017 test images as the float network, accuracy of both, the widest sums, and the time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

TIMESTEPS, TOTAL_LEVELS, WEIGHT_BITS = 4, (8, 16, 32), (8, 6, 4)


def main() -> None:
    """One JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--couplings", nargs="+", default=["mean", "causal"], choices=["mean", "causal"])
    parser.add_argument("--total-levels", nargs="+", type=int, default=list(TOTAL_LEVELS))
    parser.add_argument("--limit", type=int, help="the first so many images")
    given = parser.parse_args()

    import snnconv
    from snnconv.evaluation.hardware import compare_hardware
    from snnconv.formats.hardware import to_hardware

    ann = snnconv.load(given.shared / "models" / "cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    rows: list[dict[str, Any]] = []
    for coupling in given.couplings:
        for total in given.total_levels:
            snn = snnconv.convert(
                ann,
                timesteps=TIMESTEPS,
                levels=total // TIMESTEPS,
                coupling=coupling,
                calibration="bias",
                calibration_data=training(given.shared, 50_000),
            )
            for bits in WEIGHT_BITS:
                started = time.perf_counter()
                files = to_hardware(snn, weight_bits=bits)
                written = time.perf_counter()
                found = compare_hardware(files, snn, test(given.shared), limit=given.limit)
                graph = json.loads(files["graph.json"])
                inner = [layer["bits"] for layer in graph["layers"] if layer["operator"] in ("convolution", "add")]
                row = {"coupling": coupling, "total_levels": total, "weight_bits": bits, **found.to_dict()}
                row |= {"bits_of_sums": max(inner), "widest_bits": graph["widest_bits"]}
                row |= {"bytes": sum(len(data) for name, data in files.items() if "_float" not in name)}
                row |= {"export_s": written - started, "compare_s": time.perf_counter() - written}
                rows.append(row)
                print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
