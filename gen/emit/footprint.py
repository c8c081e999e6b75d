"""The table of memory in the summary: what training and prediction take, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gen.dims import product, value_of
from gen.dtypes import DTYPES, FLOAT
from gen.emit.tables import table
from gen.emit.view import is_large
from gen.graph.graph import Graph, target_of
from gen.graph.identifiers import Identifiers
from gen.graph.sizes import least_sizes, typical_sizes
from gen.program.cost.bytes import array_bytes, buffer_bytes, room_bytes
from gen.program.lower.update import BLOCK
from gen.program.memory.planned import Programs
from gen.program.types import ArrayType

BATCHES = (1, 32, 256)


@dataclass(frozen=True)
class Footprint:
    """What a model takes, in bytes, in float32; what depends on the data is a function of its sizes, by symbol."""

    graph: Graph
    names: Identifiers
    programs: Programs

    @property
    def weights(self) -> int:
        return FLOAT * sum(weight.size for layer in self.graph.layers for weight in layer.weights.values())

    @property
    def tables(self) -> int:
        """The weights that are updated row by row, whose gradient is made of rows."""
        return FLOAT * sum(layer.weights[name].size for layer, name in self.programs.tables)

    @property
    def gradients(self) -> int:
        """Room for a gradient of each weight but those."""
        return self.weights - self.tables

    @property
    def optimizer(self) -> int:
        """Its slots, as long as the weights, the room of `update`, and when each row of a table was last updated."""
        update, by_row = self.programs.update, self.programs.update_rows
        assert update is not None and self.graph.training is not None
        room = buffer_bytes([update], {})
        if by_row is not None:
            room += FLOAT * BLOCK * len(by_row.plan.buffers) * len(self.programs.tables)
        if self.programs.untouched is not None:
            room += DTYPES["int64"].size * sum(layer.weights[name].shape[0] for layer, name in self.programs.tables)
        return len(self.graph.training.optimizer.slots()) * self.weights + room

    def step_buffers(self, sizes: Mapping[str, int]) -> int:
        """All that `forward`, `loss` and `backward` work in."""
        step = self.programs.step
        assert step is not None
        inputs = [item.tensor for item in self.graph.inputs if item.tensor.dtype == "float"]
        gradients = sum(array_bytes(ArrayType(tensor.shape), sizes) for tensor in inputs)
        return buffer_bytes([step], sizes) + room_bytes(step.program, sizes) + gradients

    def kept_by_fit(self, sizes: Mapping[str, int]) -> int:
        """The weights of the last finite loss, with the slots where they are few, and the rows of a batch."""
        assert self.graph.training is not None
        state = (1 + len(self.graph.training.optimizer.slots())) * self.weights
        if is_large(state // FLOAT):
            state = self.weights
        arrays = [ArrayType(item.tensor.shape, item.tensor.dtype) for item in self.graph.inputs]
        for output in self.graph.outputs:
            if output.loss is not None:
                dtype = "int64" if output.loss.sparse else "float"
                arrays.append(ArrayType(target_of(output.loss, output.tensor), dtype))
        return state + sum(array_bytes(kind, sizes) for kind in arrays)

    def prediction_buffers(self, sizes: Mapping[str, int]) -> int:
        """All that `infer` works in, and the outputs."""
        outputs = sum(FLOAT * value_of(product(output.tensor.shape), sizes) for output in self.graph.outputs)
        programs = [each for each in (self.programs.infer, self.programs.activate) if each is not None]
        return max(room_bytes(self.programs.infer.program, sizes), outputs) + buffer_bytes(programs, sizes)

    def further_thread(self, sizes: Mapping[str, int]) -> int:
        """What another thread takes beside the first: its gradients, and what each has for itself of the buffers."""
        half = {**sizes, "batch": -(-sizes["batch"] // 2)}
        step, slices = self.programs.step, self.programs.infer.lowered.slices
        if step is not None and step.lowered.slices:
            slices, extra = step.lowered.slices, self.gradients + 2 * self.step_buffers(half) - self.step_buffers(sizes)
        else:
            extra = 2 * self.prediction_buffers(half) - self.prediction_buffers(sizes)
        return max(0, extra) if sizes["batch"] >= 2 * slices else 0

    @property
    def cut(self) -> bool:
        """Whether batches are ever cut into slices."""
        return any(each is not None and each.lowered.slices for each in (self.programs.infer, self.programs.step))

    def rows(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Each line of the table with its bytes; those of buffers are for one thread."""
        found = self.of_one_thread(sizes)
        return {**found, "each further thread": self.further_thread(sizes)} if self.cut else found

    def of_one_thread(self, sizes: Mapping[str, int]) -> dict[str, int]:
        prediction = {"weights": self.weights, "buffers of a prediction": self.prediction_buffers(sizes)}
        if self.programs.step is None:
            return prediction
        return {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "buffers of a step": self.step_buffers(sizes),
            "kept by fit": self.kept_by_fit(sizes),
            "buffers of a prediction": self.prediction_buffers(sizes),
        }


def footprint_table(footprint: Footprint) -> str:
    """What a model takes at some sizes of a batch."""
    least = least_sizes(footprint.graph)
    columns = [footprint.rows(typical_sizes(least, batch)) for batch in BATCHES]
    sizes = typical_sizes(least, 1)
    where = ", ".join(f"{symbol} {sizes[ident]}" for symbol, ident in footprint.names.symbols.items())
    rows = [["memory in float32" + (f", {where}" if where else ""), *(f"batch {batch}" for batch in BATCHES)]]
    rows += [[name, *(bytes_text(column[name]) for column in columns)] for name in columns[0]]
    return table(aligned(rows))


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows whose cells after the first are set to the right of their columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [[row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))] for row in rows]


def bytes_text(count: int) -> str:
    """Three digits and a unit, of 1000 each: `56.6 MB`."""
    units = ("bytes", "KB", "MB", "GB", "TB")
    size, unit = float(count), 0
    while size >= 999.5 and unit + 1 < len(units):
        size, unit = size / 1000, unit + 1
    if unit == 0:
        return f"{count} bytes"
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {units[unit]}"
