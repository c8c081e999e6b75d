"""What the stages of elaboration share: where errors go, how much has been done, and what has been made so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gen.diagnostics import Diagnostics, Note, Placed, Source, Span
from gen.dims import Dim, Size
from gen.language import syntax
from gen.language.elaborate.keras_names import said_of
from gen.language.elaborate.problems import NotKnown, Problem
from gen.language.elaborate.thrown import Thrown, handler_of
from gen.language.elaborate.values import (
    WRONG,
    AddedLoss,
    Arguments,
    BoxValue,
    FunctionValue,
    Group,
    InputValue,
    LambdaValue,
    LayerCall,
    LayerValue,
    Method,
    ModelValue,
    ObjectValue,
    Site,
    TensorValue,
    Unit,
    UnitCall,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    lost_in,
)

MAX_STEPS = 30_000
"""How many statements may run."""
MAX_CALLS = 20_000
"""How many times layers may be called."""
MAX_ROUNDS = 10_000
"""How often a loop may repeat its body."""
MAX_ITEMS = 10_000
"""How many items a list may have."""
NUMBERS_IN_STEP = 1_000
"""How many numbers of an array count as a statement."""
MAX_TEXT = 10_000
"""How many characters a string may have that is computed."""
MAX_DIVISIONS = 50
"""How many floor divisions may be inside each other in the formula of a size."""
MAX_NESTED = 100
"""How many models and wrappers may hold each other."""
MAX_BLOCKS = 50
"""How many functions may be inside each other's calls."""
MAX_RUNNING = 1_000
"""How many expressions may be inside each other's evaluation, through all functions that run."""


class Stop(Exception):
    """Ends elaboration: the file does too much.  The diagnostic is already made."""


class Caller(Protocol):
    """The interpreter, as the other modules see it: it runs functions of the file."""

    def call(self, function: Value, arguments: Arguments, site: Site) -> Value:
        """Call anything that can be called."""

    def call_with(self, function: Value, values: Sequence[Value], site: Site) -> Value:
        """Call a function on values that no expression stands for."""

    def call_wrapped(self, called: Wrapped, tensors: Sequence[TensorValue], site: Site) -> Value:
        """Call a layer, a model, or a wrapper on tensors."""

    def call_function_of(self, method: Method, arguments: Arguments, group: Group | None) -> Value:
        """Call a method of a class of the file, with what it makes in `group`."""

    def call_method(self, method: Method, span: Span) -> Value:
        """Call a method without arguments."""


class Numbering:
    """Gives each name once: `conv`, `conv_2`, `conv_3`, …"""

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def claim(self, name: str) -> str:
        """`name`, or `name_2`, `name_3`, … where that is taken; it is taken from now on."""
        unique, number = name, self._last.get(name, 1)
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._last[name] = number
        self._taken.add(unique)
        return unique


@dataclass
class Symbols:
    """The dimensions that are known only when data arrives."""

    _names: Numbering = field(default_factory=lambda: Numbering("batch"))
    _named: dict[str, Size] = field(default_factory=dict)

    def fresh(self, name: str) -> Size:
        """A dimension of its own, named after `name`."""
        return Dim.symbol(self._names.claim(name))

    def named(self, name: str) -> Size:
        """The dimension that the file calls `name`: the same one each time."""
        if name not in self._named:
            self._named[name] = self.fresh(name)
        return self._named[name]


