"""Functions of the file: what a call gives their parameters."""

from __future__ import annotations

from gen.diagnostics import Note, Placed
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.spellings import suggestion
from gen.language.elaborate.values import Argument, Arguments, DictValue, FunctionValue


def bind_parameters(context: Context, function: FunctionValue, arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments of a call by parameter, as Python binds them; None, and diagnostics, if they do not fit."""
    name, parameters = function.name, function.definition.parameters
    note = () if isinstance(function.header, Placed) else (Note(function.header, "the function"),)
    by_position = [each.name for each in parameters if each.kind in ("only", "plain")]
    by_name = [each.name for each in parameters if each.kind in ("plain", "named")]
    rest = next((each.name for each in parameters if each.kind == "args"), None)
    others = next((each.name for each in parameters if each.kind == "kwargs"), None)
    given = dict(zip(by_position, arguments.positional, strict=False))
    surplus = arguments.positional[len(by_position) :]
    good = True
    if surplus and rest is None:
        count = len(by_position)
        message = f"`{name}` takes {count} argument{'s' * (count != 1)}, got {len(arguments.positional)}"
        context.error("too-many-arguments", surplus[0].span, message, notes=note)
        good = False
    more: dict[str, Argument] = {}
    for keyword, argument in arguments.keywords.items():
        span = arguments.name_spans[keyword]
        if keyword in given and keyword in by_name:
            context.error("duplicate-argument", span, f"`{name}` gets its argument `{keyword}` twice", notes=note)
            good = False
        elif keyword in by_name:
            given[keyword] = argument
        elif others is not None:
            more[keyword] = argument
        else:
            message, hint = f"`{name}` has no argument `{keyword}`", suggestion(keyword, by_name)
            context.error("unknown-argument", span, message, notes=note, hint=hint)
            good = False
    given = {**function.defaults, **given}
    missing = [each for each in dict.fromkeys((*by_position, *by_name)) if each not in given]
    if missing and good:
        message = f"`{name}` needs its argument `{missing[0]}`"
        context.error("missing-argument", arguments.span, message, notes=note)
        good = False
    if not good:
        return None
    node = syntax.Constant(None, arguments.span)
    if rest is not None:
        given[rest] = Argument(tuple(each.value for each in surplus), node)
    if others is not None:
        held = DictValue({keyword: argument.value for keyword, argument in more.items()})
        held.written = {keyword: (argument.node, argument.node) for keyword, argument in more.items()}
        given[others] = Argument(held, node)
    return given


def takes(function: FunctionValue, name: str) -> bool:
    """Whether a function can be given an argument of this name."""
    return any(each.name == name or each.kind == "kwargs" for each in function.definition.parameters)
