"""Graph and programs → view: everything that the templates ask for, as finished text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gen.components.base import Layer, describe
from gen.components.initializers import Zeros
from gen.components.kernels import as_dense
from gen.components.layers.operators import MergeSteps, Slice
from gen.dims import BATCH, Dim, Shape, Size
from gen.emit import code
from gen.emit.copied import Copies, call_text, options
from gen.emit.footprint import Footprint, footprint_table
from gen.emit.literals import comment
from gen.emit.names import Names, identifier
from gen.emit.tables import interface_table, layer_table
from gen.emit.view import DimView, FormulaView, InputView, MetricView, OutputView, SlotView, TableView, View, WeightView
from gen.graph.graph import Graph, Input, NamedLayer, Output, Tensor
from gen.graph.sizes import least_size
from gen.program.bias_rows import rows_of_weights
from gen.program.ir import Program, size_text
from gen.program.lower import masked_outputs
from gen.program.lowering import Identifiers, Lowered
from gen.program.storage import Plan


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
    """The programs of a model; without training only the first two, without an activation to leave off only one."""

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

    def planned(self) -> Iterable[Planned]:
        """All that there are."""
        every = (self.infer, self.activate, self.step, self.update, self.update_rows, self.untouched)
        return (each for each in every if each is not None)


DRAWN = 1 << 20
"""About how many numbers of a large weight `initialize` draws at a time."""
BLOCK = 32768
"""How many weights `update` works on at a time, in models with more."""


class Assembler:
    """Makes the view of one model."""

    def __init__(
        self,
        graph: Graph,
        names: Identifiers,
        source: str,
        layers: Graph,
        programs: Programs,
    ) -> None:
        self.graph, self.names, self.source, self.written = graph, names, source, layers
        self.infer, self.activate, self.step, self.update = (
            programs.infer, programs.activate, programs.step, programs.update,
        )  # fmt: skip
        self.programs = programs
        self.copies = Copies()
        self.written_sections: dict[str, list[str]] = {}
        self.dims = self.find_dims()
        order = [(layer, name) for layer in graph.layers for name in layer.weights]
        self.weights = sorted(order, key=lambda item: not _trained(*item))
        self.trainable_size = _total(self.weights, trained=True)
        self.rows = frozenset(rows_of_weights(programs.infer.program))
        self.dense_size = self.trainable_size - sum(layer.weights[name].size for layer, name in programs.tables)

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
        functions = self.functions()
        given = training.fit if training else {}
        optimizer = training.optimizer if training else None
        slots = optimizer.slots() if optimizer else {}
        return View(
            title=title,
            doc=doc,
            source=self.source,
            interface=interface_table(graph, training is not None),
            layers=layer_table(self.written),
            footprint=footprint_table(self.footprint()),
            training=training is not None,
            random=bool(self.step and self.step.lowered.random),
            tracks=bool(self.step and "track" in self.step.program.sections()),
            fused=self.activate is not None,
            evaluates_by_forward=not any(_differs_in_training(layer) for layer in graph.layers),
            inputs=tuple(self.input(i, item) for i, item in enumerate(graph.inputs)),
            outputs=tuple(self.output(i, item) for i, item in enumerate(graph.outputs)),
            weights=tuple(self.weight(*item) for item in self.weights),
            tables=self.tables(),
            dense_size=self.dense_size,
            catches_up=bool(self.decaying()),
            size=_total(self.weights),
            trainable_size=self.trainable_size,
            dims=tuple(self.dim(symbol, ident) for symbol, ident in self.dims.items()),
            formulas=self.formulas(),
            sizes=self.sizes(),
            helpers=self.copies.texts(self.kernel_calls()),
            functions=functions,
            initialize=initialize,
            buffers=self.buffers(),
            inference_buffers=self.inference_buffers(),
            memory=memory,
            slots=tuple(SlotView(name, i + 1, value) for i, (name, value) in enumerate(slots.items())),
            scratch=self.scratch(),
            row_scratch=self.row_scratch(),
            metrics=metrics,
            learning_rate=float(getattr(optimizer, "learning_rate", 0.001)),
            epochs=int(given.get("epochs", 1)),
            batch_size=int(given.get("batch_size", 32)),
            validation_split=float(given.get("validation_split", 0.0)),
            shuffle=bool(given.get("shuffle", True)),
        )

    def footprint(self) -> Footprint:
        """What the model takes when it runs."""
        return Footprint(self.graph, self.programs, BLOCK)

    def kernel_calls(self) -> list[ast.Call]:
        """Every call of a kernel in the programs."""
        values = [statement.value for each in self.programs.planned() for statement in each.program.statements]
        return [value for value in values if isinstance(value, ast.Call) and isinstance(value.func, ast.Name)]

    # ------------------------------------------------------------------------------------------------------- sizes

    def find_dims(self) -> dict[str, str]:
        """The identifiers of the sizes that are known only from the data, by symbol; the batch is not among them."""
        used = Names(
            {*self.names.tensors.values(), *self.names.outputs.values()}
            - {identifier(item.name) for item in self.graph.inputs}
        )
        found: dict[str, str] = {}
        for item in self.graph.inputs:
            for size in item.tensor.shape[1:]:
                for symbol in sorted(size.symbols()) if isinstance(size, Dim) else ():
                    if symbol not in found:
                        found[symbol] = used.make(symbol)
        return found

    @property
    def size_names(self) -> set[str]:
        """The names that sizes have where buffers are made."""
        return {*self.dims, *self.dims.values()}

    def in_scope(self, size: Size) -> str:
        """A size as an expression of the names of sizes."""
        return self.rename(str(size), "")

    def rename(self, text: str, owner: str = "b.") -> str:
        """`text` with the symbols of sizes, written `b.symbol`, under their identifiers."""
        for symbol, ident in self.dims.items():
            if symbol != ident:
                text = re.sub(rf"(?<![\w.]){re.escape(owner + symbol)}\b", owner + ident, text)
        return text

    def sizes(self) -> str:
        places = [f"{self.names.tensors[self.graph.inputs[0].tensor]}.shape[0]"]
        for symbol in self.dims:
            places.append(next(place for place in self.axes() if place[0] == symbol)[1])
        return ", ".join(places)

    def axes(self) -> Iterable[tuple[str, str]]:
        for item in self.graph.inputs:
            for axis, size in enumerate(item.tensor.shape):
                if isinstance(size, Dim) and size != BATCH and len(size.symbols()) == 1:
                    yield str(size), f"{self.names.tensors[item.tensor]}.shape[{axis}]"

    def dim(self, symbol: str, ident: str) -> DimView:
        """A size that data decide: the least that every layer can take, and which layer needs that much."""
        lowest, node = least_size(self.graph, symbol)
        reason = f" for {comment(node.call.text)}" if node is not None else ""
        return DimView(symbol, ident, lowest, reason, max(lowest, 5))

    def formulas(self) -> tuple[FormulaView, ...]:
        found = {}
        for output in self.graph.outputs:
            for size in output.tensor.shape[1:]:
                if isinstance(size, Dim) and str(size) not in self.dims:
                    found[str(size)] = FormulaView(str(size), self.in_scope(size))
        return tuple(found.values())

    # ------------------------------------------------------------------------------------- inputs, outputs, weights

    def shape(self, shape: Shape) -> tuple[int | str, ...]:
        return tuple(size if isinstance(size, int) else str(size) for size in shape[1:])

    def example_size(self, shape: Shape) -> str:
        sizes = ["rows", *(self.in_scope(size) for size in shape[1:])]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def input(self, index: int, item: Input) -> InputView:
        tensor = item.tensor
        size = self.example_size(tensor.shape)
        tables = list(lookups(self.graph, tensor))
        least = vocabulary(self.graph, tensor) or 10
        example = {
            "float": f"rng.normal(size={size})",
            "bool": f"rng.random({size}) < 0.5",
        }.get(tensor.dtype, f"rng.integers(0, {least}, {size})")
        dtype = "float32" if tensor.dtype == "float" else tensor.dtype
        limit = min((size for part, size in tables if not part), default=None)
        parts = tuple(f"(lambda ids: ids{part}, {size})" for part, size in tables if part)
        ident, shape = self.names.tensors[tensor], self.shape(tensor.shape)
        return InputView(item.name, ident, dtype, shape, index, example, limit, parts)

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
            head=self.head(index, item),
            mask=masked.index(item) + len(self.graph.outputs) if item in masked else None,
        )
        if item.loss is None or self.step is None:
            return view
        if not item.loss.sparse:
            example = f"rng.uniform(0.1, 0.9, {self.example_size(tensor.shape)})"
            return replace(view, target_shape=shape, example=example)
        classes = tensor.shape[-1]
        assert isinstance(classes, int)
        example = f"rng.integers(0, {classes}, {self.example_size(tensor.shape[:-1])})"
        return replace(view, target_shape=shape[:-1], target_dtype="int64", classes=classes, example=example)

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
        return WeightView(f"{layer.name}/{name}", ident, sizes, _trained(layer, name), by_row, row)

    def tables(self) -> tuple[TableView, ...]:
        """The weights that are updated row by row, which follow the others of the trainable ones."""
        found, start, first = [], self.dense_size, 0
        for layer, name in self.programs.tables:
            vocabulary, features = layer.weights[name].shape
            ident = self.names.weights[layer, name]
            end, last = start + vocabulary * features, first + vocabulary
            names = tuple(f"{layer.name}/{name}/{slot}" for slot in self.decaying())
            found.append(TableView(ident, vocabulary, features, f"{start}:{end}", f"{first}:{last}", names))
            start, first = end, last
        return tuple(found)

    def initialize(self) -> tuple[str, ...]:
        lines = []
        for layer, name in self.weights:
            weight = layer.weights[name]
            if isinstance(weight.initializer, Zeros):
                continue
            function, given = self.copies.rule(weight.initializer, "draw"), options(weight.initializer, "draw")
            place = f"p.{self.names.weights[layer, name]}"
            if weight.initializer.by_row and weight.size > 2 * DRAWN:
                lines.append(
                    f"for rows in np.array_split({place}, {weight.size // DRAWN}):  # some at a time take less memory"
                )
                lines.append(f"    rows[...] = {call_text(function, ['rng', 'rows.shape'], given)}")
            else:
                drawn = call_text(function, ["rng", code.shape_text(weight.shape)], given)
                lines.append(f"{place}[...] = {drawn}")
        return tuple(lines)

    def metrics(self) -> tuple[MetricView, ...]:
        assert self.step is not None
        names = Names(self.copies.names())
        found = []
        for output in self.graph.outputs:
            ident = self.names.outputs[output]
            for name, metric in output.metrics:
                measure = self.copies.rule(metric, "measure")
                result = self.copies.rule(metric, "result", "_result")
                where = self.step.lowered.places[f"prediction:{output.name}"]
                predicted = code.place_text(self.step.program, self.step.plan, where)
                arguments = [f"{ident}_true", predicted]
                if len(output.tensor.shape) > 2:
                    rows = f".reshape(-1, {size_text(output.tensor.shape[-1])})"
                    sparse = output.loss is not None and output.loss.sparse
                    arguments = [arguments[0] + (".reshape(-1)" if sparse else rows), arguments[1] + rows]
                log = f"{output.name}_{name}" if len(self.graph.outputs) > 1 else name
                sums = names.make(log)
                found.append(
                    MetricView(
                        log,
                        sums,
                        self.rename(call_text(measure, arguments, options(metric, "measure"))),
                        call_text(result, [f"*{sums}"], options(metric, "result")),
                    )
                )
        return tuple(found)

    # -------------------------------------------------------------------------------------------------- functions

    def functions(self) -> tuple[str, ...]:
        texts = []
        if self.step is not None and self.update is not None:
            texts += [self.forward(), self.loss(), self.backward()]
            if "track" in self.step.program.sections():
                texts.append(self.track())
            texts += [*self.row_functions(), self.update_function()]
        texts.append(self.infer_function())
        if self.activate is not None:
            texts.append(self.activate_function())
        return tuple(self.rename(text) for text in texts)

    def parameters(self, *kinds: str) -> list[str]:
        trained = [self.names.outputs[output] for output in self.graph.outputs if output.loss is not None]
        found = {
            "inputs": [f"{self.names.tensors[item.tensor]}: Array" for item in self.graph.inputs],
            "trues": [f"{ident}_true: Array" for ident in trained],
            "weights": [f"{ident}_weight: Array | None" for ident in trained],
        }
        return [parameter for kind in kinds for parameter in found[kind]]

    def lines(self, section: str) -> list[str]:
        assert self.step is not None
        if section not in self.written_sections:
            self.written_sections[section] = code.section_lines(self.step.program, self.step.plan, section)
        return self.written_sections[section]

    def forward(self) -> str:
        assert self.step is not None
        rng = ["rng: np.random.Generator"] if self.step.lowered.random else []
        signature = ["p: Params", "b: Buffers", *rng, *self.parameters("inputs")]
        return function("forward", signature, "None", "Compute every layer in training mode.", self.lines("forward"))

    def loss(self) -> str:
        assert self.step is not None
        signature = ["p: Params", "b: Buffers", *self.parameters("trues", "weights")]
        results = self.step.lowered.results["loss"]
        texts = code.result_text(self.step.program, self.step.plan, "loss", results)
        body = [*self.lines("loss"), f"return {', '.join(texts)}"]
        document = "The total loss, and that of each output, after `forward`."
        return function("loss", signature, "tuple[float, ...]", document, body)

    def backward(self) -> str:
        assert self.step is not None
        signature = [
            "p: Params", f"g: {self.gradients()}", "b: Buffers", *self.parameters("inputs", "trues", "weights"),
            "*", "wanted: bool = False",
        ]  # fmt: skip
        body, extra = self.lines("backward"), self.lines("input_gradients")
        document = "Every weight's gradient into `g`, after `loss`"
        if any(item.tensor.dtype == "float" for item in self.graph.inputs):
            document += "; if `wanted`, those of the inputs into `b`"
        if extra:
            body += ["", "if wanted:", *(f"    {line}" if line else "" for line in extra)]
        return function("backward", signature, "None", f"{document}.", body)

    def track(self) -> str:
        document = "Move the running statistics on, after `forward`."
        return function("track", ["p: Params", "b: Buffers"], "None", document, self.lines("track"))

    def gradients(self) -> str:
        """The class of `g`."""
        return "Gradients" if self.programs.tables else "Params"

    def update_function(self) -> str:
        assert self.update is not None and self.graph.training is not None
        optimizer = self.graph.training.optimizer
        slots = list(optimizer.slots())
        left = ", ".join(["w", "dw", *slots])
        tables = [self.names.weights[item] for item in self.programs.tables]
        whole, stop = "flat" if tables else "trainable", f"start + {BLOCK}"
        signature = ["p: Params", f"g: {self.gradients()}", "s: Slots", "learning_rate: float", "step: int"]
        if self.dense_size <= BLOCK:
            part = f"[:{self.dense_size}]" if tables else ""
            places = [f"p.{whole}{part}", f"g.{whole}", *(f"s.{slot}{part}" for slot in slots)]
            body = [f"{left} = {', '.join(places)}", *self.clipping("dw")]
            body += code.section_lines(self.update.program, self.update.plan, "update", "s")
            document = "over all weights at once"
        else:
            lines = code.section_lines(self.update.program, self.update.plan, "update", "s", part="[: len(w)]")
            places = [f"p.{whole}", f"g.{whole}", *(f"s.{slot}" for slot in slots)]
            body = [
                *self.clipping(f"g.{whole}"),
                f"for start in range(0, {self.dense_size}, {BLOCK}):  # so much stays in the cache",
                f"    part = slice(start, {f'min({stop}, {self.dense_size})' if tables else stop})",
                f"    {left} = {', '.join(f'{place}[part]' for place in places)}",
                *(f"    {line}" for line in lines),
            ]
            document = "over all weights, block by block"
        if tables:
            body = body if self.dense_size else []
            body += [f"update_rows(p.{table}, g.{table}, s.{table}, learning_rate, step)" for table in tables]
            document = f"{document}, and rows of tables" if self.dense_size else "over rows of tables"
        return function("update", signature, "None", f"One step of {describe(optimizer)}, {document}.", body)

    def decaying(self) -> tuple[str, ...]:
        """The slots that steps without a gradient change."""
        untouched = self.programs.untouched
        if untouched is None or self.graph.training is None:
            return ()
        return tuple(slot for slot in self.graph.training.optimizer.slots() if slot in untouched.program.parameters)

    def row_functions(self) -> list[str]:
        """`untouched` and `update_rows`, in a model with tables that are updated row by row."""
        update, untouched = self.programs.update_rows, self.programs.untouched
        if update is None or self.graph.training is None:
            return []
        optimizer, texts = self.graph.training.optimizer, []
        slots = list(optimizer.slots())
        name = type(optimizer).__name__
        before, catching_up = [], []
        if untouched is not None:
            decaying = self.decaying()
            document = f"Bring slots of rows up to date, in place, after (rows, 1) steps of {name} without a gradient."
            body = code.section_lines(untouched.program, untouched.plan, "untouched", owner=None)
            signature = ["steps: Array", *(f"{slot}: Array" for slot in decaying)]
            texts.append(function("untouched", signature, "None", document, body))
            before = [
                "# the steps since a row's last one had no gradient for it",
                "missed = (step - 1 - s.last[ids]).astype(rows.dtype).reshape(-1, 1)",
                "s.last[ids] = step",
            ]
            catching_up = [f"untouched(missed[start : start + s.size], {', '.join(decaying)})"]
        lines = code.section_lines(update.program, update.plan, "update", "s", part="[: len(w)]")
        places = ["table.take(part, 0)", "rows[start : start + s.size]", *(f"s.{slot}.take(part, 0)" for slot in slots)]
        body = [
            "ids, rows = gradient",
            *before,
            "for start in range(0, len(ids), s.size):  # so much stays in the cache",
            "    part = ids[start : start + s.size]",
            f"    {', '.join(['w', 'dw', *slots])} = {', '.join(places)}",
            *(f"    {line}" for line in [*catching_up, *lines]),
            "    table[part] = w",
            *(f"    s.{slot}[part] = {slot}" for slot in slots),
        ]
        signature = [
            "table: Array", "gradient: tuple[Array, Array]", "s: TableSlots", "learning_rate: float", "step: int",
        ]  # fmt: skip
        document = f"One step of {describe(optimizer)}, over the rows of a table that a batch held."
        texts.append(function("update_rows", signature, "None", document, body))
        return texts

    def clipping(self, gradient: str) -> list[str]:
        from gen.components import kernels

        assert self.graph.training is not None
        optimizer = self.graph.training.optimizer
        clipnorm, clipvalue, global_clipnorm = (
            getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")
        )
        if clipvalue is not None:
            return [f"{self.copies.function(kernels.clip_by_value)}({gradient}, {clipvalue})"]
        if global_clipnorm is not None:
            return [f"{self.copies.function(kernels.clip_by_global_norm)}({gradient}, {global_clipnorm})"]
        if clipnorm is not None:
            trained = [f"g.{self.names.weights[item]}" for item in self.weights if _trained(*item)]
            return [f"{self.copies.function(kernels.clip_by_norm)}([{', '.join(trained)}], {clipnorm})"]
        return []

    def infer_function(self) -> str:
        program, plan = self.infer.program, self.infer.plan
        memory = ["memory: Memory"] if self.infer.lowered.memories else []
        signature = ["p: Params", "b: InferenceBuffers", *memory, *self.parameters("inputs")]
        results = code.result_text(program, plan, "infer", self.infer.lowered.results["infer"])
        returned = f"return {', '.join(results)}" if len(results) > 1 else f"return ({results[0]},)"
        document = "The outputs in inference mode"
        if self.activate is not None:
            heads = [self.names.outputs[output] for output in self.graph.outputs if _is_fused(output)]
            document += f", {_listed(heads)} without {'its' if len(heads) == 1 else 'their'} activation"
        body = [*code.section_lines(program, plan, "infer"), returned]
        return function("infer", signature, "tuple[Array, ...]", f"{document}.", body)

    def activate_function(self) -> str:
        assert self.activate is not None
        heads = [self.names.outputs[output] for output in self.graph.outputs]
        body = []
        for output in self.graph.outputs:
            rows = self.activate.lowered.places.get(f"rows:{output.name}")
            if rows is not None:
                body.append(f"{rows} = {self.names.outputs[output]}.reshape(-1, {output.tensor.shape[-1]})")
        body += [""] * bool(body) + code.section_lines(self.activate.program, self.activate.plan, "activate")
        signature = ["b: InferenceBuffers", *(f"{head}: Array" for head in heads)]
        return function("activate", signature, "None", "Make what `infer` gives predictions, in place.", body)

    # ---------------------------------------------------------------------------------------------------- buffers

    def head_lines(self, lines: Sequence[str], uses: Iterable[str]) -> list[str]:
        """Attributes for the sizes that are read from the buffers, and their dtype."""
        text = "\n".join(uses)
        read = set(re.findall(r"\bb\.(\w+)", text))
        known = ("batch", *self.dims.values(), "dtype")
        return [*(f"self.{ident} = {ident}" for ident in known if ident in read), *lines]

    def buffers(self) -> tuple[str, ...]:
        if self.step is None:
            return ()
        program, plan = self.step.program, self.step.plan
        lines = code.buffer_lines(plan, self.size_names) + code.constant_lines(program)
        taken = {line.split(" ")[0] for line in lines}
        for item in self.graph.inputs:
            if item.tensor.dtype == "float":
                lines.append(
                    f"self.d{self.names.tensors[item.tensor]} = np.zeros({self.allocated(item.tensor.shape)}, dtype)"
                )
        for output in self.graph.outputs:
            if f"mask:{output.name}" in self.step.lowered.places:
                assert output.mask is not None
                shape = self.allocated(output.mask.shape)
                lines.append(f"self.{self.names.outputs[output]}_mask = np.empty({shape}, bool)")
            place = self.step.lowered.places.get(f"logits:{output.name}")
            name = f"self.{self.names.outputs[output]}"
            if place is not None and name not in taken:
                where = self.rename(code.place_text(program, plan, place)).replace("b.", "self.")
                lines.append(f"{name} = {where}")
        uses = [line for section in program.sections() for line in self.lines(section)]
        uses += [metric.measure for metric in self.metrics()]
        results = [ast.unparse(value) for values in self.step.lowered.results.values() for value in values]
        return tuple(self.rename(line, "") for line in self.head_lines(lines, map(self.rename, [*uses, *results])))

    def allocated(self, shape: Shape) -> str:
        return code.shape_text(shape)

    def inference_buffers(self) -> tuple[str, ...]:
        lines = code.buffer_lines(self.infer.plan, self.size_names)
        programs = [planned.program for planned in (self.infer, self.activate) if planned is not None]
        uses = [self.infer_function()]
        if self.activate is not None:
            lines += code.buffer_lines(self.activate.plan)
            uses = [*uses, *code.section_lines(self.activate.program, self.activate.plan, "activate")]
        lines += code.constant_lines(*programs)
        return tuple(self.rename(line, "") for line in self.head_lines(lines, map(self.rename, uses)))

    def memory(self) -> tuple[str, ...]:
        return tuple(f"self.{ident} = {self.copies.cls(cls)}()" for ident, cls in self.infer.lowered.memories.items())

    def scratch(self) -> tuple[str, ...]:
        if self.update is None:
            return ()
        size, most = f"({self.dense_size},)", f"({min(self.dense_size, BLOCK)},)"
        lines = code.buffer_lines(self.update.plan)
        return tuple(line.replace(", dtype)", ", state.dtype)").replace(size, most) for line in lines)

    def row_scratch(self) -> tuple[str, ...]:
        if self.programs.update_rows is None:
            return ()
        lines = code.buffer_lines(self.programs.update_rows.plan)
        return tuple(line.replace("(rows, ", "(self.size, ").replace(", dtype)", ", state.dtype)") for line in lines)


def function(name: str, parameters: Sequence[str], result: str, document: str, body: Sequence[str]) -> str:
    """A function's text, its body indented."""
    lines = [f"def {name}({', '.join(parameters)}) -> {result}:", f'    """{document}"""']
    if body and body[0].startswith("#"):
        lines.append("")
    return "\n".join([*lines, *(f"    {line}" if line else "" for line in body)])


