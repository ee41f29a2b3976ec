from __future__ import annotations

import hashlib

import torch

from snnconv.digest import digest_of


def test_it_is_the_sha256_of_text_labels_and_bytes():
    values = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    expected = hashlib.sha256(b"text" + b"a" + values.t().contiguous().numpy().tobytes() + b"b" + b"\x07").hexdigest()
    assert digest_of("text", [("a", values.t()), ("b", torch.tensor(7, dtype=torch.uint8))]) == expected
