"""The structure of a model as the text of a `.nn` file: one statement a call, named as the layers are."""

from __future__ import annotations

import builtins
import json
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gen.components.base import registry, snake_case
from gen.keras_files.applications import ARGUMENTS, CLASSES, SCALED_SUM
from gen.keras_files.arguments import Arguments, component_class, has_weights, plain
from gen.keras_files.dialects import Call, Layer, Model, Ref, flattened, is_foreign, refs
from gen.keras_files.expressions import expression, is_function
from gen.keras_files.masks import drop_masks
from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.training import compilation
from gen.language.elaborate.binding import is_name
from gen.language.elaborate.context import Numbering
from gen.language.elaborate.older import LAYER_NAMES

RECURRENT = ("LSTM", "GRU", "SimpleRNN")
CELLS = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}
NOTHING_IN_PREDICTION = {
    **dict.fromkeys(("RandomErasing", "RandomGrayscale", "RandomSharpness"), "changes images"),
    **dict.fromkeys(("RandomHeight", "RandomWidth", "RandomShear", "RandomPerspective"), "changes the shape of images"),
    **dict.fromkeys(("RandomHue", "RandomSaturation", "RandomColorJitter"), "changes colors"),
}
"""Layers that gen has not, and that only do something in training."""
_PASSED = ("Identity", *NOTHING_IN_PREDICTION)
TAKE_WHOLE = ("Rescaling", "Normalization")
"""Layers that make floats of whole numbers."""
SAYS_TRAINING = (
    *("CenterCrop", "RandomBrightness", "RandomContrast", "RandomFlip"),
    *("RandomRotation", "RandomTranslation", "RandomZoom", "Resizing"),
)
"""Layers whose calls say `training=True` in files, whatever they do: it is their default."""
OLD_HARD_SIGMOID = "ops.clip(0.2 * {} + 0.5, 0, 1)"
"""`hard_sigmoid` as Keras 1 and 2 have it."""
RESERVED: set[str] = {
    *registry["layer"],
    *LAYER_NAMES,
    *("Input", "Model", "Sequential", "keras", "ops", "tf", "np", "Lambda", "TimeDistributed", "Bidirectional", "RNN"),
    *(name for name in dir(builtins) if name not in ("input", "id", "sum", "min", "max", "abs", "pow", "round")),
}
"""What no variable is called."""


@dataclass
class Written:
    """A text, and what the layers of the file are called in it."""

    text: str
    names: dict[Layer, str]
    """The name of each layer inside of its model."""
    left_out: set[Layer]
    replaced: set[Layer]


