"""Copied functions hold only what their file uses: parameters that no call gives are dropped, with all they decide.

A function's text is edited, not printed anew: its comments, and where its lines break, are written by hand and are no
part of its tree.  A parameter that is never given has its default, and where that is None, True, False, a string or 1,
tests of it are decided: of an `if`, a conditional expression or a `match` the part that runs is left, and products with
1 are gone.  What a variable of the function is known to be by then decides further.  Where all calls give a parameter
words, or tuples, it is no other word, also in the functions that it is handed on to.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_UNKNOWN = object()
_NO_WORD = object()
"""In the place of a word: a tuple."""
WIDTH = 96
"""Where the documentation of a function is wrapped again, indentation included."""


def specialize(texts: dict[str, str], roots: Iterable[ast.Call], kept: set[str]) -> dict[str, str]:
    """`texts`, functions by name in an order in which callees come first, for the calls in `roots`.

    Functions in `kept` are called from elsewhere and stay as they are; one that nothing calls any more is left out.
    """
    calls: dict[str, list[_Call]] = {}
    for call in roots:
        _note(calls, _Call(call))
    done: dict[str, str] = {}
    for name in reversed(texts):
        choices: Mapping[str, set[Any]] = {}
        if name in kept:
            done[name] = texts[name]
        elif name in calls:
            function = _Function(texts[name], calls[name], texts)
            done[name], choices = function.text(), function.choices
        else:
            continue
        for node in ast.walk(ast.parse(done[name])):
            if isinstance(node, ast.Call):
                _note(calls, _Call(node, choices))
    return {name: done[name] for name in texts if name in done}


@dataclass(frozen=True)
class _Call:
    """A call of a copied function, and which words the variables of the function around it can be."""

    node: ast.Call
    choices: Mapping[str, set[Any]] = field(default_factory=dict)

    def given(self, index: int, name: str) -> ast.expr | None:
        """What it gives a parameter; None if that has its default."""
        if any(isinstance(item, ast.Starred) for item in self.node.args):
            return self.node.args[0]
        if index < len(self.node.args):
            return self.node.args[index]
        return next((item.value for item in self.node.keywords if item.arg in (name, None)), None)

    def words(self, given: ast.expr) -> set[Any]:
        """What an argument can be, as far as that is words."""
        match given:
            case ast.Constant(value=value):
                return {value}
            case ast.Name(id=name):
                return self.choices.get(name, {_UNKNOWN})
            case ast.Tuple():
                return {_NO_WORD}
        return {_UNKNOWN}


def _note(calls: dict[str, list[_Call]], call: _Call) -> None:
    if isinstance(call.node.func, ast.Name):
        calls.setdefault(call.node.func.id, []).append(call)


class _Function:
    """One function, its source as bytes, and what is known of its variables."""

    def __init__(self, text: str, calls: Sequence[_Call], others: Mapping[str, str]) -> None:
        self.source, self.others = text.encode(), others
        self.lines = self.source.split(b"\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        (node,) = ast.parse(text).body
        assert isinstance(node, ast.FunctionDef)
        self.node, self.calls = node, calls
        self.assigned = Counter(
            item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        )
        self.once = {name for name, count in self.assigned.items() if count == 1}
        self.known: dict[str, Any] = {}
        self.choices: dict[str, set[Any]] = {}
        """What variables can be that are always words, or tuples."""
        self.dropped = self._read_calls()
        self._read_tuples()

    def _read_calls(self) -> set[str]:
        """The parameters that no call gives, and which words the others are given."""
        dropped = set()
        arguments = self.node.args
        parameters = [item.arg for item in (*arguments.args, *arguments.kwonlyargs)]
        defaults: dict[str, ast.expr] = dict(
            zip([item.arg for item in arguments.args[::-1]], arguments.defaults[::-1], strict=False)
        )
        for index, name in enumerate(parameters):
            given = [call.given(index, name) for call in self.calls]
            default = defaults.get(name)
            value = default.value if isinstance(default, ast.Constant) else _UNKNOWN
            settled = value is None or isinstance(value, bool | str) or value == 1
            if name != "out" and name not in self.assigned and settled and all(item is None for item in given):
                self.known[name] = value
                dropped.add(name)
            words: set[Any] = set()
            for call, item in zip(self.calls, given, strict=True):
                words |= {value} if item is None else call.words(item)
            if name not in self.assigned and all(isinstance(word, str) or word is _NO_WORD for word in words):
                self.choices[name] = words
        return dropped

    def _read_tuples(self) -> None:
        """The variables that are made by `tuple(…)`."""
        for node in ast.walk(self.node):
            match node:
                case ast.Assign([ast.Name(id=name)], ast.Call(func=ast.Name("tuple"))) if name in self.once:
                    self.choices[name] = {_NO_WORD}

    # ----------------------------------------------------------------------------------------------------- text

    def text(self) -> str:
        head, *body = self.node.body
        lines = [self._signature(), *self._documentation(head)]
        lines += self._block(body, 0, head.end_lineno or 0)
        return "\n".join(lines)

    def _signature(self) -> str:
        node = self.node
        if not self.dropped:
            return "\n".join(line.decode() for line in self.lines[node.lineno - 1 : node.body[0].lineno - 1])
        arguments = node.args
        plain = [None] * (len(arguments.args) - len(arguments.defaults))
        pairs = [
            pair for pair in zip(arguments.args, [*plain, *arguments.defaults], strict=True) if self._stays(pair[0])
        ]
        left = ast.arguments(
            posonlyargs=[], args=[item for item, _ in pairs], vararg=arguments.vararg,
            kwonlyargs=arguments.kwonlyargs, kw_defaults=arguments.kw_defaults, kwarg=arguments.kwarg,
            defaults=[default for _, default in pairs if default is not None],
        )  # fmt: skip
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"def {node.name}({ast.unparse(left)}){result}:"

    def _stays(self, argument: ast.arg) -> bool:
        return argument.arg not in self.dropped

    def _documentation(self, head: ast.stmt) -> list[str]:
        """The docstring without the clauses that speak of what is dropped."""
        assert isinstance(head, ast.Expr) and isinstance(head.value, ast.Constant)
        text = str(head.value.value)
        gone = [f"`{name}`" for name in self.dropped] + [f'"{word}"' for word in self._words_gone()]
        return without_clauses(text, gone) or [line.decode() for line in self.lines[head.lineno - 1 : head.end_lineno]]

    def _words_gone(self) -> set[str]:
        """The words that parameters are compared with, and that no call gives them."""
        return {
            word
            for node in ast.walk(self.node)
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name)
            for word in (getattr(each, "value", None) for each in node.comparators)
            if isinstance(word, str) and word not in self.choices.get(node.left.id, {word})
        }

    # ------------------------------------------------------------------------------------------------ statements

    def _block(self, statements: Sequence[ast.stmt], shift: int, after: int) -> list[str]:
        """The lines of statements, `shift` columns to the left; `after` is the line before the first."""
        lines: list[str] = []
        above: list[str] = []
        for statement in statements:
            above += [self._moved(line, shift) for line in self.lines[after : statement.lineno - 1]]
            own = self._statement(statement, shift)
            if own:
                while not lines and above and not above[0].strip():
                    above.pop(0)
                lines += [*above, *own]
            if own or not isinstance(statement, ast.Assign):  # what is said above an assignment is said of what follows
                above = []
            after = statement.end_lineno or after
        return lines

    def _moved(self, line: bytes, shift: int) -> str:
        return line[shift:].decode() if line[:shift].strip() == b"" else line.decode()

    def _statement(self, node: ast.stmt, shift: int) -> list[str]:
        match node:
            case ast.If():
                return self._if(node, shift, "if")
            case ast.Match():
                return self._match(node, shift)
            case ast.For() | ast.While() | ast.With():
                body = self._block(node.body, shift, self._header_end(node))
                return [*self._header(node, shift), *body]
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.once:
                known = self._value(value)
                if known is None or isinstance(known, bool | str):
                    self.known[name] = known
                    return []
        return self._edited(node.lineno, node.end_lineno or node.lineno, node, shift)

    def _if(self, node: ast.If, shift: int, word: str) -> list[str]:
        test = self._truth(node.test)
        indent = " " * (node.col_offset - shift)
        if test is _UNKNOWN:
            lines = [f"{indent}{word} {self._expression(node.test)}:"]
            lines += self._block(node.body, shift, self._header_end(node)) or [f"{indent}    pass"]
            return lines + self._else(node.orelse, shift, indent)
        chosen = node.body if test else node.orelse
        if not chosen:
            return []
        if word == "elif":
            return [f"{indent}else:", *self._block(chosen, shift, chosen[0].lineno - 1)]
        inner = shift + chosen[0].col_offset - node.col_offset
        return self._block(chosen, inner, chosen[0].lineno - 1)

    def _else(self, orelse: Sequence[ast.stmt], shift: int, indent: str) -> list[str]:
        if not orelse:
            return []
        first = orelse[0]
        if isinstance(first, ast.If) and self.lines[first.lineno - 1].lstrip().startswith(b"elif"):
            test = self._truth(first.test)
            if test is not _UNKNOWN and not test:
                return self._else(first.orelse, shift, indent)
            return self._if(first, shift, "elif")
        body = self._block(orelse, shift, first.lineno - 1)
        return [f"{indent}else:", *body] if body else []

    def _match(self, node: ast.Match, shift: int) -> list[str]:
        subject = self._value(node.subject)
        choices = self.choices.get(node.subject.id) if isinstance(node.subject, ast.Name) else None
        if subject is not _UNKNOWN:
            choices = {subject}
        lines: list[str] = []
        for case in node.cases:
            word = getattr(getattr(case.pattern, "value", None), "value", None)
            if choices is not None and word not in choices:
                continue
            start = case.pattern.lineno
            if subject is not _UNKNOWN:
                return self._block(
                    case.body, shift + case.body[0].col_offset - node.col_offset, case.body[0].lineno - 1
                )
            lines.append(self._moved(self.lines[start - 1], shift))
            lines += self._block(case.body, shift, start)
        return [*self._header(node, shift), *lines] if lines else []

    def _header_end(self, node: Any) -> int:
        """The last line of a compound statement before its body."""
        first: int = node.cases[0].pattern.lineno if isinstance(node, ast.Match) else node.body[0].lineno
        last = first - 1
        while last > node.lineno and self.lines[last - 1].lstrip().startswith(b"#"):
            last -= 1
        return last

    def _header(self, node: Any, shift: int) -> list[str]:
        parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr | ast.withitem)]
        return self._edited(node.lineno, self._header_end(node), parts, shift)

    # ----------------------------------------------------------------------------------------------- expressions

    def _edited(self, first: int, last: int, within: Any, shift: int) -> list[str]:
        """Whole lines of the source with the expressions in them edited."""
        start, stop = self.starts[first - 1], self.starts[last] - 1
        nodes = within if isinstance(within, list) else [within]
        text = self._replaced(start, stop, [edit for node in nodes for edit in self._edits(node)])
        return [self._moved(line, shift) for line in text.split(b"\n")]

    def _expression(self, node: ast.expr) -> str:
        start, stop = self._span(node)
        return self._replaced(start, stop, self._edits(node)).decode()

    def _span(self, node: Any) -> tuple[int, int]:
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _replaced(self, start: int, stop: int, edits: list[tuple[int, int, str]]) -> bytes:
        pieces, at = [], start
        for left, right, text in sorted(edits):
            pieces += [self.source[at:left], text.encode()]
            at = right
        return b"".join([*pieces, self.source[at:stop]])

    def _edits(self, node: ast.AST) -> list[tuple[int, int, str]]:
        """What to put in place of parts of an expression, by their places in the source."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in self.known:
                return [(*self._span(node), _quoted(self.known[name]))]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                value = self._truth(test)
                if value is not _UNKNOWN:
                    return [(*self._span(node), self._expression(body if value else orelse))]
            case ast.Call(args=[*_, last], keywords=[*_, ast.keyword(arg="where", value=value)]) if (
                self._value(value) is True
            ):
                before = node.keywords[-2].value if len(node.keywords) > 1 else last
                inner = [edit for child in [*node.args, *node.keywords[:-1]] for edit in self._edits(child)]
                return [*inner, (self._span(before)[1], self._span(value)[1], "")]
            case ast.Call(func=ast.Name(id=name), args=[_, *_], keywords=[_, *_]) if name in self.others:
                return self._edits_of_call(node, _defaults(self.others[name]))
            case ast.BinOp(op=ast.Mult() | ast.FloorDiv(), left=factor, right=one) if self._is_one(one, factor):
                return [(*self._span(node), self._expression(factor))]
            case ast.BinOp(op=ast.Mult(), left=one, right=factor) if self._is_one(one, factor):
                return [(*self._span(node), self._expression(factor))]
            case ast.BoolOp(op=op, values=values):
                left = self._undecided(op, values)
                if len(left) < len(values):
                    joint = " or " if isinstance(op, ast.Or) else " and "
                    return [(*self._span(node), joint.join(map(self._expression, left)))]
        return [edit for child in ast.iter_child_nodes(node) for edit in self._edits(child)]

    def _edits_of_call(self, node: ast.Call, defaults: dict[str, Any]) -> list[tuple[int, int, str]]:
        """A call of another function that is copied: what is known to be at its default there is not handed on."""
        edits, before = [edit for child in node.args for edit in self._edits(child)], self._span(node.args[-1])[1]
        for keyword in node.keywords:
            value = self.known.get(keyword.value.id, _UNKNOWN) if isinstance(keyword.value, ast.Name) else _UNKNOWN
            stop = self._span(keyword.value)[1]
            if value is not _UNKNOWN and value == defaults.get(keyword.arg or "", _UNKNOWN):
                edits.append((before, stop, ""))
            else:
                edits += self._edits(keyword.value)
            before = stop
        return edits

    def _is_one(self, node: ast.expr, factor: ast.expr) -> bool:
        """Whether a product is its other factor, which needs no brackets where the product stands."""
        plain = not isinstance(factor, ast.BinOp) or isinstance(factor.op, ast.Mult)
        return plain and type(value := self._value(node)) is int and value == 1

    def _undecided(self, op: ast.boolop, values: list[ast.expr]) -> list[ast.expr]:
        """The parts of `a or b`, `a and b` that are left; where all before it are decided, the last is the value."""
        left: list[ast.expr] = []
        for index, part in enumerate(values):
            value = self._value(part)
            if value is _UNKNOWN or index + 1 == len(values):
                left.append(part)
            elif bool(value) == isinstance(op, ast.Or):
                return [*left, part]
        return left

    def _truth(self, node: ast.expr) -> Any:
        """Whether a test holds; one part can decide, whatever is known of the others."""
        if isinstance(node, ast.BoolOp):
            deciding = isinstance(node.op, ast.Or)
            found = [self._truth(each) for each in node.values]
            if any(value is not _UNKNOWN and bool(value) == deciding for value in found):
                return deciding
        return self._value(node)

    def _value(self, node: ast.expr) -> Any:
        """What an expression is known to be."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.known.get(name, _UNKNOWN)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self._value(operand)
                return value if value is _UNKNOWN else not value
            case ast.Compare(ast.Name(id=name), [ast.Eq()], [ast.Constant(str(word))]) if word not in self.choices.get(
                name, {word}
            ):
                return False
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = self._value(left), self._value(right)
                if _UNKNOWN in (a, b):
                    return _UNKNOWN
                if isinstance(op, ast.Is | ast.Eq):
                    return a == b
                return a != b if isinstance(op, ast.IsNot | ast.NotEq) else _UNKNOWN
            case ast.BoolOp(op=op, values=values):
                found = [self._value(each) for each in values]
                deciding = isinstance(op, ast.Or)
                if any(value is not _UNKNOWN and bool(value) == deciding for value in found):
                    first = next(value for value in found if value is _UNKNOWN or bool(value) == deciding)
                    return first if first is not _UNKNOWN else _UNKNOWN
                return _UNKNOWN if _UNKNOWN in found else found[-1]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                value = self._value(test)
                return _UNKNOWN if value is _UNKNOWN else self._value(body if value else orelse)
        return _UNKNOWN


def without_clauses(text: str, gone: Sequence[str]) -> list[str]:
    """The lines of a docstring without the clauses that speak of what is gone; none where no clause does."""
    if not any(each in text for each in gone):
        return []
    title, *rest = textwrap.dedent("    " + text.strip()).strip().split("\n\n")
    paragraphs = [title.strip()]
    for paragraph in rest:
        clauses = re.split(r"(?<=[;.])\s+", " ".join(paragraph.split()))
        kept = [clause for clause in clauses if not any(each in clause for each in gone)]
        if kept:
            wrapped = re.sub(r";$", ".", " ".join(kept)).replace(".  ", ". ").replace(". ", ".  ")
            paragraphs.append(textwrap.fill(wrapped, WIDTH - 4))
    if len(paragraphs) == 1:
        return [f'    """{paragraphs[0]}"""']
    return textwrap.indent('"""' + "\n\n".join(paragraphs) + '\n"""', "    ").split("\n")


def _defaults(text: str) -> dict[str, Any]:
    """The parameters of a function that are None, a truth value or a word unless they are given, and which."""
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.FunctionDef)
    pairs = zip(node.args.args[::-1], node.args.defaults[::-1], strict=False)
    return {item.arg: default.value for item, default in pairs if isinstance(default, ast.Constant)}


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
