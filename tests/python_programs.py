"""Random programs that use every construct of Python, and the same with damage: what the reader has to tell apart."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_NAMES = ("x", "y", "_", "Dense", "match", "case", "print", "type", "None_", "self")
_ATOMS = (
    "0",
    "00",
    "1_000",
    "0xFf",
    "0o17",
    "0b1",
    "1.",
    ".5",
    "1.5e3",
    "1e-5",
    "007.5",
    "True",
    "False",
    "None",
    "...",
)
_STRINGS = ("'a'", '"b c"', "'''d\ne'''", 'r"\\d"', "u'f'", "''", '"""g"h"""', r"'\n\x41\N{BULLET}\101'", "R'\\''")
_BINARY = ("+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "&", "|", "^")
_COMPARE = ("==", "!=", "<", ">", "<=", ">=", "in", "not in", "is", "is not")


class Programs:
    """Makes programs of the numbers of `rng`."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._room = 0  # how much more an expression may hold

    def program(self) -> str:
        self._room = 10
        return "".join(self._statements("", function=False, loop=False, several=self._rng.randint(1, 5)))

    # Details

    def _maybe(self, text: str, chance: float = 0.5) -> str:
        return text if self._rng.random() < chance else ""

    def _name(self) -> str:
        return self._rng.choice(_NAMES)

    def _some(self, make: Callable[[], str], least: int = 0, most: int = 3, comma: bool = True) -> str:
        row = [make() for _ in range(self._rng.randint(least, most))]
        return ", ".join(row) + (self._maybe(",", 0.3) if comma and row else "")

    # Expressions

    def expr(self) -> str:
        """An expression, as it may stand where one stands alone: no `*`, no `yield`, no `:=`."""
        self._room -= 1
        if self._room < 0:
            return self._rng.choice((self._name(), self._rng.choice(_ATOMS)))
        return self._rng.choice(self._forms)(self)

    def _named(self) -> str:
        return f"{self._name()} := {self.expr()}" if self._rng.random() < 0.1 else self.expr()

    def _element(self) -> str:
        return f"*{self._operand()}" if self._rng.random() < 0.15 else self._named()

    def _operand(self) -> str:
        """An expression that binds as tightly as a name."""
        return self._rng.choice((self._name, self._call, self._attribute, self._index, lambda: f"({self._named()})"))()

    def _items(self) -> str:
        """What may stand on the right of `=`."""
        if self._rng.random() < 0.8:
            return self.expr()
        row = [self._rng.choice((self.expr, lambda: f"*{self._operand()}"))() for _ in range(self._rng.randint(1, 3))]
        return ", ".join(row) + ("," if len(row) == 1 else self._maybe(","))

    def _atom(self) -> str:
        return self._rng.choice((*_ATOMS, *_STRINGS, *_NAMES))

    def _strings(self) -> str:
        row = [
            self._rng.choice((lambda: self._rng.choice(_STRINGS), self._formatted))()
            for _ in range(self._rng.randint(1, 3))
        ]
        return " ".join(row) if "\n" not in "".join(row) else f"({' '.join(row)})"

    def _formatted(self) -> str:
        quote = self._rng.choice(('"', "'", '"""', "'''"))
        parts = [
            self._rng.choice(("a", "{{", "}}", " ", "\\n", self._field(quote))) for _ in range(self._rng.randint(0, 4))
        ]
        return f"{self._rng.choice('fF')}{self._maybe('r', 0.1)}{quote}{''.join(parts)}{quote}"

    def _field(self, quote: str, depth: int = 0) -> str:
        room, self._room = self._room, 3
        value = self._rng.choice((self._items, self.expr, self._name))()
        self._room = room
        if (
            quote[0] in value
            or any(sign in value for sign in ("\\", "\n", "#", "'", '"', "lambda", ":="))
            or value[0] == "{"
        ):
            value = self._name()
        spec = ""
        if depth == 0 and self._rng.random() < 0.4:
            spec = ":" + self._rng.choice((">3", "", ".2f", self._field(quote, 1), f"<{self._field(quote, 1)}d"))
        return f"{{{value}{self._maybe('=', 0.2)}{self._rng.choice(('', '', '!r', '!s', '!a'))}{spec}}}"

    def _binary(self) -> str:
        return f"{self.expr()} {self._rng.choice(_BINARY)} {self.expr()}"

    def _unary(self) -> str:
        return f"{self._rng.choice(('-', '+', '~', 'not '))}{self.expr()}"

    def _compare(self) -> str:
        rest = (f" {self._rng.choice(_COMPARE)} {self._operand()}" for _ in range(self._rng.randint(1, 3)))
        return f"{self._operand()}{''.join(rest)}"

    def _logical(self) -> str:
        return f" {self._rng.choice(('and', 'or'))} ".join(self.expr() for _ in range(self._rng.randint(2, 3)))

    def _conditional(self) -> str:
        return f"({self.expr()}) if {self._operand()} else {self.expr()}"

    def _lambda(self) -> str:
        return f"(lambda {self._parameters(False)}: {self.expr()})"

    def _attribute(self) -> str:
        return f"{self._name()}.{self._name()}"

    def _call(self) -> str:
        if self._rng.random() < 0.1:
            return f"{self._name()}({self._named()}{self._clauses()})"
        row = [
            self._rng.choice((self._named, self._named, lambda: f"*{self.expr()}"))()
            for _ in range(self._rng.randint(0, 2))
        ]
        names = self._rng.sample(("a", "b", "c"), self._rng.randint(0, 2))
        row += [f"{name}={self.expr()}" for name in names]
        row += [f"**{self.expr()}"] if self._rng.random() < 0.1 else []
        return f"{self._rng.choice((self._name(), self._attribute()))}({', '.join(row)}{self._maybe(',', 0.2) if row else ''})"  # noqa: E501  # one text, or one pattern, in one line

    def _index(self) -> str:
        return f"{self._name()}[{self._some(self._slice, 1)}]"

    def _slice(self) -> str:
        if self._rng.random() < 0.5:
            return self._element()
        bounds = [self._maybe(self.expr()) for _ in range(self._rng.randint(2, 3))]
        return ":".join(bounds)

    def _display(self) -> str:
        match self._rng.randrange(5):
            case 0:
                return f"[{self._some(self._element)}]"
            case 1:
                return f"({self._some(self._element, 2)})"
            case 2:
                return f"({self._element()},)"
            case 3:
                return f"{{{self._some(self._element, 1)}}}"
        return f"{{{self._some(self._pair)}}}"

    def _pair(self) -> str:
        return f"**{self._operand()}" if self._rng.random() < 0.2 else f"{self.expr()}: {self.expr()}"

    def _comprehension(self) -> str:
        match self._rng.randrange(4):
            case 0:
                return f"[{self._named()}{self._clauses()}]"
            case 1:
                return f"({self._named()}{self._clauses()})"
            case 2:
                return f"{{{self._named()}{self._clauses()}}}"
        return f"{{{self.expr()}: {self.expr()}{self._clauses()}}}"

    def _clauses(self) -> str:
        row = []
        for _ in range(self._rng.choice((1, 1, 2))):
            row.append(f" for {self._some(self._target, 1, 2)} in {self._operand()}")
            row += [f" if {self._operand()}" for _ in range(self._rng.choice((0, 0, 1, 2)))]
        return "".join(row)

    _forms: Sequence[Callable[[Programs], str]] = (
        *(_atom, _atom, _atom, _strings, _binary, _binary, _unary, _compare, _logical, _conditional, _lambda),
        *(_attribute, _call, _call, _index, _display, _display, _comprehension),
    )

    # Statements

    def _target(self, depth: int = 0) -> str:
        match self._rng.randrange(8 if depth < 2 else 4):
            case 0:
                return self._attribute()
            case 1:
                return self._index()
            case 4:
                return f"({self._target(depth + 1)}, {self._target(depth + 1)})"
            case 5:
                return f"[{self._target(depth + 1)}, *{self._target(3)}]"
            case 6:
                return f"({self._target(depth + 1)})"
        return self._name()

    def _parameters(self, annotated: bool) -> str:
        names = iter(self._rng.sample("abcdefgh", 8))

        def one(default: bool) -> str:
            annotation = self._maybe(f": {self.expr()}", 0.2) if annotated else ""
            return f"{next(names)}{annotation}{f'={self.expr()}' if default else ''}"

        row = [one(False) for _ in range(self._rng.choice((0, 1, 1, 2)))]
        if row and self._rng.random() < 0.1:
            row.append("/")
        row += [one(True) for _ in range(self._rng.choice((0, 0, 1)))]
        star = self._rng.random()
        if star < 0.15:
            row.append(f"*{next(names)}")
        if star < 0.25:
            row += ["*"] if star >= 0.15 else []
            row += [one(self._rng.random() < 0.5) for _ in range(self._rng.randint(1, 2))]
        if self._rng.random() < 0.1:
            row.append(f"**{next(names)}")
        return ", ".join(row) + (self._maybe(",", 0.1) if row else "")

    def _statements(self, indent: str, function: bool, loop: bool, several: int) -> list[str]:
        rows = []
        for _ in range(several):
            make = self._block if self._rng.random() < 0.4 and len(indent) < 10 else self._line
            rows.append(make(indent, function, loop))
            rows.append(self._rng.choice(("", "", "", "\n", "    # comment\n", f"{indent}'text'\n")))
        return rows

    def _line(self, indent: str, function: bool, loop: bool) -> str:
        row = [self._simple(function, loop) for _ in range(self._rng.choice((1, 1, 1, 2)))]
        return f"{indent}{'; '.join(row)}{self._maybe(';', 0.1)}{self._maybe('  # so', 0.1)}\n"

    def _simple(self, function: bool, loop: bool) -> str:
        self._room = self._rng.choice((0, 1, 3, 8))
        name, value = self._name(), self.expr()
        forms = [
            f"{self._some(self._target, 1, 2)} = {self._items()}",
            f"{self._target()} = {self._target()} = {self._items()}",
            f"*{self._target()}, {name} = {self._items()}",
            f"{self._rng.choice((name, self._attribute(), self._index()))} {self._rng.choice(_BINARY)}= {self._items()}",  # noqa: E501  # one text, or one pattern, in one line
            f"{name}: {value}{self._maybe(f' = {self._items()}')}",
            value,
            f"{self._call()}",
            f"del {self._some(lambda: self._target(3), 1)}",
            "pass",
            f"assert {value}{self._maybe(f', {self.expr()}')}",
            f"raise{self._maybe(f' {value}')}",
            f"raise {value} from {self.expr()}",
            "import a.b as c, d",
            f"from {self._rng.choice(('a', '.', '..b.c', '...', '....d'))} import {self._rng.choice(('e', 'f as g', '(h, i as j,)'))}",  # noqa: E501  # one text, or one pattern, in one line
            f"x = {value} \\\n  + {name}",
        ]
        if function:
            forms += [
                f"return{self._maybe(f' {self._items()}')}",
                f"return {value}",
                f"{name} = yield {value}",
                "yield",
            ]
        if loop:
            forms += ["break", "continue"]
        return self._rng.choice(forms)

    def _body(self, indent: str, function: bool, loop: bool) -> str:
        if self._rng.random() < 0.2:
            return f" {self._simple(function, loop)}\n"
        deeper = indent + self._rng.choice(("  ", "    ", "\t"))
        return "\n" + "".join(self._statements(deeper, function, loop, self._rng.randint(1, 3)))

    def _block(self, indent: str, function: bool, loop: bool) -> str:
        self._room = self._rng.choice((0, 3))
        head: str
        tail = ""
        match self._rng.randrange(9):
            case 0:
                head = f"if {self._named()}"
                for _ in range(self._rng.choice((0, 0, 1, 2))):
                    tail += f"{indent}elif {self._named()}:{self._body(indent, function, loop)}"
                tail += self._maybe(f"{indent}else:{self._body(indent, function, loop)}")
            case 1:
                tail = self._maybe(f"{indent}else:{self._body(indent, function, loop)}", 0.2)
                return f"{indent}while {self._named()}:{self._body(indent, function, True)}{tail}"
            case 2:
                tail = self._maybe(f"{indent}else:{self._body(indent, function, loop)}", 0.2)
                head = f"for {self._some(self._target, 1, 2)} in {self._items()}"
                return f"{indent}{head}:{self._body(indent, function, True)}{tail}"
            case 3:
                items = [f"{self.expr()}{self._maybe(f' as {self._target()}')}" for _ in range(self._rng.randint(1, 2))]
                head = f"with {', '.join(items)}"
                if self._rng.random() < 0.3:
                    head = f"with ({', '.join(items)}{self._maybe(',')})"
            case 4:
                head = "try"
                for _ in range(self._rng.randint(1, 2)):
                    tail += f"{indent}except {self.expr()}{self._maybe(' as x')}:{self._body(indent, function, loop)}"
                tail += self._maybe(f"{indent}except:{self._body(indent, function, loop)}", 0.3)
                tail += self._maybe(f"{indent}else:{self._body(indent, function, loop)}", 0.3)
                tail += self._maybe(f"{indent}finally:{self._body(indent, function, loop)}", 0.3)
            case 5:
                head, tail = "try", f"{indent}finally:{self._body(indent, function, loop)}"
            case 6:
                head = f"class {self._name()}{self._maybe(f'({self._some(self.expr)})')}"
                return f"{self._decorators(indent)}{indent}{head}:{self._body(indent, False, False)}"
            case _:
                returns = self._maybe(f" -> {self.expr()}", 0.2)
                head = f"def {self._name()}({self._parameters(True)}){returns}"
                return f"{self._decorators(indent)}{indent}{head}:{self._body(indent, True, False)}"
        return f"{indent}{head}:{self._body(indent, function, loop)}{tail}"

    def _decorators(self, indent: str) -> str:
        return "".join(f"{indent}@{self._named()}\n" for _ in range(self._rng.choice((0, 0, 0, 1, 2))))


_TOKEN = re.compile(
    r"[fFrRuU]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')|\w+|\n[ \t]*|[ \t]+|\*\*=?|//=?|<<=?|>>=?|"  # noqa: E501  # one text, or one pattern, in one line
    r"\.\.\.|:=|->|[-+*/%@&|^=!<>]=|[^\w\s]",
    re.DOTALL,
)
_OTHERS = (
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ";",
        "=",
        "==",
        ":=",
        "->",
        ".",
        "...",
        "*",
        "**",
        "@",
        "-",
        "not",
        "~",
        "|",
    ),
    *(
        "if",
        "else",
        "elif",
        "for",
        "in",
        "is",
        "while",
        "def",
        "class",
        "return",
        "yield",
        "lambda",
        "with",
        "as",
        "try",
    ),
    *(
        "except",
        "finally",
        "pass",
        "break",
        "continue",
        "del",
        "assert",
        "raise",
        "import",
        "from",
        "await",
        "async",
        "global",
    ),
    *("nonlocal", "and", "or", "x", "1", "'a'", "f'{x}'", "\n", "\n    ", "None", "match", "case", "+=", "{x", "}'"),
)


def damaged(rng: random.Random, text: str) -> str:
    """A text with tokens left out, doubled, exchanged or replaced."""
    tokens = _TOKEN.findall(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(6):
            case 0:
                tokens[place] = ""
            case 1:
                tokens[place] *= 2
            case 2:
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case 3:
                tokens[place] = tokens[other]
            case 4:
                tokens[place] = f" {rng.choice(_OTHERS)} "
            case _:
                tokens[place] += f" {rng.choice(_OTHERS)} "
    return "".join(tokens)
