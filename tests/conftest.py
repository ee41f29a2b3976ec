"""Fixtures for all tests.

One thread computes: tiny networks are faster so, and sums are rounded alike in every process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is first imported: before any other conftest


def pytest_configure() -> None:
    """Before any test or fixture; a process that a test starts takes it from the environment."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    import snnconv.operators  # noqa: F401 - tests import graphs without the door of loading


@pytest.fixture(autouse=True)
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """All threads for the real networks of ../shared."""
    real = request.node.get_closest_marker("shared") is not None
    torch.set_num_threads(os.cpu_count() or 1 if real else 1)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real networks and data; tests that need it are marked `shared`."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent: real networks and data are needed for this test")
    return folder
