"""A small network and the digits, built once."""

from __future__ import annotations

import pytest

from snnconv.finetune import build_network
from snnconv.model import Model
from snnconv.zoo import Images, describe_data, open_data


@pytest.fixture(scope="session")
def small_cnn() -> Model:
    return build_network("zoo:small-cnn", describe_data("digits", purpose="train"))


@pytest.fixture(scope="session")
def digits(small_cnn: Model) -> Images:
    return open_data("digits", small_cnn.input, purpose="train")


@pytest.fixture(scope="session")
def few_digits(digits: Images) -> Images:
    return digits.sample(200, seed=0)


@pytest.fixture(scope="session")
def held_out_digits(small_cnn: Model) -> Images:
    return open_data("digits", small_cnn.input, purpose="eval")
