"""Operations on yes and no, on whole numbers and on floats have Keras' numbers, or a diagnostic: no traceback."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from tests.building import QUICK, load, rows_of, sample

OPERANDS = {"float": "x", "bool": "(x > 0)", "int32": "ops.cast(x * 3, 'int32')"}
CALLS = [
    "abs({a})",
    "sum({a})",
    "sum({a}, axis=1)",
    "mean({a}, axis=1)",
    "max({a}, axis=1)",
    "min({a}, axis=-1)",
    "prod({a}, axis=1)",
    "any({a}, axis=1)",
    "all({a}, axis=1)",
    "argmax({a}, axis=1)",
    "argmin({a}, axis=1)",
    "cumsum({a}, axis=1)",
    "sort({a}, axis=1)",
    "argsort({a}, axis=1)",
    "flip({a}, axis=1)",
    "roll({a}, 1, axis=1)",
    "tile({a}, [1, 2])",
    "tile({a}, [1, 1])",
    "repeat({a}, 2, axis=1)",
    "pad({a}, [[0,0],[1,1]])",
    "reshape({a}, [-1, 2, 2])",
    "transpose({a})",
    "expand_dims({a}, 1)",
    "squeeze(ops.expand_dims({a}, 1), 1)",
    "concatenate([{a}, {a}], axis=1)",
    "stack([{a}, {a}], axis=1)",
    "split({a}, 2, axis=1)[0]",
    "take({a}, [0, 2], axis=1)",
    "where({a} > 0, {a}, {a})",
    "where(x > 0, {a}, {b})",
    "clip({a}, 0, 1)",
    "maximum({a}, {b})",
    "minimum({a}, {b})",
    "add({a}, {b})",
    "multiply({a}, {b})",
    "subtract({a}, {b})",
    "divide({a}, {b})",
    "floor_divide({a}, {b} + 5)",
    "mod({a}, {b} + 5)",
    "power({a}, 2)",
    "square({a})",
    "sqrt({a})",
    "exp({a})",
    "sign({a})",
    "equal({a}, {b})",
    "not_equal({a}, {b})",
    "greater({a}, {b})",
    "logical_and({a}, {b})",
    "logical_not({a})",
    "logical_or({a}, {b})",
    "logical_xor({a}, {b})",
    "one_hot({a}, 4)",
    "broadcast_to({a}, [2, 3, 4])",
    "swapaxes({a}, 0, 1)",
    "matmul({a}, ops.transpose({b}))",
    "dot({a}, ops.transpose({b}))",
    'einsum("ij,kj->ik", {a}, {b})',
    "tensordot({a}, {b}, axes=[[1],[1]])",
    "isnan({a})",
    "round({a})",
    "floor({a})",
    "ones_like({a})",
    "zeros_like({a})",
    "full_like({a}, 2)",
    "triu({a})",
    "tril({a})",
    "diagonal({a})",
    "count_nonzero({a}, axis=1)",
    "mean({a})",
    "var({a}, axis=1)",
    "std({a}, axis=1)",
    "median({a}, axis=1)",
    "norm({a})",
    "softmax({a})",
    "logsumexp({a}, axis=1)",
    "top_k({a}, 2)[0]",
    "meshgrid({a}[0], {a}[1])[0]",
    'cast({a}, "float32")',
    'cast({a}, "int32")',
    'cast({a}, "bool")',
    "stop_gradient({a})",
    "take_along_axis({a}, ops.argsort({b}, axis=1), axis=1)",
    "negative({a})",
    "reciprocal({a})",
    "ravel({a})",
    "moveaxis({a}, 0, 1)",
    "vstack([{a}, {b}])",
    "hstack([{a},{b}])",
    "outer({a}[0], {b}[0])",
    "nonzero({a})",
    "segment_sum({a}, [0, 1], 2)",
]
CASES = [(call, a, b) for call in CALLS for a, b in itertools.product(OPERANDS, repeat=2) if "{b}" in call or a == b]


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")  # 0 / 0 is among the numbers
@pytest.mark.parametrize(("call", "a", "b"), sample(CASES, 5), ids=lambda value: str(value)[:30])
def test_an_operation_on_any_dtype_has_the_numbers_of_keras(call: str, a: str, b: str) -> None:
    expression = f"ops.{call.format(a=OPERANDS[a], b=OPERANDS[b])}"
    text = f"x = Input((4,))\nz = ops.cast({expression}, 'float32')\n"
    text += "model = Model(x, x + ops.sum(ops.sin(z + 0.3)))\nmodel.compile('sgd', 'mse')\n"
    diagnostics = Diagnostics()
    graphs = compiler.understand_all(Source("model.nn", f"from keras import ops\n{text}"), diagnostics)
    x = np.random.default_rng(0).normal(size=(4, 4))
    if not graphs:
        assert diagnostics.failed
        return
    module = load(compiler.build(graphs, "", QUICK)[1], "model")
    ours = module.Model(0, np.float64).predict(x)
    expected = np.asarray(theirs(expression, x))
    (found,) = rows_of(ours)
    close = 1e-5 if expected.dtype == np.float32 else 1e-9  # Keras makes float32 of whole numbers
    np.testing.assert_allclose(found, x + np.sum(np.sin(expected.astype(float) + 0.3)), rtol=close, atol=close)


def theirs(expression: str, x: np.ndarray) -> Any:
    """What Keras says, or what it refuses: then gen is to refuse it too."""
    return eval(expression, {"ops": keras.ops, "x": keras.ops.convert_to_tensor(x)})
