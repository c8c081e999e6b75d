"""How the functions on tensors are spelled: each name of Keras and TensorFlow, and the operation that it is.

A function of `keras.ops` has the name and the arguments of its operation.  `TWINS` is the table of all other spellings:
for each operation, activation or question (`operations.QUESTIONS`) the functions that are the same, with their
arguments in order.  An argument is written as that function calls it, then, after a colon, as the operation does if
that is something else, then its default if that is another one.  `tf/math.exp` is `tf.exp` and `tf.math.exp`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from gen.components.base import parameters, registry
from gen.components.operations.base import Operation, operations

ROOTS = {"K": ("keras", "backend"), "tf": ("tensorflow",), "keras": ("keras",), "ops": ("keras", "ops")}
"""The modules as the table and people call them."""

MODULES = (
    ("keras", "ops"),
    ("keras", "ops", "nn"),
    ("keras", "ops", "numpy"),
    ("keras", "ops", "linalg"),
    ("keras", "ops", "image"),
    ("keras", "backend"),
    ("keras", "random"),
    ("tensorflow", "math"),
    ("tensorflow", "nn"),
    ("tensorflow", "image"),
    ("tensorflow", "linalg"),
    ("tensorflow", "random"),
)
"""The modules that have only functions of tensors."""

SETTINGS = {"image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7, "backend": "numpy"}
SETTINGS |= {"image_dim_ordering": "tf"}
"""What functions of Keras say that ask how it is set."""
LISTING_DEVICES = ("get_visible_devices", "list_logical_devices", "list_physical_devices")
WITHOUT_GPUS: dict[str, Any] = {
    "_get_available_gpus": [],
    "gpu_device_name": "",
    "is_built_with_cuda": False,
    "is_gpu_available": False,
}
"""What functions say that ask for GPUs: the generated file runs on the CPU."""

IGNORED = ("name",)
"""What functions of TensorFlow take and does nothing here."""

TWINS: dict[str, tuple[str, ...]] = {
    # number by number
    "add": ("tf/math.add(x:x1, y:x2)", "K.bias_add(x:x1, bias:x2)", "tf.nn.bias_add(value:x1, bias:x2)"),
    "subtract": ("tf/math.subtract(x:x1, y:x2)",),
    "multiply": ("tf/math.multiply(x:x1, y:x2)",),
    "divide": ("tf/math.divide(x:x1, y:x2)", "tf.truediv(x:x1, y:x2)", "tf.math.truediv(x:x1, y:x2)"),
    "divide_no_nan": ("tf.math.divide_no_nan(x:x1, y:x2)",),
    "power": ("tf/math.pow(x:x1, y:x2)", "K.pow(x:x1, a:x2)"),
    "mod": ("tf/math.mod(x:x1, y:x2)", "tf/math.floormod(x:x1, y:x2)"),
    "floor_divide": ("tf/math.floordiv(x:x1, y:x2)",),
    "maximum": ("tf/math.maximum(x:x1, y:x2)", "K.maximum(x:x1, y:x2)"),
    "minimum": ("tf/math.minimum(x:x1, y:x2)", "K.minimum(x:x1, y:x2)"),
    "squared_difference": ("tf/math.squared_difference(x:x1, y:x2)",),
    "arctan2": ("tf/math.atan2(y:x1, x:x2)",),
    "negative": ("tf/math.negative(x)",),
    "absolute": ("tf/math.abs(x)", "K.abs(x)"),
    "square": ("tf/math.square(x)", "K.square(x)"),
    "sqrt": ("tf/math.sqrt(x)", "K.sqrt(x)"),
    "rsqrt": ("tf.math.rsqrt(x)",),
    "reciprocal": ("tf.math.reciprocal(x)",),
    "exp": ("tf/math.exp(x)", "K.exp(x)"),
    "expm1": ("tf.math.expm1(x)",),
    "log": ("tf.math.log(x)", "K.log(x)"),
    "log1p": ("tf.math.log1p(x)",),
    "sin": ("tf/math.sin(x)", "K.sin(x)"),
    "cos": ("tf/math.cos(x)", "K.cos(x)"),
    "tan": ("tf/math.tan(x)",),
    "sinh": ("tf/math.sinh(x)",),
    "cosh": ("tf/math.cosh(x)",),
    "arcsin": ("tf/math.asin(x)",),
    "arccos": ("tf/math.acos(x)",),
    "arctan": ("tf/math.atan(x)",),
    "arcsinh": ("tf/math.asinh(x)",),
    "arccosh": ("tf/math.acosh(x)",),
    "arctanh": ("tf/math.atanh(x)",),
    "erf": ("tf.math.erf(x)",),
    "sign": ("tf/math.sign(x)", "K.sign(x)"),
    "floor": ("tf/math.floor(x)",),
    "ceil": ("tf.math.ceil(x)",),
    "round": ("tf/math.round(x)", "K.round(x)"),
    "isnan": ("tf.math.is_nan(x)",),
    "isfinite": ("tf.math.is_finite(x)",),
    "clip": (
        "tf.clip_by_value(t:x, clip_value_min:x_min, clip_value_max:x_max)",
        "K.clip(x, min_value:x_min, max_value:x_max)",
    ),
    "stop_gradient": ("tf.stop_gradient(input:variable)", "K.stop_gradient(variables:variable)"),
    "cast": ("tf.cast(x, dtype)", "K.cast(x, dtype)"),
    # comparisons
    "equal": ("tf/math.equal(x:x1, y:x2)", "K.equal(x:x1, y:x2)"),
    "not_equal": ("tf/math.not_equal(x:x1, y:x2)", "K.not_equal(x:x1, y:x2)"),
    "greater": ("tf/math.greater(x:x1, y:x2)", "K.greater(x:x1, y:x2)"),
    "greater_equal": ("tf/math.greater_equal(x:x1, y:x2)", "K.greater_equal(x:x1, y:x2)"),
    "less": ("tf/math.less(x:x1, y:x2)", "K.less(x:x1, y:x2)"),
    "less_equal": ("tf/math.less_equal(x:x1, y:x2)", "K.less_equal(x:x1, y:x2)"),
    "logical_and": ("tf/math.logical_and(x:x1, y:x2)",),
    "logical_or": ("tf/math.logical_or(x:x1, y:x2)",),
    "logical_xor": ("tf.math.logical_xor(x:x1, y:x2)",),
    "logical_not": ("tf/math.logical_not(x)",),
    # along axes
    "sum": ("tf/math.reduce_sum(input_tensor:x, axis, keepdims)", "K.sum(x, axis, keepdims)"),
    "mean": ("tf/math.reduce_mean(input_tensor:x, axis, keepdims)", "K.mean(x, axis, keepdims)"),
    "max": ("tf/math.reduce_max(input_tensor:x, axis, keepdims)", "K.max(x, axis, keepdims)"),
    "min": ("tf/math.reduce_min(input_tensor:x, axis, keepdims)", "K.min(x, axis, keepdims)"),
    "prod": ("tf/math.reduce_prod(input_tensor:x, axis, keepdims)", "K.prod(x, axis, keepdims)"),
    "any": ("tf/math.reduce_any(input_tensor:x, axis, keepdims)", "K.any(x, axis, keepdims)"),
    "all": ("tf/math.reduce_all(input_tensor:x, axis, keepdims)", "K.all(x, axis, keepdims)"),
    "var": ("tf.math.reduce_variance(input_tensor:x, axis, keepdims)", "K.var(x, axis, keepdims)"),
    "std": ("tf.math.reduce_std(input_tensor:x, axis, keepdims)", "K.std(x, axis, keepdims)"),
    "logsumexp": ("tf/math.reduce_logsumexp(input_tensor:x, axis, keepdims)", "K.logsumexp(x, axis, keepdims)"),
    "argmax": ("tf/math.argmax(input:x, axis=0)", "K.argmax(x, axis=-1)"),
    "argmin": ("tf/math.argmin(input:x, axis=0)", "K.argmin(x, axis=-1)"),
    "count_nonzero": ("tf.math.count_nonzero(input:x, axis)",),
    # shapes
    "reshape": ("tf.reshape(tensor:x, shape:newshape)", "K.reshape(x, shape:newshape)", "ops.reshape(x, newshape)"),
    "transpose": ("tf.transpose(a:x, perm:axes)", "K.transpose(x)", "K.permute_dimensions(x, pattern:axes)"),
    "matrix_transpose": ("tf.linalg.matrix_transpose(a:x)",),
    "expand_dims": ("tf.expand_dims(input:x, axis)", "K.expand_dims(x, axis=-1)"),
    "squeeze": ("tf.squeeze(input:x, axis)", "K.squeeze(x, axis)"),
    "concatenate": ("tf.concat(values:xs, axis)", "K.concatenate(tensors:xs, axis=-1)"),
    "stack": ("tf.stack(values:x, axis)", "K.stack(x, axis)"),
    "repeat": ("tf.repeat(input:x, repeats, axis)", "K.repeat_elements(x, rep:repeats, axis)"),
    "tile": ("tf.tile(input:x, multiples:repeats)", "K.tile(x, n:repeats)"),
    "flip": ("tf.reverse(tensor:x, axis)", "K.reverse(x, axes:axis)"),
    "roll": ("tf.roll(input:x, shift, axis)",),
    "pad": ("tf.pad(tensor:x, paddings:pad_width, mode='CONSTANT', constant_values)",),
    "broadcast_to": ("tf.broadcast_to(input:x, shape)",),
    "batch_flatten": ("K.batch_flatten(x)",),
    "ravel": ("K.flatten(x)",),
    "split": ("tf.split(value:x, num_or_size_splits:indices_or_sections, axis=0)",),
    "unstack": ("tf.unstack(value:x, num, axis)",),
    # choosing
    "where": ("tf.where(condition, x:x1, y:x2)", "K.switch(condition, then_expression:x1, else_expression:x2)"),
    "take": ("tf.gather(params:x, indices, axis=0)", "K.gather(reference:x, indices, axis=0)"),
    "one_hot": ("tf.one_hot(indices:x, depth:num_classes, axis, dtype)", "K.one_hot(indices:x, num_classes)"),
    "cumsum": ("tf/math.cumsum(x, axis=0)", "K.cumsum(x, axis=0)"),
    "sort": ("tf.sort(values:x, axis)",),
    "argsort": ("tf.argsort(values:x, axis)",),
    "top_k": ("ops.top_k(x, k, sorted)", "tf/math.top_k(input:x, k, sorted)", "tf.nn.top_k(input:x, k, sorted)"),
    "moments": ("ops.moments(x, axes, keepdims)", "tf.nn.moments(x, axes, shift, keepdims)"),
    "extract_patches": (
        "keras.ops.image.extract_patches(images:x, size, strides, dilation_rate, padding)",
        "tf.image.extract_patches(images:x, sizes:size, strides, rates:dilation_rate, padding)",
    ),
    # windows
    "convolution": (
        "ops.conv(inputs:x, kernel, strides, padding, data_format, dilation_rate)",
        "tf.nn.convolution(input:x, filters:kernel, strides, padding, data_format, dilations:dilation_rate)",
        "tf.nn.conv1d(input:x, filters:kernel, stride:strides, padding, data_format, dilations:dilation_rate)",
        "tf.nn.conv2d(input:x, filters:kernel, strides, padding, data_format, dilations:dilation_rate)",
        "tf.nn.conv3d(input:x, filters:kernel, strides, padding, data_format, dilations:dilation_rate)",
        "K.conv1d(x, kernel, strides, padding, data_format, dilation_rate)",
        "K.conv2d(x, kernel, strides, padding, data_format, dilation_rate)",
    ),
    "depthwise_convolution": (
        "ops.depthwise_conv(inputs:x, kernel, strides, padding, data_format, dilation_rate)",
        "tf.nn.depthwise_conv2d(input:x, filter:kernel, strides, padding, data_format, dilations:dilation_rate)",
        "K.depthwise_conv2d(x, depthwise_kernel:kernel, strides, padding, data_format, dilation_rate)",
    ),
    "max_pooling": (
        "ops.max_pool(inputs:x, pool_size, strides, padding, data_format)",
        "tf.nn.max_pool(input:x, ksize:pool_size, strides, padding, data_format)",
        "tf.nn.max_pool1d(input:x, ksize:pool_size, strides, padding, data_format)",
        "tf.nn.max_pool2d(input:x, ksize:pool_size, strides, padding, data_format)",
    ),
    "average_pooling": (
        "ops.average_pool(inputs:x, pool_size, strides, padding, data_format)",
        "tf.nn.avg_pool(input:x, ksize:pool_size, strides, padding, data_format)",
        "tf.nn.avg_pool1d(input:x, ksize:pool_size, strides, padding, data_format)",
        "tf.nn.avg_pool2d(input:x, ksize:pool_size, strides, padding, data_format)",
    ),
    "band_part": ("tf.linalg.band_part(input:x, num_lower, num_upper)",),
    # products
    "matrix_product": ("tf/linalg.matmul(a:x1, b:x2, transpose_a, transpose_b)",),
    "einsum": ("tf/linalg.einsum(equation:subscripts, inputs:operands)",),
    "tensordot": ("tf/linalg.tensordot(a:x1, b:x2, axes)",),
    "dot": ("K.dot(x:x1, y:x2)",),
    "batch_dot": ("K.batch_dot(x:x1, y:x2, axes)",),
    "norm": ("tf/linalg.norm(tensor:x, ord, axis, keepdims)",),
    "l2_normalize": (
        "tf/math.l2_normalize(x, axis, epsilon)",
        "tf.nn.l2_normalize(x, axis, epsilon)",
        "K.l2_normalize(x, axis)",
    ),
    # draws
    "random_normal": (
        "keras.random.normal(shape, mean, stddev, dtype, seed)",
        "tf.random.normal(shape, mean, stddev, dtype, seed)",
        "K.random_normal(shape, mean, stddev, dtype, seed)",
    ),
    "random_uniform": (
        "keras.random.uniform(shape, minval, maxval, dtype, seed)",
        "tf.random.uniform(shape, minval, maxval, dtype, seed)",
        "K.random_uniform(shape, minval, maxval, dtype, seed)",
    ),
    "random_dropout": ("keras.random.dropout(inputs, rate, noise_shape, seed)",),
    # constants
    "zeros": ("tf.zeros(shape, dtype)", "K.zeros(shape, dtype)"),
    "ones": ("tf.ones(shape, dtype)", "K.ones(shape, dtype)"),
    "full": ("tf.fill(dims:shape, value:fill_value)",),
    "tri": ("ops.tri(N:n, M:m, k, dtype)",),
    "eye": (
        "ops.eye(N:n, M:m, k, dtype)",
        "ops.identity(n, dtype)",
        "tf/linalg.eye(num_rows:n, num_columns:m)",
        "K.eye(size:n, dtype)",
    ),
    "arange": ("tf.range(start, limit:stop, delta:step=1, dtype)", "K.arange(start, stop, step, dtype)"),
    "linspace": ("tf.linspace(start, stop, num)",),
    "zeros_like": ("tf.zeros_like(input:x, dtype)", "K.zeros_like(x, dtype)"),
    "ones_like": ("tf.ones_like(input:x, dtype)", "K.ones_like(x, dtype)"),
    # activations
    "relu": ("ops.relu(x)", "tf.nn.relu(features:x)", "K.relu(x, alpha:negative_slope, max_value, threshold)"),
    "relu6": ("ops.relu6(x)", "tf.nn.relu6(features:x)"),
    "leaky_relu": ("ops.leaky_relu(x, negative_slope)", "tf.nn.leaky_relu(features:x, alpha:negative_slope)"),
    "sigmoid": ("ops.sigmoid(x)", "tf/math.sigmoid(x)", "tf.nn.sigmoid(x)", "K.sigmoid(x)"),
    "hard_sigmoid": ("ops.hard_sigmoid(x)", "K.hard_sigmoid(x)"),
    "tanh": ("ops.tanh(x)", "tf/math.tanh(x)", "tf.nn.tanh(x)", "K.tanh(x)"),
    "softplus": ("ops.softplus(x)", "tf.math.softplus(features:x)", "tf.nn.softplus(features:x)", "K.softplus(x)"),
    "softsign": ("ops.softsign(x)", "tf.nn.softsign(features:x)", "tf.math.softsign(features:x)", "K.softsign(x)"),
    "elu": ("ops.elu(x, alpha)", "tf.nn.elu(features:x)", "K.elu(x, alpha)"),
    "selu": ("ops.selu(x)", "tf.nn.selu(features:x)"),
    "celu": ("ops.celu(x, alpha)",),
    "gelu": ("ops.gelu(x, approximate=True)", "tf.nn.gelu(features:x, approximate)"),
    "silu": ("ops.silu(x)", "ops.swish(x)", "tf.nn.silu(features:x)", "tf.nn.swish(features:x)"),
    "hard_silu": ("ops.hard_silu(x)", "ops.hard_swish(x)"),
    "mish": ("ops.mish(x)",),
    "log_sigmoid": ("ops.log_sigmoid(x)", "tf.math.log_sigmoid(x)"),
    "hard_tanh": ("ops.hard_tanh(x)",),
    "hard_shrink": ("ops.hard_shrink(x, threshold)",),
    "soft_shrink": ("ops.soft_shrink(x, threshold)",),
    "tanh_shrink": ("ops.tanh_shrink(x)",),
    "threshold": ("ops.threshold(x, threshold, default_value)",),
    "squareplus": ("ops.squareplus(x, b)",),
    "sparse_plus": ("ops.sparse_plus(x)",),
    "sparsemax": ("ops.sparsemax(x, axis)",),
    "softmax": ("ops.softmax(x, axis)", "tf.nn.softmax(logits:x, axis)", "K.softmax(x, axis)"),
    "log_softmax": ("ops.log_softmax(x, axis)", "tf.nn.log_softmax(logits:x, axis)"),
    # questions
    "epsilon": ("K.epsilon()",),
    "seed_generator": ("keras.random.SeedGenerator(seed)",),
    "shape": ("ops.shape(x)", "tf.shape(input:x)", "K.int_shape(x)", "K.shape(x)"),
    "size": ("ops.size(x)", "tf.size(input:x)"),
    "ndim": ("ops.ndim(x)", "tf.rank(input:x)", "K.ndim(x)"),
    "tensor": (
        "ops.convert_to_tensor(x, dtype)",
        "tf.convert_to_tensor(value:x, dtype)",
        "tf.constant(value:x, dtype)",
        "tf.identity(input:x)",
        "K.constant(value:x, dtype)",
        "K.identity(x)",
    ),
}


@dataclass(frozen=True)
class Argument:
    """An argument of a function: its name, that of the operation's, and its default if that is another one."""

    name: str
    ours: str
    default: object = ...


