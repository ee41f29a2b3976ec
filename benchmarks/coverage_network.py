"""One network of the coverage sweep: random weights, converted under two couplings, compared with its ANN."""

from __future__ import annotations

import resource
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TIMESTEPS, LEVELS = 4, 16
NOISE = 0.01  # standard deviation, of images whose own is about 1
IMAGES = 8  # to calibrate with, and as many others to compare with
SMALL = (64, 96)  # sides of the input of networks with many parameters: the first that the network can take
BUILT = (96, 128)  # sides for which such a network is built anew where it takes only the one that it was built for
AT_OWN_SIZE = ("vgg11",)  # whose head is another one on small images
FEW_PARAMETERS = 3_000_000  # networks with fewer see images of their own size
LAST_SCALE = 0.25  # of batch-norms and layer scales at the ends of residual branches, which timm starts at or near 0
SPREAD = 0.02  # standard deviation of the weights of layers that timm starts at 0: heads, of which all logits were 0
SLIGHT = 0.1  # magnitude below which scales that are all equal count as such
LEAST_VARIANCE = (
    0.01  # of a batch-norm's channel, to their median: one silent on these images is not blown up on others
)
SHIFT = 1.0  # of batch-norms, which timm starts at 0
MEAN = {"timesteps": TIMESTEPS, "levels": LEVELS, "calibration": "bias", "calibration_images": IMAGES}
DIFFERENTIAL = {"timesteps": TIMESTEPS, "coupling": "differential", "calibration_images": IMAGES}


def family_of(name: str) -> str:
    """The timm module that a network is in."""
    import timm

    return str(timm.model_entrypoint(name).__module__.rsplit(".", 1)[-1])


