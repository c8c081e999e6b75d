"""Imports: Keras and TensorFlow, `math` and NumPy; what another module has is not known when the file is read."""

from __future__ import annotations

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.applications import names_in
from gen.language.elaborate.attributes import SUBMODULES, plain_member
from gen.language.elaborate.builtin import FUNCTIONS, TYPES
from gen.language.elaborate.context import Context
from gen.language.elaborate.keras_names import AROUND, KERAS, in_keras
from gen.language.elaborate.modules import MODULES as PLAIN
from gen.language.elaborate.older import warn_of_module
from gen.language.elaborate.spellings import member, module, rooted
from gen.language.elaborate.values import Builtin, Member, Namespace, Unknown, Value

INSIDE_OPTIMIZERS = (".optimizer_v1", ".optimizer_v2")
"""Modules of TensorFlow that have a module for each optimizer."""
BUILTINS = ("__builtin__", "builtins", "future.builtins", "past.builtins", "six.moves")
"""Modules with functions of Python's own, for Python 2 and 3."""
NOTHING_OF_THE_MODEL = ("__future__", "typing", "typing_extensions")
"""Modules whose names only annotate."""


def imported(context: Context, statement: syntax.Import) -> list[tuple[str, Value]]:
    """The names that an import binds, with what they mean."""
    if statement.module in BUILTINS and statement.names is not None:
        return [(alias, _builtin(name, statement.span)) for name, alias in statement.names if alias != "*"]
    found: Namespace | None = Namespace((statement.module,)) if statement.module in PLAIN else module(statement.module)
    if found is None:
        if statement.module not in NOTHING_OF_THE_MODEL:
            context.ignore(statement.span)
            context.open_names |= any(name == "*" for name, _ in statement.names or ())
        return [(name, Unknown(name, statement.span, made_by=(statement.span,))) for name in _names(statement)]
    if statement.module not in PLAIN:
        warn_of_module(context, rooted(statement.module), statement.span)
    if statement.names is None:
        return [_module_name(statement, found)]
    if statement.module.endswith(INSIDE_OPTIMIZERS):
        return [(alias, Namespace(("keras", "optimizers"))) for name, alias in statement.names if name != "*"]
    names = [(name, alias) for name, alias in statement.names if name != "*"]
    if len(names) < len(statement.names):
        names += [(name, name) for name in names_in(found.path)]
    return [(alias, _member(found, name, statement.span)) for name, alias in names]


def _builtin(name: str, span: Span) -> Value:
    present = "range" if name == "xrange" else name
    return Builtin(present) if present in FUNCTIONS or present in TYPES else Unknown(name, span)


def _names(statement: syntax.Import) -> list[str]:
    if statement.names is None:
        return [statement.alias or statement.module.split(".")[0]]
    return [alias for _, alias in statement.names if alias != "*"]


def _member(owner: Namespace, name: str, span: Span) -> Value:
    if owner.path[0] in PLAIN:
        return plain_member(owner, name)
    found = member(owner, name)
    if found is None and name in SUBMODULES:
        return Namespace((*owner.path, name), known=False)
    if found is None and name in AROUND:
        return Unknown(name, span)
    if found is None and (name in KERAS.get(owner.path[-1], ()) or (owner.path[-1] not in KERAS and in_keras(name))):
        return Unknown(name, span, missing=True)
    return found or Member(name, ())


def _module_name(statement: syntax.Import, found: Namespace) -> tuple[str, Value]:
    """What `import a.b` binds (`a`), or `import a.b as c` (`c`)."""
    if statement.alias is not None:
        return statement.alias, found
    return statement.module.split(".")[0], Namespace(found.path[:1])
