"""NIR's primitives one step at a time, written from their definitions: no simulator, and nothing of ours.

At each step every node sums what its edges bring. A delay of one step puts out what came in at the step before, 0 at
first; the other nodes put out what they make of this step's sum. Spikes fire strictly above a threshold.
"""

from __future__ import annotations

import numpy as np


class Interpreter:
    """Runs a nir.NIRGraph. `reset` is what IF and LIF do: "v_reset" (NIR's definition) or what their metadata say."""

    def __init__(self, graph, dt, *, metadata=True):
        self.graph, self.dt, self.metadata = graph, dt, metadata
        self.state, self.delayed = {}, {}
        self.sources = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
        self.order = self._order()

    def _order(self):
        """Delays first: what they put out is known before the step."""
        kinds = {name: type(node).__name__ for name, node in self.graph.nodes.items()}
        done = [name for name, kind in kinds.items() if kind == "Delay"]
        while len(done) < len(kinds):
            ready = [n for n in kinds if n not in done and all(source in done for source in self.sources[n])]
            assert ready, "a loop without a delay"
            done += ready
        return done

    def step(self, x):
        """One step of one sample: input [C, H, W] to the output of every node, by name."""
        out = {}
        for name in self.order:
            node = self.graph.nodes[name]
            if type(node).__name__ == "Delay":
                assert np.allclose(node.delay, self.dt)
                out[name] = self.delayed.get(name, np.zeros(node.delay.shape))
            else:
                given = x if type(node).__name__ == "Input" else sum(out[source] for source in self.sources[name])
                out[name] = getattr(self, type(node).__name__)(name, node, given)
        for name, node in self.graph.nodes.items():
            if type(node).__name__ == "Delay":
                self.delayed[name] = sum(out[source] for source in self.sources[name])
        return out

    def Input(self, name, node, x):  # noqa: N802 - NIR's names
        return x

    Output = Input

    def Affine(self, name, node, x):  # noqa: N802
        return node.weight.astype(float) @ x + node.bias

    def Scale(self, name, node, x):  # noqa: N802
        return node.scale.astype(float) * x

    def Flatten(self, name, node, x):  # noqa: N802
        assert (node.start_dim, node.end_dim) == (0, -1)
        return x.reshape(-1)

    def SumPool2d(self, name, node, x):  # noqa: N802
        assert not np.any(node.padding)
        (kh, kw), (sh, sw) = node.kernel_size, node.stride
        rows, columns = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
        pooled = np.zeros((x.shape[0], rows, columns))
        for i in range(rows):
            for j in range(columns):
                pooled[:, i, j] = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw].sum((1, 2))
        return pooled

    def Conv2d(self, name, node, x):  # noqa: N802
        weight = node.weight.astype(float)
        (ph, pw), (sh, sw), (dh, dw) = node.padding, node.stride, node.dilation
        x = np.pad(x, [(0, 0), (ph, ph), (pw, pw)])
        kh, kw = weight.shape[2:]
        rows = (x.shape[1] - dh * (kh - 1) - 1) // sh + 1
        columns = (x.shape[2] - dw * (kw - 1) - 1) // sw + 1
        out = np.zeros((len(weight), rows, columns)) + node.bias[:, None, None]
        outputs, inputs = len(weight) // node.groups, weight.shape[1]
        for o in range(len(weight)):
            group = o // outputs
            for c in range(inputs):
                for i in range(kh):
                    for j in range(kw):
                        seen = x[group * inputs + c, i * dh :: sh, j * dw :: sw][:rows, :columns]
                        out[o] += weight[o, c, i, j] * seen
        return out

    def I(self, name, node, x):  # noqa: N802, E743
        self.state[name] = self.state.get(name, 0.0) + node.r * x
        return self.state[name]

    def LI(self, name, node, x):  # noqa: N802
        v, share = self.state.get(name, np.zeros(node.r.shape)), self.dt / node.tau.astype(float)
        self.state[name] = v + share * (node.v_leak - v + node.r * x)
        return self.state[name]

    def Threshold(self, name, node, x):  # noqa: N802
        return (x > node.threshold).astype(float)

    def IF(self, name, node, x):  # noqa: N802
        return self._spike(name, node, self.state.get(name, self._start(node)) + node.r * x)

    def LIF(self, name, node, x):  # noqa: N802
        v, share = self.state.get(name, self._start(node)), self.dt / node.tau.astype(float)
        return self._spike(name, node, v + share * (node.v_leak - v + node.r * x))

    def _start(self, node):
        found = node.metadata.get("v0") if self.metadata else None
        return np.zeros(node.r.shape) if found is None else np.asarray(found, float)

    def _spike(self, name, node, v):
        spikes = (v > node.v_threshold).astype(float)
        if self.metadata and _text(node.metadata.get("reset")) == "subtract":
            self.state[name] = v - spikes * node.v_threshold
        else:
            self.state[name] = np.where(spikes > 0, node.v_reset, v)
        return spikes


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
