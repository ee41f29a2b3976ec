"""Rewrites that keep a graph's outputs. Each names what it requires and ensures, and says whether it did anything."""

from snnconv.graph.passes.absorb_affine import absorb_affine
from snnconv.graph.passes.contract import Pass, Property, guaranteed, run_passes
from snnconv.graph.passes.fold_affine import fold_affine
from snnconv.graph.passes.merge_constants import merge_constants
from snnconv.graph.passes.merge_linear import merge_linear
from snnconv.graph.passes.merge_parallel import merge_parallel
from snnconv.graph.passes.name_attention import name_attention, role_of
from snnconv.graph.passes.recognise_activations import recognise_activations
from snnconv.graph.passes.recognise_groups import recognise_groups
from snnconv.graph.passes.recognise_normalizations import recognise_normalizations
from snnconv.graph.passes.recognise_transposes import recognise_transposes
from snnconv.graph.passes.remove_identities import remove_identities
from snnconv.graph.passes.split_calls import split_calls

__all__ = [
    "MERGE",
    "RECOGNISE",
    "SIMPLIFY",
    "Pass",
    "Property",
    "absorb_affine",
    "fold_affine",
    "guaranteed",
    "merge_constants",
    "merge_linear",
    "merge_parallel",
    "name_attention",
    "recognise_activations",
    "recognise_groups",
    "recognise_normalizations",
    "recognise_transposes",
    "remove_identities",
    "role_of",
    "run_passes",
    "split_calls",
]

# What every import ends with: one module in the place of each formula that a file writes operator by operator.
RECOGNISE = (
    recognise_transposes,
    recognise_activations,
    recognise_normalizations,
    recognise_groups,
    name_attention,
)

# What every conversion runs.
SIMPLIFY = (split_calls, remove_identities, merge_constants, fold_affine, absorb_affine)

# What makes fewer layers of several, on request. One merge can make way for another: repeat until nothing changes.
MERGE = (*SIMPLIFY, merge_parallel, fold_affine, absorb_affine, merge_linear)