def measure(name: str, shift: float, files: Path | None = None) -> dict[str, Any]:
    """Load, convert and compare one network in this process.

    Args:
        name: Name in timm.
        shift: Shift of its batch-norms.
        files: Folder of exported networks, to which those are added that it lacks; None: they are not kept.
    """
    from snnconv.errors import ModelError, UnsupportedOperatorsError

    started = time.perf_counter()
    row: dict[str, Any] = {"network": name, "family": family_of(name)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units that none of so few images made active
            _compare(name, shift, files, row)
        row["outcome"] = "converted"
    except UnsupportedOperatorsError as error:
        row |= {"outcome": "refused", "reasons": reasons(error.nodes)}
    except ModelError as error:
        export = "torch.onnx.export" in str(error)
        row |= {"outcome": "failed" if export else "refused", "reasons": {_first_line(error): 1}}
    except Exception as error:
        row |= {"outcome": "failed", "reasons": {_first_line(error): 1}}
    row["seconds"] = round(time.perf_counter() - started, 1)
    row["gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return row


def _first_line(error: Exception) -> str:
    from snnconv.errors import SnnconvError

    said = (str(error).strip().splitlines() or [""])[0][:200]
    return said if isinstance(error, SnnconvError) else f"{type(error).__name__}: {said}"


def reasons(nodes: Sequence[Any]) -> dict[str, int]:
    """What is refused, in the fewest words, with the number of nodes; the most frequent first."""
    found: Counter[str] = Counter()
    for node in nodes:
        what, marker, _ = node.reason.partition(" is not supported")
        named = marker and not what.startswith(("it ", "its "))
        what = what.split(" (by its")[0].split(", or a")[0].split(", as in")[0]
        found[what if named else f"{node.operator}: {node.reason}"] += 1
    return dict(found.most_common())


def _compare(name: str, shift: float, files: Path | None, row: dict[str, Any]) -> None:
    """Note each figure as soon as it is known."""
    import torch

    import snnconv
    from snnconv.convert.calibration.synthetic import synthetic_images
    from snnconv.spiking.sites import iter_sites
    from snnconv.spiking.unrolling import collapse

    with TemporaryDirectory() as folder:
        file = _file(name, shift, files or Path(folder))
        ann = snnconv.load(file)
        side = row["side"] = ann.input.sample_shape()[-1]
        spec = _spec(side)
        calibration, test = synthetic_images(spec, IMAGES, 1), synthetic_images(spec, IMAGES, 2)
        with torch.no_grad():
            wanted = ann.logits(test)
        row["imported"] = _figure(_largest(wanted, _by_onnxruntime(file, test)))
    with torch.no_grad():
        noise = NOISE * torch.randn(test.shape, generator=torch.Generator().manual_seed(3))
        row["noise"] = _figure(_distance(ann.logits(test + noise), wanted))
    started = time.perf_counter()
    quantized = collapse(snnconv.convert(ann, calibration_data=calibration, seed=0, **MEAN))
    row["mean_s"] = round(time.perf_counter() - started, 1)
    row["sites"] = len(list(iter_sites(quantized.graph)))
    with torch.no_grad():
        row["error"] = _figure(_distance(quantized.logits(test), wanted))
        row["fitted"] = _figure(_distance(quantized.logits(calibration), ann.logits(calibration)))
        row["rounding"] = _figure(_distance(_dithered(quantized).logits(test), wanted))
    del quantized
    started = time.perf_counter()
    snn = snnconv.convert(ann, calibration_data=calibration, seed=0, **DIFFERENTIAL)
    row["differential_s"] = round(time.perf_counter() - started, 1)
    with torch.no_grad():
        row["differential"] = _figure(_distance(snn.logits(test), wanted))


def _file(name: str, shift: float, folder: Path) -> Path:
    """The ONNX file of a network, which is exported unless the folder holds it."""
    import onnx

    from snnconv.inputspec import InputPart
    from snnconv.loading.modules import export_module

    file = folder / f"{name}.onnx"
    if not file.exists():
        module, side = _network(name, shift)
        onnx.save(export_module(module, [InputPart("input", (3, side, side))]), file)
    return file


def _by_onnxruntime(file: Path, images: Any) -> Any:
    """The first output of a file, as onnxruntime computes it."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])


def _largest(found: Any, wanted: Any) -> float:
    """Largest difference, relative to the largest value."""
    return float((found - wanted).abs().max() / wanted.abs().max())


def _figure(value: float) -> float:
    return float(f"{value:.3g}")


def _distance(found: Any, wanted: Any) -> float:
    """Relative, both centred over the images `[n, ...]`."""
    found, wanted = (x.double() - x.double().mean(0) for x in (found, wanted))
    return float((found - wanted).norm() / wanted.norm())


def _dithered(quantized: Any) -> Any:
    """The network with noise, uniform and one level wide, in place of the rounding of its active sites."""
    import torch

    from snnconv.spiking.sites import iter_sites, swap

    class Dither(torch.nn.Module):
        def __init__(self, site: Any) -> None:
            super().__init__()
            self.site = site

        def forward(self, z: Any) -> Any:
            step = self.site.ceiling_for(z) / self.site.total_levels
            noisy = z + step * (torch.rand_like(z) - 0.5)
            return noisy if self.site.signed else torch.where(z > 0, noisy, 0)

    torch.manual_seed(4)
    network = quantized.copy()
    for node, site in list(iter_sites(network.graph)):
        if hasattr(site, "total_levels"):
            swap(network.graph, node, Dither(site))
    return network


def _spec(side: int) -> Any:
    from snnconv.model import InputSpec

    return InputSpec(3, side, side, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _network(name: str, shift: float) -> tuple[Any, int]:
    """The network with random weights and settled batch-norms, and the smallest side of images that it takes."""
    import timm
    import torch
    from timm.data import resolve_model_data_config

    from snnconv.convert.calibration.synthetic import synthetic_images

    def made(**arguments: Any) -> Any:
        torch.manual_seed(0)
        return timm.create_model(name, pretrained=False, **arguments)

    module = made()
    own = resolve_model_data_config(module)["input_size"][1]
    many = sum(parameter.numel() for parameter in module.parameters()) > FEW_PARAMETERS and name not in AT_OWN_SIZE
    tries: list[tuple[int, dict[str, int]]] = [(side, {}) for side in SMALL] if many else []
    tries += [(side, {"img_size": side}) for side in BUILT] if many else []
    for side, arguments in (*((side, given) for side, given in tries if side < own), (own, {})):
        try:
            built = made(**arguments) if arguments else module
            settle(built, synthetic_images(_spec(side), IMAGES, 0), shift)
        except Exception:
            if side == own:  # no smaller one was tried, or none will do
                raise
            continue
        return built, side
    raise AssertionError("unreachable")


def settle(module: Any, images: Any, shift: float) -> None:
    """Give batch-norms the statistics of these images, this shift, and scales at or near 0 another value."""
    import torch

    norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    module.eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d)) and not part.weight.any():
                torch.nn.init.trunc_normal_(part.weight, std=SPREAD)
        for parameter in module.parameters():
            if parameter.numel() and 0 < parameter.abs().max() < SLIGHT and parameter.min() == parameter.max():
                parameter.fill_(LAST_SCALE)
        for norm in norms:
            if norm.weight is not None and not norm.weight.any():
                norm.weight.fill_(LAST_SCALE)
            if norm.bias is not None:
                norm.bias.fill_(shift)
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        module(images if norms else images[:2])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.running_var.clamp_(min=LEAST_VARIANCE * float(norm.running_var.median()))
        norm.momentum = momentum
        norm.eval()
