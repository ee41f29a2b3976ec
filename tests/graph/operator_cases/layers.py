"""Layers with weights: convolutions, linear layers, products of matrices, sums of products."""

from __future__ import annotations

from operator_cases.case import Case, f32, image, rand

CONV = [
    Case("Conv", image(7, 6), {"w": rand(5, 4, 3, 3)}),
    Case(
        "Conv",
        image(7, 6),
        {"w": rand(5, 4, 3, 3), "b": rand(5)},
        {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]},
    ),
    Case("Conv", image(7, 6), {"w": rand(6, 2, 3, 3), "b": rand(6)}, {"group": 2, "strides": [2, 1]}),
    Case("Conv", image(7, 6), {"w": rand(4, 1, 3, 3)}, {"group": 4, "pads": [0, 1, 2, 1]}),
    Case("Conv", image(9, 9), {"w": rand(5, 4, 3, 2)}, {"dilations": [2, 3], "pads": [2, 0, 2, 0]}),
    Case("Conv", image(7, 6), {"w": rand(5, 4, 2, 4)}, {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
    Case("Conv", image(7, 6), {"w": rand(5, 4, 2, 4)}, {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    Case("Conv", image(7, 6), {"w": rand(5, 4, 2, 3)}, {"auto_pad": "SAME_LOWER"}),
    Case("Conv", image(7, 6), {"w": rand(5, 4, 1, 1)}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("Conv", image(7, 6), {"w": rand(5, 4, 2, 4)}, {"auto_pad": "VALID", "strides": [2, 2]}),
    Case("Conv", image(11), {"w": rand(5, 4, 3), "b": rand(5)}, {"pads": [2, 1], "strides": [2]}),
    Case("Conv", image(5, 6, 4), {"w": rand(3, 4, 3, 2, 3)}, {"pads": [1, 0, 1, 1, 1, 1], "strides": [1, 2, 1]}),
]
CONV_TRANSPOSE = [
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3), "b": rand(3)}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3)}, {"strides": [2, 3], "pads": [1, 1, 1, 1]}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3)}, {"strides": [2, 3], "pads": [0, 1, 2, 0]}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3)}, {"strides": [2, 3], "output_padding": [1, 2]}),
    Case(
        "ConvTranspose",
        image(5, 4),
        {"w": rand(4, 3, 3, 3), "b": rand(3)},
        {"strides": [2, 3], "output_padding": [1, 2], "pads": [1, 1, 1, 1]},
    ),
    Case(
        "ConvTranspose",
        image(5, 4),
        {"w": rand(4, 3, 3, 3), "b": rand(3)},
        {"strides": [2, 3], "output_padding": [1, 2], "pads": [1, 0, 0, 1]},
    ),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 2, 2, 3)}, {"group": 2, "dilations": [2, 1]}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3)}, {"strides": [2, 2], "output_shape": [10, 8]}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 4, 3)}, {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 4)}, {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    Case("ConvTranspose", image(5, 4), {"w": rand(4, 3, 3, 3)}, {"strides": [2, 2], "auto_pad": "VALID"}),
    Case(
        "ConvTranspose",
        image(5, 4),
        {"w": rand(4, 3, 3, 3)},
        {"strides": [2, 2], "output_shape": [10, 8], "auto_pad": "SAME_UPPER"},
    ),
    Case("ConvTranspose", image(6), {"w": rand(4, 3, 3)}, {"strides": [2], "pads": [1, 0]}),
    Case("ConvTranspose", image(3, 4, 2), {"w": rand(4, 2, 2, 3, 2)}, {"strides": [2, 1, 2]}),
]
LINEAR = [
    Case("Gemm", (6,), {"w": rand(6, 5), "b": rand(5)}),
    Case("Gemm", (6,), {"w": rand(5, 6), "b": rand(5)}, {"transB": 1}),
    Case("Gemm", (6,), {"w": rand(5, 6), "b": rand(5)}, {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", (6,), {"w": rand(6, 5), "b": rand(1, 5)}, {"alpha": -0.25}),
    Case("Gemm", (6,), {"w": rand(6, 5), "b": rand(1)}, {"beta": 3.0}),
    Case("Gemm", (6,), {"w": rand(6, 5), "b": rand(1, 1)}),
    Case("Gemm", (6,), {"w": rand(6, 5), "b": f32(0.7)}),
    Case("Gemm", (6,), {"w": rand(6, 5), "b": rand(5)}, {"beta": 0.0}),
    Case("Gemm", (6,), {"w": rand(6, 5)}, opsets=(11, 18, 99)),
    Case("Gemm", (6,), {"w": rand(6, 6)}, order=("x", "w", "x")),
    Case("Gemm", (6,), {"w": rand(6, 6)}, {"beta": -0.5}, order=("x", "w", "x")),
    Case("MatMul", (6,), {"w": rand(6, 5)}),
    Case("MatMul", (3, 6), {"w": rand(6, 5)}),
    Case("MatMul", (2, 3, 6), {"w": rand(1, 6, 5)}),
    Case("MatMul", (2, 3, 6), {"w": rand(2, 6, 5)}),
    Case("MatMul", (1, 3, 6), {"w": rand(4, 6, 5)}),
    Case("MatMul", (2, 3, 6), {"w": rand(1, 2, 6, 5)}),
    Case("MatMul", (3, 6), {"w": rand(6)}),
    Case("MatMul", (6,), {"w": rand(6)}),
    Case("MatMul", (3, 6), {"w": rand(5, 3)}, order=("w", "x")),
    Case("MatMul", (2, 3, 6), {"w": rand(2, 5, 3)}, order=("w", "x")),
    Case("MatMul", (2, 3, 6), {"w": rand(3)}, order=("w", "x")),
    Case("MatMul", (4, 4), order=("x", "x")),
    Case("MatMul", (3, 4, 4), order=("x", "x")),
]
EINSUM = [
    *(
        Case("Einsum", shape, {}, {"equation": equation}, (12, 18, 99), ("x",) * (1 + equation.count(",")))
        for equation, shape in {
            "bij->bji": (3, 4),
            "bhij->bi": (2, 3, 4),
            "bhij -> bjh": (2, 3, 4),
            "...ij->...ji": (2, 3, 4),
            "bij,bkj->bik": (3, 4),
            "bhid,bhjd->bhij": (2, 3, 4),
            "bihd,bjhd->bhij": (3, 2, 4),
            "bihd,bjhd->bijh": (3, 2, 4),
            "bij,bij->bij": (3, 4),
            "bij,bij->bji": (3, 4),
            "bij,bij->b": (3, 4),
            "bij,bik->bjk": (3, 4),
            "bi,bj->bij": (3,),
            "bij,bkl->bik": (3, 4),
            "bxhij,byhij->bhxy": (2, 3, 2, 2),
            "...i,...j->...ij": (2, 3),
        }.items()
    ),
    *(
        Case("Einsum", shape, {"w": rand(*weight)}, {"equation": equation}, (12, 18, 99), order)
        for equation, shape, weight, order in [
            ("bij,jk->bik", (3, 4), (4, 5), ("x", "w")),
            ("bi,ki->bk", (3,), (4, 3), ("x", "w")),
            ("ki,bi->bk", (3,), (4, 3), ("w", "x")),
            ("bij,ik->bjk", (3, 4), (3, 5), ("x", "w")),
            ("bhid,hdk->bhik", (2, 3, 4), (2, 4, 5), ("x", "w")),
            ("bihd,hde->bie", (3, 2, 4), (2, 4, 5), ("x", "w")),
            ("bie,ehd->bhid", (3, 4), (4, 2, 5), ("x", "w")),
            ("bij,j->bi", (3, 4), (4,), ("x", "w")),
            ("bij,j->bij", (3, 4), (4,), ("x", "w")),
            ("bijk,jk->bi", (2, 3, 4), (3, 4), ("x", "w")),
            ("bij,k->bjk", (3, 4), (5,), ("x", "w")),
        ]
    ),
]
