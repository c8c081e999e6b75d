"""Every operation on tensors is as `keras.ops` computes it, and its gradients are right, whatever the arguments.

Each expression runs twice, on the same arrays: as the text of a model of gen's, and as Python with Keras' functions.
A number is made of its result in which every place counts differently, and joins the output of the model.
"""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
import pytest
from keras import ops

from gen.components.operations.base import operations
from tests import proof
from tests.building import build, graph_of, sample

INPUTS = {"x": ("5, 8", (5, 8)), "p": ("5, 8", (5, 8)), "v": ("8", (8,)), "s": ('"steps", 8', (7, 8))}
"""Inputs: `p` has numbers between 0.1 and 0.9, `s` a size that only data decide."""
ROWS = 3

ARITHMETIC = [
    "ops.add(x, ops.expand_dims(v, 1))",
    "ops.add(x, 2)",
    "ops.add(2, x)",
    "ops.add(x, [1., 2., 3., 4., 5., 6., 7., 8.])",
    "ops.subtract(x, p)",
    "ops.subtract(1.5, x)",
    "ops.multiply(x, ops.expand_dims(v, 1))",
    "ops.multiply(x, x)",
    "ops.divide(x, p)",
    "ops.divide(1.5, p)",
    "ops.true_divide(x, 4)",
    "ops.divide_no_nan(x, p)",
    "ops.power(p, 3)",
    "ops.power(p, x)",
    "ops.power(2.0, x)",
    "p ** 0.5",
    "p ** x",
    "x ** 2",
    "x ** 3",
    "ops.power(p, -1)",
    "ops.mod(x, 0.7)",
    "x % 0.7",
    "x // 0.7 + x",
    "ops.floor_divide(x, 0.7) + x",
    "ops.mod(x, p)",
    "ops.maximum(x, p)",
    "ops.maximum(x, 0.1)",
    "ops.maximum(0.1, x)",
    "ops.minimum(x, p)",
    "ops.minimum(x, ops.expand_dims(v, 1))",
    "ops.arctan2(x, p)",
    "ops.logaddexp(x, p)",
    "ops.hypot(x, p)",
    "x[:, :, :1] * p[:, :1, :]",
    "ops.add(x, ops.ones((8,)))",
    "ops.ones((5, 1)) * x",
    "ops.ones((1, 1, 8)) - x",
    "ops.sum(x) * p",
    "x / ops.mean(p)",
]
ELEMENTWISE = [
    "ops.negative(x)",
    "ops.absolute(x)",
    "ops.abs(x)",
    "ops.square(x)",
    "ops.exp(x)",
    "ops.exp2(x)",
    "ops.expm1(x)",
    "ops.sin(x)",
    "ops.cos(x)",
    "ops.tan(x)",
    "ops.sinh(x)",
    "ops.cosh(x)",
    "ops.arctan(x)",
    "ops.arcsinh(x)",
    "ops.erf(x)",
    "ops.sign(x)",
    "ops.stop_gradient(x)",
    "ops.relu(x)",
    "ops.relu6(x)",
    "ops.leaky_relu(x)",
    "ops.sigmoid(x)",
    "ops.hard_sigmoid(x)",
    "ops.tanh(x)",
    "ops.softplus(x)",
    "ops.softsign(x)",
    "ops.elu(x)",
    "ops.selu(x)",
    "ops.celu(x)",
    "ops.gelu(x)",
    "ops.silu(x)",
    "ops.swish(x)",
    "ops.hard_silu(x)",
    "ops.log_sigmoid(x)",
    "ops.hard_tanh(x)",
    "ops.soft_shrink(x)",
    "ops.hard_shrink(x)",
    "ops.tanh_shrink(x)",
    "ops.squareplus(x)",
    "ops.softmax(x)",
    "ops.log_softmax(x)",
    "ops.floor(x)",
    "ops.ceil(x)",
    "ops.trunc(x)",
    "ops.round(x)",
    "ops.sqrt(p)",
    "ops.rsqrt(p)",
    "ops.reciprocal(p)",
    "ops.log(p)",
    "ops.log1p(p)",
    "ops.log2(p)",
    "ops.log10(p)",
    "ops.arcsin(p)",
    "ops.arccos(p)",
    "ops.arctanh(p)",
    "ops.arccosh(p + 1.5)",
    "ops.round(x, 1)",
    "ops.clip(x, -0.5, 0.5)",
    "ops.softmax(x, axis=1)",
    "ops.elu(x, 0.3)",
    "ops.gelu(x, approximate=False)",
    "ops.leaky_relu(x, negative_slope=0.3)",
    "ops.threshold(x, 0.1, 0.2)",
]
AXES = ("None", "0", "1", "-1", "(1, 2)", "(0, 2)", "[-1, -2]")
REDUCED = [("sum", "x"), ("mean", "x"), ("max", "x"), ("min", "x"), ("amax", "x"), ("amin", "x"), ("prod", "p")]
REDUCED += [("var", "x"), ("std", "x"), ("logsumexp", "x"), ("mean", "s"), ("sum", "s")]
REDUCTIONS = [
    f"ops.{name}({x}, axis={axis}, keepdims={keepdims})"
    for name, x in REDUCED
    for axis in AXES
    for keepdims in (False, True)
]
REDUCTIONS += [
    f"ops.cast(ops.{name}(ops.greater(x, 0.3), axis={axis}, keepdims=True), 'float32')"
    for name in ("any", "all")
    for axis in AXES
]
REDUCTIONS += [f"ops.cast(ops.{name}(x, axis={axis}), 'float32')" for name in ("argmax", "argmin") for axis in AXES[:4]]
REDUCTIONS += [
    "ops.cast(ops.count_nonzero(ops.greater(x, 0), axis=1), 'float32')",
    "ops.sum(ops.cast(ops.greater(x, 0), 'int32'), axis=1) * 0.5",
    "ops.mean(ops.cast(ops.greater(x, 0), 'int32'), axis=1)",
    "ops.cast(ops.argmax(x, axis=1, keepdims=True), 'float32')",
]
SHAPES = [
    "ops.reshape(x, (-1, 40))",
    "ops.reshape(x, (-1, 10))",
    "ops.reshape(x, (ops.shape(x)[0], -1))",
    "ops.reshape(x, -1)",
    "ops.reshape(s, (ops.shape(s)[0], -1, 4))",
    "ops.reshape(x, (-1, 5, 2, 4))",
    "ops.transpose(x)",
    "ops.transpose(x, (1, 0, 2))",
    "ops.transpose(x, [0, 2, 1])",
    "ops.transpose(s, (2, 1, 0))",
    "ops.swapaxes(x, 1, -1)",
    "ops.moveaxis(x, 1, 2)",
    "ops.moveaxis(x, (0, 1), (2, 0))",
    "ops.expand_dims(x, 1)",
    "ops.expand_dims(x, -1)",
    "ops.expand_dims(x, (0, 2))",
    "ops.squeeze(ops.expand_dims(x, 1), 1)",
    "ops.squeeze(ops.expand_dims(x, -1))",
    "ops.ravel(x)",
    "ops.flip(x)",
    "ops.flip(x, 1)",
    "ops.flip(s, axis=(1, 2))",
    "ops.concatenate([x, p], axis=-1)",
    "ops.concatenate([x, p, x])",
    "ops.concatenate([x, s], axis=1)",
    "ops.stack([x, p])",
    "ops.stack([x, p], axis=-1)",
    "ops.repeat(x, 3, axis=1)",
    "ops.repeat(x, 2)",
    "ops.repeat(ops.expand_dims(v, 1), 4, axis=1)",
    "ops.tile(x, (1, 2, 3))",
    "ops.tile(v, (2, 1, 2))",
    "ops.tile(x, 2)",
    "ops.tile(ops.ones((1, 2, 8)), [ops.shape(x)[0], 1, 1]) * ops.expand_dims(v, 1)",
    "ops.roll(x, 2, axis=1)",
    "ops.roll(x, -1, axis=-1)",
    "ops.pad(x, ((0, 0), (1, 2), (0, 3)))",
    "ops.pad(x, [[0, 0], [1, 1], [2, 2]], constant_values=0.5)",
    "ops.pad(s, 1)",
    "ops.broadcast_to(ops.expand_dims(v, 1), (ops.shape(v)[0], 4, 8))",
    "ops.pad(ops.cast(ops.greater(x, 0), 'int32'), 1) * 0.5",
    "x[:, 1:]",
    "s[:, -1, :]",
]
SELECTING = [
    "ops.where(ops.greater(x, 0), x, p)",
    "ops.where(ops.greater(x, 0), x, 0.0)",
    "ops.where(ops.greater(x, 0), 1.0, x)",
    "ops.where(ops.greater(ops.expand_dims(v, 1), 0), x, p)",
    "ops.where(ops.greater(x, 0), 1.0, 0.0)",
    "ops.where(x, x, p)",
    "ops.take(x, 2, axis=1)",
    "ops.take(x, [0, 2, 2, -1], axis=1)",
    "ops.take(x, [[0, 1], [2, 7]], axis=-1)",
    "ops.take(x, [0, 5, 7])",
    "ops.take(x, ops.argmax(v, axis=-1), axis=2)",
    "ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1)",
    "ops.take_along_axis(x, ops.argmax(x, axis=-1, keepdims=True), axis=-1)",
    "ops.one_hot(ops.argmax(x, axis=-1), 8)",
    "ops.one_hot(ops.argmax(x, axis=-1), 8, axis=1)",
    "ops.one_hot([1, 0, 2], 3)",
    "ops.cumsum(x, axis=1)",
    "ops.cumsum(x)",
    "ops.cumsum(s, axis=-2)",
    "ops.top_k(x, 3)[0]",
    "ops.top_k(ops.floor(x), 4)[1]",
    "ops.moments(x, axes=[1])[1]",
    "ops.moments(x, axes=-1, keepdims=True)[0]",
    "ops.image.extract_patches(ops.expand_dims(x, -1), (1, 4))",
    "ops.image.extract_patches(ops.expand_dims(x, -1), 2)",
    "ops.image.extract_patches(ops.expand_dims(x, -1), size=3, strides=3, padding='valid')",
    "ops.sort(x, axis=1)",
    "ops.sort(x)",
    "ops.tril(x)",
    "ops.triu(x, 1)",
    "ops.tril(x, k=-2)",
    "ops.split(x, 2, axis=-1)[1]",
    "ops.split(x, 1, axis=-1)[0]",
    "ops.unstack(ops.expand_dims(x, 1), axis=1)[0]",
    "ops.split(x, [1, 3], axis=1)[1]",
    "ops.unstack(x, axis=1)[2]",
    "ops.unstack(x, 5, 1)[0] * ops.unstack(x, 5, 1)[4]",
    "ops.stop_gradient(x) * x",
    "ops.cast(ops.isnan(x), 'float32') + x",
    "ops.cast(ops.isfinite(x), 'float32') * x",
    "ops.cast(ops.equal(x, p), 'float32') * x",
    "ops.cast(ops.not_equal(x, p), 'float32') * x",
    "ops.cast(ops.greater(x, p), 'float32') * x",
    "ops.cast(ops.greater_equal(x, p), 'float32') * x",
    "ops.cast(ops.less(x, p), 'float32') * x",
    "ops.cast(ops.less_equal(x, p), 'float32') * x",
    "ops.cast(ops.logical_and(ops.greater(x, 0), ops.greater(p, 0.5)), 'float32') * x",
    "ops.cast(ops.logical_or(ops.greater(x, 0), ops.greater(p, 0.5)), 'float32') * x",
    "ops.cast(ops.logical_xor(ops.greater(x, 0), ops.greater(p, 0.5)), 'float32') * x",
    "ops.cast(ops.logical_not(ops.greater(x, 0)), 'float32')",
    "ops.cast(ops.equal(x, p), 'float32')",
    "ops.cast(ops.not_equal(x, 0), 'float32') * x",
    "ops.cast(ops.greater_equal(x, 0), 'float32') * x",
    "ops.cast(ops.less(0, x), 'float32') * x",
]
PRODUCTS = [
    "ops.matmul(x, ops.transpose(p, (0, 2, 1)))",
    "ops.matmul(x, ops.ones((8, 3)))",
    "x @ ops.ones((8, 3))",
    "ops.matmul(x, ops.expand_dims(v, -1))",
    "ops.matmul(v, ops.ones((8,)))",
    "ops.matmul(ops.expand_dims(x, 1), ops.expand_dims(ops.transpose(p, (0, 2, 1)), 1))",
    "ops.matmul(v, ops.transpose(v))",
    "ops.matmul(ops.ones((2, 5)), x)",
    "ops.matmul(s, ops.transpose(s, (0, 2, 1)))",
    "ops.dot(x, ops.ones((8, 3)) * 0.5)",
    "ops.tensordot(x, p, axes=[[1, 2], [1, 2]])",
    "ops.tensordot(x, ops.ones((8, 2)), axes=1)",
    "ops.tensordot(x, p, axes=((2,), (2,)))",
    "ops.einsum('bij,bkj->bik', x, p)",
    "ops.einsum('bij,bj->bi', x, v)",
    "ops.einsum('bij->bji', x)",
    "ops.einsum('bij->b', x)",
    "ops.einsum('bij,bij->b', x, p)",
    "ops.einsum('bi,bj->bij', v, v)",
    "ops.einsum('bsd,dk->bsk', s, ops.ones((8, 3)))",
    "ops.einsum('...ij,...jk->...ik', x, ops.transpose(p, (0, 2, 1)))",
    "ops.einsum('bij,bik', x, p)",
    "ops.einsum('bij,bkl->b', x, p)",
    "ops.outer(ops.ravel(v), ops.ones((3,)))",
    "ops.norm(x, axis=1)",
    "ops.norm(x)",
    "ops.norm(x, axis=(1, 2), keepdims=True)",
    "ops.norm(x, ord=1, axis=-1)",
    "ops.norm(x, ord=2, axis=1)",
    "ops.normalize(x)",
    "ops.normalize(x, axis=1)",
]
MADE = [
    "ops.zeros((3, 4)) + 1",
    "ops.ones((ops.shape(x)[0], 8)) * v",
    "ops.full((2, 3), 0.5)",
    "ops.eye(4)",
    "ops.eye(3, 5, k=1)",
    "ops.tri(4)",
    "ops.tri(3, 5, -1)",
    "ops.cast(ops.arange(12), 'float32')",
    "ops.arange(0.0, 1.0, 0.25)",
    "ops.cast(ops.arange(2, 12, 3), 'float32')",
    "ops.cast(ops.arange(ops.shape(s)[1]), 'float32') + ops.transpose(s, (0, 2, 1))",
    "ops.linspace(0, 1, 5)",
    "ops.linspace(0, 1, 4, endpoint=False)",
    "ops.zeros_like(x) + p",
    "ops.ones_like(x) * p",
    "ops.full_like(x, 0.3) * p",
    "ops.sqrt(ops.cast(ops.shape(x)[-1], 'float32')) * x",
    "x * ops.shape(x)[1]",
    "x / ops.cast(ops.shape(x)[0], 'float32')",
    "ops.exp(2.0) * x",
    "ops.convert_to_tensor([1.0, 2.0]) * x[:, :, :2]",
    "ops.cast(ops.size(x), 'float32') * p",
    "ops.sin(ops.cast(ops.arange(8), 'float32') / 10) + x",
    "ops.ndim(x) * x",
    "ops.cast([True, False, True], 'float32')",
]
WINDOWS = [
    "ops.conv(x, ops.reshape(ops.arange(48.0) / 48.0, (2, 8, 3)))",
    'ops.conv(x, ops.reshape(ops.arange(72.0) / 72.0, (3, 8, 3)), strides=2, padding="same")',
    "ops.conv(x, ops.reshape(ops.arange(48.0) / 48.0, (2, 4, 6)), dilation_rate=2)",
    "ops.conv(ops.reshape(x, (-1, 5, 2, 4)), ops.reshape(ops.arange(48.0) / 48.0, (2, 2, 4, 3)), (1, 2))",
    "ops.depthwise_conv(x, ops.reshape(ops.arange(48.0) / 48.0, (3, 8, 2)))",
    'ops.depthwise_conv(x, ops.reshape(ops.arange(24.0) / 24.0, (3, 8, 1)), 1, "same")',
    "ops.max_pool(x, 2, 2)",
    'ops.max_pool(p, (3,), strides=1, padding="same")',
    "ops.max_pool(ops.reshape(x, (-1, 5, 2, 4)), (2, 2), (1, 2))",
    'ops.average_pool(x, 2, strides=2, padding="same")',
    "ops.average_pool(ops.reshape(x, (-1, 5, 2, 4)), (2, 1), (2, 1))",
]
GROUPS: dict[str, list[str]] = {
    "arithmetic": ARITHMETIC,
    "elementwise": ELEMENTWISE,
    "reductions": REDUCTIONS,
    "shapes": SHAPES,
    "selecting": SELECTING,
    "products": PRODUCTS,
    "made": MADE,
    "windows": WINDOWS,
}
SIZE = 12
PARTS = [
    (f"{name}-{i // SIZE}", texts[i : i + SIZE]) for name, texts in GROUPS.items() for i in range(0, len(texts), SIZE)
]


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=(ROWS, *shape)) for name, (_, shape) in INPUTS.items()}
    found["p"] = rng.uniform(0.1, 0.9, found["p"].shape)
    return found


