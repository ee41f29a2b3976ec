"""Graphs of modules built by hand, in double precision, and random ones: what no importer makes is in them too."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fractions import Fraction

import torch
from hypothesis import strategies as st
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, module_of
from snnconv.graph.modules import Arithmetic, AveragePool, Concat, ReduceMean, Reshape

TOLERANCE = 1e-9  # of the largest magnitude


class Net:
    """Calls modules one by one; `finish` gives the graph."""

    def __init__(self, *shape: int) -> None:
        self.root, self.graph = nn.Module(), fx.Graph()
        self.input = self.graph.placeholder("input")
        self.input.meta["shape"] = shape
        self.random = torch.Generator().manual_seed(0)

    def call(self, module: nn.Module, *operands: fx.Node, name: str = "") -> fx.Node:
        name = name or f"m{len(list(self.root.children()))}"
        self.root.add_module(name, self._drawn(module))
        return self.again(name, *operands)

    def again(self, name: str, *operands: fx.Node) -> fx.Node:
        """Call a module once more."""
        node = self.graph.call_module(name, operands)
        module = self.root.get_submodule(name).eval()
        node.meta["shape"] = shape_of(module, operands)
        node.meta["onnx_name"] = name
        return node

    def _drawn(self, module: nn.Module) -> nn.Module:
        """Values of about unit size in the place of torch's; a tensor that another module has stays as it is."""
        own = {id(tensor) for tensor in self.root.parameters()}
        with torch.no_grad():
            for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
                if tensor.is_floating_point() and id(tensor) not in own and name != "constant":
                    tensor.data = torch.rand(tensor.shape, generator=self.random, dtype=torch.float64) - 0.4
                if name == "running_var":
                    tensor += 0.6
        return module.double()

    def conv(self, x: fx.Node, channels: int, kernel: int = 3, **options: object) -> fx.Node:
        return self.call(nn.Conv2d(x.meta["shape"][0], channels, kernel, **options), x)

    def norm(self, x: fx.Node) -> fx.Node:
        shape = x.meta["shape"]
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return self.call(kind(shape[0]), x)

    def constant(self, operator: str, x: fx.Node, *shape: int, first: bool = False, value: float | None = None):
        values = torch.rand(shape, generator=self.random, dtype=torch.float64) + 0.5
        values = values if value is None else torch.full_like(values, value)
        return self.call(Arithmetic(operator, nn.Parameter(values), constant_first=first), x)

    def add(self, x: fx.Node, y: fx.Node) -> fx.Node:
        return self.call(Arithmetic("add"), x, y)

    def finish(self, *outputs: fx.Node) -> fx.GraphModule:
        self.graph.output(outputs[0] if len(outputs) == 1 else outputs)
        return fx.GraphModule(self.root, self.graph).eval()


def shape_of(module: nn.Module, operands: Sequence[fx.Node]) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(module(*(torch.zeros(2, *node.meta["shape"], dtype=torch.float64) for node in operands)).shape[1:])


def outputs(graph: fx.GraphModule) -> tuple[Tensor, ...]:
    placeholder = next(iter(graph.graph.nodes))
    random = torch.Generator().manual_seed(1)
    x = torch.randn(3, *placeholder.meta["shape"], generator=random, dtype=torch.float64)
    with torch.no_grad():
        out = graph(x)
    return out if isinstance(out, tuple) else (out,)


def kinds(graph: fx.GraphModule) -> list[type[nn.Module]]:
    return [type(module_of(graph, node)) for node in calls(graph)]


def check_shapes(graph: fx.GraphModule) -> None:
    """Every node says the shape that its module gives."""
    for node in calls(graph):
        assert shape_of(module_of(graph, node), node.args) == node.meta["shape"]


def rewritten(graph: fx.GraphModule, run) -> fx.GraphModule:
    """A rewritten copy, after comparing outputs; the second run must find nothing to do."""
    before, copied = outputs(graph), copy.deepcopy(graph)
    own = {id(parameter): parameter.detach().clone() for parameter in copied.parameters()}
    kept = list(copied.parameters())  # so that ids stay theirs
    changed = run(copied)
    copied.graph.lint()
    check_shapes(copied)
    after = outputs(copied)
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(two, one, rtol=0, atol=TOLERANCE * max(1.0, float(one.abs().max())))
    if not changed:
        assert kinds(copied) == kinds(graph)
    assert all(torch.equal(parameter, own[id(parameter)]) for parameter in kept), "a parameter was written to"
    assert not run(copied)
    return copied


