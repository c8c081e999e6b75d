"""Which names of a file are one variable, for definitions, references, and renaming.

gen resolves names in the syntax tree, and does not run the file for it, so functions that nobody calls have names too.
The rules are those of Python, except that a function may read a name of the file before it binds its own.  Lines that
the reader cannot read have no tree; gen takes their names from the tokens.

Attributes of the file's own classes are variables too: the names that a class binds in its body, and those that its
methods bind on their first parameter.  Classes that extend each other share their attributes.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.attributes import KERAS_LAYER_METHODS
from gen.language.lines import CLOSING, Line
from gen.language.tokens import NEWLINE, Token

_HEAD = re.compile(r"\b(?:def|class)\b[\s\\]*")
"""The keywords before the name of a function or a class."""


@dataclass(eq=False)
class Variable:
    """A name in one scope; `bindings` and `reads` are its spans, without quotes, in the order of discovery."""

    name: str
    bindings: list[Span] = field(default_factory=list)
    reads: list[Span] = field(default_factory=list)
    imported: bool = False
    """Whether an import binds it, so that the file does not choose the name."""
    attribute: bool = False
    """Whether objects of the file's classes have it as an attribute."""

    @property
    def occurrences(self) -> list[Span]:
        """All places of the name, in the order of the text."""
        return sorted({*self.bindings, *self.reads}, key=lambda span: span.start)


@dataclass(frozen=True)
class Occurrence:
    """A name at one place, its variable, and the binding of its value there, as far as the text shows it."""

    span: Span
    variable: Variable
    definition: Span


@dataclass(eq=False)
class _Scope:
    """The names of the file, a function, a class, or a comprehension.

    `effects` has the offset from which each binding holds.
    """

    parent: _Scope | None
    start: int
    end: int
    cls: Members | None = None
    """The class, if the scope is the body of one."""
    inner: bool = False
    """Whether it belongs to a comprehension, where `:=` binds outside."""
    receiver: tuple[str, Members] | None = None
    """For a method: its first parameter, and the class."""
    variables: dict[str, Variable] = field(default_factory=dict)
    effects: dict[str, list[tuple[int, Span]]] = field(default_factory=dict)

    def bind(self, name: str, span: Span, effect: int) -> Variable:
        variable = self.variables.setdefault(name, Variable(name))
        variable.bindings.append(span)
        self.effects.setdefault(name, []).append((effect, span))
        return variable

    def before(self, name: str, offset: int) -> Span | None:
        """The last binding that holds at `offset`; the bindings must be sorted by their effect."""
        held = bisect.bisect_right(self.effects.get(name, ()), offset, key=_effect)
        return self.effects[name][held - 1][1] if held else None

    def around(self) -> Iterator[_Scope]:
        """The scopes in which to look for a name: this one, and those around it, without bodies of classes."""
        yield self
        scope = self.parent
        while scope is not None:
            if scope.cls is None:
                yield scope
            scope = scope.parent

    def find_receiver(self, name: str) -> Members | None:
        """The class of the objects that `name` holds, if it is the first parameter of a method around this place."""
        for scope in self.around():
            if scope.receiver is not None and scope.receiver[0] == name:
                return scope.receiver[1]
            if name in scope.variables:
                return None
        return None


@dataclass(eq=False)
class Members:
    """A class of the file: its bases among the file's classes, and the attributes that it binds."""

    definition: syntax.Class
    bases: tuple[Members, ...]
    bindings: dict[str, list[Span]] = field(default_factory=dict)
    derived: list[Members] = field(default_factory=list)

    def __post_init__(self) -> None:
        for base in self.bases:
            base.derived.append(self)

    def order(self) -> Iterator[Members]:
        """The class and its bases, in the order in which Python looks for attributes."""
        seen: dict[Members, None] = {}
        for each in (self, *(found for base in self.bases for found in base.order())):
            seen.pop(each, None)  # a base that several classes share comes after all of them
            seen[each] = None
        return iter(seen)

    def below(self) -> Iterator[Members]:
        """The classes that extend this one."""
        seen: dict[Members, None] = {}
        pending = list(self.derived)
        while pending:
            each = pending.pop(0)
            if each not in seen:
                seen[each] = None
                pending += each.derived
        return iter(seen)

    def owners(self, name: str) -> list[Members]:
        """The classes that may give an object an attribute: this one and its bases, or else those that extend it."""
        found = [each for each in self.order() if name in each.bindings]
        return found or [each for each in self.below() if name in each.bindings]

    def names(self) -> dict[str, Span]:
        """The attributes of its objects, each with the place of its first binding."""
        found: dict[str, Span] = {}
        for each in self.order():
            for name, spans in each.bindings.items():
                found.setdefault(name, spans[0])
        return found