def weighed(result: Any) -> Any:
    """A number of an array in which every place counts differently."""
    flat = ops.reshape(ops.cast(result, "float64"), (-1,))
    return ops.sum(flat * ops.sin(ops.cast(ops.arange(flat.shape[0]), "float64") + 1.0))


def model_of(expressions: list[str], trained: bool = True) -> str:
    lines = ["from keras import ops"]
    used = [name for name in INPUTS if any(_reads(text, name) for text in expressions)] or ["x"]
    lines += [f"{name} = Input({INPUTS[name][0]})" for name in used]
    if trained and "p" in used:  # `check` draws any numbers
        lines += ["raw = p", "p = ops.sigmoid(raw) * 0.8 + 0.1"]
    lines.append(f"base = ops.reshape({used[0]}, (ops.shape({used[0]})[0], -1))[:, :1]")
    for i, text in enumerate(expressions):
        lines.append(f"y{i} = {text}")
        lines.append(f'f{i} = ops.reshape(ops.cast(y{i}, "float32"), (-1,))')
        lines.append(f'w{i} = ops.sin(ops.cast(ops.arange(ops.size(y{i})), "float32") + 1.0)')
        lines.append(f"n{i} = base * 0.5 + ops.sum(f{i} * w{i})")
    joined = ", ".join(f"n{i}" for i in range(len(expressions)))
    lines.append(f"columns = ops.concatenate([{joined}], axis=1)")
    inputs = ", ".join("raw" if trained and name == "p" else name for name in used)
    lines.append(f"model = Model([{inputs}], {'Dense(1)(columns)' if trained else 'columns'})")
    if trained:
        lines.append('model.compile("sgd", "mse")')
    return "\n".join(lines) + "\n"


