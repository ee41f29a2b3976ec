r"""Whitening initialisation: the first convolution starts as the whitening filters of the images' patches.

    C = mean over patches of p·pᵀ;   C·v_k = λ_k·v_k;   w_k = v_k/sqrt(λ_k + ε),  w_{n+k} = -w_k     for k = 1 to n

Symbols: p patch of normalised pixels under the kernel, `[channels·kernel area]`; λ_1 ≥ λ_2 ≥ ... eigenvalues; n half of
the filters. A filter's output has unit variance over the images, and filters of different directions are uncorrelated.
Rectifiers keep one sign each, so both signs of a direction together lose nothing.

Source: Page, "How to Train Your ResNet", part 8, 2019; both signs and ε = 5e-4: Jordan, "94% on CIFAR-10 in 3.29
Seconds on a Single GPU", 2024, section 3.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from snnconv.data.images import Images
from snnconv.errors import InvalidValueError
from snnconv.finetune.input_scale import first_layers

__all__ = ["whiten", "whitening_filters"]

SAMPLE = 5000  # images whose patches are taken
CHUNK = 250  # images at a time
SMALLEST = 5e-4  # ε


def whiten(graph: fx.GraphModule, images: Images, seed: int) -> None:
    """Set the first convolution to the whitening filters of some images, and keep its weight from being trained.

    Args:
        graph: Network to train, in place.
        images: Images to train on.
        seed: Seed of the choice of images.

    Raises:
        InvalidValueError: The network does not begin with one convolution that has as many filters as there can be.
    """
    layers = first_layers(graph)
    convolution = layers[0] if len(layers) == 1 else None
    if not isinstance(convolution, nn.Conv2d) or convolution.groups != 1:
        raise InvalidValueError("whitening needs a network that begins with one 2D convolution, without groups.")
    filters, directions = len(convolution.weight), convolution.weight[0].numel()
    if filters > 2 * directions or filters % 2:
        raise InvalidValueError(
            f"whitening gives the first convolution an even number of filters, at most {2 * directions} (both signs of "
            f"each direction of its patches); it has {filters}: leave whitening out."
        )
    patches = whitening_filters(images.sample(min(SAMPLE, len(images)), seed), convolution)
    with torch.no_grad():
        convolution.weight.copy_(torch.cat([patches, -patches]))
        if convolution.bias is not None:
            convolution.bias.zero_()
    convolution.weight.requires_grad_(False)


@torch.inference_mode()
def whitening_filters(images: Images, convolution: nn.Conv2d) -> Tensor:
    """Return the filters of the directions of largest variance, `[filters / 2, channels, rows, columns]`, double.

    Args:
        images: Images whose patches are whitened.
        convolution: Convolution with the size, stride and dilation of the patches; padding is left out.
    """
    _, channels, rows, columns = convolution.weight.shape
    size = channels * rows * columns
    moments, count = torch.zeros(size, size, dtype=torch.float64), 0
    for x, _ in images.batches(CHUNK):
        unfolded = F.unfold(
            x.double(), (rows, columns), dilation=convolution.dilation, stride=convolution.stride
        )  # [B, size, places]
        patches = unfolded.transpose(0, 1).flatten(1)
        moments += patches @ patches.T
        count += patches.shape[1]
    variances, vectors = torch.linalg.eigh(moments / count)  # in ascending order
    chosen = torch.arange(size - 1, size - 1 - len(convolution.weight) // 2, -1)
    directions = vectors[:, chosen] * vectors[:, chosen].sum(0).sign()  # eigenvectors have no sign of their own
    filters: Tensor = (directions / (variances[chosen] + SMALLEST).sqrt()).T
    return filters.reshape(-1, channels, rows, columns)
