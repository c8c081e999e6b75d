"""Makes the syntax tree: one method for each rule of grammar/nn.lark, called as soon as the rule is complete.

What a grammar cannot say stands here too: an argument named twice, a number that is too large, a target that is no
name.  Such a check raises `Refused`; the parser reports it and goes on with the next statement.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NoReturn, TypeAlias

from lark import Token, Transformer, v_args

from gen.diagnostics import Diagnostic, Note, Span
from gen.language import syntax
from gen.language.lines import MAX_DEPTH, span_of, too_deep
from gen.language.refusals import misplaced_string

MAX_DIGITS = 18

_ESCAPE = re.compile(
    r"""\\(?:\r?\n|[\\'"abfnrtv]|[0-3]?[0-7]{1,2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]+\})"""
)


class Refused(Exception):
    """A statement has a form that the grammar admits and the language does not; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(frozen=True)
class _Dotted:
    text: str
    span: Span


@dataclass(frozen=True)
class _Header:
    """`def name(parameters):`, before its body is read."""

    name: str
    parameters: tuple[syntax.Parameter, ...]
    span: Span


@dataclass(frozen=True)
class _LoopHeader:
    target: syntax.Name
    iterable: syntax.Expr
    span: Span


@dataclass(frozen=True)
class _Alias:
    """`name as alias` in an import; without `as` both are the same."""

    name: str
    alias: str
    span: Span


@dataclass(frozen=True)
class _Docstring:
    text: str


_Body: TypeAlias = tuple[syntax.Statement, ...]
_Item: TypeAlias = syntax.Statement | _Body | Token  # a line may hold several imports; a token is a placeholder


@v_args(inline=True)
class TreeBuilder(Transformer[Token, syntax.File]):
    """The callbacks of the grammar.  Stateless: one builder serves every file."""

    # Statements

    def file(self, *items: _Docstring | _Item) -> syntax.File:
        docstring = next((item.text for item in items if isinstance(item, _Docstring)), None)
        return syntax.File(docstring, _statements(items), Span(0, 0))

    def docstring(self, token: Token) -> _Docstring:
        return _Docstring(inspect.cleandoc(_string_value(token)))

    def assign(self, target: syntax.Expr, value: syntax.Expr) -> syntax.Assign:
        _check_depth(value)
        return syntax.Assign(_targets(target), value, target.span.to(value.span))

    def evaluate(self, value: syntax.Expr) -> syntax.Evaluate:
        if isinstance(value, syntax.Constant) and isinstance(value.value, str):
            raise Refused(misplaced_string(value.span))
        _check_depth(value)
        return syntax.Evaluate(value, value.span)

    def return_statement(self, keyword: Token, value: syntax.Expr) -> syntax.Return:
        _check_depth(value)
        return syntax.Return(value, span_of(keyword).to(value.span))

    def import_statement(self, keyword: Token, *modules: syntax.Import) -> _Body:
        return tuple(replace(module, span=span_of(keyword).to(module.span)) for module in modules)

    def module(self, name: _Dotted, *alias: Token) -> syntax.Import:
        if not alias:
            return syntax.Import(name.text, None, None, name.span)
        return syntax.Import(name.text, None, alias[1].value, name.span.to(span_of(alias[1])))

    def from_statement(self, keyword: Token, module: _Dotted, _: Token, *names: _Alias | Token) -> syntax.Import:
        end = names[-1]
        span = span_of(keyword).to(span_of(end) if isinstance(end, Token) else end.span)
        if isinstance(end, Token) and end.type == "STAR":
            return syntax.Import(module.text, (("*", "*"),), None, span)
        pairs = tuple((name.name, name.alias) for name in names if isinstance(name, _Alias))
        return syntax.Import(module.text, pairs, None, span)

    def alias(self, name: Token, *alias: Token) -> _Alias:
        last = alias[-1] if alias else name
        return _Alias(name.value, last.value, span_of(name).to(span_of(last)))

    def dotted(self, *parts: Token) -> _Dotted:
        return _Dotted(".".join(part.value for part in parts), span_of(parts[0]).to(span_of(parts[-1])))

    # Blocks and loops

    def block(self, header: _Header, body: _Body) -> syntax.Def:
        span = header.span.to(body[-1].span) if body else header.span
        return syntax.Def(header.name, header.parameters, body, header.span, span)

    def block_header(self, keyword: Token, name: Token, *rest: syntax.Parameter | Token) -> _Header:
        parameters = tuple(item for item in rest if isinstance(item, syntax.Parameter))
        _check_parameters(parameters)
        colon = rest[-1]
        assert isinstance(colon, Token)
        return _Header(name.value, parameters, span_of(keyword).to(span_of(colon)))

    def parameter(self, name: Token, default: syntax.Expr | None = None) -> syntax.Parameter:
        if default is None:
            return syntax.Parameter(name.value, None, span_of(name))
        _check_depth(default)
        return syntax.Parameter(name.value, default, span_of(name).to(default.span))

    def block_body(self, *items: _Docstring | _Item) -> _Body:
        return _statements(items)

    def loop(self, header: _LoopHeader, body: _Body) -> syntax.For:
        span = header.span.to(body[-1].span) if body else header.span
        return syntax.For(header.target, header.iterable, body, span)

    def loop_header(self, keyword: Token, target: Token, iterable: syntax.Expr, colon: Token) -> _LoopHeader:
        _check_depth(iterable)
        return _LoopHeader(self.name(target), iterable, span_of(keyword).to(span_of(colon)))

    def loop_body(self, *items: _Docstring | _Item) -> _Body:
        return _statements(items)

    # Expressions

    def name(self, token: Token) -> syntax.Name:
        return syntax.Name(token.value, span_of(token))

    def number(self, token: Token) -> syntax.Constant:
        return syntax.Constant(_number_value(token), span_of(token))

    def string(self, token: Token) -> syntax.Constant:
        return syntax.Constant(_string_value(token), span_of(token))

    def true(self, token: Token) -> syntax.Constant:
        return syntax.Constant(True, span_of(token))

    def false(self, token: Token) -> syntax.Constant:
        return syntax.Constant(False, span_of(token))

    def none(self, token: Token) -> syntax.Constant:
        return syntax.Constant(None, span_of(token))

    def binary(self, left: syntax.Expr, operator: Token, right: syntax.Expr) -> syntax.Binary:
        return syntax.Binary(operator.value, left, right, left.span.to(right.span))

    def unary(self, operator: Token, operand: syntax.Expr) -> syntax.Unary:
        return syntax.Unary(operator.value, operand, span_of(operator).to(operand.span))

    def attribute(self, value: syntax.Expr, name: Token) -> syntax.Attribute:
        return syntax.Attribute(value, name.value, span_of(name), value.span.to(span_of(name)))

    def call(self, function: syntax.Expr, *rest: syntax.Expr | syntax.Keyword | Token) -> syntax.Call:
        positional: list[syntax.Expr] = []
        keywords: list[syntax.Keyword] = []
        for item in rest[:-1]:
            if isinstance(item, syntax.Keyword):
                keywords.append(item)
            else:
                assert not isinstance(item, Token)
                _check_order(item, keywords)
                positional.append(item)
        _check_repetition((keyword.name, keyword.name_span) for keyword in keywords)
        closing = rest[-1]
        assert isinstance(closing, Token)
        return syntax.Call(function, tuple(positional), tuple(keywords), function.span.to(span_of(closing)))

    def keyword(self, name: Token, value: syntax.Expr) -> syntax.Keyword:
        return syntax.Keyword(name.value, span_of(name), value, span_of(name).to(value.span))

    def subscription(self, value: syntax.Expr, _: Token, *rest: syntax.Expr | syntax.Slice | Token) -> syntax.Index:
        items = tuple(item for item in rest if not isinstance(item, Token))
        closing = rest[-1]
        assert isinstance(closing, Token)
        return syntax.Index(value, items, value.span.to(span_of(closing)))

    def slicing(self, *parts: syntax.Expr | Token) -> syntax.Slice:
        bounds: list[syntax.Expr | None] = [None]
        for part in parts:
            if isinstance(part, Token):
                bounds.append(None)
            else:
                bounds[-1] = part
        start, stop, step = (*bounds, None)[:3]
        return syntax.Slice(start, stop, step, _span(parts[0]).to(_span(parts[-1])))

    def parenthesised(self, opening: Token, value: syntax.Expr, closing: Token) -> syntax.Expr:
        return replace(value, span=span_of(opening).to(span_of(closing)))

    def bare_tuple(self, *items: syntax.Expr) -> syntax.Tuple:
        return syntax.Tuple(items, items[0].span.to(items[-1].span))

    def tuple_display(self, opening: Token, *rest: syntax.Expr | Token) -> syntax.Tuple:
        return syntax.Tuple(_expressions(rest), span_of(opening).to(_span(rest[-1])))

    def list_display(self, opening: Token, *rest: syntax.Expr | Token) -> syntax.List:
        return syntax.List(_expressions(rest), span_of(opening).to(_span(rest[-1])))

    def pair(self, key: syntax.Expr, value: syntax.Expr) -> tuple[syntax.Expr, syntax.Expr]:
        return key, value

    def dict_display(self, opening: Token, *rest: tuple[syntax.Expr, syntax.Expr] | Token) -> syntax.Dict:
        closing = rest[-1]
        assert isinstance(closing, Token)
        items = tuple(item for item in rest if not isinstance(item, Token))
        return syntax.Dict(items, span_of(opening).to(span_of(closing)))


def _span(item: syntax.Expr | Token) -> Span:
    return span_of(item) if isinstance(item, Token) else item.span


def _expressions(items: Iterable[syntax.Expr | Token]) -> tuple[syntax.Expr, ...]:
    return tuple(item for item in items if not isinstance(item, Token))


def _statements(items: Iterable[_Docstring | _Item]) -> _Body:
    """The statements of a body in one row, without its documentation and what could not be read."""
    row: list[syntax.Statement] = []
    for item in items:
        if isinstance(item, tuple):
            row.extend(item)
        elif not isinstance(item, Token | _Docstring):
            row.append(item)
    return tuple(row)


def _refuse(code: str, span: Span, message: str, *, notes: tuple[Note, ...] = (), hint: str | None = None) -> NoReturn:
    raise Refused(Diagnostic(code, message, span, notes=notes, hint=hint))


def _targets(target: syntax.Expr) -> tuple[syntax.Name, ...]:
    items = target.items if isinstance(target, syntax.Tuple | syntax.List) else (target,)
    names = tuple(item for item in items if isinstance(item, syntax.Name))
    if items and len(names) == len(items):
        return names
    wrong = next((item for item in items if not isinstance(item, syntax.Name)), target)
    if isinstance(wrong, syntax.Constant) and (wrong.value is None or isinstance(wrong.value, bool)):
        _refuse("keyword-name", wrong.span, f"`{wrong.value}` is a word of the language and cannot be a name")
    if isinstance(wrong, syntax.Attribute):
        hint = f"`{wrong.name}` is an argument of the call that makes it: `Dense(8, trainable=False)`"
        if wrong.name != "trainable":
            hint = "give it as an argument to the call that makes the layer or the model"
        _refuse("unsupported-syntax", wrong.span, "There is no assignment to an attribute", hint=hint)
    hint = "`==` is not part of the language; for an argument, put it in the brackets of the call"
    _refuse(
        "syntax-error",
        wrong.span,
        "Only a name can be on the left of `=`",
        hint="write `name = …`, or `a, b = …` for several" if not isinstance(wrong, syntax.Constant) else hint,
    )


def _check_parameters(parameters: tuple[syntax.Parameter, ...]) -> None:
    _check_repetition((parameter.name, parameter.span) for parameter in parameters)
    with_default: syntax.Parameter | None = None
    for parameter in parameters:
        if parameter.default is not None:
            with_default = parameter
        elif with_default is not None:
            _refuse(
                "syntax-error",
                parameter.span,
                f"`{parameter.name}` has no default, but follows a parameter that has one",
                notes=(Note(with_default.span, "this one has a default"),),
                hint="put the parameters without a default first",
            )


def _check_order(argument: syntax.Expr, keywords: list[syntax.Keyword]) -> None:
    if keywords:
        _refuse(
            "syntax-error",
            argument.span,
            "An argument without a name follows one with a name",
            notes=(Note(keywords[-1].span, "named argument"),),
            hint="put it before the named ones, or name it too",
        )


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


def _check_depth(expression: syntax.Expr) -> None:
    """Refuses an expression that is deeper than `MAX_DEPTH`: recursion over the tree is safe everywhere after this."""
    if expression.span.end - expression.span.start <= MAX_DEPTH:
        return  # each level takes a character at least
    stack = [(expression, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Refused(too_deep(expression.span))
        stack.extend((child, depth + 1) for child in syntax.children(node))


def _number_value(token: Token) -> int | float:
    text = token.value.replace("_", "")
    if text.isdigit() or text[:2].lower() in {"0x", "0o", "0b"}:
        return _integer_value(token, text)
    value = float(text)
    if math.isinf(value):
        _refuse("number-too-large", span_of(token), f"`{_short(token)}` is too large for a float")
    return value


def _integer_value(token: Token, text: str) -> int:
    # The length is looked at first: converting a very long numeral takes quadratic time.
    value = int(text, 0) if len(text) <= 4 * MAX_DIGITS else 10**MAX_DIGITS
    if value >= 10**MAX_DIGITS:
        _refuse("number-too-large", span_of(token), f"`{_short(token)}` has more than {MAX_DIGITS} digits")
    return value


def _short(token: Token) -> str:
    return token.value if len(token) <= 24 else f"{token[:12]}…{token[-8:]}"


def _string_value(token: Token) -> str:
    prefix = token[0].lower() if token[0] in "rRuU" else ""
    quoted = token.value[len(prefix) :]
    quotes = 3 if quoted[:3] in {'"""', "'''"} else 1
    body: str = quoted[quotes:-quotes].replace("\r\n", "\n")
    if prefix == "r" or "\\" not in body:
        return body
    _check_escapes(token)
    return _evaluated(token, quoted)


def _check_escapes(token: Token) -> None:
    for found in re.finditer(r"\\(?:\r\n|.)", token.value, re.DOTALL):
        if not _ESCAPE.match(token.value, found.start()):
            start = span_of(token).start + found.start()
            _refuse_escape(Span(start, start + len(found[0])), found[0])


def _evaluated(token: Token, quoted: str) -> str:
    try:
        value = ast.literal_eval(quoted)
    except (SyntaxError, ValueError):  # no such character: "\N{…}", "\Uffffffff"
        _refuse_escape(span_of(token), "\\")
    assert isinstance(value, str)
    if any("\ud800" <= character <= "\udfff" for character in value):
        _refuse_escape(span_of(token), "\\u")
    return value


def _refuse_escape(span: Span, escape: str) -> NoReturn:
    _refuse(
        "invalid-escape",
        span,
        f"`{escape}` is not the start of an escape sequence",
        hint='write `\\\\` for a backslash, or put `r` before the string: r"…"',
    )
