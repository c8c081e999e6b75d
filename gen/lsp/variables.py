"""Which names of a file are one variable: what a definition, references and a renaming are about.

Names are resolved in the syntax tree, not by running the file: so blocks that nobody calls have theirs too.  The rules
are Python's, but that a block may read a name of the file before it binds its own.  Lines that cannot be read have no
tree; their names are taken from the tokens.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lark import Token

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.lines import CLOSING, NEWLINE, Line, span_of


@dataclass(eq=False)
class Variable:
    """A name in one scope; `bindings` and `reads` are the spans of the name, without quotes, in the order found."""

    name: str
    bindings: list[Span] = field(default_factory=list)
    reads: list[Span] = field(default_factory=list)
    imported: bool = False
    """Whether an import binds it, so that the name is not the file's to choose."""

    @property
    def occurrences(self) -> list[Span]:
        """All places of the name, in the order of the text."""
        return sorted({*self.bindings, *self.reads}, key=lambda span: span.start)


@dataclass(frozen=True)
class Occurrence:
    """A name at one place, its variable, and where the value that is read there was bound, as far as the text tells."""

    span: Span
    variable: Variable
    definition: Span


@dataclass(eq=False)
class _Scope:
    """The names of the file, or of a block; `effects` says from which offset on each binding holds."""

    parent: _Scope | None
    start: int
    end: int
    variables: dict[str, Variable] = field(default_factory=dict)
    effects: dict[str, list[tuple[int, Span]]] = field(default_factory=dict)

    def bind(self, name: str, span: Span, effect: int) -> Variable:
        variable = self.variables.setdefault(name, Variable(name))
        variable.bindings.append(span)
        self.effects.setdefault(name, []).append((effect, span))
        return variable

    def before(self, name: str, offset: int) -> Span | None:
        """The last binding that holds at `offset`, once all are sorted by their effect."""
        held = bisect.bisect_right(self.effects.get(name, ()), offset, key=_effect)
        return self.effects[name][held - 1][1] if held else None


