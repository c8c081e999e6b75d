"""Functions of the file: what a call gives their parameters, and what their bodies bind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gen.diagnostics import Note
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.spellings import suggestion
from gen.language.elaborate.values import Argument, Arguments, DictValue, FunctionValue


def bind_parameters(context: Context, function: FunctionValue, arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments of a call by parameter, as Python binds them; None, and diagnostics, if they do not fit."""
    name, parameters = function.name, function.definition.parameters
    note = (Note(function.header, "the function"),)
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


def parameter_names(function: FunctionValue) -> set[str]:
    """The names of the parameters of a function."""
    return {each.name for each in function.definition.parameters}


def takes(function: FunctionValue, name: str) -> bool:
    """Whether a function can be given an argument of this name."""
    return any(each.name == name or each.kind == "kwargs" for each in function.definition.parameters)


def bound_names(body: Iterable[syntax.Statement]) -> Iterator[str]:
    """The names that the statements of a body bind, those inside loops and conditions too."""
    for statement in body:
        match statement:
            case syntax.Assign(targets) | syntax.Delete(targets):
                for target in targets:
                    yield from (name.id for name in syntax.names_bound(target))
            case syntax.AugAssign(target):
                yield from (name.id for name in syntax.names_bound(target))
            case syntax.Def(name) | syntax.Class(name):
                yield name
                continue
            case syntax.For(target):
                yield from (name.id for name in syntax.names_bound(target))
            case syntax.With(items):
                for _, bound in items:
                    if bound is not None:
                        yield from (name.id for name in syntax.names_bound(bound))
            case syntax.Import(module, names, alias):
                yield from (as_name for _, as_name in names) if names is not None else (alias or module.split(".")[0],)
            case syntax.Try(handlers=handlers):
                yield from (handler.name.id for handler in handlers if handler.name is not None)
            case syntax.Foreign(names=names):
                yield from names
        for inner in syntax.bodies(statement):
            yield from bound_names(inner)


CHANGING = ("append", "extend", "insert", "add", "pop", "remove", "update", "setdefault", "clear", "sort", "reverse")
"""Methods that change what they belong to, and so what a model may be made of."""


def changed_names(body: Iterable[syntax.Statement]) -> Iterator[str]:
    """The names whose values the statements of a body may change without binding them: `branches.append(…)`."""
    for statement in syntax.walk(body):
        if isinstance(statement, syntax.Def | syntax.Class):
            continue
        targets: tuple[syntax.Expr, ...] = ()
        match statement:
            case syntax.Assign(targets=targets) | syntax.Delete(targets=targets):
                pass
            case syntax.AugAssign(target):
                targets = (target,)
            case syntax.Evaluate(syntax.Call(syntax.Attribute(value, name))) if name in CHANGING:
                targets = (syntax.Attribute(value, name, statement.span, statement.span),)
        for target in targets:
            root: syntax.Expr = target
            while isinstance(root, syntax.Attribute | syntax.Index):
                root = root.value
            if root is not target and isinstance(root, syntax.Name):
                yield root.id
