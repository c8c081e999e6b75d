"""The words of the language: what they are, for what colours `.nn` files, and what those do that are no components."""

from __future__ import annotations

import keyword
from dataclasses import dataclass, field

MODELS = ("Input", "Model", "Sequential")
"""What is written like a layer, and is part of the language itself."""


@dataclass(frozen=True, eq=False)
class Construct:
    """A word that is called and is no component; `example` is a `.nn` file that uses it."""

    name: str
    about: str
    """A sentence, and what else there is to say, in a paragraph of its own."""
    example: str
    arguments: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """What each takes, in words, and its default as one writes it; None where it has to be given."""
    formula: str = ""

    @property
    def signature(self) -> str:
        """The call with all arguments and their defaults."""
        items = (name if default is None else f"{name}={default}" for name, (_, default) in self.arguments.items())
        return f"{self.name}({', '.join(items)})"


_LAYER = ("a layer or a model", None)
_NAME = ("a string", "None")
_INITIALIZER, _REGULARIZER = "an initializer", "a regularizer or None"
_GATE: dict[str, tuple[str, str | None]] = {"recurrent_activation": ("an activation", "sigmoid")}


def _cell(name: str, about: str, formula: str, first: dict[str, tuple[str, str | None]], **last: str) -> Construct:
    """A cell of an RNN, with the arguments that all of them have."""
    forget = {} if "unit_forget_bias" not in last else {"unit_forget_bias": ("True or False", last["unit_forget_bias"])}
    arguments: dict[str, tuple[str, str | None]] = {
        "units": ("a whole number, 1 or more", None),
        "activation": ("an activation", "tanh"),
        **first,
        "use_bias": ("True or False", "True"),
        "kernel_initializer": (_INITIALIZER, "glorot_uniform"),
        "recurrent_initializer": (_INITIALIZER, "orthogonal"),
        "bias_initializer": (_INITIALIZER, "zeros"),
        **forget,
        "kernel_regularizer": (_REGULARIZER, "None"),
        "recurrent_regularizer": (_REGULARIZER, "None"),
        "bias_regularizer": (_REGULARIZER, "None"),
        "dropout": ("a number from 0 up to, but not including, 1", "0.0"),
        "recurrent_dropout": ("a number from 0 up to, but not including, 1", "0.0"),
    }
    if "reset_after" in last:
        arguments["reset_after"] = ("True or False", last["reset_after"])
    example = f"x = Input(5, 8)\ny = RNN({name}(3))(x)\n\nmodel = Model(x, y)"
    return Construct(name, f"{about}\n\nAn RNN goes through a sequence with it.", example, arguments, formula)


