from __future__ import annotations

import re
from functools import cache
from unittest import mock

import pytest
import torch
from torch import fx, nn
from torch.nn import functional
from torchvision.models import resnet as peer_resnet
from torchvision.models import vgg as peer_vgg

from snnconv.errors import InvalidValueError
from snnconv.loading import load_module
from snnconv.networks import NETWORKS, VGG, DSResNet, FastNet, MSResNet, ResNet, SmallCNN
from snnconv.networks.ds_resnet import DSBlock
from snnconv.networks.ms_resnet import MSBlock
from snnconv.networks.resnet import BasicBlock
from snnconv.spiking.sites import iter_sites

ROUNDING = {"rtol": 1e-5, "atol": 1e-5}
SUPPORTED = {
    nn.AdaptiveAvgPool2d,
    nn.AvgPool2d,
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.Identity,
    nn.Linear,
    nn.MaxPool2d,
    nn.ReLU,
}
RESIDUAL_OR_VGG = [name for name in NETWORKS if not name.startswith(("small-cnn", "fast"))]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def without_memory(name, channels=3, classes=10):
    """A network on the meta device; there is nothing to draw."""
    draws = dict.fromkeys(("dirac_", "kaiming_normal_", "kaiming_uniform_", "uniform_"), mock.DEFAULT)
    with torch.device("meta"), mock.patch.multiple(nn.init, **draws):
        return NETWORKS[name](channels, classes).eval()


@cache
def on_meta(name):
    """A network without memory, and the graph of its calls."""
    module = without_memory(name)
    return module, fx.Tracer().trace(module)


def logits_shape(module, sample_shape):
    """Of one input, with whatever is in memory for weights, which takes less time than meta tensors."""
    with torch.inference_mode():
        shape = module.to_empty(device="cpu")(torch.zeros(1, *sample_shape)).shape
    module.to_empty(device="meta")
    return shape


def count_along_path(module, graph, kinds, pick):
    """How many modules of these kinds a path from the input to the output meets: `max` or `min` over the paths."""
    reached = {}
    for node in graph.nodes:
        before = pick((reached[source] for source in node.all_input_nodes), default=0)
        reached[node] = before + (node.op == "call_module" and isinstance(module.get_submodule(node.target), kinds))
    return reached[node]


def calls(module, graph, kind):
    return [
        node for node in graph.nodes if node.op == "call_module" and isinstance(module.get_submodule(node.target), kind)
    ]


def parameters(module):
    return sum(weight.numel() for weight in module.parameters())


