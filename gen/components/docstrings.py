"""What the docstring of a component says, and how it is laid out.

    The summary: a sentence, which may be the formula itself.

    Anything else there is to say, in prose.  Source: where Keras has it.

    Formula: y = …
    Example: Dense(32, relu)(Input(64))

`Formula:` and `Example:` stand on a line each, in any docstring, and at its end.  Without the first, a summary that
begins with a formula is cut off after it.  An example is a call on inputs; that of a loss or a metric makes the output
that it is for, that of anything else is the component itself.  `gen/inspect/reference.py` makes the reference of them.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from gen.components.base import Component

_LINE = re.compile(r"^[ ]*(Formula|Example): (.+)$", re.MULTILINE)
_SOURCE = re.compile(r"\s*\bSource:\s.*\Z", re.DOTALL)
_FORMULA = re.compile(r"[^\W\d]\w*(\[[^]]*\])? = .+?(?=[;:]\s|\.?\Z|\.\s)", re.DOTALL)


@dataclass(frozen=True)
class Docstring:
    """A component's docstring in its parts; those that it does not have are empty."""

    summary: str
    details: str
    formula: str
    example: str


def docstring(cls: type[Component]) -> Docstring:
    """The docstring of `cls` itself, not of a base, in its parts."""
    lines = dict(_LINE.findall(_written(cls)))
    summary, _, details = _SOURCE.sub("", inspect.cleandoc(prose(cls))).partition("\n\n")
    summary = " ".join(summary.split())
    begins = _FORMULA.match(summary)
    formula = lines.get("Formula") or (begins.group() if begins else "")
    return Docstring(summary, _unwrapped(details), formula, lines.get("Example", ""))


def prose(cls: type[Component]) -> str:
    """The docstring of `cls` without the lines that are for the reference, as it is copied into generated files."""
    return _LINE.sub("", _written(cls)).strip()


def _written(cls: type[Component]) -> str:
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text  # the signature, which dataclass() puts where is none


def _unwrapped(text: str) -> str:
    """Each paragraph on a line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())
