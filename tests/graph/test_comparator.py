"""The judge itself: it must see a wrong scale, a wrong shape, and an empty comparison."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_oracle import TOLERANCE, assert_close

VALUES = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)


def test_equal_values_pass() -> None:
    assert_close([VALUES], [VALUES.copy()])


@pytest.mark.parametrize(
    "wrong",
    [VALUES * (1 + 3 * TOLERANCE), VALUES * 2, -VALUES, VALUES + 1e-3, VALUES[:1], VALUES.T, VALUES * np.nan],
)
def test_wrong_values_fail(wrong: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        assert_close([wrong], [VALUES])


def test_comparing_nothing_fails() -> None:
    with pytest.raises(AssertionError):
        assert_close([], [])
    with pytest.raises(AssertionError):
        assert_close([VALUES[:0]], [VALUES[:0]])