def unsettled(module):
    """Batch-norms that do something, as after training."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.running_mean)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias)
    return module.eval()


# Names and shapes


def test_every_family_has_its_names():
    names = {f"resnet{depth}{width}" for depth in (8, 14, 20, 32, 44, 56, 68) for width in ("", "-w8", "-w32", "-w64")}
    names |= {
        f"ds-resnet{depth}{form}" for depth in (14, 20, 32, 44, 68) for form in ("", "-w8", "-w16", "-w32", "-dvs")
    }
    names |= {f"fast{kind}{width}" for kind in ("", "-average") for width in ("", "-w32", "-w16")}
    names |= {"small-cnn", "resnet18", "resnet34", "resnet19", "vgg13", "vgg16", "ms-resnet18", "ms-resnet34"}
    assert set(NETWORKS) == names
    assert NETWORKS["small-cnn"] is SmallCNN


@pytest.mark.parametrize(("name", "near"), [("resnet21", "resnet20"), ("vgg-16", "vgg16"), ("msresnet18", "ms-resnet")])
def test_a_miss_names_near_ones(name, near):
    with pytest.raises(InvalidValueError, match=f"Unknown network.*{near}"):
        NETWORKS[name]


@pytest.mark.parametrize("name", list(NETWORKS))
def test_images_of_32_pixels_give_one_logit_a_class(name):
    assert logits_shape(on_meta(name)[0], (3, 32, 32)) == (1, 10)


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (2, 34), (3, 64)])
@pytest.mark.parametrize("name", ["resnet8", "resnet19", "vgg13", "ms-resnet18", "ds-resnet14-dvs"])
def test_any_channels_and_size(name, channels, size):
    module = without_memory(name, channels, classes=7)
    assert logits_shape(module, (channels, size, size)) == (1, 7)


@pytest.mark.parametrize("name", ["resnet8-w8", "ds-resnet14-w8", "ms-resnet18", "small-cnn"])
def test_images_of_8_pixels(name):
    assert logits_shape(on_meta(name)[0], (3, 8, 8)) == (1, 10)


# Structure


@pytest.mark.parametrize("name", RESIDUAL_OR_VGG)
def test_the_depth_is_the_one_in_the_name(name):
    depth = int(re.search(r"\d+", name).group())
    missing = 2 if name.startswith("vgg") else 0  # hidden linear layers of the paper
    assert count_along_path(*on_meta(name), (nn.Conv2d, nn.Linear), max) == depth - missing


@pytest.mark.parametrize("name", list(NETWORKS))
def test_layers_are_ordinary_and_change_nothing_in_place(name):
    module, graph = on_meta(name)
    leaves = [part for part in module.modules() if not list(part.children())]
    assert {type(part) for part in leaves} <= SUPPORTED
    assert not any(part.inplace for part in leaves if isinstance(part, nn.ReLU))
    assert len(calls(module, graph, nn.ReLU)) == sum(isinstance(part, nn.ReLU) for part in leaves)


@pytest.mark.parametrize("name", [*RESIDUAL_OR_VGG, "small-cnn"])
def test_a_convolution_has_no_bias_and_a_batch_norm_after_it(name):
    module, graph = on_meta(name)
    convolutions = calls(module, graph, nn.Conv2d)
    assert convolutions
    for node in convolutions:
        (user,) = node.users
        assert isinstance(module.get_submodule(user.target), nn.BatchNorm2d)
        assert module.get_submodule(node.target).bias is None


@pytest.mark.parametrize(
    ("name", "fewest"),
    [
        ("resnet20", 1 + 9),  # one a block
        ("ms-resnet18", 1),  # the last
        ("ms-resnet34", 1),
        ("ds-resnet20", 1 + 2),  # where the shape changes
        ("ds-resnet68", 1 + 2),
    ],
)
def test_activations_that_shortcuts_pass(name, fewest):
    assert count_along_path(*on_meta(name), nn.ReLU, min) == fewest


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet20", 0.27),  # He et al., CVPR 2016, table 6
        ("resnet32", 0.46),
        ("resnet44", 0.66),
        ("resnet56", 0.85),
        ("resnet18", 11.17),
        ("resnet34", 21.28),
        ("resnet19", 12.70),
        ("vgg16", 14.72),
    ],
)
def test_well_known_parameter_counts(name, millions):
    assert parameters(on_meta(name)[0]) / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("small-cnn", 14746),
        ("fast", 1972792),
        ("fast-average", 1972792),
        ("resnet20", 272474),
        ("resnet18", 11173962),
        ("resnet34", 21282122),
        ("resnet19", 12697994),
        ("vgg13", 9413066),
        ("vgg16", 14724042),
        ("ms-resnet18", 11173962),
        ("ms-resnet34", 21282122),
        ("ds-resnet20", 4327754),
        ("ds-resnet20-w16", 272474),
        ("ds-resnet20-dvs", 272474),
    ],
)
def test_parameter_counts_of_the_docs(name, count):
    assert parameters(on_meta(name)[0]) == count


# Outside references: torchvision's own blocks with the same weights


def take_weights(module, peer):
    """Copy a peer's weights and statistics, in order; a convolution's bias has no place here."""
    state = module.state_dict()
    biases = {f"{name}.bias" for name, part in peer.named_modules() if isinstance(part, nn.Conv2d)}
    values = [value for key, value in peer.state_dict().items() if key not in biases]
    module.load_state_dict(dict(zip(state, values, strict=True)))


def test_resnet_is_torchvisions_with_a_small_stem():
    peer = peer_resnet.ResNet(peer_resnet.BasicBlock, [1, 2, 1, 1], num_classes=10)
    peer.conv1, peer.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    module = ResNet(3, 10, widths=(64, 128, 256, 512), blocks=(1, 2, 1, 1)).eval()
    take_weights(module, unsettled(peer))
    x = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(module(x), peer(x), **ROUNDING)


def test_vgg_is_torchvisions_with_average_pooling():
    peer = unsettled(peer_vgg.make_layers(peer_vgg.cfgs["B"], batch_norm=True))
    module = VGG(3, 10, convolutions=(2, 2, 2, 2, 2)).eval()
    for index, part in enumerate(peer):
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.MaxPool2d):
            peer[index] = nn.AvgPool2d(2)
    take_weights(module.features, peer)
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(module.pool(module.features(x)), peer(x), **ROUNDING)


# Blocks


@pytest.mark.parametrize(("filters", "stride"), [(4, 1), (6, 1), (4, 2), (8, 2)])
@pytest.mark.parametrize("block", [BasicBlock, MSBlock, DSBlock])
def test_the_shortcut_is_the_identity_where_the_shape_stays(block, filters, stride):
    module = block(4, filters, stride)
    assert isinstance(module.shortcut, nn.Identity) == (filters == 4 and stride == 1)
    assert module(torch.randn(2, 4, 7, 7)).shape == (2, filters, -(-7 // stride), -(-7 // stride))


@pytest.mark.parametrize(("filters", "stride"), [(4, 1), (8, 2)])
def test_a_ds_block_adds_after_both_activations(filters, stride):
    module = DSBlock(4, filters, stride)  # by the batch's own statistics, so about half of each channel is silent
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        y, shortcut, residual = module(x), module.shortcut(x), module.residual(x)
    assert residual.min() == 0
    assert torch.equal(y, shortcut + residual)
    assert shortcut.min() == 0 if filters == 8 else y.min() < 0  # nothing is cut after the addition


@pytest.mark.parametrize(("filters", "stride"), [(4, 1), (8, 2)])
def test_an_ms_blocks_shortcut_is_affine(filters, stride):
    module = unsettled(MSBlock(4, filters, stride))
    nn.init.zeros_(module.residual[-1].weight)
    nn.init.zeros_(module.residual[-1].bias)
    x = torch.randn(2, 4, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(module(x) + module(-x), 2 * module(0 * x), **ROUNDING)
        assert filters == 8 or torch.equal(module(x), x)


def test_an_ms_block_activates_its_residual_input():
    module = unsettled(MSBlock(4, 4, 1))
    x = torch.randn(2, 4, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(module(x) - x, module.residual(x.relu()), **ROUNDING)


def test_only_the_network_for_events_normalises_its_input():
    for name in NETWORKS:
        module, graph = on_meta(name)
        first = module.get_submodule(next(node for node in graph.nodes if node.op == "call_module").target)
        assert isinstance(first, nn.BatchNorm2d if name.endswith("-dvs") else nn.Conv2d)
        assert name.endswith("-dvs") == (isinstance(first, nn.BatchNorm2d) and not first.affine)


def test_initial_weights():
    module = NETWORKS["resnet14-w64"](3, 10)
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3) and part.in_channels > 3:
            assert part.weight.std().item() == pytest.approx((2 / (9 * part.out_channels)) ** 0.5, rel=0.02)
        elif isinstance(part, nn.BatchNorm2d):
            assert part.weight.eq(1).all()
            assert part.bias.eq(0).all()


# The fast network


@pytest.mark.parametrize("average", [False, True])
def test_the_fast_network_is_its_formula(average):
    module = unsettled(FastNet(3, 10, width=8, average=average))
    weights = module.state_dict()
    x = torch.randn(2, 3, 32, 32)

    def norm(x, name):
        scale, shift, mean, var = (weights[f"{name}.{n}"] for n in ("weight", "bias", "running_mean", "running_var"))
        return functional.batch_norm(x, mean, var, scale, shift)

    y = functional.conv2d(x, weights["stem.0.weight"], weights["stem.0.bias"]).relu()
    for block in range(3):
        names = [f"blocks.{block}.{place}" for place in ((0, 1, 4, 5) if average else (0, 2, 4, 5))]
        y = functional.conv2d(y, weights[f"{names[0]}.weight"], padding=1)
        if average:
            y = functional.avg_pool2d(norm(y, names[1]).relu(), 2)
        else:
            y = norm(functional.max_pool2d(y, 2), names[1]).relu()
        y = norm(functional.conv2d(y, weights[f"{names[2]}.weight"], padding=1), names[3]).relu()
    assert y.shape == (2, 32, 3, 3)
    with torch.inference_mode():
        torch.testing.assert_close(module(x), y.mean((2, 3)) @ weights["head.weight"].T, **ROUNDING)


def test_fast_convolutions_start_as_the_identity():
    module = NETWORKS["fast-w16"](3, 10)
    convolutions = [part for part in module.blocks.modules() if isinstance(part, nn.Conv2d)]
    assert [part.in_channels for part in convolutions] == [24, 16, 16, 64, 64, 64]
    for part in convolutions:
        x = torch.randn(2, part.in_channels, 5, 5)
        kept = min(part.in_channels, part.out_channels)
        assert torch.equal(part(x)[:, :kept], x[:, :kept])
        assert part.out_channels == kept or part.weight[kept:].std() > 0
    assert {part.momentum for part in module.modules() if isinstance(part, nn.BatchNorm2d)} == {0.4}


# Through ONNX


@pytest.mark.parametrize(
    "make",
    [
        lambda: NETWORKS["resnet8"](3, 10),
        lambda: MSResNet(3, 10, widths=(4, 8), blocks=(1, 1)),
        lambda: DSResNet(2, 10, width=4, n=1, input_norm=True),
        lambda: FastNet(3, 10, width=4),
        lambda: FastNet(1, 10, width=4, average=True),
    ],
    ids=["resnet8", "ms-resnet", "ds-resnet-dvs", "fast", "fast-average"],
)
def test_the_loaded_network_is_the_same(make):
    module = unsettled(make())
    channels = next(module.parameters()).shape[1]
    model = load_module(module, (channels, 32, 32))
    x = torch.randn(3, channels, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.logits(x), module(x), **ROUNDING)
    assert len(list(iter_sites(model.graph))) == len(calls(module, fx.Tracer().trace(module), nn.ReLU)) > 0
