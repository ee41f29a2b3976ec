"""Memory that a training keeps."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from snnconv.finetune.allocation import blocks_kept

# Pages that taking and freeing 48 MB three times brings in, before and within `blocks_kept`; a process of its own, for
# others may have changed what its C library keeps.
COUNT = """
import resource, torch
from snnconv.finetune.allocation import blocks_kept

def faults():
    torch.ones(12_000_000), torch.ones(12_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        torch.ones(12_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

outside = faults()
with blocks_kept(torch.device("cpu")) as kept:
    faults()
    print(outside, faults(), kept)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's memory is Linux's")
def test_blocks_are_filled_with_zeros_once():
    ran = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    outside, inside, kept = ran.stdout.split()
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert int(inside) * 10 < int(outside)


def test_nothing_is_changed_for_another_device():
    with blocks_kept(torch.device("meta")) as kept:
        assert not kept
