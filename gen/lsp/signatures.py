"""Signature help: the arguments of the call that the user is writing, and the present one among them."""

from __future__ import annotations

from dataclasses import dataclass

from gen.lsp.analysis import Analysis
from gen.lsp.cursor import Bracket, cursor
from gen.lsp.words import Signature, signature


@dataclass(frozen=True)
class Help:
    """A signature, and the index of the argument at the cursor; None if it is none of them."""

    signature: Signature
    active: int | None


def signature_help(analysis: Analysis, offset: int) -> Help | None:
    """The signature of the innermost call around `offset`; None if there is no call, or gen does not know it."""
    call = cursor(analysis, offset).call
    found = call and signature(analysis, call.called, offset)
    return Help(found, _active(found, call)) if call and found else None


def _active(found: Signature, call: Bracket) -> int | None:
    names = [each.name for each in found.arguments]
    if call.keyword is not None:
        others = (index for index, each in enumerate(found.arguments) if each.kind == "kwargs")
        return names.index(call.keyword) if call.keyword in names else next(others, None)
    if call.given:
        return None
    by_position = [index for index, each in enumerate(found.arguments) if each.kind in ("plain", "only")]
    if call.index < len(by_position):
        return by_position[call.index]
    return next((index for index, each in enumerate(found.arguments) if each.kind == "args"), None)
