"""Deeper spiking networks: DS-ResNet against the plain ResNet of the same depth and width, with the same neurons.

    python -m benchmarks.depth ../shared --lines depth.jsonl --output benchmarks/results/depth.json

MLF neurons, T=2, on a part of CIFAR-10 at 16 x 16 pixels, from scratch; loss on the training images and accuracy on
images 45000..49999 after the last epoch. A network degrades where a deeper one learns its own training images worse.
"""

from __future__ import annotations

from typing import Any

from benchmarks.cifar import MEAN, STD, held_out, training
from benchmarks.grid import arguments, run_grid, summary, write_report

TIMESTEPS = 2
DEPTHS = (14, 32, 68)
SIZE = 16
IMAGES, EPOCHS = 5_000, 10
SETTINGS: dict[str, Any] = {
    "batch_size": 64,
    "lr": 0.1,
    "weight_decay": 1e-4,
    "scheduler": "cosine",
    "warmup_epochs": 1,
}
KINDS = {"plain": "resnet", "DS": "ds-resnet"}


def main() -> None:
    """Run every training that is not done yet, and print the table."""
    given = arguments(__doc__, (0,)).parse_args()
    images, epochs = given.images or IMAGES, given.epochs or EPOCHS

    def run(case: dict[str, Any]) -> dict[str, Any]:
        import snnconv
        from snnconv.data import describe_data, open_data
        from snnconv.finetune import TrainSettings, build_network, train
        from snnconv.neurons import NeuronSettings

        neuron = NeuronSettings("mlf", timesteps=TIMESTEPS)
        settings = TrainSettings(neuron=neuron, epochs=epochs, seed=case["seed"], **SETTINGS)
        data = training(given.shared, images)
        network = build_network(
            f"zoo:{KINDS[case['kind']]}{case['depth']}-w8",
            describe_data(data, purpose="train"),
            size=SIZE,
            resize=SIZE,
            mean=MEAN,
            std=STD,
            seed=case["seed"],
        )
        log: list[Any] = []
        snn = train(network, open_data(data, network.input, purpose="train"), settings, on_epoch=log.append)
        found = snnconv.evaluate(snn, held_out(given.shared), precision="float32", activity_images=0)
        return {"accuracy": found.accuracy, "training_accuracy": 100 * log[-1].accuracy, "loss": log[-1].loss}

    cases = [{"kind": kind, "depth": depth, "seed": seed} for seed in given.seeds for depth in DEPTHS for kind in KINDS]
    budget = {**SETTINGS, "timesteps": TIMESTEPS, "images": images, "epochs": epochs, "neuron": "mlf", "width": 8}
    budget["size"] = SIZE
    rows = run_grid(given, cases, run, budget)
    table = summary(rows, ("kind", "depth"), "accuracy")
    for line in table:
        print(f"{line['kind']:6} {line['depth']:3}  {line['mean']:.2f} ({line['seeds']} seeds)")
    write_report(given, budget, rows, summary=table)


if __name__ == "__main__":
    main()
