"""Settings whose fields state help, range and option once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from snnconv.cli.setting_options import setting_options
from snnconv.errors import InvalidValueError
from snnconv.options import Settings, documented, option, options_of, with_default

Colour = Literal["red", "green"]


@documented
@dataclass(frozen=True)
class Lamp(Settings):
    """Settings of a lamp."""

    power_w: float = option(5.0, "Power in watts.", above=0, most=60)
    bulbs: int = option(1, "Number of bulbs.", least=1, names=("-B", "--bulbs"))
    colour: Colour = option("red", "Colour of the light.")
    share: float = option(0.5, "Share of the time that it is on.", least=0, below=1)
    dimmed: bool = option(False, "Half of the power.")
    shade: bool = option(True, "A shade.", names=("--shade/--no-shade",))
    place: str | None = option(None, "Room of the lamp.", otherwise="wherever there is a plug")
    limit: int | None = option(None, "Hours of a day.", most=24, otherwise="no limit")


@documented
@dataclass(frozen=True)
class Torch(Lamp):
    """Settings of a torch."""

    power_w: float = with_default(Lamp, "power_w", 1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"power_w": 0}, "power_w is 0: it must be a finite number above 0 and at most 60"),
        ({"power_w": 60.1}, "power_w is 60.1"),
        ({"power_w": float("nan")}, "power_w is nan"),
        ({"power_w": "5"}, "power_w is '5': it must be a finite number"),
        ({"power_w": True}, "power_w is True"),
        ({"bulbs": 0}, "bulbs is 0: it must be an integer of at least 1"),
        ({"bulbs": 1.0}, "bulbs is 1.0"),
        ({"colour": "blue"}, "colour is 'blue': it must be one of red, green"),
        ({"share": 1}, "share is 1: it must be a finite number of at least 0 and below 1"),
        ({"dimmed": "yes"}, "dimmed is 'yes': it must be true or false"),
        ({"place": 3}, "place is 3: it must be text"),
        ({"limit": 25}, "limit is 25: it must be an integer of at most 24"),
    ],
)
def test_a_value_outside_its_field_is_refused_by_name(values, message):
    with pytest.raises(InvalidValueError, match=message):
        Lamp(**values)


def test_values_at_the_ends_of_a_range():
    assert Lamp(power_w=60, share=0, bulbs=1, limit=24, place="hall").to_dict()["power_w"] == 60
    assert Lamp(limit=None, place=None).limit is None
    with pytest.raises(InvalidValueError, match="bulbs is None"):
        Lamp(bulbs=None)


def test_a_class_that_inherits_changes_a_default_alone():
    assert (Torch().power_w, Lamp().power_w) == (1.0, 5.0)
    with pytest.raises(InvalidValueError, match="power_w is 61"):
        Torch(power_w=61)
    assert list(options_of(Torch)) == list(options_of(Lamp))


def test_the_docstring_tells_of_every_field():
    assert "    power_w: Power in watts. Allowed: a finite number above 0 and at most 60." in Lamp.__doc__
    assert "    place: Room of the lamp. None: wherever there is a plug." in Torch.__doc__
    assert all(f"    {name}: " in Torch.__doc__ for name in options_of(Torch))


@click.command()
@setting_options(Torch, without=("share",))
def command(**values):
    click.echo(repr(Torch.chosen(values)))


def test_options_are_the_fields():
    run = CliRunner().invoke
    assert run(command, []).output == f"{Torch()!r}\n"
    words = [
        "--power-w",
        "2",
        "-B",
        "3",
        "--colour",
        "green",
        "--dimmed",
        "--no-shade",
        "--place",
        "hall",
        "--limit",
        "8",
    ]
    expected = Torch(2.0, 3, "green", dimmed=True, shade=False, place="hall", limit=8)
    assert run(command, words).output == f"{expected!r}\n"
    assert run(command, ["--share", "0.1"]).exit_code == 2


@pytest.mark.parametrize("words", [["--power-w", "0"], ["--bulbs", "0"], ["--colour", "blue"], ["--limit", "25"]])
def test_the_command_line_refuses_what_the_fields_refuse(words):
    ran = CliRunner().invoke(command, words)
    assert ran.exit_code == 2
    assert words[0] in ran.output


def test_the_help_shows_text_default_and_range():
    shown = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "--power-w FLOAT Power in watts. [default: 1.0; 0<x<=60]" in shown
    assert "--place TEXT Room of the lamp. [default: wherever there is a plug]" in shown
    assert "--shade / --no-shade A shade. [default: shade]" in shown
    assert "--colour [red|green] Colour of the light. [default: red]" in shown
