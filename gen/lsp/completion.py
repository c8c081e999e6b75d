"""Completion: what the user can write at a position, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gen.components.base import registry
from gen.diagnostics import Span
from gen.language.elaborate.attributes import MODEL_METHODS
from gen.language.elaborate.objects import PYTHON
from gen.language.elaborate.spellings import DTYPES, MODULES, ROOTS, SPECIAL
from gen.language.elaborate.training import COMPILE
from gen.language.words import KEYWORDS
from gen.lsp import words
from gen.lsp.analysis import Analysis
from gen.lsp.cursor import QUOTED, Bracket, Cursor, cursor
from gen.lsp.hover import summary
from gen.lsp.members import UNKNOWN, names_of, of_strings, owner_at

IN_EXPRESSIONS = ("and", "else", "for", "if", "in", "is", "lambda", "not", "or")
"""The keywords that expressions contain."""
KINDS_OF_COMPILE = {"optimizer": "optimizer", "loss": "loss", "metrics": "metric"}


@dataclass(frozen=True)
class Suggestion:
    """A completion.  Its kind is `variable`, `attribute`, `output`, `argument`, `value`, `keyword`, `module`, `method`,
    `function`, `operation`, `class`, or the kind of a component; `detail` is a few words beside it."""

    label: str
    kind: str
    detail: str = ""
    binding: Span | None = None
    """The place where the file gives the name, if it does."""


def completions(analysis: Analysis, offset: int) -> list[Suggestion]:
    """What the user can write at `offset`, each label once."""
    at = cursor(analysis, offset)
    if not at.open:
        return []
    if at.owner is not None:
        found = _behind_string() if at.owner == QUOTED else _members(analysis, at.owner, offset)
    elif at.after == "DEF":
        found = _definitions(analysis, offset)
    elif at.after == "CLASS":
        return []
    elif at.fresh:
        found = iter(
            [*_variables(analysis, offset), *(Suggestion(word, "keyword") for word in KEYWORDS if word.islower())]
        )
    elif at.quoted:
        found = (Suggestion(each.label.strip("'"), each.kind, each.detail) for each in _choices(analysis, at, offset))
    else:
        found = _expressions(analysis, at, offset)
    unique: dict[str, Suggestion] = {}
    for each in found:
        unique.setdefault(each.label, each)
    return list(unique.values())


def word(analysis: Analysis, offset: int) -> Span:
    """The range that a completion at `offset` replaces."""
    return cursor(analysis, offset).word


def _expressions(analysis: Analysis, at: Cursor, offset: int) -> Iterator[Suggestion]:
    yield from _choices(analysis, at, offset)
    inner = at.brackets[-1] if at.brackets else None
    if inner is not None and inner.kind == "call" and inner.keyword is None:
        yield from _arguments(analysis, inner, offset)
    yield from _variables(analysis, offset)
    for name, modules in SPECIAL.items():
        if "" in modules or modules == ("layers",):
            yield Suggestion(name, "layer")
    for kind in registry:
        yield from (Suggestion(name, kind, kind) for name in words.spelled(kind))
    yield from (Suggestion(name, "value", "dtype") for name in DTYPES)
    words_inside = (word for word in KEYWORDS if word in IN_EXPRESSIONS or not word.islower())
    yield from (Suggestion(word, "keyword") for word in words_inside)
    yield from (Suggestion(name, "function", "Python") for name in sorted(PYTHON))
    yield from (Suggestion(name, "module") for name in (*ROOTS, "ops", *MODULES))


def _choices(analysis: Analysis, at: Cursor, offset: int) -> Iterator[Suggestion]:
    """The possible values of the argument that the user is writing."""
    call = at.call
    if call is None:
        return
    name = call.called.rpartition(".")[2]
    if name == "compile" and "." in call.called:
        yield from _compiled(analysis, at, call, offset)
        return
    found = words.signature(analysis, call.called, offset)
    if found is None:
        return
    written = _argument(found, call)
    if found.name == "Input" and written is not None and written.name == "dtype":
        yield from (Suggestion(each, "value", "dtype") for each in DTYPES)
    if written is not None:
        yield from (_value(choice) for choice in words.choices(written.annotation))
    required = sum(each.default is None for each in found.arguments)
    if call.keyword is None and call.index >= required and found.find("activation"):  # `Dense(32, relu)`
        yield from (_value(choice) for choice in words.spelled("activation"))


def _compiled(analysis: Analysis, at: Cursor, call: Bracket, offset: int) -> Iterator[Suggestion]:
    """The possible values of an argument of `compile`: outputs as keys; optimizers, losses, or metrics."""
    inner = at.brackets[-1]
    if inner.kind == "{" and not inner.value:
        yield from _outputs(analysis, offset)
        return
    argument = call.keyword or (COMPILE[call.index] if call.index < len(COMPILE) else "")
    kind = KINDS_OF_COMPILE.get(argument)
    if kind is not None:
        yield from (Suggestion(name, kind, kind) for name in words.spelled(kind))


def _argument(found: words.Signature, call: Bracket) -> words.Argument | None:
    if call.keyword is not None:
        return found.find(call.keyword)
    return found.arguments[call.index] if call.index < len(found.arguments) else None


def _value(choice: str) -> Suggestion:
    cls = words.component(choice)
    return Suggestion(choice, "value" if cls is None else cls.kind, "" if cls is None else cls.kind)


def _arguments(analysis: Analysis, call: Bracket, offset: int) -> Iterator[Suggestion]:
    """The arguments that the call still lacks."""
    found = words.signature(analysis, call.called, offset)
    positional = call.index - len(call.given)
    for index, each in enumerate((*found.arguments, *found.options) if found else ()):
        if index >= positional and each.name not in call.given:
            yield Suggestion(f"{each.name}=", "argument", "" if each.default is None else f"{each.name}={each.default}")


def _outputs(analysis: Analysis, offset: int) -> Iterator[Suggestion]:
    """The outputs of the model, by the names that they have in `loss`."""
    names = analysis.variables.visible(offset)
    graph = analysis.observed.graph or (analysis.good and analysis.good.observed.graph)
    for output in graph.outputs if graph else ():
        yield Suggestion(output.name, "output", summary([output.tensor]), names.get(output.name))


def _variables(analysis: Analysis, offset: int) -> Iterator[Suggestion]:
    for name, span in sorted(analysis.variables.visible(offset).items()):
        kind = "class" if analysis.variables.cls(span) is not None else "variable"
        yield Suggestion(name, kind, summary(analysis.bound(span)), span)


def _behind_string() -> Iterator[Suggestion]:
    return (Suggestion(each.name, each.kind) for each in of_strings())


def _members(analysis: Analysis, owner: str, offset: int) -> Iterator[Suggestion]:
    """What can follow `owner` and a dot."""
    held = owner_at(analysis, owner, offset)
    if held is UNKNOWN and "." not in owner and owner in analysis.variables.visible(offset):
        yield from (Suggestion(name, "method") for name in MODEL_METHODS)  # in a broken file, it may be a model
        return
    for each in names_of(held):
        known = () if each.binding is None else analysis.bound(each.binding)
        detail = each.kind if each.kind in registry or each.kind == "operation" else summary(known)
        yield Suggestion(each.name, each.kind, detail, each.binding)


METHODS_OF_LAYERS = ("__init__", "build", "call", "compute_output_shape", "get_config")
"""The methods that a class of a layer or a model may define."""


def _definitions(analysis: Analysis, offset: int) -> Iterator[Suggestion]:
    """What the user can define at `offset`: in a class, the methods that it lacks."""
    members = analysis.variables.body_of(offset)
    if members is not None:
        yield from (Suggestion(name, "method") for name in METHODS_OF_LAYERS if name not in members.bindings)
