"""Exceptions of Python's that a `try` of the file waits for: what is looked up in vain, and what is no number.

An error that no handler is for is a diagnostic, as everywhere.
"""

from __future__ import annotations

from gen.language import syntax

WIDER = {
    "KeyError": ("LookupError", "Exception", "BaseException"),
    "IndexError": ("LookupError", "Exception", "BaseException"),
    "AttributeError": ("Exception", "BaseException"),
    "ValueError": ("Exception", "BaseException"),
}
"""The exceptions that gen can tell, each with the classes of Python above it."""


class Thrown(Exception):
    """Leaves the statements of a `try` for the handler of `kind`; there is one."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def handler_of(handlers: tuple[syntax.Handler, ...], kind: str) -> syntax.Handler | None:
    """The first handler that is for an exception of this kind."""
    return next((each for each in handlers if _handles(each, kind)), None)


def _handles(handler: syntax.Handler, kind: str) -> bool:
    kinds = handler.kind.items if isinstance(handler.kind, syntax.Tuple) else (handler.kind,)
    return any(each is None or (isinstance(each, syntax.Name) and each.id in (kind, *WIDER[kind])) for each in kinds)
