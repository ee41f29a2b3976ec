import numpy as np
import pytest

from snnconv.data.dataspec import parse_spec
from snnconv.errors import DataError


@pytest.mark.parametrize(
    ("text", "where", "window"),
    [
        ("digits", "", slice(None)),
        ("npz:a.npz,b.npz[45000:50000]", "a.npz,b.npz", slice(45000, 50000)),
        ("csv:labels.csv[0:256]", "labels.csv", slice(0, 256)),
        ("cifar10:/data[:1024]", "/data", slice(None, 1024)),
        ("cifar10:/data[ -5 : : -2 ]", "/data", slice(-5, None, -2)),
        ("digits[::2]", "", slice(None, None, 2)),
        ("imagefolder:/data/[old]", "/data/[old]", slice(None)),
        ("npz:C:\\a.npz", "C:\\a.npz", slice(None)),
    ],
)
def test_a_spec_is_taken_apart(text, where, window):
    spec = parse_spec(text)
    assert (spec.text, spec.where, spec.window) == (text, where, window)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("[:3]", [0, 1, 2]),
        ("[-3:]", [7, 8, 9]),
        ("[2:9:3]", [2, 5, 8]),
        ("[8:99]", [8, 9]),
        ("[::-1]", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_a_slice_means_what_it_means_in_python(window, expected):
    assert parse_spec("digits" + window).indices(10).tolist() == expected


@pytest.mark.parametrize("window", ["[5:5]", "[10:]", "[:-10]"])
def test_an_empty_slice_is_refused(window):
    with pytest.raises(DataError, match=r"selects no image.*10"):
        parse_spec("digits" + window).indices(10)


@pytest.mark.parametrize("text", ["digits[3]", "digits[::0]", "digits[]", "digits[1:2:3:4]", "digits[1-2:]"])
def test_a_malformed_slice_is_refused(text):
    with pytest.raises(DataError, match="no slice"):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cifar:/data", "Did you mean 'cifar10:DIR'"),
        ("nzp:a.npz", "Did you mean 'npz:FILE"),
        ("CSV:a.csv", "Did you mean 'csv:FILE'"),
        ("zzzzzz", "Known: digits, cifar10:DIR"),
        ("", "Known: digits"),
        ("npz", "where the data are"),
        ("npz: ", "where the data are"),
        ("digits:/data", "embedded"),
    ],
)
def test_a_wrong_scheme_names_what_is_right(text, hint):
    with pytest.raises(DataError) as caught:
        parse_spec(text)
    assert hint in str(caught.value)


def test_indices_are_what_numpy_takes():
    assert parse_spec("digits[1:3]").indices(5).dtype == np.int64
