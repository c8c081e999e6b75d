"""What the statements of a body bind and change, for a body that is not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
