"""Lowering, constraints: the section `constrain`, which holds weights to what they have to be after each step."""

from __future__ import annotations

from gen.components.base import describe
from gen.program.ir import Block
from gen.program.lower.inline import run
from gen.program.lower.losses import compute
from gen.program.lower.state import Lowering


def lower_constraints(state: Lowering) -> None:
    """The section `constrain`: each weight that has a constraint, in its place."""
    own = {(each.layer, each.weight): each.formula for each in state.graph.constrained}
    for layer in state.graph.layers:
        for name, weight in layer.weights.items():
            if weight.constraint is None or not (layer.trainable and weight.trainable):
                continue
            ident = state.names.weights[layer, name]
            block = Block(f"{layer.name}/{name}: {describe(weight.constraint)}", others=state.calls_of(layer))
            before = state.weights[layer, name]
            if (layer, name) in own:
                formula = own[layer, name]
                state.values[formula.inputs[0]] = before
                after = compute(state, "constrain", formula, differentiated=False)
                state.enter("constrain", block)
            else:
                state.enter("constrain", block)
                rule = type(weight.constraint).forward
                after = run(
                    state.build, rule, {"self": weight.constraint, "w": before}, state.local(ident, rule)
                ).result
            state.pin(after, f"p.{ident}")
