"""Assignment: what stands on the left of `=`, and how a value comes to its name, its item or its attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate import arrays
from gen.language.elaborate.attributes import set_attribute
from gen.language.elaborate.brackets import key_of
from gen.language.elaborate.builtin import iterated
from gen.language.elaborate.calls import call_method_of
from gen.language.elaborate.doubts import is_unknown, made_here, mark_value, peek
from gen.language.elaborate.expressions import combined
from gen.language.elaborate.operators import delete_item, set_item
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.running import Runner, RunningStatement, lost, plain
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    Binding,
    Data,
    Frame,
    Held,
    Method,
    ObjectValue,
    Site,
    TensorValue,
    Unknown,
    Value,
    describe_value,
    without_shape,
)


def assign(runner: Runner, statement: syntax.Assign, frame: Frame) -> None:
    """Run `x = value`."""
    targets, value = statement.targets, statement.value
    first = targets[0]
    whole = not isinstance(first, syntax.Tuple | syntax.List) or isinstance(value, syntax.Call)
    runner.statement = RunningStatement(statement.span, value if whole else None)
    _expect(runner, targets, value)
    result = made_here(runner.evaluate(value, frame), statement.span)
    outside = frame.kind == "file" and isinstance(first, syntax.Name) and first.id in runner.context.given
    if is_unknown(result) and not outside:
        runner.context.ignore(statement.span)
    for target in targets:
        runner.bind(target, result, value.span, frame)
    _note_set(runner, statement, frame)


def _note_set(runner: Runner, statement: syntax.Assign, frame: Frame) -> None:
    """Pass over a statement that sets parts of what nobody knows, unless something reads them."""
    owners = [
        peek(target.value, frame) if isinstance(target, syntax.Attribute | syntax.Index) else None
        for target in statement.targets
    ]
    unknown = [owner for owner in owners if isinstance(owner, Unknown)]
    if len(unknown) < len(owners):
        return
    runner.context.ignore(statement.span)
    for owner in unknown:
        for name, held in owner.known.items():
            if held.is_set and not held.made_by:
                owner.known[name] = replace(held, made_by=(statement.span,))


def _expect(runner: Runner, targets: Sequence[syntax.Target], value: syntax.Expr) -> None:
    """Note which variables the parts of `value` are bound to."""
    for target in targets:
        if isinstance(target, syntax.Name):
            runner.statement.targets.setdefault(id(value), target.id)
        elif isinstance(target, syntax.Attribute):
            runner.statement.targets.setdefault(id(value), target.name)
        elif isinstance(target, syntax.Tuple | syntax.List) and isinstance(value, syntax.Tuple | syntax.List):
            for each, part in zip(target.items, value.items, strict=False):
                _expect(runner, [each], part)  # type: ignore[list-item]  # the items of a target are targets


def bind(runner: Runner, target: syntax.Expr, value: Value, span: Span, frame: Frame) -> None:
    """Bind what `target` names to `value`, which stands at `span`."""
    match target:
        case syntax.Name(name):
            runner.names.bind(target.id, given_or(runner, name, value, frame), target.span, frame)
        case syntax.Attribute(owner):
            set_attribute(runner.context, runner.evaluate(owner, frame), target, value)
        case syntax.Index():
            _set_item(runner, target, value, frame)
        case syntax.Tuple(items) | syntax.List(items):
            for each, part in zip(items, _unpacked(runner, items, value, span), strict=True):
                runner.bind(each, part, span, frame)
        case syntax.Starred(inner):
            runner.bind(inner, value, span, frame)


def bind_quietly(runner: Runner, target: syntax.Target, value: Value, span: Span, frame: Frame) -> None:
    """Bind the target of a loop: values are not named after it, and nobody misses it if it is not read."""
    if isinstance(target, syntax.Name):
        frame.holding(target.id).bindings[target.id] = Binding(value, target.span, read=True)
    elif isinstance(target, syntax.Tuple | syntax.List):
        for each, part in zip(target.items, _unpacked(runner, target.items, value, span), strict=True):
            runner.bind_quietly(each, part, span, frame)  # type: ignore[arg-type]  # the items are targets
    elif isinstance(target, syntax.Starred):
        runner.bind_quietly(target.value, value, span, frame)  # type: ignore[arg-type]  # so is what a star stands before
    else:
        runner.bind(target, value, span, frame)


def given_or(runner: Runner, name: str, value: Value, frame: Frame) -> Value:
    """The value for a variable of the file that comes from outside, where there is one."""
    return runner.context.given.get(name, value) if frame.holding(name).kind == "file" else value


def _unpacked(runner: Runner, targets: Sequence[syntax.Expr], value: Value, span: Span) -> Sequence[Value]:
    """One value for each target."""
    if (gone := lost(value)) is not None:
        return [without_shape(gone) for _ in targets]
    try:
        items = iterated(value, "This assignment")
    except Problem:
        items = None
    star = next((i for i, target in enumerate(targets) if isinstance(target, syntax.Starred)), None)
    if items is not None and star is not None and len(items) >= len(targets) - 1:
        after = len(targets) - star - 1
        middle = items[star : len(items) - after]
        return [*items[:star], middle, *items[len(items) - after :]]
    if items is not None and star is None and len(items) == len(targets):
        return items
    count = f"{len(items)} values" if items is not None else describe_value(value)
    if isinstance(value, TensorValue):
        count = describe_value(value)
    message = f"There are {len(targets)} names on the left, and {count} on the right"
    runner.context.error("unpack-mismatch", span, message)
    return [WRONG] * len(targets)


def augment(runner: Runner, statement: syntax.AugAssign, frame: Frame) -> None:
    """Run `x += value`."""
    target = statement.target
    runner.statement = RunningStatement(statement.span, statement.value)
    before, value = runner.evaluate(target, frame), runner.evaluate(statement.value, frame)
    if isinstance(before, list) and statement.operator == "+" and lost(value) is None:
        extend = Method(before, "extend", statement.span)
        node = statement.value
        arguments = Arguments((Argument(value, node),), {}, {}, statement.span, statement.span, statement.span)
        call_method_of(runner, extend, arguments, frame.group)
        return
    site = Site(statement.span, statement.span, frame.group)
    result = combined(runner, statement.operator, before, value, site)
    if isinstance(result, Data):
        runner.context.ignore(statement.span)
        result = made_here(result, statement.span)
    if isinstance(before, np.ndarray) and isinstance(result, np.ndarray):
        result = plain(runner, statement.span, arrays.put, before, result)
    runner.bind(target, result, statement.span, frame)


def _set_item(runner: Runner, target: syntax.Index, value: Value, frame: Frame) -> None:
    owner, key = runner.evaluate(target.value, frame), key_of(runner, target, frame)
    if isinstance(owner, TensorValue):
        message = "The numbers of a tensor cannot be set"
        runner.context.error("bad-index", target.span, message, hint="make a new tensor: `keras.ops.where(…)`")
    elif isinstance(owner, np.ndarray) and (gone := lost(key, value)) is not None:
        mark_value(runner, owner, "[]", gone, target.span)
        runner.bind(target.value, gone, target.span, frame)
    elif lost(owner, key) is None:
        plain(runner, target.span, set_item, owner, key, value)
    elif isinstance(owner, Unknown) and isinstance(key, str):
        owner.known[f"[{key}]"] = Held(value)
    elif isinstance(owner, Unknown):
        owner.known.clear()
        if isinstance(owner, Data):
            owner.touch()
    elif isinstance(key, Unknown):
        mark_value(runner, owner, "[]", key, target.span)


def delete(runner: Runner, target: syntax.Expr, frame: Frame) -> None:
    """Run `del x`."""
    match target:
        case syntax.Name(name, span):
            if frame.holding(name).bindings.pop(name, None) is None:
                runner.context.error("unknown-name", span, f"There is no `{name}`")
        case syntax.Index():
            owner, key = runner.evaluate(target.value, frame), key_of(runner, target, frame)
            if lost(owner, key) is None:
                plain(runner, target.span, delete_item, owner, key)
        case syntax.Attribute(owner, name):
            held = runner.evaluate(owner, frame)
            if isinstance(held, ObjectValue):
                held.attributes.pop(name, None)
        case syntax.Tuple(items) | syntax.List(items):
            for each in items:
                delete(runner, each, frame)
