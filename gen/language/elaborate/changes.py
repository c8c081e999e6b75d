"""What the statements of a body bind and change, for a body that is not run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from gen.language import syntax


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
            case syntax.Assign() | syntax.Delete():
                targets = tuple(statement.targets)
            case syntax.AugAssign(changed):
                targets = (changed,)
            case syntax.Evaluate(syntax.Call(syntax.Attribute(value, name))) if name in CHANGING:
                targets = (syntax.Attribute(value, name, statement.span, statement.span),)
        for each in targets:
            root: syntax.Expr = each
            while isinstance(root, syntax.Attribute | syntax.Index):
                root = root.value
            if root is not each and isinstance(root, syntax.Name):
                yield root.id


MODEL_CHANGING = ("add", "pop", "build", "compile")
"""Methods that change what a model is, or how it is trained."""


def changes(body: Iterable[syntax.Statement]) -> Iterator[tuple[syntax.Expr, str]]:
    """What the statements of a body may change besides names, as expressions, and what is changed of each.

    That is the name of an attribute or a method, `[]` for items, or `()` for what a call is given.
    """
    for statement in syntax.walk(body):
        targets: tuple[syntax.Expr, ...] = ()
        match statement:
            case syntax.Assign() | syntax.Delete():
                targets = tuple(statement.targets)
            case syntax.AugAssign(changed):
                targets = (changed,)
        for target in targets:
            match target:
                case syntax.Attribute(value, name):
                    yield value, name
                case syntax.Index(value=value):
                    yield value, "[]"
    for call in syntax.calls(body):
        if isinstance(call.function, syntax.Attribute):
            yield call.function.value, call.function.name
        for argument in (*call.positional, *(keyword.value for keyword in call.keywords)):
            yield argument, "()"


def changes_model(
    body: Iterable[syntax.Statement],
    function: Callable[[syntax.Expr], syntax.Def | None],
    is_module: Callable[[syntax.Expr], bool],
) -> bool:
    """Whether the statements of a body may change what a model is, also through the functions of the file they call.

    `function` gives the definition of what is called, for a function of the file; `is_module` knows `np` in `np.add`.
    What is set `trainable` to the same
    in every round, as in the training of a GAN, is no change.
    """
    pending = [(statement, frozenset[str]()) for statement in body]
    seen = set[int]()
    while pending:
        statement, own = pending.pop()
        for each in syntax.walk([statement]):
            match each:
                case syntax.Assign(targets, value):
                    sets = any(
                        isinstance(target, syntax.Attribute) and target.name == "trainable" for target in targets
                    )
                    if sets and not isinstance(value, syntax.Constant):
                        return True
        for call in syntax.calls([statement]):
            method = call.function if isinstance(call.function, syntax.Attribute) else None
            if method is not None and method.name in MODEL_CHANGING and not is_module(method.value):
                return True
            if own and method is not None and method.name in CHANGING and getattr(method.value, "id", "") not in own:
                return True  # a list of somebody else's
            definition = function(call.function)
            if definition is not None and id(definition) not in seen:
                seen.add(id(definition))
                inside = frozenset(bound_names(definition.body)) | {""}
                pending += [(each, inside) for each in definition.body]
    return False


def makes_model(
    body: Iterable[syntax.Statement], called: Collection[str] = ("Model", "Sequential", "compile", "load_model")
) -> bool:
    """Whether the statements of a body make a model or compile one, by calls of these names."""
    names = {getattr(call.function, "id", getattr(call.function, "name", "")) for call in syntax.calls(body)}
    return not names.isdisjoint(called)


def leaves(body: Iterable[syntax.Statement]) -> tuple[bool, bool]:
    """Whether the statements of a body may leave the function around them, or go on with the loop around them."""
    returns = loops = False
    for statement in body:
        returns |= isinstance(statement, syntax.Return)
        loops |= isinstance(statement, syntax.Break | syntax.Continue)
        if isinstance(statement, syntax.Def | syntax.Class):
            continue
        for inner in syntax.bodies(statement):
            inner_returns, inner_loops = leaves(inner)
            returns |= inner_returns
            loops |= inner_loops and not isinstance(statement, syntax.For | syntax.While)
    return returns, loops
