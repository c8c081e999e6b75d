"""Programs → the functions of the generated file that are the model's own, as text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from gen.components.base import Optimizer, describe, parameters
from gen.emit import code
from gen.graph.graph import Graph, Input, Output
from gen.graph.identifiers import Identifiers
from gen.program.ir import reads
from gen.program.lower.state import MEASURE
from gen.program.lower.update import decaying, reads_step
from gen.program.memory.planned import Programs


class Functions:
    """Writes `forward`, `loss`, `backward`, `track`, `untouched`, `update_rows`, `update`, `constrain`, `infer` and
    `activate`.

    Sizes that data decide have the names of their symbols.
    """

    def __init__(self, graph: Graph, names: Identifiers, programs: Programs) -> None:
        self.graph, self.names, self.programs = graph, names, programs
        self.infer, self.activate = programs.infer, programs.activate
        self.step, self.update = programs.step, programs.update
        self.written: dict[str, list[str]] = {}

    def texts(self) -> list[str]:
        """All of them, in order."""
        texts = []
        if self.step is not None and self.update is not None:
            texts += [self.forward(), self.loss(), *self.measures(), self.backward()]
            if "track" in self.step.program.sections():
                texts.append(self.track())
            texts += [*self.row_functions(), self.update_function()]
            if "constrain" in self.step.program.sections():
                texts.append(self.constrain())
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
        weights = ["p: Params"] if self.loss_takes_weights() else []
        inputs = [f"{self.names.tensors[item.tensor]}: Array" for item in self.loss_inputs()]
        signature = [*weights, "b: Buffers", *inputs, *self.parameters("trues", "weights")]
        results = self.step.lowered.results["loss"]
        texts = code.result_text(self.step.program, self.step.plan, "loss", results)
        body = [*self.lines("loss"), f"return {', '.join(texts)}" if len(texts) > 1 else f"return ({texts[0]},)"]
        document = "The total loss, and the loss of each output, after `forward`."
        return function("loss", signature, "tuple[float, ...]", document, body)

    def loss_takes_weights(self) -> bool:
        """Whether `loss` reads weights, as the penalty of a regularizer does."""
        return any(name.startswith("p.") for name in self.read_by("loss"))

    def loss_inputs(self) -> list[Input]:
        """The inputs that `loss` reads, as what `add_loss` is given may do."""
        read = self.read_by("loss")
        return [item for item in self.graph.inputs if self.names.tensors[item.tensor] in read]

    def read_by(self, section: str) -> set[str]:
        """The variables that a section of the training step reads, and those whose memory it views."""
        assert self.step is not None
        bases = self.step.plan.bases
        statements = (each for each in self.step.program.statements if each.section == section)
        values = [*(each.value for each in statements), *self.step.lowered.results.get(section, ())]
        found, waiting = set[str](), [name for value in values for name in reads(value)]
        while waiting:
            name = waiting.pop()
            found.add(name)
            if name in bases:
                waiting.append(bases[name])
        return found

    def measures(self) -> list[str]:
        """The functions of the metrics that the file computes itself."""
        assert self.step is not None
        texts = []
        for (output, name), ident in self.names.measures.items():
            section = f"{MEASURE}{ident}"
            results = code.result_text(self.step.program, self.step.plan, section, self.step.lowered.results[section])
            signature = ["b: Buffers", f"{self.names.related[output, 'true']}: Array"]
            body = [*self.lines(section), f"return {', '.join(results)}"]
            document = f"The sum of {name} over a batch, and how much it counts, after `loss`."
            texts.append(function(ident, signature, "tuple[float, float]", document, body))
        return texts

    def has_input_gradients(self) -> bool:
        """Whether `backward` computes gradients of inputs on request."""
        return bool(self.lines("input_gradients"))

    def backward(self) -> str:
        assert self.step is not None
        signature = ["p: Params", f"g: {self.gradients()}", "b: Buffers"]
        given = self.backward_reads()
        signature += [each for each in self.parameters("inputs", "trues") if each.partition(":")[0] in given]
        signature += self.parameters("weights")
        body, document = self.lines("backward"), "Put all gradients into `g`, after `loss`"
        if self.has_input_gradients():
            signature += ["*", "to_inputs: bool = False"]
            document += "; if `to_inputs`, also those of inputs into `b`"
            body += ["", "if to_inputs:", *code.indented(self.lines("input_gradients"))]
        return function("backward", signature, "None", f"{document}.", body)

    def backward_reads(self) -> set[str]:
        """The variables that `backward` reads."""
        return self.read_by("backward") | self.read_by("input_gradients")

    def backward_arguments(self) -> str:
        """The arrays and weights of a batch that `backward` takes."""
        read = self.backward_reads()
        given = [each.partition(":")[0] in read for each in self.parameters("inputs", "trues")]
        arrays = _chosen("batch.arrays", given)
        return f"{arrays}, *batch.weights" if arrays else "*batch.weights"

    def track(self) -> str:
        document = "Update the running statistics, after `forward`."
        return function("track", ["p: Params", "b: Buffers"], "None", document, self.lines("track"))

    def constrain(self) -> str:
        document = "Hold weights to their constraints, after `update`."
        return function("constrain", self.constrain_parameters(), "None", document, self.lines("constrain"))

    def constrain_parameters(self) -> list[str]:
        read = _read(self.lines("constrain"))
        return [each for each in ("p: Params", "b: Buffers") if each[0] in read]

    def gradients(self) -> str:
        """The class of `g`."""
        return "Gradients" if self.programs.tables else "Params"

    def update_takes_step(self) -> bool:
        """Whether a step depends on how many there have been."""
        assert self.update is not None
        return "step" in _read(code.section_lines(self.update.program, self.update.plan, "update", "s"))

    def update_function(self) -> str:
        assert self.update is not None and self.graph.training is not None
        program, over = self.update.program, []
        if "w" in program.types:
            blocks = any(statement.block.parts is not None for statement in program.statements)
            over.append("over all weights, block by block" if blocks else "over all weights at once")
        if self.programs.tables:
            over.append("and rows of tables" if over else "over rows of tables")
        document = f"Take a step of {_rule(self.graph.training.optimizer)}, {', '.join(over)}."
        body = code.section_lines(program, self.update.plan, "update", "s")
        signature = ["p: Params", f"g: {self.gradients()}", "s: Slots", "learning_rate: float"]
        signature += ["step: int"] if "step" in _read(body) else []
        return function("update", signature, "None", document, body)

    def row_functions(self) -> list[str]:
        """`untouched` and `update_rows`, in a model with tables that are updated row by row."""
        rows, untouched, texts = self.programs.update_rows, self.programs.untouched, []
        if rows is None or self.graph.training is None:
            return []
        optimizer = self.graph.training.optimizer
        if untouched is not None:
            name = type(optimizer).__name__
            document = f"Update the slots of rows, in place, after (rows, 1) steps of {name} without a gradient."
            signature = ["steps: Array", *(f"{slot}: Array" for slot in decaying(optimizer))]
            body = code.section_lines(untouched.program, untouched.plan, "untouched", owner=None)
            texts.append(function("untouched", signature, "None", document, body))
        document = f"Take a step of {_rule(optimizer)}, over the rows of a table that a batch contains."
        signature = ["table: Array", "gradient: tuple[Array, Array]", "s: TableSlots", "learning_rate: float"]
        signature += ["step: int"] if reads_step(optimizer) else []
        body = code.section_lines(rows.program, rows.plan, "update_rows", "s")
        return [*texts, function("update_rows", signature, "None", document, body)]

    def infer_function(self) -> str:
        program, plan = self.infer.program, self.infer.plan
        memory = ["memory: Memory"] if self.infer.lowered.memories else []
        signature = ["p: Params", "b: InferenceBuffers", *memory, *self.parameters("inputs")]
        results = code.result_text(program, plan, "infer", self.infer.lowered.results["infer"])
        returned = f"return {', '.join(results)}" if len(results) > 1 else f"return ({results[0]},)"
        document = "Compute the outputs in inference mode"
        if self.activate is not None:
            heads = [self.names.outputs[output] for output in self.graph.outputs if _is_fused(output)]
            document += f", {_listed(heads)} without {'its' if len(heads) == 1 else 'their'} activation"
        body = [*code.section_lines(program, plan, "infer"), returned]
        return function("infer", signature, "tuple[Array, ...]", f"{document}.", body)

    def activate_function(self) -> str:
        assert self.activate is not None
        body = self.activate_lines()
        signature = ["b: InferenceBuffers"] if "b" in _read(body) else []
        signature += [f"{self.names.outputs[output]}: Array" for output in self.graph.outputs if _is_fused(output)]
        return function("activate", signature, "None", "Turn the results of `infer` into predictions, in place.", body)

    def activate_lines(self) -> list[str]:
        assert self.activate is not None
        return code.section_lines(self.activate.program, self.activate.plan, "activate")

    def activate_arguments(self) -> str:
        """What `activate` takes of the buffers and `heads`."""
        if self.activate is None:
            return ""
        heads = _chosen("heads", [_is_fused(output) for output in self.graph.outputs])
        return f"b, {heads}" if "b" in _read(self.activate_lines()) else heads


def function(name: str, parameters: Sequence[str], result: str, document: str, body: Sequence[str]) -> str:
    """A function's text, its body indented."""
    lines = [f"def {name}({', '.join(parameters)}) -> {result}:", f'    """{document}"""']
    if body and body[0].startswith("#"):
        lines.append("")
    return "\n".join([*lines, *code.indented(body)])


def _rule(optimizer: Optimizer) -> str:
    """What an optimizer does with a gradient, whatever its learning rate follows."""
    if optimizer.schedule is None:
        return describe(optimizer)
    usual = next(item.default for item in parameters(type(optimizer)) if item.name == "learning_rate")
    return describe(replace(optimizer, learning_rate=usual))  # type: ignore[type-var]  # every optimizer is a dataclass


def _read(lines: Sequence[str]) -> set[str]:
    """The names of statements; what is only written is none of a parameter."""
    return {node.id for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Name)}


def _chosen(values: str, chosen: Sequence[bool]) -> str:
    """Arguments: all `values`, or those that are chosen."""
    if all(chosen):
        return f"*{values}"
    return ", ".join(f"{values}[{i}]" for i, each in enumerate(chosen) if each)


def _is_fused(output: Output) -> bool:
    return output.loss_input not in (None, output.tensor)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
