"""Memory that a training keeps."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from snnconv.finetune.allocation import (
    ADAPTED,
    FIXED,
    M_MMAP_MAX,
    M_MMAP_THRESHOLD,
    M_TRIM_THRESHOLD,
    blocks_kept,
    limits_outside,
)

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
    # something small may take a piece of a block that was given back, once: then another block is brought in
    print(outside, min(faults() for _ in range(4)), kept)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's memory is Linux's")
def test_blocks_are_filled_with_zeros_once():
    ran = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    outside, inside, kept = ran.stdout.split()
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert int(inside) * 10 < int(outside)


AFTERWARDS = """
import resource, torch
from snnconv.finetune.allocation import blocks_kept

def faults():
    torch.ones(5_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(5_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with blocks_kept(torch.device("cpu")) as kept:
    faults()
print(before, faults(), kept)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's memory is Linux's")
def test_blocks_that_were_not_filled_anew_before_are_not_afterwards():
    ran = subprocess.run([sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=True)
    before, after, kept = ran.stdout.split()
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert int(after) < int(before) + 2000  # 20 MB are 4,883 pages


@pytest.mark.parametrize(
    ("environment", "limits"),
    [
        ({}, ADAPTED),
        ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}, ADAPTED),
        ({"MALLOC_TRIM_THRESHOLD_": "4096"}, FIXED | {M_TRIM_THRESHOLD: 4096}),
        (
            {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=7:glibc.malloc.mmap_threshold=9"},
            FIXED | {M_MMAP_MAX: 7, M_MMAP_THRESHOLD: 9},
        ),
        ({"MALLOC_MMAP_MAX_": "many"}, ADAPTED),
    ],
)
def test_limits_are_those_of_the_environment(environment, limits):
    assert limits_outside(environment) == limits


def test_nothing_is_changed_for_another_device():
    with blocks_kept(torch.device("meta")) as kept:
        assert not kept
