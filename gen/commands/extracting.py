"""`gen from-script`: the `.nn` file that is in a Python script or a notebook, with everything else left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gen import compiler
from gen.commands.building import explained, read, shown
from gen.diagnostics import Diagnostic, Diagnostics, Source, Span
from gen.files import Bounds, WriteError, place
from gen.given import Given
from gen.graph.graph import Graph
from gen.language import syntax
from gen.language.elaborate.changes import bound_names
from gen.nn_layout import format_text

MOST_ROUNDS = 30
"""How often what is left is looked through again: a variable may be read by nothing but what was just left out."""


@dataclass(frozen=True)
class Extract:
    """What was found in a script: the text of the `.nn` file, and the lines of the script that are not in it."""

    source: Source
    diagnostics: list[Diagnostic]
    text: str | None
    """None where the script has no model that gen can build; the diagnostics say why."""
    left_out: tuple[int, ...] = ()


def extract(path: Path, given: Given, debug: bool = False) -> Extract:
    """The model that is in a script.  Raises `CommandError` for a file that cannot be read."""
    with explained(path, debug=debug):
        source, diagnostics = read(path)
        if diagnostics.failed:
            return Extract(source, diagnostics.in_source_order(), None)
        graphs = compiler.understand_all(source, diagnostics, given)
        found = [
            each for each in diagnostics.in_source_order() if each.code not in ("ignored-lines", "unused-variable")
        ]
        if not graphs:
            return Extract(source, found, None)
        lines = _smallest(source, given, _built(graphs))
        text = format_text("\n".join(line for _, line in lines) + "\n")
        if _built(compiler.understand_all(Source("model.nn", text), Diagnostics())) != _built(graphs):
            raise AssertionError("what was left out changed the model")
        kept = {number for number, _ in lines}
        numbers = range(1, source.text.count("\n") + 2)
        left_out = tuple(number for number in numbers if number not in kept and source.line(number).strip())
        return Extract(source, found, text, left_out)


def _built(graphs: Sequence[Graph]) -> str:
    """The generated file of models without its header and the comments, which quote the source."""
    text = compiler.build(graphs, "", compiler.Options(formatted=False))[1] if graphs else ""
    return re.sub(r"^# fmt: off\n\"\"\".*?\n\"\"\"\n|#[^\n]*", "", text, flags=re.DOTALL)


def write(path: Path, text: str, force: bool) -> str:
    """Write the `.nn` file; says what came of it.  Raises `WriteError` for a file that is there, unless `force`."""
    with place(path, Bounds(path.parent), make=True) as found:
        status = found.status()
        if status is not None:
            if found.read() == text.encode():
                return "unchanged"
            if not force:
                raise WriteError(f"{shown(path)} exists, and is another file; --force writes over it")
        found.replace(text.encode(), status)
    return "written"


# ------------------------------------------------------------------------------------------------------- what is kept


def _smallest(source: Source, given: Given, built: str) -> list[tuple[int, str]]:
    """The lines that the model needs, with their numbers in the script; all of them, where that cannot be told apart.

    Lines that bind what others read are put back.
    """
    read: set[str] = set()
    for _ in range(MOST_ROUNDS):
        lines = _kept(source, given, read)
        kept, diagnostics = Source("model.nn", "\n".join(line for _, line in lines) + "\n"), Diagnostics()
        if _built(compiler.understand_all(kept, diagnostics)) == built:
            return lines
        missing = {
            kept.slice(each.span) for each in diagnostics.items if each.code in ("unknown-name", "unknown-layer")
        }
        if missing <= read:
            break
        read |= missing
    return _with_given(source, _all_lines(source), given)


def _all_lines(source: Source) -> list[tuple[int, str]]:
    lines = [(number, text) for number, text in enumerate(source.text.split("\n"), start=1)]
    return [(number, text.removesuffix("\r")) for number, text in lines if not (number == 1 and text.startswith("#!"))]


def _kept(source: Source, given: Given, read: Collection[str]) -> list[tuple[int, str]]:
    """The lines that the model needs, and those that bind what is `read`."""
    lines = _with_given(source, _all_lines(source), given)
    for _ in range(MOST_ROUNDS):
        text = "\n".join(line for _, line in lines) + "\n"
        current = Source(source.path, text)
        diagnostics = Diagnostics()
        file = compiler.parse(current, diagnostics)
        needless = _needless(current, file, given, read)
        changes = _Changes(current)
        changes.body(file.statements, needless)
        changes.arguments(file.statements, needless)
        changes.values(file.statements, given)
        following = changes.applied(lines)
        if following == lines:
            break
        lines = following
    return lines


def _with_given(source: Source, lines: list[tuple[int, str]], given: Given) -> list[tuple[int, str]]:
    """The lines with the values from outside that no assignment has a place for: `args.units`, or a name alone."""
    file = compiler.parse(source, Diagnostics())
    assigned = {
        target.id
        for statement in file.statements
        if isinstance(statement, syntax.Assign)
        for target in statement.targets
        if isinstance(target, syntax.Name)
    }
    for name, value in given.items():
        if "." in name:
            pattern, literal = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)"), repr(value).replace("\\", r"\\")
            lines = [(number, pattern.sub(literal, text)) for number, text in lines]
        elif name not in assigned and re.search(rf"\b{name}\b", source.text):
            first = next(each for each in file.statements if not isinstance(each, syntax.Import))
            number = source.position(first.span.start)[0]
            index = next((i for i, (each, _) in enumerate(lines) if each >= number), 0)
            lines = [*lines[:index], (0, f"{name} = {value!r}"), *lines[index:]]
    return lines


@dataclass(frozen=True)
class _Needless:
    """What a model does not need: statements and arguments that are passed over, and variables that nothing reads."""

    passed_over: frozenset[Span]
    unused: frozenset[Span]
    read: frozenset[str]
    """The names that anything reads."""
    kept: Collection[str] = ()
    """The names that what is left reads, whoever says that it is not needed."""

    def has(self, statement: syntax.Statement) -> bool:
        """Whether a whole statement is needless."""
        if not set(bound_names([statement])).isdisjoint(self.kept):
            return False
        match statement:
            case syntax.Evaluate(value, span):
                return span in self.passed_over or value.span in self.passed_over
            case syntax.Assign(targets=targets, span=span):
                names = [name for target in targets for name in syntax.names_bound(target)]
                unused = bool(names) and all(name.span in self.unused for name in names)
                return span in self.passed_over or unused
            case syntax.Import(module, names, alias):
                bound = [alias or module.split(".")[0]] if names is None else [each for _, each in names]
                return "*" not in bound and not any(name in self.read for name in bound)
        return statement.span in self.passed_over


def _needless(source: Source, file: syntax.File, given: Given, kept: Collection[str]) -> _Needless:
    from gen.language.elaborate import passed_over  # it takes long to import

    spans, unused = passed_over(file, source, given)
    read = frozenset(re.findall(r"[^\W\d]\w*", _without_imports(source, file)))
    return _Needless(spans, unused, read, kept)


def _without_imports(source: Source, file: syntax.File) -> str:
    """The text of all that is no import."""
    pieces, end = [], 0
    for statement in syntax.walk(file.statements):
        if isinstance(statement, syntax.Import):
            pieces.append(source.text[end : statement.span.start])
            end = max(end, statement.span.end)
    return "".join([*pieces, source.text[end:]])


class _Changes:
    """What is taken out of a text, and what is put in place of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._gone: set[int] = set()
        self._new: dict[int, str] = {}

    def body(self, statements: Sequence[syntax.Statement], needless: _Needless) -> bool:
        """Take out what is needless of a body; whether nothing of it is left."""
        left = 0
        for statement in statements:
            if needless.has(statement) and self._take_out(statement):
                continue
            if self._fit(statement, needless) or self._block(statement, needless):
                continue
            left += 1
        return not left

    def _block(self, statement: syntax.Statement, needless: _Needless) -> bool:
        """Take out what is needless in a statement with a body; whether the statement is gone."""
        bodies = [each for each in syntax.bodies(statement) if each]
        if isinstance(statement, syntax.Def | syntax.Class) or not bodies:
            return False
        emptied = [all(self._whole(each, needless) for each in body) for body in bodies]
        if all(emptied):
            return self._take_out(statement)
        for body, empty in zip(bodies, emptied, strict=True):
            if not empty:
                self.body(body, needless)
        return False

    def _whole(self, statement: syntax.Statement, needless: _Needless) -> bool:
        """Whether nothing of a statement is needed."""
        if needless.has(statement):
            return True
        bodies = [each for each in syntax.bodies(statement) if each]
        plain = not isinstance(statement, syntax.Def | syntax.Class)
        return plain and bool(bodies) and all(self._whole(each, needless) for body in bodies for each in body)

    def _lines(self, statement: syntax.Statement) -> range:
        start = min((each.span.start for each in getattr(statement, "decorators", ())), default=statement.span.start)
        start = min(start, statement.span.start)
        first = self._source.position(start)[0]
        end = start + len(self._source.text[start : statement.span.end].rstrip())
        return range(first, self._source.position(end)[0] + 1)

    def _take_out(self, statement: syntax.Statement) -> bool:
        """Take the lines of a statement out, with the comment above it, unless another statement is on them."""
        lines = self._lines(statement)
        head = self._source.line(lines[0])[: self._source.position(statement.span.start)[1] - 1].strip(" \t@")
        end = statement.span.start + len(self._source.slice(statement.span).rstrip())
        tail = self._source.line(lines[-1])[self._source.position(end)[1] - 1 :].strip()
        if head or (tail and not tail.startswith(("#", ")"))):
            return False
        first = lines[0]
        while first > 1 and self._source.line(first - 1).strip().startswith("#"):
            first -= 1
        if first > 1 and self._source.line(first - 1).strip():
            first = lines[0] if first == lines[0] else first
        self._gone.update(range(first, lines[-1] + 1))
        return True

    def _fit(self, statement: syntax.Statement, needless: _Needless) -> bool:
        """Write `model.fit(…)` without its data; whether nothing of it is left."""
        call = statement.value if isinstance(statement, syntax.Evaluate | syntax.Assign) else None
        if not isinstance(call, syntax.Call) or getattr(call.function, "name", "") != "fit":
            return False
        arguments = (*call.positional, *(keyword.value for keyword in call.keywords))
        if not any(each.span in needless.passed_over for each in arguments):
            return False
        kept = [each for each in call.keywords if each.name and each.value.span not in needless.passed_over]
        if any(each.span not in needless.passed_over for each in call.positional):
            return False
        if not kept:
            return self._take_out(statement)
        lines = self._lines(statement)
        inside = ", ".join(f"{each.name}={self._source.slice(each.value.span)}" for each in kept)
        column = self._source.position(statement.span.start)[1] - 1
        indent = self._source.line(lines[0])[:column]
        self._gone.update(lines[1:])
        self._new[lines[0]] = f"{indent}{self._source.slice(call.function.span)}({inside})"
        return False

    def arguments(self, statements: Iterable[syntax.Statement], needless: _Needless) -> None:
        """Take out the arguments by name that are passed over, at most one of each line."""
        for call in syntax.calls(statements):
            end = None
            for each in sorted((*call.positional, *call.keywords), key=lambda each: each.span.start):
                keyword = each if isinstance(each, syntax.Keyword) else None
                if end is not None and keyword is not None and keyword.value.span in needless.passed_over:
                    self._take_out_between(end, keyword.span.end)
                end = each.span.end

    def _take_out_between(self, start: int, end: int) -> None:
        (first, column), (last, rest) = self._source.position(start), self._source.position(end)
        lines = range(first, last + 1)
        if not any(line in self._gone or line in self._new for line in lines):
            self._new[first] = self._source.line(first)[: column - 1] + self._source.line(last)[rest - 1 :]
            self._gone.update(lines[1:])

    def values(self, statements: Iterable[syntax.Statement], given: Given) -> None:
        """Write the values that come from outside in place of what the variables were given."""
        for statement in statements:
            match statement:
                case syntax.Assign([syntax.Name(name)]) if name in given:
                    lines = self._lines(statement)
                    if lines[0] not in self._gone:
                        self._gone.update(lines[1:])
                        self._new[lines[0]] = f"{name} = {given[name]!r}"

    def applied(self, lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """The lines, which are those of the text, with the changes made."""
        return [
            (number, self._new.get(index, text))
            for index, (number, text) in enumerate(lines, start=1)
            if index not in self._gone
        ]


def in_words(extract: Extract) -> str:
    """The lines that were left out, as a message has them: `1, 3 to 7`; for a notebook those of each cell."""
    return extract.source.listed(extract.left_out)