@dataclass(frozen=True)
class _Use:
    """An attribute of an object of a class, at a place that reads or binds it."""

    name: str
    span: Span
    owner: Members


class Variables:
    """The variables of one file.

    `class_of` gives the class of an expression's object, as far as a run of the file has shown it.
    """

    def __init__(
        self,
        file: syntax.File,
        text: str,
        lines: Sequence[Line],
        class_of: Callable[[Span], syntax.Class | None] = lambda span: None,
    ) -> None:
        self._text, self._lines, self._class_of = text, lines, class_of
        self._file = _Scope(None, 0, len(text))
        self._scopes = [self._file]
        self._blocks: dict[Span, tuple[syntax.Def, _Scope]] = {}
        self._classes: dict[Span, Members] = {}
        self._pending: list[tuple[str, Span, _Scope]] = []
        self._attributes: list[tuple[syntax.Attribute, _Scope]] = []
        self._uses: list[_Use] = []
        self._keywords: list[tuple[syntax.Call, syntax.Keyword, _Scope]] = []
        self._covered: list[Span] = []
        self.occurrences: dict[Span, Occurrence] = {}
        self._visit_all(file.statements, self._file)
        self._covered.sort(key=_start)
        self._scopes.sort(key=_start)
        for line in lines:
            if not self._is_read(line.tokens[0].span.start):
                self._visit_unread(line)
        self._resolve()

    def at(self, offset: int) -> Occurrence | None:
        """The name that contains `offset` or ends there."""
        return next((each for span, each in self.occurrences.items() if span.start <= offset <= span.end), None)

    def visible(self, offset: int) -> dict[str, Span]:
        """The names that a statement at `offset` can read, each with the binding that holds there."""
        names: dict[str, Span] = {}
        innermost = self._scope_at(offset)
        for scope in innermost.around():
            for name, variable in scope.variables.items():
                span = scope.before(name, offset)
                if span is None and scope.parent is None and scope is not innermost:
                    span = variable.bindings[0]  # a call of the function may come after it
                if span is not None:
                    names.setdefault(name, span)
        return names

    def block(self, binding: Span) -> syntax.Def | None:
        """The function whose name is at `binding`."""
        found = self._blocks.get(binding)
        return found and found[0]

    def cls(self, binding: Span) -> Members | None:
        """The class whose name is at `binding`."""
        return self._classes.get(binding)

    @property
    def classes(self) -> Sequence[Members]:
        """The classes of the file, in order."""
        return tuple(self._classes.values())

    def body_of(self, offset: int) -> Members | None:
        """The class whose body contains a statement at `offset`; the indentation decides, because the statement may be
        unfinished."""
        before = self._text[self._text.rfind("\n", 0, offset) + 1 : offset]
        indent = len(before) - len(before.lstrip())
        scope: _Scope | None = self._last_scope(offset)
        while scope is not None and self._column(scope.start) >= indent and scope.parent is not None:
            scope = scope.parent
        return None if scope is None else scope.cls

    def _column(self, offset: int) -> int:
        return offset - self._text.rfind("\n", 0, offset) - 1

    def of_keras(self, variable: Variable) -> bool:
        """Whether Python, or a class outside the file, chose the name of an attribute."""
        name = variable.name
        if not variable.attribute:
            return False
        if name.startswith("__") and name.endswith("__"):
            return True
        owners = [each for each in self.classes if name in each.bindings]
        extends = any(len(each.definition.bases) > len(each.bases) for owner in owners for each in owner.order())
        return extends and name in KERAS_LAYER_METHODS

    def receiver(self, name: str, offset: int) -> Members | None:
        """The class of the object that `name` holds at `offset`, if it is the first parameter of a method."""
        return self._scope_at(offset).find_receiver(name)

    def method(self, owner: Members, name: str) -> syntax.Def | None:
        """The method of this name of objects of a class."""
        spans = (span for each in owner.order() for span in reversed(each.bindings.get(name, ())))
        return next((self._blocks[span][0] for span in spans if span in self._blocks), None)

    def _scope_at(self, offset: int) -> _Scope:
        scope = self._last_scope(offset)
        while scope.end < offset and scope.parent is not None:
            scope = scope.parent
        return scope

    def _last_scope(self, offset: int) -> _Scope:
        """The last one that begins before `offset`, wherever it ends; they are in the order of the text."""
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
            case syntax.Try():
                self._visit_try(statement, scope)
            case _:
                self._visit_expressions(statement, scope)
                for body in syntax.bodies(statement):
                    self._visit_all(body, scope)

    def _visit_expressions(self, statement: syntax.Statement, scope: _Scope) -> None:
        """Note the names that a statement reads and binds, without those in statements inside it."""
        found = list(syntax.expressions(statement))
        inner = any(True for _ in syntax.bodies(statement))
        end = max((each.span.end for each in found), default=statement.span.start) if inner else statement.span.end
        self._covered.append(Span(statement.span.start, end))
        targets = list(_targets(statement))
        bound = {name.span for target in targets for name in syntax.names_bound(target)}
        for each in (*found, *_annotations(statement)):
            self._read(each, scope, bound)
        for target in targets:
            for name in syntax.names_bound(target):
                self._bind(scope, name.id, name.span, end)
            for attribute in _attributes_bound(target):
                self._bind_attribute(attribute, scope)

    def _bind(self, scope: _Scope, name: str, span: Span, effect: int) -> None:
        """Bind a name; in the body of a class, it is an attribute too."""
        variable = scope.bind(name, span, effect)
        if scope.cls is not None:
            variable.attribute = True
            scope.cls.bindings.setdefault(name, []).append(span)
            self._uses.append(_Use(name, span, scope.cls))

    def _bind_attribute(self, attribute: syntax.Attribute, scope: _Scope) -> None:
        match attribute.value:
            case syntax.Name(id):
                owner = scope.find_receiver(id)
                if owner is not None:
                    owner.bindings.setdefault(attribute.name, []).append(attribute.name_span)

    def _visit_try(self, statement: syntax.Try, scope: _Scope) -> None:
        self._covered.append(Span(statement.span.start, statement.span.start + len("try")))
        self._visit_all(statement.body, scope)
        for handler in statement.handlers:
            end = handler.span.start + len("except")
            if handler.kind is not None:
                self._read(handler.kind, scope)
                end = handler.kind.span.end
            if handler.name is not None:
                end = handler.name.span.end
                self._bind(scope, handler.name.id, handler.name.span, end)
            self._covered.append(Span(handler.span.start, end))
            self._visit_all(handler.body, scope)
        self._visit_all(statement.otherwise, scope)
        self._visit_all(statement.finish, scope)

    def _visit_class(self, definition: syntax.Class, scope: _Scope) -> None:
        self._visit_head(definition, scope)
        name = self._name_of(definition)
        bases = [self._class_named(base, scope) for base in definition.bases]
        members = Members(definition, tuple(base for base in bases if base is not None))
        self._classes[name] = members
        self._bind(scope, definition.name, name, definition.header.start)
        inner = _Scope(scope, definition.header.start, definition.span.end, cls=members)
        self._scopes.append(inner)
        self._visit_all(definition.body, inner)

    def _class_named(self, base: syntax.Expr, scope: _Scope) -> Members | None:
        """The class of the file that an expression names, of those above it."""
        if isinstance(base, syntax.Name):
            for around in scope.around():
                variable = around.variables.get(base.id)
                if variable is not None:
                    return self._classes.get(variable.bindings[-1])
        return None

    def _visit_def(self, definition: syntax.Def, scope: _Scope) -> None:
        self._visit_head(definition, scope)
        name = self._name_of(definition)
        self._bind(scope, definition.name, name, definition.header.start)
        inner = _Scope(scope, definition.header.start, definition.span.end)
        decorators = {each.id for each in definition.decorators if isinstance(each, syntax.Name)}
        if scope.cls is not None and definition.parameters and not decorators & {"staticmethod", "classmethod"}:
            inner.receiver = definition.parameters[0].name, scope.cls
        self._scopes.append(inner)
        self._blocks[name] = definition, inner
        self._bind_parameters(definition.parameters, inner)
        self._visit_all(definition.body, inner)

    def _visit_head(self, definition: syntax.Def | syntax.Class, scope: _Scope) -> None:
        """Note what a definition reads at its place: decorators, defaults, bases, annotations."""
        self._covered.append(definition.header)
        self._covered += [each.span for each in definition.decorators]
        for each in (*syntax.expressions(definition), *_annotations(definition)):
            self._read(each, scope)

    def _name_of(self, definition: syntax.Def | syntax.Class) -> Span:
        head = _HEAD.search(self._text, definition.header.start)
        start = head.end() if head is not None else definition.header.start
        return Span(start, start + len(definition.name))

    def _bind_parameters(self, parameters: Iterable[syntax.Parameter], scope: _Scope) -> None:
        for parameter in parameters:
            start = self._text.find(parameter.name, parameter.span.start)
            scope.bind(parameter.name, Span(start, start + len(parameter.name)), scope.start)

    def _visit_import(self, statement: syntax.Import, scope: _Scope) -> None:
        if statement.names is None:
            bound = [statement.alias or statement.module.partition(".")[0]]
        else:
            bound = [alias for _, alias in statement.names if alias != "*"]
        line = self._lines[bisect.bisect_right(self._lines, statement.span.start, key=_start_of_line) - 1]
        for token in reversed(line.tokens):
            if token.value in bound:
                bound.remove(token.value)
                scope.bind(token.value, token.span, statement.span.end).imported = True

    def _read(self, expression: syntax.Expr, scope: _Scope, bound: Collection[Span] = ()) -> None:
        match expression:
            case syntax.Name(id, span) if span not in bound:
                self._pending.append((id, span, scope))
            case syntax.Attribute():
                self._attributes.append((expression, scope))
            case syntax.Call(function, positional, keywords):
                self._keywords += [(expression, keyword, scope) for keyword in keywords if keyword.name]
                if isinstance(function, syntax.Attribute) and function.name == "compile":
                    self._read_outputs([*positional, *(keyword.value for keyword in keywords)], scope)
            case syntax.Lambda(parameters, body, span):
                for default in syntax.defaults(parameters):
                    self._read(default, scope)
                inner = _Scope(scope, span.start, span.end)
                self._scopes.append(inner)
                self._bind_parameters(parameters, inner)
                self._read(body, inner)
                return
            case syntax.Comprehension():
                self._read_comprehension(expression, scope)
                return
            case syntax.NamedExpr(target, value, span):
                self._read(value, scope)
                outside = scope
                while outside.inner and outside.parent is not None:
                    outside = outside.parent
                outside.bind(target.id, target.span, span.end)
                return
        for child in syntax.children(expression):
            self._read(child, scope, bound)

    def _read_comprehension(self, comprehension: syntax.Comprehension, scope: _Scope) -> None:
        """Note the names of a comprehension, whose scope contains all but the iterable of its first clause."""
        inner = _Scope(scope, comprehension.span.start, comprehension.span.end, inner=True)
        self._scopes.append(inner)
        for index, clause in enumerate(comprehension.clauses):
            self._read(clause.iterable, inner if index else scope)
            names = list(syntax.names_bound(clause.target))
            self._read(clause.target, inner, {name.span for name in names})
            for name in names:
                inner.bind(name.id, name.span, comprehension.span.start)
            for test in clause.tests:
                self._read(test, inner)
        self._read(comprehension.element, inner)
        if comprehension.value is not None:
            self._read(comprehension.value, inner)

    def _read_outputs(self, arguments: Iterable[syntax.Expr], scope: _Scope) -> None:
        """Note the string keys of `loss={"age": mse}`, because an output has the name of its variable."""
        for argument in arguments:
            for key, _ in argument.items if isinstance(argument, syntax.Dict) else ():
                if isinstance(key, syntax.Constant) and isinstance(key.value, str) and key.value in scope.variables:
                    start = self._text.find(key.value, key.span.start, key.span.end)
                    if start >= 0:
                        self._pending.append((key.value, Span(start, start + len(key.value)), scope))

    # ------------------------------------------------------------------------------------------- what cannot be read

    def _is_read(self, offset: int) -> bool:
        """Whether the tree has the statement at `offset`."""
        before = bisect.bisect_right(self._covered, offset, key=_start)
        return before > 0 and offset < self._covered[before - 1].end

    def _visit_unread(self, line: Line) -> None:
        """Note the names of a line that is not in the tree."""
        scope = self._scope_at(line.tokens[0].span.start)
        if line.indent and scope is self._file:  # the last line of a block; the block ends before it
            scope = self._last_scope(line.tokens[0].span.start)
        tokens = [token for token in line.tokens if token.type != NEWLINE]
        end = tokens[-1].span.end
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
        self._resolve_attributes()
        for call, keyword, scope in self._keywords:
            self._resolve_keyword(call, keyword, scope)

    def _owner(self, expression: syntax.Expr, scope: _Scope) -> Members | None:
        """The class whose attributes `expression` has: the expression is an object, the class itself, or `super()`."""
        match expression:
            case syntax.Name(id, span):
                receiver = scope.find_receiver(id)
                if receiver is not None:
                    return receiver
                occurrence = self.occurrences.get(span)
                if occurrence is not None and occurrence.definition in self._classes:
                    return self._classes[occurrence.definition]
            case syntax.Call(syntax.Name("super")):
                methods = (each.receiver for each in scope.around() if each.receiver is not None)
                return next((base for _, members in methods for base in members.bases), None)
        definition = self._class_of(expression.span)
        return next((each for each in self._classes.values() if each.definition is definition), None)

    def _resolve_attributes(self) -> None:
        """Join attributes into one variable if an object may have them from several of its classes."""
        for attribute, scope in self._attributes:
            owner = self._owner(attribute.value, scope)
            if owner is not None:
                self._uses.append(_Use(attribute.name, attribute.name_span, owner))
        joined: dict[tuple[Members, str], tuple[Members, str]] = {}

        def root(key: tuple[Members, str]) -> tuple[Members, str]:
            while key in joined:
                key = joined[key]
            return key

        for use in self._uses:
            first, *others = ((each, use.name) for each in use.owner.owners(use.name) or (use.owner,))
            for other in others:
                if root(first) != root(other):
                    joined[root(other)] = root(first)
        variables: dict[tuple[Members, str], Variable] = {}
        bound = {span for members in self._classes.values() for spans in members.bindings.values() for span in spans}
        for use in self._uses:
            owners = use.owner.owners(use.name)
            if not owners:
                continue  # the attribute of a class of Keras, or of none
            variable = variables.setdefault(root((owners[0], use.name)), Variable(use.name, attribute=True))
            held = self.occurrences.get(use.span)
            if held is not None:  # in the body of a class, a name may read it
                variable.reads += held.variable.reads
                for span in held.variable.reads:
                    self.occurrences[span] = Occurrence(span, variable, self.occurrences[span].definition)
                held.variable.reads.clear()
            (variable.bindings if use.span in bound else variable.reads).append(use.span)
            definition = use.span if use.span in bound else owners[0].bindings[use.name][0]
            self.occurrences[use.span] = Occurrence(use.span, variable, definition)

    def _resolve_keyword(self, call: syntax.Call, keyword: syntax.Keyword, scope: _Scope) -> None:
        """Note that the name in `block(rate=0.1)` is a parameter of the function, or of the class's `__init__`."""
        match call.function:
            case syntax.Name(span=span) | syntax.Attribute(name_span=span):
                occurrence = self.occurrences.get(span)
            case _:
                return
        if occurrence is None:
            return
        definition = occurrence.definition
        if definition in self._classes:
            members = self._classes[definition]
            owners = members.owners("__init__")
            if not owners:
                self._resolve_field(members, keyword)
                return
            definition = owners[0].bindings["__init__"][-1]
        block = self._blocks.get(definition)
        if block is not None and keyword.name in (parameter.name for parameter in block[0].parameters):
            variable = block[1].variables[keyword.name]
            variable.reads.append(keyword.name_span)
            self.occurrences[keyword.name_span] = Occurrence(keyword.name_span, variable, variable.bindings[0])

    def _resolve_field(self, members: Members, keyword: syntax.Keyword) -> None:
        """Note that the name in `Settings(units=3)` is the field of a dataclass."""
        owners = members.owners(keyword.name)
        if owners:
            definition = owners[0].bindings[keyword.name][0]
            variable = self.occurrences[definition].variable
            variable.reads.append(keyword.name_span)
            self.occurrences[keyword.name_span] = Occurrence(keyword.name_span, variable, definition)


