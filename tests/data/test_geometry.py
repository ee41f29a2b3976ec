import pytest
import torch
from torchvision.transforms import v2

from snnconv.data.geometry import Geometry
from snnconv.errors import DataError


def test_the_usual_evaluation_transform_is_torchvisions_own():
    x = torch.randint(0, 256, (3, 300, 401), dtype=torch.uint8)
    peer = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224)])
    assert torch.equal(Geometry.for_files(224, 224, None)(x), peer(x))


def test_an_exact_image_file_is_taken_as_it_is():
    x = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    assert torch.equal(Geometry.for_files(32, 32, None)(x), x)


def test_resize_is_obeyed_even_for_an_exact_image():
    x = torch.zeros(3, 32, 32)
    x[:, 0] = 1
    assert not torch.equal(Geometry.for_files(32, 32, 40)(x), x)


def test_without_resize_the_centre_is_cropped():
    x = torch.arange(36.0).view(1, 6, 6)
    assert torch.equal(Geometry(4, 2, None)(x), x[:, 1:5, 2:4])


@pytest.mark.parametrize(("height", "width"), [(10, 20), (20, 10), (333, 500), (7, 7)])
@pytest.mark.parametrize("short", [None, 5, 16, 256])
def test_the_foretold_size_is_the_real_one(height, width, short):
    rows, columns = Geometry.scaled_size(height, width, short)
    x = torch.zeros(1, height, width, dtype=torch.uint8)
    assert Geometry(rows, columns, short)(x).shape == (1, rows, columns)
    if short is not None:
        assert v2.Resize(short, antialias=True)(x).shape == (1, rows, columns)


@pytest.mark.parametrize("short", [None, 20])
def test_too_small_an_image_names_sizes_and_remedies(short):
    with pytest.raises(DataError, match=r"8 x 9.*32 x 32.*--resize N.*--size N"):
        Geometry(32, 32, short)(torch.zeros(1, 8, 9))
