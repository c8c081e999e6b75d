"""The text of a `.nn` file as Keras runs it: each word that gen knows without an import is Keras' own."""

from __future__ import annotations

from typing import Any

import keras

from gen.components.base import registry


def run(text: str, dtype: str = "float64") -> keras.Model:
    """The model of a `.nn` text, made by Keras."""
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    names = words()
    exec(text, names)
    return names["model"]


def words() -> dict[str, Any]:
    """What a `.nn` text may call without importing it."""
    found: dict[str, Any] = {"np": __import__("numpy"), "keras": keras, "ops": keras.ops, "Input": _input}
    for kind, module in (
        ("initializer", keras.initializers),
        ("regularizer", keras.regularizers),
        ("constraint", keras.constraints),
        ("loss", keras.losses),
        ("metric", keras.metrics),
        ("optimizer", keras.optimizers),
        ("layer", keras.layers),
        ("activation", keras.activations),
    ):
        for name in registry[kind]:
            cls = registry[kind][name].__name__
            made = getattr(module, name, None) or getattr(module, cls, None)
            if kind in ("loss", "metric") and name == name.lower():
                made = _Word(name, getattr(module, cls, made))
            if made is not None:
                found[name] = made
    found |= {name: getattr(keras, name) for name in ("Model", "Sequential")}
    for name in ("TimeDistributed", "Bidirectional", "RNN", "LSTMCell", "GRUCell", "SimpleRNNCell", "Lambda", "Layer"):
        found[name] = getattr(keras.layers, name)
    return found | {name: name for name in ("int32", "int64", "float32", "bool", "same", "valid", "causal", "accuracy")}


class _Word(str):
    """The name of a loss or a metric, which gives one with arguments when it is called."""

    def __new__(cls, name: str, made: Any) -> _Word:
        word = super().__new__(cls, name)
        word.made = made
        return word

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.made(*args, **options)


def _input(*shape: Any, dtype: str | None = None, **options: Any) -> Any:
    """`Input(8, 8)` and `Input(None, int32)`, which gen takes besides `Input((8, 8))`."""
    if shape and isinstance(shape[-1], str):
        shape, dtype = shape[:-1], shape[-1]
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return keras.Input(tuple(None if isinstance(size, str) else size for size in sizes), dtype=dtype, **options)