@dataclass
class Context:
    """One elaboration."""

    source: Source
    diagnostics: Diagnostics
    calls: list[LayerCall] = field(default_factory=list)
    inputs: list[InputValue] = field(default_factory=list)
    layers: list[LayerValue] = field(default_factory=list)
    models: list[ModelValue] = field(default_factory=list)
    symbols: Symbols = field(default_factory=Symbols)
    added: list[AddedLoss] = field(default_factory=list)
    """What calls of layers add to the loss of whatever model they are part of."""
    active: list[tuple[FunctionValue, Span]] = field(default_factory=list)
    """The functions that are running, the innermost last, with the call of each."""
    ignored: list[Span] = field(default_factory=list)
    """The statements that no model depends on, and that gen passes over."""
    open_names: bool = False
    """Whether `from … import *` of a module that nobody knows may have bound any name."""
    unused_arguments: set[Span] = field(default_factory=set)
    """The arguments that no model depends on: data, where a model begins without it."""
    unheld: dict[LayerCall, ObjectValue | LambdaValue] = field(default_factory=dict)
    """The calls of layers by a class or a Lambda that does not hold them."""
    needed: set[Span] = field(default_factory=set)
    """Those of them that a model depends on after all."""
    passings: int = 0
    """How often a statement was passed over because of what gen cannot know."""
    passed_over: list[Unknown] = field(default_factory=list)
    """Why statements were passed over in which a model is made or compiled."""
    given: Mapping[str, Value] = field(default_factory=dict)
    """Values for variables of the file that come from outside."""
    single: bool = False
    """Whether one model is wanted of a file that compiles several."""
    asked: str = ""
    """The name of the model that is wanted; empty where the file decides."""
    unread: frozenset[str] = frozenset()
    """Names whose value is not known, because a statement that binds them could not be read."""
    readable: bool = True
    """Whether every statement could be read."""
    statement: object = None
    """The same for all calls that one call in the file becomes; None if it becomes one."""
    box: BoxValue | None = None
    """The innermost call of a function or a model that calls are made in now."""
    handlers: list[tuple[syntax.Handler, ...]] = field(default_factory=list)
    """Those of each `try` whose statements run now, the innermost last."""
    named_arrays: dict[int, tuple[np.ndarray, str]] = field(default_factory=dict)
    """Arrays of NumPy by their `id`, each with the variable that it is first bound to."""
    within: UnitCall | None = None
    """The innermost call of a model, a wrapper or an object that calls are made in now."""
    notes: tuple[Note, ...] = ()
    """What every error says besides, while a function is run for something that the file does not call it for."""
    changes: int = 0
    """How often an attribute was set, or a model was changed."""
    mutations: int = 0
    """How often a list or a dict was changed by a method."""
    in_call: bool = False
    """Whether the `call` of a class of the file runs."""
    predicts: bool = False
    """Whether calls are made inside a call with `training=False`."""
    _caller: Caller | None = None
    _automatic: dict[str, int] = field(default_factory=dict)
    _steps: int = 0
    _order: int = 0
    _reported: set[tuple[str, Span]] = field(default_factory=set)
    _unknown: set[tuple[str, Span]] = field(default_factory=set)
    _texts: dict[Span, str] = field(default_factory=dict)

    # Diagnostics

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        notes: tuple[Note, ...] = (),
        hint: str | None = None,
    ) -> Wrong:
        """Report an error, once for each place, and give what stands for the value that there is none of."""
        if (code, span) not in self._reported:
            self._reported.add((code, span))
            notes += self._calls_of_blocks(span) + self.notes
            self.diagnostics.error(code, span, message, label=label, notes=notes, hint=hint)
            if self.diagnostics.enough(span):
                raise Stop
        return WRONG

    def warning(
        self, code: str, span: Span, message: str, *, notes: tuple[Note, ...] = (), hint: str | None = None
    ) -> None:
        """Report a warning, once for each place."""
        if (code, span) not in self._reported:
            self._reported.add((code, span))
            self.diagnostics.warning(code, span, message, notes=notes, hint=hint)

    def reported(self) -> set[tuple[str, Span]]:
        """What is reported so far, and where."""
        return set(self._reported)

    def forget_reports(self, reported: set[tuple[str, Span]]) -> None:
        """Report anew what is not among `reported`."""
        self._reported = reported

    def _calls_of_blocks(self, at: Span) -> tuple[Note, ...]:
        """The innermost calls that run, but for those that are at the place of what is said."""
        active = [each for each in self.active if (each[1].start, each[1].end) != (at.start, at.end)]
        return tuple(Note(span, f"in this call of `{function.name}`") for function, span in reversed(active[-3:]))

    def unknown(self, value: Unknown, span: Span) -> Wrong:
        """Report that what is at `span` depends on what gen cannot know: an error for each thing that it comes from."""
        for each in sorted((value, *value.others), key=lambda found: (found.needed or span).start):
            if each.missing:
                self._report_missing(each)
            elif (each.name or each.text, each.span) not in self._unknown:
                self._unknown.add((each.name or each.text, each.span))
                self._report_unknown(each, each.needed or span)
        return WRONG

    def _report_missing(self, value: Unknown) -> None:
        path = value.text.partition("(")[0]
        reason, hint = said_of(path)
        message = f"gen does not have `{path}`: {reason}" if reason else f"gen does not have `{path}` yet"
        self.error("unsupported-call", value.span, message, hint=hint)

    def _report_unknown(self, value: Unknown, at: Span) -> None:
        name = value.name or (value.text if _NAME.fullmatch(value.text) else None)
        if name is None:
            message = f"The model depends on `{value.text}`, {value.why}"
            self.error("unknown-value", at, message, hint="write the value that it has")
            return
        came = (Note(value.span, f"it comes from `{value.text}`"),) if value.text != name else ()
        written = "" if "." in name else f", `{name} = …`"
        self.error(
            "unknown-value",
            at,
            f"The model depends on `{name}`, {value.why}",
            notes=came,
            hint=f"write the value{written}, or give it: `gen build --define {name}=…`",
        )

    def ignore(self, span: Span, unknown: bool = True) -> None:
        """Note that a statement is passed over; `unknown` where that is because of what gen cannot know."""
        self.passings += unknown
        if span not in self.ignored and span not in self.needed:
            self.ignored.append(span)

    def need(self, spans: Iterable[Span]) -> None:
        """Note that the model may depend on statements that were passed over."""
        self.needed.update(spans)
        self.ignored = [each for each in self.ignored if each not in self.needed]

    # Limits

    def step(self, span: Span, count: int = 1) -> None:
        """Count `count` steps of work; too many end the elaboration."""
        self._steps += count
        if self._steps > MAX_STEPS:
            self.error(
                "loop-limit",
                span,
                f"The file takes more than {MAX_STEPS:,} steps to build",
                hint="a model of this size is usually a mistake; check the loops around this line",
            )
            raise Stop

    def no_result(self, problem: Problem, span: Span, values: Iterable[Value]) -> Value:
        """What a computation on `values` gives that has no result: it is reported, if all of them are known."""
        if (gone := lost_in(values)) is not None:
            return gone
        if isinstance(problem, NotKnown):
            return Unknown(self.text(span), span, why=problem.message)
        if problem.raised:
            self.throw(problem.raised)
        return self.error(problem.code, span, problem.message, hint=problem.hint)

    def throw(self, kind: str) -> None:
        """Leave for the handler of an exception of Python's; nothing happens where the file has none around here."""
        if any(handler_of(handlers, kind) for handlers in self.handlers):
            raise Thrown(kind)

    def counted(self, made: Value, span: Span) -> Value:
        """A result, with the work that an array takes counted."""
        if isinstance(made, np.ndarray):
            self.step(span, made.size // NUMBERS_IN_STEP)
        return made

    @property
    def effects(self) -> int:
        """A number that grows whenever something of a model is made or changed."""
        return self.changes + len(self.calls) + len(self.inputs) + len(self.layers) + len(self.models)

    @property
    def caller(self) -> Caller:
        """What runs functions of the file."""
        assert self._caller is not None
        return self._caller

    def auto_name(self, kind: str, given: str | None = None) -> str:
        """The name that Keras gives the next layer of a kind, `dense`, `dense_1`, …, unless it is `given` one."""
        if given is not None:
            return given
        count = self._automatic.get(kind, 0)
        self._automatic[kind] = count + 1
        return f"{kind}_{count}" if count else kind

    def count_operation(self, kind: str) -> None:
        """Take the name that Keras gives an operation: after `a + b`, the next `Add()` is `add_1`."""
        if not self.in_call:
            self.auto_name(kind)

    @contextmanager
    def unnumbered(self) -> Iterator[None]:
        """While something is made that Keras numbers under another kind."""
        before = dict(self._automatic)
        yield
        self._automatic = before

    def forget_names(self) -> None:
        """What `clear_session` does: Keras numbers layers from the beginning."""
        self._automatic.clear()

    def next_order(self) -> int:
        """A number larger than all before."""
        self._order += 1
        return self._order

    @contextmanager
    def one_call(self, statement: object = None) -> Iterator[None]:
        """While calls are made that one call in the file stands for; those inside belong to the outermost."""
        before = self.statement
        self.statement = before or statement or object()
        try:
            yield
        finally:
            self.statement = before

    @contextmanager
    def boxed(self, box: BoxValue | None) -> Iterator[None]:
        """While calls are made in `box`."""
        before, self.box = self.box, box
        try:
            yield
        finally:
            self.box = before

    @contextmanager
    def calling(self, unit: Unit, tensors: Iterable[TensorValue]) -> Iterator[None]:
        """While calls are made that are a call of `unit` on `tensors`."""
        before, self.within = self.within, UnitCall(unit, tuple(tensors), self.within)
        try:
            yield
        finally:
            self.within = before

    @contextmanager
    def running_call(self) -> Iterator[None]:
        """While the `call` of a class of the file, or the function of a Lambda, runs."""
        before, self.in_call = self.in_call, True
        try:
            yield
        finally:
            self.in_call = before

    @contextmanager
    def predicting(self, predicts: bool | None) -> Iterator[None]:
        """While calls are made inside a call that says `training=False`, or True; None says nothing."""
        before = self.predicts
        self.predicts = before if predicts is None else predicts
        try:
            yield
        finally:
            self.predicts = before

    @contextmanager
    def inside(self, function: FunctionValue, span: Span) -> Iterator[None]:
        """While the body of `function` runs for the call at `span`."""
        self.active.append((function, span))
        try:
            yield
        finally:
            self.active.pop()

    # Text

    def text(self, span: Span) -> str:
        """The source text of `span` on one line, without comments."""
        if span not in self._texts:
            source, place = (span.source, span.at) if isinstance(span, Placed) else (self.source, span)
            self._texts[span] = one_line(source.slice(place))
        return self._texts[span]


def note_binding(context: Context, value: Value, name: str) -> None:
    """Let a model know a variable or an attribute that it is bound to."""
    model = value.model if isinstance(value, ObjectValue) else value
    if isinstance(model, ModelValue) and (len(context.active), name) not in model.bound:
        model.bound.append((len(context.active), name))


_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")
"""What `--define` can give: a variable, or an attribute of what the file does not know, such as `args.units`."""
_PIECE = re.compile(
    r"""(?P<string>'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"|(?P<space>(?:\s|\#[^\n]*(?:\n|$)|\\\r?\n)+)"
    r"|(?P<code>[^\s'\"\#\\]+|.)",
    re.DOTALL,
)


def one_line(text: str) -> str:
    """`text` on one line: without comments; a line end inside a string becomes `\\n`, outside a space."""
    pieces: list[str] = []
    for found in _PIECE.finditer(text):
        piece = found[0]
        if found["string"]:
            pieces.append(piece.replace("\r", "").replace("\n", "\\n"))
        elif found["space"]:
            pieces.append(_joint(pieces, text[found.end() : found.end() + 1]) if "\n" in piece else " ")
        else:
            pieces.append(piece)
    return "".join(pieces).strip()


def _joint(pieces: list[str], following: str) -> str:
    """What stands for a line end between `pieces` and the character `following`."""
    before = pieces[-1] if pieces else ""
    if following and following in ")]}":
        if before.endswith(","):
            pieces[-1] = before[:-1]
        return ""
    return "" if before.endswith(("(", "[", "{")) else " "
