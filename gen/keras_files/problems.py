"""What is wrong with a file of Keras."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MALFORMED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, EOFError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What goes wrong in files that have another form than Keras writes, or are damaged."""


class KerasFileError(Exception):
    """A file that gen cannot import; the message is a sentence or several lines."""


class MissingWeightsError(KerasFileError):
    """A file without weights for a layer; a model that is in two places has them in one."""


@dataclass
class Report:
    """What is found on the way: `problems` keep a model from being imported, by layer; `notes` do not."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def problem(self, layer: str, message: str) -> None:
        """Something about a layer that has no place in a `.nn` file."""
        found = self.problems.setdefault(layer, [])
        if message not in found:
            found.append(message)

    def note(self, message: str) -> None:
        """Something that the user may want to know."""
        if message not in self.notes:
            self.notes.append(message)

    def refuse(self) -> None:
        """Raise one `KerasFileError` that names all problems, if there are any."""
        if not self.problems:
            return
        lines = [f"  {layer}: {'; '.join(messages)}" for layer, messages in self.problems.items()]
        first = next(iter(self.problems))
        count = f"{len(lines)} layer{'s' * (len(lines) > 1)}"
        hint = f"write what is to stand in the place of each: --replace '{first}=EXPRESSION', where x is its input"
        hint += ", or describe classes of your own in a file of components: --components FILE"
        raise KerasFileError("\n".join([f"gen cannot import {count} of this model", *lines, f"  = hint: {hint}"]))


@contextmanager
def damaged(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Say of whatever goes wrong inside that the file is damaged: what others wrote may be of any form."""
    try:
        yield
    except KerasFileError:
        raise
    except MemoryError as error:
        raise KerasFileError(f"{what} needs more memory than there is") from error
    except kinds or MALFORMED as error:  # noqa: B030  # both are tuples of exceptions
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise KerasFileError(f"{what} is damaged: {reason}") from error
