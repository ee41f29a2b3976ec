"""The Triton kernels against torch's operators: in Triton's interpreter where there is no GPU."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from snnconv.errors import InvalidValueError
from snnconv.neurons import LIF, Coupling, LearnableMultiThreshold, MultiThreshold, multithreshold, surrogate
from snnconv.neurons.kernels import chosen, use_kernels
from snnconv.neurons.lif import lif
from snnconv.neurons.qcfs import qcfs

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed: its kernels cannot be run"
)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYOUTS = ("contiguous", "channels last", "flat", "still", "transposed")
# sums of many float32 products in another order
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


def _dyadic(*shape: int, seed: int, step: float = 1 / 32) -> torch.Tensor:
    """Normal numbers, whole multiples of `step`: sums of a few are exact, so every order gives the same."""
    generator = torch.Generator().manual_seed(seed)
    return ((torch.randn(shape, generator=generator) + 0.5) / step).round() * step


def _currents(layout: str, timesteps: int, seed: int) -> torch.Tensor:
    if layout == "flat":
        return _dyadic(timesteps, 3, 5, seed=seed)
    x = _dyadic(timesteps, 2, 3, 4, 5, seed=seed)
    if layout == "channels last":
        return x.movedim(2, -1).contiguous().movedim(-1, 2)
    if layout == "still":
        return x[:1].expand(timesteps, *x.shape[1:])
    return x.transpose(1, 4).contiguous().transpose(1, 4) if layout == "transposed" else x


def _channels(values: torch.Tensor, currents: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *(1 for _ in range(currents.dim() - 3)))


def _both(compute: Any, currents: torch.Tensor, parameters: list[torch.Tensor]) -> None:
    """Outputs and gradients of both programs, and of the kernel without a gradient."""
    found: dict[str, list[torch.Tensor]] = {}
    for kernels in ("eager", "triton"):
        leaves = [leaf.detach().to(DEVICE).requires_grad_(leaf.requires_grad) for leaf in parameters]
        still = currents.stride(0) == 0
        base = (currents[:1] if still else currents).detach().to(DEVICE).requires_grad_()
        given = base.expand(currents.shape) if still else base
        with use_kernels(kernels):
            out = compute(given, *leaves)
            with torch.no_grad():
                assert torch.equal(compute(given, *leaves), out)
        upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(DEVICE)
        wanted = [base, *(leaf for leaf in leaves if leaf.requires_grad)]
        found[kernels] = [out.detach(), *torch.autograd.grad(out, wanted, upstream)]
    for ours, reference in zip(found["triton"], found["eager"], strict=True):
        torch.testing.assert_close(ours, reference, **CLOSE)
    assert torch.equal(found["triton"][0], found["eager"][0])


@needs_triton
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("coupling", ["causal", "mean", "matrix"])
@pytest.mark.parametrize("trained", [False, True])
def test_multithreshold_layouts(layout, coupling, trained):
    currents = _currents(layout, 4, seed=1)
    theta = _channels(torch.tensor([0.5, 1.0, 0.25] if layout != "flat" else [0.5, 1.0, 0.25, 2.0, 1.0]), currents)
    theta.requires_grad_(trained)
    omega = _dyadic(4, 4, seed=2, step=1 / 4).requires_grad_(trained)
    mixing = {"causal": Coupling.CAUSAL, "mean": Coupling.MEAN, "matrix": None}[coupling]

    def compute(x, theta, omega):
        how = omega if mixing is None else mixing
        return multithreshold(x, theta, 2, coupling=how)

    if mixing is not None:
        omega.requires_grad_(False)
    _both(compute, currents, [theta, omega])


@needs_triton
@pytest.mark.parametrize("timesteps", [1, 2, 3, 8, 9, 17])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rectified", [False, True])
def test_multithreshold_choices(timesteps, signed, rectified):
    currents = _dyadic(timesteps, 40, seed=timesteps)
    leak = torch.tensor(0.5, requires_grad=True)
    omega = _dyadic(timesteps, timesteps, seed=3, step=1 / 4).requires_grad_()
    choices = {"signed": signed, "rectified": rectified}
    start = _dyadic(40, seed=5, step=1 / 4)
    theta = torch.tensor(0.5)
    _both(lambda x: multithreshold(x, theta.to(DEVICE), 3, initial=start.to(DEVICE), **choices), currents, [])
    _both(
        lambda x, omega, leak: multithreshold(x, theta.to(DEVICE), 3, coupling=omega, leak=leak, **choices),
        currents,
        [omega, leak],
    )


@needs_triton
@pytest.mark.parametrize("name", sorted(surrogate.SURROGATES))
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_leaky_choices(name, reset, levels, rectified, trained):
    currents = _currents("channels last", 5, seed=levels)
    theta = _channels(torch.tensor([0.5, 1.0, 0.25]), currents).requires_grad_(trained)
    kind = surrogate.SURROGATES[name]() if name != "rectangular" else surrogate.Rectangular(1.5)

    def compute(x, theta):
        return lif(x, theta, levels, decay=0.5, reset=reset, rectified=rectified, surrogate=kind)

    _both(compute, currents, [theta])


@needs_triton
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("timesteps", [1, 8, 9])
def test_leaky_layouts(layout, timesteps):
    theta = torch.tensor(0.5)
    _both(lambda x: lif(x, theta.to(DEVICE), decay=0.25), _currents(layout, timesteps, seed=4), [])


@needs_triton
def test_a_kernel_may_write_over_its_input():
    x = _currents("channels last", 4, seed=6).to(DEVICE)
    for coupling in (Coupling.CAUSAL, Coupling.MEAN, torch.eye(4, device=DEVICE)):
        theta, given = torch.tensor(0.5, device=DEVICE), x.clone()
        with torch.no_grad(), use_kernels("eager"):
            wanted = multithreshold(x, theta, 2, coupling=coupling)
        with torch.no_grad(), use_kernels("triton"):
            found = multithreshold(given, theta, 2, coupling=coupling, out=given)
        assert found.data_ptr() == given.data_ptr()
        assert torch.equal(found, wanted)


@needs_triton
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "flat", "transposed"])
def test_a_quantized_activation_is_one_step(layout, signed):
    z = _currents(layout, 4, seed=3)[1].to(DEVICE)
    ceiling = torch.tensor([1.0, 2.0, 0.5] if layout != "flat" else [1.0, 2.0, 0.5, 1.0, 1.0], device=DEVICE)
    ceiling = ceiling.reshape(-1, *(1 for _ in range(z.dim() - 2)))
    with use_kernels("eager"):
        wanted = qcfs(z, ceiling, 8, signed)
    with use_kernels("triton"):
        assert torch.equal(qcfs(z, ceiling, 8, signed), wanted)
        leaf = z.clone().requires_grad_()
        qcfs(leaf, ceiling, 8, signed).sum().backward()
        assert leaf.grad is not None
        given = z.clone()
        assert torch.equal(qcfs(given, ceiling, 8, signed, out=given), wanted)


@needs_triton
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_floats_are_computed_in_single_precision(dtype):
    """What is read and written is rounded to 8 or 11 bits, potentials are not."""
    x = _dyadic(4, 3, 50, seed=7).to(DEVICE, dtype)
    theta = torch.tensor(0.3, device=DEVICE)
    for compute in (
        lambda x: multithreshold(x, theta, 4, coupling=Coupling.MEAN),
        lambda x: lif(x, theta, decay=0.25),
    ):
        results = {}
        for kernels in ("eager", "triton"):
            leaf = x.clone().requires_grad_()
            with use_kernels(kernels):
                out = compute(leaf)
            out.sum().backward()
            results[kernels] = out.detach(), leaf.grad
        assert results["triton"][0].dtype == dtype
        # one unit in the last of 8 bits: Triton's interpreter cuts bfloat16 off, a GPU rounds
        torch.testing.assert_close(results["triton"][0], results["eager"][0], rtol=2**-7, atol=0)
        torch.testing.assert_close(results["triton"][1], results["eager"][1], rtol=2**-7, atol=0)


@needs_triton
@pytest.mark.parametrize("kind", ["mht", "lmht", "lif"])
def test_sites_take_the_chosen_kernel(kind):
    ceiling = torch.tensor([1.0, 2.0, 0.5])
    site = {
        "mht": lambda: MultiThreshold(ceiling, 4, 2, coupling=Coupling.CAUSAL, initial=torch.tensor([0.0, 0.5, 0.25])),
        "lmht": lambda: LearnableMultiThreshold(ceiling, 4, 2),
        "lif": lambda: LIF(ceiling, 4, decay=0.25),
    }[kind]().to(DEVICE)
    x = _currents("channels last", 4, seed=8).flatten(0, 1).to(DEVICE)
    outputs, gradients = [], []
    for kernels in ("eager", "triton"):
        site.zero_grad()
        with use_kernels(kernels):
            out = site(x)
        (out * torch.arange(out.numel(), device=DEVICE).view(out.shape) / out.numel()).sum().backward()
        outputs.append(out.detach())
        gradients.append([parameter.grad.clone() for parameter in site.parameters()])
    assert torch.equal(*outputs)
    assert outputs[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(gradients[1], gradients[0], **CLOSE)


def test_the_choice():
    x = torch.zeros(2, 3)
    assert chosen(x) == "eager"
    with use_kernels("eager"):
        assert chosen(x) == "eager"
    with pytest.raises(InvalidValueError, match="one of auto, eager, triton"), use_kernels("cuda"):
        pass


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("SNNCONV_KERNELS", "fast")
    with pytest.raises(InvalidValueError, match="SNNCONV_KERNELS is 'fast'"):
        chosen(torch.zeros(2, 3))
    monkeypatch.setenv("SNNCONV_KERNELS", "eager")
    assert chosen(torch.zeros(2, 3)) == "eager"


@needs_triton
@pytest.mark.parametrize(
    "given",
    [torch.zeros(2, 3, dtype=torch.float64), torch.zeros(65, 3), torch.zeros(2, 0)],
    ids=["float64", "many steps", "empty"],
)
def test_what_a_kernel_does_not_take_is_eager(given):
    with use_kernels("triton"):
        assert chosen(given) == "eager"
        assert lif(given, torch.tensor(1.0, dtype=given.dtype)).shape == given.shape


@needs_triton
def test_thresholds_of_several_axes_are_eager():
    x, theta = _dyadic(2, 3, 4, seed=1).to(DEVICE), torch.rand(3, 4, device=DEVICE) + 0.5
    with use_kernels("eager"):
        wanted = multithreshold(x, theta, 2), lif(x, theta)
    with use_kernels("triton"):
        assert torch.equal(multithreshold(x, theta, 2), wanted[0])
        assert torch.equal(lif(x, theta), wanted[1])
