"""Runs a file: statements in order, expressions from the inside out, functions and loops as often as they say.

It runs the part of Python that decides the structure of a model, on its own values, and can reach nothing else.  What
it cannot know, such as data, is `Unknown`; that is an error only where a model depends on it.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Activation, Component, Loss
from gen.diagnostics import Note, Span
from gen.dims import Dim
from gen.language import syntax
from gen.language.elaborate import arrays, data, tensors
from gen.language.elaborate.apply import call_layer
from gen.language.elaborate.attributes import attribute_of, set_attribute
from gen.language.elaborate.binding import known_arguments
from gen.language.elaborate.builtin import iterated
from gen.language.elaborate.called import (
    call_options,
    layer_inputs,
    mask_fits,
    model_inputs,
    one_tensor,
    only_trains,
    said_training,
)
from gen.language.elaborate.changes import (
    CHANGING,
    MODEL_CHANGING,
    bound_names,
    changed_names,
    changes,
    changes_model,
    leaves,
    makes_model,
)
from gen.language.elaborate.classes import call_object, class_kind, instantiate, tensors_in
from gen.language.elaborate.construct import apply_activation, call_word
from gen.language.elaborate.context import MAX_BLOCKS, MAX_ITEMS, MAX_NESTED, MAX_ROUNDS, MAX_RUNNING, Context, Stop
from gen.language.elaborate.formatting import formatted
from gen.language.elaborate.functions import SETTINGS, spelling
from gen.language.elaborate.imports import imported
from gen.language.elaborate.keras_names import AROUND, KERAS, PLAIN_MODULES, in_keras
from gen.language.elaborate.loss_functions import call_loss, call_loss_function, has_function, is_on_tensors
from gen.language.elaborate.models import call_model
from gen.language.elaborate.names import Names
from gen.language.elaborate.objects import call_builtin, call_method, data_of
from gen.language.elaborate.operators import combine, compared, delete_item, hashable, item, negated, set_item, truth
from gen.language.elaborate.own import wrapped_function
from gen.language.elaborate.parameters import bind_parameters
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.repeated import alike
from gen.language.elaborate.spellings import (
    BASES,
    is_calculating,
    kinds_of,
    layer_called,
    members,
    namespace,
    suggestion,
)
from gen.language.elaborate.thrown import Thrown, handler_of
from gen.language.elaborate.values import (
    MOST_CAUSES,
    NO_OPTIONS,
    PHASE,
    WRONG,
    Argument,
    Arguments,
    BidirectionalValue,
    Binding,
    BoxValue,
    Builtin,
    ClassValue,
    Data,
    DictValue,
    Distributed,
    Frame,
    Function,
    FunctionValue,
    Group,
    Held,
    LambdaValue,
    LayerValue,
    Member,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    ParserValue,
    PartialValue,
    PlainFunction,
    Site,
    Super,
    TensorValue,
    Undecided,
    Unit,
    Unknown,
    Value,
    Wrapped,
    Wrapper,
    Wrong,
    count_items,
    describe_value,
    everything_in,
    is_wrong,
    nests_deeper,
    sentence,
    unknown_in,
    without_shape,
)
from gen.language.elaborate.wrappers import call_any

MOST_OF_DATA = 10
"""How many rounds of a loop are run at most that trains or prepares data: each does the same for a model, nothing."""


@dataclass
class _Statement:
    """What is running: `heading` is the expression whose outermost call stands for the whole statement."""

    span: Span
    heading: syntax.Expr | None = None
    targets: dict[int, str] = field(default_factory=dict)
    """The variables that the values of expressions are bound to, by the identity of the expression."""


class _Signal:
    """How a statement leaves the statements around it."""


_GOES_ON, _BREAK, _CONTINUE = _Signal(), _Signal(), _Signal()


@dataclass
class _Returned(_Signal):
    value: Value


@dataclass
class _Doubt(_Signal):
    """Perhaps the statement leaves those around it: that depends on what gen cannot know."""

    why: Lost
    returns: bool
    """Whether it may leave the function, and not only the round of a loop."""


Lost: TypeAlias = Wrong | Unknown


def lost(*values: Value) -> Lost | None:
    """What a computation on `values` gives where one of them is wrong or unknown; None where none is."""
    found: Lost | None = None
    for value in values:
        if isinstance(value, Wrong):
            return WRONG
        if isinstance(value, Unknown):
            found = found or without_shape(value)
    return found


class Interpreter:
    """Runs one file."""

    def __init__(self, context: Context) -> None:
        self.context = context
        context._caller = self
        self.names = Names(context)
        self._statement = _Statement(Span(0, 0))
        self._running = 0

    # ------------------------------------------------------------------------------------------------------- statements

    def run(self, statements: Sequence[syntax.Statement], frame: Frame) -> _Signal:
        """Run statements in order, until one of them leaves them."""
        for index, statement in enumerate(statements):
            self.context.step(statement.span)
            signal = self._execute(statement, frame)
            if isinstance(signal, _Doubt):
                self._leave_out(statements[index + 1 :], signal.why, frame)
                self._mark(statements[index + 1 :], signal.why, statement.span, frame)
            if signal is not _GOES_ON:
                return signal
        return _GOES_ON

    def _execute(self, statement: syntax.Statement, frame: Frame) -> _Signal:
        match statement:
            case syntax.Assign():
                self._assign(statement, frame)
            case syntax.AugAssign():
                self._augment(statement, frame)
            case syntax.Evaluate(value, span):
                self._statement = _Statement(span, value)
                self._evaluate_alone(value, frame)
            case syntax.Def():
                self._define(statement, frame)
            case syntax.Class():
                self._define_class(statement, frame)
            case syntax.For():
                return self._for(statement, frame)
            case syntax.While():
                return self._while(statement, frame)
            case syntax.If():
                return self._if(statement, frame)
            case syntax.With():
                return self._with(statement, frame)
            case syntax.Try():
                return self._try(statement, frame)
            case syntax.Return(value, span):
                self._statement = _Statement(span)
                return _Returned(None if value is None else self.evaluate(value, frame))
            case syntax.Import():
                for name, value in imported(self.context, statement):
                    frame.bindings[name] = Binding(self._given(name, value, frame), statement.span, read=True)
            case syntax.Break():
                return _BREAK
            case syntax.Continue():
                return _CONTINUE
            case syntax.Delete(targets):
                for target in targets:
                    self._delete(target, frame)
            case syntax.Assert():
                self._assert(statement, frame)
            case syntax.Raise():
                self._raise(statement, frame)
            case syntax.Foreign():
                self._foreign(statement, frame)
        return _GOES_ON

    # Assignment

    def _assign(self, statement: syntax.Assign, frame: Frame) -> None:
        targets, value = statement.targets, statement.value
        first = targets[0]
        whole = not isinstance(first, syntax.Tuple | syntax.List) or isinstance(value, syntax.Call)
        self._statement = _Statement(statement.span, value if whole else None)
        self._expect(targets, value)
        result = _made_here(self.evaluate(value, frame), statement.span)
        outside = frame.kind == "file" and isinstance(first, syntax.Name) and first.id in self.context.given
        if _is_unknown(result) and not outside:
            self.context.ignore(statement.span)
        for target in targets:
            self._bind(target, result, value.span, frame)
        self._note_set(statement, frame)

    def _note_set(self, statement: syntax.Assign, frame: Frame) -> None:
        """Pass over a statement that sets parts of what nobody knows, unless something reads them."""
        owners = [
            self._held(target.value, frame) if isinstance(target, syntax.Attribute | syntax.Index) else None
            for target in statement.targets
        ]
        unknown = [owner for owner in owners if isinstance(owner, Unknown)]
        if len(unknown) < len(owners):
            return
        self.context.ignore(statement.span)
        for owner in unknown:
            for name, held in owner.known.items():
                if held.is_set and not held.made_by:
                    owner.known[name] = replace(held, made_by=(statement.span,))

    def _expect(self, targets: Sequence[syntax.Target], value: syntax.Expr) -> None:
        """Note which variables the parts of `value` are bound to."""
        for target in targets:
            if isinstance(target, syntax.Name):
                self._statement.targets.setdefault(id(value), target.id)
            elif isinstance(target, syntax.Attribute):
                self._statement.targets.setdefault(id(value), target.name)
            elif isinstance(target, syntax.Tuple | syntax.List) and isinstance(value, syntax.Tuple | syntax.List):
                for each, part in zip(target.items, value.items, strict=False):
                    self._expect([each], part)  # type: ignore[list-item]  # the items of a target are targets

    def _bind(self, target: syntax.Expr, value: Value, span: Span, frame: Frame) -> None:
        """Bind what `target` names to `value`, which stands at `span`."""
        match target:
            case syntax.Name(name):
                self._bind_name(target, self._given(name, value, frame), frame)
            case syntax.Attribute(owner):
                set_attribute(self.context, self.evaluate(owner, frame), target, value)
            case syntax.Index():
                self._set_item(target, value, frame)
            case syntax.Tuple(items) | syntax.List(items):
                for each, part in zip(items, self._unpacked(items, value, span), strict=True):
                    self._bind(each, part, span, frame)
            case syntax.Starred(inner):
                self._bind(inner, value, span, frame)

    def _given(self, name: str, value: Value, frame: Frame) -> Value:
        """The value for a variable of the file that comes from outside, where there is one."""
        return self.context.given.get(name, value) if frame.kind == "file" else value

    def _bind_name(self, target: syntax.Name, value: Value, frame: Frame) -> None:
        self.names.bind(target.id, value, target.span, frame)

    def _unpacked(self, targets: Sequence[syntax.Expr], value: Value, span: Span) -> Sequence[Value]:
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
        self.context.error("unpack-mismatch", span, message)
        return [WRONG] * len(targets)

    def _augment(self, statement: syntax.AugAssign, frame: Frame) -> None:
        target = statement.target
        self._statement = _Statement(statement.span, statement.value)
        before, value = self.evaluate(target, frame), self.evaluate(statement.value, frame)
        if isinstance(before, list) and statement.operator == "+" and lost(value) is None:
            extend = Method(before, "extend", statement.span)
            node = statement.value
            arguments = Arguments((Argument(value, node),), {}, {}, statement.span, statement.span, statement.span)
            self._call_method_of(extend, arguments, frame.group)
            return
        site = Site(statement.span, statement.span, frame.group)
        result = self._combined(statement.operator, before, value, site)
        if isinstance(result, Data):
            self.context.ignore(statement.span)
            result = _made_here(result, statement.span)
        if isinstance(before, np.ndarray) and isinstance(result, np.ndarray):
            result = self._plain(statement.span, arrays.put, before, result)
        self._bind(target, result, statement.span, frame)

    def _set_item(self, target: syntax.Index, value: Value, frame: Frame) -> None:
        owner, key = self.evaluate(target.value, frame), self._key_of(target, frame)
        if isinstance(owner, TensorValue):
            message = "The numbers of a tensor cannot be set"
            self.context.error("bad-index", target.span, message, hint="make a new tensor: `keras.ops.where(…)`")
        elif isinstance(owner, np.ndarray) and (gone := lost(key, value)) is not None:
            self._mark_value(owner, "[]", gone, target.span)
            self._bind(target.value, gone, target.span, frame)
        elif lost(owner, key) is None:
            self._plain(target.span, set_item, owner, key, value)
        elif isinstance(owner, Unknown) and isinstance(key, str):
            owner.known[f"[{key}]"] = Held(value)
        elif isinstance(owner, Unknown):
            owner.known.clear()
        elif isinstance(key, Unknown):
            self._mark_value(owner, "[]", key, target.span)

    def _delete(self, target: syntax.Expr, frame: Frame) -> None:
        match target:
            case syntax.Name(name, span):
                if frame.bindings.pop(name, None) is None:
                    self.context.error("unknown-name", span, f"There is no `{name}`")
            case syntax.Index():
                owner, key = self.evaluate(target.value, frame), self._key_of(target, frame)
                if lost(owner, key) is None:
                    self._plain(target.span, delete_item, owner, key)
            case syntax.Attribute(owner, name):
                held = self.evaluate(owner, frame)
                if isinstance(held, ObjectValue):
                    held.attributes.pop(name, None)
            case syntax.Tuple(items) | syntax.List(items):
                for each in items:
                    self._delete(each, frame)

    # What stands alone

    def _evaluate_alone(self, value: syntax.Expr, frame: Frame) -> None:
        before = self.context.effects + self.context.mutations
        result = self.evaluate(value, frame)
        if isinstance(result, Unknown):
            passed_over = not result.kept
        else:
            alone = frame.kind == "file" or (isinstance(value, syntax.Call) and _is_print(value))
            changed = self.context.effects + self.context.mutations != before
            passed_over = alone and not changed and not isinstance(result, Wrong)
        if passed_over and not isinstance(value, syntax.Constant):
            self.context.ignore(value.span, isinstance(result, Unknown))

    def _foreign(self, statement: syntax.Foreign, frame: Frame) -> None:
        if statement.word in ("%", "!", "global") and frame.kind == "file":
            self.context.ignore(statement.span)
            return
        hints = {
            "global": "give the value to the function as an argument, and return it",
            "nonlocal": "give the value to the function as an argument, and return it",
        }
        message = f"gen does not read `{statement.word}`"
        self.context.error("unsupported-syntax", statement.span, message, hint=hints.get(statement.word))
        for name in statement.names:
            frame.bindings[name] = Binding(WRONG, statement.span, read=True)

    def _assert(self, statement: syntax.Assert, frame: Frame) -> None:
        self._statement = _Statement(statement.span)
        held = self._truth(statement.test, frame)
        if held is False:
            said = None if statement.message is None else self.evaluate(statement.message, frame)
            message = (
                f"This assertion does not hold: {said}" if isinstance(said, str) else "This assertion does not hold"
            )
            self.context.error("failed-assertion", statement.span, message)

    def _raise(self, statement: syntax.Raise, frame: Frame) -> None:
        self._statement = _Statement(statement.span)
        exception, said = statement.exception, ""
        if isinstance(exception, syntax.Call):
            values = [self.evaluate(each, frame) for each in exception.positional[:1]]
            said = values[0] if values and isinstance(values[0], str) else ""
        self.context.error("raised-exception", statement.span, said or "The file raises an exception here")
        raise Raised

    # Conditions and loops

    def _truth(self, test: syntax.Expr, frame: Frame) -> bool | Lost:
        """Whether a condition holds; wrong or unknown where that cannot be said."""
        value = self.evaluate(test, frame)
        return self._truth_of(value, test.span)

    def _truth_of(self, value: Value, span: Span) -> bool | Lost:
        gone = lost(value)
        return gone if gone is not None else self._plain(span, truth, value)

    def _if(self, statement: syntax.If, frame: Frame) -> _Signal:
        self._statement = _Statement(statement.test.span)
        if not statement.otherwise and self._is_phase(statement.test, frame):
            return self._if_training(statement, frame)
        held = True if _is_main(statement.test) else self._truth(statement.test, frame)
        if isinstance(held, bool):
            return self.run(statement.body if held else statement.otherwise, frame)
        return self._pass_over(statement, held, frame)

    def _is_phase(self, test: syntax.Expr, frame: Frame) -> bool:
        """Whether a condition is `training` alone."""
        found = frame.find(test.id) if isinstance(test, syntax.Name) else None
        return found is not None and found.value is PHASE

    def _if_training(self, statement: syntax.If, frame: Frame) -> _Signal:
        """`if training:` around layers that do nothing in prediction, so that it makes no difference there."""
        before = len(self.context.calls)
        signal = self.run(statement.body, frame)
        if not all(only_trains(call.layer.component) for call in self.context.calls[before:]):
            self._plain(statement.test.span, truth, PHASE)
        return signal

    def _pass_over(self, statement: syntax.Statement, why: Lost, frame: Frame) -> _Signal:
        """Leave out a statement whose condition cannot be known; so is what it would have bound or changed."""
        if isinstance(why, Unknown):
            self.context.ignore(statement.span)
        at = _condition(statement)
        self._mark([statement], why, at, frame)
        inside = [each for body in syntax.bodies(statement) for each in body]
        self._read_all(inside, frame)
        if isinstance(why, Unknown) and makes_model(inside):
            self.context.passed_over.append(why.of_model(at))
        returns, loops = leaves(inside)
        loops = loops and isinstance(statement, syntax.If)
        return _Doubt(why, returns) if returns or loops else _GOES_ON

    def _leave_out(self, statements: Sequence[syntax.Statement], why: Lost, frame: Frame) -> None:
        """Leave out what runs only if a statement before it does not leave them."""
        self._read_all(statements, frame)
        for each in statements if isinstance(why, Unknown) else ():
            self.context.ignore(each.span)

    def _read_all(self, statements: Sequence[syntax.Statement], frame: Frame) -> None:
        """Note that the names in statements are read, which are not run."""
        for each in syntax.walk(statements):
            for expression in syntax.expressions(each):
                self._read(expression, frame)

    def _mark(
        self, statements: Sequence[syntax.Statement], why: Lost, at: Span, frame: Frame, settled: Collection[str] = ()
    ) -> None:
        """Note that nobody knows what statements have bound and changed, because of what is at `at`.

        Of what is `settled` each round of a loop makes the same.
        """
        inside = [each for each in statements if not isinstance(each, syntax.Def | syntax.Class)]
        for expression, what in changes(inside):
            held = self._held(expression, frame)
            if what in settled:
                continue
            if what == "trainable" and isinstance(why, Unknown) and (held is None or isinstance(held, Unknown)):
                self.context.unknown(why, at)
            elif held is not None:
                self._mark_value(held, what, why, at)
        bound = tuple(bound_names(statements))
        for name in dict.fromkeys((*bound, *changed_names(inside))):
            held = self._held(syntax.Name(name, at), frame)
            if name in bound and isinstance(held, ModelValue):
                self._mark_value(held, "compile", why, at)
            if name in bound or not isinstance(held, Wrapped):
                doubt = without_shape(self._changed(frame, name, why, at))
                frame.bindings[name] = Binding(doubt, at, read=True)

    def _read(self, expression: syntax.Expr, frame: Frame) -> None:
        """Note that the names in an expression are read, which is not evaluated."""
        for each in syntax.inside(expression):
            if isinstance(each, syntax.Name):
                self.names.look_up(each.id, frame)

    def _held(self, expression: syntax.Expr, frame: Frame) -> Value:
        """What a name, or an attribute of an object, holds, without running anything; None for all else."""
        match expression:
            case syntax.Name(name):
                found = frame.find(name)
                return None if found is None else found.value
            case syntax.Attribute(value, name):
                held = self._held(value, frame)
                if isinstance(held, Unknown):
                    return held.known[name].value if name in held.known else None
                return held.attributes.get(name) if isinstance(held, ObjectValue) else None
        return None

    def _mark_value(self, held: Value, what: str, why: Lost, at: Span) -> None:
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
                    self.context.unknown(why, at)
            case ObjectValue() if what not in ("()", "[]"):
                if what in held.attributes:
                    held.attributes[what] = doubt
                elif what == "trainable" and isinstance(why, Unknown):
                    self.context.unknown(why, at)
            case list() if what in CHANGING or what == "[]":
                held[:] = [doubt]
            case dict() if what in CHANGING or what == "[]":
                held.update(dict.fromkeys(held, doubt))
            case np.ndarray() if what == "[]" and held.dtype.kind == "f":
                held[...] = np.nan  # under its other names too

    def _changed(self, frame: Frame, name: str, why: Lost, at: Span) -> Value:
        """What a name holds that a statement would have bound or changed, had the condition at `at` been known."""
        before = frame.bindings.get(name)
        if isinstance(why, Wrong) or before is None:
            return why
        inside = list(everything_in(before.value))
        if any(isinstance(each, Unknown) for each in inside):
            first = without_shape(next(each for each in inside if isinstance(each, Unknown)))
            return first.with_others([why.of_model(at)]) if first.needed else why
        of_model = any(isinstance(each, TensorValue | Wrapped) for each in inside)
        return why.of_model(at) if of_model else why

    def _for(self, loop: syntax.For, frame: Frame) -> _Signal:
        self._statement = _Statement(loop.iterable.span)
        iterable = self.evaluate(loop.iterable, frame)
        too_long = isinstance(iterable, range) and len(iterable) > MAX_ROUNDS
        values = list(iterable[:3]) if too_long else self._items(iterable, loop.iterable.span)
        if not isinstance(values, list):
            if isinstance(values, Wrong):
                self._try_once(loop, frame)
            elif self._makes_model(loop, frame):
                return self._one_of_many(loop, values, frame)
            return self._pass_over(loop, values, frame)
        works_on_data = False
        before = self.context.effects, self.context.passings
        for index, value in enumerate(values):
            if index == 1 and len(iterable) > MOST_OF_DATA:
                effects, passings = self.context.effects, self.context.passings
                works_on_data = effects == before[0] and passings > before[1] and not self._may_change(loop, frame)
            if works_on_data:
                why = Unknown(self.context.text(loop.iterable.span), loop.span)
                self._mark([loop], why, loop.span, frame, settled=("trainable",))
                self.context.ignore(loop.span)
                return _GOES_ON
            self.context.step(loop.span)
            self._bind_quietly(loop.target, value, loop.iterable.span, frame)
            signal = self.run(loop.body, frame)
            if isinstance(signal, _Doubt):
                return self._doubted(loop, signal, before[0], frame)
            if signal is _BREAK:
                return _GOES_ON
            if isinstance(signal, _Returned):
                return signal
        if too_long:
            message = f"This loop would run {len(iterable):,} times; at most {MAX_ROUNDS:,} are allowed"
            self.context.error("loop-limit", loop.iterable.span, message)
        return self.run(loop.otherwise, frame)

    def _makes_model(self, loop: syntax.For, frame: Frame) -> bool:
        """Whether each round of a loop makes a model of its own."""
        pending, seen = [loop.body], set[int]()
        while pending:
            body = pending.pop()
            if makes_model(body, called=("Model", "Sequential")):
                return True
            for call in syntax.calls(body):
                definition = self._definition(call.function, frame)
                if definition is not None and id(definition) not in seen:
                    seen.add(id(definition))
                    pending.append(definition.body)
        return False

    def _one_of_many(self, loop: syntax.For, why: Unknown, frame: Frame) -> _Signal:
        """Run two rounds of a loop over data that makes a model in each: `for train, test in folds.split(x, y):`.

        Where the second makes the same as the first, it does not matter how many there are.  What else a round changes
        nobody knows then.
        """
        rounds: list[list[ModelValue]] = []
        signal = _GOES_ON
        for _ in range(2):
            before = len(self.context.models)
            self._bind_quietly(loop.target, without_shape(why), loop.iterable.span, frame)
            signal = self.run(loop.body, frame)
            rounds.append(self.context.models[before:])
            if isinstance(signal, _Returned) or signal is _BREAK:
                return signal if isinstance(signal, _Returned) else _GOES_ON
        first, made = rounds
        same = len(first) == len(made) and all(map(alike, first, made))
        bound = {name: self._held(syntax.Name(name, loop.span), frame) for name in bound_names(loop.body)}
        kept = {name: frame.bindings[name] for name, held in bound.items() if isinstance(held, Wrapped | TensorValue)}
        doubts = [model.unknown if same else why.of_model(loop.iterable.span) for model in made]
        self._mark([loop], why, loop.span, frame)
        frame.bindings |= kept
        for model, doubt in zip(made, doubts, strict=True):
            model.unknown = doubt
        return signal if isinstance(signal, _Doubt) and signal.returns else _GOES_ON

    def _doubted(self, loop: syntax.For | syntax.While, doubt: _Doubt, before: int, frame: Frame) -> _Signal:
        """What comes of a loop that perhaps ends in a round; it is passed over if it has changed no model yet."""
        self._mark([loop], doubt.why, loop.span, frame)
        if isinstance(doubt.why, Unknown) and self.context.effects == before:
            self.context.ignore(loop.span)
        return doubt if doubt.returns else _GOES_ON

    def _may_change(self, loop: syntax.For, frame: Frame) -> bool:
        """Whether a loop may change what a model is in one of its rounds."""

        def is_module(owner: syntax.Expr) -> bool:
            held = self._held(owner, frame)
            return isinstance(held, Namespace) or (held is None and getattr(owner, "id", "") in PLAIN_MODULES)

        return changes_model(loop.body, lambda called: self._definition(called, frame), is_module)

    def _definition(self, called: syntax.Expr, frame: Frame) -> syntax.Def | None:
        """The function of the file that is called, or the method of one of its objects."""
        held = self._held(called, frame)
        if held is None and isinstance(called, syntax.Attribute):
            owner = self._held(called.value, frame)
            held = owner.cls.find(called.name) if isinstance(owner, ObjectValue) else None
        definition = held.definition if isinstance(held, FunctionValue) else None
        return definition if isinstance(definition, syntax.Def) else None

    def _try_once(self, loop: syntax.For, frame: Frame) -> None:
        """Run the body of a loop over what is wrong already, for the errors in it."""
        for name in syntax.names_bound(loop.target):
            frame.bindings[name.id] = Binding(WRONG, name.span, read=True)
        self.run(loop.body, frame)

    def _items(self, values: Value, span: Span) -> list[Value] | Lost:
        """What a loop over `values` goes through."""
        gone = lost(values)
        if gone is not None:
            return gone
        if isinstance(values, TensorValue):
            message = "A loop cannot run over a tensor: its numbers are not known when the model is built"
            hint = "loop over numbers, `for i in range(x.shape[1]):`, and take `x[:, i]`"
            return self.context.error("not-iterable", span, message, hint=hint)
        return self._plain(span, iterated, values)  # type: ignore[no-any-return]  # a list

    def _bind_quietly(self, target: syntax.Target, value: Value, span: Span, frame: Frame) -> None:
        """Bind the target of a loop: values are not named after it, and nobody misses it if it is not read."""
        if isinstance(target, syntax.Name):
            frame.bindings[target.id] = Binding(value, target.span, read=True)
        elif isinstance(target, syntax.Tuple | syntax.List):
            for each, part in zip(target.items, self._unpacked(target.items, value, span), strict=True):
                self._bind_quietly(each, part, span, frame)  # type: ignore[arg-type]  # the items are targets
        elif isinstance(target, syntax.Starred):
            self._bind_quietly(target.value, value, span, frame)  # type: ignore[arg-type]  # so is what a star stands before
        else:
            self._bind(target, value, span, frame)

    def _while(self, loop: syntax.While, frame: Frame) -> _Signal:
        rounds, before = 0, self.context.effects
        while True:
            self._statement = _Statement(loop.test.span)
            held = self._truth(loop.test, frame)
            if not isinstance(held, bool):
                return self._pass_over(loop, held, frame)
            if not held:
                return self.run(loop.otherwise, frame)
            rounds += 1
            if rounds > MAX_ROUNDS:
                message = f"This loop runs more than {MAX_ROUNDS:,} times"
                self.context.error("loop-limit", loop.test.span, message, hint="check the condition that ends it")
                return _GOES_ON
            self.context.step(loop.test.span)
            signal = self.run(loop.body, frame)
            if isinstance(signal, _Doubt):
                return self._doubted(loop, signal, before, frame)
            if signal is _BREAK:
                return _GOES_ON
            if isinstance(signal, _Returned):
                return signal

    def _with(self, statement: syntax.With, frame: Frame) -> _Signal:
        for scope, target in statement.items:
            self._statement = _Statement(scope.span)
            value = self.evaluate(scope, frame)
            if isinstance(value, Unknown):
                self.context.ignore(scope.span)
            if target is not None:
                self._bind(target, value, scope.span, frame)
        return self.run(statement.body, frame)

    def _try(self, statement: syntax.Try, frame: Frame) -> _Signal:
        """What is looked up in vain leads to its handler; any other error is one of the file."""
        thrown: Thrown | None = None
        signal: _Signal = _GOES_ON
        self.context.handlers.append(statement.handlers)
        try:
            signal = self.run(statement.body, frame)
        except Thrown as found:
            thrown = found
        finally:
            self.context.handlers.pop()
        if thrown is not None:
            handler = handler_of(statement.handlers, thrown.kind)
            if handler is None:  # one farther outside is for it
                self.run(statement.finish, frame)
                raise thrown
            if handler.name is not None:
                error = Unknown(handler.name.id, handler.name.span)
                frame.bindings[handler.name.id] = Binding(error, handler.name.span, read=True)
            signal = self.run(handler.body, frame)
        elif signal is _GOES_ON:
            signal = self.run(statement.otherwise, frame)
        last = self.run(statement.finish, frame)
        return last if last is not _GOES_ON else signal

    # Functions and classes

    def _define(self, definition: syntax.Def, frame: Frame) -> None:
        self._statement = _Statement(definition.header)
        made = self._function(definition, frame)
        value: Value = made
        for decorator in reversed(definition.decorators):
            value = self._decorated(decorator, value, frame)
        if definition.asynchronous or _is_generator(definition):
            value = Unknown(definition.name, definition.header)
        self.names.bind(definition.name, value, definition.header, frame)

    def _function(self, definition: syntax.Def | syntax.Lambda, frame: Frame) -> FunctionValue:
        defaults = {
            parameter.name: Argument(self.evaluate(parameter.default, frame), parameter.default)
            for parameter in definition.parameters
            if parameter.default is not None
        }
        around = frame
        while around.kind == "class" and around.enclosing is not None:
            around = around.enclosing  # a method does not see the names of its class
        return FunctionValue(definition, around, defaults)

    def _decorated(self, decorator: syntax.Expr, value: Value, frame: Frame) -> Value:
        """What a decorator makes of a function or a class."""
        kinds = {"property": "property", "staticmethod": "static", "classmethod": "class"}
        name = decorator.id if isinstance(decorator, syntax.Name) else ""
        if name in kinds and frame.find(name) is None and isinstance(value, FunctionValue):
            value.kind = kinds[name]  # type: ignore[assignment]  # the words are those of the field
            return value
        written = decorator.function if isinstance(decorator, syntax.Call) else decorator
        last = written.name if isinstance(written, syntax.Attribute) else getattr(written, "id", "")
        if last == "dataclass" and isinstance(value, ClassValue):
            value.fields = _fields(value)
            return value
        if last in ("setter", "overload", "abstractmethod", "wraps", "override", "cached_property"):
            return value
        found = self.evaluate(decorator, frame)
        match found:
            case Namespace() | Member() | Wrong():
                return WRONG if isinstance(found, Wrong) else value
            case Unknown(text):
                return value if text.split(".")[0] in ("keras", "tf", "tensorflow", "typing") else found
            case FunctionValue():
                return self.call_with(found, [value], Site(decorator.span, decorator.span, frame.group))
        return value

    def _define_class(self, definition: syntax.Class, frame: Frame) -> None:
        self._statement = _Statement(definition.header)
        bases: list[ClassValue] = []
        kind, unknown = "", None
        for base in definition.bases:
            value = self.evaluate(base, frame)
            if isinstance(value, Unknown | Wrong):
                unknown = unknown or value
            elif isinstance(value, Namespace) and not value.known and value.path[-1] not in BASES:
                unknown = unknown or Unknown(self.context.text(base.span), base.span)  # no class of a model
            elif isinstance(value, ClassValue):
                bases.append(value)
                kind = kind or value.kind
            else:
                found = class_kind(self.context, value, base.span)
                unknown = WRONG if found is None else unknown
                kind = kind or found or ""
        if unknown is not None or kind == "callback":
            unknown = unknown or Unknown(definition.name, definition.header)
            self.names.bind(definition.name, unknown, definition.header, frame)
            return
        made = ClassValue(definition, tuple(bases), kind)
        body = Frame(frame, frame.group, kind="class")
        self.run(definition.body, body)
        made.namespace = {name: binding.value for name, binding in body.bindings.items()}
        for value in made.namespace.values():
            if isinstance(value, FunctionValue) and value.owner is None:
                value.owner = made
        value = made
        for decorator in reversed(definition.decorators):
            value = self._decorated(decorator, value, frame)
        self.names.bind(definition.name, value, definition.header, frame)

    # ------------------------------------------------------------------------------------------------------ expressions

    def evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        """The value of an expression; `WRONG` if anything in it is reported."""
        self._running += 1
        try:
            if self._running > MAX_RUNNING:
                message = f"More than {MAX_RUNNING:,} expressions are inside each other here"
                self.context.error("too-deep", expression.span, message)
                raise Stop
            return self._evaluate(expression, frame)
        finally:
            self._running -= 1

    def _evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        match expression:
            case syntax.Constant(value):
                return value
            case syntax.Name():
                return self._name(expression, frame)
            case syntax.Call():
                return self._call(expression, frame)
            case syntax.List(items):
                return self._limited(self._display(items, frame), expression.span)
            case syntax.Tuple(items):
                return self._limited(tuple(self._display(items, frame)), expression.span)
            case syntax.Set(items):
                return self._set(self._display(items, frame), expression.span)
            case syntax.Dict():
                return self._dict(expression, frame)
            case syntax.Attribute():
                return self._attribute(expression, frame)
            case syntax.Unary():
                return self._unary(expression, frame)
            case syntax.Binary(operator, left, right, span):
                site = Site(span, self._heading(expression), frame.group)
                return self._combined(operator, self.evaluate(left, frame), self.evaluate(right, frame), site)
            case syntax.Logical():
                return self._logical(expression, frame)
            case syntax.Compare():
                return self._compare(expression, frame)
            case syntax.Conditional(test, value, otherwise):
                held = self._truth(test, frame)
                return self.evaluate(value if held else otherwise, frame) if isinstance(held, bool) else held
            case syntax.Lambda():
                return self._function(expression, frame)
            case syntax.Comprehension():
                return self._comprehension(expression, frame)
            case syntax.Formatted():
                return self._formatted(expression, frame)
            case syntax.NamedExpr(target, value):
                result = self.evaluate(value, frame)
                around = frame
                while around.kind == "comprehension" and around.enclosing is not None:
                    around = around.enclosing
                self._bind_name(target, result, around)
                return result
            case syntax.Index():
                return self._index(expression, frame)
            case syntax.Starred(value):
                return self.evaluate(value, frame)
            case syntax.ForeignExpr(word, _, span):
                return self.context.error("unsupported-syntax", span, f"gen does not read `{word}`")

    def _plain(self, span: Span, function: Callable[..., Value], *arguments: Any) -> Value:
        """The result of a computation on plain values; what it raises is reported at `span`."""
        try:
            return self.context.counted(function(*arguments), span)
        except Problem as problem:
            return self.context.no_result(problem, span, arguments)

    def _limited(self, value: Value, span: Span) -> Value:
        """A list, a tuple or a dict, unless too much is in it: everything is looked through wherever it is used."""
        count = count_items(value, MAX_ITEMS)
        self.context.step(span, count // 20)
        if count <= MAX_ITEMS and nests_deeper(value, MAX_NESTED):
            message = f"Lists and dicts nest more than {MAX_NESTED} deep here"
            return self.context.error("too-deep", span, message)
        if count <= MAX_ITEMS:
            return value
        if is_wrong(value):
            return WRONG
        message = f"This would have more than {MAX_ITEMS:,} items, including nested ones"
        return self.context.error("loop-limit", span, message)

    def _display(self, items: Sequence[syntax.Expr], frame: Frame) -> list[Value]:
        """The items of a list, a tuple or a set, with what `*` unpacks."""
        values: list[Value] = []
        for each in items:
            value = self.evaluate(each, frame)
            if isinstance(each, syntax.Starred):
                found = self._items(value, each.span)
                values += found if isinstance(found, list) else [found]
            else:
                values.append(value)
        return values

    def _set(self, values: list[Value], span: Span) -> Value:
        gone = lost(*values)
        return gone if gone is not None else self._plain(span, lambda: {hashable(each) for each in values})

    def _dict(self, display: syntax.Dict, frame: Frame) -> Value:
        made = DictValue()
        for key, node in display.items:
            value = self.evaluate(node, frame)
            if key is None:
                if not isinstance(value, dict):
                    if lost(value) is None:
                        self.context.error("bad-operand", node.span, f"`**` takes a dict, got {describe_value(value)}")
                    return lost(value) or WRONG
                made.update(value)
                made.written.update(getattr(value, "written", {}))
                continue
            name = self._key(key, frame)
            if not isinstance(name, Wrong):
                name = self._plain(key.span, hashable, name)
            made[name] = value
            made.written[name] = (key, node)
        if (gone := lost(*made)) is not None:
            return gone
        return self._limited(made, display.span)

    def _key(self, key: syntax.Expr, frame: Frame) -> Value:
        """The key of a dict: a name that the file does not bind stands for its own text."""
        if isinstance(key, syntax.Name) and self.names.look_up(key.id, frame) is None:
            return key.id
        return self.evaluate(key, frame)

    def _heading(self, expression: syntax.Expr) -> Span:
        """What heads the call that `expression` is: the statement if it is all of it, else itself."""
        return self._statement.span if expression is self._statement.heading else expression.span

    def _name(self, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
        found = self.names.look_up(name.id, frame)
        if found is not None:
            return found.value
        if name.id in self.context.given:
            return self.context.given[name.id]
        space = namespace(name.id)
        if space is not None:
            return space
        if self.names.is_builtin(name.id):
            return Builtin(name.id)
        if self.names.is_word(name.id):
            return Word(name.id)
        if name.id == "xrange":
            self.context.warning("old-spelling", name.span, "Python 3 calls `xrange` `range`")
            return Builtin("range")
        if name.id in ("__name__", "__file__"):
            return "__main__"
        if name.id in PLAIN_MODULES:
            return Namespace((PLAIN_MODULES[name.id],))
        if data.is_data_set(name.id):
            return Namespace(("keras", "datasets", name.id), known=False)
        if name.id in dir(builtins) or name.id in AROUND or name.id in KERAS["callbacks"]:
            return Unknown(name.id, name.span)
        if in_keras(name.id):
            return Unknown(name.id, name.span, missing=True)
        if self.context.open_names:
            return Unknown(name.id, name.span)
        if called and name.id[:1].isupper():
            layers = [*members("layer"), "Input", "Model", "Sequential"]
            hint = suggestion(name.id, layers)
            return self.context.error("unknown-layer", name.span, f"There is no layer `{name.id}`", hint=hint)
        hint = suggestion(name.id, self.names.to_compare(frame), self.names.words)
        return self.context.error("unknown-name", name.span, f"There is no `{name.id}`", hint=hint)

    def _attribute(self, attribute: syntax.Attribute, frame: Frame) -> Value:
        return attribute_of(self.context, self.evaluate(attribute.value, frame), attribute)

    def _unary(self, unary: syntax.Unary, frame: Frame) -> Value:
        value = self.evaluate(unary.operand, frame)
        if unary.operator == "not":
            held = self._truth_of(value, unary.operand.span)
            return not held if isinstance(held, bool) else held
        if (gone := lost(value)) is not None:
            return gone
        if isinstance(value, TensorValue):
            if unary.operator == "+":
                return value
            site = Site(unary.span, self._heading(unary), frame.group)
            return tensors.negate_tensor(self.context, value, site)
        return self._plain(unary.span, negated, unary.operator, value)

    def _combined(self, operator: str, left: Value, right: Value, site: Site) -> Value:
        """`left operator right`."""
        if (isinstance(left, Data) or isinstance(right, Data)) and operator in "+-*/**":
            known = data.combined(left, right)
            if known is not None:
                return known
        if (gone := lost(left, right)) is not None:
            of_model = isinstance(left, TensorValue) or isinstance(right, TensorValue)
            return gone.of_model(site.span) if isinstance(gone, Unknown) and of_model else gone
        if isinstance(left, TensorValue) or isinstance(right, TensorValue):
            return tensors.combine_tensors(self.context, operator, left, right, site)
        result = self._plain(site.span, combine, operator, left, right)
        return self._limited(result, site.span) if isinstance(result, list | tuple | dict) else result

    def _logical(self, logical: syntax.Logical, frame: Frame) -> Value:
        value: Value = None
        for each in logical.values:
            value = self.evaluate(each, frame)
            if each is logical.values[-1]:
                return value
            held = self._truth_of(value, each.span)
            if not isinstance(held, bool):
                return held
            if held is (logical.operator == "or"):
                return value
        return value

    def _compare(self, comparison: syntax.Compare, frame: Frame) -> Value:
        left, left_span = self.evaluate(comparison.left, frame), comparison.left.span
        result: Value = True
        for operator, expression in comparison.rest:
            right = self.evaluate(expression, frame)
            span = left_span.to(expression.span)
            result = self._compared(operator, left, right, Site(span, self._heading(comparison), frame.group))
            if result is not True:
                return result
            left, left_span = right, expression.span
        return result

    def _compared(self, operator: str, left: Value, right: Value, site: Site) -> Value:
        """`left operator right`, where the operator compares."""
        if (gone := lost(left, right)) is not None:
            return gone
        either = isinstance(left, TensorValue) or isinstance(right, TensorValue)
        if either and operator in tensors.OPERATIONS and left is not None and right is not None:
            return tensors.combine_tensors(self.context, operator, left, right, site)
        return self._plain(site.span, compared, operator, left, right)

    def _comprehension(self, comprehension: syntax.Comprehension, frame: Frame) -> Value:
        inner = Frame(frame, frame.group, kind="comprehension")
        made: list[Value] = []
        problem = self._repeat(comprehension, 0, inner, made)
        if problem is not None:
            names = [each.id for each in syntax.inside(comprehension.element) if isinstance(each, syntax.Name)]
            held = [found.value for name in names if (found := inner.find(name)) is not None]
            of_model = any(isinstance(each, TensorValue | Wrapped) for each in held)
            return problem.of_model(comprehension.span) if of_model and isinstance(problem, Unknown) else problem
        match comprehension.kind:
            case "set":
                return self._set(made, comprehension.span)
            case "dict":
                keys = [key for key, _ in made]
                if (gone := lost(*keys)) is not None:
                    return gone
                entries = self._plain(comprehension.span, lambda: {hashable(key): value for key, value in made})
                return self._limited(DictValue(entries), comprehension.span) if isinstance(entries, dict) else entries
        return self._limited(made, comprehension.span)

    def _repeat(self, each: syntax.Comprehension, depth: int, frame: Frame, made: list[Value]) -> Lost | None:
        """Go through the clauses of a comprehension from `depth` on; what is lost ends it."""
        if depth == len(each.clauses):
            if len(made) >= MAX_ITEMS:
                return self.context.error("loop-limit", each.span, f"This would have more than {MAX_ITEMS:,} items")
            value = self.evaluate(each.element, frame)
            made.append(value if each.value is None else (value, self.evaluate(each.value, frame)))
            return None
        clause = each.clauses[depth]
        values = self._items(self.evaluate(clause.iterable, frame), clause.iterable.span)
        if not isinstance(values, list):
            return values
        for value in values:
            self.context.step(clause.span)
            self._bind_quietly(clause.target, value, clause.iterable.span, frame)
            held: bool | Lost = True
            for test in clause.tests:
                held = self._truth(test, frame)
                if held is not True:
                    break
            if not isinstance(held, bool):
                return held
            problem = self._repeat(each, depth + 1, frame, made) if held else None
            if problem is not None:
                return problem
        return None

    def _formatted(self, string: syntax.Formatted, frame: Frame) -> Value:
        pieces: list[str] = []
        for part in string.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            value = self.evaluate(part.value, frame)
            spec = "" if part.spec is None else self._formatted(part.spec, frame)
            if (gone := lost(value, spec)) is not None:
                return gone
            conversion = part.conversion or ("r" if part.text and not spec else "")
            piece = self._plain(part.span, formatted, value, conversion, spec)
            if isinstance(piece, Wrong | Unknown):
                return piece
            pieces.append(part.text + piece)
        return "".join(pieces)

    # Brackets

    def _index(self, index: syntax.Index, frame: Frame) -> Value:
        owner = self.evaluate(index.value, frame)
        if isinstance(owner, TensorValue):
            return self._slice_tensor(owner, index, frame)
        if isinstance(owner, Unknown) and not isinstance(owner, Data):
            return self._item_of_unknown(owner, index, frame)
        key = self._key_of(index, frame)
        if isinstance(owner, ObjectValue):
            found = owner.cls.find("__getitem__")
            if isinstance(found, FunctionValue):
                return self.call_with(found, [owner, key], Site(index.span, self._heading(index), frame.group))
        if isinstance(owner, Builtin | Namespace):
            return owner  # an annotation: `list[int]`
        if isinstance(owner, Data) and (known := data.item(owner, key)) is not None:
            return known
        if (gone := lost(owner, key)) is not None:
            return gone
        return self._plain(index.span if len(index.items) > 1 else index.items[0].span, item, owner, key)

    def _item_of_unknown(self, owner: Unknown, index: syntax.Index, frame: Frame) -> Value:
        """What stands in brackets after something that nobody knows, which may be anything: `table.loc[:, "a":"b"]`."""
        for each in index.items:
            parts = (each.start, each.stop, each.step) if isinstance(each, syntax.Slice) else ()
            for part in parts:
                if part is not None:
                    self._read(part, frame)
        if len(index.items) == 1 and not isinstance(index.items[0], syntax.Slice):
            key = self.evaluate(index.items[0], frame)
            if isinstance(key, Wrong):
                return WRONG
            held = owner.known.get(f"[{key}]") if isinstance(key, str) else None
            if held is not None:
                self.context.need((*owner.made_by, *held.made_by))
                return held.value
        return lost(owner)

    def _slice_tensor(self, owner: TensorValue, index: syntax.Index, frame: Frame) -> Value:
        parts = [self._part(each, frame) for each in index.items]
        if (gone := lost(*parts)) is not None:
            return gone
        for each, part in zip(index.items, parts, strict=True):
            whole = part is None or part is ... or (isinstance(part, int) and not isinstance(part, bool))
            if not whole and not isinstance(each, syntax.Slice):
                message = f"Brackets take integers and slices, got {describe_value(part)}"
                return self.context.error("bad-index", each.span, message)
        spans = tuple(each.span for each in index.items)
        site = Site(index.span, self._heading(index), frame.group)
        return tensors.slice_tensor(self.context, owner, tuple(parts), spans, site)

    def _part(self, each: syntax.Expr | syntax.Slice, frame: Frame) -> Value:
        """What stands in the brackets for an axis: an index, or start, stop and step of a slice."""
        if not isinstance(each, syntax.Slice):
            return self.evaluate(each, frame)
        bounds = [
            None if part is None else self._whole_number(part, frame) for part in (each.start, each.stop, each.step)
        ]
        if (gone := lost(*bounds)) is not None:
            return gone
        if bounds[2] == 0:
            return self.context.error("bad-index", each.span, "The step of a slice cannot be 0")
        return tuple(bounds)

    def _key_of(self, index: syntax.Index, frame: Frame) -> Value:
        """What stands in the brackets after a plain value: a value, a `slice`, or a tuple of them."""
        keys: list[Value] = []
        for each in index.items:
            part = self._part(each, frame)
            if isinstance(each, syntax.Slice) and isinstance(part, tuple):
                part = slice(*part)
            keys.append(part)
        if len(keys) == 1 and not index.tupled:
            return keys[0]
        gone = lost(*keys)
        return gone if gone is not None else tuple(keys)

    def _whole_number(self, expression: syntax.Expr, frame: Frame) -> int | Lost | None:
        value = self.evaluate(expression, frame)
        if (gone := lost(value)) is not None:
            return gone
        if value is None or (isinstance(value, int | Dim) and not isinstance(value, bool)):
            return value  # type: ignore[return-value]  # a size is a number here
        message = f"Brackets take integers and slices, got {describe_value(value)}"
        return self.context.error("bad-index", expression.span, message)

    # ------------------------------------------------------------------------------------------------------------ calls

    def _call(self, call: syntax.Call, frame: Frame) -> Value:
        target = self._statement.targets.get(id(call))
        heading = self._heading(call)
        if isinstance(call.function, syntax.Name):
            function = self._name(call.function, frame, called=True)
        else:
            function = self.evaluate(call.function, frame)
        arguments = self._arguments(call, heading, frame, data_of(function, call))
        if isinstance(arguments, Wrong | Unknown):
            return lost(function, arguments)
        if isinstance(function, Builtin) and function.name == "super":
            return self._super(arguments, frame)
        return self._apply(function, arguments, frame.group, target)

    def _apply(self, function: Value, arguments: Arguments, group: Group | None, target: str | None = None) -> Value:
        """The result of a call of anything."""
        context = self.context
        values = [each.value for each in (*arguments.positional, *arguments.keywords.values())]
        match function:
            case Wrong():
                return WRONG
            case Unknown():
                return self._call_unknown(function, arguments, values)
            case FunctionValue():
                return self._call_function(function, arguments, group)
            case Method():
                return self._call_method_of(function, arguments, group)
            case PlainFunction("functools.partial") if arguments.positional:
                return PartialValue(arguments.positional[0].value, arguments.without_first())
            case PlainFunction("argparse.ArgumentParser"):
                return ParserValue()
            case Namespace(path, False):
                keywords = {name: each.value for name, each in arguments.keywords.items()}
                known = data.called(path[-1], [each.value for each in arguments.positional], keywords)
                if known is None and path[-1] == "Variable":
                    known = _constant(arguments)
                if known is None:
                    known = data.loaded(path, context.text(arguments.span), arguments.span)
                if known is None and path[-1] == "pad_sequences":
                    given = [each.value for each in arguments.positional]
                    known = data.padded(given, keywords, context.text(arguments.span), arguments.span)
                if known is not None:
                    return known
            case PartialValue():
                return self._apply(function.function, function.completed(arguments), group, target)
            case ClassValue():
                return instantiate(context, function, arguments, group)
            case Builtin() | PlainFunction():
                return call_builtin(context, function, arguments, group)
        if isinstance(function, Word) and not isinstance(function, Function) and "layer" in kinds_of(function):
            arguments = known_arguments(context, layer_called(function.name), function.name, arguments)
            values = [each.value for each in (*arguments.positional, *arguments.keywords.values())]
        unknown = next((found for each in values if (found := unknown_in(each)) is not None), None)
        if unknown is not None and function not in (Word("Model"), Word("Sequential")):
            return unknown.of_model(arguments.span)
        site = arguments.site(group)
        if isinstance(function, ModelValue | Distributed | BidirectionalValue | LambdaValue | ObjectValue):
            training = said_training(context, arguments)
            if isinstance(training, Wrong):
                return WRONG
            with context.predicting(None if training is None else not training):
                return self._call_unit(function, arguments, site)
        match function:
            case Function("MeanMetricWrapper"):
                return wrapped_function(context, arguments)
            case Function(_, path) if has_function(path):
                return call_loss_function(context, path, arguments, group)
            case Function(_, path) if spelling(path) is None:
                if path[-1] in SETTINGS:
                    return SETTINGS[path[-1]]
                made = Unknown(context.text(arguments.function), arguments.span, missing=True)
                return self._made_of(made, values, arguments.span)
            case Word():
                return call_word(context, function, arguments, group, target)
            case LayerValue():
                return call_layer(context, function, arguments, site)
            case Activation() if arguments.positional and isinstance(arguments.positional[0].value, TensorValue):
                return apply_activation(context, function, arguments, group)
            case Namespace(path, False):
                if path[-1] == "clear_session":
                    context.forget_names()
                made = Unknown(context.text(arguments.function), arguments.span, missing=is_calculating(path))
                return self._made_of(made, values, arguments.span)
            case Loss() | Undecided() if is_on_tensors(arguments):
                return call_loss(context, function, arguments, group)
            case Component():
                return Unknown(context.text(arguments.function), arguments.span)
        message = f"{sentence(describe_value(function))} cannot be called"
        return context.error("not-callable", arguments.function, message)

    def _call_unknown(self, function: Unknown, arguments: Arguments, values: Sequence[Value]) -> Value:
        """The result of a function that nobody knows; its object may be another one then."""
        text = self.context.text(arguments.span)
        given = [each.value for each in arguments.positional]
        keywords = {name: each.value for name, each in arguments.keywords.items()}
        known = data.made_outside(function, given, keywords, text, arguments.span)
        if known is not None:
            return _made_after(known, (*function.made_by, *data.sources(values)))
        if function.holder is not None:
            function.holder.known.clear()
        made = self._made_of(without_shape(function), values, arguments.span)
        return replace(made, made_by=(*function.made_by, *data.sources(values))[:MOST_CAUSES])

    def _call_unit(self, function: Unit, arguments: Arguments, site: Site) -> Value:
        """The result of a call of what calls layers itself."""
        context = self.context
        match function:
            case ModelValue() if function.unknown is not None:
                return function.unknown.of_model(arguments.span)
            case ModelValue():
                given = model_inputs(context, function, arguments)
                function.called = True
                if isinstance(given, Wrong):
                    return WRONG
                return call_model(context, function, given, arguments.span, site.group)
            case Distributed() | BidirectionalValue():
                return self._call_wrapper(function, arguments, site.group)
            case LambdaValue():
                given = [each for argument in arguments.positional for each in tensors_in(argument.value)]
                return call_any(context, function, given, site) if given else WRONG
            case ObjectValue():
                return call_object(context, function, arguments, site)

    def _made_of(self, unknown: Unknown, values: Sequence[Value], span: Span | None) -> Unknown:
        """What an unknown function makes of `values`, called at `span`; None if it is a condition that is unknown."""
        inside = [each for value in values for each in everything_in(value)]
        of_model = any(isinstance(each, TensorValue | LayerValue) for each in inside)
        made = unknown.of_model(span or unknown.span) if of_model else unknown
        if not made.missing and made.needed is None and span is not None:
            made = replace(made, text=self.context.text(span), span=span, name=None)
        return made.with_others(each for each in inside if isinstance(each, Unknown))

    def call(self, function: Value, arguments: Arguments, site: Site) -> Value:
        """The result of a call of anything, as part of a call at `site`."""
        return self._apply(function, arguments, site.group)

    def call_with(self, function: Value, values: Sequence[Value], site: Site) -> Value:
        """The same with values that no expression stands for."""
        node = syntax.Constant(None, site.span)
        positional = tuple(Argument(value, node) for value in values)
        return self._apply(function, Arguments(positional, {}, {}, site.span, site.span, site.heading), site.group)

    def call_function_of(self, method: Method, arguments: Arguments, group: Group | None) -> Value:
        """The result of a method of a class of the file, which runs in `group`."""
        assert method.function is not None
        node = syntax.Constant(None, arguments.span)
        whole = Arguments(
            (Argument(method.owner, node), *arguments.positional),
            arguments.keywords,
            arguments.name_spans,
            arguments.span,
            arguments.function,
            arguments.heading,
        )
        return self._run_function(method.function, whole, group, method.owner)

    def call_wrapped(self, called: Wrapped, tensors: Sequence[TensorValue], site: Site) -> Value:
        """The outputs of a layer, a model, or a wrapper on tensors."""
        return call_any(self.context, called, tensors, site)

    def call_method(self, method: Method, span: Span) -> Value:
        """The result of a method without arguments."""
        return self.call_function_of(method, Arguments((), {}, {}, span, span, span), None)

    def _call_method_of(self, method: Method, arguments: Arguments, group: Group | None) -> Value:
        if method.function is not None:
            inside = method.owner.group if isinstance(method.owner, ObjectValue) and method.owner.group else group
            return self.call_function_of(method, arguments, inside)
        return call_method(self.context, method, arguments, group)

    def _super(self, arguments: Arguments, frame: Frame) -> Value:
        running = frame.running()
        if running is None:
            return self.context.error("wrong-call", arguments.span, "`super()` is outside of a method")
        return Super(*running)

    def _call_wrapper(self, function: Wrapper, arguments: Arguments, group: Group | None) -> Value:
        context, kind = self.context, "TimeDistributed" if isinstance(function, Distributed) else "Bidirectional"
        held = function.forward if isinstance(function, BidirectionalValue) else None
        said = NO_OPTIONS if held is None else call_options(context, held, arguments)
        given = one_tensor(context, kind, arguments) if held is None else layer_inputs(context, held, arguments, 2)
        if isinstance(given, Wrong) or isinstance(said, Wrong) or not mask_fits(context, said, given[0], arguments):
            return WRONG
        return call_any(context, function, given, arguments.site(group), said)

    def _arguments(
        self, call: syntax.Call, heading: Span, frame: Frame, data: Collection[str | int] = ()
    ) -> Arguments | Lost:
        """The evaluated arguments of a call, but for those in `data`, by name or position.

        These are not evaluated: they are what a name holds, or `WRONG`.
        """

        def argument(name: str | int, item: syntax.Expr) -> Argument:
            is_data = name in data and not (isinstance(item, syntax.Constant) and item.value is None)
            if not is_data:
                return Argument(self.evaluate(item, frame), item)
            self._read(item, frame)
            found = frame.find(item.id) if isinstance(item, syntax.Name) else None
            return Argument(WRONG if found is None else found.value, item)

        positional: list[Argument] = []
        for index, node in enumerate(call.positional):
            if not isinstance(node, syntax.Starred):
                positional.append(argument(index, node))
                continue
            values = self._items(self.evaluate(node.value, frame), node.span)
            if not isinstance(values, list):
                return values
            positional += [Argument(value, node) for value in values]
        keywords: dict[str, Argument] = {}
        spans: dict[str, Span] = {}
        for keyword in call.keywords:
            if keyword.name:
                keywords[keyword.name] = argument(keyword.name, keyword.value)
                spans[keyword.name] = keyword.name_span
                continue
            value = self.evaluate(keyword.value, frame)
            if not isinstance(value, dict):
                if lost(value) is None:
                    message = f"`**` takes a dict, got {describe_value(value)}"
                    self.context.error("bad-operand", keyword.span, message)
                return lost(value) or WRONG
            for name, each in value.items():
                if not isinstance(name, str) or name in keywords:
                    message = (
                        f"The call gets its argument `{name}` twice"
                        if isinstance(name, str)
                        else (f"The name of an argument is a string, got {describe_value(name)}")
                    )
                    return self.context.error("duplicate-argument", keyword.span, message)
                keywords[name] = Argument(each, keyword.value)
                spans[name] = keyword.span
        for each in (*positional, *keywords.values()):
            if isinstance(each.value, list | tuple | dict):
                self.context.step(call.span, len(each.value) // 50)
        return Arguments(tuple(positional), keywords, spans, call.span, call.function.span, heading)

    def _call_function(self, function: FunctionValue, arguments: Arguments, group: Group | None) -> Value:
        """The result of a function; what it makes is in a group of its own."""
        depth = (group.depth if group else 0) + 1
        inside = Group(function.name, group, depth) if isinstance(function.definition, syntax.Def) else group
        return self._run_function(function, arguments, inside, None)

    def _run_function(self, function: FunctionValue, arguments: Arguments, group: Group | None, owner: Value) -> Value:
        context = self.context
        function.called = True
        context.step(arguments.span)
        if len(context.active) >= MAX_BLOCKS:
            again = any(function.definition is active.definition for active, _ in context.active[:-1])
            message = f"Functions call each other more than {MAX_BLOCKS} deep"
            hint = f"`{function.name}` calls itself; check what ends that" if again else None
            note = (Note(function.header, "the function"),)
            return context.error("recursive-block", arguments.span, message, notes=note, hint=hint)
        given = bind_parameters(context, function, arguments)
        if given is None:
            return WRONG
        frame = Frame(function.frame, group)
        if isinstance(owner, ObjectValue) and function.owner is not None:
            frame.method = (function.owner, owner)
        for parameter, argument in given.items():
            frame.bindings[parameter] = Binding(argument.value, argument.span, read=True)
        statement = self._statement
        boxed = isinstance(function.definition, syntax.Def) and group is not None and owner is None
        box = BoxValue(group, context.box) if boxed and group is not None else context.box
        with context.inside(function, arguments.span), context.boxed(box):
            if isinstance(function.definition, syntax.Lambda):
                self._statement = _Statement(function.definition.span)
                result = self.evaluate(function.definition.body, frame)
            else:
                try:
                    signal = self.run(function.definition.body, frame)
                except Raised:
                    signal = _Returned(WRONG)
                result = signal.value if isinstance(signal, _Returned) else None
                if isinstance(signal, _Doubt):
                    values = [argument.value for argument in given.values()]
                    result = WRONG if isinstance(signal.why, Wrong) else self._made_of(signal.why, values, None)
        self._statement = statement
        return result


class Raised(Exception):
    """The file raises an exception; the diagnostic is already made."""


def _condition(statement: syntax.Statement) -> Span:
    """What decides whether a statement runs, or how often."""
    match statement:
        case syntax.If(test=test) | syntax.While(test=test):
            return test.span
        case syntax.For(iterable=iterable):
            return iterable.span
    return statement.span


def _constant(arguments: Arguments) -> Value:
    """The array that a `keras.Variable` holds which is not trained; None for any other."""
    named = arguments.keywords
    trained = named["trainable"].value if "trainable" in named else True
    given = arguments.positional[0] if arguments.positional else named.get("initializer", named.get("initial_value"))
    return given.value if given is not None and trained is False and isinstance(given.value, np.ndarray) else None


def _made_here(value: Value, span: Span) -> Value:
    """Data, alone or in a list, or something unknown, that the statement at `span` makes."""
    if isinstance(value, tuple | list) and _holds_data(value):
        return type(value)(_made_here(each, span) for each in value)
    if not isinstance(value, Unknown):
        return value
    return replace(value, made_by=(*value.made_by, span)) if len(value.made_by) < MOST_CAUSES else value


def _made_after(value: Value, spans: tuple[Span, ...]) -> Value:
    """Data, alone or in a list, or an object that holds it, of which statements at `spans` are a part."""
    if isinstance(value, tuple | list):
        return type(value)(_made_after(each, spans) for each in value)
    return replace(value, made_by=(*value.made_by, *spans)) if isinstance(value, Unknown) else value


def _is_unknown(value: Value) -> bool:
    """Whether nothing of a value is known, or of what is in it."""
    if isinstance(value, list | tuple | dict):
        return bool(value) and all(map(_is_unknown, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown) and not value.kept


def _holds_data(value: Value) -> bool:
    """Whether a value is data alone."""
    return isinstance(value, Data) or (isinstance(value, tuple | list) and bool(value) and all(map(_holds_data, value)))


def _is_generator(definition: syntax.Def) -> bool:
    """Whether a function yields values, one after the other, as those do that make batches of data."""
    inside = [each for each in definition.body if not isinstance(each, syntax.Def | syntax.Class)]
    return any(
        isinstance(part, syntax.ForeignExpr) and part.word == "yield"
        for statement in syntax.walk(inside)
        for expression in syntax.expressions(statement)
        for part in syntax.inside(expression)
    )


def _is_print(call: syntax.Call) -> bool:
    return isinstance(call.function, syntax.Name) and call.function.id == "print"


def _is_main(test: syntax.Expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`."""
    match test:
        case syntax.Compare(syntax.Name("__name__"), (("==", syntax.Constant("__main__")),)):
            return True
    return False


def _fields(cls: ClassValue) -> tuple[str, ...]:
    """The fields of a dataclass: what its body and those of its bases annotate, in order."""
    names: dict[str, None] = {}
    for each in reversed(list(cls.order())):
        for statement in each.definition.body:
            if isinstance(statement, syntax.Assign) and statement.annotation is not None:
                for target in statement.targets:
                    names |= {name.id: None for name in syntax.names_bound(target)}
    return tuple(names)
