"""The parts of a component's docstring, and its layout.

    The summary: a sentence, which may be the formula itself.

    More prose, if there is more to say.  Source: the file in Keras.

    Formula: y = …
    Example: Dense(32, relu)(Input(64))

`Formula:` and `Example:` each take one line, at the end of the docstring.  Without `Formula:`, a summary that begins
with a formula gives the formula.  An example is a call on inputs; for a loss or a metric, it makes the output; for any
other component, it is the component itself.  A metric with arguments that it needs follows the output, after `; `.
`gen/inspect/reference.py` makes the reference from these parts.
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
    """The parts of a component's docstring; a missing part is empty."""

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
    """The docstring of `cls` without the lines for the reference, as the generated file has it."""
    return _LINE.sub("", _written(cls)).strip()


def _written(cls: type[Component]) -> str:
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text  # dataclass() wrote its signature


def _unwrapped(text: str) -> str:
    """Each paragraph on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())
