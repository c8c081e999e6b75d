"""What a computation on plain values raises where it has no result."""

from __future__ import annotations


class Problem(Exception):
    """`message` is the sentence of the diagnostic, `code` its code; whoever knows the place reports it.

    `raised` is the exception that Python raises, where a `try` of the file may wait for it.
    """

    def __init__(self, message: str, hint: str | None = None, code: str = "bad-operand", raised: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.code, self.raised = message, hint, code, raised


class NotKnown(Problem):
    """Nobody knows the result when the file is read, which is no error in itself; the message says why: `which …`."""


class TooMuchData(NotKnown):
    """An array is too large to be part of a model: data, whose numbers gen does not look at."""
