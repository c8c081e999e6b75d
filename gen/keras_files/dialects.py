"""One structure for what Keras 1, 2 and 3 write: models, their layers, and the calls of each on tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gen.components.base import registry, snake_case
from gen.components.operations.base import operations
from gen.keras_files.problems import KerasFileError

MODELS = ("Model", "Functional", "Sequential")
MOST_NESTED = 50
MOST_CELLS = 1_000
MERGED = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}
"""What the `mode` of a Merge of Keras 1 is called since."""
CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 writes in place of the name of a layer for a number among the arguments."""


@dataclass(frozen=True)
class Ref:
    """A tensor: which of the results of which call of which layer."""

    layer: str
    call: int
    index: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a layer; arguments hold `Ref`s, numbers, lists and dicts of these."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Layer:
    """A layer, an operation, or a model in a model."""

    name: str
    kind: str
    """The name of its class."""
    config: dict[str, Any]
    module: str | None = None
    operation: bool = False
    calls: list[Call] = field(default_factory=list)
    model: Model | None = None
    inner: Layer | None = None
    """What a wrapper holds, or the cell of an RNN."""
    cells: list[Layer] = field(default_factory=list)
    """The cells of a StackedRNNCells."""


@dataclass(eq=False)
class Model:
    """A model: `outputs` is a `Ref`, a list or a dict of them; that of a Sequential is None."""

    name: str
    layers: list[Layer]
    inputs: Any
    outputs: Any
    sequential: bool

    def layer(self, name: str) -> Layer:
        """The layer with this name."""
        return self.by_name[name]

    @property
    def by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}