def _annotations(statement: syntax.Statement) -> Iterator[syntax.Expr]:
    """The annotations in a statement, which Python evaluates."""
    match statement:
        case syntax.Assign(annotation=annotation) if annotation is not None:
            yield annotation
        case syntax.Def(parameters=parameters, returns=returns):
            yield from (each.annotation for each in parameters if each.annotation is not None)
            if returns is not None:
                yield returns


def _attributes_bound(target: syntax.Expr) -> Iterator[syntax.Attribute]:
    """The attributes that a target binds."""
    match target:
        case syntax.Attribute():
            yield target
        case syntax.Tuple(items) | syntax.List(items):
            for each in items:
                yield from _attributes_bound(each)
        case syntax.Starred(value):
            yield from _attributes_bound(value)


def _targets(statement: syntax.Statement) -> Iterator[syntax.Target]:
    """The targets that a statement binds."""
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
    return line.tokens[0].span.start


def _effect(binding: tuple[int, Span]) -> int:
    return binding[0]


def _find(name: str, offset: int, scope: _Scope) -> tuple[Variable, Span] | None:
    """The variable of `name` at `offset`, and its binding there."""
    for around in scope.around():
        span = around.before(name, offset)
        if span is not None:
            return around.variables[name], span
    for around in scope.around():  # bound below: by the round before in a loop, or before a call of the function
        if name in around.variables:
            return around.variables[name], around.variables[name].bindings[0]
    return None


def _names_in(tokens: Sequence[Token]) -> Iterator[tuple[Span, str]]:
    """The names among the tokens of a line that may be variables, without attributes and keywords of calls."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.type in CLOSING) - (token.type in CLOSING.values())
        before = tokens[index - 1].type if index else ""
        after = tokens[index + 1].type if index + 1 < len(tokens) else ""
        if token.type == "NAME" and before != "DOT" and not (depth > 0 and after == "EQUAL"):
            yield token.span, token.value


def _bound_in(tokens: Sequence[Token]) -> Iterator[Span]:
    """The names that the line binds: those before `=`, and the name of a function or a class."""
    if tokens[0].type in ("DEF", "CLASS"):
        yield from (token.span for token in tokens[1:2])
        return
    kinds = [token.type for token in tokens]
    if "EQUAL" in kinds and set(kinds[: kinds.index("EQUAL")]) <= {"NAME", "COMMA"}:
        yield from (token.span for token in tokens[: kinds.index("EQUAL")] if token.type == "NAME")
