"""Makes the syntax tree: one method for each rule of grammar/nn.lark, called as soon as the rule is complete.

What a grammar cannot say stands here too: what can be assigned to, the order of parameters and arguments, a number that
is too large.  Such a check raises `Refused`; the parser reports it and goes on with the next statement.  Only what is
complete before its line ends may raise: the rules around blocks are complete when the next statement has begun.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar, cast

from gen.diagnostics import Diagnostic, Note, Span
from gen.language import strings, syntax
from gen.language.lines import MAX_DEPTH, too_deep
from gen.language.strings import Refused
from gen.language.tokens import Token
from gen.records import record

MAX_DIGITS = 18


@record
class _Dotted:
    text: str
    span: Span


@record
class _Alias:
    """`name as alias` in an import; without `as` both are the same."""

    name: str
    alias: str
    span: Span


@record
class _Header:
    """`def name(parameters) -> returns:`, before its body is read."""

    name: str
    parameters: tuple[syntax.Parameter, ...]
    returns: syntax.Expr | None
    asynchronous: bool
    span: Span


@record
class _ClassHeader:
    name: str
    bases: tuple[syntax.Expr, ...]
    keywords: tuple[syntax.Keyword, ...]
    span: Span


@record
class _Decorator:
    """`@value`, which belongs to the statement after it."""

    value: syntax.Expr


@record
class _Documentation:
    """A string that stands alone."""

    text: str
    span: Span


@record
class _Suite:
    """The body of a block; `end` is where its last statement ends, if any could be read."""

    body: tuple[syntax.Statement, ...]
    end: Span | None


@record
class _Clause:
    """`elif`, `else`, `except` or `finally` with its block; `star` marks `except*`."""

    word: str
    span: Span
    suite: _Suite
    test: syntax.Expr | None = None
    name: syntax.Name | None = None
    star: bool = False


@record
class _Turn:
    """A clause of a comprehension."""

    clause: syntax.Clause
    asynchronous: bool


@record
class _Names:
    """What a part of a `match` binds."""

    names: tuple[str, ...]
    end: Span


_Body: TypeAlias = "tuple[syntax.Statement, ...]"
_Lines: TypeAlias = "tuple[_Item, ...]"
_Item: TypeAlias = "syntax.Statement | _Decorator | _Documentation | _Lines | Token"
"""What a line can be: several statements or, if it could not be read, a token."""


class TreeBuilder:
    """The methods of the grammar.  Stateless: one builder serves every file.

    Of the tokens, each method gets those that its rule calls by a name.  `read` reads the fields of formatted strings.
    """

    def __init__(self, read: strings.Read) -> None:
        self._read = read

    # Statements of one line

    def file(self, *items: _Item) -> syntax.File:
        flat = _flat(items)
        first = flat[0] if flat else None
        if isinstance(first, _Documentation):
            return syntax.File(inspect.cleandoc(first.text), _statements(flat[1:]), Span(0, 0))
        return syntax.File(None, _statements(flat), Span(0, 0))

    def line(self, *items: _Item) -> _Lines:
        return items

    def assign(self, *items: syntax.Expr) -> syntax.Assign:
        *left, value = items
        targets = tuple(_target(each, alone=True) for each in left)
        return _checked(syntax.Assign(targets, _whole(value), left[0].span.to(value.span)))

    def annotate(
        self, left: syntax.Expr, annotation: syntax.Expr, value: syntax.Expr | None = None
    ) -> syntax.Assign | syntax.Pass:
        _check_depth(annotation)
        if isinstance(left, syntax.Tuple | syntax.List):
            _refuse(
                "syntax-error", left.span, "Only a single name can have an annotation", hint="write a line for each"
            )
        target = _target(left, alone=True)
        if value is None:
            _check_depth(left)
            declares = target.id if isinstance(target, syntax.Name) else ""
            return syntax.Pass(left.span.to(annotation.span), declares)
        return _checked(syntax.Assign((target,), _whole(value), left.span.to(value.span), annotation))

    def augment(self, left: syntax.Expr, operator: Token, value: syntax.Expr) -> syntax.AugAssign:
        if not isinstance(left, syntax.Name | syntax.Attribute | syntax.Index):
            raise _wrong_target(left, str(operator))
        return _checked(syntax.AugAssign(left, operator.value[:-1], _whole(value), left.span.to(value.span)))

    def evaluate(self, value: syntax.Expr) -> syntax.Evaluate | _Documentation:
        if isinstance(value, syntax.Constant) and isinstance(value.value, str):
            return _Documentation(value.value, value.span)
        return _checked(syntax.Evaluate(_whole(value), value.span))

    def delete(self, keyword: Token, value: syntax.Expr) -> syntax.Delete:
        bare = isinstance(value, syntax.Tuple) and value.items and value.span.start == value.items[0].span.start
        items = value.items if bare and isinstance(value, syntax.Tuple) else (value,)
        targets = tuple(_target(item, "del") for item in items)
        return _checked(syntax.Delete(targets, keyword.span.to(value.span)))

    def pass_statement(self, keyword: Token) -> syntax.Pass:
        return syntax.Pass(keyword.span)

    def break_statement(self, keyword: Token) -> syntax.Break:
        return syntax.Break(keyword.span)

    def continue_statement(self, keyword: Token) -> syntax.Continue:
        return syntax.Continue(keyword.span)

    def return_statement(self, keyword: Token, value: syntax.Expr | None = None) -> syntax.Return:
        if value is None:
            return syntax.Return(None, keyword.span)
        return _checked(syntax.Return(_whole(value), keyword.span.to(value.span)))

    def raise_statement(
        self, keyword: Token, exception: syntax.Expr | None = None, cause: syntax.Expr | None = None
    ) -> syntax.Raise:
        if exception is None:
            return syntax.Raise(None, keyword.span)
        if cause is not None:
            _check_depth(cause)
        return _checked(syntax.Raise(exception, keyword.span.to((cause or exception).span)))

    def assert_statement(self, keyword: Token, test: syntax.Expr, message: syntax.Expr | None = None) -> syntax.Assert:
        return _checked(syntax.Assert(test, message, keyword.span.to((message or test).span)))

    def scope_statement(self, keyword: Token, *names: Token) -> syntax.Foreign | syntax.Pass:
        span = keyword.span.to(names[-1].span)
        if keyword.type == "GLOBAL_IN_FILE":
            return syntax.Pass(span)
        return syntax.Foreign(keyword.value, tuple(name.value for name in names), span)

    def magic(self, token: Token) -> syntax.Foreign:
        return syntax.Foreign(token.value[:1], (), token.span)

    def import_statement(self, keyword: Token, *modules: syntax.Import) -> _Lines:
        return tuple(replace(module, span=keyword.span.to(module.span)) for module in modules)

    def module(self, name: _Dotted, *alias: Token) -> syntax.Import:
        if not alias:
            return syntax.Import(name.text, None, None, name.span)
        return syntax.Import(name.text, None, alias[1].value, name.span.to(alias[1].span))

    def from_statement(self, keyword: Token, module: _Dotted, _: Token, *names: _Alias | Token) -> syntax.Import:
        end = names[-1]
        span = keyword.span.to(end.span)
        if isinstance(end, Token) and end.type == "STAR":
            return syntax.Import(module.text, (("*", "*"),), None, span)
        pairs = tuple((name.name, name.alias) for name in names if isinstance(name, _Alias))
        return syntax.Import(module.text, pairs, None, span)

    def alias(self, name: Token, *alias: Token) -> _Alias:
        last = alias[-1] if alias else name
        return _Alias(name.value, last.value, name.span.to(last.span))

    def origin(self, *parts: Token | _Dotted) -> _Dotted:
        text = "".join(part.text if isinstance(part, _Dotted) else part.value for part in parts)
        return _Dotted(text, parts[0].span.to(parts[-1].span))

    def dotted(self, *parts: Token) -> _Dotted:
        names = [part for part in parts if part.type == "NAME"]
        return _Dotted(".".join(name.value for name in names), names[0].span.to(names[-1].span))

    # Statements with blocks

    def suite(self, *items: _Item) -> _Suite:
        end = next((item.span for item in reversed(_flat(items)) if not isinstance(item, Token | _Decorator)), None)
        return _Suite(_statements(items), end)

    def test(self, value: syntax.Expr) -> syntax.Expr:
        _check_depth(value)
        return value

    def if_statement(
        self, keyword: Token, test: syntax.Expr, colon: Token, suite: _Suite, *all_clauses: _Clause | Token
    ) -> syntax.If:
        clauses = [clause for clause in all_clauses if isinstance(clause, _Clause)]
        otherwise: _Body = ()
        end = _end(colon, suite, *clauses)
        for clause in reversed(clauses):
            if clause.test is None:
                otherwise = clause.suite.body
            else:
                otherwise = (syntax.If(clause.test, clause.suite.body, otherwise, Span(clause.span.start, end.end)),)
        return syntax.If(test, suite.body, otherwise, keyword.span.to(end))

    def elif_clause(self, keyword: Token, test: syntax.Expr, colon: Token, suite: _Suite) -> _Clause:
        return _Clause("elif", keyword.span.to(_end(colon, suite)), suite, test)

    def else_clause(self, keyword: Token, colon: Token, suite: _Suite) -> _Clause:
        return _Clause("else", keyword.span.to(_end(colon, suite)), suite)

    def while_statement(
        self, keyword: Token, test: syntax.Expr, colon: Token, suite: _Suite, *clauses: _Clause
    ) -> syntax.While:
        span = keyword.span.to(_end(colon, suite, *clauses))
        return syntax.While(test, suite.body, _body(clauses, "else"), span)

    def turns(self, target: syntax.Expr, iterable: syntax.Expr) -> tuple[syntax.Target, syntax.Expr]:
        _check_depth(target)
        _check_depth(iterable)
        return _target(target, "for", alone=True), _whole(iterable)

    def for_statement(self, *parts: Token | tuple[syntax.Target, syntax.Expr] | _Suite | _Clause) -> syntax.Statement:
        keywords = [part for part in parts if isinstance(part, Token)]
        target, iterable = next(part for part in parts if isinstance(part, tuple))
        suite = next(part for part in parts if isinstance(part, _Suite))
        clauses = [part for part in parts if isinstance(part, _Clause)]
        span = keywords[0].span.to(_end(keywords[-1], suite, *clauses))
        loop = syntax.For(target, iterable, suite.body, _body(clauses, "else"), span)
        return _foreign("async for", loop) if keywords[0].type == "ASYNC" else loop

    def scope(self, value: syntax.Expr, target: syntax.Expr | None = None) -> tuple[syntax.Expr, syntax.Target | None]:
        _check_depth(value)
        if target is None:
            return value, None
        _check_depth(target)
        return value, _target(target, "with", alone=True)

    def with_statement(
        self, *parts: Token | tuple[syntax.Expr, syntax.Target | None] | _Suite
    ) -> syntax.With | syntax.Foreign:
        keywords = [part for part in parts if isinstance(part, Token)]
        items = tuple(part for part in parts if isinstance(part, tuple))
        suite = next(part for part in parts if isinstance(part, _Suite))
        statement = syntax.With(items, suite.body, keywords[0].span.to(_end(keywords[-1], suite)))
        return _foreign("async with", statement) if keywords[0].type == "ASYNC" else statement

    def try_statement(
        self, keyword: Token, colon: Token, suite: _Suite, *all_clauses: _Clause | Token
    ) -> syntax.Try | syntax.Foreign | _Lines:
        clauses = [clause for clause in all_clauses if isinstance(clause, _Clause)]
        if all_clauses and not clauses:  # none of them could be read
            return suite.body
        handlers = tuple(
            syntax.Handler(clause.test, clause.name, clause.suite.body, clause.span)
            for clause in clauses
            if clause.word == "except"
        )
        span = keyword.span.to(_end(colon, suite, *clauses))
        statement = syntax.Try(suite.body, handlers, _body(clauses, "else"), _body(clauses, "finally"), span)
        return _foreign("except*", statement) if any(clause.star for clause in clauses) else statement

    def caught(self, kind: syntax.Expr, name: Token | None = None) -> tuple[syntax.Expr, syntax.Name | None]:
        _check_depth(kind)
        return kind, None if name is None else self.name(name)

    def except_clause(self, keyword: Token, *parts: Token | tuple[syntax.Expr, syntax.Name | None] | _Suite) -> _Clause:
        kind, name = next((part for part in parts if isinstance(part, tuple)), (None, None))
        suite, colon = parts[-1], parts[-2]
        assert isinstance(suite, _Suite) and isinstance(colon, Token)
        star = isinstance(parts[0], Token) and parts[0].type == "STAR"
        return _Clause("except", keyword.span.to(_end(colon, suite)), suite, kind, name, star)

    def finally_clause(self, keyword: Token, colon: Token, suite: _Suite) -> _Clause:
        return _Clause("finally", keyword.span.to(_end(colon, suite)), suite)

    def function(self, header: _Header, suite: _Suite) -> syntax.Def:
        return syntax.Def(
            header.name,
            header.parameters,
            suite.body,
            header.span,
            header.span.to(suite.end or header.span),
            returns=header.returns,
            asynchronous=header.asynchronous,
        )

    def function_header(self, *parts: Token | tuple[syntax.Parameter, ...] | syntax.Expr) -> _Header:
        tokens = [part for part in parts if isinstance(part, Token)]
        parameters = next((part for part in parts if isinstance(part, tuple)), ())
        returns = next((part for part in parts if not isinstance(part, Token | tuple)), None)
        if returns is not None:
            _check_depth(returns)
        name = next(token for token in tokens if token.type == "NAME")
        span = tokens[0].span.to(tokens[-1].span)
        return _Header(name.value, parameters, returns, tokens[0].type == "ASYNC", span)

    def parameters(self, *items: syntax.Parameter) -> tuple[syntax.Parameter, ...]:
        return _parameters(items)

    lambda_parameters = parameters

    def parameter(self, *parts: Token | syntax.Expr) -> syntax.Parameter:
        """A parameter, `*` or `/`, each with the sign as its kind; the order is looked at later."""
        sign = "" if _type(parts[0]) == "NAME" else str(parts[0])
        name = next((part for part in parts if isinstance(part, Token) and part.type == "NAME"), None)
        annotation: syntax.Expr | None = None
        default: syntax.Expr | None = None
        for before, part in zip((None, *parts), parts, strict=False):
            if isinstance(part, Token):
                continue
            _check_depth(part)
            if _type(before) in {"COLON", "STAR"}:
                annotation = part
            else:
                default = part
        span = parts[0].span.to(parts[-1].span)
        kind = cast(Literal["plain"], sign)  # made one of the kinds when all parameters are known
        return syntax.Parameter("" if name is None else name.value, default, span, kind, annotation)

    lambda_parameter = parameter

    def class_statement(self, header: _ClassHeader, suite: _Suite) -> syntax.Class:
        span = header.span.to(suite.end or header.span)
        return syntax.Class(header.name, header.bases, header.keywords, suite.body, header.span, span)

    def class_header(self, keyword: Token, name: Token, *rest: syntax.Expr | syntax.Keyword | Token) -> _ClassHeader:
        colon = rest[-1]
        assert isinstance(colon, Token)
        bases, keywords = _arguments([item for item in rest if not isinstance(item, Token)])
        for value in (*bases, *(keyword.value for keyword in keywords)):
            _check_depth(value)
        return _ClassHeader(name.value, bases, keywords, keyword.span.to(colon.span))

    def decorator(self, _: Token, value: syntax.Expr) -> _Decorator:
        return _Decorator(value)

    def broken(self, token: Token, *_: object) -> Token:
        return token

    broken_clause = broken

    # `match`

    def subject(self, *values: syntax.Expr) -> None:
        for value in values:
            _check_depth(value)

    def match_statement(self, keyword: Token, _: None, colon: Token, *cases: _Names | Token) -> syntax.Foreign:
        read = [case for case in cases if isinstance(case, _Names)]
        names = dict.fromkeys(name for case in read for name in case.names)
        end = read[-1].end if read else colon.span
        return syntax.Foreign("match", tuple(names), keyword.span.to(end))

    def case(self, keyword: Token, *parts: object) -> _Names:
        suite, colon = parts[-1], parts[-2]
        assert isinstance(suite, _Suite) and isinstance(colon, Token)
        captured = [name for part in parts if isinstance(part, _Names) for name in part.names]
        return _Names((*captured, *_bound(suite.body)), _end(colon, suite))

    def captured(self, name: Token) -> _Names:
        return _Names((name.value,) if name.value != "_" else (), name.span)

    # Expressions

    def name(self, token: Token) -> syntax.Name:
        return syntax.Name(token.value, token.span)

    def number(self, token: Token) -> syntax.Constant:
        return syntax.Constant(_number_value(token), token.span)

    def strings(self, *tokens: Token) -> syntax.Constant | syntax.Formatted:
        return strings.joined(tokens, self._read)

    def true(self, token: Token) -> syntax.Constant:
        return syntax.Constant(True, token.span)

    def false(self, token: Token) -> syntax.Constant:
        return syntax.Constant(False, token.span)

    def none(self, token: Token) -> syntax.Constant:
        return syntax.Constant(None, token.span)

    def ellipsis(self, token: Token) -> syntax.Constant:
        return syntax.Constant(..., token.span)

    def starred(self, star: Token, value: syntax.Expr) -> syntax.Starred:
        return syntax.Starred(value, star.span.to(value.span))

    def yielded(self, keyword: Token, *values: syntax.Expr) -> syntax.ForeignExpr:
        end = values[-1].span if values else keyword.span
        return syntax.ForeignExpr("yield", tuple(map(_whole, values)), keyword.span.to(end))

    def await_expression(self, keyword: Token, value: syntax.Expr) -> syntax.ForeignExpr:
        return syntax.ForeignExpr("await", (value,), keyword.span.to(value.span))

    def named_expression(self, name: Token, value: syntax.Expr) -> syntax.NamedExpr:
        return syntax.NamedExpr(self.name(name), value, name.span.to(value.span))

    def conditional(self, value: syntax.Expr, test: syntax.Expr, otherwise: syntax.Expr) -> syntax.Conditional:
        return syntax.Conditional(test, value, otherwise, value.span.to(otherwise.span))

    def lambda_expression(self, keyword: Token, *parts: tuple[syntax.Parameter, ...] | syntax.Expr) -> syntax.Lambda:
        body = parts[-1]
        assert not isinstance(body, tuple)
        parameters = parts[0] if isinstance(parts[0], tuple) else ()
        return syntax.Lambda(parameters, body, keyword.span.to(body.span))

    def logical(self, *parts: syntax.Expr | Token) -> syntax.Logical:
        values = _expressions(parts)
        return syntax.Logical(str(parts[1]), values, values[0].span.to(values[-1].span))

    def compare(self, left: syntax.Expr, *rest: str | syntax.Expr) -> syntax.Compare:
        pairs = tuple(zip(cast(Sequence[str], rest[::2]), cast(Sequence[syntax.Expr], rest[1::2]), strict=True))
        return syntax.Compare(left, pairs, left.span.to(pairs[-1][1].span))

    def comparator(self, *words: Token) -> str:
        return " ".join(word.value for word in words)

    def binary(self, left: syntax.Expr, operator: Token, right: syntax.Expr) -> syntax.Binary:
        return syntax.Binary(operator.value, left, right, left.span.to(right.span))

    def unary(self, operator: Token, operand: syntax.Expr) -> syntax.Unary:
        return syntax.Unary(operator.value, operand, operator.span.to(operand.span))

    def attribute(self, value: syntax.Expr, name: Token) -> syntax.Attribute:
        return syntax.Attribute(value, name.value, name.span, value.span.to(name.span))

    def call(self, function: syntax.Expr, _: Token, *rest: syntax.Expr | syntax.Keyword | Token) -> syntax.Call:
        *items, closing = rest
        positional, keywords = _arguments(cast(Sequence[syntax.Expr | syntax.Keyword], items))
        return syntax.Call(function, positional, keywords, function.span.to(closing.span))

    def call_of_generator(
        self, function: syntax.Expr, opening: Token, element: syntax.Expr, clauses: tuple[_Turn, ...], closing: Token
    ) -> syntax.Call:
        generator = self.generator(opening, element, clauses, closing)
        return syntax.Call(function, (generator,), (), function.span.to(closing.span))

    def keyword(self, name: Token, value: syntax.Expr) -> syntax.Keyword:
        return syntax.Keyword(name.value, name.span, value, name.span.to(value.span))

    def unpacked(self, stars: Token, value: syntax.Expr) -> syntax.Keyword:
        return syntax.Keyword("", stars.span, value, stars.span.to(value.span))

    def subscription(self, value: syntax.Expr, _: Token, *rest: syntax.Expr | syntax.Slice | Token) -> syntax.Index:
        items = tuple(item for item in rest if not isinstance(item, Token))
        tupled = len(rest) > 2 or isinstance(items[0], syntax.Starred)
        return syntax.Index(value, items, value.span.to(rest[-1].span), tupled)

    def slicing(self, *parts: syntax.Expr | Token) -> syntax.Slice:
        bounds: list[syntax.Expr | None] = [None]
        for part in parts:
            if isinstance(part, Token):
                bounds.append(None)
            else:
                bounds[-1] = part
        start, stop, step = (*bounds, None)[:3]
        return syntax.Slice(start, stop, step, parts[0].span.to(parts[-1].span))

    def parenthesised(self, opening: Token, value: syntax.Expr, closing: Token) -> syntax.Expr:
        return replace(value, span=opening.span.to(closing.span))

    def bare_tuple(self, *items: syntax.Expr) -> syntax.Tuple:
        return syntax.Tuple(items, items[0].span.to(items[-1].span))

    def tuple_display(self, opening: Token, *rest: syntax.Expr | Token) -> syntax.Tuple:
        return syntax.Tuple(_expressions(rest), opening.span.to(rest[-1].span))

    def list_display(self, opening: Token, *rest: syntax.Expr | Token) -> syntax.List:
        return syntax.List(_expressions(rest), opening.span.to(rest[-1].span))

    def set_display(self, opening: Token, *rest: syntax.Expr | Token) -> syntax.Set:
        return syntax.Set(_expressions(rest), opening.span.to(rest[-1].span))

    def pair(self, *parts: syntax.Expr | Token) -> tuple[syntax.Expr | None, syntax.Expr]:
        key, value = (part if not isinstance(part, Token) else None for part in parts)
        assert value is not None
        return key, value

    def dict_display(self, opening: Token, *rest: tuple[syntax.Expr | None, syntax.Expr] | Token) -> syntax.Dict:
        closing = rest[-1]
        assert isinstance(closing, Token)
        items = tuple(item for item in rest if not isinstance(item, Token))
        return syntax.Dict(items, opening.span.to(closing.span))

    # Comprehensions

    def clauses(self, *clauses: _Turn) -> tuple[_Turn, ...]:
        return clauses

    def clause(self, *parts: Token | syntax.Expr) -> _Turn:
        keywords, rest = [part for part in parts if isinstance(part, Token)], _expressions(parts)
        target = _target(rest[0], "for", alone=True)
        clause = syntax.Clause(target, rest[1], rest[2:], keywords[0].span.to(rest[-1].span))
        return _Turn(clause, keywords[0].type == "ASYNC")

    def bare_generator(self, element: syntax.Expr, clauses: tuple[_Turn, ...]) -> syntax.Expr:
        span = element.span.to(clauses[-1].clause.span)
        return _comprehension("generator", _whole(element), None, clauses, span)

    def generator(
        self, opening: Token, element: syntax.Expr, clauses: tuple[_Turn, ...], closing: Token
    ) -> syntax.Expr:
        return _comprehension("generator", element, None, clauses, opening.span.to(closing.span))

    def list_comprehension(
        self, opening: Token, element: syntax.Expr, clauses: tuple[_Turn, ...], closing: Token
    ) -> syntax.Expr:
        return _comprehension("list", element, None, clauses, opening.span.to(closing.span))

    def set_comprehension(
        self, opening: Token, element: syntax.Expr, clauses: tuple[_Turn, ...], closing: Token
    ) -> syntax.Expr:
        return _comprehension("set", element, None, clauses, opening.span.to(closing.span))

    def dict_comprehension(
        self,
        opening: Token,
        pair: tuple[syntax.Expr | None, syntax.Expr],
        clauses: tuple[_Turn, ...],
        closing: Token,
    ) -> syntax.Expr:
        key, value = pair
        if key is None:
            hint = "write `key: value for …`"
            _refuse("syntax-error", value.span, "A comprehension cannot unpack with `**`", hint=hint)
        return _comprehension("dict", key, value, clauses, opening.span.to(closing.span))


def _comprehension(
    kind: Literal["list", "set", "dict", "generator"],
    element: syntax.Expr,
    value: syntax.Expr | None,
    turns: tuple[_Turn, ...],
    span: Span,
) -> syntax.Expr:
    made = syntax.Comprehension(kind, element, value, tuple(turn.clause for turn in turns), span)
    return syntax.ForeignExpr("async for", (made,), span) if any(turn.asynchronous for turn in turns) else made


# -------------------------------------------------------------------------------------------------------------- bodies


def _flat(items: Iterable[_Item]) -> list[Any]:
    """The items of all lines in one row."""
    row: list[Any] = []
    for item in items:
        if isinstance(item, tuple):
            row += _flat(item)
        else:
            row.append(item)
    return row


def _statements(items: Iterable[_Item]) -> _Body:
    """The statements of a body, decorated, without what could not be read."""
    row: list[syntax.Statement] = []
    decorators: list[syntax.Expr] = []
    for item in _flat(items):
        if isinstance(item, _Decorator):
            decorators.append(item.value)
            continue
        if isinstance(item, _Documentation):
            row.append(syntax.Pass(item.span))
        elif isinstance(item, syntax.Def | syntax.Class):
            row.append(replace(item, decorators=tuple(decorators)) if decorators else item)
        elif not isinstance(item, Token):
            row.append(item)
        decorators = []
    return tuple(row)


def _body(clauses: Iterable[_Clause], word: str) -> _Body:
    return next((clause.suite.body for clause in clauses if clause.word == word), ())


def _end(colon: Token, suite: _Suite, *clauses: _Clause) -> Span:
    """Where a statement ends: with the last clause, with its own block, or, if nothing in that was read, before it."""
    return clauses[-1].span if clauses else suite.end or colon.span


def _foreign(word: str, statement: syntax.Statement) -> syntax.Foreign:
    return syntax.Foreign(word, _bound((statement,)), statement.span)


def _bound(statements: Iterable[syntax.Statement]) -> tuple[str, ...]:
    """The names that statements bind where they stand; not those inside a `def` or a `class`."""
    names: list[str] = []
    for statement in statements:
        match statement:
            case syntax.Assign(targets) | syntax.Delete(targets):
                names += _names(targets)
            case syntax.AugAssign(target) | syntax.For(target):
                names += _names((target,))
            case syntax.With(items):
                names += _names(target for _, target in items if target is not None)
            case syntax.Try(handlers=handlers):
                names += [handler.name.id for handler in handlers if handler.name is not None]
            case syntax.Def(name) | syntax.Class(name):
                names.append(name)
                continue
            case syntax.Import(module, None, alias):
                names.append(alias or module.partition(".")[0])
            case syntax.Import(names=pairs) if pairs is not None:
                names += [alias for _, alias in pairs]
            case syntax.Foreign(names=inner):
                names += inner
        for expression in syntax.expressions(statement):
            for each in syntax.inside(expression):
                if isinstance(each, syntax.NamedExpr):
                    names.append(each.target.id)
        for body in syntax.bodies(statement):
            names += _bound(body)
    return tuple(dict.fromkeys(names))


def _names(targets: Iterable[syntax.Target]) -> list[str]:
    return [name.id for target in targets for name in syntax.names_bound(target)]


# ------------------------------------------------------------------------------------------------------------- details


def _type(item: object) -> str:
    return item.type if isinstance(item, Token) else ""


def _expressions(items: Iterable[syntax.Expr | Token]) -> tuple[syntax.Expr, ...]:
    return tuple(item for item in items if not isinstance(item, Token))


def _refuse(code: str, span: Span, message: str, *, notes: tuple[Note, ...] = (), hint: str | None = None) -> NoReturn:
    raise Refused(Diagnostic(code, message, span, notes=notes, hint=hint))


def _whole(value: syntax.Expr) -> syntax.Expr:
    """`value`, which is not `*items` alone."""
    if isinstance(value, syntax.Starred):
        hint = "write `[*…]` for a list, or a comma after it for a tuple"
        _refuse("syntax-error", value.span, "`*` can unpack only inside brackets or in a tuple", hint=hint)
    return value


_SEVERAL = {"=": "`a, b = …`", "for": "`for a, b in …`", "with": "`as (a, b)`", "del": "`del a, b`"}


def _target(target: syntax.Expr, what: str = "=", alone: bool = False) -> syntax.Target:
    """`target`, which can be bound; `alone` says that it is not an item of another one."""
    match target:
        case syntax.Name() | syntax.Attribute() | syntax.Index():
            return target
        case syntax.Starred(value) if what != "del":
            if alone:
                hint = "put a comma after it: `*a, = …`"
                _refuse("syntax-error", target.span, "A `*` target needs others beside it", hint=hint)
            if isinstance(value, syntax.Starred):
                raise _wrong_target(value, what)
            return replace(target, value=_target(value, what))
        case syntax.Tuple(items) | syntax.List(items):
            starred = [item for item in items if isinstance(item, syntax.Starred)]
            if len(starred) > 1:
                notes = (Note(starred[0].span, "the first one"),)
                _refuse("syntax-error", starred[1].span, "Only one target can have a `*`", notes=notes)
            for item in items:
                _target(item, what)
            return target
    raise _wrong_target(target, what)


def _wrong_target(target: syntax.Expr, what: str) -> Refused:
    if isinstance(target, syntax.Constant) and (target.value is None or isinstance(target.value, bool)):
        message = f"`{target.value}` is a word of the language and cannot be a name"
        return Refused(Diagnostic("keyword-name", message, target.span))
    where = {"for": "after `for`", "with": "after `as`", "del": "after `del`"}.get(what, f"on the left of `{what}`")
    if what == "=":
        hint = "to compare, write `==`; for an argument, put it in the brackets of the call"
        if not isinstance(target, syntax.Constant | syntax.Compare | syntax.Logical):
            hint = "write `name = …`, or `a, b = …` for several"
    else:
        hint = f"for several, write {_SEVERAL[what]}" if what in _SEVERAL else f"write `name {what} …`"
    message = f"Only a name, an attribute or an item can be {where}"
    return Refused(Diagnostic("syntax-error", message, target.span, hint=hint))


def _arguments(
    items: Sequence[syntax.Expr | syntax.Keyword],
) -> tuple[tuple[syntax.Expr, ...], tuple[syntax.Keyword, ...]]:
    """The positional and the named arguments of a call, whose order is checked."""
    positional: list[syntax.Expr] = []
    keywords: list[syntax.Keyword] = []
    for item in items:
        if isinstance(item, syntax.Keyword):
            keywords.append(item)
            continue
        _check_order(item, keywords)
        positional.append(item)
    _check_repetition((keyword.name, keyword.name_span) for keyword in keywords if keyword.name)
    return tuple(positional), tuple(keywords)


def _check_order(argument: syntax.Expr, keywords: list[syntax.Keyword]) -> None:
    starred = isinstance(argument, syntax.Starred)
    before = next((keyword for keyword in reversed(keywords) if not (starred and keyword.name)), None)
    if before is not None:
        what = "An argument with `*`" if starred else "An argument without a name"
        _refuse(
            "syntax-error",
            argument.span,
            f"{what} follows one with {'a name' if before.name else '`**`'}",
            notes=(Note(before.span, "named argument" if before.name else "unpacked here"),),
            hint="put it before the named ones, or name it too" if before.name else "put it before that",
        )


def _parameters(items: Sequence[syntax.Parameter]) -> tuple[syntax.Parameter, ...]:
    """The parameters, each with its kind; the signs that stand alone have done their part."""
    found: list[syntax.Parameter] = []
    star: syntax.Parameter | None = None
    slash: syntax.Parameter | None = None
    with_default: syntax.Parameter | None = None
    for item in items:
        sign = str(item.kind)
        if found and found[-1].kind == "kwargs":
            _refuse("syntax-error", item.span, f"Nothing can follow `**{found[-1].name}`", hint="put it before that")
        if sign == "/":
            if slash is not None or star is not None or not found:
                hint = "write it once, after the parameters that have no name in a call, and before any `*`"
                _refuse("syntax-error", item.span, "This `/` is out of place", hint=hint)
            found = [replace(each, kind="only") for each in found]
            slash = item
        elif sign == "*":
            if star is not None:
                notes = (Note(star.span, "the first one"),)
                _refuse("syntax-error", item.span, "There can be only one `*`", notes=notes, hint="remove one of them")
            star = item
            if item.name:
                found.append(replace(item, kind="args"))
        elif sign == "**":
            found.append(replace(item, kind="kwargs"))
        else:
            if star is None and item.default is None and with_default is not None:
                _refuse(
                    "syntax-error",
                    item.span,
                    f"`{item.name}` has no default, but follows a parameter that has one",
                    notes=(Note(with_default.span, "this one has a default"),),
                    hint="put the parameters without a default first",
                )
            with_default = item if item.default is not None else with_default
            found.append(replace(item, kind="plain" if star is None else "named"))
    if star is not None and not star.name and not any(each.kind == "named" for each in found):
        _refuse("syntax-error", star.span, "No parameter follows this `*`", hint="name one after it, or remove it")
    _check_repetition((parameter.name, parameter.span) for parameter in found)
    return tuple(found)


def _check_repetition(names: Iterable[tuple[str, Span]]) -> None:
    seen: dict[str, Span] = {}
    for name, span in names:
        if name in seen:
            _refuse(
                "repeated-name",
                span,
                f"`{name}` is given twice",
                notes=(Note(seen[name], "given here first"),),
                hint="remove one of them",
            )
        seen[name] = span


_S = TypeVar("_S", bound=syntax.Statement)


def _checked(statement: _S) -> _S:
    if not _may_be_deep(statement.span):
        return statement
    for expression in syntax.expressions(statement):
        _check_depth(expression)
    return statement


def _check_depth(expression: syntax.Expr) -> None:
    """Refuses an expression that is deeper than `MAX_DEPTH`: recursion over the tree is safe everywhere after this."""
    if not _may_be_deep(expression.span):
        return
    stack = [(expression, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Refused(too_deep(expression.span))
        stack.extend((child, depth + 1) for child in syntax.children(node))


def _may_be_deep(span: Span) -> bool:
    """Each level takes a character at least."""
    return span.end - span.start > MAX_DEPTH


def _number_value(token: Token) -> int | float:
    text = token.value.replace("_", "")
    if text.isdigit() or text[:2].lower() in {"0x", "0o", "0b"}:
        return _integer_value(token, text)
    value = float(text)
    if math.isinf(value):
        _refuse("number-too-large", token.span, f"`{_short(token)}` is too large for a float")
    return value


def _integer_value(token: Token, text: str) -> int:
    # The length is looked at first: converting a very long numeral takes quadratic time.
    value = int(text, 0) if len(text) <= 4 * MAX_DIGITS else 10**MAX_DIGITS
    if value >= 10**MAX_DIGITS:
        _refuse("number-too-large", token.span, f"`{_short(token)}` has more than {MAX_DIGITS} digits")
    return value


def _short(token: Token) -> str:
    text = token.value
    return text if len(text) <= 24 else f"{text[:12]}…{text[-8:]}"
