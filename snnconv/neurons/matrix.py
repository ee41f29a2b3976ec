"""The matrix of kinds and capabilities, as a page of the documentation.

python -m snnconv.neurons.matrix > docs/neurons-matrix.md
"""

from __future__ import annotations

import sys

from snnconv.neurons.capabilities import KINDS, NAMES
from snnconv.neurons.forms import NoForm

__all__ = ["MEANINGS", "matrix_page"]

MEANINGS = {  # of every capability, as the rest of a sentence that begins with the kind
    "names": "is named by `--neuron` and trained from scratch",
    "onnx": "is written as an ONNX function, and read again",
    "step": "is written as a file of one time step",
    "integers": "is written into a folder of integers",
    "nir": "is written as a NIR node",
    "int8": "fires 8-bit levels in an ONNX file",
    "engine": "fires integer levels in our own evaluation",
    "collapse": "collapses to a quantized activation",
    "spiking": "becomes neurons when converted",
    "single_threshold": "has a form with one threshold",
    "signed": "fires negative levels",
    "other_coupling": "runs under another coupling",
    "start": "starts where causal calibration finds",
    "other_timesteps": "is fine-tuned at another T",
    "other_levels": "is fine-tuned at another L",
    "become_lmht": "becomes LM-HT in fine-tuning",
    "observed_levels": "shows its membrane potentials",
    "trained": "is trained by gradients",
    "rmp_loss": "trains with RMP-Loss",
    "mpr": "trains with the membrane potential rectifier (MPR)",
    "update": "has a known cost of an update",
    "spikes": "has spikes that are counted",
    "kernels": "has Triton kernels",
    "telling": "tells changes of a value, and can take back",
}

_HEAD = """\
# What each neuron can be

Each row is something that a kind of neuron may be able to do, each column a kind ([neurons](neurons.md) explains them).
A number refers to the reason below the table, which `snnconv` prints where you ask for what a kind cannot be. Names in
code stand for the fields of `snnconv.neurons.Capabilities`. The page is made of what each kind declares, by
`python -m snnconv.neurons.matrix > docs/neurons-matrix.md`.
"""


def matrix_page() -> str:
    """Return the page, in Markdown."""
    kinds = [KINDS[kind] for kind in KINDS if kind.__module__.startswith("snnconv.")]
    reasons: dict[str, int] = {}
    rows = []
    for name in NAMES:
        forms = [getattr(kind, name) for kind in kinds]
        cells = [
            f"[{reasons.setdefault(form.reason, len(reasons) + 1)}]" if isinstance(form, NoForm) else "yes"
            for form in forms
        ]
        rows.append(f"| {MEANINGS[name]} (`{name}`) | {' | '.join(cells)} |")
    head = f"| It ... | {' | '.join(kind.title for kind in kinds)} |\n|{'---|' * (len(kinds) + 1)}"
    notes = "\n".join(f"{number}. {_sentence(reason)}" for reason, number in reasons.items())
    return "\n".join([_HEAD, head, *rows, "", "## Why not", "", notes, ""])


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


if __name__ == "__main__":
    sys.stdout.write(matrix_page())
