"""Phase picks of seismograms beside those of the spiking form: python phase_picks.py phasenet.onnx waveforms.npz.

The file holds x [n, 3, samples], and p and s [n], the sample at which each phase arrives; outside of x it is not in the
window. An output is [3, samples], as PhaseNet has it: noise, P and S at every sample, before softmax.
"""

import click
import numpy as np

import snnconv


def picked(logits, phase, arrivals, tolerance=10):
    """Percentage of the arrivals in the window that the phase's largest share is near, in samples."""
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    inside = (arrivals >= 0) & (arrivals < logits.shape[2])
    distance = np.abs(shares[inside, phase].argmax(1) - arrivals[inside])
    return 100 * np.mean(distance <= tolerance)


@click.command(help=__doc__)
@click.argument("network")
@click.argument("waveforms")
@click.option("--timesteps", default=4)
@click.option("--coupling", default="differential")
@click.option("--tolerance", default=10, help="In samples: 10 are 0.1 s at 100 a second.")
def main(network, waveforms, timesteps, coupling, tolerance):
    arrays = np.load(waveforms)

    def metric(phase, arrivals):
        def share(outputs, labels):
            (logits,) = outputs.values()
            return picked(logits, phase, arrivals, tolerance)

        return share

    ann = snnconv.load(network)
    x = arrays["x"].astype(np.float32)
    snn = snnconv.convert(ann, timesteps=timesteps, coupling=coupling, calibration_data=x)
    metrics = {"P": metric(1, arrays["p"]), "S": metric(2, arrays["s"])}
    result = snnconv.evaluate(snn, x, against=ann, metrics=metrics, precision="float32", activity_images=0)
    for phase, share in result.metrics.items():
        print(f"{phase} picked: ANN {result.against_metrics[phase]:.1f} %, SNN {share:.1f} %")


if __name__ == "__main__":
    main()
