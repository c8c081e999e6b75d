"""The tree that Python's own parser makes of a text, in the nodes of `gen.language.syntax`: what the reader gives.

Spans are those of Python's nodes: without the brackets around an expression, which ours have.  Parts that Python gives
no place have the span of what they are in.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from gen.diagnostics import Span
from gen.language import syntax

_BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
_COMPARE = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_NOWHERE = Span(0, 0)


class PythonTree:
    """Turns the tree of one text around."""

    def __init__(self, text: str) -> None:
        self._lines = [line.encode() for line in text.split("\n")]
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def file(self, module: ast.Module) -> syntax.File:
        docstring = ast.get_docstring(module)
        body = module.body if docstring is None else module.body[1:]
        return syntax.File(docstring, self._body(body, at_file=True), _NOWHERE)

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1][:column].decode())

    def _span(self, node: Any) -> Span:
        start = self._offset(node.lineno, node.col_offset)
        return Span(start, self._offset(node.end_lineno, node.end_col_offset))

    # Statements

    def _body(self, statements: Sequence[ast.stmt], at_file: bool = False) -> tuple[syntax.Statement, ...]:
        found: list[syntax.Statement] = []
        for statement in statements:
            if isinstance(statement, ast.Import):
                span = self._span(statement)
                found += [syntax.Import(alias.name, None, alias.asname, span) for alias in statement.names]
            else:
                found.append(self._statement(statement, at_file))
        return tuple(found)

    def _statement(self, node: ast.stmt, at_file: bool) -> syntax.Statement:
        span = self._span(node)
        body = getattr(node, "body", None)
        inner = self._body(body, at_file and not isinstance(node, ast.FunctionDef | ast.ClassDef)) if body else ()
        match node:
            case ast.AnnAssign(target, value=None):
                return syntax.Pass(span, target.id if isinstance(target, ast.Name) else "")
            case ast.Expr(ast.Constant(str())) | ast.Pass():
                return syntax.Pass(span)
            case ast.Expr(value):
                return syntax.Evaluate(self.expr(value), span)
            case ast.Assign(targets, value):
                return syntax.Assign(self._exprs(targets), self.expr(value), span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.AnnAssign(target, annotation, value):
                assert value is not None
                return syntax.Assign((self.expr(target),), self.expr(value), span, self.expr(annotation))  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.AugAssign(target, operator, value):
                return syntax.AugAssign(self.expr(target), _BINARY[type(operator)], self.expr(value), span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.Delete(targets):
                return syntax.Delete(self._exprs(targets), span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.Break():
                return syntax.Break(span)
            case ast.Continue():
                return syntax.Continue(span)
            case ast.Assert(test, message):
                return syntax.Assert(self.expr(test), self._maybe(message), span)
            case ast.Raise(exception, _):
                return syntax.Raise(self._maybe(exception), span)
            case ast.Return(value):
                return syntax.Return(self._maybe(value), span)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return syntax.Def(
                    node.name,
                    self._parameters(node.args),
                    inner,
                    span,
                    span,
                    self._exprs(node.decorator_list),
                    self._maybe(node.returns),
                    isinstance(node, ast.AsyncFunctionDef),
                )
            case ast.ClassDef(name, bases, keywords):
                decorators = self._exprs(node.decorator_list)
                return syntax.Class(name, self._exprs(bases), self._keywords(keywords), inner, span, span, decorators)
            case ast.If(test):
                return syntax.If(self.expr(test), inner, self._body(node.orelse, at_file), span)
            case ast.While(test):
                return syntax.While(self.expr(test), inner, self._body(node.orelse, at_file), span)
            case ast.For(target, iterable):
                otherwise = self._body(node.orelse, at_file)
                return syntax.For(self.expr(target), self.expr(iterable), inner, otherwise, span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.With(items):
                pairs = tuple((self.expr(each.context_expr), self._maybe(each.optional_vars)) for each in items)
                return syntax.With(pairs, inner, span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.Try():
                handlers = tuple(self._handler(handler, at_file) for handler in node.handlers)
                otherwise, finish = self._body(node.orelse, at_file), self._body(node.finalbody, at_file)
                return syntax.Try(inner, handlers, otherwise, finish, span)
            case ast.ImportFrom(module, names, level):
                pairs = tuple((alias.name, alias.asname or alias.name) for alias in names)
                return syntax.Import("." * level + (module or ""), pairs, None, span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.Global() if at_file:
                return syntax.Pass(span)
            case ast.Global():
                return syntax.Foreign("global", (), span)
            case ast.Nonlocal():
                return syntax.Foreign("nonlocal", (), span)
            case ast.AsyncFor():
                return syntax.Foreign("async for", (), span)
            case ast.AsyncWith():
                return syntax.Foreign("async with", (), span)
            case ast.Match():
                return syntax.Foreign("match", (), span)
            case ast.TryStar():
                return syntax.Foreign("except*", (), span)
        raise AssertionError(ast.dump(node))

    def _handler(self, node: ast.ExceptHandler, at_file: bool) -> syntax.Handler:
        name = None if node.name is None else syntax.Name(node.name, _NOWHERE)
        return syntax.Handler(self._maybe(node.type), name, self._body(node.body, at_file), self._span(node))

    def _parameters(self, arguments: ast.arguments) -> tuple[syntax.Parameter, ...]:
        found: list[syntax.Parameter] = []
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
        for index, (each, default) in enumerate(zip(plain, defaults, strict=True)):
            kind = "only" if index < len(arguments.posonlyargs) else "plain"
            found.append(self._parameter(each, default, kind))
        if arguments.vararg:
            found.append(self._parameter(arguments.vararg, None, "args"))
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            found.append(self._parameter(each, default, "named"))
        if arguments.kwarg:
            found.append(self._parameter(arguments.kwarg, None, "kwargs"))
        return tuple(found)

    def _parameter(self, node: ast.arg, default: ast.expr | None, kind: Any) -> syntax.Parameter:
        return syntax.Parameter(node.arg, self._maybe(default), self._span(node), kind, self._maybe(node.annotation))

    # Expressions

    def _maybe(self, node: ast.expr | None) -> syntax.Expr | None:
        return None if node is None else self.expr(node)

    def _exprs(self, nodes: Iterable[ast.expr]) -> tuple[syntax.Expr, ...]:
        return tuple(map(self.expr, nodes))

    def _keywords(self, nodes: Iterable[ast.keyword]) -> tuple[syntax.Keyword, ...]:
        return tuple(
            syntax.Keyword(node.arg or "", _NOWHERE, self.expr(node.value), self._span(node)) for node in nodes
        )

    def expr(self, node: ast.expr) -> syntax.Expr:
        span = self._span(node)
        match node:
            case ast.Constant(value):
                return syntax.Constant(value, span)
            case ast.Name(name):
                return syntax.Name(name, span)
            case ast.List(items):
                return syntax.List(self._exprs(items), span)
            case ast.Tuple(items):
                return syntax.Tuple(self._exprs(items), span)
            case ast.Set(items):
                return syntax.Set(self._exprs(items), span)
            case ast.Dict(keys, values):
                return syntax.Dict(tuple(zip(map(self._maybe, keys), self._exprs(values), strict=True)), span)
            case ast.Starred(value):
                return syntax.Starred(self.expr(value), span)
            case ast.Attribute(value, name):
                return syntax.Attribute(self.expr(value), name, _NOWHERE, span)
            case ast.Call(function, positional, keywords):
                return syntax.Call(self.expr(function), self._exprs(positional), self._keywords(keywords), span)
            case ast.UnaryOp(operator, operand):
                return syntax.Unary(_UNARY[type(operator)], self.expr(operand), span)
            case ast.BinOp(left, operator, right):
                return syntax.Binary(_BINARY[type(operator)], self.expr(left), self.expr(right), span)
            case ast.BoolOp(operator, values):
                return syntax.Logical("and" if isinstance(operator, ast.And) else "or", self._exprs(values), span)
            case ast.Compare(left, operators, values):
                signs = [_COMPARE[type(operator)] for operator in operators]
                return syntax.Compare(self.expr(left), tuple(zip(signs, self._exprs(values), strict=True)), span)
            case ast.IfExp(test, value, otherwise):
                return syntax.Conditional(self.expr(test), self.expr(value), self.expr(otherwise), span)
            case ast.Lambda(arguments, value):
                return syntax.Lambda(self._parameters(arguments), self.expr(value), span)
            case ast.ListComp(element, clauses):
                return self._comprehension("list", element, None, clauses, span)
            case ast.SetComp(element, clauses):
                return self._comprehension("set", element, None, clauses, span)
            case ast.GeneratorExp(element, clauses):
                return self._comprehension("generator", element, None, clauses, span)
            case ast.DictComp(element, value, clauses):
                return self._comprehension("dict", element, value, clauses, span)
            case ast.JoinedStr():
                return self._formatted(node)
            case ast.NamedExpr(target, value):
                return syntax.NamedExpr(self.expr(target), self.expr(value), span)  # type: ignore[arg-type]  # Python has checked what may stand there
            case ast.Subscript(value, index):
                tupled = isinstance(index, ast.Tuple) and self._is_bare(index)
                items = index.elts if isinstance(index, ast.Tuple) and tupled else [index]
                return syntax.Index(self.expr(value), tuple(map(self._index, items)), span, tupled)
            case ast.Yield(value):
                return syntax.ForeignExpr("yield", () if value is None else (self.expr(value),), span)
            case ast.YieldFrom(value):
                return syntax.ForeignExpr("yield", (self.expr(value),), span)
            case ast.Await(value):
                return syntax.ForeignExpr("await", (self.expr(value),), span)
        raise AssertionError(ast.dump(node))

    def _is_bare(self, node: ast.Tuple) -> bool:
        """Whether a tuple has no brackets of its own: then it begins with its first item."""
        return bool(node.elts) and (
            self._span(node).start == self._span(node.elts[0]).start
            or self._text(node)[0] != "("
            or not self._closes(node)
        )

    def _text(self, node: ast.expr) -> str:
        first, last = node.lineno - 1, (node.end_lineno or 0) - 1
        rows = self._lines[first : last + 1]
        if first == last:
            return rows[0][node.col_offset : node.end_col_offset].decode()
        return b"\n".join([rows[0][node.col_offset :], *rows[1:-1], rows[-1][: node.end_col_offset]]).decode()

    def _closes(self, node: ast.Tuple) -> bool:
        """Whether the bracket that a tuple begins with is its own: then `(…)[0]` of its text is the whole of it."""
        try:
            made = ast.parse(f"x[{self._text(node)},]", mode="eval").body
        except SyntaxError:
            return False
        assert isinstance(made, ast.Subscript) and isinstance(made.slice, ast.Tuple)
        return len(made.slice.elts) == 1

    def _index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            return syntax.Slice(
                self._maybe(node.lower), self._maybe(node.upper), self._maybe(node.step), self._span(node)
            )
        return self.expr(node)

    def _comprehension(
        self, kind: Any, element: ast.expr, value: ast.expr | None, clauses: list[ast.comprehension], span: Span
    ) -> syntax.Expr:
        made = tuple(
            syntax.Clause(self.expr(each.target), self.expr(each.iter), self._exprs(each.ifs), _NOWHERE)  # type: ignore[arg-type]  # Python has checked what may stand there
            for each in clauses
        )
        found = syntax.Comprehension(kind, self.expr(element), self._maybe(value), made, span)
        return syntax.ForeignExpr("async for", (found,), span) if any(each.is_async for each in clauses) else found

    def _formatted(self, node: ast.JoinedStr) -> syntax.Formatted:
        parts: list[str | syntax.Field] = []
        for value in node.values:
            match value:
                case ast.Constant(str(text)):
                    parts.append(text)
                case ast.FormattedValue(inner, conversion, spec):
                    assert spec is None or isinstance(spec, ast.JoinedStr)
                    made = None if spec is None else self._formatted(spec)
                    sign = "" if conversion == -1 else chr(conversion)
                    parts.append(syntax.Field(self.expr(inner), sign, made, "", self._span(node)))
        return syntax.Formatted(tuple(parts), self._span(node))


def python_tree(text: str) -> syntax.File:
    """What Python reads in a text, whose lines end with a line feed.  Raises `SyntaxError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes and numbers that a later Python may refuse
        return PythonTree(text).file(ast.parse(text))


# ---------------------------------------------------------------------------------------------------------- comparison

_BLANK = re.compile(r"(?:[()\s,;]|\\\n|#[^\n]*(?:\n|$))*")


def difference(ours: Any, theirs: Any, text: str, where: str = "file", exact: bool = True) -> str | None:
    """The first difference between two trees of a text; None if there is none.  `exact` compares places, too."""
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        if len(ours) != len(theirs):
            return f"{where}: {ours} is not {theirs}"
        pairs = enumerate(zip(ours, theirs, strict=True))
        return _first(difference(one, other, text, f"{where}[{index}]", exact) for index, (one, other) in pairs)
    if type(ours) is not type(theirs):
        return f"{where}: {ours} is not {theirs}"
    if not is_dataclass(ours):
        same = ours == theirs and repr(ours) == repr(theirs)
        return None if same else f"{where}: {ours!r} is not {theirs!r}"
    if isinstance(ours, syntax.Formatted):
        ours, exact = _unfolded(ours), False
    if exact and not _same_place(ours, theirs, text):
        return f"{where}: {ours} is at {text[ours.span.start : ours.span.end]!r}, not {theirs.span}"
    names = [each.name for each in fields(ours) if each.name not in {"span", "header", "name_span", "unread"}]
    if isinstance(ours, syntax.Foreign):
        names.remove("names")
    found = (difference(getattr(ours, name), getattr(theirs, name), text, f"{where}.{name}", exact) for name in names)
    return _first(found)


def _first(found: Iterable[str | None]) -> str | None:
    return next((each for each in found if each is not None), None)


def _unfolded(ours: syntax.Formatted) -> syntax.Formatted:
    """With the text of `{value=}` among the texts, as Python has it."""
    parts: list[str | syntax.Field] = []
    for part in ours.parts:
        for each in (part.text, replace(part, text="")) if isinstance(part, syntax.Field) else (part,):
            if isinstance(each, str) and parts and isinstance(parts[-1], str):
                parts[-1] += each
            elif each != "":
                parts.append(each)
    return replace(ours, parts=tuple(parts))


def _same_place(ours: Any, theirs: Any, text: str) -> bool:
    """Whether our span is Python's, or that with brackets around it; a generator may share those of its call."""
    if theirs.span == _NOWHERE:
        return True
    (one, end), (other, last) = (ours.span.start, ours.span.end), (theirs.span.start, theirs.span.end)
    if isinstance(ours, syntax.Parameter):
        return not text[one:other].strip("* \n")
    if isinstance(ours, syntax.Import | syntax.Raise | syntax.Return | syntax.Slice | syntax.Keyword):
        return one == other
    outside = text[min(one, other) : max(one, other)], text[min(end, last) : max(end, last)]
    return all(_BLANK.fullmatch(each) for each in outside)
