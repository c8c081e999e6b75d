"""An Input of any whole number type goes through the layers that take it, and trains as in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from tests.building import QUICK, build, rows_of

WHOLE = ("int8", "uint8", "int16", "uint16", "int32", "int64")
LAYERS = {
    (4,): ["Flatten()", "Reshape((2, 2))", "RepeatVector(3)", "Embedding(9, 3)", "Lambda(lambda t: t * 2)", "Dense(3)"],
    (6, 4): ["Cropping1D(1)", "Permute((2, 1))", "ZeroPadding1D(1)", "UpSampling1D(2)", "MaxPooling1D(2)", "LSTM(3)"],
    (6, 6, 2): ["Cropping2D(1)", "UpSampling2D(2)", "GlobalMaxPooling2D()", "Conv2D(2, 3)", "MaxPooling2D(2)"],
}
CASES = [(shape, layer) for shape, layers in LAYERS.items() for layer in layers]


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=lambda value: str(value)[:20])
def test_whole_numbers_of_every_size_give_the_same(shape: tuple[int, ...], layer: str) -> None:
    found = {}
    data = np.random.default_rng(0).integers(0, 9, (5, *shape))
    for dtype in WHOLE:
        text = f"from keras import ops\na = Input({shape}, dtype='{dtype}')\ny = ops.cast({layer}(a), 'float32')\n"
        text += "model = Model(a, Dense(2)(Flatten()(y)))\nmodel.compile('sgd', 'mse')\n"
        diagnostics = Diagnostics()
        if not compiler.understand_all(Source("model.nn", text), diagnostics):
            assert diagnostics.failed  # the layer takes floats
            continue
        model = build(text, options=QUICK).Model(0, np.float64)
        model.train_on_batch(data.astype(dtype), np.ones((5, 2)))
        (found[dtype],) = rows_of(model.predict(data.astype(dtype)))
    assert "int32" in found or not found
    for dtype, value in found.items():
        np.testing.assert_allclose(value, found["int32"], rtol=1e-12, err_msg=dtype)
