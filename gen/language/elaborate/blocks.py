"""Blocks: what a call gives their parameters, and what their bodies hold."""

from __future__ import annotations

from collections.abc import Iterable

from gen.diagnostics import Note
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.spellings import suggestion
from gen.language.elaborate.values import Argument, Arguments, BlockValue


def bind_parameters(context: Context, block: BlockValue, arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments of a call of a block by parameter; None, and diagnostics, if they do not fit."""
    name = block.definition.name
    names = [parameter.name for parameter in block.definition.parameters]
    note = (Note(block.definition.header, "the block"),)
    given = dict(zip(names, arguments.positional, strict=False))
    good = True
    if len(arguments.positional) > len(names):
        span = arguments.positional[len(names)].span
        message = f"`{name}` takes {len(names)} argument{'s' * (len(names) != 1)}, got {len(arguments.positional)}"
        context.error("too-many-arguments", span, message, notes=note)
        good = False
    for keyword, argument in arguments.keywords.items():
        span = arguments.name_spans[keyword]
        if keyword not in names:
            message, hint = f"`{name}` has no argument `{keyword}`", suggestion(keyword, names)
            context.error("unknown-argument", span, message, notes=note, hint=hint)
            good = False
        elif keyword in given:
            context.error("duplicate-argument", span, f"`{name}` gets its argument `{keyword}` twice", notes=note)
            good = False
        given[keyword] = argument
    missing = [each for each in names if each not in given and each not in block.defaults]
    if missing and good:
        message = f"`{name}` needs its argument `{missing[0]}`"
        context.error("missing-argument", arguments.span, message, notes=note)
        good = False
    return {each: given.get(each) or block.defaults[each] for each in names} if good else None


def returns(body: Iterable[syntax.Statement]) -> bool:
    """Whether there is a `return` in the body of a block, not counting blocks inside it."""
    return any(
        isinstance(statement, syntax.Return) or (isinstance(statement, syntax.For) and returns(statement.body))
        for statement in body
    )


def assigned_names(body: Iterable[syntax.Statement]) -> list[str]:
    """The names that the statements of a body bind."""
    names: list[str] = []
    for statement in body:
        match statement:
            case syntax.Assign(targets):
                names += [target.id for target in targets]
            case syntax.Def(name):
                names.append(name)
            case syntax.For(target, _, inner):
                names += [target.id, *assigned_names(inner)]
    return names
