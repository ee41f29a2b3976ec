"""The ablation that the methods' papers claim: same network, data, budget and seeds, T=2, L=1 and L=2.

    python -m benchmarks.ablation ../shared --lines ablation.jsonl --output benchmarks/results/ablation.json

A ResNet-8 of width 8 on a part of CIFAR-10 at 16 x 16 pixels, trained from scratch; accuracy on images 45000..49999
after the last epoch.
"""

from __future__ import annotations

from typing import Any

from benchmarks.cifar import MEAN, STD, held_out, training
from benchmarks.grid import arguments, run_grid, summary, write_report

TIMESTEPS = 2
SIZE = 16
IMAGES, EPOCHS = 10_000, 10
SETTINGS: dict[str, Any] = {"batch_size": 64, "lr": 0.05, "weight_decay": 5e-4, "warmup_epochs": 1}
NEURONS: dict[str, dict[str, Any]] = {
    "IF, hard reset": {"kind": "if", "reset": "hard"},
    "IF, soft reset": {"kind": "if"},
    "IF, soft reset + MPR": {"kind": "if", "mpr": True},
    "IF, soft reset + RMP-Loss": {"kind": "if", "rmp_loss": 0.1},
    "MLF": {"kind": "mlf"},
    "M-HT": {"kind": "mht"},
    "LM-HT, v_0 = 0": {"kind": "lmht", "initial": 0.0},
    "LM-HT": {"kind": "lmht"},
}


def main() -> None:
    """Run every training that is not done yet, and print the table."""
    given = arguments(__doc__, (0, 1, 2)).parse_args()
    images, epochs = given.images or IMAGES, given.epochs or EPOCHS

    def run(case: dict[str, Any]) -> dict[str, Any]:
        import snnconv
        from snnconv.data import describe_data, open_data
        from snnconv.finetune import TrainSettings, build_network, train
        from snnconv.neurons import NeuronSettings

        choices = dict(NEURONS[case["neuron"]])
        rmp_loss = choices.pop("rmp_loss", 0.0)
        neuron = NeuronSettings(**choices, timesteps=TIMESTEPS, levels=case["levels"])
        settings = TrainSettings(neuron=neuron, epochs=epochs, seed=case["seed"], rmp_loss=rmp_loss, **SETTINGS)
        data = training(given.shared, images)
        network = build_network(
            "zoo:resnet8-w8",
            describe_data(data, purpose="train"),
            size=SIZE,
            resize=SIZE,
            mean=MEAN,
            std=STD,
            seed=case["seed"],
        )
        log: list[Any] = []
        snn = train(network, open_data(data, network.input, purpose="train"), settings, on_epoch=log.append)
        found = snnconv.evaluate(snn, held_out(given.shared), precision="float32", activity_images=256)
        spikes = sum(site.spikes_per_image or 0.0 for site in found.sites)
        return {"accuracy": found.accuracy, "spikes_per_image": spikes, "loss": log[-1].loss}

    cases = [
        {"neuron": neuron, "levels": levels, "seed": seed}
        for seed in given.seeds
        for levels in (1, 2)
        for neuron in NEURONS
    ]
    budget = {
        **SETTINGS,
        "timesteps": TIMESTEPS,
        "images": images,
        "epochs": epochs,
        "network": "zoo:resnet8-w8",
        "size": SIZE,
    }
    rows = run_grid(given, cases, run, budget)
    table = summary(rows, ("neuron", "levels"), "accuracy")
    for line in table:
        deviation = line["standard_deviation"]
        print(f"{line['neuron']:28} L={line['levels']}  {line['mean']:.2f} +- {deviation or float('nan'):.2f}")
    write_report(given, budget, rows, summary=table)


if __name__ == "__main__":
    main()
