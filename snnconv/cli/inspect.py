"""`snnconv inspect`."""

from __future__ import annotations

from typing import Any

import click

from snnconv.cli.conversion_output import applied_once
from snnconv.cli.options import (
    examples,
    input_options,
    json_option,
    load_model,
    nir_options,
    pretrained_option,
    refuse_pretrained,
)
from snnconv.cli.output import filled_columns, print_json, print_line, print_table
from snnconv.errors import grouped


@click.command(
    epilog=examples("snnconv inspect resnet18.onnx", "snnconv inspect timm:mobilenetv2_100 --no-pretrained --json")
)
@click.argument("source")
@click.option(
    "--coupling",
    type=click.Choice(["mean", "causal"]),
    default="mean",
    show_default=True,
    help="Of the plan.",
)
@pretrained_option(default=True)
@input_options
@nir_options
@json_option
def inspect(source: str, coupling: str, as_json: bool, **options: Any) -> None:
    """Show what is in SOURCE (an ONNX file, or timm:NAME), and whether it converts."""
    from snnconv.evaluation import inspect as run
    from snnconv.neurons import Coupling
    from snnconv.spiking.site_labels import site_labels

    refuse_pretrained(source)
    inspection = run(load_model(source, options), Coupling(coupling))
    found = inspection.to_dict()
    if as_json:
        print_json(found)
        return
    shape = " x ".join(str(size) for size in found["input_shape"])
    print_table(
        f"{source}: {found['stage']}, input {shape} ({found['layout']}), outputs {', '.join(found['outputs'])}, "
        f"{found['parameters']:,} parameters, {found['macs']:,} multiply-accumulates",
        ("layer", "operator", "output", "parameters", "MACs"),
        [
            (
                layer["name"],
                layer["operator"],
                "x".join(map(str, layer["shape"])),
                layer["parameters"],
                layer["macs"],
            )
            for layer in found["layers"]
        ],
    )
    print_table(
        f"{len(found['sites'])} sites",
        *filled_columns(
            ("site", "operator", "output", "ceilings", "N"),
            [
                (
                    label,
                    site["operator"],
                    "x".join(map(str, site["shape"])),
                    site["ceilings"] or None,
                    site["total_levels"],
                )
                for label, site in zip(site_labels(inspection.model.graph), found["sites"], strict=True)
            ],
        ),
    )
    if found["on_means"]:
        print_line(applied_once(found["on_means"], inspection.model.graph))
    if inspection.plan.unsupported:
        print_table(
            "Nodes that cannot be converted",
            ("operator", "nodes", "first", "why"),
            [
                (group.operator, len(group.nodes), group.nodes[0].name, group.reason)
                for group in grouped(inspection.plan.unsupported)
            ],
        )
    print_line(found["verdict"])
