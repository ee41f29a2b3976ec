"""Ceilings and biases as `bias` finds them, then moved by gradient, block by block (see `reconstruct.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, CalibrationJob, Refined
from snnconv.convert.calibration.methods.bias import CorrectedBias

if TYPE_CHECKING:
    from snnconv.model import QuantizedANN

__all__ = ["Reconstruction"]


@METHODS.register("reconstruct")
class Reconstruction(CorrectedBias):
    """Bias correction, then reconstruction."""

    summary = "the same, then ceilings and biases by gradient, block by block"
    place = 6
    options = frozenset({"reconstruct_weights", "epochs"})

    def refine(self, job: CalibrationJob, quantized: QuantizedANN) -> Refined:
        """Return the network after its reconstruction, whose finished blocks `job.keep` holds while it runs."""
        from snnconv.convert.calibration.progress_file import ProgressFile, fingerprint
        from snnconv.convert.calibration.reconstruct import EPOCHS, reconstruct

        epochs, weights = job.settings.epochs or EPOCHS, job.settings.reconstruct_weights
        file = None
        if job.keep is not None:
            tensors = [*job.ann.graph.state_dict().values(), *quantized.graph.state_dict().values(), *job.batches]
            choices = {"epochs": epochs, "weights": weights, "seed": job.seed}
            file = ProgressFile(job.keep, fingerprint(tensors, choices))
        model, blocks = reconstruct(
            job.ann,
            quantized,
            job.batches,
            epochs=epochs,
            weights=weights,
            seed=job.seed,
            file=file,
            progress=job.progress,
        )
        return Refined(model, epochs, blocks)
