"""What a computation on plain values raises where it has no result."""

from __future__ import annotations


class Problem(Exception):
    """`message` is the sentence of the diagnostic, `code` its code; whoever knows the place reports it."""

    def __init__(self, message: str, hint: str | None = None, code: str = "bad-operand") -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


class TooMuchData(Problem):
    """An array is too large to be part of a model: data, whose numbers gen does not look at."""