@dataclass
class Writer:
    """Writes one model and the models in it."""

    major: int
    report: Report
    replacements: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[Layer, tuple[Any, Any]] = field(default_factory=dict)
    """Mean and variance of each Normalization."""
    one_length: bool = False
    """Whether inputs of any length have the same one: the model joins them."""
    share: bool = False
    """Whether models inside the model that look the same are one: the file has weights of the first alone."""
    lines: list[str] = field(default_factory=list)
    names: dict[Layer, str] = field(default_factory=dict)
    left_out: set[Layer] = field(default_factory=set)
    replaced: set[Layer] = field(default_factory=set)
    _taken: Numbering = field(default_factory=lambda: Numbering(*keyword.kwlist, *keyword.softkwlist, *RESERVED))
    _imports: dict[str, set[str]] = field(default_factory=dict)
    _models: dict[Layer, str] = field(default_factory=dict)
    _alike: dict[str, str] = field(default_factory=dict)
    _old_functions: set[str] = field(default_factory=set)
    _whole: set[Ref] = field(default_factory=set)
    """The inputs of whole numbers."""
    _classes: set[str] = field(default_factory=set)

    def write(self, model: Model, docstring: str, compiled: dict[str, Any] | None) -> Written:
        """The whole text, not yet laid out."""
        self._taken.claim("model")
        self._note_precision(model)
        write = self._sequential if model.sequential else self._functional
        end, outputs = write(model, "model", False)
        self.lines += ["", end]
        said = compilation(compiled, outputs, self.report, self._use)
        if said:
            self.lines.append(f"model.compile({', '.join(said)})")
        unknown = set(self.replacements) - {layer.name for layer in self.replaced}
        if unknown:
            raise KerasFileError(f"--replace names a layer that the model has not: {min(unknown)}")
        imports = self._imported()
        classes = [CLASSES[kind] for kind in sorted(self._classes)]
        head = [f'"""{docstring}"""', "", *imports, *([""] if imports else []), *classes]
        return Written("\n".join([*head, *self.lines, ""]), self.names, self.left_out, self.replaced)

    def _note_precision(self, model: Model) -> None:
        """Say where Keras computes in fewer digits; report weights that are whole numbers."""
        for layer in _all_layers(model):
            policy = layer.config.get("dtype")
            policy = policy.get("config", policy) if isinstance(policy, dict) else policy
            name = policy.get("name") if isinstance(policy, dict) else policy
            if isinstance(policy, dict) and policy.get("mode"):
                self.report.problem(layer.name, "its weights are quantized; save the model before `quantize`")
            elif layer.kind != "InputLayer" and isinstance(name, str) and re.search("float16", name):
                self.report.note(f"Keras computes in {name[:40]} in this model, and gen in float32, which is closer")

    # -------------------------------------------------------------------------------------------------------- imports

    def _use(self, module: str, name: str) -> str:
        """`name`, which is imported from `module`."""
        self._imports.setdefault(module, set()).add(name)
        return name

    def _module(self, name: str) -> str:
        """A module that functions are called in: `ops`, `keras` or `tf`."""
        return self._use("keras", "ops") if name == "ops" else self._use("", name)

    def _imported(self) -> list[str]:
        text = "\n".join(self.lines)
        whole = {*self._imports.pop("", set()), *(["keras"] if self._classes or re.search(r"\bkeras\.", text) else [])}
        lines = ["import keras"] if "keras" in whole else []
        lines += ["import tensorflow as tf"] if "tf" in whole else []
        return lines + [f"from {module} import {', '.join(sorted(names))}" for module, names in self._imports.items()]

    # -------------------------------------------------------------------------------------------------------- models

    def _functional(self, model: Model, variable: str, nested: bool) -> tuple[str, list[str]]:
        """Write the statements of a functional model; gives the last one, and the names of the outputs."""
        variables: dict[Ref, str] = {}
        shared: dict[Layer, str] = {}
        known = model.by_name
        drop_masks(model)
        ends = list(refs(model.inputs))
        for ref in ends:
            variables[ref] = self._input(known[ref.layer])
        if ends:
            self.lines.append("")
        self._refuse_scores(model)
        for layer, number in self._ordered(model, known):
            self._call(layer, number, variables, shared)
        outputs, texts = list(refs(model.outputs)), []
        for i, ref in enumerate(outputs):
            if ref in ends or ref in outputs[:i]:  # gen wants another layer for it
                name = self._new(f"{variables[ref]}_again")
                self.lines.append(f'{name} = {self._layer_word("Activation")}("linear")({variables[ref]})')
                texts.append(name)
            else:
                texts.append(self._variable(variables, ref))
        if isinstance(model.outputs, dict) and not nested:
            given = ", ".join(f"{key!r}: {text}" for key, text in zip(model.outputs, texts, strict=False))
            outputs_text, names = f"{{{given}}}", list(model.outputs)
        else:
            outputs_text, names = _one_or_list(texts), [ref.layer for ref in outputs]
        inputs_text = _one_or_list([variables[ref] for ref in ends])
        return f"{variable} = {self._use('keras', 'Model')}({inputs_text}, {outputs_text})", names

    def _refuse_scores(self, model: Model) -> None:
        """Report the attentions whose scores the model uses: gen's give their result alone."""
        taken = [model.outputs, *((call.args, call.kwargs) for layer in model.layers for call in layer.calls)]
        used = set(refs(taken))
        for layer in model.layers:
            for number, call in enumerate(layer.calls):
                if call.kwargs.get("return_attention_scores") and Ref(layer.name, number, 1) in used:
                    self.report.problem(layer.name, "the model uses its attention scores, which gen's layer keeps")
                    self.report.refuse()

    def _ordered(self, model: Model, known: dict[str, Layer]) -> Iterator[tuple[Layer, int]]:
        """The calls that the outputs need, branch by branch, each after those that it takes results of."""
        done: set[tuple[str, int]] = set()
        stack: list[tuple[Ref, bool]] = [(ref, False) for ref in reversed(list(refs(model.outputs)))]
        waiting: set[tuple[str, int]] = set()
        while stack:
            ref, ready = stack.pop()
            key, layer = (ref.layer, ref.call), known[ref.layer]
            if key in done or layer.kind == "InputLayer":
                continue
            if ready:
                done.add(key)
                yield layer, ref.call
                continue
            if key in waiting:
                raise KerasFileError("the calls of the model go round in a circle")
            waiting.add(key)
            stack.append((ref, True))
            call = layer.calls[ref.call]
            before = list(refs([call.args, call.kwargs]))
            stack += [(each, False) for each in reversed(before) if (each.layer, each.call) not in done]

    def _sequential(self, model: Model, variable: str, nested: bool) -> tuple[str, list[str]]:
        """The statement of a Sequential, after those of what is in it."""
        items: list[str] = []
        kinds: set[str] = set()
        last = model.name
        for layer in model.layers:
            if layer.kind == "InputLayer":
                if nested and _named_by_hand(layer, model) is None:
                    continue  # the first call says what it takes
                items.append(self._input_call(layer, _named_by_hand(layer, model)))
                used = [each.kind for each in model.layers[1:] if each.kind not in _PASSED]
                if Ref(layer.name, 0) in self._whole and used and used[0] in TAKE_WHOLE:
                    ops = self._use("keras", "ops")
                    items.append(f'{self._layer_word("Lambda")}(lambda x: {ops}.cast(x, "float32"))')
                continue
            last = layer.name
            items += self._items(layer, kinds, model)
        name = f", name={model.name!r}" if nested and variable != model.name and is_name(model.name) else ""
        # the comma behind the last item makes Black write each on a line of its own
        return f"{variable} = {self._use('keras', 'Sequential')}([{', '.join(items)},]{name})", [last]

    def _items(self, layer: Layer, kinds: set[str], model: Model) -> list[str]:
        """A layer as items of the list of a Sequential."""
        if layer.name in self.replacements:
            self.replaced.add(layer)
            self.names[layer] = layer.name
            text = self.replacements[layer.name]
            if text.endswith("(x)"):
                return [text.removesuffix("(x)")]
            return [f"{self._layer_word('Lambda')}(lambda x: {text})"]
        if self._passes(layer):
            return []
        if layer.kind == "Normalization":
            return [f"{self._layer_word('Lambda')}(lambda x: {self._normalized(layer, 'x')})"]
        if layer.model is not None:
            return [self._inner_model(layer)]
        if _is_stack(layer):
            return [self._constructor(each, self._name_of(each))[0] for each in self._rows_of(layer)]
        kind = snake_case(self._class_name(layer))
        auto = re.fullmatch(rf"{kind}(_\d+)?", layer.name) is not None
        weightless = layer.inner is None and not _has_weights(layer)
        name: str | None = self._name_of(layer)
        if (auto and weightless) or (layer.name == kind and kind not in kinds):
            name = None
            kinds.add(kind)
        made, old = self._constructor(layer, name)
        return [made, f"{self._layer_word('Lambda')}(lambda x: {OLD_HARD_SIGMOID.format('x')})"] if old else [made]

    # --------------------------------------------------------------------------------------------------------- calls

    def _call(self, layer: Layer, number: int, variables: dict[Ref, str], shared: dict[Layer, str]) -> None:
        """Write one call of a layer."""
        call = layer.calls[number]

        def write(value: Any) -> str:
            return self._value(value, variables)

        result = Ref(layer.name, number)
        if layer.name in self.replacements:
            self.replaced.add(layer)
            self.names[layer] = self._name_of(layer)
            given = write(call.args[0]) if call.args else ""
            variables[result] = self._new(layer.name)
            text = re.sub(r"\bx\b", lambda _: given, self.replacements[layer.name])
            self.lines.append(f"{variables[result]} = {text}")
            return
        if self._passes(layer):
            variables[result] = write(call.args[0])
            self._whole |= {result} if self._whole & {*refs(call.args)} else set()
            return
        if layer.kind == "Normalization":
            text = self._normalized(layer, self._as_floats(write(call.args[0]), call))
            variables[result] = self._new(layer.name)
            self.lines.append(f"{variables[result]} = {text}")
            return
        if layer.kind.split(">")[-1] == SCALED_SUM and not is_foreign(layer):
            x, y = (write(each) for each in refs(call.args))
            scale = plain(layer.config.get("scale"), layer.name)
            variables[result] = self._new(layer.name)
            self.left_out.add(layer)
            self.lines.append(f"{variables[result]} = {x} + {y} * {scale!r}")
            return
        if is_function(layer):
            text = expression(layer, call, write, self._module, self.report)
            variables[result] = self._new(layer.name)
            self.lines.append(f"{variables[result]} = {text}")
            return
        if _is_stack(layer):
            variables[result] = self._stack(layer, self._call_arguments(layer, call, write))
            return
        arguments = self._call_arguments(layer, call, write)
        if layer.kind == "Rescaling":
            arguments = self._as_floats(arguments, call)
        several = self._results(layer)
        if len(layer.calls) > 1 or layer.model is not None:
            if layer not in shared:
                shared[layer], old = self._shared(layer)
                if old:
                    self._old_functions.add(shared[layer])
            made, old = shared[layer], shared[layer] in self._old_functions
            first = f"{shared[layer]}_{number + 1}" if len(layer.calls) > 1 else f"{shared[layer]}_out"
            targets = [self._new(first)]
        else:
            targets = [self._new(layer.name)]
            self._prepare(layer)
            own = self._name_of(layer)
            made, old = self._constructor(layer, None if targets[0] == own else own)
        targets += [self._new(f"{targets[0]}_{i}") for i in range(1, several)]
        for i, target in enumerate(targets):
            variables[Ref(layer.name, number, i)] = target
        self.lines.append(f"{', '.join(targets)} = {made}({arguments})")
        if old:
            target = self._new(f"{targets[0]}_clipped")
            self._use("keras", "ops")
            self.lines.append(f"{target} = {OLD_HARD_SIGMOID.format(targets[0])}")
            variables[result] = target

    def _as_floats(self, x: str, call: Call) -> str:
        """The input of a layer that takes whole numbers in Keras, too."""
        return f'{self._use("keras", "ops")}.cast({x}, "float32")' if self._whole & {*refs(call.args)} else x

    def _results(self, layer: Layer) -> int:
        """How many tensors a call gives."""
        if layer.model is not None and not layer.model.sequential:
            return max(1, len(list(refs(layer.model.outputs))))
        inner = layer.inner if layer.kind == "Bidirectional" and layer.inner is not None else layer
        kind = self._class_name(inner)
        if inner.kind == "RNN" and inner.inner is not None:
            kind = CELLS.get(inner.inner.kind, "RNN")
        if inner.config.get("return_state"):
            states = 2 if kind == "LSTM" else 1
            joined = layer.config.get("merge_mode", "concat") is not None or layer is inner
            return (1 if joined else 2) + states * (2 if layer is not inner else 1)
        if layer.kind == "Bidirectional" and layer.config.get("merge_mode", "concat") is None:
            return 2
        return 1

    def _stack(self, layer: Layer, x: str) -> str:
        """Write an RNN of several cells as one RNN after the other; gives the last variable."""
        if len(layer.calls) > 1 or not x.isidentifier():
            self.report.problem(layer.name, "gen has several cells in one RNN that is called once, on one tensor")
        for each in self._rows_of(layer):
            own = self._name_of(each)
            target = self._new(own)
            made, _ = self._constructor(each, None if target == own else own)
            self.lines.append(f"{target} = {made}({x})")
            x = target
        return x

    def _rows_of(self, layer: Layer) -> list[Layer]:
        """An RNN for each cell of one that has several; all but the last give every step."""
        assert layer.inner is not None
        if layer.config.get("return_state") or layer.config.get("go_backwards") or not layer.inner.cells:
            self.report.problem(layer.name, "gen has several cells in one RNN without their states, and forwards")
        found = []
        for number, cell in enumerate(layer.inner.cells, 1):
            last = number == len(layer.inner.cells)
            name = layer.name if last else f"{layer.name}_cell_{number}"
            config = layer.config if last else {**layer.config, "return_sequences": True}
            found.append(Layer(name, "RNN", config, inner=cell))
            self.names[cell] = self._name_of(found[-1])
        return found

    def _shared(self, layer: Layer) -> tuple[str, bool]:
        """Write a layer or a model that is called later; gives its variable."""
        if layer.model is not None:
            return self._inner_model(layer), False
        self._prepare(layer)
        variable, own = self._new(layer.name), self._name_of(layer)
        made, old = self._constructor(layer, None if variable == own else own)
        self.lines.append(f"{variable} = {made}")
        return variable, old

    def _prepare(self, layer: Layer) -> None:
        """Write the model that a wrapper holds, before the wrapper."""
        inner = layer.inner
        while inner is not None:
            if inner.model is not None:
                self._inner_model(inner)
            inner = inner.inner

    def _inner_model(self, layer: Layer) -> str:
        """Write a model that is part of another; gives its variable."""
        assert layer.model is not None
        if layer in self._models:
            return self._models[layer]
        own = self._name_of(layer)
        looks = json.dumps([layer.name, _settled(layer.config)], sort_keys=True) if self.share else ""
        if looks in self._alike:
            return self._alike[looks]
        variable = self._models[layer] = self._new(layer.name)
        if self.share:
            self._alike[looks] = variable
        write = self._sequential if layer.model.sequential else self._functional
        if self.lines and self.lines[-1]:
            self.lines.append("")
        end, _ = write(layer.model, variable, True)
        if not layer.model.sequential and variable != own:
            end = f"{end[:-1]}, name={own!r})"
        self.lines += [end, ""]
        return variable

    def _call_arguments(self, layer: Layer, call: Call, write: Any) -> str:
        given = list(call.args)
        keywords = dict(call.kwargs)
        first = given[0] if given else None
        recurrent = self._class_name(layer) in (*RECURRENT, "Bidirectional", "RNN")
        if recurrent and isinstance(first, list) and len(first) > 1:
            given, keywords["initial_state"] = [first[0]], first[1:]
        if not given and "inputs" in keywords:
            given = [keywords.pop("inputs")]
        if layer.model is not None and not layer.model.sequential and isinstance(first, dict | list | tuple):
            given = [[*flattened(layer.model.inputs, first)]]
            first = given[0]
        if isinstance(first, list) and len(first) == 1 and not _merges(layer):
            given = [first[0]]
        said = [write(each) for each in given]
        for key, value in keywords.items():
            if value is None or value is False or (key in ("constants",) and not value):
                continue
            if key == "return_attention_scores":
                continue
            if key == "training" and layer.kind in SAYS_TRAINING:
                continue
            if key == "training":
                self.report.problem(layer.name, "it is called with training=True, as if it were always trained")
                continue
            if key.endswith("mask") and all(each is None for each in _leaves(value)):
                continue
            if not key.isidentifier():
                raise KerasFileError(f"a call has an argument {key[:80]!r}")
            said.append(f"{key}={write(value)}")
        return ", ".join(said)

    def _value(self, value: Any, variables: dict[Ref, str]) -> str:
        """An argument of a call."""
        if isinstance(value, Ref):
            return self._variable(variables, value)
        if isinstance(value, list | tuple):
            texts = [self._value(each, variables) for each in value]
            if isinstance(value, tuple):
                return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
            return f"[{', '.join(texts)}]"
        if isinstance(value, dict) and any(refs(value)):
            return f"{{{', '.join(f'{key!r}: {self._value(each, variables)}' for key, each in value.items())}}}"
        return repr(plain(value, "of the model"))

    def _variable(self, variables: dict[Ref, str], ref: Ref) -> str:
        if ref not in variables:
            raise KerasFileError(f"a call takes a result of the layer {ref.layer[:80]!r} that no call gives")
        return variables[ref]

    # --------------------------------------------------------------------------------------------------------- layers

    def _input(self, layer: Layer) -> str:
        """Write an input; gives its variable."""
        variable = self._new(layer.name)
        own = self._name_of(layer)
        self.lines.append(f"{variable} = {self._input_call(layer, None if variable == own else own)}")
        return variable

    def _input_call(self, layer: Layer, name: str | None) -> str:
        shape = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
        if not isinstance(shape, list) or not all(each is None or type(each) is int for each in shape):
            raise KerasFileError(f"the input {layer.name[:80]!r} has no shape")
        if shape[0] is not None:
            self.report.note(f"the input {layer.name} has batches of {shape[0]} rows; here a batch has any number")
        sizes = tuple(shape[1:])
        if self.one_length:
            sizes = tuple(f"size_{i}" if size is None else size for i, size in enumerate(sizes, 1))
        said = [repr(sizes)]
        dtype = layer.config.get("dtype")
        if isinstance(dtype, str) and not dtype.startswith(("float", "bfloat")):
            said.append(f"dtype={dtype!r}")
            self._whole.add(Ref(layer.name, 0))
        if name is not None:
            said.append(f"name={name!r}")
        return f"{self._use('keras', 'Input')}({', '.join(said)})"

    def _constructor(self, layer: Layer, name: str | None, like: str = "") -> tuple[str, bool]:
        """A layer as a call of its class, and whether an old `hard_sigmoid` has to come after it."""
        arguments = Arguments(like or layer.name, self.major, self.report, wrapped=bool(like))
        config, old = dict(layer.config), False
        kind = self._class_name(layer)
        named = [] if name is None else [f"name={name!r}"]
        if kind in ("TimeDistributed", "Bidirectional", "RNN"):
            inner = self._held(layer, like or layer.name)
            said = [inner]
            if kind == "Bidirectional" and config.get("merge_mode", "concat") != "concat":
                said.append(f"merge_mode={config['merge_mode']!r}")
            if kind == "RNN":
                flags = ("return_sequences", "return_state", "go_backwards")
                said += [f"{flag}=True" for flag in flags if config.get(flag) is True]
                if config.get("zero_output_for_mask"):
                    self.report.problem(like or layer.name, "a step that is masked repeats the last output")
                if config.get("stateful"):
                    self.report.note(f"{like or layer.name}: gen keeps no state from batch to batch")
            return f"{self._layer_word(kind)}({', '.join([*said, *named])})", False
        cls = component_class(kind)
        if cls is not None and is_foreign(layer) and not cls.__module__.startswith("components."):
            cls = None  # of this name by chance: those of a components file are the user's own
        if kind in CLASSES and cls is None and not is_foreign(layer):
            self._classes.add(kind)
            given = [repr(plain(config.get(argument), layer.name)) for argument in ARGUMENTS[kind]]
            return f"{kind}({', '.join([*given, *named])})", False
        if cls is None:
            what = "the function of a Lambda is code, which gen never runs" if kind == "Lambda" else None
            self.report.problem(like or layer.name, what or f"gen has no layer {layer.kind[:80]!r}")
            return "None", False
        if arguments.is_old_hard_sigmoid(config.get("activation")):
            if kind in RECURRENT or like:
                self.report.problem(like or layer.name, "gen has no old `hard_sigmoid` inside of other layers")
            elif kind == "Activation":
                config["activation"], old = "linear", True
            else:
                config.pop("activation")
                old = True
        said = arguments.of_layer(cls, config)
        word = LAYER_NAMES.get(kind, kind)
        return f"{self._layer_word(word)}({', '.join([*said, *named])})", old

    def _held(self, layer: Layer, owner: str) -> str:
        """What a wrapper holds."""
        inner = layer.inner
        if inner is None:
            self.report.problem(owner, "it holds no layer")
            return "None"
        if inner.model is not None:
            return self._inner_model(inner)
        if layer.kind == "RNN" and inner.kind not in CELLS:
            self.report.problem(owner, f"gen has no cell {inner.kind[:80]!r}")
            return "None"
        if layer.kind == "Bidirectional":
            own = inner.name.removeprefix("forward_")
            kind = self._class_name(inner)
            backward = layer.config.get("backward_layer")
            if isinstance(backward, dict) and isinstance(backward.get("config"), dict):
                mine, other = dict(inner.config), dict(backward["config"])
                for key in ("name", "go_backwards", "dtype"):
                    mine.pop(key, None), other.pop(key, None)
                if backward.get("class_name") != inner.kind or _settled(mine) != _settled(other):
                    self.report.problem(owner, "its two directions are not alike")
            if kind == "RNN" and inner.inner is not None:
                cell = CELLS.get(inner.inner.kind)
                self.names[inner] = own
                return self._constructor(inner, own if cell is None or own != "rnn" else None, owner)[0]
        else:
            own, kind = inner.name, self._class_name(inner)
        if kind in CELLS:
            cell_cls = component_class(CELLS[kind])
            assert cell_cls is not None
            said = Arguments(owner, self.major, self.report).of_layer(cell_cls, inner.config)
            return f"{self._layer_word(kind)}({', '.join(said)})"
        self.names[inner] = own if is_name(own) else snake_case(kind)
        name = None if self.names[inner] == snake_case(kind) else self.names[inner]
        return self._constructor(inner, name, owner)[0]

    def _passes(self, layer: Layer) -> bool:
        """Whether a layer gives what it gets, at least in prediction, and gen has no such layer."""
        if is_foreign(layer) or (layer.kind in ("Identity", *NOTHING_IN_PREDICTION) and layer.operation):
            return False
        if layer.model is not None and layer.model.sequential:
            inside = [each for each in layer.model.layers if each.kind != "InputLayer"]
            if layer.name in self.replacements or not all(each.kind in _PASSED for each in inside):
                return False
            self.left_out.add(layer)
            for each in inside:
                self._passes(each)
            return True
        if component_class(layer.kind) is not None:
            return False
        if layer.kind in NOTHING_IN_PREDICTION:
            doing = NOTHING_IN_PREDICTION[layer.kind]
            self.report.note(f"{layer.name} is left out: in training alone it {doing}, and gen has no {layer.kind}")
        elif layer.kind != "Identity":
            return False
        self.left_out.add(layer)
        return True

    def _normalized(self, layer: Layer, x: str) -> str:
        """What a Normalization does: gen has no such layer, and its numbers are never trained."""
        self.left_out.add(layer)
        axis = layer.config.get("axis", -1)
        shape = (layer.config.get("build_input_shape") or [None])[1:]
        last = axis in (-1, [-1]) or axis in (len(shape), [len(shape)]) or not shape
        if layer not in self.statistics or layer.config.get("invert") or not last:
            self.report.problem(layer.name, "gen has no Normalization of other axes than the last, inverted, or empty")
            return "None"
        mean, variance = self.statistics[layer]
        deviation = np.maximum(np.sqrt(variance), 1e-7)
        use = self._use("keras", "ops")
        return f"{use}.divide({use}.subtract({x}, {_numbers(mean)}), {_numbers(deviation)})"

    def _class_name(self, layer: Layer) -> str:
        return layer.kind.split(">")[-1]

    def _layer_word(self, kind: str) -> str:
        return self._use("keras.layers", kind)

    def _name_of(self, layer: Layer) -> str:
        """What a layer is called in gen: its name, if that may be one."""
        if layer not in self.names:
            self.names[layer] = layer.name if is_name(layer.name) else _identifier(layer.name)
        return self.names[layer]

    def _new(self, name: str) -> str:
        """A variable for what is called `name`, which nothing else has."""
        return self._taken.claim(_identifier(name))


