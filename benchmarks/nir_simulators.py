"""Exported NIR files in other people's simulators: the same spikes as our own single-threshold simulation?

Once, where snnconv is installed: networks, images and our own spike counts are written to a folder.

    python -m benchmarks.nir_simulators prepare ../shared FOLDER

Then once in the environment of each simulator (snntorch, norse, sinabs, spikingjelly), which needs nothing of ours:

    python -m benchmarks.nir_simulators sinabs FOLDER --output benchmarks/results/nir-sinabs.json
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

IMAGES = 64
FORMS = ("as read", "in order", "told")
TIMESTEPS, LEVELS = 4, 8
NETWORKS: dict[str, dict[str, Any]] = {
    "cifar10_resnet20": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "cifar10_resnet8_mlperftiny": {"mean": (0.0,), "std": (0.00392157,)},
}


def _networks(shared: Path) -> dict[str, tuple[Any, str]]:
    """Causal SNNs by name, each with the data that it is run on."""
    import snnconv
    from snnconv.data import describe_data, open_data
    from snnconv.finetune import TrainSettings, build_network, train
    from snnconv.neurons import NeuronSettings
    from snnconv.zoo.pretrained import network_bytes

    found: dict[str, tuple[Any, str]] = {}
    for name, pixels in NETWORKS.items():
        ann = snnconv.load(shared / "models" / f"{name}.onnx")
        ann.input = ann.input.override(**pixels)
        snn = snnconv.convert(
            ann,
            timesteps=TIMESTEPS,
            levels=LEVELS,
            coupling="causal",
            calibration_data=f"npz:{shared / 'data/cifar10_train_0.npz'}",
            calibration="bias",
        )
        found[name] = snn, f"npz:{shared / 'data/cifar10_test_1017.npz'}"
    file = Path("small-cnn-digits-qcfs.onnx")
    file.write_bytes(network_bytes("small-cnn-digits-qcfs"))
    digits = snnconv.load(file)
    file.unlink()
    found["digits"] = snnconv.convert(digits, timesteps=4, coupling="causal", calibration_data="digits"), "digits"
    settings = TrainSettings(neuron=NeuronSettings("if", timesteps=4, reset="hard"), epochs=8, batch_size=64, seed=0)
    plain = build_network("zoo:small-cnn", describe_data("digits", purpose="train"), timesteps=None, seed=0)
    hard = train(plain, open_data("digits", plain.input, purpose="train"), settings)
    found["digits, trained, hard reset"] = hard, "digits"
    return found


def prepare(shared: Path, folder: Path) -> None:
    """Write NIR files, images, our own counts and how accurate each network is."""
    import snnconv
    from snnconv.data import open_data
    from snnconv.formats.nir.writing import save_nir

    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (name, (snn, data)) in enumerate(_networks(shared).items()):
        files = {"channel": folder / f"{number}-channel.nir", "unit": folder / f"{number}-unit.nir"}
        images = open_data(data, snn.input, purpose="eval")
        x, labels = next(iter(images.subset(range(IMAGES)).batches(IMAGES)))
        arrays = {"x": x.numpy(), "labels": labels.numpy()}
        for kind, path in files.items():
            save_nir(snn, path, unit_thresholds=kind == "unit")
            own = snnconv.load(path)
            logits, counts = _ours(own, x)
            arrays |= {f"{kind}:logits": logits, **{f"{kind}:{node}": spikes for node, spikes in counts.items()}}
        single = snnconv.load(files["channel"])
        found = snnconv.evaluate(single, data, against=snn, activity_images=0, precision="float32")
        np.savez(folder / f"{number}.npz", **arrays)
        lines.append(
            {
                "network": name,
                "number": number,
                "timesteps": single.timesteps,
                "from": {"timesteps": snn.timesteps, "levels": snn.levels},
                "images": found.images,
                "accuracy, one threshold": found.accuracy,
                "accuracy, as converted or trained": found.against_accuracy,
                "same arg-max": found.agreement,
            }
        )
        print(json.dumps(lines[-1]), flush=True)
    (folder / "networks.json").write_text(json.dumps(lines, indent=2))


def _ours(model: Any, x: torch.Tensor) -> tuple[Any, dict[str, Any]]:
    """Mean output, and spikes of each site over all steps, in double precision."""
    from snnconv.spiking.sites import iter_sites

    counts: dict[str, Any] = {}
    model.graph.double()
    for node, site in iter_sites(model.graph):

        def add(module: Any, given: Any, out: Any, name: str = str(node.meta["onnx_name"])) -> None:
            counts[name] = out.unflatten(0, (module.timesteps, -1)).sum(0).numpy().astype(np.int16)

        site.register_forward_hook(add)
    with torch.inference_mode():
        return model.logits(x.double()).numpy(), counts


def compare(simulator: str, folder: Path) -> list[dict[str, Any]]:
    """Run every network as the simulator reads it, and as it runs when it is told what the metadata say."""
    import nir

    from benchmarks.nir_readers import READERS

    lines = []
    for network in json.loads((folder / "networks.json").read_text()):
        arrays = np.load(folder / f"{network['number']}.npz")
        x = torch.from_numpy(arrays["x"]).double()
        for kind in ("channel", "unit"):
            for form in FORMS:
                line = {"network": network["network"], "thresholds": kind, "form": form}
                started = time.perf_counter()
                try:
                    graph = nir.read(folder / f"{network['number']}-{kind}.nir")
                    with torch.no_grad(), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        reader = READERS[simulator](graph, ordered=form != "as read", told=form == "told")
                        logits, counts = reader.run(x, network["timesteps"])
                    line |= _difference(arrays, kind, logits, counts)
                except Exception as error:  # whatever another package raises is the finding
                    line["refused"] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                line["wall_s"] = round(time.perf_counter() - started, 1)
                print(json.dumps(line), flush=True)
                lines.append(line)
    return lines


def _difference(arrays: Any, kind: str, logits: torch.Tensor, counts: dict[str, torch.Tensor]) -> dict[str, Any]:
    ours = {key.split(":", 1)[1]: arrays[key] for key in arrays.files if key.startswith(f"{kind}:")}
    wanted = ours.pop("logits")
    assert counts.keys() == ours.keys(), "layers that are not compared"
    equal = [bool((counts[name].numpy() == spikes).all()) for name, spikes in ours.items()]
    off = sum(int((counts[name].numpy() != spikes).sum()) for name, spikes in ours.items())
    all_ours = sum(int(spikes.sum(dtype=np.int64)) for spikes in ours.values())
    answers = logits.flatten(1).argmax(1).numpy()
    return {
        "images": len(wanted),
        "sites": len(equal),
        "sites with equal counts": sum(equal),
        "neurons that differ %": round(100 * off / sum(spikes.size for spikes in ours.values()), 4),
        "spikes, ours": all_ours,
        "spikes, theirs": round(float(sum(spikes.sum() for spikes in counts.values()))),
        "same arg-max %": 100 * float((answers == wanted.argmax(1)).mean()),
        "accuracy %": 100 * float((answers == arrays["labels"]).mean()),
        "accuracy of ours %": 100 * float((wanted.argmax(1) == arrays["labels"]).mean()),
    }


def _environment(packages: tuple[str, ...]) -> dict[str, Any]:
    from benchmarks.environment import environment

    return {**environment(), "platform": platform.platform(), **{name: version(name) for name in packages}}


def main() -> None:
    """Prepare, or run one simulator."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "snntorch", "norse", "sinabs", "spikingjelly"])
    parser.add_argument("places", type=Path, nargs="+", help="of prepare: shared and FOLDER, else FOLDER")
    parser.add_argument("--output", type=Path, help="write the report here (JSON)")
    given = parser.parse_args()
    if given.what == "prepare":
        prepare(*given.places)
        return
    lines = compare(given.what, *given.places)
    if given.output is not None:
        from benchmarks.nir_readers import READERS

        report = {
            "environment": _environment(READERS[given.what].packages),
            "simulator": given.what,
            "ours": json.loads((given.places[0] / "networks.json").read_text()),
            "runs": lines,
        }
        given.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
