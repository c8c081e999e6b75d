"""Random pieces of Python that describe models: operations, functions with conditions, classes, and lambdas.

Each is drawn for a tensor of some shape, and is text that Keras runs and gen reads: `tests/random_models.py` puts them
between the layers of its models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Draw = Callable[..., Any]
"""One of its arguments."""
Shape = tuple[int | None, ...]
"""Without the batch; None for steps that only data decide."""

REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp")
PLAIN = (
    "ops.tanh({x})",
    "ops.exp(-ops.square({x}))",
    "ops.sqrt(1.0 + ops.abs({x}))",
    "ops.log1p({x} ** 2)",
    "ops.sin({x}) * ops.cos({x} / 2)",
    "ops.arctan({x}) + ops.erf({x})",
    "ops.rsqrt({x} * {x} + 0.5)",
    "ops.clip({x}, -0.5, 0.75)",
    "ops.where({x} > 0, {x}, 0.1 * {x})",
    "ops.where(ops.logical_and({x} > -1, {x} < 1), ops.square({x}), {x})",
    "{x} / (1 + ops.abs({x}))",
    "ops.maximum({x}, 0.2) - ops.minimum({x}, 0.1)",
    "ops.softmax({x})",
    "ops.softmax({x}, axis=1)",
    "ops.log_softmax({x}) * 0.1",
    "ops.silu({x})",
    "ops.gelu({x}, approximate=False)",
    "ops.leaky_relu({x}, negative_slope=0.3)",
    "ops.stop_gradient({x}) * {x}",
    "ops.cast({x} > 0, {x}.dtype) * {x}",
    "ops.cast(ops.greater_equal({x}, {y}), 'float64') - 0.5 + {y}",
    "ops.square({x} - {y})",
    "ops.logaddexp({x}, {y})",
    "ops.add({x}, ops.multiply({y}, 0.5))",
    "ops.arctan2({x}, 2.0 + ops.square({y}))",
    "({x} - ops.mean({x}, axis=-1, keepdims=True)) / ops.sqrt(ops.var({x}, axis=-1, keepdims=True) + 1e-3)",
    "{x} - ops.max({x}, axis=1, keepdims=True)",
    "ops.flip({x}, axis=-1)",
    "ops.roll({x}, 1, axis=-1)",
    "ops.cumsum({x}, axis=-1)",
    "ops.sort({x}, axis=-1)",
    "ops.normalize({x}, axis=-1)",
    "ops.concatenate([{x}, {y}], axis=-1)",
    "ops.concatenate([{x}, ops.ones_like({y})], axis=1)",
    "ops.repeat({x}, 2, axis=-1)",
    "ops.expand_dims({x}, axis=1)",
    "ops.expand_dims({x}, -1)",
    "ops.stack([{x}, {y}], axis=1)",
    "ops.split({x}, {last}, axis=-1)[0]",
    "sum(ops.unstack({x}, axis=-1))",
    "ops.one_hot(ops.argmax({x}, axis=-1), {last}) + {x}",
    "ops.take({x}, [{last} - 1, 0], axis=-1)",
    "{x}[..., ::-1]",
    "{x}[..., :1] * {y}",
    "{x}[..., -1]",
    "ops.reshape({x}, (-1, {size}))",
    "ops.reshape({x}, (-1,) + tuple({x}.shape[1:]) + (1,))",
    "{x} + ops.arange({last}, dtype='float64')",
    "{x} * ops.linspace(0.5, 1.5, {last})",
    "{x} @ ops.eye({last})",
    "ops.matmul({x}, np.full(({last}, 2), 0.25))",
    "ops.tile({x}, [1] * {rank} + [2])",
)
"""Expressions of `x`, a tensor of any rank, and of `y`, one of the same shape."""
SEQUENCES = (
    "ops.transpose({x}, (0, 2, 1))",
    "ops.swapaxes({x}, 1, 2)",
    "ops.einsum('btc,bsc->bts', {x}, {y})",
    "ops.einsum('btc,bt->bc', {x}, {x}[:, :, 0])",
    "ops.matmul(ops.transpose({x}, (0, 2, 1)), {y})",
    "ops.softmax(ops.matmul({x}, ops.transpose({y}, (0, 2, 1))) / ops.sqrt(float({last})), axis=-1) @ {x}",
    "ops.pad({x}, [[0, 0], [1, 0], [0, 2]])",
    "{x}[:, 1:] - {x}[:, :-1]",
    "{x}[:, 0] + {y}[:, -1]",
    "{x}[:, None, 0]",
    "ops.cumsum({x}, axis=1)",
    "ops.flip({x}, axis=1)",
    "ops.max({x}, axis=(1, 2))",
    "ops.tensordot({x}, np.ones(({last}, 2)) / 4, axes=1)",
)


def operation(one_of: Draw, x: str, y: str, shape: Shape) -> str:
    """An expression of two tensors of one shape."""
    texts: list[str] = [*PLAIN, *(SEQUENCES if len(shape) == 2 else ())]
    reduction, keep = one_of(*REDUCTIONS), one_of("", ", keepdims=True")
    axis = one_of(-1, *range(1, len(shape) + 1))
    texts += [f"ops.{reduction}({{x}}, axis={axis}{keep})"] * 6
    size = "-1" if None in shape else str(_product(shape))
    return str(one_of(*texts)).format(x=x, y=y, last=shape[-1], rank=len(shape), size=size)


def _product(shape: Shape) -> int:
    product = 1
    for size in shape:
        product *= size or 1
    return product


def function(one_of: Draw, name: str, shape: Shape) -> tuple[str, str]:
    """A function that applies layers, and the arguments of a call between the tensor and the name of its layers."""
    body = one_of(BRANCHES, LOOPS, SKIPS, CLOSURES)
    inner = operation(one_of, "t", "t", shape)
    text = body.replace("NAME", name).replace("INNER", inner).replace("ACT", one_of("tanh", "sigmoid", "softplus"))
    return text, str(one_of("", ", 2", ", units=3, deep=False", ", 2, act=None", ", **{'units': 2}"))


BRANCHES = '''\
def NAME(t, units=3, deep=True, act='ACT', name='x'):
    """A block with a shortcut where it fits."""
    y = layers.Dense(units, activation=act, name=f'{name}_a')(t)
    if deep and units > 2:
        y = layers.Dense(units + 1, name='%s_b' % name)(y)
    elif act is None:
        y = ops.tanh(y)
    else:
        pass
    return y + t if y.shape[-1] == t.shape[-1] else layers.concatenate([y, t])
'''
LOOPS = """\
def NAME(t, units=3, deep=True, act='ACT', name='x'):
    sizes, found = [units * (i + 1) for i in range(3) if i != 1], []
    for i, size in enumerate(sizes):
        found.append(layers.Dense(size, name=name + '_' + str(i), activation=act)(t))
        if not deep:
            break
    else:
        found += [INNER]
    while len(found) > 2:
        found.pop()
    *others, last = found
    for each in others:
        last = layers.Concatenate()([last, each])
    return last
