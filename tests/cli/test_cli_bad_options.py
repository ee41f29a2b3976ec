"""Options outside what is allowed: one message, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CONVERT = ("convert", "net.onnx")
DIFFERENTIAL = ("--coupling", "differential")
EVALUATE = ("evaluate", "net.onnx", "--data", "npz:data.npz")
TRAIN = ("train", "--model", "net.onnx", "--data", "npz:data.npz", "--epochs", "1")


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", "nan", "99999999999999999999"])
@pytest.mark.parametrize("option", ["--timesteps", "-T", "--levels", "-L"])
def test_time_steps_and_levels(option: str, value: str, refused: Callable[..., str]) -> None:
    assert option in refused(*CONVERT, option, value)


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        (CONVERT, "--calibration-images", "0"),
        (CONVERT, "--seed", "-1"),
        (CONVERT, "--seed", "99999999999999999999"),
        (CONVERT, "--coupling", "men"),
        (EVALUATE, "--limit", "0"),
        (EVALUATE, "--precision", "float16"),
        (TRAIN, "--epochs", "0"),
        (TRAIN, "--batch-size", "0"),
        (TRAIN, "--total-levels", "0"),
        (TRAIN, "--total-levels", "99999999999999999999"),
        (TRAIN, "--lr", "0"),
        (TRAIN, "--lr", "nan"),
        (TRAIN, "--lr", "inf"),
        (TRAIN, "--momentum", "1"),
        (TRAIN, "--weight-decay", "-1"),
        (TRAIN, "--warmup-epochs", "1"),
        (TRAIN, "--initial-ceiling", "0"),
        (TRAIN, "--label-smoothing", "1"),
        (TRAIN, "--optimizer", "sdg"),
        (TRAIN, "--scheduler", "cosin"),
    ],
)
def test_other_numbers_and_choices(
    command: tuple[str, ...], option: str, value: str, refused: Callable[..., str]
) -> None:
    said = refused(*command, option, value)
    assert option in said or option.strip("-").replace("-", "_") in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--octaves", 4), "octaves is 4, and the coupling is mean"),
        (("--coupling", "causal", "--code", "uniform"), "code is 'uniform', and the coupling is causal"),
        ((*DIFFERENTIAL, "--code", "uniform", "--octaves", 4), "take --code power-of-two"),
        ((*DIFFERENTIAL, "--code", "uniform", "-T", 1), "Take --timesteps 2 or more"),
        ((*DIFFERENTIAL, "--octaves", 17), "1<=x<=16"),
        ((*DIFFERENTIAL, "--levels", 4), "power-of-two messages have no levels"),
        ((*DIFFERENTIAL, "--total-levels", "auto:8"), "power-of-two messages have no levels"),
        ((*DIFFERENTIAL, "--budget-accuracy", 99), "Power-of-two messages have no levels"),
        ((*DIFFERENTIAL, "--calibration", "bias"), "leave --calibration out"),
        ((*DIFFERENTIAL, "--reconstruct-weights"), "which power-of-two messages have not"),
        ((*DIFFERENTIAL, "--reconstruct-epochs", 2), "which power-of-two messages have not"),
        ((*DIFFERENTIAL, "--neuron", "lif"), "leave --neuron out"),
    ],
)
def test_choices_of_another_coupling_or_code(
    options: tuple[str | int, ...], said: str, refused: Callable[..., str]
) -> None:
    assert said in " ".join(refused(*CONVERT, "--calibration-data", "npz:data.npz", *options).split())


@pytest.mark.parametrize("command", [("inspect", "net.onnx"), CONVERT, EVALUATE, TRAIN])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--mean", "0.1,0.2", "mean has 2 values (0.1, 0.2), the network has 3 input channels"),
        ("--mean", "nan", "must be finite"),
        ("--mean", "grey", "is not a list of numbers"),
        ("--mean", "", "is not a list of numbers"),
        ("--std", "0", "must be above 0"),
        ("--std", "1,1,-1", "must be above 0"),
        ("--size", "0", "'0' is no size: give N, or height and width H,W, of at least 1"),
        ("--size", "8,-1", "is no size"),
        ("--size", "8,8,8", "is no size"),
        ("--size", "wide", "is no size"),
        ("--resize", "-3", "--resize"),
    ],
)
def test_input(command: tuple[str, ...], option: str, value: str, said: str, refused: Callable[..., str]) -> None:
    assert said in refused(*command, option, value)


def test_a_size_that_the_images_do_not_have(refused: Callable[..., str]) -> None:
    for command in ((*CONVERT, "--calibration-data", "npz:data.npz"), EVALUATE, TRAIN):
        assert "The image is 8 x 8 pixels (height x width), the network takes 9 x 9" in refused(*command, "--size", 9)


def test_more_memory_than_there_is(refused: Callable[..., str]) -> None:
    # Refused by the allocator at once: 256 images of 3 x 100,000 x 100,000.
    assert "Not enough memory" in refused(*CONVERT, "--size", 100_000)


@pytest.mark.parametrize("command", [CONVERT, TRAIN])
class TestOutputPath:
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("missing/out.onnx", "the folder missing does not exist"),
            (".", "is a folder: name a file"),
            ("data.npz/out.onnx", "cannot be written"),
            ("/proc/out.onnx", "cannot be written"),
            ("/dev/null", "no regular file"),
            ("o" * 300, "File name too long"),
        ],
    )
    def test_cannot_be_written(
        self, command: tuple[str, ...], path: str, said: str, refused: Callable[..., str]
    ) -> None:
        assert said in refused(*command, "-o", path)

    @pytest.mark.parametrize("path", ["net.onnx", "./net.onnx", "link.onnx"])
    def test_is_the_network_that_is_read(
        self, command: tuple[str, ...], path: str, here: Path, refused: Callable[..., str]
    ) -> None:
        (here / "link.onnx").symlink_to(here / "net.onnx")
        assert "is a file that is read" in refused(*command, "-o", path)

    def test_is_asked_before_the_work(self, command: tuple[str, ...], refused: Callable[..., str]) -> None:
        broken = [word.replace("net.onnx", "missing.onnx") for word in command]
        assert "the folder missing does not exist" in refused(*broken, "-o", "missing/out.onnx")


@pytest.mark.parametrize("folder", ["missing", "data.npz", "/proc"])
def test_demo_needs_a_folder(folder: str, refused: Callable[..., str]) -> None:
    assert folder in refused("demo", "-o", folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("convrt", "net.onnx"), "convrt"),
        (("inspct", "net.onnx"), "inspct"),
        ((*CONVERT, "--timestps", "4"), "--timesteps"),
        ((*CONVERT, "--calibration-dat", "digits"), "--calibration-data"),
        (("evaluate", "net.onnx"), "'--data'"),
        (("train", "--data", "digits"), "'--model'"),
        (("convert",), "'SOURCE'"),
        ((*CONVERT, "more.onnx"), "unexpected extra argument"),
    ],
)
def test_words_that_are_not_understood(words: tuple[str, ...], said: str, refused: Callable[..., str]) -> None:
    assert said in refused(*words)


TUNE = ("finetune", "net.onnx", "--data", "npz:data.npz")


@pytest.mark.parametrize("command", [TRAIN, TUNE])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--distill-logits", "2"), "--distill-logits: there is no teacher; give --distill FILE"),
        (("--distill-temperature", "2"), "--distill-temperature: there is no teacher"),
        (("--distill-features", "0"), "--distill-features: there is no teacher"),
        (("--rmp-sites", "all"), "--rmp-sites: there is no RMP-Loss; give --rmp-loss K"),
        (("--step-epochs", "2", "--step-rate", "0.5"), "--step-epochs, --step-rate: only --scheduler step has steps"),
        (("--no-augment", "--shift", "1", "--flips", "alternating"), "--shift, --flips: --no-augment leaves shifts"),
        (("--optimizer", "adamw", "--momentum", "0.5"), "--momentum: adamw has momenta of its own"),
    ],
)
def test_options_that_nothing_would_read(
    command: tuple[str, ...], options: tuple[str, ...], said: str, refused: Callable[..., str]
) -> None:
    assert said in refused(*command, *options)


def test_calibration_images_without_a_calibration(refused: Callable[..., str]) -> None:
    assert "give --timesteps or --levels" in refused(*TUNE, "--calibration-images", "64")


def test_only_train_starts_from_random_weights() -> None:
    from snnconv.cli import cli

    defaults = {
        name: option.default
        for name, verb in cli.commands.items()
        for option in verb.params
        if option.name == "pretrained"
    }
    assert defaults.pop("train") is False
    assert set(defaults.values()) == {True}
    assert {"convert", "evaluate", "inspect"} <= defaults.keys()


@pytest.mark.parametrize("command", [CONVERT, EVALUATE, TRAIN, ("inspect", "net.onnx")])
@pytest.mark.parametrize("flag", ["--pretrained", "--no-pretrained"])
def test_weights_to_choose_are_timms(command: tuple[str, ...], flag: str, refused: Callable[..., str]) -> None:
    assert f"{flag}: only timm:NAME has trained weights" in refused(*command, flag)


@pytest.mark.parametrize(
    ("command", "option", "kept"),
    [
        (CONVERT, "--calibration-data", "npz:data.npz[:4]"),
        (TRAIN, "--eval-data", "npz:data.npz,data.npz[0:2]"),
        (TRAIN, "--distill", "data.npz"),
        (TUNE, "--eval-data", "npz:other.npz"),
    ],
)
def test_no_file_that_is_read_is_written(
    command: tuple[str, ...], option: str, kept: str, refused: Callable[..., str]
) -> None:
    Path("other.npz").write_bytes(Path("data.npz").read_bytes())
    name = kept.removeprefix("npz:").split("[")[0].split(",")[0]
    assert f"{name} is a file that is read" in refused(*command, option, kept, "-o", name)


def test_a_teacher_that_would_teach_nothing(refused: Callable[..., str]) -> None:
    said = refused(*TRAIN, "--distill", "net.onnx", "--distill-logits", "0")
    assert "the teacher would teach nothing" in said


def test_an_ann_of_timm_is_not_fine_tuned(refused: Callable[..., str]) -> None:
    said = refused("finetune", "timm:resnet18", "--data", "npz:data.npz")
    assert "timm:resnet18 is an ANN, and only an SNN is fine-tuned" in said


def test_weights_of_the_other_network_are_chosen_too(refused: Callable[..., str]) -> None:
    """It gets as far as the name: timm's own networks are too large for a test."""
    said = refused(*EVALUATE, "--against", "timm:resnet", "--no-pretrained")
    assert "timm has no model 'resnet'" in said
