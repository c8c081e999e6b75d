"""Graph and programs → view: everything that the templates ask for, as finished text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gen.components.kernels import as_dense, quotient
from gen.dims import BATCH, Dim, Shape
from gen.emit import code
from gen.emit.copied import Copies, call_text, options
from gen.emit.footprint import Footprint, footprint_table
from gen.emit.functions import Functions
from gen.emit.literals import comment
from gen.emit.tables import interface_table, layer_table
from gen.emit.view import (
    DimView,
    FormulaView,
    InputView,
    LossInputView,
    MetricView,
    OutputView,
    SlotView,
    TableView,
    View,
    WeightView,
)
from gen.graph.graph import Graph, Input, NamedLayer, Output, OwnMetric, target_of
from gen.graph.identifiers import Identifiers
from gen.graph.lookups import lookups, vocabulary
from gen.graph.names import Names
from gen.graph.sizes import least_size
from gen.program import ops
from gen.program.ir import Parts, size_text
from gen.program.lower import masked_outputs, watched_tensors
from gen.program.lower.update import BLOCK, ROWS, decaying, dense_size
from gen.program.memory.planned import Planned, Programs
from gen.program.passes.bias_rows import rows_of_weights

DRAWN = 1 << 20
"""About how many numbers of a large weight `initialize` draws at a time."""


class Assembler:
    """Makes the view of one model."""

    def __init__(
        self,
        graph: Graph,
        names: Identifiers,
        source: str,
        layers: Graph,
        programs: Programs,
        copies: Copies | None = None,
    ) -> None:
        self.graph, self.names, self.source, self.written = graph, names, source, layers
        self.programs, self.infer, self.step = programs, programs.infer, programs.step
        self.copies = Copies() if copies is None else copies
        self.dims = names.symbols
        order = [(layer, name) for layer in graph.layers for name in layer.weights]
        self.weights = sorted(order, key=lambda item: not _trained(*item))
        if graph.shared is not None:
            ranks = {name: rank for rank, name in enumerate(graph.shared.order)}
            self.weights = sorted(order, key=lambda item: ranks[f"{item[0].name}/{item[1]}"])
        trained = [item for item in self.weights if _trained(*item)]
        self.trainable_size = _total(trained)
        self.dense_size = self.trainable_size - _total(programs.tables)
        self.rows = frozenset(rows_of_weights(programs.infer.program, set(names.weights.values())))
        formulas = [node for formula in layers.formulas() for node in formula.nodes]
        self.own = {node.layer.name for node in (*layers.nodes, *formulas)}
        self.decaying = decaying(graph.training.optimizer) if programs.untouched and graph.training else ()
        self.functions = Functions(graph, names, programs)

    def view(self) -> View:
        graph, training = self.graph, self.graph.training if self.step is not None else None
        title, doc = _documentation(graph, self.source)
        metrics = self.metrics() if training else ()
        initialize = self.initialize()
        for planned in self.programs.planned():
            for kernel in planned.lowered.kernels.values():
                self.copies.kernel(kernel)
        if self.programs.tables:
            self.copies.function(as_dense)
        memory = self.memory()
        functions = tuple(self.functions.texts())
        given = training.fit if training else {}
        optimizer = training.optimizer if training else None
        slots = optimizer.slots() if optimizer else {}
        rate = self.rate()
        return View(
            title=title,
            doc=doc,
            source=self.source,
            asked=graph.asked,
            interface=interface_table(graph, self.names, training is not None),
            layers=layer_table(self.written),
            footprint=footprint_table(self.footprint()),
            training=training is not None,
            random=bool(self.step and self.step.lowered.random),
            normal=any(each.op is ops.NORMAL for each in self.step.program.statements) if self.step else False,
            penalties=bool(self.step) and self.functions.loss_takes_weights(),
            loss_inputs=self.loss_inputs() if self.step else (),
            watched=self.watched() if self.step else (),
            input_gradients=bool(self.step) and self.functions.has_input_gradients(),
            tracks=bool(self.step and "track" in self.step.program.sections()),
            constrains=self.constrains(),
            fused=self.programs.activate is not None,
            evaluates_by_forward=not any(_differs_in_training(layer) for layer in graph.layers),
            backward_arguments=self.functions.backward_arguments() if self.step else "",
            update_takes_step=training is not None and self.functions.update_takes_step(),
            activate_arguments=self.functions.activate_arguments(),
            inputs=tuple(self.input(i, item) for i, item in enumerate(graph.inputs)),
            outputs=tuple(self.output(i, item) for i, item in enumerate(graph.outputs)),
            weights=tuple(self.weight(*item) for item in self.weights),
            tables=self.tables(),
            dense_size=self.dense_size,
            gradients=self.functions.gradients(),
            catches_up=bool(self.decaying),
            size=_total(self.weights),
            trainable_size=self.trainable_size,
            dims=tuple(self.dim(symbol, ident) for symbol, ident in self.dims.items()),
            formulas=self.formulas(),
            sizes=self.sizes(),
            weights_in_order=self.weights_in_order(),
            helpers=self.copies.texts(self.kernel_calls()),
            functions=functions,
            initialize=initialize,
            buffers=self.buffers(),
            inference_buffers=self.inference_buffers(),
            slices=self.step.lowered.slices if self.step is not None else 0,
            predict_slices=self.infer.lowered.slices,
            shared=self.step is not None and bool(self.step.plan.hosts),
            inference_shared=any(planned.plan.hosts for planned in self.predicting()),
            memory=memory,
            member=graph.shared.member if graph.shared is not None else "",
            trained_part=self.trained_part(),
            slots=tuple(
                SlotView(name, i + (graph.shared is None), value) for i, (name, value) in enumerate(slots.items())
            ),
            blocks=self.in_blocks(),
            update_in_threads=any(each.in_threads for each in self.parts_of_update()),
            block=BLOCK,
            scratch=self.scratch(),
            row_scratch=self.row_scratch(),
            metrics=metrics,
            counted=self.counted() if training else (),
            learning_rate=0.001 if training is None else training.optimizer.first_rate,
            rate=rate,
            schedule=type(optimizer.schedule).__name__ if optimizer is not None and rate else "",
            epochs=int(given.get("epochs", 1)),
            batch_size=int(given.get("batch_size", 32)),
            validation_split=float(given.get("validation_split", 0.0)),
            shuffle=bool(given.get("shuffle", True)),
        )

    def weights_in_order(self) -> tuple[str, ...]:
        """The names of the weights layer by layer; empty where they are in that order anyway."""
        own = [(layer, name) for layer in self.graph.layers if layer.name in self.own for name in layer.weights]
        ours = [item for item in self.weights if item in own]
        return () if ours == own else tuple(f"{layer.name}/{name}" for layer, name in own)

    def trained_part(self) -> str:
        """Where the trainable weights are in the flat vector."""
        if self.graph.shared is None:
            return ": Params.trainable_size"
        before = next((i for i, item in enumerate(self.weights) if _trained(*item)), 0)
        start = _total(self.weights[:before])
        return f"{start}:{start + self.trainable_size}"

    def footprint(self) -> Footprint:
        """What the model takes when it runs."""
        return Footprint(self.graph, self.names, self.programs)

    def kernel_calls(self) -> list[ast.Call]:
        """Every call of a kernel in the programs."""
        values = [statement.value for each in self.programs.planned() for statement in each.program.every_statement()]
        return [value for value in values if isinstance(value, ast.Call) and isinstance(value.func, ast.Name)]

    # ------------------------------------------------------------------------------------------------------- sizes

    def sizes(self) -> str:
        places = [f"{self.names.tensors[self.graph.inputs[0].tensor]}.shape[0]"]
        for ident in self.dims.values():
            places.append(next(place for size, place in self.axes() if size == ident))
        return ", ".join(places)

    def axes(self) -> Iterable[tuple[str, str]]:
        for item in self.graph.inputs:
            for axis, size in enumerate(item.tensor.shape):
                if isinstance(size, Dim) and size != BATCH and len(size.symbols()) == 1:
                    yield str(size), f"{self.names.tensors[item.tensor]}.shape[{axis}]"

    def dim(self, symbol: str, ident: str) -> DimView:
        """A size that data decide: the least that every layer can take, and which layer needs that much."""
        lowest, node = least_size(self.graph, ident)
        reason = f" for {comment(node.call.text)}" if node is not None else ""
        return DimView(symbol, ident, lowest, reason, max(lowest, 5))

    def formulas(self) -> tuple[FormulaView, ...]:
        found = {}
        for output in self.graph.outputs:
            for size in output.tensor.shape[1:]:
                if isinstance(size, Dim) and str(size) not in self.dims.values():
                    (shown,) = self.names.shown((size,))
                    found[str(size)] = FormulaView(str(shown), str(size))
        return tuple(found.values())

    # ------------------------------------------------------------------------------------- inputs, outputs, weights

    def shape(self, shape: Shape) -> tuple[int | str, ...]:
        return tuple(size if isinstance(size, int) else str(size) for size in self.names.shown(shape[1:]))

    def example_size(self, shape: Shape) -> str:
        sizes = ["rows", *(str(size) for size in shape[1:])]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def input(self, index: int, item: Input) -> InputView:
        tensor = item.tensor
        size = self.example_size(tensor.shape)
        tables = list(lookups(self.graph, tensor))
        least = vocabulary(self.graph, tensor) or 10
        example = f"rng.integers(0, {least}, {size})"
        if tensor.dtype == "float" and not tables:
            example = f"rng.normal(size={size})"
        elif tensor.dtype == "bool":
            example = f"rng.random({size}) < 0.5"
        dtype = "float32" if tensor.dtype == "float" else tensor.dtype
        limit = min((size for part, size in tables if not part), default=None)
        parts = tuple(f"(lambda ids: ids{part}, {size})" for part, size in tables if part)
        ident, gradient, shape = self.names.tensors[tensor], self.names.gradients[tensor], self.shape(tensor.shape)
        return InputView(item.name, ident, gradient, dtype, shape, index, example, limit, parts)

    def output(self, index: int, item: Output) -> OutputView:
        tensor, masked = item.tensor, masked_outputs(self.graph)
        shape = self.shape(tensor.shape)
        view = OutputView(
            name=item.name,
            ident=self.names.outputs[item],
            dtype="float32" if tensor.dtype == "float" else tensor.dtype,
            shape=shape,
            index=index,
            trained=item.loss is not None and self.step is not None,
            true=self.names.related[item, "true"],
            head=self.head(index, item),
            mask_ident=self.names.related[item, "mask"],
            mask=masked.index(item) + len(self.graph.outputs) if item in masked else None,
        )
        if item.loss is None or self.step is None:
            return view
        target = target_of(item.loss, tensor)
        if not item.loss.sparse:
            example = f"rng.uniform(0.1, 0.9, {self.example_size(target)})"
            low, high = item.loss.target_range
            return replace(view, target_shape=self.shape(target), example=example, low=low, high=high)
        classes = tensor.shape[-1]
        assert isinstance(classes, int)
        example = f"rng.integers(0, {classes}, {self.example_size(tensor.shape[:-1])})"
        return replace(view, target_shape=shape[:-1], target_dtype="int64", classes=classes, example=example)

    def constrains(self) -> tuple[str, ...]:
        """What `constrain` takes; nothing if there is none."""
        if self.step is None or "constrain" not in self.step.program.sections():
            return ()
        return tuple(each[0] for each in self.functions.constrain_parameters())

    def loss_inputs(self) -> tuple[LossInputView, ...]:
        """The inputs that `loss` reads."""
        read = self.functions.loss_inputs()
        return tuple(
            LossInputView(self.names.tensors[item.tensor], index)
            for index, item in enumerate(self.graph.inputs)
            if item in read
        )

    def watched(self) -> tuple[str, ...]:
        """The statements with which `evaluate` puts what losses read besides the outputs where `forward` leaves it."""
        assert self.step is not None
        first = len(self.graph.outputs) + len(masked_outputs(self.graph))
        lines = []
        for index, tensor in enumerate(watched_tensors(self.graph), first):
            place = code.place_text(
                self.step.program, self.step.plan, self.step.lowered.places[f"watched:{self.names.tensors[tensor]}"]
            )
            copied = f"np.copyto({place}, heads[{index}])" if tensor.shape else f"{place} = heads[{index}]"
            lines.append(copied)
        return tuple(lines)

    def head(self, index: int, item: Output) -> str:
        """Where `evaluate` puts a head: its buffer, which may hold the last axis of all steps as a matrix."""
        ident = self.names.outputs[item]
        buffers = self.step.plan.buffers if self.step is not None else ()
        flat = any(
            segment.attribute == ident and buffer.type.shape != item.tensor.shape
            for buffer in buffers
            for segment in buffer.segments
        )
        return f"b.{ident}.reshape(heads[{index}].shape)" if flat else f"b.{ident}"

    def weight(self, layer: NamedLayer, name: str) -> WeightView:
        sizes = ", ".join(map(str, layer.weights[name].shape))
        ident = self.names.weights[layer, name]
        by_row = (layer, name) in self.programs.tables
        row = ident in self.rows
        own = layer.name in self.own
        return WeightView(f"{layer.name}/{name}", ident, sizes, _trained(layer, name), by_row, own, row)

    def tables(self) -> tuple[TableView, ...]:
        """The weights that are updated row by row, which follow the others of the trainable ones."""
        found, start, first = [], self.dense_size, 0
        for layer, name in self.programs.tables:
            vocabulary, features = layer.weights[name].shape
            ident = self.names.weights[layer, name]
            end, last = start + vocabulary * features, first + vocabulary
            names = tuple(f"{layer.name}/{name}/{slot}" for slot in self.decaying)
            found.append(TableView(ident, vocabulary, features, f"{start}, {end}", f"{first}:{last}", names))
            start, first = end, last
        return tuple(found)

    def initialize(self) -> tuple[str, ...]:
        lines = []
        for layer, name in self.weights:
            weight = layer.weights[name]
            if weight.initializer.zeros:
                continue
            function, given = self.copies.rule(weight.initializer, "draw"), options(weight.initializer, "draw")
            place = f"p.{self.names.weights[layer, name]}"
            if weight.initializer.by_row and weight.size > 2 * DRAWN:
                lines.append(
                    f"for rows in np.array_split({place}, {weight.size // DRAWN}):  # blocks of rows take less memory"
                )
                lines.append(f"    rows[...] = {call_text(function, ['rng', 'rows.shape'], given)}")
            else:
                drawn = call_text(function, ["rng", code.shape_text(weight.shape)], given)
                lines.append(f"{place}[...] = {drawn}")
        return tuple(lines)

    def rate(self) -> str:
        """What a schedule makes of the learning rate for the next step; empty if there is none."""
        schedule = self.graph.training.optimizer.schedule if self.graph.training is not None else None
        if schedule is None:
            return ""
        given = ["self._learning_rate", "self.step"]
        return call_text(self.copies.rule(schedule, "rate"), given, options(schedule, "rate"))

    def metrics(self) -> tuple[MetricView, ...]:
        assert self.step is not None
        copied = {
            metric: (self.copies.rule(metric, "measure"), self.copies.rule(metric, "result", "_result"))
            for output in self.graph.outputs
            for _, metric in output.metrics
            if not isinstance(metric, OwnMetric)
        }
        names = Names(result for _, result in copied.values())  # which `metrics` calls
        found = []
        for output in self.graph.outputs:
            ident, true = self.names.outputs[output], self.names.related[output, "true"]
            for name, metric in output.metrics:
                log = f"{output.name}_{name}" if len(self.graph.outputs) > 1 else name
                if isinstance(metric, OwnMetric):
                    sums, divided = names.make(log), self.copies.function(quotient)
                    measured = f"{self.names.measures[output, name]}(b, {true})"
                    found.append(MetricView(log, sums, measured, f"{divided}(*{sums})"))
                    continue
                measure, result = copied[metric]
                arguments = [true, self.predicted(output) if output.mask is None else ident]
                if output.mask is None and len(output.tensor.shape) > 2:
                    rows = f".reshape(-1, {size_text(output.tensor.shape[-1])})"
                    sparse = output.loss is not None and output.loss.sparse
                    arguments = [arguments[0] + (".reshape(-1)" if sparse else rows), arguments[1] + rows]
                sums = names.make(log)
                found.append(
                    MetricView(
                        log,
                        sums,
                        call_text(measure, arguments, options(metric, "measure")),
                        call_text(result, [f"*{sums}"], options(metric, "result")),
                    )
                )
        return tuple(found)

    def counted(self) -> tuple[str, ...]:
        """Statements of `measure` that make rows of the steps that count, where an output has a mask."""
        found = []
        for output in self.graph.outputs:
            metrics = [metric for _, metric in output.metrics if not isinstance(metric, OwnMetric)]
            if metrics and output.mask is not None:
                ident, true = self.names.outputs[output], self.names.related[output, "true"]
                mask = f"b.{self.names.related[output, 'mask']}"
                found.append(f"{true}, {ident} = {true}[{mask}], {self.predicted(output)}[{mask}]")
        return tuple(found)

    def predicted(self, output: Output) -> str:
        """Where the prediction is after `loss`, in the shape of the output."""
        assert self.step is not None
        where = self.step.lowered.places[f"prediction:{output.name}"]
        return code.place_text(self.step.program, self.step.plan, where)

    # ---------------------------------------------------------------------------------------------------- buffers

    def sizes_read(self, texts: Iterable[str]) -> list[str]:
        """The lines that keep the sizes and the dtype which functions read from the buffers, and the generator."""
        nodes = (node for text in texts for node in ast.walk(ast.parse(text)))
        read = {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "b"
        }
        lines = [f"self.{ident} = {ident}" for ident in ("batch", *self.dims.values(), "dtype") if ident in read]
        return [*lines, "self.rng = np.random.default_rng()"] if "rng" in read else lines

    def places_of_slices(self) -> list[str]:
        """The lines for what tells the slices of a batch from each other, which the model sets."""
        if self.step is None or not self.step.lowered.slices:
            return []
        return [
            "self.whole_batch = batch  # and this is a slice of it",
            "self.is_first = True",
            "self.in_team: Callable[[Any], Any] | None = None",
        ]

    def buffers(self) -> tuple[str, ...]:
        if self.step is None:
            return ()
        program, plan = self.step.program, self.step.plan
        lines = code.buffer_lines(plan, self.dims.values()) + code.constant_lines(program)
        for item in self.graph.inputs:
            if item.tensor.dtype == "float":
                shape = code.shape_text(item.tensor.shape)
                lines.append(f"self.{self.names.gradients[item.tensor]} = np.zeros({shape}, dtype)")
        for output in self.graph.outputs:
            if f"mask:{output.name}" in self.step.lowered.places:
                assert output.mask is not None
                shape = code.shape_text(output.mask.shape)
                lines.append(f"self.{self.names.related[output, 'mask']} = np.empty({shape}, bool)")
            place, ident = self.step.lowered.places.get(f"logits:{output.name}"), self.names.outputs[output]
            if place is not None and ident not in plan.attributes():
                lines.append(f"self.{ident} = {code.place_text(program, plan, place, 'self')}")
        uses = ["\n".join(self.functions.lines(section)) for section in program.sections()]
        uses += [*self.counted(), *(metric.measure for metric in self.metrics())]
        uses += [ast.unparse(value) for values in self.step.lowered.results.values() for value in values]
        return (*self.sizes_read(uses), *self.places_of_slices(), *lines)

    def predicting(self) -> list[Planned]:
        """The programs of a prediction."""
        return [planned for planned in (self.infer, self.programs.activate) if planned is not None]

    def inference_buffers(self) -> tuple[str, ...]:
        programs = self.predicting()
        lines = [line for planned in programs for line in code.buffer_lines(planned.plan, self.dims.values())]
        lines += code.constant_lines(*(planned.program for planned in programs))
        uses = [self.functions.infer_function()]
        if self.programs.activate is not None:
            uses.append(self.functions.activate_function())
        return (*self.sizes_read(uses), *lines)

    def memory(self) -> tuple[str, ...]:
        return tuple(f"self.{ident} = {self.copies.cls(cls)}()" for ident, cls in self.infer.lowered.memories.items())

    def scratch(self) -> tuple[str, ...]:
        if self.programs.update is None:
            return ()
        sizes = {str(BLOCK): "self.size"} if self.in_blocks() else {}
        if not sizes and self.dense_size:
            sizes = {str(self.dense_size): dense_size(self.graph, self.programs.tables)}
        return tuple(code.buffer_lines(self.programs.update.plan, sizes=sizes, dtype="state.dtype"))

    def in_blocks(self) -> bool:
        """Whether `update` goes through the weights block by block."""
        return next(self.parts_of_update(), None) is not None

    def parts_of_update(self) -> Iterator[Parts]:
        """The parts of the weights that statements of `update` run for."""
        update = self.programs.update
        for each in update.program.statements if update is not None else ():
            if each.block.parts is not None:
                yield each.block.parts

    def row_scratch(self) -> tuple[str, ...]:
        if self.programs.update_rows is None:
            return ()
        sizes = {str(ROWS[0]): "self.size"}
        return tuple(code.buffer_lines(self.programs.update_rows.plan, sizes=sizes, dtype="state.dtype"))


def _trained(layer: NamedLayer, name: str) -> bool:
    return layer.trainable and layer.weights[name].trainable


def _total(weights: Iterable[tuple[NamedLayer, str]]) -> int:
    return sum(layer.weights[name].size for layer, name in weights)


def _differs_in_training(layer: NamedLayer) -> bool:
    return hasattr(layer.component, "predict")


def _documentation(graph: Graph, source: str) -> tuple[str, str]:
    """The first line of the file's documentation, and the rest."""
    if not graph.docstring or not graph.docstring.strip():
        return f"The network of {source}.", ""
    title, _, rest = graph.docstring.strip().partition("\n")
    return title.strip(), rest.strip("\n")