@st.composite
def graphs(draw: st.DrawFn) -> fx.GraphModule:
    """Some ten modules, called on whatever came before: twice, with shared weights, with several users."""
    channels = 4
    net = Net(channels, 5, 5)
    net.random.manual_seed(draw(st.integers(0, 1000)))
    values, convolutions = [net.input], []
    for _ in range(draw(st.integers(1, 10))):
        # mostly the newest value, so that chains form
        x = values[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(values))
        flat = len(x.meta["shape"]) == 1
        kind = draw(st.sampled_from(_FLAT if flat else _IMAGE))
        values.append(_call(draw, net, kind, x, values, convolutions))
    ends = [node for node in values[1:] if not node.users]
    return net.finish(*ends, *([values[1]] if draw(st.integers(0, 4)) == 0 and values[1] not in ends else []))


_FLAT = ("linear", "linear", "norm", "constant", "constant", "relu", "identity")
_IMAGE = (
    *("conv", "conv", "norm", "norm", "constant", "constant", "relu", "identity", "again", "share", "transposed"),
    *("add", "concat", "flatten", "reshape", "pool", "mean"),
)


def _call(draw, net, kind, x, values, convolutions):
    shape = x.meta["shape"]
    bias, size = draw(st.booleans()), shape[0]
    if kind in ("conv", "transposed") or (kind in ("again", "share") and not convolutions):
        groups = draw(st.sampled_from([1, 2, size]))
        kernel = draw(st.sampled_from([1, 1, min(3, *shape[1:])]))
        padding = draw(st.integers(0, kernel // 2))
        build = nn.ConvTranspose2d if kind == "transposed" else nn.Conv2d
        stride = draw(st.sampled_from([1, 1, 2])) if shape[1] <= 5 else 1
        out = size * draw(st.sampled_from([1, 1, 2])) if size <= 4 else size
        made = net.call(build(size, out, kernel, stride, padding, groups=groups, bias=bias), x)
        if kind != "transposed":
            convolutions.append(made)
        return made
    if kind in ("again", "share"):
        other = draw(st.sampled_from(convolutions))
        module = net.root.get_submodule(str(other.target))
        if module.in_channels != size or module.kernel_size[0] > min(shape[1:]):
            return net.norm(x)
        if kind == "again":
            return net.again(str(other.target), x)
        twin = copy.copy(module)
        twin._parameters = dict(module._parameters)
        return net.call(twin, x)
    if kind == "linear":
        return net.call(nn.Linear(shape[-1], draw(st.integers(1, 6)), bias=bias), x)
    if kind == "norm":
        return net.norm(x)
    if kind == "constant":
        rest = tuple(draw(st.sampled_from([1, length])) for length in shape[1:]) if draw(st.booleans()) else ()
        wide = (draw(st.sampled_from([1, size])), *(rest or (1,) * (len(shape) - 1)))
        operator = draw(st.sampled_from(["add", "sub", "mul", "div"]))
        value = draw(st.sampled_from([None, None, None, 0.0 if operator in ("add", "sub") else 1.0]))
        first = draw(st.booleans()) and operator != "div"
        return net.constant(operator, x, *draw(st.sampled_from([wide, (1, *wide), ()])), first=first, value=value)
    if kind == "relu":
        return net.call(nn.ReLU(), x)
    if kind == "identity":
        return net.call(draw(st.sampled_from([nn.Identity, nn.Dropout]))(), x)
    if kind == "add":
        fits = [value for value in values if value.meta["shape"] == shape]
        return net.add(x, draw(st.sampled_from(fits)))
    if kind == "concat":
        return net.call(Concat(2), x, x) if draw(st.booleans()) else net.call(Concat(1), x)
    if kind == "flatten":
        return net.call(nn.Flatten(1), x)
    if kind == "reshape":
        return net.call(Reshape(Fraction(1), shape if draw(st.booleans()) else (shape[0] * shape[1] * shape[2],)), x)
    if kind == "pool":
        kernel = draw(st.integers(1, min(2, *shape[1:])))
        pads = [kernel // 2] * 2 + [0] * 2
        return net.call(AveragePool([kernel] * 2, [1] * 2, pads, count_include_pad=draw(st.booleans())), x)
    return net.call(ReduceMean((2, 3), keepdims=draw(st.booleans())), x)
