"""AP50 of a detector beside its spiking form: python detector_ap50.py fastestdet.onnx coco128.

The folder holds images in the network's size, and boxes.csv: file, class, cx, cy, w, h, shares of the image. An output
is [5 + classes, H, W] a sample, as FastestDet has it: objectness o, offsets of a box (before tanh), its sides (before
sigmoid), classes c. Every class of a cell is a detection, of score o^0.6 c^0.4.
"""

import csv
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from PIL import Image

import snnconv


def corners(cx, cy, w, h):
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1)


def overlaps(box, boxes):
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = sides.clip(0).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared)


def detections(output, label, threshold=0.05, most_overlap=0.45):
    """Scores and boxes of a class in one sample, the surest first; what overlaps a surer one is suppressed."""
    scores = output[0].clip(0) ** 0.6 * output[5 + label].clip(0) ** 0.4
    (y, x), (height, width) = np.nonzero(scores > threshold), scores.shape
    dx, dy, *sides = output[1:5, y, x]
    boxes = corners((x + np.tanh(dx)) / width, (y + np.tanh(dy)) / height, *1 / (1 + np.exp(-np.stack(sides))))
    scores, left = scores[y, x], np.argsort(-scores[y, x])
    while len(left):
        yield scores[left[0]], boxes[left[0]]
        left = left[1:][overlaps(boxes[left[0]], boxes[left[1:]]) <= most_overlap]


def average_precision(outputs, label, truth):
    """Mean precision at 101 recalls, of a class whose boxes are [n, 4] by sample."""
    free = {sample: list(boxes) for sample, boxes in truth.items()}
    every = [(*found, sample) for sample, output in enumerate(outputs) for found in detections(output, label)]
    hits = []
    for _, box, sample in sorted(every, key=lambda detection: -detection[0]):
        shares = overlaps(box, np.array(free.get(sample) or [[2, 2, 2, 2]]))
        hits.append(shares.max() >= 0.5)
        if hits[-1]:
            free[sample].pop(shares.argmax())
    found = np.cumsum(hits)
    precision = np.append(np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1], 0)
    return precision[np.searchsorted(found / sum(map(len, truth.values())), np.linspace(0, 1, 101))].mean()


@click.command(help=__doc__)
@click.argument("network")
@click.argument("folder", type=Path)
@click.option("--timesteps", default=4)
@click.option("--coupling", default="differential")
def main(network, folder, timesteps, coupling):
    rows = list(csv.DictReader((folder / "boxes.csv").read_text().splitlines()))
    files = sorted({row["file"] for row in rows})
    images = [np.asarray(Image.open(folder / file).convert("RGB"), np.float32) / 255 for file in files]
    x = np.stack(images)[..., ::-1].transpose(0, 3, 1, 2).copy()  # blue, green, red
    truth = defaultdict(lambda: defaultdict(list))
    for row in rows:
        box = corners(*(float(row[name]) for name in ("cx", "cy", "w", "h")))
        truth[int(row["class"])][files.index(row["file"])].append(box)

    def ap50(outputs, labels):
        (output,) = outputs.values()
        return 100 * np.mean([average_precision(output, label, boxes) for label, boxes in truth.items()])

    ann = snnconv.load(network)
    snn = snnconv.convert(ann, timesteps=timesteps, coupling=coupling, calibration_data=x)
    result = snnconv.evaluate(snn, x, against=ann, metrics={"AP50": ap50}, precision="float32", activity_images=0)
    print(f"AP50 over {len(truth)} classes: ANN {result.against_metrics['AP50']:.1f}, SNN {result.metrics['AP50']:.1f}")


if __name__ == "__main__":
    main()
