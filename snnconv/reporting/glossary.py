"""The terms that a page explains."""

from __future__ import annotations

from collections.abc import Container

__all__ = ["GLOSSARY", "glossary_of"]

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("plain network (ANN)", "A network of ordinary activations such as ReLU: it has no levels and no time."),
    ("quantized network", "A network whose activations take one of N + 1 values each. It has no time."),
    ("site", "An activation of the network that became a layer of neurons, or can become one."),
    (
        "T, L, N",
        "T is the number of time steps, L the number of levels that a neuron can fire in one step. N = L x T is the "
        "number of values above zero that a neuron can take over its window. A figure belongs to all three together.",
    ),
    (
        "mean coupling",
        "A neuron sees the mean of its whole window before it fires. The network equals its quantized form exactly, "
        "and every layer waits T steps for the layer before it.",
    ),
    (
        "causal coupling",
        "What a neuron fires at step t depends on its input up to step t, as on a streaming chip. No layer waits, but "
        "spikes that come unevenly cost accuracy.",
    ),
    (
        "differential coupling",
        "A neuron tells its readers changes of its value, and takes back what it told too early. No layer waits: the "
        "answer can be read at every step, and gets better with each.",
    ),
    (
        "code, K",
        "The messages under differential coupling. Power-of-two: at most one of ±θ, ±θ/2, … a step, of K sizes; there "
        "are no levels L and N. Uniform: up to L levels of θ a step, of either sign.",
    ),
    (
        "settled, cut",
        "A unit of the uniform code is cut where L was too small for a step: it does not end at the level of the "
        "quantized network. A unit of the power-of-two code has not settled where it would send one more message.",
    ),
    (
        "dead zone",
        "What a neuron of power-of-two messages does not tell, because it is less than the smallest message stands "
        "for.",
    ),
    (
        "standard error ±",
        "How far chance moves a percentage that is measured on a part of all possible inputs, in percentage points. In "
        "19 of 20 cases the true percentage lies within two standard errors. Two networks are compared input by input, "
        "so that a difference can be clear although their two ranges overlap.",
    ),
    ("latency", "Time steps until the output is complete: T, or T for every layer of neurons where layers wait."),
    (
        "ceiling λ, threshold θ",
        "λ is the largest activation that a site can put out. θ = λ/L is the value of one level. Of power-of-two "
        "messages θ is the largest.",
    ),
    ("clipping", "The part of the plain activation that lies above the ceiling, as a share of the mean activation."),
    ("quantization", "The part of the activation that is lost between two levels, which are θ/T apart."),
    (
        "unevenness",
        "The difference between what neurons fire and the quantized activation of their mean current. It comes from "
        "spikes that are early or late, and from a leak, a reset or learned coupling. Under differential coupling it "
        "is what units lack that have not settled.",
    ),
    (
        "membrane potential u",
        "The potential before firing, in units of θ and shifted so that level k is fired from k - 1/2 to k + 1/2. "
        "In training, RMP-Loss and MPR draw it towards the spike values 0, 1, … L.",
    ),
    ("silent, saturated", "Neurons that fire nothing in a whole window, and neurons that fire all N levels."),
    (
        "energy",
        "An estimate from counted operations, not a measurement. One spike of level k counts at each connection that "
        "it reaches: k additions (unary), one addition with a shift for each power of two in k (power-of-two), or one "
        "multiply-accumulate of integers (graded).",
    ),
)


def glossary_of(terms: Container[str]) -> list[tuple[str, str]]:
    """Return the entries of some terms, in the order of the glossary."""
    return [(term, meaning) for term, meaning in GLOSSARY if term in terms]