@dataclass(frozen=True)
class Spelling:
    """What a function is: an operation, an activation or a question, and its arguments in order."""

    target: str
    arguments: tuple[Argument, ...]


def spelling(path: tuple[str, ...]) -> Spelling | None:
    """What the function at this path is; None if gen does not have it."""
    known = _twins()
    if path in known:
        return known[path]
    if path[:2] == ("keras", "ops") and path[2:-1] in ((), ("nn",), ("numpy",), ("linalg",)):
        if (*path[:2], path[-1]) in known:
            return known[*path[:2], path[-1]]
        cls = operations.get(path[-1])
        return Spelling(path[-1], own_arguments(cls)) if cls is not None and cls.of_keras else None
    return None


def own_arguments(cls: type[Operation]) -> tuple[Argument, ...]:
    """The arguments of an operation: its operands, then its fields, unless it says another order."""
    fields = [item.name for item in parameters(cls)]
    operands = [cls.listed] if cls.listed else list(cls.operands())
    names = cls.argument_order or (*operands, *fields)
    return tuple(Argument(name.removesuffix("_") if name == "dtype_" else name, name) for name in names)


@cache
def _twins() -> dict[tuple[str, ...], Spelling]:
    return {path: made for target, texts in TWINS.items() for text in texts for path, made in _read(target, text)}


def _read(target: str, text: str) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    """The paths that a line of the table stands for, each with what it says."""
    name, _, inside = text.removesuffix(")").partition("(")
    arguments = tuple(_argument(item) for item in inside.split(", ") if item)
    module, _, function = name.rpartition(".")
    root, _, deeper = module.partition("/")
    paths = [root, f"{root}.{deeper}"] if deeper else [module]
    for path in paths:
        first, *rest = path.split(".")
        yield (*ROOTS[first], *rest, function), Spelling(target, arguments)


def _argument(text: str) -> Argument:
    said, equals, default = text.partition("=")
    name, _, ours = said.partition(":")
    ours = ours or name
    return Argument(name, "dtype_" if ours == "dtype" else ours, ast.literal_eval(default) if equals else ...)


def is_activation(target: str) -> bool:
    """Whether a function is an activation."""
    return target not in operations and target in registry["activation"]


def names(path: tuple[str, ...]) -> list[str]:
    """The functions that a module has, sorted."""
    found = {each[-1] for each in _twins() if each[:-1] == path}
    if path == ("keras", "ops"):
        found |= {name for name, cls in operations.items() if cls.of_keras}
    return sorted(found)
