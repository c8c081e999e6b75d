"""Loops over the steps of a sequence, as rules write them.

With `scan`, a rule says what happens at one step, in ordinary NumPy.  It runs as it is.  The compiler reads the
function of a step as it reads a rule.  It moves whatever does not depend on the states before or after the loop, where
it runs for all steps at once, and writes a `for` around the rest (`gen/program/lower/loops.py`).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np

from gen.components import rules
from gen.components.kernels import Array
from gen.dims import Shape

Tree: TypeAlias = "Array | dict[str, Any] | None"
"""An array, None, or a dict of these."""


@dataclass(frozen=True)
class Zeros:
    """A first state that is all zeros."""

    shape: Shape


def scan(
    step: Callable[..., Any],
    states: Mapping[str, Any],
    sequences: Mapping[str, Any],
    constants: Mapping[str, Any],
    every: bool = False,
    backwards: bool = False,
) -> tuple[dict[str, Array], dict[str, Any], dict[str, Any]]:
    """Run `step(states, at, constants)` for each step; returns the states, the stacked results, and the summed results.

    `step` is a plain function; `at` holds the part of each array in `sequences`, (steps, …), that belongs to the step.
    It returns three dicts.  The loop hands the first on as `states`, stacks the arrays of the second with steps as the
    first axis, and adds up the third.  `scan` returns the last states, or with `every` all states, (steps + 1, …),
    including the first.  `backwards` starts with the last step.

    Do not use what is stacked at a step where `np.where` keeps a state as it was.
    """
    steps, dtype = next((len(leaf), leaf.dtype) for leaf in _leaves(sequences) if leaf.dtype.kind == "f")
    now = {name: _zeros(first.shape, dtype) if isinstance(first, Zeros) else first for name, first in states.items()}
    history, stacked, summed = [now], [], []
    for place in reversed(range(steps)) if backwards else range(steps):
        now, each, parts = step(now, _map(operator.itemgetter(place), sequences), constants)
        history.append(now)
        stacked.append(each)
        summed.append(parts)
    if backwards:
        stacked.reverse()
    states = {name: np.stack([state[name] for state in history]) for name in now} if every else now
    return states, _join(np.stack, stacked), _join(sum, summed)


def applied(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    given: Mapping[str, Any],
    constants: Mapping[str, Any] = {},  # it is only read
) -> tuple[Any, dict[str, Any]]:
    """The result of `forward` for the arguments that it names, and by name the values that `backward` asks for.

    `forward` takes its arguments from `given` and `constants`.  The values are those that `backward` has as a parameter
    and `forward` as a local name, and the result as `y`, but not the `constants`.
    """
    function = forward.__func__ if hasattr(forward, "__func__") else forward
    everything = {**given, **constants}
    taken = {name: everything[name] for name in rules.parameter_names(function)}
    owner = (forward.__self__,) if hasattr(forward, "__self__") else ()
    result, names = _showing_its_names(function)(*owner, **taken)
    return result, kept_names(backward, {**given, **names, "y": result}, constants)


def kept_names(backward: Any, names: Mapping[str, Any], constants: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `names` that are parameters of `backward` and not constants."""
    asked = rules.parameter_names(getattr(backward, "__func__", backward))
    return {name: names[name] for name in asked if name in names and name not in constants}


def called(rule: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The results of `rule` for those of `given` that it names, by the names in its `return`."""
    function = getattr(rule, "__func__", rule)
    result = rule(**{name: given[name] for name in rules.parameter_names(function)})
    names = rules.names_in(rules.definition(function).body[-1].value)  # type: ignore[attr-defined]  # a rule ends with its `return`
    return dict(zip(names, result if len(names) > 1 else (result,), strict=True))


@cache
def _showing_its_names(function: FunctionType) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """`function`, changed so that it returns its local names besides its result."""
    node = rules.parsed(function)
    for part in ast.walk(node):
        if isinstance(part, ast.Return) and part.value is not None:
            names = ast.Call(ast.Name("locals", ast.Load()), [], [])
            part.value = ast.Tuple([part.value, names], ast.Load())
    node.decorator_list, node.returns = [], None
    for argument in (*node.args.args, *node.args.kwonlyargs):
        argument.annotation = None
    found: dict[str, Any] = {}
    module = ast.fix_missing_locations(ast.Module([node], []))
    exec(compile(module, function.__code__.co_filename, "exec"), function.__globals__, found)
    return found[node.name]  # type: ignore[no-any-return]  # the function that was defined


def _zeros(shape: Any, dtype: Any) -> Array:
    return np.zeros(shape, dtype)


def _leaves(tree: Any) -> list[Array]:
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return [] if tree is None else [tree]


def _map(change: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _map(change, part) for name, part in tree.items()}
    return None if tree is None else change(tree)


def _join(how: Callable[..., Any], trees: list[Any]) -> Any:
    if isinstance(trees[0], Mapping):
        return {name: _join(how, [tree[name] for tree in trees]) for name in trees[0]}
    return None if trees[0] is None else how(trees)
