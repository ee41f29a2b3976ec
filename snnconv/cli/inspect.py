"""`snnconv inspect`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from snnconv.cli.conversion_output import applied_once
from snnconv.cli.input_options import input_options, load_model, nir_options
from snnconv.cli.options import examples, json_option, pretrained_option, refuse_pretrained
from snnconv.cli.output import filled_columns, print_json, print_line, print_table
from snnconv.errors import grouped


@click.command(
    epilog=examples("snnconv inspect resnet18.onnx", "snnconv inspect timm:mobilenetv2_100 --no-pretrained --json")
)
@click.argument("source")
@click.option(
    "--coupling",
    type=click.Choice(["mean", "causal", "differential"]),
    default="mean",
    show_default=True,
    help="Coupling of the planned conversion.",
)
@pretrained_option(default=True)
@input_options
@nir_options
@json_option
def inspect(source: str, coupling: str, as_json: bool, **options: Any) -> None:
    """Show what is in SOURCE (an ONNX file, or timm:NAME), and whether it converts."""
    from snnconv.evaluation import inspect as run
    from snnconv.neurons import Coupling

    refuse_pretrained(source)
    inspection = run(load_model(source, options), Coupling(coupling))
    values = inspection.to_dict()
    if as_json:
        print_json(values)
        return
    _print_layers(source, values)
    _print_sites(inspection.labels, values)
    if values["on_means"]:
        print_line(applied_once(values["on_means"], inspection.model.graph))
    if inspection.plan.unsupported:
        print_table(
            "Nodes that cannot be converted",
            ("operator", "nodes", "first", "why"),
            [
                (group.operator, len(group.nodes), group.nodes[0].name, group.reason)
                for group in grouped(inspection.plan.unsupported)
            ],
        )
    print_line(values["verdict"])


def _print_layers(source: str, values: dict[str, Any]) -> None:
    """Print the network's input and outputs, and a table of its layers.

    Args:
        source: Network as the user named it.
        values: Inspection of it, as `Inspection.to_dict` returns it.
    """
    shape = " x ".join(str(size) for size in values["input_shape"])
    print_table(
        f"{source}: {values['stage']}, input {shape} ({values['layout']}), outputs {', '.join(values['outputs'])}, "
        f"{values['parameters']:,} parameters, {values['macs']:,} multiply-accumulates",
        ("layer", "operator", "output", "parameters", "MACs"),
        [
            (
                layer["name"],
                layer["operator"] if layer["role"] is None else f"{layer['operator']} ({layer['role']})",
                "x".join(map(str, layer["shape"])),
                layer["parameters"],
                layer["macs"],
            )
            for layer in values["layers"]
        ],
    )


def _print_sites(labels: Sequence[str], values: dict[str, Any]) -> None:
    """Print a table of the network's sites; columns without a value are left out.

    Args:
        labels: Labels of the sites, in the order of execution.
        values: Inspection of the network, as `Inspection.to_dict` returns it.
    """
    rows = [
        (
            label,
            site["operator"],
            "x".join(map(str, site["shape"])),
            site["ceilings"] or None,
            site["total_levels"],
            site["octaves"],
        )
        for label, site in zip(labels, values["sites"], strict=True)
    ]
    print_table(
        f"{len(values['sites'])} sites",
        *filled_columns(("site", "operator", "output", "ceilings", "N", "K"), rows),
    )