"""
SKIPS = """\
def NAME(t, units=3, deep=True, act='ACT', name='x'):
    def inner(h, count):
        if count <= 0:
            return h
        h = layers.LayerNormalization(name='{}_n{}'.format(name, count))(h)
        return inner(h * 0.5 + ops.tanh(h), count - 1)
    options = dict(activation=act) if act else {}
    y = inner(t, 2 if deep else 1)
    y = layers.Dense(t.shape[-1], **options, name=name + '_d')(y)
    return layers.Add()([y, t])
"""
CLOSURES = """\
def NAME(t, units=3, *rest, deep=True, act='ACT', name='x'):
    dense = lambda h, n: layers.Dense(n, act, name=name + f'_{n:02d}')(h)
    assert units >= 1, 'units'
    a, b = (dense(t, n) for n in (units, units + 1))
    both = {'a': a, 'b': b}
    y = layers.concatenate([both[key] for key in sorted(both, reverse=deep)])
    return y if (n := y.shape[-1]) > 2 else y * n
"""


def layer(one_of: Draw, name: str, shape: Shape) -> tuple[str, str]:
    """A class of a layer or a model, and what makes one, without its name."""
    body, inner = one_of(SCALED, STACKED, GATED, INHERITED), operation(one_of, "h", "h", shape)
    text = body.replace("CLASS", name).replace("INNER", inner).replace("ACT", one_of("tanh", "sigmoid", "softplus"))
    rate = one_of("", ", act='relu'", ", depth=1")
    return text.replace("BASE", one_of("layers.Layer", "Model")), f"{name}({one_of(2, 3)}{rate}, name="


SCALED = """\
class CLASS(layers.Layer):
    def __init__(self, units, act='ACT', depth=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.depth = units, depth
        self.act = layers.Activation(act)
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer='glorot_uniform', name='kernel')
        self.shift = self.add_weight(shape=(self.units,), initializer='zeros', name='shift')
        if self.depth > 1:
            self.scale = self.add_weight(shape=(), initializer='ones', name='scale')
    def call(self, h):
        y = ops.matmul(h, self.kernel) + self.shift
        return self.act(y * self.scale if self.depth > 1 else y)
"""
STACKED = """\
class CLASS(BASE):
    def __init__(self, units, act='ACT', depth=2, **kwargs):
        super().__init__(**kwargs)
        self.stack = [layers.Dense(units + i, activation=act, name=f'stack_{i}') for i in range(depth)]
        self.norm = layers.LayerNormalization(name='norm')
        self.drop = layers.Dropout(0.0)
    def call(self, h, training=None):
        for each in self.stack:
            h = each(h)
        return self.drop(self.norm(h), training=training)
"""
GATED = """\
class CLASS(BASE):
    def __init__(self, units=3, act='ACT', depth=1, **kwargs):
        super(CLASS, self).__init__(**kwargs)
        self.units = units
        self.value, self.gate = layers.Dense(units, name='value'), layers.Dense(units, act, name='gate')
        self.parts = {'last': layers.Dense(units, use_bias=False, name='last')} if depth > 1 else {}
    def mix(self, a, b):
        return a * b + (1 - b) * self.factor
    @property
    def factor(self):
        return 0.5
    def call(self, h):
        y = self.mix(self.value(h), self.gate(h))
        return self.parts['last'](y) if 'last' in self.parts else y
"""
INHERITED = """\
class CLASS_base(layers.Layer):
    depth = 1
    def __init__(self, units, act='ACT', depth=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.act = units, act
        self.depth = depth or self.depth
    def call(self, h):
        return INNER
class CLASS(CLASS_base):
    depth = 2
    def build(self, input_shape):
        self.inner = [layers.Dense(self.units, name='inner%d' % i) for i in range(self.depth)]
    def call(self, h):
        y = super().call(h)
        return ops.tanh(y) * 0.5
"""


def lambda_(one_of: Draw, shape: Shape) -> str:
    """A Lambda layer without its name."""
    return f"Lambda(lambda t: {operation(one_of, 't', 't', shape)})"
