"""The network that an evaluation runs, and the facts of it that the result states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from snnconv.costs.energy import EnergyModel
from snnconv.errors import InvalidValueError, ModelError
from snnconv.evaluation.exported import ExportedNetwork, check_exported, settling
from snnconv.evaluation.result import Mode
from snnconv.formats.onnx import to_single_step
from snnconv.model import SNN, InputSpec, Model, QuantizedANN
from snnconv.neurons import Code, Coupling
from snnconv.runtime.file_runner import FileRunner, run_exported
from snnconv.runtime.runnable import shapes_of
from snnconv.runtime.running import Backend, Dtype, Precision, check_choice, in_dtype, resolve
from snnconv.runtime.settling import SettlingRunner, check_settled_steps
from snnconv.runtime.streaming import StreamedNetwork
from snnconv.runtime.torch_runner import TorchRunner, run_in_torch, runner_of
from snnconv.spiking.sites import iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse

__all__ = ["Subject", "reference_of", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """A network ready to be scored.

    Attributes:
        network: The network as it is run.
        counted: The network whose activity is counted; None where it is not.
        dtype: Dtype that a reference runs in beside it.
        mode: Way of running.
        timesteps: T of a spiking network, else None.
        levels: L of a spiking network, the most of any site; None of any other, and of power-of-two messages.
        coupling: Coupling of a spiking network, else None.
        total_levels: Least and most N of any site; None of a plain network, and of power-of-two messages.
        code: Code of the messages under differential coupling, else None.
        octaves: K, sizes of a message, where the code is power-of-two; else None.
    """

    network: TorchRunner | FileRunner | SettlingRunner
    counted: Model | None
    dtype: Dtype
    mode: Mode
    timesteps: int | None
    levels: int | None
    coupling: str | None
    total_levels: tuple[int, int] | None
    code: str | None = None
    octaves: int | None = None

    @property
    def input(self) -> InputSpec:
        """Size, layout and normalisation of the images that the network takes."""
        return self.network.input

    def opened_for(self, spec: InputSpec) -> Subject:
        """Return the same subject for images that were opened with an input of the same size and layout."""
        return replace(self, network=replace(self.network, input=spec))

    def facts(self) -> dict[str, Any]:
        """Return the fields of an `Evaluation` that say how the network was run."""
        least, most = self.total_levels or (None, None)
        return {
            "mode": self.mode,
            "precision": self.network.engine.dtype,
            "arithmetic": self.network.engine.arithmetic,
            "backend": self.network.engine.backend,
            "timesteps": self.timesteps,
            "levels": self.levels,
            "total_levels": least if least == most else None,
            "total_levels_range": self.total_levels,
            "coupling": self.coupling,
            "code": self.code,
            "octaves": self.octaves,
        }


def subject_of(
    model: Model | ExportedNetwork,
    *,
    simulate: bool,
    precision: Precision,
    backend: Backend,
    energy_model: EnergyModel,
    stop_when_settled: int | None = None,
) -> Subject:
    """Make a network ready to be scored.

    Args:
        model: Network of any stage, or a file of 8-bit integers.
        simulate: True to step through time also where one pass gives the same.
        precision: Option of the user.
        backend: Option of the user.
        energy_model: Prices of operations, for the check that these can be counted.
        stop_when_settled: Number of steps for which the class of an image must stay for its run to end; None: all T
            steps are run.

    Raises:
        InvalidValueError: An option is unknown, or asks for something that the network cannot do.
        ModelError: The network takes single frames of data that change over time.
    """
    if isinstance(model, ExportedNetwork):
        check_choice(precision, backend)
        check_exported(model, simulate, precision, backend, energy_model)
        return _of_file(model, stop_when_settled)
    if stop_when_settled is not None:
        return _settling(model, stop_when_settled, precision, backend)
    backend = "torch" if backend == "auto" else backend
    mode = _mode(model, simulate)
    dtype = resolve(precision, model, backend)
    plain = in_dtype(collapse(model) if mode == "collapsed" else model, dtype)
    if backend == "torch":
        network: TorchRunner | FileRunner = runner_of(plain, dtype)
    else:
        network = run_exported(plain, int8=backend == "onnxruntime-int8")
    return Subject(network, plain, dtype, mode, **_window_of(model))


def _window_of(model: Model) -> dict[str, Any]:
    """Return the fields of a `Subject` that say what a network's window is."""
    return {
        "timesteps": model.timesteps,
        "levels": None if model.code is Code.POWER_OF_TWO else model.levels,
        "coupling": None if model.coupling is None else model.coupling.value,
        "total_levels": _total_levels(model),
        "code": None if model.code is None else model.code.value,
        "octaves": model.octaves,
    }


