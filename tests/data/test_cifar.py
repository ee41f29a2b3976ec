import os
import pickle

import numpy as np
import pytest

from snnconv.data.datasets import describe_data, open_data
from snnconv.errors import DataError, FileError, SnnconvWarning
from snnconv.model import InputSpec

RGB = InputSpec(3, 32, 32)
NAMES = [f"kind{number}" for number in range(10)]


def rows(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def dump(path, value, protocol=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


@pytest.fixture
def cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    for number in range(1, 6):
        dump(folder / f"data_batch_{number}", {"data": rows(2, number), "labels": [number, 0]}, number)
    dump(folder / "test_batch", {"data": rows(3), "labels": [7, 8, 9]})
    dump(folder / "batches.meta", {"label_names": NAMES})
    return tmp_path


def test_cifar10_is_split_by_purpose(cifar10):
    for where in (cifar10, cifar10 / "cifar-10-batches-py"):
        train = open_data(f"cifar10:{where}", RGB, purpose="calibration")
        assert train.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
        test = open_data(f"cifar10:{where}[1:]", RGB, purpose="eval")
        assert test.labels.tolist() == [8, 9]
        assert test.classes == tuple(NAMES)
        assert np.array_equal(test.pixels(0), rows(3)[1].reshape(3, 32, 32))


def test_cifar100_reads_fine_labels(tmp_path):
    entries = {"data": rows(2), "fine_labels": [99, 3], "coarse_labels": [1, 2]}
    dump(tmp_path / "cifar-100-python/test", entries)
    dump(tmp_path / "cifar-100-python/meta", {"fine_label_names": [str(n) + "x" for n in range(100)]})
    images = open_data(f"cifar100:{tmp_path}", RGB, purpose="eval")
    assert images.labels.tolist() == [99, 3]
    assert images.classes[99] == "99x"
    info = describe_data(f"cifar100:{tmp_path}", purpose="eval")
    assert (info.channels, info.height, info.width, info.classes, info.length) == (3, 32, 32, 100, 2)


def test_a_file_as_python_2_wrote_it(tmp_path):
    # What numpy 1 under Python 2 writes: bytes strings, and the array's bytes as such a string.
    data = bytes(range(256)) * 12
    stream = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff"
        b"\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(data).to_bytes(4, "little") + data + b"tbU\x06labels]K\x04au."
    )
    (tmp_path / "test_batch").write_bytes(stream)
    images = open_data(f"cifar10:{tmp_path}", RGB, purpose="eval")
    assert images.labels.tolist() == [4]
    assert images.pixels(0).flatten().numpy().tobytes() == data
    assert images.classes == tuple("0123456789")


def test_missing_training_files_are_named(cifar10):
    (cifar10 / "cifar-10-batches-py/data_batch_3").unlink()
    with pytest.warns(SnnconvWarning, match="without data_batch_3"):
        assert len(open_data(f"cifar10:{cifar10}", RGB, purpose="train")) == 8


class Evil:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("function", ["system", "eval", "getattr", "numpy"])
def test_a_malicious_file_is_refused_and_not_run(tmp_path, protocol, function):
    trace = tmp_path / "ran"
    evil = {
        "system": Evil(os.system, f"touch {trace}"),
        "eval": Evil(eval, f"open({str(trace)!r}, 'w')"),
        "getattr": Evil(getattr, "text", "upper"),
        "numpy": Evil(np.save, str(trace), [1]),
    }[function]
    dump(tmp_path / "test_batch", {"data": rows(1), "labels": [evil]}, protocol)
    with pytest.raises(DataError, match="refused"):
        open_data(f"cifar10:{tmp_path}", RGB, purpose="eval")
    assert not list(tmp_path.glob("ran*"))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_an_array_of_objects_is_refused(tmp_path, protocol):
    dump(tmp_path / "test_batch", {"data": np.array([{}, {}]), "labels": [0, 1]}, protocol)
    with pytest.raises(DataError, match="array of 'O8'"):
        open_data(f"cifar10:{tmp_path}", RGB, purpose="eval")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("dtype", ["<i8", ">i4", "u1"])
def test_labels_may_be_an_array_of_any_byte_order(tmp_path, protocol, dtype):
    entries = {"data": np.asfortranarray(rows(3)), "labels": np.array([1, 2, 3], dtype)}
    dump(tmp_path / "test_batch", entries, protocol)
    images = open_data(f"cifar10:{tmp_path}", RGB, purpose="eval")
    assert images.labels.tolist() == [1, 2, 3]
    assert np.array_equal(images.pixels(2), rows(3)[2].reshape(3, 32, 32))


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ([1, 2], "a dictionary is needed"),
        ({"labels": [1]}, "'data' and 'labels'"),
        ({"data": rows(1), "fine_labels": [1]}, "'data' and 'labels'"),
        ({"data": rows(1)[:, :100], "labels": [1]}, r"uint8 \[1, 100\]"),
        ({"data": rows(1).astype(np.int16), "labels": [1]}, "int16"),
        ({"data": [1, 2], "labels": [1]}, "'data' is list"),
        ({"data": rows(2), "labels": [1]}, "shape"),
        ({"data": rows(2), "labels": [1, -1]}, "label -1"),
        ({"data": rows(2), "labels": [1, 10]}, "label 10"),
        ({"data": rows(2), "labels": [1, [2]]}, "not a list of numbers"),
        ({"data": rows(0), "labels": []}, "no image"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, entries, match):
    dump(tmp_path / "test_batch", entries, protocol=4)
    with pytest.raises(DataError, match=match):
        open_data(f"cifar10:{tmp_path}", RGB, purpose="eval")


def test_damaged_and_missing_files(tmp_path, cifar10):
    with pytest.raises(FileError, match=r"holds test.*unpacked Python version"):
        open_data(f"cifar100:{cifar10}", RGB, purpose="eval")
    path = cifar10 / "cifar-10-batches-py/test_batch"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileError, match="damaged"):
        open_data(f"cifar10:{cifar10}", RGB, purpose="eval")


def test_names_must_be_names(cifar10):
    dump(cifar10 / "cifar-10-batches-py/batches.meta", {"label_names": NAMES[:9]})
    with pytest.raises(DataError, match="must list 10 names"):
        open_data(f"cifar10:{cifar10}", RGB, purpose="eval")


def test_a_grey_network_is_refused(cifar10):
    with pytest.raises(DataError, match=r"3 channels.*takes 1"):
        open_data(f"cifar10:{cifar10}", InputSpec(1, 32, 32), purpose="eval")
