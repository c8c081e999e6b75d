"""What is not known and how it spreads: statements that are passed over, and what they would have bound and changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.changes import (
    CHANGING,
    MODEL_CHANGING,
    bound_names,
    changed_names,
    changes,
    leaves,
    makes_model,
)
from gen.language.elaborate.running import GOES_ON, Doubt, Lost, Runner, Signal
from gen.language.elaborate.values import (
    MOST_CAUSES,
    BidirectionalValue,
    Binding,
    Data,
    Distributed,
    Frame,
    FunctionValue,
    Held,
    LambdaValue,
    LayerValue,
    ModelValue,
    ObjectValue,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    everything_in,
    without_shape,
)


def pass_over(runner: Runner, statement: syntax.Statement, why: Lost, frame: Frame) -> Signal:
    """Leave out a statement whose condition cannot be known; so is what it would have bound or changed."""
    if isinstance(why, Unknown):
        runner.context.ignore(statement.span)
    at = _condition(statement)
    mark(runner, [statement], why, at, frame)
    inside = [each for body in syntax.bodies(statement) for each in body]
    _read_all(runner, inside, frame)
    if isinstance(why, Unknown) and makes_model(inside):
        runner.context.passed_over.append(why.of_model(at))
    returns, loops = leaves(inside)
    loops = loops and isinstance(statement, syntax.If)
    return Doubt(why, returns) if returns or loops else GOES_ON


def leave_out(runner: Runner, statements: Sequence[syntax.Statement], why: Lost, frame: Frame) -> None:
    """Leave out what runs only if a statement before it does not leave them."""
    _read_all(runner, statements, frame)
    for each in statements if isinstance(why, Unknown) else ():
        runner.context.ignore(each.span)


def mark(
    runner: Runner,
    statements: Sequence[syntax.Statement],
    why: Lost,
    at: Span,
    frame: Frame,
    settled: Collection[str] = (),
) -> None:
    """Note that nobody knows what statements have bound and changed, because of what is at `at`.

    Of what is `settled` each round of a loop makes the same.
    """
    inside = [each for each in statements if not isinstance(each, syntax.Def | syntax.Class)]
    for expression, what in changes(inside):
        held = peek(expression, frame)
        if what in settled:
            continue
        if what == "trainable" and isinstance(why, Unknown) and (held is None or isinstance(held, Unknown)):
            runner.context.unknown(why, at)
        elif held is not None:
            mark_value(runner, held, what, why, at)
    bound = tuple(bound_names(statements))
    others = {each.id for each, what in changes(inside) if isinstance(each, syntax.Name) and what not in ("[]", "()")}
    for name in dict.fromkeys((*bound, *changed_names(inside))):
        held = peek(syntax.Name(name, at), frame)
        if isinstance(held, Data) and name not in bound and name not in others:
            held.touch()  # an array keeps its shape, whatever is written into it
            continue
        if name in bound and isinstance(held, ModelValue):
            mark_value(runner, held, "compile", why, at)
        if name in bound or not isinstance(held, Wrapped):
            doubt = without_shape(_changed(frame, name, why, at))
            frame.holding(name).bindings[name] = Binding(doubt, at, read=True)
    for name, around in _bound_by_calls(inside, frame):
        around.bindings[name] = Binding(without_shape(_changed(around, name, why, at)), at, read=True)


def _bound_by_calls(statements: Sequence[syntax.Statement], frame: Frame) -> list[tuple[str, Frame]]:
    """The names outside of them that the functions bind which statements call, and the frame of each."""
    found: dict[tuple[str, Frame], None] = {}
    pending, seen = [(statements, frame)], set[int]()
    while pending:
        body, around = pending.pop()
        for call in syntax.calls(body):
            function = peek(call.function, around)
            definition = function.definition if isinstance(function, FunctionValue) else None
            if not isinstance(definition, syntax.Def) or id(definition) in seen:
                continue
            seen.add(id(definition))
            inside = Frame(function.frame)
            for each in syntax.walk(definition.body):
                if isinstance(each, syntax.Foreign) and each.word in ("global", "nonlocal"):
                    note_outside(inside, each)
            found |= dict.fromkeys(inside.outside.items())
            pending.append((definition.body, inside))
    return list(found)


def note_outside(frame: Frame, statement: syntax.Foreign) -> bool:
    """Note of whom the names of `global` or `nonlocal` are; whether there is a function for each `nonlocal` one."""
    for name in statement.names:
        around: Frame | None = frame.file()
        if statement.word == "nonlocal":
            around = frame.enclosing
            while around is not None and (around.kind != "function" or name not in around.holding(name).bindings):
                around = around.enclosing
        if around is None:
            return False
        frame.outside[name] = around.holding(name)
    return True


def mark_value(runner: Runner, held: Value, what: str, why: Lost, at: Span) -> None:
    """Note that nobody knows what is changed of a value: an attribute, what a method does, items, or anything."""
    doubt = why.of_model(at) if isinstance(why, Unknown) else why
    match held:
        case ModelValue() if what in MODEL_CHANGING or what == "trainable":
            held.broken = held.broken or isinstance(doubt, Wrong)
            held.unknown = held.unknown or (doubt if isinstance(doubt, Unknown) else None)
        case Unknown() if what in held.known:
            held.known[what] = Held(doubt)
        case LayerValue() | Distributed() | BidirectionalValue() | LambdaValue() if what == "trainable":
            if isinstance(why, Unknown):
                runner.context.unknown(why, at)
        case ObjectValue() if what not in ("()", "[]"):
            if what in held.attributes:
                held.attributes[what] = doubt
            elif what == "trainable" and isinstance(why, Unknown):
                runner.context.unknown(why, at)
        case list() if what in CHANGING or what == "[]":
            held[:] = [doubt]
        case dict() if what in CHANGING or what == "[]":
            held.update(dict.fromkeys(held, doubt))
        case np.ndarray() if what == "[]" and held.dtype.kind == "f":
            held[...] = np.nan  # under its other names too


def _changed(frame: Frame, name: str, why: Lost, at: Span) -> Value:
    """What a name holds that a statement would have bound or changed, had the condition at `at` been known."""
    before = frame.holding(name).bindings.get(name)
    if isinstance(why, Wrong) or before is None:
        return why
    inside = list(everything_in(before.value))
    if any(isinstance(each, Unknown) for each in inside):
        first = without_shape(next(each for each in inside if isinstance(each, Unknown)))
        return first.with_others([why.of_model(at)]) if first.needed else why
    of_model = any(isinstance(each, TensorValue | Wrapped) for each in inside)
    return why.of_model(at) if of_model else why


def read(runner: Runner, expression: syntax.Expr, frame: Frame) -> None:
    """Note that the names in an expression are read, which is not evaluated."""
    for each in syntax.inside(expression):
        if isinstance(each, syntax.Name):
            runner.names.look_up(each.id, frame)


def _read_all(runner: Runner, statements: Sequence[syntax.Statement], frame: Frame) -> None:
    """Note that the names in statements are read, which are not run."""
    for each in syntax.walk(statements):
        for expression in syntax.expressions(each):
            read(runner, expression, frame)


def peek(expression: syntax.Expr, frame: Frame) -> Value:
    """What a name, or an attribute of an object, holds, without running anything; None for all else."""
    match expression:
        case syntax.Name(name):
            found = frame.find(name)
            return None if found is None else found.value
        case syntax.Attribute(value, name):
            held = peek(value, frame)
            if isinstance(held, Unknown):
                return held.known[name].value if name in held.known else None
            return held.attributes.get(name) if isinstance(held, ObjectValue) else None
    return None


def made_of(runner: Runner, unknown: Unknown, values: Sequence[Value], span: Span | None) -> Unknown:
    """What an unknown function makes of `values`, called at `span`; None if it is a condition that is unknown."""
    inside = [each for value in values for each in everything_in(value)]
    of_model = any(isinstance(each, TensorValue | LayerValue) for each in inside)
    made = unknown.of_model(span or unknown.span) if of_model else unknown
    if not made.missing and made.needed is None and span is not None:
        made = replace(made, text=runner.context.text(span), span=span, name=None)
    return made.with_others(each for each in inside if isinstance(each, Unknown))


def made_here(value: Value, span: Span) -> Value:
    """Data, alone or in a list, or something unknown, that the statement at `span` makes."""
    if isinstance(value, tuple | list) and _holds_data(value):
        return type(value)(made_here(each, span) for each in value)
    if not isinstance(value, Unknown):
        return value
    return replace(value, made_by=(*value.made_by, span)) if len(value.made_by) < MOST_CAUSES else value


def made_after(value: Value, spans: tuple[Span, ...]) -> Value:
    """Data, alone or in a list, or an object that holds it, of which statements at `spans` are a part."""
    if isinstance(value, tuple | list):
        return type(value)(made_after(each, spans) for each in value)
    return replace(value, made_by=(*value.made_by, *spans)) if isinstance(value, Unknown) else value


def is_unknown(value: Value) -> bool:
    """Whether nothing of a value is known, or of what is in it."""
    if isinstance(value, list | tuple | dict):
        return bool(value) and all(map(is_unknown, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown) and not value.kept


def _holds_data(value: Value) -> bool:
    """Whether a value is data alone."""
    return isinstance(value, Data) or (isinstance(value, tuple | list) and bool(value) and all(map(_holds_data, value)))


def _condition(statement: syntax.Statement) -> Span:
    """What decides whether a statement runs, or how often."""
    match statement:
        case syntax.If(test=test) | syntax.While(test=test):
            return test.span
        case syntax.For(iterable=iterable):
            return iterable.span
    return statement.span