def _of_file(file: ExportedNetwork, stop_when_settled: int | None) -> Subject:
    """Return the subject that a file is which is only run; its activity is not counted."""
    one_pass: Mode = "quantized" if file.timesteps is None else "collapsed"
    mode: Mode = one_pass if file.form == "collapsed" else "simulated"
    return Subject(
        file.runner if stop_when_settled is None else settling(file, stop_when_settled),
        None,
        "float32",
        mode,
        timesteps=file.timesteps,
        levels=file.levels,
        coupling=file.coupling,
        total_levels=file.total_levels,
        code=file.code,
        octaves=file.octaves,
    )


def _settling(model: Model, settled_steps: int, precision: Precision, backend: Backend) -> Subject:
    """Return a spiking network whose single-step form stops for an image when its class has settled.

    Raises:
        InvalidValueError: The number of steps, the precision or the backend is not possible.
        ModelError: The network does not stream.
    """
    check_choice(precision, backend)
    if precision == "float64":
        raise InvalidValueError(
            "stop_when_settled runs a network step by step in onnxruntime, in float32: leave the precision out."
        )
    if backend not in ("auto", "onnxruntime"):
        raise InvalidValueError(
            f"stop_when_settled runs a network step by step in onnxruntime, not in {backend}: leave the backend out."
        )
    if not isinstance(model, SNN) or not model.coupling.streams:
        raise ModelError(_why_not_streaming(model))
    check_settled_steps(settled_steps, model.timesteps)
    network = StreamedNetwork(to_single_step(model))
    runner = SettlingRunner(network, settled_steps, model.input, model.outputs, shapes_of(model))
    return Subject(runner, model, "float32", "simulated", **_window_of(model))


def _why_not_streaming(model: Model) -> str:
    """Return why no answer comes before the end of a network's window."""
    if not isinstance(model, SNN):
        return (
            f"Only a spiking network has time steps to stop after; this one is at the stage {model.stage.value}: leave "
            "stop_when_settled out."
        )
    return (
        f"The network does not stream: under {model.coupling} coupling each layer waits for its whole window, so that "
        "no step could be left out. Leave stop_when_settled out, or convert the network with --coupling differential "
        "or causal."
    )


def reference_of(model: Model, dtype: Dtype) -> TorchRunner:
    """Make a network ready to be compared with; a mean-coupled spiking one is collapsed.

    Raises:
        ModelError: The network takes single frames of data that change over time.
    """
    return run_in_torch(collapse(model) if _mode(model, simulate=False) == "collapsed" else model, dtype)


def _mode(model: Model, simulate: bool) -> Mode:
    """Return the way of running a network, or refuse it."""
    if isinstance(model, SNN):
        steps = simulate or model.coupling is not Coupling.MEAN or model.input.timesteps is not None
        return "simulated" if steps else "collapsed"
    if model.input.timesteps is not None:
        raise ModelError(
            f"The network takes single frames, its data are recordings of {model.input.timesteps} frames: only a "
            "spiking network is evaluated on them. Evaluate the spiking network that is made from it."
        )
    if simulate:
        raise InvalidValueError(
            f"Only a spiking network can be simulated; this one is at the stage {model.stage.value}. "
            "Leave simulate out."
        )
    return "quantized" if isinstance(model, QuantizedANN) else "ann"


def _total_levels(model: Model) -> tuple[int, int] | None:
    """Return the least and the most N of any site; None of a network without levels."""
    totals = {total for _, site in iter_sites(model.graph) if (total := total_levels_of(site)) is not None}
    return (min(totals), max(totals)) if totals else None