class Variables:
    """The variables of one file."""

    def __init__(self, file: syntax.File, text: str, lines: Sequence[Line]) -> None:
        self._text, self._lines = text, lines
        self._file = _Scope(None, 0, len(text))
        self._scopes = [self._file]
        self._blocks: dict[Span, tuple[syntax.Def, _Scope]] = {}
        self._pending: list[tuple[str, Span, _Scope]] = []
        self._keywords: list[tuple[Span, syntax.Keyword]] = []
        self._covered: list[Span] = []
        self.occurrences: dict[Span, Occurrence] = {}
        self._visit_all(file.statements, self._file)
        self._covered.sort(key=_start)
        for line in lines:
            if not self._is_read(span_of(line.tokens[0]).start):
                self._visit_unread(line)
        self._resolve()

    def at(self, offset: int) -> Occurrence | None:
        """The name that `offset` is in, or at the end of."""
        return next((each for span, each in self.occurrences.items() if span.start <= offset <= span.end), None)

    def visible(self, offset: int) -> dict[str, Span]:
        """The names that can be read at `offset`, each with the binding that holds there."""
        names: dict[str, Span] = {}
        innermost = self._scope_at(offset)
        scope: _Scope | None = innermost
        while scope is not None:
            for name, variable in scope.variables.items():
                span = scope.before(name, offset)
                if span is None and scope.parent is None and scope is not innermost:
                    span = variable.bindings[0]  # a block may be called after it
                if span is not None:
                    names.setdefault(name, span)
            scope = scope.parent
        return names

    def block(self, binding: Span) -> syntax.Def | None:
        """The block whose name is at `binding`."""
        found = self._blocks.get(binding)
        return found and found[0]

    def _scope_at(self, offset: int) -> _Scope:
        scope = self._last_scope(offset)
        while scope.end < offset and scope.parent is not None:
            scope = scope.parent
        return scope

    def _last_scope(self, offset: int) -> _Scope:
        """The last one that begins before `offset`, wherever it ends: they stand in the order of the text."""
        return self._scopes[bisect.bisect_right(self._scopes, offset, key=_start) - 1]

    # ------------------------------------------------------------------------------------------------------- the tree

    def _visit_all(self, statements: Iterable[syntax.Statement], scope: _Scope) -> None:
        for statement in statements:
            self._visit(statement, scope)

    def _visit(self, statement: syntax.Statement, scope: _Scope) -> None:
        match statement:
            case syntax.Def():
                self._visit_def(statement, scope)
            case syntax.Class():
                self._visit_class(statement, scope)
            case syntax.Import(span=span):
                self._covered.append(span)
                self._visit_import(statement, scope)
            case _:
                self._visit_expressions(statement, scope)
                for body in syntax.bodies(statement):
                    self._visit_all(body, scope)

    def _visit_expressions(self, statement: syntax.Statement, scope: _Scope) -> None:
        """The names that a statement reads and binds, but for those in statements inside it."""
        found = list(syntax.expressions(statement))
        inner = any(True for _ in syntax.bodies(statement))
        end = max((each.span.end for each in found), default=statement.span.start) if inner else statement.span.end
        self._covered.append(Span(statement.span.start, end))
        bound = {name.span for target in _targets(statement) for name in syntax.names_bound(target)}
        for each in found:
            self._read(each, scope, bound)
        for target in _targets(statement):
            for name in syntax.names_bound(target):
                scope.bind(name.id, name.span, end)

    def _visit_class(self, definition: syntax.Class, scope: _Scope) -> None:
        self._covered.append(definition.header)
        start = self._text.index(definition.name, definition.header.start + len("class"))
        scope.bind(definition.name, Span(start, start + len(definition.name)), definition.header.start)
        for each in syntax.expressions(definition):
            self._read(each, scope)
        inner = _Scope(scope, definition.header.start, definition.span.end)
        self._scopes.append(inner)
        self._visit_all(definition.body, inner)

    def _visit_def(self, definition: syntax.Def, scope: _Scope) -> None:
        self._covered.append(definition.header)
        start = self._text.index(definition.name, definition.header.start + len("def"))
        name = Span(start, start + len(definition.name))
        scope.bind(definition.name, name, definition.header.start)
        inner = _Scope(scope, definition.header.start, definition.span.end)
        self._scopes.append(inner)
        self._blocks[name] = definition, inner
        for parameter in definition.parameters:
            span = Span(parameter.span.start, parameter.span.start + len(parameter.name))
            inner.bind(parameter.name, span, definition.header.start)
            if parameter.default is not None:
                self._read(parameter.default, scope)
        self._visit_all(definition.body, inner)

    def _visit_import(self, statement: syntax.Import, scope: _Scope) -> None:
        if statement.names is None:
            bound = [statement.alias or statement.module.partition(".")[0]]
        else:
            bound = [alias for _, alias in statement.names if alias != "*"]
        line = self._lines[bisect.bisect_right(self._lines, statement.span.start, key=_start_of_line) - 1]
        for token in reversed(line.tokens):
            if token.value in bound:
                bound.remove(token.value)
                scope.bind(token.value, span_of(token), statement.span.end).imported = True

    def _read(self, expression: syntax.Expr, scope: _Scope, bound: Collection[Span] = ()) -> None:
        match expression:
            case syntax.Name(id, span) if span not in bound:
                self._pending.append((id, span, scope))
            case syntax.Call(syntax.Name(span=span), _, keywords):
                self._keywords += [(span, keyword) for keyword in keywords]
            case syntax.Call(syntax.Attribute(name="compile"), positional, keywords):
                self._read_outputs([*positional, *(keyword.value for keyword in keywords)], scope)
        for child in syntax.children(expression):
            self._read(child, scope, bound)

    def _read_outputs(self, arguments: Iterable[syntax.Expr], scope: _Scope) -> None:
        """The keys of `loss={"age": mse}` that are strings: an output has the name of its variable."""
        for argument in arguments:
            for key, _ in argument.items if isinstance(argument, syntax.Dict) else ():
                if isinstance(key, syntax.Constant) and isinstance(key.value, str) and key.value in scope.variables:
                    start = self._text.find(key.value, key.span.start, key.span.end)
                    if start >= 0:
                        self._pending.append((key.value, Span(start, start + len(key.value)), scope))

    # ------------------------------------------------------------------------------------------- what cannot be read

    def _is_read(self, offset: int) -> bool:
        """Whether there is a tree of what is at `offset`."""
        before = bisect.bisect_right(self._covered, offset, key=_start)
        return before > 0 and offset < self._covered[before - 1].end

    def _visit_unread(self, line: Line) -> None:
        """The names of a line that is not in the tree."""
        scope = self._scope_at(span_of(line.tokens[0]).start)
        if line.indent and scope is self._file:  # the last line of a block, which ends before it
            scope = self._last_scope(span_of(line.tokens[0]).start)
        tokens = [token for token in line.tokens if token.type != NEWLINE]
        end = span_of(tokens[-1]).end
        bound = set(_bound_in(tokens))
        for span, name in _names_in(tokens):
            if span in bound:
                scope.bind(name, span, end)
            else:
                self._pending.append((name, span, scope))

    # --------------------------------------------------------------------------------------------------- resolution

    def _resolve(self) -> None:
        for scope in self._scopes:
            for bindings in scope.effects.values():
                bindings.sort(key=_effect)
        for name, span, scope in self._pending:
            found = _find(name, span.start, scope)
            if found is not None:
                variable, definition = found
                variable.reads.append(span)
                self.occurrences[span] = Occurrence(span, variable, definition)
        for scope in self._scopes:
            for variable in scope.variables.values():
                for span in variable.bindings:
                    self.occurrences[span] = Occurrence(span, variable, span)
        for called, keyword in self._keywords:
            self._resolve_keyword(called, keyword)

    def _resolve_keyword(self, called: Span, keyword: syntax.Keyword) -> None:
        """The name in `block(rate=0.1)` is the block's parameter."""
        occurrence = self.occurrences.get(called)
        block = self._blocks.get(occurrence.definition) if occurrence else None
        if block is not None and keyword.name in (parameter.name for parameter in block[0].parameters):
            variable = block[1].variables[keyword.name]
            variable.reads.append(keyword.name_span)
            self.occurrences[keyword.name_span] = Occurrence(keyword.name_span, variable, variable.bindings[0])