def refs(value: Any) -> Iterator[Ref]:
    """All tensors in arguments."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, Ref):
            yield each
        elif isinstance(each, list | tuple):
            stack += reversed(each)
        elif isinstance(each, dict):
            stack += reversed(list(each.values()))


def flattened(structure: Any, value: Any) -> Iterator[Any]:
    """What stands in `value` in the places of the tensors of the inputs or outputs of a model, in order."""
    if isinstance(structure, Ref):
        yield value
        return
    if isinstance(structure, dict):
        parts = [(each, key) for key, each in structure.items()]
    elif isinstance(value, dict):
        parts = [(each, each.layer if isinstance(each, Ref) else None) for each in structure]
    else:
        parts = [(each, i) for i, each in enumerate(structure)]
    if isinstance(value, list | tuple):
        parts = [(each, i) for i, (each, _) in enumerate(parts)]
    elif not isinstance(value, dict) and len(parts) == 1:
        value, parts = [value], [(parts[0][0], 0)]
    for each, place in parts:
        yield from flattened(each, value[place])


def read_model(entry: dict[str, Any], major: int, depth: int = 0) -> Model:
    """The structure of a configuration.  Raises `KerasFileError` where it has another form."""
    if depth > MOST_NESTED:
        raise KerasFileError("the configuration has too many models inside each other")
    kind, config = entry.get("class_name"), entry.get("config")
    if kind not in MODELS:
        raise KerasFileError(
            f"the model is of the class {str(kind)[:80]!r}, whose code is not in the file: gen imports functional"
            " and Sequential models; describe it in a .nn file, and import its weights with --into MODEL.nn"
        )
    if kind == "Sequential":
        return _sequential(entry, config, major, depth)
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise KerasFileError("the configuration of a model has no list of layers")
    layers = [_layer(each, major, depth) for each in config["layers"]]
    known = {layer.name: layer for layer in layers}
    if len(known) < len(layers):
        raise KerasFileError("the configuration of a model has two layers of one name")
    reader = _Reader(known, major)
    for layer, each in zip(layers, config["layers"], strict=True):
        layer.calls = reader.calls(layer, each.get("inbound_nodes") or [])
    inputs = reader.ends(config.get("input_layers"), False)
    outputs = reader.ends(config.get("output_layers"), True)
    model = Model(str(config.get("name") or "model"), layers, inputs, outputs, False)
    _check(model)
    return model


def _sequential(entry: dict[str, Any], config: Any, major: int, depth: int) -> Model:
    listed = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    if not isinstance(listed, list):
        raise KerasFileError("the configuration of a Sequential has no list of layers")
    name = config.get("name") if isinstance(config, dict) else entry.get("name")
    if major < 3 and listed and isinstance(listed[0], dict) and listed[0].get("class_name") == "Merge":
        return _merging(str(name or "sequential"), listed, major, depth)
    layers = [_layer(each, major, depth) for each in listed]
    if len({layer.name for layer in layers}) < len(layers):
        raise KerasFileError("the configuration of a Sequential has two layers of one name")
    if not layers or layers[0].kind != "InputLayer":
        shape = None
        first: Layer | None = layers[0] if layers else None
        while first is not None and shape is None:
            config_ = first.config
            shape = config_.get("batch_input_shape") or config_.get("batch_shape")
            if shape is None and first.model is not None and first.model.layers:
                first = first.model.layers[0]
            else:
                first = first.inner if shape is None else None
        if shape is None and isinstance(config, dict):
            shape = config.get("build_input_shape")
        if shape is None and isinstance(entry.get("build_config"), dict):
            shape = entry["build_config"].get("input_shape")
        if shape is None and layers and layers[0].kind == "Dense" and layers[0].config.get("input_dim"):
            shape = [None, layers[0].config["input_dim"]]
        if isinstance(shape, list) and shape:
            dtype = layers[0].config.get("dtype") if layers and layers[0].kind != "Embedding" else "float32"
            given = {"batch_shape": shape, "dtype": dtype if isinstance(dtype, str) else "float32", "made": True}
            layers.insert(0, Layer(_unused("input", layers), "InputLayer", given))
    return Model(str(name or "sequential"), layers, None, None, True)


def _merging(name: str, listed: list[Any], major: int, depth: int) -> Model:
    """A Sequential that begins with a Merge, as Keras 1 has it: the layers of the models that it joins are its own."""
    said = listed[0].get("config")
    branches = said.get("layers") if isinstance(said, dict) else None
    if not isinstance(branches, list) or not branches:
        raise KerasFileError("the Merge at the start of a Sequential has no list of models")
    known: dict[str, Layer] = {}
    inputs: list[Ref] = []
    ends: list[Ref] = []
    for branch in branches:
        start, end = _branch(branch, known, major, depth + 1)
        inputs += [ref for ref in start if ref not in inputs]
        ends.append(end)
    x: Any = ends
    for each in listed:
        layer = _layer(each, major, depth)
        if layer.name in known:
            raise KerasFileError("the configuration of a Sequential has two layers of one name")
        known[layer.name] = layer
        x = _called(layer, x)
    return Model(name, [*known.values()], inputs, x, False)


def _branch(entry: Any, known: dict[str, Layer], major: int, depth: int) -> tuple[list[Ref], Ref]:
    """Add the layers of a model that a Merge joins to those that are known; gives its inputs and its output.

    A layer of a known name is that layer, as it is for Keras.
    """
    if not isinstance(entry, dict) or entry.get("class_name") not in MODELS:
        entry = {"class_name": "Sequential", "config": [entry]}
    model = read_model(entry, major, depth)
    if not model.sequential:
        ends = list(refs(model.outputs))
        if len(ends) != 1:
            raise KerasFileError("a model that a Merge joins has several outputs")
        for layer in model.layers:
            known.setdefault(layer.name, layer)
        return list(refs(model.inputs)), ends[0]
    if not model.layers or model.layers[0].kind != "InputLayer":
        raise KerasFileError("a model that a Merge joins does not say the shape of its input")
    first, *rest = model.layers
    if first.config.get("made") and rest:
        first.name = f"{rest[0].name}_input"
    x = Ref(known.setdefault(first.name, first).name, 0)
    start = [x]
    for layer in rest:
        x = _called(known.setdefault(layer.name, layer), x)
    return start, x


def _called(layer: Layer, x: Any) -> Ref:
    """The result of a call of a layer on a tensor, or on a list of them; the same for a call that it has already."""
    call = Call((x,))
    if call not in layer.calls:
        layer.calls.append(call)
    return Ref(layer.name, layer.calls.index(call))


def _unused(name: str, layers: list[Layer]) -> str:
    taken = {layer.name for layer in layers}
    while name in taken:
        name += "_"
    return name


def _layer(entry: Any, major: int, depth: int) -> Layer:
    """An entry of `layers`, or of the `layer` of a wrapper; its calls come later."""
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise KerasFileError("an entry of the layers of a model has no class")
    kind, config, module = entry["class_name"], entry.get("config"), entry.get("module")
    module = module if isinstance(module, str) else None
    if kind in MODELS and (module is None or _of_keras(module)):
        model = read_model(entry, major, depth + 1)
        name = str(entry.get("name") or model.name)
        return Layer(name, kind, config if isinstance(config, dict) else {}, module, model=model)
    if not isinstance(config, dict):
        raise KerasFileError(f"the {kind[:80]!r} of the model has no configuration")
    name = entry.get("name") or config.get("name") or kind
    if kind == "Merge" and major < 3 and isinstance(config.get("mode"), str) and config["mode"] in MERGED:
        kind, config = _merge(config)
    layer = Layer(str(name), kind, config, module, _is_operation(kind, config, module, major))
    held = config.get("layer", config.get("cell"))
    if isinstance(held, dict) and "class_name" in held and depth < MOST_NESTED:
        layer.inner = _layer(held, major, depth + 1)
    cells = config.get("cells")
    if kind == "StackedRNNCells" and isinstance(cells, list) and len(cells) < MOST_CELLS and depth < MOST_NESTED:
        layer.cells = [_layer(each, major, depth + 1) for each in cells]
    return layer


def _merge(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A Merge of Keras 1 as the layer that it is since."""
    mode, kind = config["mode"], MERGED[config["mode"]]
    said: dict[str, Any] = {"name": config.get("name")}
    if kind == "Concatenate":
        said["axis"] = config.get("concat_axis", -1)
    if kind == "Dot":
        said |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    return kind, said


