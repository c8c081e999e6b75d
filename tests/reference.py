"""Rules run as they are: the reference that the compiler's output is compared with, in float64.

`backward` names the values of `forward` that it needs; they are read from `forward`'s frame when it returns.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from gen.components.base import Activation, Component, Layer, Loss, Regularizer
from gen.components.kernels import Array


def observe(rule: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    """What the rule returns, and the values that its names have by then."""
    code = getattr(rule, "__func__", rule).__code__
    values: dict[str, Any] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            values.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = rule(*arguments, **options)
    finally:
        sys.setprofile(before)
    return result, values


def names(rule: Callable[..., Any]) -> list[str]:
    """The parameters of a rule, `*inputs` as `inputs`."""
    return list(inspect.signature(rule).parameters)


def bind(rule: Callable[..., Any], values: dict[str, Any]) -> list[Any]:
    """The arguments of a rule from the values of its parameters by name; one that has no value is None."""
    arguments: list[Any] = []
    for parameter in inspect.signature(rule).parameters.values():
        value = values.get(parameter.name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments += value or ()
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            arguments.append(value)
    return arguments


def by_name(rule: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a rule that can be given by name alone."""
    found = inspect.signature(rule).parameters.values()
    return {
        parameter.name: values.get(parameter.name) for parameter in found if parameter.kind is parameter.KEYWORD_ONLY
    }


class Run:
    """One run of a layer: `y`, and the gradients by the name of what they belong to, inputs as a list."""

    def __init__(
        self,
        layer: Layer,
        inputs: list[Array],
        weights: dict[str, Array],
        dy: Array | None = None,
        seed: int = 0,
    ) -> None:
        rules: Any = layer
        inputs_named = names(layer.output)
        merges = inputs_named == ["inputs"]
        given = {**weights, **({"inputs": tuple(inputs)} if merges else dict(zip(inputs_named, inputs, strict=True)))}
        given["rng"] = np.random.default_rng(seed)
        given["masks"] = (None,) * len(inputs)
        y, values = observe(rules.forward, *bind(rules.forward, given), **by_name(rules.forward, given))
        self.y: Array = y
        self.values = {**given, **values, "y": y}
        if dy is None:
            return
        result = rules.backward(*bind(rules.backward, {**self.values, "dy": dy}))
        parts = list(result) if isinstance(result, tuple) else [result]
        self.dinputs = parts[: len(inputs)]
        trained = [name for name, weight in layer.weights(*(x.shape for x in inputs)).items() if weight.trainable]
        self.dweights = dict(zip(trained, parts[len(inputs) :], strict=True))


def activate(activation: Activation, x: Array, dy: Array | None = None) -> tuple[Array, Any]:
    """The result of an activation, and the gradient of its argument."""
    rules: Any = activation
    y, values = observe(rules.forward, x)
    if dy is None:
        return y, None
    return y, rules.backward(*bind(rules.backward, {**values, "y": y, "dy": dy}))


def lose(loss: Loss, y_true: Array, y_pred: Array, scale: float) -> tuple[Array, Array]:
    """The values of a loss row by row, and the gradient by what it was given."""
    rules: Any = loss
    result, values = observe(rules.forward, y_true, y_pred)
    if isinstance(result, tuple):
        result, _ = result
    return result, rules.backward(*bind(rules.backward, {**values, "scale": scale}))


def penalize(regularizer: Regularizer, w: Array) -> tuple[Array, Array]:
    """The penalty on a weight, and its gradient."""
    rules: Any = regularizer
    return rules.forward(w), rules.backward(w)


def slope(function: Callable[[Array], Array], x: Array, direction: Array, step: float = 1e-6) -> Array:
    """The gradient by `x` of Σ direction · function(x), by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        bump = np.zeros_like(x)
        bump[place] = step
        gradient[place] = np.sum(direction * (function(x + bump) - function(x - bump))) / (2 * step)
    return gradient


def of_kind(registered: dict[str, type[Component]]) -> list[type[Component]]:
    """The components of a kind, each once."""
    return list(dict.fromkeys(registered.values()))
