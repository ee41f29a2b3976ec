import pytest
import torch
from torch import nn

from snnconv.graph.precision import ShiftedDepthwise


@pytest.mark.parametrize("kernel", [1, 3, (3, 5)])
@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
@pytest.mark.parametrize("padding", [0, 1, (2, 1)])
@pytest.mark.parametrize(("dilation", "bias"), [(1, True), (2, False)])
def test_shifted_depthwise_is_the_convolution(kernel, stride, padding, dilation, bias):
    torch.manual_seed(0)
    convolution = nn.Conv2d(
        4, 4, kernel, stride=stride, padding=padding, dilation=dilation, groups=4, bias=bias
    ).double()
    x = torch.randn(2, 4, 11, 13, dtype=torch.float64)
    torch.testing.assert_close(ShiftedDepthwise(convolution)(x), convolution(x), rtol=1e-12, atol=1e-12)
