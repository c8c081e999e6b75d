"""The layout of generated text: as Black writes it, without asking Black where its answer is known.

Black takes longer than all else in a build together, and has nothing to change in most of what it is shown:

- what stands word for word in a template, or in a kernel of gen: these are laid out in Black's way already;
- a statement of one of the few forms that most lines of a network have, if it fits its line.

So Black is not shown definitions of the first kind, and of statements of both kinds it is shown one name for each run.
Tests hold that it finds nothing to change in whole generated files.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from gen import store

LINE_LENGTH = 100
_TARGET = "PY310"

_INDEX = r"(?:-?\d+|[A-Za-z_]\w*|\.\.\.|:)"
_ATOM = re.compile(
    r'"[ !#-\[\]-~]*"'
    r"|-?\d+(?:\.\d+)?(?:e-?\d+)?"
    rf"|(?!(?:not|await)\b)[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\[{_INDEX}(?:, {_INDEX})*\])?",
    re.ASCII,
)
"""A string, a number, a name with attributes and an index: `0.5`, `b.dense`, `weight[:, None]`."""
_ARGUMENT = r"(?:a=)?(?:a(?:\(a(?:, a)*\))?|\(a,\)|\(a(?:, a)+\))"
_CALL = rf"a\((?:{_ARGUMENT}(?:, {_ARGUMENT})*)?\)"
_PLAIN = re.compile(rf" *(?:{_CALL}|a(?:, a)* [-+*/]?= (?:{_CALL}|a(?: [-+*/] a)?))")
"""A call or an assignment, with `a` for each atom, that Black leaves as it is."""
_COMMENT = re.compile(r" *# (?!fmt|yapf)\w(?:[^#;]*[^#;\s])?")
_HIDDEN = "hidden_statements"


def format_python(text: str, settled: str = "") -> str:
    """`text` as Black writes it; the settings of the user's project do not count.

    What stands word for word in `settled`, in whole lines, is laid out already: definitions and statements.  Raises
    `SyntaxError` if `text` is no Python.
    """
    pieces = list(_Layout(text, settled).pieces())
    return "".join(map(_Piece.laid_out, pieces, black(tuple(piece.shown for piece in pieces))))


@dataclass(frozen=True)
class _Part:
    """A definition, or statements that follow each other: its lines, from 0 and with what is above them, and indent."""

    body: Sequence[ast.stmt]
    start: int
    end: int
    indent: int = 0


@dataclass(frozen=True)
class _Piece:
    """A part as Black is shown it, below the line `above`; nothing is shown of one that is settled."""

    gap: str
    """The blank lines before it."""
    text: str
    shown: str = ""
    above: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    """The statements that are not shown, by the name that stands in their place."""

    def laid_out(self, formatted: str) -> str:
        """The text as it is to be, of what Black made of what it was shown."""
        if not self.shown:
            return self.gap + self.text
        lines = formatted.removeprefix(self.above).split("\n")
        return self.gap + "\n".join(self.hidden.get(line.strip(), line) for line in lines)


class _Layout:
    """Divides one text into pieces."""

    def __init__(self, text: str, settled: str) -> None:
        self.text, self.settled = text, f"\n{settled}\n"
        self.lines, self.settled_lines = text.split("\n"), frozenset(settled.split("\n"))

    def pieces(self) -> Iterator[_Piece]:
        """Definitions, of classes their methods, and what stands between them: most of them are settled."""
        for index, part in enumerate(_parts(ast.parse(self.text).body, 0, len(self.lines))):
            gap = "\n\n" if index else ""
            match part.body:
                case [ast.ClassDef(body=body)] if not self.is_settled(self.part_text(part)):
                    first, *others = _parts(body, part.start, part.end, 4)
                    yield self.piece(first, gap)
                    yield from (self.piece(other, "\n", above="class _:\n") for other in others)
                case _:
                    yield self.piece(part, gap)

    def piece(self, part: _Part, gap: str, above: str = "") -> _Piece:
        text = self.part_text(part)
        if self.is_settled(text):
            return _Piece(gap, text)
        shown, hidden = self.hide(part) if _HIDDEN not in text else (text, {})
        return _Piece(gap, text, above + shown, above, hidden)

    def part_text(self, part: _Part) -> str:
        return _trimmed(self.lines[part.start : part.end])

    def is_settled(self, text: str) -> bool:
        """Whether these lines stand in the text that is laid out already, and are no longer than they may be here."""
        lines = text.split("\n")
        found = lines[0] in self.settled_lines and f"\n{text}" in self.settled  # the first is quick
        return found and max(map(len, lines)) <= LINE_LENGTH

    # ------------------------------------------------------------------------------------- what Black need not be shown

    def hide(self, part: _Part) -> tuple[str, dict[str, str]]:
        """The text of a part with a name instead of each run of known statements, and the runs by these names."""
        shown: list[str] = []
        hidden: dict[str, str] = {}
        position = part.start
        for first, last, indent in self.known_runs(part.body, part.indent):
            name = f"{_HIDDEN}_{len(hidden)}"
            shown += [*self.lines[position:first], " " * indent + name]
            hidden[name] = "\n".join(self.lines[first : last + 1])
            position = last + 1
        return _trimmed([*shown, *self.lines[position : part.end]]), hidden

    def known_runs(self, body: Sequence[ast.stmt], indent: int) -> Iterator[tuple[int, int, int]]:
        """The runs of known statements in a block, and in those inside it: the first line, the last, the indent."""
        run: tuple[int, int, int] | None = None
        for statement in body:
            first, last = statement.lineno - 1, _last_line(statement)
            known = statement.col_offset == indent and self.is_known(statement, first, last)
            if run is not None and known and self.are_known_between(run[1], first):
                run = run[0], last, indent
                continue
            if run is not None:
                yield run
            run = (first, last, indent) if known else None
            if not known:
                for block in _blocks(statement):
                    yield from self.known_runs(block, indent + 4)
        if run is not None:
            yield run

    def is_known(self, statement: ast.stmt, first: int, last: int) -> bool:
        """Whether Black would leave a statement as it is, and the blank lines around it as around an expression."""
        match statement:
            case ast.Assign() | ast.AugAssign() | ast.Expr(value=ast.Call()) if first == last:
                line = self.lines[first]
                if len(line) <= LINE_LENGTH and _PLAIN.fullmatch(_ATOM.sub("a", line)):
                    return True
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                return False
        return not _defines(statement) and self.is_settled("\n".join([*self.lines[first : last + 1], ""]))

    def are_known_between(self, last: int, first: int) -> bool:
        """Whether the lines between two statements are comments, and single blank lines."""
        between = self.lines[last + 1 : first]
        single = all(above or below for above, below in pairwise(between))
        return single and all(not line or _COMMENT.fullmatch(line) for line in between)


def _parts(body: Sequence[ast.stmt], start: int, end: int, indent: int = 0) -> list[_Part]:
    """The definitions in a block that Black indents so far, and the statements between them."""
    groups = [list(body[:1])]
    for statement in body[1:]:
        if not _defines(statement) and not _defines(groups[-1][-1]):
            groups[-1].append(statement)  # with the blank lines between them
        else:
            groups.append([statement])
    starts = [start, *(_first_line(group[0]) for group in groups[1:]), end]
    return [_Part(group, *between, indent) for group, between in zip(groups, pairwise(starts), strict=True)]


def _blocks(statement: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """The blocks of a compound statement."""
    yield getattr(statement, "body", ())
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    match getattr(statement, "orelse", ()):
        case [ast.If() as following] if following.col_offset == statement.col_offset:  # an `elif`
            yield from _blocks(following)
        case block:
            yield block
    yield getattr(statement, "finalbody", ())


def _defines(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def _first_line(statement: ast.stmt) -> int:
    decorators = statement.decorator_list if isinstance(statement, ast.FunctionDef | ast.ClassDef) else []
    return min([statement.lineno, *(item.lineno for item in decorators)]) - 1


def _last_line(statement: ast.stmt) -> int:
    assert statement.end_lineno is not None
    return statement.end_lineno - 1


def _trimmed(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n") + "\n"


# ---------------------------------------------------------------------------------------------------------------- Black


def black(texts: Sequence[str]) -> Sequence[str]:
    """Each text as Black writes it; it is not asked for the same texts as in an earlier run."""
    from _black_version import version  # type: ignore[import-untyped]  # no types; Black takes long

    key = json.dumps([version, LINE_LENGTH, _TARGET, texts])
    made = store.recalled("layout", key, lambda: json.dumps([_black_alone(text) for text in texts]).encode())
    return json.loads(made)  # type: ignore[no-any-return]  # a list of texts


@cache
def _black_alone(text: str) -> str:
    if not text:
        return ""
    from black import format_str
    from black.mode import Mode, TargetVersion

    return format_str(text, mode=Mode(line_length=LINE_LENGTH, target_versions={TargetVersion[_TARGET]}))
