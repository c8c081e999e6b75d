"""The templates: how they are read, and kept compiled."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from gen import store
from gen.emit.literals import comment, docstring, literal
from gen.resources import resource

_READING: dict[str, Any] = {
    "line_statement_prefix": "#%",
    "trim_blocks": True,
    "keep_trailing_newline": True,
    "autoescape": False,
    "optimized": False,
}
"""A line that begins with `#%` is a statement, so that a template is nearly Python."""


@cache
def environment() -> jinja2.Environment:
    """What reads and fills in the templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(resource("templates"))),
        undefined=jinja2.StrictUndefined,
        bytecode_cache=_Compiled(),
        **_READING,
    )
    environment.filters.update(literal=literal, comment=comment, docstring=docstring)
    return environment


class _Compiled(BytecodeCache):
    """Keeps the templates compiled, from one run to the next."""

    def load_bytecode(self, bucket: Bucket) -> None:
        data = store.recall("template", _key(bucket))
        if data is not None:
            bucket.bytecode_from_string(data)

    def dump_bytecode(self, bucket: Bucket) -> None:
        store.keep("template", _key(bucket), bucket.bytecode_to_string())


def _key(bucket: Bucket) -> str:
    return f"{bucket.key} {bucket.checksum} {_READING} {jinja2.__version__} {sys.version}"