def vocabulary(graph: Graph, tensor: Tensor) -> int | None:
    """The least table that ids of `tensor` are looked up in; None if they are not."""
    return min((size for _, size in lookups(graph, tensor)), default=None)


def lookups(graph: Graph, tensor: Tensor, part: str = "", axes: int | None = 1) -> Iterator[tuple[str, int]]:
    """Where ids of `tensor` are looked up: the part of it, as NumPy's brackets, and the length of the table.

    Ids are followed through whatever passes whole numbers on, for none of that changes them.  `axes` is how many axes
    the rows have so far, of which all is taken: 1 for the batch, more where steps have become rows; None where the
    numbers have been moved, after which all of them are held to the table, looked up or not.
    """
    for node in graph.nodes:
        component = node.layer.component
        if tensor not in node.inputs or not isinstance(component, Layer):
            continue
        size, (result, *_) = component.vocabulary(), node.outputs
        if size is not None:
            yield part, size
        elif isinstance(component, Slice) and axes is not None:
            yield from lookups(graph, result, part + brackets(component, axes), axes)
        elif isinstance(component, MergeSteps) and axes is not None:
            yield from lookups(graph, result, part, axes + 1)
        elif result.dtype.startswith(("int", "uint")):
            yield from lookups(graph, result, part, axes if isinstance(component, Slice) else None)


