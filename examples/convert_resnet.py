"""Convert an ONNX network to a spiking one: python convert_resnet.py resnet18.onnx imagefolder:photos."""

import sys

import snnconv

network, images = sys.argv[1:3]
ann = snnconv.load(network)
snn = snnconv.convert(ann, timesteps=4, levels=4, calibration_data=images)
snnconv.save(snn, "snn.onnx")
result = snnconv.evaluate(snn, images, against=ann)
print(f"same arg-max on {result.agreement:.1f} % of {result.images} images")
