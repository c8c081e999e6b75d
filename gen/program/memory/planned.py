"""The programs of a model with their memory planned: the input of the emitter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gen.graph.graph import NamedLayer
from gen.program.ir import Program
from gen.program.lower.state import Lowered
from gen.program.memory.planning import Plan


@dataclass(frozen=True)
class Planned:
    """A program with its memory, ready to be written."""

    lowered: Lowered
    plan: Plan

    @property
    def program(self) -> Program:
        return self.lowered.program


@dataclass(frozen=True)
class Programs:
    """The programs of a model; without training only the first two, or one if no head is fused."""

    infer: Planned
    """Prediction up to the heads."""
    activate: Planned | None = None
    """The heads' activations."""
    step: Planned | None = None
    """The training step."""
    update: Planned | None = None
    """The optimizer's step over the flat vector of weights."""
    tables: tuple[tuple[NamedLayer, str], ...] = ()
    """The weights that are updated row by row instead."""
    update_rows: Planned | None = None
    """The optimizer's step over rows of them."""
    untouched: Planned | None = None
    """What steps without a gradient do to the slots of rows; None if that is nothing."""

    def planned(self) -> Iterator[Planned]:
        """All that there are."""
        every = (self.infer, self.activate, self.step, self.update, self.update_rows, self.untouched)
        return (each for each in every if each is not None)
