from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snnconv.neurons.reduction import sum_of_products

few = settings(max_examples=25, deadline=None)
PARAMETERS = [(), (1,), (1, 1), (3, 1, 1), (1, 3, 1, 1), (4, 5)]


@pytest.mark.parametrize("shape", PARAMETERS)
@few
@given(st.permutations(range(4)), st.permutations(range(4)), st.booleans(), st.integers(0, 2**31))
def test_it_is_the_sum_whatever_the_memory_layout(shape, first, second, same, seed):
    rng = np.random.default_rng(seed)

    def laid_out(order):
        made = torch.tensor(rng.normal(size=(2, 3, 4, 5)))
        back = [order.index(axis) for axis in range(4)]
        return made.permute(*order).contiguous().permute(*back)

    a, b = laid_out(first), laid_out(first if same else second)
    found = sum_of_products(a, b, torch.Size(shape))
    torch.testing.assert_close(found, (a * b).sum_to_size(shape), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", PARAMETERS)
def test_expanded_and_strided_tensors_are_summed_element_by_element(shape):
    """The gradient of a sum is one number expanded; a slice has gaps in memory."""
    rng = np.random.default_rng(0)
    whole = torch.tensor(rng.normal(size=(2, 3, 4, 5)))
    one = torch.tensor(2.0, dtype=torch.float64).expand(2, 3, 4, 5)
    sliced = torch.tensor(rng.normal(size=(2, 6, 4, 5)))[:, ::2]
    for a, b in ((one, whole), (one, one), (sliced, sliced), (sliced, whole)):
        torch.testing.assert_close(sum_of_products(a, b, torch.Size(shape)), (a * b).sum_to_size(shape))
