"""Accuracy of a keyword spotter beside its spiking form: python keyword_accuracy.py kws.onnx keywords.npz.

The file holds x_int8 [n, 1, frames, coefficients], scale and zero_point, and the classes y [n]; the network takes
(x_int8 - zero_point) * scale.
"""

import click
import numpy as np

import snnconv


@click.command(help=__doc__)
@click.argument("network")
@click.argument("keywords")
@click.option("--timesteps", default=4)
@click.option("--coupling", default="differential")
def main(network, keywords, timesteps, coupling):
    arrays = np.load(keywords)
    x = (arrays["x_int8"].astype(np.float32) - arrays["zero_point"].astype(np.float32)) * arrays["scale"]
    y = arrays["y"].astype(np.int64)
    ann = snnconv.load(network)
    snn = snnconv.convert(ann, timesteps=timesteps, coupling=coupling, calibration_data=x)
    result = snnconv.evaluate(snn, (x, y), against=ann, precision="float32", activity_images=0)
    print(f"accuracy: ANN {result.against_accuracy:.1f} %, SNN {result.accuracy:.1f} %")
    print(f"same keyword on {result.agreement:.1f} % of {result.images} samples")


if __name__ == "__main__":
    main()