def _of_keras(module: str) -> bool:
    return module.split(".")[0] in ("keras", "tf_keras", "tensorflow")


def is_foreign(layer: Layer) -> bool:
    """Whether the class of a layer is none of Keras' own."""
    registered = ">" in layer.kind
    return registered or (layer.module is not None and not _of_keras(layer.module))


def _is_operation(kind: str, config: dict[str, Any], module: str | None, major: int) -> bool:
    """Whether an entry is a function of `keras.ops`; files of Keras 3 that are HDF5 do not say it outright."""
    if module is not None:
        return ".ops" in module and _of_keras(module)
    if major < 3 or kind == "InputLayer" or "trainable" in config:
        return False
    word = snake_case(kind)
    if kind in registry["layer"] and word not in operations and word not in registry["activation"]:
        return False
    return kind not in registry["layer"] or "dtype" not in config


class _Reader:
    """Reads the calls of the layers of one model."""

    def __init__(self, known: dict[str, Layer], major: int) -> None:
        self._known, self._major = known, major

    def calls(self, layer: Layer, nodes: Any) -> list[Call]:
        if not isinstance(nodes, list):
            raise KerasFileError(f"the calls of the layer {layer.name[:80]!r} have no known form")
        return [self._modern(node) if isinstance(node, dict) else self._older(node) for node in nodes]

    def ends(self, value: Any, output: bool) -> Any:
        """The inputs or outputs of a model; those with keys are in the order of these, which Keras counts them in."""
        if isinstance(value, dict):
            return {str(key): self.ends(each, output) for key, each in sorted(value.items())}
        if self._is_ref(value):
            return self._ref(value, output)
        if isinstance(value, list):
            return [self.ends(each, output) for each in value]
        raise KerasFileError("the configuration of a model has no known list of inputs and outputs")

    def _modern(self, node: dict[str, Any]) -> Call:
        args, kwargs = node.get("args", []), node.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise KerasFileError("the calls of a layer have no known form")
        return Call(tuple(map(self._value, args)), {str(key): self._value(each) for key, each in kwargs.items()})

    def _value(self, value: Any) -> Any:
        """An argument as Keras 3 writes it."""
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if not isinstance(value, dict):
            return value
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__" and isinstance(config, dict) and self._is_ref(config.get("keras_history")):
            return self._ref(config["keras_history"], False)
        if kind == "__slice__" and isinstance(config, dict):
            return slice(*(self._value(config.get(name)) for name in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return ...
        if kind == "__tuple__" and isinstance(value.get("items"), list):
            return tuple(map(self._value, value["items"]))
        if kind in ("__tensor__", "__numpy__") and isinstance(config, dict):
            return config.get("value")
        return {str(key): self._value(each) for key, each in value.items()}

    def _older(self, node: Any) -> Call:
        """A call as Keras 1 and 2 write it: an entry for each tensor, keywords behind the first that has some."""
        entries = self._entries(node)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for entry in entries:
            if not isinstance(entry, list) or len(entry) < 3:
                raise KerasFileError("the calls of a layer have no known form")
            args.append(entry[2] if entry[0] == CONSTANT else self._ref(entry, False))
            if len(entry) > 3 and isinstance(entry[3], dict):
                kwargs |= {str(key): self._older_value(each) for key, each in entry[3].items()}
        if not args:
            return Call((), kwargs)
        return Call((args[0] if len(args) == 1 else args,), kwargs)

    def _entries(self, node: Any) -> list[Any]:
        if isinstance(node, list) and node and isinstance(node[0], str):
            return [node]  # flat, as the call of a function is
        if isinstance(node, list):
            return node
        raise KerasFileError("the calls of a layer have no known form")

    def _older_value(self, value: Any) -> Any:
        if self._is_ref(value):
            return self._ref(value, False)
        if isinstance(value, list) and len(value) >= 3 and value[0] == CONSTANT:
            return value[2]
        if isinstance(value, list):
            return [self._older_value(each) for each in value]
        if isinstance(value, dict):
            return {str(key): self._older_value(each) for key, each in value.items()}
        return value

    def _is_ref(self, value: Any) -> bool:
        return (
            isinstance(value, list)
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and value[0] in self._known
            and all(type(each) is int for each in value[1:3])
        )

    def _ref(self, value: list[Any], output: bool) -> Ref:
        if not self._is_ref(value):
            raise KerasFileError(f"a call takes the result of the layer {str(value[0])[:80]!r}, which the file lacks")
        name, node, index = value[:3]
        return Ref(name, node - self._hidden(self._known[name], output), index)

    def _hidden(self, layer: Layer, output: bool) -> int:
        """How many calls a model that is called has had before, when it was made: they have no entry.

        Keras 3 counts that one in the outputs of the model around it alone.
        """
        if layer.model is None:
            return 0
        if self._major >= 3:
            return int(output and not layer.model.sequential)
        made = layer.model.layers and layer.model.layers[0].config.get("made")
        return int(not layer.model.sequential or not made)


def _check(model: Model) -> None:
    """Raise `KerasFileError` where a call takes a result that no call gives."""
    known = model.by_name
    taken: list[Any] = [model.inputs, model.outputs]
    taken += [(call.args, call.kwargs) for layer in model.layers for call in layer.calls]
    for ref in refs(taken):
        layer = known[ref.layer]
        if not 0 <= ref.call < max(1, len(layer.calls)) or ref.index < 0:
            raise KerasFileError(f"a call takes a result of the layer {ref.layer[:80]!r} that no call gives")
