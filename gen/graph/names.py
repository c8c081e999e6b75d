"""Names in the generated module: an identifier for each thing of the model, none of them taken or Python's own."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

MODULE = frozenset(
    [
        "Any",
        "Array",
        "ArrayLike",
        "Batches",
        "Buffers",
        "Callable",
        "Callback",
        "Callbacks",
        "ClassVar",
        "ClassWeights",
        "Data",
        "Gradients",
        "INPUTS",
        "InferenceBuffers",
        "Iterable",
        "Iterator",
        "Mapping",
        "Memory",
        "Model",
        "NamedTuple",
        "NoReturn",
        "OUTPUTS",
        "Params",
        "ProjectedRows",
        "SUMMARY",
        "Sequence",
        "Slots",
        "TYPE_CHECKING",
        "TableSlots",
        "TypeAlias",
        "Validation",
        "Weights",
        "activate",
        "annotations",
        "argparse",
        "backward",
        "check",
        "constrain",
        "contextmanager",
        "contextvars",
        "ctypes",
        "defaultdict",
        "forward",
        "hashlib",
        "infer",
        "io",
        "initialize",
        "inspect",
        "json",
        "loss",
        "math",
        "measure",
        "metrics",
        "mul",
        "np",
        "os",
        "over_slices",
        "partial",
        "shutil",
        "signal",
        "sizes",
        "suppress",
        "sys",
        "threading",
        "time",
        "track",
        "untouched",
        "update",
        "update_rows",
        "zipfile",
    ]
)
"""What the generated module defines or imports, besides the functions that it copies; the rest begins with `_`."""

LOCALS = frozenset(
    [
        "b",
        "batch",
        "dtype",
        "g",
        "in_team",
        "is_first",
        "learning_rate",
        "memory",
        "model",
        "p",
        "rng",
        "rows",
        "s",
        "self",
        "state",
        "step",
        "to_inputs",
        "w",
        "whole_batch",
    ]
)
"""What functions that name things of the `.nn` file call their own."""

UPDATE_LOCALS = frozenset(["dw", "first", "gradient", "ids", "last", "missed", "part", "start", "stride", "table"])
"""What `update`, `update_rows` and what they work in call their own besides; no name of the `.nn` file stands there."""

SAVED = frozenset(["dtype", "fit", "last", "learning_rate", "rng", "step"])
"""The arrays of a saved file besides weights, whose names have a `/`, and slots of the optimizer."""

CHECK_LOCALS = frozenset(
    [
        "array",
        "data",
        "error",
        "gradient",
        "name",
        "names",
        "pairs",
        "seed",
        "total",
        "value",
        "width",
        "worst",
    ]
)
"""What `check`, where sizes that data decide are variables, calls its own besides."""

MEMBERS = frozenset(["flat", "named", "named_trainable", "size", "trainable", "trainable_size"])
"""What `Params` has besides the weights."""

BUILTINS = frozenset(
    [
        "ArithmeticError",
        "AttributeError",
        "BaseException",
        "BrokenPipeError",
        "Exception",
        "FileNotFoundError",
        "FloatingPointError",
        "IndexError",
        "IsADirectoryError",
        "KeyboardInterrupt",
        "LookupError",
        "MemoryError",
        "OSError",
        "PermissionError",
        "RuntimeError",
        "SystemExit",
        "TypeError",
        "ValueError",
        "abs",
        "all",
        "any",
        "bool",
        "callable",
        "classmethod",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "getattr",
        "hasattr",
        "int",
        "isinstance",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "min",
        "next",
        "object",
        "open",
        "print",
        "property",
        "range",
        "repr",
        "set",
        "slice",
        "sorted",
        "staticmethod",
        "str",
        "sum",
        "super",
        "tuple",
        "type",
        "zip",
    ]
)
"""Python's own names that the module uses."""

RESERVED = MODULE | LOCALS | MEMBERS | BUILTINS


def of_member(name: str, member: str) -> str:
    """What a definition of the module is called where it belongs to one model of several: `encoder_forward`."""
    lead, bare = "_" * name.startswith("_"), name.lstrip("_")
    camel = "".join(part[:1].upper() + part[1:] for part in member.split("_"))
    if bare == "Model":
        return camel
    if bare.isupper():
        return f"{lead}{member.upper()}_{bare}"
    return f"{lead}{camel}{bare}" if bare[0].isupper() else f"{lead}{member}_{bare}"


def names_of_members(members: Iterable[str]) -> set[str]:
    """What the module of several models defines, besides `MODULE`."""
    return {"Models", "SharedParams", *(of_member(name, member) for member in members for name in MODULE)}


RUNTIME = "gen_runtime"
"""The module that models of a folder may share.

The name says who wrote it and what it is, is nobody's package, and is given to no model.
"""


class Names:
    """Makes identifiers, each only once.

    `taken` are names that it must not make, besides Python's keywords and those that every generated module uses.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(RESERVED) | set(taken)
        self._numbers: dict[str, int] = {}  # by stem, the last that was tried: all up to it are taken

    @property
    def taken(self) -> frozenset[str]:
        """All that it does not make any more, besides Python's keywords."""
        return frozenset(self._taken)

    @staticmethod
    def plain(text: str) -> str:
        """The identifier that `text` gets where nothing else has it."""
        base = identifier(text)
        return f"{base}_" if base in RESERVED or keyword.iskeyword(base) else base

    def make(self, text: str) -> str:
        """A new identifier for what the `.nn` file calls `text`.

        `stage_2/conv` becomes `stage_2_conv`; a name that Python or the module needs gets a `_` at its end; one that is
        taken gets `_2`, `_3`, ….
        """
        base = self.plain(text)
        name, stem = base, base.rstrip("_")
        while name in self._taken:
            self._numbers[stem] = self._numbers.get(stem, 1) + 1
            name = f"{stem}_{self._numbers[stem]}"
        self._taken.add(name)
        return name


def identifier(text: str) -> str:
    """`text` as an ASCII identifier that does not begin with `_`; not every text has one of its own."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub("[^A-Za-z0-9_]", "_", plain).lstrip("_")
    return f"x{plain}" if not plain or plain[0].isdigit() else plain
