"""Networks of kinds that users bring, in the ways that exporters write them: import gives what onnxruntime computes."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx_oracle import assert_close, open_onnx, write
from torch import Tensor, nn

from snnconv.graph.importer import import_graph

Feeds = dict[str, NDArray[np.generic]]
T, D = 6, 8  # tokens, features


def exported(
    module: nn.Module, inputs: Mapping[str, Tensor], *, dynamo: bool = False, batch: int | None = None
) -> onnx.ModelProto:
    """The file of torch's old or new exporter; of an open batch size, or with `batch` written into it."""
    names, given = list(inputs), tuple(x if batch is None else x[:batch] for x in inputs.values())
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            axes = tuple({0: torch.export.Dim("batch", min=1)} for _ in given) if batch is None else None
            options = {"dynamic_shapes": axes, "optimize": False, "verbose": False}
            return torch.onnx.export(module.eval(), given, dynamo=True, input_names=names, **options).model_proto
        buffer = io.BytesIO()
        axes = {name: {0: "batch"} for name in names} if batch is None else {}
        torch.onnx.export(module.eval(), given, buffer, dynamo=False, input_names=names, dynamic_axes=axes)
        return onnx.load_from_string(buffer.getvalue())


def compare(model: onnx.ModelProto, inputs: Mapping[str, Tensor]) -> None:
    """Imported, and as it is written again, it computes what onnxruntime does, at batch sizes 1 and 3."""
    imported = import_graph(model)
    judge, written = open_onnx(model), open_onnx(write(imported))
    for batch in (1, 3):
        feeds = {name: x[:batch].numpy() for name, x in inputs.items()}
        steps = [{name: x[i : i + 1] for name, x in feeds.items()} for i in range(batch)]
        one_by_one = judge.get_inputs()[0].shape[0] == 1
        theirs = [judge.run(None, step) for step in (steps if one_by_one else [feeds])]
        expected = [np.concatenate(parts) for parts in zip(*theirs, strict=True)]
        flat = [x.reshape(batch, -1).astype(np.float32) for x in feeds.values()]
        x = np.concatenate(flat, 1) if imported.parts else next(iter(feeds.values()))
        with torch.no_grad():
            made = imported.graph(torch.from_numpy(x))
        ours = [value.numpy() for value in (made if isinstance(made, tuple) else (made,))]
        assert_close(ours, [value.astype(np.float32) for value in expected], 2e-5)
        assert_close(written.run(None, feeds if imported.parts else {written.get_inputs()[0].name: x}), ours, 2e-5)


class TextPooling(nn.Module):
    """The last token of a text, as CLIP's text encoder finds it: by the largest id."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, D), nn.Linear(D, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = torch.tanh(self.table(ids))
        return self.head(x[torch.arange(ids.shape[0]), ids.to(torch.int).argmax(-1)])


class Decoder(nn.Module):
    """Learned queries that attend to an image, by torch's own attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.queries = nn.Conv2d(3, D, 4, 4), nn.Embedding(3, D)
        self.attention, self.head = nn.MultiheadAttention(D, 2, batch_first=True), nn.Linear(D, 4)

    def forward(self, image: Tensor) -> Tensor:
        memory = self.patches(image).flatten(2).transpose(1, 2)
        queries = self.queries.weight.expand(image.shape[0], -1, -1)
        return self.head(self.attention(queries, memory, memory, need_weights=False)[0])


class Encoder(nn.Module):
    """A layer of torch's own encoder, on frames that are turned around."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(D, 2, 16, batch_first=True, activation="gelu")

    def forward(self, frames: Tensor) -> Tensor:
        return self.layer(frames).flip(1)


RANDOM = torch.Generator().manual_seed(0)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], dict[str, Tensor]]] = {
    "text pooling": (TextPooling, {"ids": torch.randint(0, 20, (3, T), generator=RANDOM)}),
    "decoder": (Decoder, {"image": torch.randn(3, 3, 8, 8, generator=RANDOM)}),
    "encoder": (Encoder, {"frames": torch.randn(3, T, D, generator=RANDOM)}),
}
WAYS = {"old exporter": {}, "one sample": {"batch": 1}, "new exporter": {"dynamo": True}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_as_torch_writes_them(name: str, way: dict[str, object]) -> None:
    kind, inputs = NETWORKS[name]
    torch.manual_seed(0)
    compare(exported(kind(), inputs, **way), inputs)
