"""The facts about a model, call by call: shapes, parameters, operations, memory, and connections.

    graph ──describe_model──▶ Facts

A *call* is one that the file makes: of a layer, an activation, an operator, or a wrapper with the layers that it calls.
Each call has the name of its layer; the second call of a shared layer is `layer#2`.  The parameters of a layer belong
to its first call.

gen counts operations in the programs of the generated file, as `gen/program/cost/flops.py` describes: a multiplication
and its addition are two.  So a call that a rewrite fused with another may have none, and the operations of a fused head
belong to the loss.  All figures are for one batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gen import compiler
from gen.components.base import Component, Role
from gen.diagnostics import Span
from gen.dims import Shape
from gen.emit.tables import kind_of
from gen.graph.checks import parameters
from gen.graph.graph import Box, Graph, NamedLayer, Node, Tensor
from gen.graph.sizes import least_sizes, typical_sizes
from gen.program.cost.bytes import array_bytes
from gen.program.cost.flops import operations
from gen.program.memory.planned import Programs
from gen.program.types import ArrayType

APART = frozenset({"recurrences"})
"""LSTMs that share a loop would also share their operations."""


@dataclass(frozen=True)
class InputFacts:
    """An input; `shape` begins with the batch, and `dtype` is a dtype of NumPy."""

    name: str
    shape: Shape
    dtype: str
    span: Span


@dataclass(frozen=True)
class Edge:
    """An array that a call reads: its shape, and the call or the input that it comes from."""

    source: str
    shape: Shape
    from_input: bool = False
    """Whether `source` is an input; an input may have the same name as a call."""


@dataclass(frozen=True)
class CallFacts:
    """One call of the file."""

    name: str
    component: type[Component]
    """The class of its layer; of the last layer, for a wrapper or an operator with several."""
    kind: str
    """The component with its activation: `Dense, relu`."""
    shape: Shape
    """The shape of its output, the batch first."""
    dtype: str
    parameters: int
    """The number of parameters of its layers, without those of earlier calls."""
    trainable: int
    """The number of parameters that training changes."""
    shared: bool
    """Whether its parameters belong to an earlier call."""
    forward: int
    """The floating-point operations of a forward pass: of a training step if the model is compiled."""
    backward: int
    """The operations of the backward pass; 0 if the model is not compiled."""
    memory: int
    """The bytes of its output.  The model takes less than the sum, because buffers share memory."""
    inputs: tuple[Edge, ...]
    """The arrays that it reads, without masks."""
    text: str
    """The text of the call in the file, on one line."""
    span: Span
    box: Box | None
    """The call of a model or a block that contains it."""
    block: object
    """The `Block.call` of its statements in the programs."""


@dataclass(frozen=True)
class OutputFacts:
    """An output: the call that gives it, its shape, and the text of its loss in the file, or `""`."""

    name: str
    source: Edge
    loss: str


@dataclass(frozen=True)
class Facts:
    """A model.  The figures hold for `sizes`, by symbol: `{"batch": 32, "text": 100}`."""

    name: str
    sizes: dict[str, int]
    inputs: tuple[InputFacts, ...]
    calls: tuple[CallFacts, ...]
    outputs: tuple[OutputFacts, ...]
    operations: dict[str, int]
    """The floating-point operations by part: `forward`, `loss`, `backward`, `update`, `track` if there are running
    statistics, `constrain` if there are constraints, and `predict` for a prediction.

    `update` counts only the weights that one vector holds.  For tables that are updated row by row, the data decide the
    number of rows.
    """
    memory: dict[str, int]
    """The bytes by part, as in the summary of the generated file: `weights`, `gradients`, `buffers of a step`, …"""

    @property
    def parameters(self) -> int:
        return sum(call.parameters for call in self.calls)

    @property
    def trainable(self) -> int:
        return sum(call.trainable for call in self.calls)


class SizeError(ValueError):
    """A size that is too small for the model; the message is one sentence."""


def describe_model(
    graph: Graph,
    batch: int = 32,
    steps: int | None = None,
    options: compiler.Options = compiler.DEFAULT,
) -> Facts:
    """The facts of a checked model, built with these options, for a batch of this many rows.

    All other sizes that only data decide are `steps`, or by default 100, or more if the model needs more.  Raises
    `SizeError` if `steps` is less than the model needs.
    """
    least = least_sizes(graph)
    for symbol, lowest in least.items():
        if steps is not None and steps < lowest:
            raise SizeError(
                f"the size `{symbol}` must be {lowest} or more for every layer to have something to compute"
            )
    sizes = typical_sizes(least, batch)
    if steps is not None:
        sizes |= dict.fromkeys(least, steps)
    assembler = compiler.assembler(graph, graph.name, replace(options, passes=options.passes - APART))
    options.between()
    measured = {assembler.names.symbols.get(symbol, symbol): size for symbol, size in sizes.items()}
    by_part, by_call = _operations(assembler.programs, measured)
    options.between()
    named = named_calls(graph)
    names, groups = list(named), list(named.values())
    sources = {each: Edge(name, each.shape) for name, nodes in zip(names, groups, strict=True) for each in _made(nodes)}
    sources |= {item.tensor: Edge(item.name, item.tensor.shape, from_input=True) for item in graph.inputs}
    calls: list[CallFacts] = []
    seen: set[NamedLayer] = set()
    for name, nodes in zip(names, groups, strict=True):
        counts = by_call[nodes[0].call.block]
        calls.append(_call(name, nodes, sources, seen, counts, sizes))
        seen |= {node.layer for node in nodes}
    trained = graph.training is not None and not options.inference
    outputs = [OutputFacts(item.name, sources[item.tensor], item.loss_text * trained) for item in graph.outputs]
    inputs = [InputFacts(item.name, item.tensor.shape, dtype_of(item.tensor), item.span) for item in graph.inputs]
    memory = assembler.footprint().rows(measured)
    return Facts(graph.name, sizes, tuple(inputs), tuple(calls), tuple(outputs), by_part, memory)


def dtype_of(tensor: Tensor) -> str:
    """The dtype of a tensor, in a model of float32."""
    return "float32" if tensor.dtype == "float" else tensor.dtype


def _operations(programs: Programs, sizes: Mapping[str, int]) -> tuple[dict[str, int], dict[object, dict[str, int]]]:
    """The operations of each part, and those of both passes for each call, by `Call.block`."""
    by_part: dict[str, int] = {}
    by_call: dict[object, dict[str, int]] = defaultdict(lambda: {"forward": 0, "backward": 0})
    trained = [] if programs.step is None or programs.update is None else [programs.step, programs.update]
    for each in trained:
        for statement, count in operations(each.program, sizes):
            by_part[statement.section] = by_part.get(statement.section, 0) + count
            if statement.section in ("forward", "backward"):
                by_call[statement.block.call][statement.section] += count
    predicting = [each for each in (programs.infer, programs.activate) if each is not None]
    for each in predicting:
        for statement, count in operations(each.program, sizes):
            by_part["predict"] = by_part.get("predict", 0) + count
            if not trained:
                by_call[statement.block.call]["forward"] += count
    return by_part, by_call


def named_calls(graph: Graph) -> dict[str, list[Node]]:
    """The nodes of each call in the file, in order, by the name of the call."""
    groups = _groups(graph)
    return dict(zip(_names(groups), groups, strict=True))


def _groups(graph: Graph) -> list[list[Node]]:
    """The nodes of each call in the file, in order, without those that compute masks."""
    groups: dict[object, list[Node]] = {}
    nodes = [node for node in graph.nodes if node.layer.component.role is not Role.MASK]
    of_numbers = {node.call.block for node in nodes if node.outputs[0].dtype != "bool"}
    for node in nodes:
        if node.outputs[0].dtype != "bool" or node.call.block not in of_numbers:
            groups.setdefault(node.call.block, []).append(node)
    return list(groups.values())


def _names(groups: Sequence[Sequence[Node]]) -> list[str]:
    """A name for each call: that of its layer, or of its output for a wrapper; with a number if another call has it."""
    names: dict[str, None] = {}
    for nodes in groups:
        own = nodes[-1].outputs[0].name if nodes[-1].call.wrapper else nodes[-1].layer.name
        name, count = own, 1
        while name in names:
            count += 1
            name = f"{own}#{count}"
        names[name] = None
    return list(names)


def _made(nodes: Sequence[Node]) -> list[Tensor]:
    return [tensor for node in nodes for tensor in node.outputs]


def _values_read(node: Node) -> tuple[Tensor, ...]:
    """The inputs of a node, without those of which it only reads the shape."""
    return node.inputs[:1] if node.layer.component.role is Role.SPLIT else node.inputs


def _kind(nodes: Sequence[Node]) -> str:
    """A description of a call: `Dense, relu`, `TimeDistributed(Dense, relu)`."""
    wrapper = nodes[-1].call.wrapper
    if not wrapper:
        return kind_of(nodes[-1])
    inside = dict.fromkeys(kind_of(node) for node in nodes if node.layer.weights)
    return f"{wrapper}({next(iter(inside))})" if inside else wrapper


def _call(
    name: str,
    nodes: Sequence[Node],
    sources: Mapping[Tensor, Edge],
    seen: set[NamedLayer],
    counts: Mapping[str, int],
    sizes: Mapping[str, int],
) -> CallFacts:
    layers = {node.layer: None for node in nodes}
    new = [layer for layer in layers if layer not in seen]
    last, made = nodes[-1], set(_made(nodes))
    read = dict.fromkeys(tensor for node in nodes for tensor in _values_read(node) if tensor not in made)
    return CallFacts(
        name=name,
        component=type(last.layer.component),
        kind=_kind(nodes),
        shape=last.outputs[0].shape,
        dtype=dtype_of(last.outputs[0]),
        parameters=sum(parameters(layer.weights.values()) for layer in new),
        trainable=sum(parameters(layer.trainable_weights()) for layer in new),
        shared=any(layer.weights for layer in layers if layer in seen),
        forward=counts["forward"],
        backward=counts["backward"],
        memory=sum(array_bytes(ArrayType(tensor.shape, tensor.dtype), sizes) for tensor in last.outputs),
        inputs=tuple(sources[tensor] for tensor in read if tensor in sources),
        text=last.call.text,
        span=last.call.span,
        box=last.call.box,
        block=last.call.block,
    )
