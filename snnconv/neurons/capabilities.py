"""The kinds of neurons, and for each what it can be: every form by name, or the reason why there is none.

A kind is registered once, beside its module:

    @register_neuron(Capabilities(title="...", written_as="...", update=..., **no_forms("...", except_=["update"])))
    class Resonator(SpikingSite): ...

Whoever needs a form asks for it: `capabilities_of(site).update`. A capability that is forgotten is a TypeError where
the kind is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from torch import Tensor, nn

from snnconv.errors import ModelError
from snnconv.graph.emission import EMITTERS, Emission, Emitter
from snnconv.graph.node import HANDLERS
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import (
    IntegerMessages,
    IntegerNeurons,
    IntegerSums,
    LevelRule,
    NamedNeuron,
    NeuronNames,
    NoForm,
    OnnxForm,
    PointNeurons,
    SpikeForm,
    SpikingForm,
    StartForm,
    StepForm,
    Supported,
    Telling,
    Update,
)
from snnconv.neurons.onnx_attributes import DOMAIN
from snnconv.neurons.site import QuantizedSite, Site, SpikingSite
from snnconv.registry import Registry

__all__ = [
    "KINDS",
    "NEURONS",
    "Capabilities",
    "capabilities_named",
    "capabilities_of",
    "no_forms",
    "reasons_against",
    "register_neuron",
]

S = TypeVar("S", bound=type[Site])


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """The forms of a kind of site: each capability is a form, or a `NoForm` with its reason.

    Functions take a site of the kind first.

    Attributes:
        title: Name in the documentation.
        written_as: Name in files and in reports. It never changes: files written earlier hold it.
        names: Names that `--neuron` and settings take, with their defaults.
        onnx: ONNX functions with their reader and writer.
        step: Writer of one time step with its state.
        integers: Thresholds, start and reset in integers, for hardware folders.
        nir: Parameters in NIR's terms, given the shape of a sample.
        int8: Initial potential v_0, for files of 8-bit levels.
        engine: Rule by which levels fire where inputs are added up in integers.
        collapse: Quantized activation that it equals under mean coupling.
        spiking: Neurons that the quantized activation becomes.
        single_threshold: Neurons of one level, given their number of steps; raises Refusal where there are none.
        signed: Levels below 0.
        other_coupling: Layer of the same weights under another coupling.
        start: Initial potentials v_0 that calibration may choose.
        other_timesteps: Neurons at another T, given the old ones, their quantized activation and T.
        other_levels: Neurons of another L, given the old ones, their recalibrated quantized activation and T.
        become_lmht: LM-HT neurons that fire as it does, given whether they train with MPR; raises Refusal where there
            are none.
        observed_levels: Highest level of the potentials that an observer sees.
        trained: Gradients, by which training moves what comes before it.
        rmp_loss: Regularisation of its membrane potential.
        mpr: Function that turns the membrane potential rectifier on.
        update: Operations of one update, given T.
        spikes: Spikes of its output, in the three ways to count them.
        kernels: Module of its Triton kernels.
        telling: Rule of one step in numpy, of neurons that tell changes of a value: what verification compares with.
    """

    title: str
    written_as: str
    names: NeuronNames | NoForm
    onnx: OnnxForm | NoForm
    step: StepForm | NoForm
    integers: Callable[[Any], IntegerNeurons | IntegerMessages | IntegerSums] | NoForm
    nir: Callable[[Any, tuple[int, ...]], PointNeurons] | NoForm
    int8: Callable[[Any], Tensor] | NoForm
    engine: LevelRule | NoForm
    collapse: Callable[[Any], QuantizedSite] | NoForm
    spiking: SpikingForm | NoForm
    single_threshold: Callable[[Any, int], SpikingSite] | NoForm
    signed: Supported | NoForm
    other_coupling: Callable[[Any, Coupling], SpikingSite] | NoForm
    start: StartForm | NoForm
    other_timesteps: Callable[[Any, QuantizedSite, int], SpikingSite] | NoForm
    other_levels: Callable[[Any, QuantizedSite, int], SpikingSite] | NoForm
    become_lmht: Callable[[Any, bool], SpikingSite] | NoForm
    observed_levels: Callable[[Any], int] | NoForm
    trained: Supported | NoForm
    rmp_loss: Supported | NoForm
    mpr: Callable[[Any], None] | NoForm
    update: Callable[[Any, int], Update] | NoForm
    spikes: SpikeForm | NoForm
    kernels: str | NoForm
    telling: Telling | NoForm

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield every capability by name, with its form or NoForm."""
        return ((name, getattr(self, name)) for name in NAMES)