def _all_layers(model: Model) -> Iterator[Layer]:
    """The layers of a model, and of the models and wrappers in it."""
    waiting = list(model.layers)
    while waiting:
        layer = waiting.pop(0)
        yield layer
        waiting += [] if layer.model is None else layer.model.layers
        waiting += [] if layer.inner is None else [layer.inner]


def _leaves(value: Any) -> Iterator[Any]:
    """What lists and dicts inside of each other hold."""
    if isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value


def _identifier(name: str) -> str:
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    found = re.sub(r"\W", "_", plain, flags=re.ASCII)[:60] or "_"
    found = found if found.isidentifier() else f"_{found}"
    return found.lstrip("_") if found.lstrip("_").isidentifier() else found if found.strip("_") else "layer"


def _numbers(values: Any) -> str:
    """Numbers in as few digits as their float type needs; one where all are the same."""
    found = [float(str(value)) for value in np.asarray(values).reshape(-1)]
    if not np.isfinite(found).all():
        raise KerasFileError("a Normalization has statistics that are not finite")
    return repr(found[0]) if len(set(found)) == 1 else repr(found)


def _one_or_list(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _named_by_hand(layer: Layer, model: Model) -> str | None:
    """The name of the input of a Sequential, unless Keras has made it up."""
    made_up = re.fullmatch(r"(input|input_layer|.*_input)(_\d+)?", layer.name)
    return None if made_up or layer.config.get("made") or not is_name(layer.name) else layer.name


def _has_weights(layer: Layer) -> bool:
    cls = component_class(layer.kind)
    return cls is None or has_weights(cls)


def _merges(layer: Layer) -> bool:
    cls = component_class(layer.kind)
    return layer.model is not None or (cls is not None and cls.merges)


def _is_stack(layer: Layer) -> bool:
    return layer.kind == "RNN" and layer.inner is not None and layer.inner.kind == "StackedRNNCells"


def _settled(config: Any) -> Any:
    """A configuration without the numbers that tell objects apart."""
    if isinstance(config, dict):
        return {key: _settled(each) for key, each in config.items() if key not in ("shared_object_id", "seed")}
    return [_settled(each) for each in config] if isinstance(config, list) else config