def _reads(text: str, name: str) -> bool:
    return name in compile(text, "", "eval").co_names


SOME = sample(PARTS, 3)


@pytest.mark.parametrize(("name", "expressions"), SOME, ids=[name for name, _ in SOME])
def test_results_are_those_of_keras(name: str, expressions: list[str]) -> None:
    given = arrays(1)
    text = model_of(expressions, trained=False)
    graph = graph_of(text)
    module = build(text)
    found = module.Model(0, np.float64).predict({item.name: given[item.name] for item in graph.inputs})
    keras.config.set_floatx("float64")
    scope = {"ops": ops, **{key: jax.numpy.asarray(value) for key, value in given.items()}}
    base = given[graph.inputs[0].name].reshape(ROWS, -1)[:, :1]
    for i, expression in enumerate(expressions):
        wanted = base * 0.5 + float(weighed(eval(expression.replace("float32", "float64"), dict(scope))))
        close = 1e-6 if "int32" in expression else 1e-9  # of whole numbers Keras makes float32
        np.testing.assert_allclose(found[:, i : i + 1], wanted, rtol=close, atol=close, err_msg=expression)


@pytest.mark.parametrize(("name", "expressions"), SOME, ids=[name for name, _ in SOME])
def test_gradients_are_those_of_central_differences(name: str, expressions: list[str]) -> None:
    differentiable = [text for text in expressions if "stop_gradient" not in text]
    module = build(model_of(differentiable))
    proof.check_gradients(module)


def test_every_operation_is_in_an_expression() -> None:
    written = " ".join(text for texts in GROUPS.values() for text in texts)
    missing = {name for name, cls in operations.items() if cls.of_keras and f"ops.{name}(" not in written}
    assert not missing - {"remainder", "identity"}
