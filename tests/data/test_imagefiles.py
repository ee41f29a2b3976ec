import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from snnconv.data.datasets import describe_data, open_data
from snnconv.errors import DataError, FileError
from snnconv.model import InputSpec

RGB = InputSpec(3, 8, 8)


def draw(path, size=(8, 8), mode="RGB", seed=0):
    """Write a random image of (rows, columns)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if mode == "L" else (*size, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def table(folder, text, name="labels.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return f"csv:{folder / name}"


def refuse(spec, match, kind=DataError, given=RGB, purpose="eval"):
    with pytest.raises(kind, match=match):
        open_data(spec, given, purpose=purpose)


def test_a_table_gives_paths_and_labels(tmp_path):
    a, b = draw(tmp_path / "a.png"), draw(tmp_path / "sub/b.png", seed=1)
    images = open_data(table(tmp_path, "wnid,index,file\nn1,7,a.png\nn2,3,sub/b.png\n"), RGB, purpose="eval")
    assert images.labels.tolist() == [7, 3]
    assert images.classes is None
    assert np.array_equal(images.pixels(0), a.transpose(2, 0, 1))
    np.testing.assert_allclose(images[1][0].numpy(), b.transpose(2, 0, 1) / np.float32(255), rtol=1e-6)


def test_a_table_without_labels_or_with_some(tmp_path):
    draw(tmp_path / "a.png")
    assert open_data(table(tmp_path, "file\na.png\n"), RGB, purpose="eval").labels is None
    assert open_data(table(tmp_path, "file,index\na.png,\n"), RGB, purpose="eval").labels is None
    some = open_data(table(tmp_path, "\ufefffile,index\na.png,\na.png,4\n"), RGB, purpose="eval")
    assert [y for _, y in some] == [-1, 4]
    with pytest.raises(DataError, match="1 of 2 images have no label"):
        some.check_labels(10)


def test_paths_are_absolute_or_relative_to_the_table(tmp_path):
    draw(tmp_path / "elsewhere/a.png")
    draw(tmp_path / "data/b.png")
    rows = f"file\n{tmp_path / 'elsewhere/a.png'}\n../elsewhere/a.png\nb.png\n"
    assert len(open_data(table(tmp_path / "data", rows), RGB, purpose="eval")) == 3


@pytest.mark.parametrize(
    ("text", "match", "kind"),
    [
        ("name,index\na.png,1\n", r"columns \['name', 'index'\].*'file'", DataError),
        ("", "'file' is needed", DataError),
        ("file\n", "no image", DataError),
        ("file,index\n,1\n", "'file' is empty", DataError),
        ("file,index\na.png,cat\n", "line 2: index 'cat'", DataError),
        ("file,index\na.png,-1\n", "index '-1'", DataError),
        ("file,index\na.png,1.0\n", r"index '1\.0'", DataError),
        ("file\na.png\nb.png\nc.png\n", "2 of 3 images are not there", FileError),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, match, kind):
    draw(tmp_path / "a.png")
    refuse(table(tmp_path, text), match, kind)


def test_a_table_that_is_none(tmp_path):
    refuse(f"csv:{tmp_path / 'none.csv'}", "is not there", FileError)
    draw(tmp_path / "a.jpg")
    refuse(f"csv:{tmp_path / 'a.jpg'}", "cannot be read as a table", FileError)


@pytest.fixture
def folder(tmp_path):
    for part in ("train", "val"):
        for number, kind in enumerate(("cat", "dog")):
            draw(tmp_path / part / kind / f"{part}.png", seed=number)
    draw(tmp_path / "train/dog/more.png")
    return tmp_path


def test_a_split_folder_follows_the_purpose(folder):
    for purpose, expected in (("train", [0, 1, 1]), ("calibration", [0, 1, 1]), ("eval", [0, 1])):
        images = open_data(f"imagefolder:{folder}", RGB, purpose=purpose)
        assert images.labels.tolist() == expected
        assert images.classes == ("cat", "dog")
    assert open_data(f"imagefolder:{folder / 'val'}", RGB, purpose="train").labels.tolist() == [0, 1]
    (folder / "val").rename(folder / "test")
    assert len(open_data(f"imagefolder:{folder}", RGB, purpose="eval")) == 2
    assert len(open_data(f"imagefolder:{folder}[::2]", RGB, purpose="train")) == 2


def test_a_wrong_folder_is_refused(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refuse(f"imagefolder:{empty / 'none'}", "is not there", FileError)
    refuse(f"imagefolder:{empty}", "one subfolder a class", FileError)
    (empty / "cat").mkdir()
    refuse(f"imagefolder:{empty}", "no image file", FileError)
    (folder / "val").rename(empty / "val")
    refuse(f"imagefolder:{folder}", "has train but no val or test", FileError)


def test_damaged_images_are_named(tmp_path):
    draw(tmp_path / "a.png", (64, 64))
    whole = (tmp_path / "a.png").read_bytes()
    for content in (b"hello", b"", whole[: len(whole) // 2]):
        (tmp_path / "a.png").write_bytes(content)
        images = open_data(table(tmp_path, "file\na.png\n"), RGB, purpose="eval")
        with pytest.raises(FileError, match=r"a\.png cannot be read as an image"):
            images[0]
        with pytest.raises(FileError, match=r"a\.png cannot be read as an image"):
            list(images.batches(2))


def test_grey_files_for_a_colour_network_and_back(tmp_path):
    grey = draw(tmp_path / "a.png", mode="L")
    spec = table(tmp_path, "file\na.png\n")
    assert np.array_equal(open_data(spec, RGB, purpose="eval").pixels(0), np.stack([grey] * 3))
    assert np.array_equal(open_data(spec, InputSpec(1, 8, 8), purpose="eval").pixels(0)[0], grey)
    refuse(spec, "1 .grey. or 3 .RGB. channels, the network takes 2", given=InputSpec(2, 8, 8))
    assert describe_data(spec, purpose="eval").channels == 1


def test_deep_pixels_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="more than 8 bits"):
        open_data(table(tmp_path, "file\na.png\n"), RGB, purpose="eval").pixels(0)


def test_files_of_many_sizes_come_in_one(tmp_path):
    sizes = [(20, 30), (41, 17), (8, 8), (5, 6), (9, 9)] * 3
    for number, size in enumerate(sizes):
        draw(tmp_path / f"{number}.png", size, seed=number)
    spec = table(tmp_path, "file,index\n" + "".join(f"{n}.png,{n}\n" for n in range(len(sizes))))
    images = open_data(spec, InputSpec(3, 8, 8, "NHWC"), purpose="eval")
    batches = list(images.batches(2))
    assert [len(x) for x, _ in batches] == [2] * 7 + [1]
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    assert y.tolist() == list(range(15))
    assert all(torch.equal(x[n], images[n][0]) for n in range(15))
    peer = v2.Compose([v2.Resize(9, antialias=True), v2.CenterCrop(8)])
    with Image.open(tmp_path / "0.png") as image:
        assert torch.equal(images.pixels(0), peer(torch.from_numpy(np.array(image)).permute(2, 0, 1)))
    info = describe_data(spec, purpose="eval")
    assert (info.channels, info.height, info.width, info.classes, info.length) == (3, None, None, 15, 15)
    refuse(spec, "several sizes.*--size N", given=InputSpec(3, None, None))
    small = open_data(spec, InputSpec(3, 8, 8, resize=7), purpose="eval")
    with pytest.raises(DataError, match=r"3\.png.*5 x 6"):
        small.pixels(3)


def test_files_of_one_size_give_it_to_an_open_network(tmp_path):
    pixels = draw(tmp_path / "a.png", (6, 9))
    spec = table(tmp_path, "file\na.png\na.png\n")
    images = open_data(spec, InputSpec(3, None, None), purpose="eval")
    assert np.array_equal(images.pixels(1), pixels.transpose(2, 0, 1))
    half = open_data(spec, InputSpec(3, None, None, resize=4), purpose="eval")
    assert half.sample_shape == half[0][0].shape == (3, 4, 6)


def test_batches_may_be_left_early(tmp_path):
    draw(tmp_path / "a.png")
    images = open_data(table(tmp_path, "file\n" + "a.png\n" * 50), RGB, purpose="eval")
    batches = images.batches(4)
    assert next(batches)[0].shape == (4, 3, 8, 8)
    batches.close()


@pytest.mark.shared
def test_imagenet_samples(shared):
    given = InputSpec(3, 224, 224)
    images = open_data(f"csv:{shared / 'data/imagenet_samples/labels.csv'}[0:24]", given, purpose="calibration")
    images.check_labels(1000)
    assert [x.shape for x, _ in images.batches(16)] == [(16, 3, 224, 224), (8, 3, 224, 224)]
    with Image.open(shared / "data/imagenet_samples/000_n01440764.jpg") as image:
        whole = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    peer = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224)])
    assert torch.equal(images.pixels(0), peer(whole))