def _targets(statement: syntax.Statement) -> Iterator[syntax.Target]:
    """What a statement binds."""
    match statement:
        case syntax.Assign(targets):
            yield from targets
        case syntax.AugAssign(target) | syntax.For(target):
            yield target
        case syntax.With(items):
            yield from (target for _, target in items if target is not None)


def _start(part: _Scope | Span) -> int:
    return part.start


def _start_of_line(line: Line) -> int:
    return span_of(line.tokens[0]).start


def _effect(binding: tuple[int, Span]) -> int:
    return binding[0]


def _find(name: str, offset: int, scope: _Scope) -> tuple[Variable, Span] | None:
    """The variable that `name` is at `offset`, and its binding there."""
    around: _Scope | None = scope
    while around is not None:
        span = around.before(name, offset)
        if span is not None:
            return around.variables[name], span
        around = around.parent
    around = scope
    while around is not None:  # bound below: by the round of a loop before, or before a block is called
        if name in around.variables:
            return around.variables[name], around.variables[name].bindings[0]
        around = around.parent
    return None


def _names_in(tokens: Sequence[Token]) -> Iterator[tuple[Span, str]]:
    """The names among the tokens of a line that may be variables: no attributes, no keywords of a call."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.type in CLOSING) - (token.type in CLOSING.values())
        before = tokens[index - 1].type if index else ""
        after = tokens[index + 1].type if index + 1 < len(tokens) else ""
        if token.type == "NAME" and before != "DOT" and not (depth > 0 and after == "EQUAL"):
            yield span_of(token), token.value


def _bound_in(tokens: Sequence[Token]) -> Iterator[Span]:
    """Which of them the line binds: those before `=`, and the name of a block."""
    if tokens[0].type == "DEF":
        yield from (span_of(token) for token in tokens[1:2])
        return
    kinds = [token.type for token in tokens]
    if "EQUAL" in kinds and set(kinds[: kinds.index("EQUAL")]) <= {"NAME", "COMMA"}:
        yield from (span_of(token) for token in tokens[: kinds.index("EQUAL")] if token.type == "NAME")
