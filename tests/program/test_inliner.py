"""The generated file does what a rule does when it runs as it is, whatever the rule says; or the rule is refused.

Each case is the body of a rule.  It is run on arrays, and the file that is built of it predicts on the same arrays.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen.components.base import registry
from gen.components.rules import FenceError
from tests.building import build

HEAD = """
import math
import random
from functools import cache, wraps

import numpy as np

from gen.components.base import Layer, component

SCALE = 3.0
OPTIONS = {"axis": 2}
ORDER = {"order": "F"}


def twice(a, factor=2.0, *rest, shift=0.0, **others):
    for item in rest:
        a = a + item
    for name in sorted(others):
        a = a * others[name]
    return a * factor + shift


def swapped(a, b):
    return b, a


def deep(a, count):
    return a if count == 0 else deep(a + 1.0, count - 1)


def endless(a):
    return endless(a + 1.0)


def _made(factor):
    SCALE = 2.0 * factor

    def scaled(a):
        return a * SCALE

    return scaled


scaled = _made(2.0)


def _changed(rule):
    @wraps(rule)
    def changed(a):
        return rule(a) + 1.0

    return changed


@_changed
def decorated(a):
    return a * 2.0


nameless = lambda a: a * 2.0


@component
class Probe{number}(Layer):
    factor: float = 1.5

    def output(self, x, ids):
        return (x[0], *SHAPE[1:])

    def dtype(self, *inputs):
        return "float"

    def helper(self, a, offset=1.0):
        return a * self.factor + offset

    def forward(self, x, ids):