_TRAINED = "x = Input(8)\ny = Dense(1)(x)\n\nmodel = Model(x, y)\nmodel.compile(optimizer=adam(0.01), loss=mse)"
WORDS = (
    Construct(
        "Input",
        "An input of the model: its dimensions without the batch, and its dtype.\n\n"
        "`None` is a dimension that the data decides; two inputs share a dimension if both name it: "
        '`Input("steps", 64)`.',
        'ids = Input("steps", dtype=int32)\ny = Dense(1)(LSTM(8)(Embedding(100, 4)(ids)))\n\nmodel = Model(ids, y)',
        {
            "shape": ("a number, None or a name for each dimension, or a tuple of them", None),
            "dtype": ("float32, int32, int64 or bool", "float32"),
            "name": _NAME,
        },
    ),
    Construct(
        "Model",
        "A model from inputs to outputs, one or a list of each.\n\nIt is callable like a layer; all calls share its "
        "weights.",
        "x = Input(8)\ny = Dense(1)(x)\n\nmodel = Model(x, y)",
        {
            "inputs": ("an Input, or a list of them", None),
            "outputs": ("the result of a call, or a list of them", None),
            "name": _NAME,
            "trainable": ("True or False", "True"),
        },
    ),
    Construct(
        "Sequential",
        "A model of layers in a row.",
        "model = Sequential([Input((8,)), Dense(32, relu), Dense(1)])",
        {"layers": ("a list of layers and models", "None"), "trainable": ("True or False", "True"), "name": _NAME},
    ),
    Construct(
        "TimeDistributed",
        "Calls a layer or a model on each step of a sequence.\n\n"
        "All steps share its weights. A layer that keeps statistics of its batches runs step by step, any other one on "
        "all steps at once.",
        "x = Input(5, 8)\ny = TimeDistributed(Dense(3))(x)\n\nmodel = Model(x, y)",
        {"layer": _LAYER, "name": _NAME},
        "y[:, t] = layer(x[:, t])",
    ),
    Construct(
        "Bidirectional",
        "Runs a recurrent layer from both ends of a sequence, and joins the results as `merge_mode` says.\n\n"
        "`backward_layer` runs from the end; by default, it is like the first layer, with its own weights.",
        "x = Input(5, 8)\ny = Bidirectional(LSTM(3))(x)\n\nmodel = Model(x, y)",
        {
            "layer": ("a recurrent layer", None),
            "merge_mode": ("'concat', 'sum', 'mul', 'ave' or None", "'concat'"),
            "backward_layer": ("a recurrent layer", "None"),
            "name": _NAME,
        },
        "y = [layer(x), backward_layer(x reversed)], joined",
    ),
    Construct(
        "RNN",
        "A recurrent layer, by the cell that says what happens at each step.\n\n"
        "`RNN(LSTMCell(8))` is the same as `LSTM(8)`.",
        "x = Input(5, 8)\ny = RNN(LSTMCell(3), return_sequences=True)(x)\n\nmodel = Model(x, y)",
        {
            "cell": ("a SimpleRNNCell, LSTMCell or GRUCell", None),
            "return_sequences": ("True or False", "False"),
            "return_state": ("True or False", "False"),
            "go_backwards": ("True or False", "False"),
            "name": _NAME,
            "trainable": ("True or False", "True"),
        },
    ),
    _cell(
        "SimpleRNNCell",
        "One step of a SimpleRNN.",
        "h = activation(x @ kernel + h @ recurrent_kernel + bias)",
        {},
    ),
    _cell(
        "LSTMCell",
        "One step of an LSTM.",
        "c = f · c + i · c̃, h = o · activation(c)",
        _GATE,
        unit_forget_bias="True",
    ),
    _cell("GRUCell", "One step of a GRU.", "h = z · h + (1 - z) · h̃", _GATE, reset_after="True"),
    Construct(
        "compile",
        "Sets how the model is trained.\n\n"
        "A loss is a name, a call, a list in the order of the outputs, or a dict by output; so are weights and "
        "metrics.",
        _TRAINED,
        {
            "optimizer": ("an optimizer", "rmsprop"),
            "loss": ("a loss for all outputs, or for each", None),
            "loss_weights": ("a number for each output", "None"),
            "metrics": ("metrics for each output", "None"),
        },
    ),
    Construct(
        "fit",
        "Defaults of the generated model's `fit`.\n\nGive the data to that method, not to the file.",
        f"{_TRAINED}\nmodel.fit(epochs=10, batch_size=32)",
        {
            "epochs": ("a whole number, 1 or more", "1"),
            "batch_size": ("a whole number, 1 or more, or None", "32"),
            "validation_split": ("a number from 0 up to, but not including, 1", "0.0"),
            "shuffle": ("True or False", "True"),
        },
    ),
    Construct(
        "add",
        "Adds a layer to a Sequential.",
        "model = Sequential([Input((8,))])\nmodel.add(Dense(1))",
        {"layer": _LAYER},
    ),
    Construct(
        "summary",
        "Prints the model's summary when it is built.",
        "x = Input(8)\nmodel = Model(x, Dense(1)(x))\nmodel.summary()",
    ),
)
"""Each word of the language that is called and is no component."""

FOREIGN_KEYWORDS = ("async", "await", "global", "nonlocal", "yield")
"""The keywords of Python that are read, but mean nothing to a model; they are marked."""

KEYWORDS = tuple(word for word in keyword.kwlist if word not in FOREIGN_KEYWORDS)
"""The keywords of Python that the language has."""


def words() -> dict[str, list[str]]:
    """The words of each kind: `model`, the kinds of components, and `reserved` for those that the language has not.

    One that is of several kinds (`mse`: a loss, a metric) is in the first.
    """
    from gen.components import registry  # it takes long to import, and Pygments asks whoever may know a file's name

    lists = {"model": list(MODELS)}
    taken = set(MODELS)
    for kind, components in registry.items():
        lists[kind] = sorted(set(components) - taken)
        taken.update(components)
    lists["reserved"] = list(FOREIGN_KEYWORDS)
    return lists
