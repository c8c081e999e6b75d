"""Programs → the functions of the generated file that are the model's own, as text."""

from __future__ import annotations

from collections.abc import Sequence

from gen.components import kernels
from gen.components.base import describe
from gen.emit import code
from gen.emit.copied import Copies
from gen.graph.graph import Graph, NamedLayer, Output
from gen.program.ir import size_text
from gen.program.lower.state import Identifiers
from gen.program.planned import Programs

BLOCK = 32768
"""How many weights `update` works on at a time, in models with more."""


class Functions:
    """Writes `forward`, `loss`, `backward`, `track`, `untouched`, `update_rows`, `update`, `infer` and `activate`.

    Sizes that data decide have the names of their symbols.
    """

    def __init__(
        self,
        graph: Graph,
        names: Identifiers,
        programs: Programs,
        copies: Copies,
        trained: Sequence[tuple[NamedLayer, str]],
        dense_size: int,
    ) -> None:
        self.graph, self.names, self.programs, self.copies = graph, names, programs, copies
        self.infer, self.activate = programs.infer, programs.activate
        self.step, self.update = programs.step, programs.update
        self.trained, self.dense_size = trained, dense_size
        self.written: dict[str, list[str]] = {}

    def texts(self) -> list[str]:
        """All of them, in order."""
        texts = []
        if self.step is not None and self.update is not None:
            texts += [self.forward(), self.loss(), self.backward()]
            if "track" in self.step.program.sections():
                texts.append(self.track())
            texts += [*self.row_functions(), self.update_function()]
        texts.append(self.infer_function())
        if self.activate is not None:
            texts.append(self.activate_function())
        return texts

    def parameters(self, *kinds: str) -> list[str]:
        trained = [output for output in self.graph.outputs if output.loss is not None]
        found = {
            "inputs": [f"{self.names.tensors[item.tensor]}: Array" for item in self.graph.inputs],
            "trues": [f"{self.names.related[output, 'true']}: Array" for output in trained],
            "weights": [f"{self.names.related[output, 'weight']}: Array | None" for output in trained],
        }
        return [parameter for kind in kinds for parameter in found[kind]]

    def lines(self, section: str) -> list[str]:
        """The lines of a section of the training step."""
        assert self.step is not None
        if section not in self.written:
            self.written[section] = code.section_lines(self.step.program, self.step.plan, section)
        return self.written[section]

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
            trained = [f"g.{self.names.weights[item]}" for item in self.trained]
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
                body.append(f"{rows} = {self.names.outputs[output]}.reshape(-1, {size_text(output.tensor.shape[-1])})")
        body += [""] * bool(body) + code.section_lines(self.activate.program, self.activate.plan, "activate")
        signature = ["b: InferenceBuffers", *(f"{head}: Array" for head in heads)]
        return function("activate", signature, "None", "Make what `infer` gives predictions, in place.", body)


def function(name: str, parameters: Sequence[str], result: str, document: str, body: Sequence[str]) -> str:
    """A function's text, its body indented."""
    lines = [f"def {name}({', '.join(parameters)}) -> {result}:", f'    """{document}"""']
    if body and body[0].startswith("#"):
        lines.append("")
    return "\n".join([*lines, *(f"    {line}" if line else "" for line in body)])


def _is_fused(output: Output) -> bool:
    return output.loss_input not in (None, output.tensor)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