"""
SAME = [
    # statements
    "y = z = x\n    return y",
    "y: object = x * 2.0\n    return y",
    "a, b = swapped(x, x * 2.0)\n    return a - b",
    "(a, b), c = swapped(x, x * 2.0), x\n    return a - b * c",
    "for i, factor in enumerate((1.0, 2.0), start=1):\n        x = x * factor + i\n    return x",
    "for i in range(3):\n        if i == 1:\n            return x + i\n    return x",
    "if x.ndim == 3 and x.shape[2] == 4:\n        return x\n    return x * 2.0",
    "if not self.factor:\n        return x\n    return x * 2.0",
    "assert x.ndim == 3\n    return x",
    "pass\n    return x",
    "'''docstring'''\n    return x",
    # operators
    "return +x * -x",
    "return -(-x)",
    "return x * -1",
    "return -1.0 * x",
    "return x ** 2 + x ** 0.5 + x ** -1 + x ** 3",
    "return 2.0 ** x",
    "return x // 2.0 + x % 2.0",
    "return x * (x > 1.0)",
    "return x * ((x > 0.5) & (x < 1.5)) + x * ((x > 1.5) | (x < 0.5)) + x * ~(x > 1.0)",
    "return x @ np.transpose(x, (0, 2, 1))",
    "return x @ x.T.transpose(2, 0, 1)",
    "return x + (x is None) + (x is not None)",
    "return x * (0 < x.ndim < 4) * (1 if 3 in x.shape[1:] else 2)",
    "return x * (self.factor or 2.0) + (0.0 and 5.0) + (None is not None or 3.0)",
    "n = x.shape[0] / 4\n    return x * n + +n - (-n)",
    "n = x.shape[0] / 4\n    return x * (2.0 * (0.25 / n)) + (6 / n) / 3 + n ** 2 + n // 2 + n % 2 + (1 - n)",
    "n = x.shape[0] / 4\n    return x * max(n, 0.5) * min(1.0, n, 3.0) * abs(-n) * math.sqrt(n) * float(n)",
    "return x * x.shape[0] * (x.shape[0] + 1) * (x.shape[0] * 2 // 2)",
    "return x * ids.shape[0] + x.size / x.shape[0]",
    "return x * len(x) + len((x, x)) + len(x.shape)",
    "return x * (isinstance(x, np.ndarray) + isinstance(x, tuple) + 2 * isinstance(x.shape[0], int))",
    "return x * np.sqrt(2.0) + np.abs(-3.0) + math.pi",
    # integers and truths
    "return x * (ids * 0.5)[:, :, None] + (ids * 2 - 1)[:, :, None] + (ids // 2 % 2)[:, :, None]",
    "return x + np.add.reduce(ids, axis=1)[:, None, None] + np.add.reduce(ids > 1, axis=1, keepdims=True)[:, None]",
    "return x + np.maximum.reduce(ids, axis=-1)[:, None, None] * np.logical_or.reduce(ids > 1, axis=1)[:, None, None]",
    "return x * np.maximum.reduce(ids > 1, axis=1)[:, None, None] + np.add.reduce(x > 1, axis=(1, 2))[:, None, None]",
    "return x * np.exp(ids)[:, :, None] + np.where(ids > 1, ids, 0.5)[:, :, None]",
    "return x + np.where(ids > 1, ids, 7)[:, :, None] + np.where(ids > 1, 1.0, 0.0)[:, :, None]",
    "return x + np.equal(ids, 2)[:, :, None] + np.equal(ids > 1, x[:, :, 0] > 1)[:, :, None]",
    "return x * (ids / 2)[:, :, None] + (-ids)[:, :, None] + np.sign(ids)[:, :, None] + (ids ** 2)[:, :, None]",
    # what is made of tuples, lists and dicts
    "items = [x * i for i in range(4) if i if i != 2]\n    return items[0] + items[-1]",
    "i = 7.0\n    items = [x * i for i in range(3)]\n    return items[2] * i",
    "items = tuple(a * b for a in (x, x * 2.0) for b in (1.0, 3.0))\n    return items[1] - items[3]",
    "options = {**OPTIONS, 'keepdims': True}\n    return x - np.add.reduce(x, **options)",
    "items = {'a': x, **{'b': x * 2.0}}\n    return items['a'] + items['b']",
    "items = (*(x, x * 2.0), x * 3.0)\n    return items[2] - items[1]",
    "return np.concatenate([*[x, x * 2.0]], axis=2)[:, :, 2:6]",
    "a, b = list(zip((x, x * 2.0), (1.0, 2.0)))[1]\n    return a * b",
    # calls
    "return twice(x) + twice(x, 3.0) + twice(a=x, factor=4.0)",
    "return twice(x, 2.0, x, 3.0, shift=5.0) + twice(*(x, 2.0), **{'shift': 1.0, 'b': 3.0})",
    "return self.helper(x) + self.helper(x, offset=2.0) + self.helper(offset=0.0, a=x)",
    "return scaled(x) + SCALE",
    "return deep(x, 20)",
    "return x * getattr(self, 'factor') * round(2.6) * max(x.shape[1:]) * sum(x.shape[1:])",
    # the functions of NumPy
    "return x.reshape((-1, 12)).reshape(-1, 4, 3).transpose(0, 2, 1) + x.reshape(x.shape)",
    "return np.reshape(x, (-1, 3, 4)) + np.reshape(np.reshape(x, -1), x.shape)",
    "return x.reshape([-1, 2, 6])[:, :, :4]",
    "return np.transpose(np.transpose(x)) + x.transpose().transpose() + x.T.T + x.transpose(None).transpose(2, 1, 0)",
    "return x.transpose((-3, -1, -2)).swapaxes(1, 2) + np.swapaxes(x.swapaxes(-1, -2), axis1=2, axis2=1)",
    "return np.take(x.reshape(-1, 4), ids, axis=0, mode='clip')",
    "return np.add.reduce(x, axis=1, keepdims=True) + np.add.reduce(x, axis=-1)[:, :, None]",
    "return x + np.add.reduce(x, keepdims=True) + np.maximum.reduce(x, axis=None) + np.multiply.reduce(x, axis=(1, -1))"
    "[:, None, None]",
    "return x + x.argmax(axis=1)[:, None] + x.argmax(-1)[:, :, None] + np.argmax(x, axis=0)",
    "return np.where(x > 1.0, x, -x) + np.where(x > 1.0, x, 0.0) + np.where(x > 1.0, 1.0, 0.0)",
    "return np.concatenate((x, x), 1)[:, :3] + np.concatenate((x, x), axis=-1)[:, :, 4:] + np.stack((x, x), 1)[:, 1]",
    "return np.stack([x, x * 2.0], axis=-1)[..., 0] + np.stack((x, x * 2.0))[1]",
    "return x * np.ones_like(x) + np.zeros_like(x) + np.broadcast_to(x[:, :1], x.shape)",
    "return np.matmul(x, x.swapaxes(1, 2)) + x.reshape(-1, 12).dot(x.reshape(-1, 12).T)[:, :1, None]",
    "return x * np.count_nonzero(x > 1.0) + np.copy(x)",
    "return x + x.copy() + x.conj() + np.abs(-x) + np.true_divide(x, 2.0) + np.vdot(x, x)",
    "return np.maximum(x, 1.0) + np.minimum(x, 2.0) * np.exp(-x) + np.logaddexp(x, 1.0) + np.copysign(x, -1.0)",
    # indices
    "return x[:, ::-1, ::2] + x[:, -1:, 1:3] + x[..., 0:1] + x[:, 0, None, :2]",
    "return x[:, None, 1] * x[..., -1, :, None] + x[:, -2][:, :1, None]",
    "return x[:, 1:9]",
]  # fmt: skip
REFUSED = [
    # what a case has not looked at
    ("return x.reshape((-1, 3, 4), order='F')", "order"),
    ("return np.reshape(x, (-1, 3, 4), 'F')", "all that a rule may use"),
    ("return x.reshape((-1, 3, 4), **ORDER)", "order"),
    ("return x.reshape((-1, -1, 4))", "one size may be -1"),
    ("return x.reshape((-1, 5, 4))", "cannot reshape"),
    ("return x.reshape((-1, 3.0, 4))", "no shape"),
    ("return np.take(x, ids)", "axis"),
    ("return np.take(x, ids, axis=1)", "mode"),
    ("return np.take(x, ids, axis=1, mode='clip')", "axis=0"),
    ("return np.take(x.reshape(-1, 4), ids, axis=0)", "mode"),
    ("return np.take(x.reshape(-1, 4), ids, axis=0, mode='wrap')", "clip"),
    ("return np.take(x.reshape(-1, 4), x, axis=0, mode='clip')", "whole numbers"),
    ("return np.argmax(x, axis=1, keepdims=True) + x", "keepdims"),
    ("return x.argmax() + x", "axis"),
    ("return np.argmax(x, 7) + x", "no axis 7"),
    ("return np.add.reduce(x, axis=1, dtype=np.float32)[:, None] + x", "dtype"),
    ("return np.add.reduce(x, axis=1, initial=5.0)[:, None] + x", "initial"),
    ("return np.add.reduce(x, axis=1, where=x > 1.0)[:, None] + x", "where"),
    ("return np.add.reduce(x, axis=1, out=x)[:, None] + x", "out"),
    ("return np.add.reduce(x, 1, None, None, True) + x", "positional"),
    ("return np.add.reduce(x, axis=3) + x", "no axis 3"),
    ("return np.add.reduce(x, axis=(1, -2))[:, None, None] + x", "twice"),
    ("return np.add.reduce(x, axis=1, keepdims=1) + x", "True or False"),
    ("return np.add.reduce([x, x])", "arrays of the model"),
    ("return np.subtract.reduce(x, axis=1)[:, None] + x", "outside"),
    ("return np.add.accumulate(x, axis=1)", "outside"),
    ("np.add.at(x, 0, 1.0)\n    return x", "may not contain"),
    ("return np.add.outer(x, x)[:, :, :, 0, 0, 0]", "outside"),
    ("return np.exp(x, where=x > 1.0)", "where"),
    ("return np.exp(x, x)", "2 arguments"),
    ("return np.add(x, x, x)", "3 arguments"),
    ("return np.add(x, 1.0, dtype=np.float32)", "dtype"),
    ("return np.abs(x, out=x)", "out"),
    ("return np.absolute(x, x)", "2 arguments"),
    ("return x.copy(order='F')", "order"),
    ("return np.concatenate((x, x), axis=1, dtype=np.float32)[:, :3]", "dtype"),
    ("return np.concatenate((x, x), axis=None)", "no axis None"),
    ("return np.concatenate((x, x[:, :, :2]), axis=1)", "cannot concatenate"),
    ("return np.concatenate((x, 1.0), axis=1)", "arrays"),
    ("return np.concatenate(x)", "tuple of arrays"),
    ("return np.stack((x, x[:, :1]), axis=1)[:, 0]", "cannot stack"),
    ("return np.stack((x, x), axis=9)[:, 0]", "no axis 9"),
    ("return np.zeros_like(x, dtype=np.int32) + x", "dtype"),
    ("return np.ones_like(ids)[:, :, None] + x", "int32"),
    ("return np.broadcast_to(x, (2, 3, 4))", "broadcast"),
    ("return np.broadcast_to(x, x.shape, subok=True)", "subok"),
    ("return np.where(x > 1.0)[0] + x", "missing"),
    ("return np.where(x, x, 0.0)", "bool"),
    ("return np.where(x > 1.0, 1, 0) + x", "whole numbers"),
    ("return np.transpose(x, (0, 1))", "each axis"),
    ("return np.transpose(x, (0, 1, 1))", "each axis"),
    ("return np.transpose(x, (0, 5, 1))", "no axis 5"),
    ("return x.transpose(0)", "each axis"),
    ("return x.swapaxes(0, 4)", "no axis 4"),
    ("return np.dot(x, x.swapaxes(1, 2))", "more than two axes"),
    ("return np.vdot(x, x[:, :1]) + x", "cannot multiply"),
    ("return np.linalg.norm(x, axis=1)[:, None] + x", "outside"),
    ("return x.mean(axis=1)[:, None] + x", "slow wrapper"),
    ("return x.clip(0.0, 1.0)", "outside"),
    ("return x.exp()", "may not ask"),
    ("return x.astype(np.float32)", "outside"),
    ("return x.ravel()", "outside"),
    ("return x if x.flags else x + 1.0", "may not ask"),
    ("return x if x.dtype == np.float32 else x + 1.0", "may not ask"),
    ("return x if x.sort else x + 1.0", "calls"),
    ("return x * math.sqrt(x)", "outside|Array"),
    # operators
    ("return x + (not x)", "known when it is compiled"),
    ("return x * (not x.shape[0] / 4)", "known when it is compiled"),
    ("return x * ~(x.shape[0] / 4)", "known when it is compiled"),
    ("return x if x.shape[0] / 4 > 1 else -x", "known when it is compiled"),
    ("return x if x.shape[0] else -x", "size of the data"),
    ("return x if x.shape[0] == 6 else -x", "only when there are data"),
    ("return x if x.shape[0] in (1, 6) else -x", "only when there are data"),
    ("return x if x.shape == (6, 3, 4) else -x", "only when there are data"),
    ("return x if x.shape[0] > 3 else -x", "only when there are data"),
    ("return x if 0.0 < x else -x", "known when it is compiled"),
    ("return x * (0.0 < x < 1.0)", "known when it is compiled"),
    ("return x if x in (x,) else -x", "known when it is compiled"),
    ("return x if (x,) == (x,) else -x", "known when it is compiled"),
    ("y = x + 0\n    return x if y is x else -x", "is another one"),
    ("return x and x", "known when it is compiled"),
    ("return x or 1.0", "known when it is compiled"),
    ("return ~ids[:, :, None] + x", "bool alone"),
    ("return (ids & ids)[:, :, None] + x", "bool alone"),
    ("return (ids | 1)[:, :, None] + x", "bool alone"),
    ("return x * -(x > 1.0)", "array of bool"),
    ("return x * ((x > 1.0) + 1)", "array of bool"),
    ("return x * ((x > 1.0) ** 2)", "array of bool"),
    ("return x * ((x > 1.0) * -1)", "array of bool"),
    ("return x * ((x > 1.0) - (x > 2.0))", "array of bool"),
    ("return x * np.exp(x > 1.0)", "array of bool"),
    ("return np.floor(ids)[:, :, None] + x", "array of int32"),
    ("return x @ 2.0", "arrays of the model"),
    ("return (x > 1.0) @ (x > 1.0).swapaxes(1, 2) * x[:, :, :3]", "outside what a rule may use"),
    ("return x * 'a'", "of str"),
    ("return x * (x.shape[0] / 4 * (1, 2))", "tuple"),
    ("return x << 1", "LShift|outside|may not|x << 1"),
    ("return x ^ x", "BitXor|x \\^ x"),
    # statements and expressions
    ("for i in range(3):\n        x = x + i\n    else:\n        x = x * 2.0\n    return x", "may not contain"),
    ("for i in range(3):\n        break\n    return x", "may not contain"),
    ("for row in x:\n        x = x + row\n    return x", "known when it is compiled"),
    ("a, b = x\n    return a", "taken apart"),
    ("a, *b = (x, x)\n    return a", "on the left|binds names only"),
    ("a, b = (x, x, x)\n    return a", "3 values on the right"),
    ("[a, b] = (x, x)\n    return a", "binds names only"),
    ("self.y = x\n    return x", "binds names only"),
    ("x += 1.0\n    return x", "may not contain"),
    ("assert x.ndim == 2\n    return x", "does not hold"),
    ("assert (x > 0.0)\n    return x", "known when it is compiled"),
    ("return x + (y := 1.0)", "may not contain"),
    ("return x * len(f'{x}')", "may not contain"),
    ("return (lambda a: a)(x)", "may not contain"),
    ("return nameless(x)", "not a plain function"),
    ("def inner(a):\n        return a\n    return inner(x)", "may not contain"),
    ("return decorated(x)", "decorator"),
    ("return endless(x)", "goes too deep"),
    ("return x * len({i % 2 for i in range(4)})", "may not contain"),
    ("return x * {1, 2}.pop()", "may not contain"),
    ("return x * y", "not known"),
    ("y = x\n    return x * SCALES", "not known"),
    ("if self.factor > 9:\n        SCALE = 1.0\n    return x * SCALE", "no value yet"),
    ("return x + {'a': 1.0}['b']", "'b'"),
    ("return x + self.nothing", "nothing"),
    ("return x + (1, 2)[5]", "out of range"),
    ("return x + 1 // 0", "zero"),
    ("return x + (1, 2)[ids]", "by what is known"),
    # calls
    ("return twice(x, factor=2.0, **{'factor': 3.0})", "given twice"),
    ("return twice()", "missing"),
    ("return swapped(x, x, x)[0]", "too many"),
    ("return self.helper(x, offsets=2.0)", "offsets"),
    ("return twice(x, **x)", "known when it is compiled|takes a dict"),
    ("return x * max(x.shape[0] / 4, default=3.0)", "outside"),
    ("return x * max([x.shape[0] / 4])", "outside"),
    ("return x * int(x.shape[0] / 4, base=2)", "outside"),
    ("return x * round(x.shape[0] / 4)", "outside"),
    ("return x * random.random()", "each time"),
    ("return x * np.random.rand()", "each time"),
    ("return sum((x, x))", "outside"),
    ("return x * bool(x)", "outside"),
    ("return x * isinstance(x.shape[0] / 4, float)", "what kind of number"),
    ("return type(x)", "outside"),
    # indices
    ("return x[True]", "cannot index"),
    ("return x[:, 7][:, None] + x", "no item 7"),
    ("return x[:, -4][:, None] + x", "no item -4"),
    ("return x[:, [0, 1]]", "cannot index"),
    ("return x[x > 1.0]", "cannot index"),
    ("return x[:, :, :, 0]", "too many indices"),
    ("return x[:, ::0]", "steps of 0"),
    ("return x[:, 0.5:]", "whole numbers"),
    ("return x[..., ...]", "cannot index"),
]
NUMBER = itertools.count()


def probe(body: str, path: Path, shape: tuple[int, ...]) -> type[Any]:
    """The layer whose rule has this body; it is what `Probe` is called in the registry of layers."""
    number = next(NUMBER)
    path.write_text(HEAD.replace("{number}", str(number)) + " " * 8 + body.replace("\n", "\n    ") + "\n")
    module = ModuleType(f"probes_{number}")
    module.__dict__["SHAPE"] = shape
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return registry["layer"].pop(f"Probe{number}")


def given() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, 2.5, (6, 3, 4)), rng.integers(0, 4, (6, 3)).astype(np.int32)


MODEL = "x = Input(3, 4)\nids = Input(3, int32)\ny = Probe()(x, ids)\nmodel = Model([x, ids], y)\n"


@pytest.mark.parametrize("body", SAME)
def test_a_file_does_what_the_rule_does(body: str, tmp_path: Path, components_apart: None) -> None:
    x, ids = given()
    reference = probe(body, tmp_path / "rules.py", ())
    expected = np.asarray(reference().forward(x, ids))
    registry["layer"]["Probe"] = probe(body, tmp_path / "rules.py", expected.shape)
    module = build(MODEL)
    np.testing.assert_allclose(module.Model(1, np.float64).predict([x, ids]), expected, rtol=1e-12)


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_what_a_file_would_do_otherwise_is_refused_with_its_line(
    body: str, message: str, tmp_path: Path, components_apart: None
) -> None:
    path = tmp_path / "rules.py"
    registry["layer"]["Probe"] = probe(body, path, (6, 3, 4))
    with pytest.raises(FenceError, match=message) as refusal:
        build(MODEL)
    place = str(refusal.value).split(": ")[0]
    name, _, line = place.rpartition(":")
    assert name == str(path) and 1 <= int(line) <= len(path.read_text().splitlines())
