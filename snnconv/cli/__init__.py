"""The command line: one file a verb, parsing and printing only. The work of a verb is in the Python API."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
import warnings
from typing import Any, NoReturn

import click

from snnconv.cli.compare import compare
from snnconv.cli.convert import convert
from snnconv.cli.demo import demo
from snnconv.cli.evaluate import evaluate
from snnconv.cli.export import export
from snnconv.cli.finetune import finetune
from snnconv.cli.inspect import inspect
from snnconv.cli.options import examples
from snnconv.cli.output import accept_any_terminal, print_error, show_warning
from snnconv.cli.report import report
from snnconv.cli.train import train
from snnconv.cli.zoo import zoo
from snnconv.errors import SnnconvError, SnnconvWarning, is_out_of_memory

__all__ = ["cli", "main"]

USER_ERROR = 2
OWN_ERROR = 1
INTERRUPTED = 130
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "snnconv demo                                         see the whole road in a minute",
        "snnconv inspect resnet18.onnx                        what is in it, and whether it converts",
        "snnconv convert resnet18.onnx --timesteps 4 --calibration-data imagefolder:photos",
        "snnconv evaluate resnet18-snn.onnx --data imagefolder:photos --against resnet18.onnx",
        "snnconv report resnet18-snn.onnx --data imagefolder:photos --against resnet18.onnx -o report.html",
    ),
)
@click.version_option(package_name="snnconv")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Turn trained neural networks into spiking neural networks."""


for _command in (compare, convert, demo, evaluate, export, finetune, inspect, report, train, zoo):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; the entry point of `snnconv`.

    Exits with 0, with 2 for a user's mistake, with 1 for a mistake of ours, with 130 when interrupted.
    """
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    accept_any_terminal()
    try:
        _run([word for word in words if word != "--debug"])
    except SnnconvError as error:
        _fail(str(error), USER_ERROR, debug)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        message = str(error.__cause__ or error)  # click turns an interrupt into its Abort
        _fail(message or "interrupted; nothing was written", INTERRUPTED, debug=False)
    except BrokenPipeError:
        _drop_output()
        sys.exit(OWN_ERROR)
    except Exception as error:
        _fail_of(error, debug)


def _run(words: list[str]) -> None:
    """Run one verb, and show our warnings in the place of Python's."""
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        warnings.simplefilter("always", SnnconvWarning)
        command = shlex.join(["snnconv", *words])  # a report tells how it was made
        cli.main(args=words, standalone_mode=False, prog_name="snnconv", obj=command)
        sys.stdout.flush()


def _fail_of(error: Exception, debug: bool) -> NoReturn:
    """Exit after an error that no verb expects: a full disk behind standard output, lack of memory, our own mistake."""
    if isinstance(error, OSError) and error.filename is None and error.errno in NO_SPACE:  # an error of a file names it
        _drop_output()
        reason = f"Standard output cannot be written: {error.strerror}"
        _fail(f"{reason}. Send it elsewhere; files are written whole.", USER_ERROR, debug)
    if is_out_of_memory(error):
        reason = f": {error}".rstrip(" :.")
        _fail(f"Not enough memory{reason}. Take fewer time steps, images or pixels.", USER_ERROR, debug)
    _fail(f"{type(error).__name__}: {error}\nThis is a fault of snnconv; --debug shows where.", OWN_ERROR, debug)


def _drop_output() -> None:
    """Discard the rest of standard output and standard error, which Python would try to write once more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _fail(message: str, code: int, debug: bool) -> NoReturn:
    try:
        if debug:
            traceback.print_exc()
        print_error(message)
    except OSError:  # there is no place to print to
        _drop_output()
    sys.exit(code)
