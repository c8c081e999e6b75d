"""What Python refuses although its grammar allows it, and only a whole statement tells.

The tree is as it would be without the error: whoever looks at it finds nothing else wrong because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from gen.diagnostics import Diagnostic, Note, Span
from gen.language import syntax


def broken_rules(statements: Iterable[syntax.Statement], walrus: bool, in_class: bool = False) -> Iterator[Diagnostic]:
    """What is wrong with statements and with those inside them; `walrus` says that there may be a `:=` among them."""
    for statement in statements:
        if isinstance(statement, syntax.Try):
            yield from _clauses_of_try(statement)
        if walrus:
            for expression in syntax.expressions(statement):
                yield from _walrus(expression, frozenset(), False, in_class)
        inside = isinstance(statement, syntax.Class) or (in_class and not isinstance(statement, syntax.Def))
        for body in syntax.bodies(statement):
            yield from broken_rules(body, walrus, inside)


def _clauses_of_try(statement: syntax.Try) -> Iterator[Diagnostic]:
    """A `try` without clauses, an `else` without an `except`, an `except` that is never reached."""
    span = Span(statement.span.start, statement.span.start + len("try"))
    if not statement.handlers and not statement.finish:
        hint = "write `except …:` below its block, or remove the `try` and keep its body"
        yield Diagnostic("syntax-error", "This `try` has neither `except` nor `finally`", span, hint=hint)
    elif not statement.handlers and statement.otherwise:
        yield Diagnostic("syntax-error", "This `try` has an `else`, but no `except`", span, hint="add an `except`")
    for handler, later in zip(statement.handlers, statement.handlers[1:], strict=False):
        if handler.kind is None:
            span = Span(handler.span.start, handler.span.start + len("except"))
            notes = (Note(Span(later.span.start, later.span.start + len("except")), "this one is never reached"),)
            yield Diagnostic("syntax-error", "An `except` of everything has to be the last one", span, notes=notes)


def _walrus(expression: syntax.Expr, turning: Set[str], comprehended: bool, in_class: bool) -> Iterator[Diagnostic]:
    """Each `:=` that is where Python has none: `turning` are the names that comprehensions around it bind."""
    match expression:
        case syntax.NamedExpr(target, value):
            if target.id in turning:
                message = f"`:=` cannot bind `{target.id}`, which the comprehension around it binds"
                yield Diagnostic("syntax-error", message, target.span, hint="choose another name")
            elif comprehended and in_class:
                message = "`:=` cannot stand in a comprehension in a `class`"
                yield Diagnostic("syntax-error", message, target.span, hint="assign the name before")
            yield from _walrus(value, turning, comprehended, in_class)
        case syntax.Comprehension(_, element, value, clauses):
            for clause in clauses:
                for inner in syntax.inside(clause.iterable):
                    if isinstance(inner, syntax.NamedExpr):
                        message = "`:=` cannot stand after the `in` of a comprehension"
                        yield Diagnostic("syntax-error", message, inner.span, hint="assign the name before")
            bound = {name.id for clause in clauses for name in syntax.names_bound(clause.target)}
            parts = [element, *(() if value is None else (value,))]
            parts += [part for clause in clauses for part in (clause.target, *clause.tests)]
            for part in parts:
                yield from _walrus(part, turning | bound, True, in_class)
        case syntax.Lambda(_, body):
            for default in syntax.children(expression):
                if default is not body:
                    yield from _walrus(default, turning, comprehended, in_class)
            yield from _walrus(body, frozenset(), False, False)
        case _:
            for child in syntax.children(expression):
                yield from _walrus(child, turning, comprehended, in_class)
