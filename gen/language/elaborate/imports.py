"""Imports of Keras, so that the model part of a Keras script is a `.nn` file."""

from __future__ import annotations

from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.spellings import member, module
from gen.language.elaborate.values import WRONG, Member, Namespace, Value


def imported(context: Context, statement: syntax.Import) -> list[tuple[str, Value]]:
    """The names that an import binds, with what they mean; a module that is none of Keras is reported."""
    found = module(statement.module)
    if found is None:
        context.error(
            "unknown-import",
            statement.span,
            f"`{statement.module}` is not part of Keras; a `.nn` file can import nothing else",
            hint="remove the line; the program that uses the generated file loads the data",
        )
    if statement.names is None:
        return [_module_name(statement, found)]
    names = [(name, alias) for name, alias in statement.names if name != "*"]
    if found is None:
        return [(alias, WRONG) for _, alias in names]
    return [(alias, member(found, name) or Member(name, ())) for name, alias in names]


def _module_name(statement: syntax.Import, found: Namespace | None) -> tuple[str, Value]:
    """What `import a.b` binds (`a`), or `import a.b as c` (`c`)."""
    if statement.alias is not None:
        return statement.alias, WRONG if found is None else found
    return statement.module.split(".")[0], WRONG if found is None else Namespace(found.path[:1])
