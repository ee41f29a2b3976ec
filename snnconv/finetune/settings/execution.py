"""Settings of the computation: number format, memory, processes, seed."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.options import Settings, documented, option

__all__ = ["ExecutionSettings"]


@documented
@dataclass(frozen=True)
class ExecutionSettings(Settings):
    """Settings of the way a training is computed."""

    bf16: bool = option(False, "Convolutions in bfloat16 (autocast); membrane potentials stay in single precision.")
    checkpoint_blocks: bool = option(
        False,
        "Gradient checkpointing by blocks: only what passes from block to block is kept for the backward pass, and the "
        "rest is computed again. Less memory, the same result, about one more forward pass.",
    )
    channels_last: bool = option(
        True,
        "Layout of images in memory; channels last is faster on most processors.",
        names=("--channels-last/--channels-first",),
    )
    workers: int = option(
        -1,
        "Processes that load and augment images; -1: none on a CPU, none where a GPU's memory holds all images, else "
        "up to 8.",
        least=-1,
    )
    seed: int = option(
        0, "Seed of the order of the images, of their augmentation and of random weights.", least=0, below=2**63
    )
