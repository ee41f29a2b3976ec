"""N-MNIST from event frames: train on the 1,000 recordings, test on the 100.

python -m benchmarks.events ../shared --lines events.jsonl --output benchmarks/results/events.json
"""

from __future__ import annotations

from typing import Any

from benchmarks.grid import arguments, run_grid, summary, write_report

TIMESTEPS = 4
EPOCHS = 25
SETTINGS: dict[str, Any] = {
    "batch_size": 16,
    "optimizer": "adamw",
    "lr": 5e-3,
    "weight_decay": 5e-4,
    "warmup_epochs": 1,
}
NEURONS: dict[str, dict[str, Any]] = {
    "lif": {"kind": "lif", "decay": 0.5},
    "mlf": {"kind": "mlf"},
    "lmht, v_0 = 0": {"kind": "lmht", "initial": 0.0},
    "lmht": {"kind": "lmht"},
}


def main() -> None:
    """Run every training that is not done yet, and print the table."""
    given = arguments(__doc__, (0, 1, 2)).parse_args()
    epochs = given.epochs or EPOCHS
    data = f"events:{given.shared / 'data' / 'nmnist_small.npz'}"

    def run(case: dict[str, Any]) -> dict[str, Any]:
        import snnconv
        from snnconv.data import describe_data, open_data
        from snnconv.finetune import TrainSettings, build_network, train
        from snnconv.neurons import NeuronSettings

        settings = TrainSettings(
            neuron=NeuronSettings(**NEURONS[case["neuron"]], timesteps=TIMESTEPS),
            epochs=epochs,
            seed=case["seed"],
            **SETTINGS,
        )
        info = describe_data(data, purpose="train")
        network = build_network("zoo:resnet8-w8", info, timesteps=TIMESTEPS, seed=case["seed"])
        log: list[Any] = []
        snn = train(network, open_data(data, network.input, purpose="train"), settings, on_epoch=log.append)
        found = snnconv.evaluate(snn, data, precision="float32")
        return {"accuracy": found.accuracy, "accuracy_at": found.accuracy_at, "loss": log[-1].loss}

    cases = [{"neuron": neuron, "seed": seed} for seed in given.seeds for neuron in NEURONS]
    budget = {**SETTINGS, "timesteps": TIMESTEPS, "epochs": epochs, "network": "zoo:resnet8-w8"}
    rows = run_grid(given, cases, run, budget)
    table = summary(rows, ("neuron",), "accuracy")
    for line in table:
        print(f"{line['neuron']:6} {line['mean']:.1f} +- {line['standard_deviation'] or float('nan'):.1f}")
    write_report(given, budget, rows, summary=table)


if __name__ == "__main__":
    main()