def brackets(component: Slice, axes: int) -> str:
    """The slice as it is written, with `axes` axes in the place of the batch."""
    index = ast.Tuple([ast.Slice()] * (axes - 1) + [_part(item) for item in component.parts], ast.Load())
    return ast.unparse(ast.Subscript(ast.Name("", ast.Load()), index, ast.Load()))


def _part(part: int | tuple[int | None, int | None, int | None]) -> ast.expr:
    if isinstance(part, int):
        return ast.Constant(part)
    return ast.Slice(*(None if bound is None else ast.Constant(bound) for bound in part))


def _trained(layer: NamedLayer, name: str) -> bool:
    return layer.trainable and layer.weights[name].trainable


def _total(weights: Sequence[tuple[NamedLayer, str]], trained: bool = False) -> int:
    return sum(layer.weights[name].size for layer, name in weights if not trained or _trained(layer, name))


def _differs_in_training(layer: NamedLayer) -> bool:
    return hasattr(layer.component, "predict")


def _is_fused(output: Output) -> bool:
    return output.loss_input not in (None, output.tensor)


def _dtype(dtype: str) -> str:
    return "float32" if dtype == "float" else dtype


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _documentation(graph: Graph, source: str) -> tuple[str, str]:
    """The first line of the file's documentation, and the rest."""
    if not graph.docstring or not graph.docstring.strip():
        return f"The network of {source}.", ""
    title, _, rest = graph.docstring.strip().partition("\n")
    return title.strip(), rest.strip("\n")
