"""Networks of integers, as `snnconv export --to hardware` writes them, beside the float spiking networks.

    python -m benchmarks.hardware ../shared --output benchmarks/results/hardware.json

ResNet-20 at T=4 and several N, under mean and causal coupling, calibrated with "bias" on 1,024 images; ResNet-20 and
ResNet-8 under differential coupling, in both codes; weights of 8, 6 and 4 bits. The same arg-max on the 1,017 test
images as the float network, accuracy of both, the widest sums, and the time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment

TIMESTEPS, TOTAL_LEVELS, WEIGHT_BITS = 4, (8, 16, 32), (8, 6, 4)
CODES: dict[str, dict[str, Any]] = {"power-of-two": {}, "uniform": {"levels": 4}}  # of differential coupling
IMAGES = 1024  # that differential coupling is calibrated with
RESNET20, RESNET8 = "cifar10_resnet20.onnx", "cifar10_resnet8_mlperftiny.onnx"


def networks(shared: Path, couplings: list[str], totals: list[int]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every spiking network, with what tells it from the others."""
    import snnconv

    anns = {name: snnconv.load(shared / "models" / name) for name in (RESNET20, RESNET8)}
    anns[RESNET20].input = anns[RESNET20].input.override(mean=TRAINED_MEAN, std=TRAINED_STD)
    anns[RESNET8].input = anns[RESNET8].input.override(mean=(0.0,), std=(1 / 255,))
    for coupling in couplings:
        if coupling == "differential":
            for name, ann in anns.items():
                for code, more in CODES.items():
                    settings = {"coupling": coupling, "code": code, "timesteps": TIMESTEPS, **more}
                    snn = snnconv.convert(ann, calibration_data=training(shared, IMAGES), **settings)
                    yield {"network": name, **settings}, snn
            continue
        for total in totals:
            settings = {"coupling": coupling, "timesteps": TIMESTEPS, "levels": total // TIMESTEPS}
            data = training(shared, 50_000)
            snn = snnconv.convert(anns[RESNET20], calibration="bias", calibration_data=data, **settings)
            yield {"network": RESNET20, "coupling": coupling, "total_levels": total}, snn


def main() -> None:
    """One JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path)
    couplings = ["mean", "causal", "differential"]
    parser.add_argument("--couplings", nargs="+", default=couplings, choices=couplings)
    parser.add_argument("--total-levels", nargs="+", type=int, default=list(TOTAL_LEVELS))
    parser.add_argument("--weight-bits", nargs="+", type=int, default=list(WEIGHT_BITS))
    parser.add_argument("--limit", type=int, help="the first so many images")
    given = parser.parse_args()

    from snnconv.evaluation.hardware import compare_hardware
    from snnconv.formats.hardware import to_hardware

    rows: list[dict[str, Any]] = []
    for about, snn in networks(given.shared, given.couplings, given.total_levels):
        for bits in given.weight_bits:
            started = time.perf_counter()
            files = to_hardware(snn, weight_bits=bits)
            written = time.perf_counter()
            found = compare_hardware(files, snn, test(given.shared), limit=given.limit)
            graph = json.loads(files["graph.json"])
            inner = [layer["bits"] for layer in graph["layers"] if layer["operator"] in ("convolution", "add")]
            row = {**about, "weight_bits": bits, **found.to_dict()}
            row |= {"bits_of_sums": max(inner), "widest_bits": graph["widest_bits"]}
            row |= {"bytes": sum(len(data) for name, data in files.items() if "_float" not in name)}
            row |= {"export_s": written - started, "compare_s": time.perf_counter() - written}
            rows.append(row)
            print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
