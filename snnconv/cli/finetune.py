"""`snnconv finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.input_options import input_options, load_model, warn_of_unknown_pixels
from snnconv.cli.options import examples, json_option, output_path, refuse, require, seed_option
from snnconv.cli.training_options import (
    data_options,
    loop_options,
    own_options,
    refuse_idle,
    resume_option,
)
from snnconv.cli.training_run import carry_out, is_main_process, tell_finished
from snnconv.finetune.settings import FinetuneSettings


@click.command(
    epilog=examples(
        "snnconv finetune resnet18-snn.onnx --data cifar10:DIR --epochs 3",
        "snnconv finetune resnet18-snn.onnx --data cifar10:DIR --distill resnet18.onnx --distill-features 0.1",
        "snnconv finetune resnet18-snn.onnx --data cifar10:DIR --timesteps 2 --levels 2 --rmp-loss 0.1 --mpr",
    )
)
@click.argument("source")
@data_options
@own_options(FinetuneSettings)
@loop_options(FinetuneSettings)
@resume_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: NAME-tuned.onnx here]")
@input_options
@seed_option
@json_option
def finetune(source: str, output: Path | None, **options: Any) -> None:
    """Train SOURCE, the ONNX file of a spiking network, further, as it spikes."""
    from snnconv.finetune import RunFiles
    from snnconv.finetune import finetune as run

    require(
        not source.startswith("timm:"),
        f"{source} is an ANN, and only an SNN is fine-tuned: convert it first, or train it with `train`.",
    )
    target = output_path(output, source, "-tuned", options)
    refuse_idle(options)
    if options["timesteps"] is None and options["levels"] is None:
        refuse(("calibration_images",), "ceilings are calibrated where T or L changes; give --timesteps or --levels")
    settings = FinetuneSettings.chosen(options)
    files = RunFiles.beside(target, resume=options["resume"])
    if files.is_finished(target):
        tell_finished(target, settings, files.metrics, source, as_json=options["as_json"])
        return
    if is_main_process():
        files.check()
    model = load_model(source, options, options["data"])
    warn_of_unknown_pixels(model)
    carry_out(run, model, settings, files, target, source, options)