NAMES = tuple(capability.name for capability in fields(Capabilities) if capability.name not in ("title", "written_as"))
KINDS: Registry[type[nn.Module], Capabilities] = Registry("kind of neuron")
NEURONS: Registry[str, NamedNeuron] = Registry("neuron")  # by the name that `--neuron` takes


def no_forms(reason: str, *, except_: Collection[str] = ()) -> dict[str, Any]:
    """Return NoForm for all capabilities but some, to be unpacked into `Capabilities`.

    Args:
        reason: Clause that says why there is no form, for error messages.
        except_: Names of the capabilities that are stated beside it.

    Raises:
        ValueError: a name is no capability.

    >>> sorted(no_forms("it is an example", except_=NAMES[2:]))
    ['names', 'onnx']
    """
    if unknown := set(except_) - set(NAMES):
        raise ValueError(f"no capability is called {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    return {name: NoForm(reason) for name in NAMES if name not in except_}


def register_neuron(capabilities: Capabilities) -> Callable[[S], S]:
    """Return a decorator that registers a class of sites as a kind, with its names and its ONNX functions.

    Raises:
        ValueError: the class, one of its names or one of its ONNX functions is registered already.
    """
    names = {} if isinstance(capabilities.names, NoForm) else capabilities.names.neurons
    onnx = capabilities.onnx
    functions = [] if isinstance(onnx, NoForm) else [(DOMAIN, name) for name in onnx.functions]

    def decorate(kind: S) -> S:
        for registry, keys in ((KINDS, [kind]), (NEURONS, names), (HANDLERS, functions)):
            registry.require_free(*keys)
        KINDS.register(kind)(capabilities)
        for name, neuron in names.items():
            NEURONS.register(name)(neuron)
        if isinstance(onnx, NoForm):
            EMITTERS.register(kind)(_refusing(capabilities.written_as, onnx.reason))
        else:
            HANDLERS.register(*functions)(onnx.read)
            EMITTERS.register(kind)(onnx.emit)
        return kind

    return decorate


def _refusing(kind: str, reason: str) -> Emitter:
    """Return the emitter of a kind that has no ONNX function."""

    def refuse(site: nn.Module, emission: Emission, inputs: Sequence[str], name: str) -> str:
        raise ModelError(f"{kind} {name!r} has no ONNX form: {reason}.")

    return refuse


def capabilities_of(site: nn.Module) -> Capabilities:
    """Return what the kind of a site can be.

    Raises:
        ModelError: its class is not registered.
    """
    capabilities = KINDS.get(type(site))
    if capabilities is None:
        raise ModelError(
            f"{type(site).__name__} is no registered kind of neuron: declare what it can be with "
            "@snnconv.neurons.register_neuron."
        )
    return capabilities


def capabilities_named(name: str) -> Capabilities:
    """Return what the kind that a name of `--neuron` stands for can be.

    Raises:
        InvalidValueError: no neuron has this name; near ones are named.
    """
    neuron = NEURONS[name]
    for kind in KINDS:
        names = KINDS[kind].names
        if not isinstance(names, NoForm) and names.neurons.get(name) is neuron:
            return KINDS[kind]
    raise AssertionError(f"{name} is registered with its kind")


def reasons_against(sites: Collection[nn.Module], capability: str) -> list[str]:
    """Return why some of these sites have no form of a capability: every reason once, in the order of the sites."""
    forms = [
        getattr(capabilities_of(site), capability)
        if isinstance(site, Site)
        else NoForm(f"{type(site).__name__} is no layer of neurons")
        for site in sites
    ]
    return list(dict.fromkeys(form.reason for form in forms if isinstance(form, NoForm)))
