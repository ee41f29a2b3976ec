"""DeiT-tiny as timm has it, and in the forms that SpikingJelly's recipes for transformers ask for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import timm
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

NAME = "deit_tiny_patch16_224"
LOWEST_GELU = 0.17
SAMPLE = 20_000  # values of a batch from which a quantizer takes its scale

_NAMES = {
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "patch_embed.proj.": "conv_proj.",
    "blocks.": "encoder.layers.encoder_layer_",
    "norm1.": "ln_1.",
    "norm2.": "ln_2.",
    "attn.qkv.": "self_attention.in_proj_",
    "attn.proj.": "self_attention.out_proj.",
    "mlp.fc1.": "mlp.0.",
    "mlp.fc2.": "mlp.3.",
    "head.": "heads.head.",
}


def timm_network(path: Path) -> nn.Module:
    """Return timm's module with the weights of an ONNX file, whose products have theirs transposed and by no name."""
    graph = onnx.load(path).graph
    arrays = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in graph.initializer}
    weights = {name: array for name, array in arrays.items() if not name.startswith("onnx::")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            layer = ".".join(node.name.strip("/").split("/")[1:-1])
            weights[f"{layer}.weight"] = arrays[node.input[1]].T.contiguous()
    network: nn.Module = timm.create_model(NAME, pretrained=False).eval()
    network.load_state_dict(weights)
    return network


def torchvision_network(network: nn.Module) -> VisionTransformer:
    """Return torchvision's module, which computes the same as timm's to the last bit."""
    source = cast(Any, network)
    width = source.embed_dim
    made = VisionTransformer(
        image_size=source.patch_embed.img_size[0],
        patch_size=source.patch_embed.patch_size[0],
        num_layers=len(source.blocks),
        num_heads=source.blocks[0].attn.num_heads,
        hidden_dim=width,
        mlp_dim=source.blocks[0].mlp.fc1.out_features,
        num_classes=source.num_classes,
    ).eval()
    weights = {}
    for name, array in network.state_dict().items():
        for one, other in _NAMES.items():
            name = name.replace(one, other)
        weights["encoder.ln" + name.removeprefix("norm") if name.startswith("norm.") else name] = array
    made.load_state_dict(weights)
    return made


class FromTokens(nn.Module):
    """The part of a torchvision transformer behind its embeddings."""

    def __init__(self, network: VisionTransformer) -> None:
        super().__init__()
        self.dropout, self.layers = network.encoder.dropout, network.encoder.layers
        self.ln, self.heads = network.encoder.ln, network.heads

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits `[B, classes]` of tokens `[B, L, D]`."""
        return cast(Tensor, self.heads(self.ln(self.layers(self.dropout(tokens)))[:, 0:1].flatten(1)))


def tokens(network: VisionTransformer, x: Tensor) -> Tensor:
    """Return the tokens of images, `[B, L, D]`, class token and positions with them."""
    made = cast(Tensor, network._process_input(x))
    return torch.cat([network.class_token.expand(len(x), -1, -1), made], 1).add(network.encoder.pos_embedding)


class Quantizer(nn.Module):
    """Uniform levels of one scale a layer, by the names under which SpikeZIP looks for them.

    Args:
        level: Number of levels.
        sym: Levels of both signs; else from 0, or from the lowest value of GELU.
        lowest: Magnitude of the lowest value, for levels of GELU.
    """

    pos_max: Tensor
    neg_min: Tensor

    def __init__(self, level: int, sym: bool, lowest: float = 0.0) -> None:
        super().__init__()
        self.level, self.sym, self.lowest = level, sym, lowest
        self.s = nn.Parameter(torch.tensor(1.0), requires_grad=False)
        self.register_buffer("pos_max", torch.tensor(float(level // 2 - 1 if sym else level - 1)))
        self.register_buffer("neg_min", torch.tensor(float(-(level // 2) if sym else 0)))
        self.seen: list[Tensor] | None = []
        self.largest = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.seen is None:
            return (x / self.s).round().clamp(self.neg_min, self.pos_max) * self.s
        flat = x.detach().flatten()
        self.seen.append(flat[torch.linspace(0, len(flat) - 1, min(SAMPLE, len(flat))).long()])
        self.largest = max(self.largest, float(flat.abs().max()))
        return x

    def settle(self) -> None:
        """Take the scale of the least squared error on the values that came by, and quantize from now on."""
        assert self.seen
        values = torch.cat(self.seen)
        best = (float("inf"), 1.0, 0.0, 0.0)
        for part in np.linspace(0.02, 1, 60):
            scale = float(part) * (self.largest + self.lowest) / float(self.pos_max)
            low = float(self.neg_min) if self.sym else -float(round(self.lowest / scale))
            high = float(self.pos_max) if self.sym else self.level - 1 + low
            error = float(((values / scale).round().clamp(low, high) * scale - values).square().mean())
            best = min(best, (error, scale, low, high))
        _, scale, low, high = best
        self.s.fill_(scale)
        self.neg_min.fill_(low)
        self.pos_max.fill_(high)
        self.seen = None


class QuantizedAttention(nn.Module):
    """timm's attention with quantizers where SpikeZIP has its neurons."""

    def __init__(self, source: Any, level: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.scale = source.num_heads, source.head_dim, source.scale
        self.qkv, self.proj = source.qkv, source.proj
        self.quan_q, self.quan_k, self.quan_v = (Quantizer(level, True) for _ in range(3))
        self.attn_quan, self.after_attn_quan = Quantizer(level, False), Quantizer(level, True)
        self.quan_proj = Quantizer(level, True)
        self.attn_drop, self.proj_drop = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor, **unused: Any) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        scores = (self.quan_q(q) * self.scale) @ self.quan_k(k).transpose(-1, -2)
        mixed = self.after_attn_quan(self.attn_quan(scores.softmax(-1)) @ self.quan_v(v))
        return cast(Tensor, self.quan_proj(self.proj(mixed.transpose(1, 2).flatten(2))))


@torch.no_grad()
def quantized_network(network: Any, level: int, batches: Iterable[Tensor]) -> nn.Module:
    """Put quantizers into timm's network, as the networks have them that SpikeZIP was published with.

    Args:
        network: timm's; it is changed.
        level: levels of each quantizer.
        batches: images from which the scales come.
    """

    def behind(layer: nn.Module, sym: bool = True, lowest: float = 0.0) -> nn.Sequential:
        return nn.Sequential(layer, Quantizer(level, sym, lowest))

    network.patch_embed.proj = behind(network.patch_embed.proj)
    network.norm = behind(network.norm)
    for block in network.blocks:
        block.norm1, block.norm2 = behind(block.norm1), behind(block.norm2)
        block.attn = QuantizedAttention(block.attn, level)
        block.mlp.act = behind(block.mlp.act, False, LOWEST_GELU)
        block.mlp.fc2 = behind(block.mlp.fc2)
    for x in batches:
        network(x)
    for each in network.modules():
        if isinstance(each, Quantizer):
            each.settle()
    return cast(nn.Module, network)
