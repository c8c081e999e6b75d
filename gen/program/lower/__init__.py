"""Lowering: a graph becomes programs, its rules inlined forward in order and backward in reverse.

The programs of a model are the training step (sections `forward`, `loss`, `backward`, `input_gradients`, `track`),
prediction up to the heads (`infer`), the heads' activations (`activate`), and the optimizer's `update` and `untouched`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from types import FunctionType, MappingProxyType
from typing import Any

from gen.components.base import Activation, Optimizer, describe
from gen.dims import Dim, Shape, product
from gen.graph.graph import Graph, NamedLayer, Node, Output, Tensor
from gen.program.fence import FenceError
from gen.program.ir import Block, Program
from gen.program.lower.backward import lower_backward, lower_input_gradients, lower_track
from gen.program.lower.builder import Builder
from gen.program.lower.forward import lower_forward
from gen.program.lower.inline import run
from gen.program.lower.losses import lower_losses
from gen.program.lower.rules import parameter_names
from gen.program.lower.state import Identifiers, Lowered, Lowering
from gen.program.types import Array, ArrayType, Number


def training_step(
    graph: Graph, names: Identifiers, reserved: set[str], tables: Collection[tuple[NamedLayer, str]] = ()
) -> Lowered:
    """The program of one training step of a compiled graph; `tables` are updated row by row."""
    lowering = Lowering(graph, names, reserved, tables)
    trained = [output for output in graph.outputs if output.loss is not None]
    needed = _needed(graph, [tensor for output in trained for tensor in (output.loss_input, output.mask)])
    lower_forward(lowering, "forward", needed)
    for output in graph.outputs:
        if output.loss is not None:
            lowering.own_head("forward", output)
            lowering.own_mask("forward", output)
    lower_losses(lowering)
    lower_backward(lowering)
    lower_input_gradients(lowering)
    lower_track(lowering)
    return lowering.finish()


def inference(graph: Graph, names: Identifiers, reserved: set[str]) -> Lowered:
    """The program of a prediction up to the heads: what the losses are computed from, and their masks."""
    lowering = Lowering(graph, names, reserved)
    heads = [output.loss_input or output.tensor for output in graph.outputs]
    masked = masked_outputs(graph)
    lower_forward(lowering, "infer", _needed(graph, [*heads, *(output.mask for output in masked)]))
    for output in graph.outputs:
        lowering.own_head("infer", output)
    results = [*heads, *(output.mask for output in masked)]
    values = [lowering.values[result].name for result in results if result is not None]
    lowering.results["infer"] = tuple(ast.Name(value, ast.Load()) for value in values)
    return lowering.finish()


def activation(graph: Graph, names: Identifiers, reserved: set[str], constants: Mapping[str, Shape]) -> Lowered:
    """The program that makes heads predictions, each in place; `rows:answer` tells which are taken as matrices.

    `constants` are arrays of ones and zeros that its buffers have already.
    """
    lowering = Lowering(graph, names, reserved)
    build = lowering.build
    for name, known in constants.items():
        build.parameter(f"b.{name}", ArrayType(known))
    for output in graph.outputs:
        if output.loss_input in (None, output.tensor):
            continue
        maker = graph.maker(output.tensor)
        assert isinstance(maker.layer.component, Activation) and output.loss_input is not None
        shape, ident = output.tensor.shape, names.outputs[output]
        lowering.enter("activate", Block(f"{ident}: {describe(maker.layer.component)}", others=(maker.call.block,)))
        by_rows = maker.layer.component.last_axis or getattr(maker.layer.component, "axis", None) == -1
        if by_rows and len(shape) > 2:
            shape = (product(shape[:-1]), shape[-1])
            lowering.places[f"rows:{output.name}"] = ident = names.related[output, "rows"]
        head = build.parameter(ident, ArrayType(shape))
        rule = type(maker.layer.component).forward  # type: ignore[attr-defined]  # every activation has one
        bindings = {"self": maker.layer.component, parameter_names(rule)[0]: head}
        result: Array = run(build, rule, bindings, lowering.local(names.outputs[output], rule)).result
        lowering.pin(result, ident)
    return lowering.finish()


def update(optimizer: Optimizer, shape: Shape, reserved: set[str]) -> Lowered:
    """The program of one optimizer step over arrays of this shape: the flat vector of weights, or rows of a table."""
    rule = type(optimizer).update  # type: ignore[attr-defined]  # every optimizer has one
    return _optimizer_program("update", optimizer, rule, {"w": "w", "g": "dw"}, shape, reserved)


def untouched(optimizer: Optimizer, reserved: set[str]) -> Lowered | None:
    """The program of what steps without a gradient do to the slots of rows; None if that is nothing."""
    rule = getattr(type(optimizer), "untouched", None)
    if rule is None:
        return None
    return _optimizer_program("untouched", optimizer, rule, {}, ROWS, reserved, {"steps": (ROWS[0], 1)})


ROWS: Shape = (Dim.symbol("rows"), Dim.symbol("features"))
"""The shape of rows of a table."""


def _optimizer_program(
    section: str,
    optimizer: Optimizer,
    rule: FunctionType,
    arrays: dict[str, str],
    shape: Shape,
    reserved: set[str],
    others: Mapping[str, Shape] = MappingProxyType({}),
) -> Lowered:
    """The program of a rule of an optimizer, which works in place.

    Of the rule's parameters, `arrays` and the slots have the given shape, `others` shapes of their own.
    """
    code = rule.__code__
    for slot in optimizer.slots():
        if slot in reserved or not slot.isidentifier():
            place = f"{code.co_filename}:{code.co_firstlineno}"
            raise FenceError(
                f"{rule.__qualname__}: a slot cannot be called `{slot}`, which the generated file needs", place
            )
    build = Builder(taken=set(reserved), section=section, block=Block(""))
    bindings: dict[str, Any] = {
        "self": optimizer,
        "learning_rate": Number(ast.Name("learning_rate", ast.Load())),
        "step": Number(ast.Name("step", ast.Load())),
    }
    for name in parameter_names(rule):
        if name in arrays or name in optimizer.slots():
            bindings[name] = build.parameter(arrays.get(name, name), ArrayType(shape))
        elif name in others:
            bindings[name] = build.parameter(name, ArrayType(others[name]))
        else:
            bindings.setdefault(name, None)
    known = {name for name, value in bindings.items() if isinstance(value, Array)}
    outcome = run(build, rule, bindings, lambda name: None if name in known else name)
    results = {name: value for name, value in outcome.by_name().items() if value is not None}
    pinned = {value.name: name for name, value in results.items() if value.name != name}
    outside = {value.name for value in bindings.values() if isinstance(value, Array)}
    program = Program(
        tuple(build.statements), build.types, build.names, frozenset(outside), pinned, taken=frozenset(build.taken)
    )
    return Lowered(program, build.kernels, {}, {})


def masked_outputs(graph: Graph) -> list[Output]:
    """The outputs whose masks `infer` gives after all heads: `evaluate` needs them where it does not run `forward`."""
    differs = any(hasattr(layer.component, "predict") for layer in graph.layers)
    trained = [output for output in graph.outputs if output.loss is not None]
    return [output for output in trained if output.mask is not None] if differs else []


def _needed(graph: Graph, tensors: list[Tensor | None]) -> tuple[Node, ...]:
    """The nodes that `tensors` depend on, in order."""
    wanted = {tensor for tensor in tensors if tensor is not None}
    found = []
    for node in reversed(graph.nodes):
        if any(output in wanted for output in node.outputs):
            wanted.update(node.reads)
            found.append(node)
    return tuple(reversed(found))
