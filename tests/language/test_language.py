"""The language of a `.nn` file: every form is accepted and gives the graph that it means."""

from __future__ import annotations

import time

import pytest

from gen.compiler import understand
from gen.components.base import describe
from gen.diagnostics import Diagnostics, Source, render_text
from gen.dims import show
from gen.graph.graph import Graph, Node


def elaborated(text: str) -> tuple[Graph, list[str]]:
    """The graph of a file without errors, and the codes of its warnings."""
    source, diagnostics = Source("model.nn", text), Diagnostics()
    graph = understand(source, diagnostics)
    assert graph is not None, render_text(source, diagnostics.in_source_order())
    return graph, [item.code for item in diagnostics.in_source_order()]


def graph_of(text: str) -> Graph:
    """The graph of a file without errors and warnings."""
    graph, warnings = elaborated(text)
    assert warnings == []
    return graph


def layers(graph: Graph) -> list[str]:
    return [layer.name for layer in graph.layers]


def texts(graph: Graph) -> list[str]:
    return [node.call.text for node in graph.nodes]


def shapes(graph: Graph) -> dict[str, str]:
    return {output.name: show(output.tensor.shape) for output in graph.outputs}


def written(node: Node) -> str:
    return describe(node.layer.component)


def between(expression: str, inputs: str = "x = Input(8)") -> Graph:
    """The graph of a model whose output is `expression`."""
    names = ", ".join(line.split(" = ")[0] for line in inputs.splitlines())
    return graph_of(f"{inputs}\ny = {expression}\nmodel = Model([{names}], y)\n")


# ------------------------------------------------------------------------------------------------ the article's systems

SEQUENTIAL_TWO_CLASSES = """\
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
"""

SEQUENTIAL_TEN_CLASSES = """\
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(10, activation='softmax'))
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
"""

FUNCTIONAL = """\
input_tensor = Input(shape=(64,))
x = layers.Dense(32, activation='relu')(input_tensor)
x = layers.Dense(32, activation='relu')(x)
output_tensor = layers.Dense(10, activation='softmax')(x)
model = Model(input_tensor, output_tensor)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
model.summary()
"""


def test_a_sequential_that_grows_by_add() -> None:
    graph = graph_of(SEQUENTIAL_TWO_CLASSES)
    assert graph.name == "model"
    assert [item.name for item in graph.inputs] == ["input"]
    assert show(graph.inputs[0].tensor.shape) == "(batch, 100)"
    assert layers(graph) == ["dense", "dense_2"]
    assert texts(graph) == [
        "model.add(Dense(32, activation='relu', input_dim=100))",
        "model.add(Dense(1, activation='sigmoid'))",
    ]
    (output,) = graph.outputs
    assert output.name == "dense_2"
    assert output.loss_text == "binary_crossentropy"
    assert [(name, describe(metric)) for name, metric in output.metrics] == [
        ("accuracy", "binary_accuracy(name='accuracy')")
    ]
    assert graph.training is not None
    assert describe(graph.training.optimizer) == "RMSprop"


def test_a_sequential_with_ten_classes() -> None:
    graph = graph_of(SEQUENTIAL_TEN_CLASSES)
    assert shapes(graph) == {"dense_2": "(batch, 10)"}
    assert describe(graph.outputs[0].metrics[0][1]) == "categorical_accuracy(name='accuracy')"


def test_the_same_as_a_functional_model() -> None:
    graph = graph_of(FUNCTIONAL)
    assert layers(graph) == ["x", "x_2", "output_tensor"]
    assert [node.outputs[0].name for node in graph.nodes] == ["x", "x", "output_tensor"]
    assert texts(graph)[0] == "x = layers.Dense(32, activation='relu')(input_tensor)"
    assert graph.summary


def test_the_two_step_form_of_a_sequential() -> None:
    graph = graph_of("model = Sequential([Dense(32, input_shape=(784,)), Activation('relu'), Dense(10)])")
    assert layers(graph) == ["dense", "activation", "dense_2"]
    assert texts(graph) == ["Dense(32, input_shape=(784,))", "Activation('relu')", "Dense(10)"]


A_MODEL_IS_CALLABLE = """\
image = Input(shape=(784,))
classifier = Model(image, layers.Dense(10, activation='softmax')(layers.Dense(32, activation='relu')(image)))
input_sequences = Input(shape=(20, 784))
processed_sequences = TimeDistributed(classifier)(input_sequences)      # (20, 10)
"""

TWO_INPUTS = """\
text_vocabulary_size = 10000
question_vocabulary_size = 10000
answer_vocabulary_size = 500
text_input = Input(shape=(None,), dtype='int32', name='text')
embedded_text = layers.Embedding(text_vocabulary_size, 64)(text_input)
encoded_text = layers.LSTM(32)(embedded_text)
question_input = Input(shape=(None,), dtype='int32', name='question')
embedded_question = layers.Embedding(question_vocabulary_size, 32)(question_input)
encoded_question = layers.LSTM(16)(embedded_question)
concatenated = layers.concatenate([encoded_text, encoded_question], axis=-1)
answer = layers.Dense(answer_vocabulary_size, activation='softmax')(concatenated)
model = Model([text_input, question_input], answer)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['acc'])
"""

THREE_OUTPUTS = """\
vocabulary_size = 50000
num_income_groups = 10
posts_input = Input(shape=(None,), dtype='int32', name='posts')
embedded_posts = layers.Embedding(vocabulary_size, 256)(posts_input)
x = layers.Conv1D(128, 5, activation='relu')(embedded_posts)
x = layers.MaxPooling1D(5)(x)
x = layers.Conv1D(256, 5, activation='relu')(x)
x = layers.Conv1D(256, 5, activation='relu')(x)
x = layers.MaxPooling1D(5)(x)
x = layers.Conv1D(256, 5, activation='relu')(x)
x = layers.Conv1D(256, 5, activation='relu')(x)
x = layers.GlobalMaxPooling1D()(x)
x = layers.Dense(128, activation='relu')(x)
age_prediction = layers.Dense(1, name='age')(x)
income_prediction = layers.Dense(num_income_groups, activation='softmax', name='income')(x)
gender_prediction = layers.Dense(1, activation='sigmoid', name='gender')(x)
model = Model(posts_input, [age_prediction, income_prediction, gender_prediction])
model.compile(optimizer='rmsprop', loss=['mse', 'categorical_crossentropy', 'binary_crossentropy'])
# the same by name, the outputs having names:
model.compile(optimizer='rmsprop',
              loss={'age': 'mse', 'income': 'categorical_crossentropy', 'gender': 'binary_crossentropy'})
# weighted, as a list or by name:
model.compile(optimizer='rmsprop',
              loss={'age': 'mse', 'income': 'categorical_crossentropy', 'gender': 'binary_crossentropy'},
              loss_weights={'age': 0.25, 'income': 1., 'gender': 10.})
"""


def test_a_model_is_applied_to_every_step() -> None:
    graph = graph_of(A_MODEL_IS_CALLABLE + "model = Model(input_sequences, processed_sequences)")
    assert layers(graph) == [
        "processed_sequences/steps", "classifier/dense", "classifier/dense_2", "processed_sequences/steps_2",
    ]  # fmt: skip
    assert show(graph.nodes[1].outputs[0].shape) == "(20 * batch, 32)"
    assert shapes(graph) == {"processed_sequences": "(batch, 20, 10)"}


def test_a_model_with_statistics_is_called_for_each_step() -> None:
    graph = graph_of(
        "i = Input(4)\nnormal = Model(i, BatchNormalization()(i))\nx = Input(3, 4)\n"
        "y = TimeDistributed(normal)(x)\nmodel = Model(x, y)"
    )
    assert [written(node) for node in graph.nodes].count("BatchNormalization") == 3
    assert shapes(graph) == {"y": "(batch, 3, 4)"}


def test_two_inputs() -> None:
    graph = graph_of(TWO_INPUTS)
    assert [(item.name, show(item.tensor.shape)) for item in graph.inputs] == [
        ("text", "(batch, text)"),
        ("question", "(batch, question)"),
    ]
    assert shapes(graph) == {"answer": "(batch, 500)"}


def test_three_outputs() -> None:
    graph, warnings = elaborated(THREE_OUTPUTS)
    assert warnings == ["compiled-twice", "compiled-twice"]
    assert shapes(graph) == {"age": "(batch, 1)", "income": "(batch, 10)", "gender": "(batch, 1)"}
    assert [output.loss_weight for output in graph.outputs] == [0.25, 1.0, 10.0]


# --------------------------------------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("Input(784)", "(batch, 784)", "float"),
        ("Input(20, 784)", "(batch, 20, 784)", "float"),
        ("Input((20, 784))", "(batch, 20, 784)", "float"),
        ("Input(shape=(20, 784))", "(batch, 20, 784)", "float"),
        ("Input(shape=[20, 784])", "(batch, 20, 784)", "float"),
        ("Input(batch_shape=(None, 784))", "(batch, 784)", "float"),
        ("Input(None, int32)", "(batch, x)", "int32"),
        ("Input(None, None, 3)", "(batch, x, x_2, 3)", "float"),
        ('Input(None, "int32")', "(batch, x)", "int32"),
        ('Input(shape=(None,), dtype="int32", name="text")', "(batch, text)", "int32"),
        ('Input("steps", 64)', "(batch, steps, 64)", "float"),
        ("Input(8, float32)", "(batch, 8)", "float"),
        ("Input(8, dtype=None)", "(batch, 8)", "float"),
        ("keras.Input((8,))", "(batch, 8)", "float"),
        ("tf.keras.layers.Input((8,))", "(batch, 8)", "float"),
        ("layers.InputLayer(shape=(8,))", "(batch, 8)", "float"),
    ],
)
def test_the_spellings_of_an_input(text: str, shape: str, dtype: str) -> None:
    graph = graph_of(f"x = {text}\nmodel = Model(x, Flatten()(x))")
    (entry,) = graph.inputs
    assert (show(entry.tensor.shape), entry.tensor.dtype) == (shape, dtype)


def test_inputs_share_a_dimension_by_its_name_and_none_without() -> None:
    named = graph_of('a = Input("steps", 4)\nb = Input("steps", 4)\nmodel = Model([a, b], a + b)')
    assert show(named.outputs[0].tensor.shape) == "(batch, steps, 4)"
    own = graph_of("a = Input(None, 4)\nb = Input(None, 4)\nmodel = Model([a, b], Concatenate(axis=1)([a, b]))")
    assert show(own.outputs[0].tensor.shape) == "(batch, a + b, 4)"


def test_a_named_dimension_is_not_the_one_of_an_input_of_that_name() -> None:
    graph = graph_of('steps = Input(None)\nb = Input("steps")\nmodel = Model([steps, b], Concatenate()([steps, b]))')
    assert show(graph.outputs[0].tensor.shape) == "(batch, steps + steps_2)"


def test_an_input_is_named_by_its_argument_else_its_variable_else_input() -> None:
    text = 'a = Input(4, name="first")\nb = Input(4)\nmodel = Model([a, b], a + b)'
    assert [entry.name for entry in graph_of(text).inputs] == ["first", "b"]
    listed = "both = [Input(4), Input(4)]\nmodel = Model(both, Add()(both))"
    assert [entry.name for entry in graph_of(listed).inputs] == ["input", "input_2"]


# ------------------------------------------------------------------------------------------------------ names of layers


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("x = Input(4)\nstart = x\nx = Dense(3)(x)\nmodel = Model(start, x)", ["x_2"], ["x"]),
        ("x = Input(4)\ny = Dense(3, name='x')(x)\nmodel = Model(x, y)", ["x_2"], ["x"]),
        ("x = Input(4, name='y')\ny = Dense(3)(x)\nmodel = Model(x, y)", ["y"], ["y_2"]),
    ],
)
def test_no_input_has_the_name_of_an_output_beside_which_its_data_may_be(
    text: str, inputs: list[str], outputs: list[str]
) -> None:
    graph = graph_of(f"{text}\n")
    assert [item.name for item in graph.inputs] == inputs
    assert [item.name for item in graph.outputs] == outputs


def test_a_layer_is_named_by_argument_then_holder_then_output_then_kind() -> None:
    graph = graph_of("""
x = Input(8)
held = Dense(8)
a = Dense(8, name="given")(x)
b = held(a)
c = Dense(8)(b)
y = Dense(1)(Dense(8)(c))
model = Model(x, y)
""")
    assert layers(graph) == ["given", "held", "c", "dense", "y"]
    assert [node.outputs[0].name for node in graph.nodes] == ["a", "b", "c", "dense", "y"]


def test_a_taken_name_is_numbered_and_an_explicit_one_comes_first() -> None:
    graph = graph_of('i = Input(8)\nx = Dense(8)(i)\nx = Dense(8)(x)\nz = Dense(1, name="x")(x)\nm = Model(i, z)')
    assert layers(graph) == ["x_2", "x_3", "x"]


def test_the_calls_of_a_block_make_new_layers_with_the_name_of_the_call_first() -> None:
    graph = graph_of("""
def stage(x, units, rate=0.5):
    hidden = Dense(units, relu)(x)
    return Dropout(rate)(hidden)

i = Input(8)
x = stage(i, 16)
x = stage(x, 32, rate=0.25)
y = Dense(1)(x)
model = Model(i, y)
""")
    assert layers(graph) == ["stage/hidden", "stage/dropout", "stage_2/hidden", "stage_2/dropout", "y"]
    assert [node.outputs[0].name for node in graph.nodes] == ["stage/hidden", "x", "stage_2/hidden", "x", "y"]
    assert written(graph.nodes[3]) == "Dropout(rate=0.25)"
    assert texts(graph)[:2] == ["hidden = Dense(units, relu)(x)", "Dropout(rate)(hidden)"]


def test_blocks_inside_blocks() -> None:
    graph = graph_of("""
def inner(x):
    return Dense(4)(x)
def outer(x):
    a = inner(x)
    return inner(a)
i = Input(4)
model = Model(i, outer(outer(i)))
""")
    assert layers(graph) == ["outer/inner/dense", "outer/inner_2/dense", "outer_2/inner/dense", "outer_2/inner_2/dense"]


def test_a_layer_that_is_called_twice_shares_its_weights() -> None:
    graph = graph_of(
        "a = Input(8)\nb = Input(8)\nscore = Dense(1)\nleft = score(a)\nright = score(b)\n"
        "model = Model([a, b], [left, right])"
    )
    assert layers(graph) == ["score"]
    assert [node.layer for node in graph.nodes] == [graph.layers[0]] * 2
    assert [output.name for output in graph.outputs] == ["left", "right"]


# -------------------------------------------------------------------------------------------------------- called models

CLASSIFIER = """
image = Input(784)
classifier = Model(image, Dense(10, softmax)(Dense(32, relu)(image)))
"""


def test_a_model_is_called_like_a_layer_and_shares_its_weights() -> None:
    graph = graph_of(
        CLASSIFIER + "a = Input(784)\nb = Input(784)\n"
        "both = Concatenate()([classifier(a), classifier(b)])\nmodel = Model([a, b], both)"
    )
    assert layers(graph) == ["classifier/dense", "classifier/dense_2", "both"]
    assert [node.layer.name for node in graph.nodes] == [
        "classifier/dense",
        "classifier/dense_2",
        "classifier/dense",
        "classifier/dense_2",
        "both",
    ]


def test_a_model_in_a_model_keeps_both_names() -> None:
    graph = graph_of(
        CLASSIFIER + "a = Input(784)\nouter = Model(a, classifier(a), name='wrapper')\n"
        "b = Input(784)\ny = outer(b)\nmodel = Model(b, y)"
    )
    assert layers(graph) == ["wrapper/classifier/dense", "wrapper/classifier/dense_2"]
    assert [output.name for output in graph.outputs] == ["y"]


def test_a_sequential_without_an_input_is_built_by_its_first_call() -> None:
    graph = graph_of("tower = Sequential([Dense(8), Dense(2)])\nx = Input(5)\ny = tower(x)\nmodel = Model(x, y)")
    assert layers(graph) == ["tower/dense", "tower/dense_2"]
    assert graph.layers[0].weights["kernel"].shape == (5, 8)


def test_a_sequential_holds_models_and_an_input() -> None:
    graph = graph_of(CLASSIFIER + "model = Sequential([Input(784), classifier, Dense(2)], name='all')")
    assert graph.name == "all"
    assert layers(graph) == ["classifier/dense", "classifier/dense_2", "dense"]


def test_a_frozen_model_freezes_its_layers() -> None:
    graph = graph_of(
        "i = Input(4)\nbase = Model(i, Dense(4)(i), trainable=False)\nx = Input(4)\n"
        "y = Dense(1)(base(x))\nz = Dense(1, trainable=False)(y)\nmodel = Model(x, z)"
    )
    assert [layer.trainable for layer in graph.layers] == [False, True, False]


# ------------------------------------------------------------------------------------------------------------ operators


@pytest.mark.parametrize(
    ("expression", "components"),
    [
        ("x + 1", ["AddConstant(constant=1)"]),
        ("1 + x", ["AddConstant(constant=1)"]),
        ("x - 2", ["AddConstant(constant=-2)"]),
        ("2 - x", ["SubtractFromConstant(constant=2)"]),
        ("3 * x", ["MultiplyByConstant(constant=3)"]),
        ("x / 2", ["DivideByConstant(constant=2)"]),
        ("1 / x", ["DivideConstant(constant=1)"]),
        ("x ** 2", ["Power(exponent=2)"]),
        ("-x", ["Negative"]),
        ("relu(x)", ["relu"]),
        ("leaky_relu(x, 0.3)", ["leaky_relu(negative_slope=0.3)"]),
        ("activations.softmax(x)", ["softmax"]),
        ("x + x * x", ["Multiply", "Add"]),
        ("x - x / x", ["Divide", "Subtract"]),
        ("x[:, 2:5]", ["Slice(parts=((None, None, None), (2, 5, None)))"]),
    ],
)
def test_operators_on_tensors_are_layers(expression: str, components: list[str]) -> None:
    assert [written(node) for node in between(expression).nodes] == components


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("x[:, 0]", "(batch, 4)"),
        ("x[:, -1, :]", "(batch, 4)"),
        ("x[:, 2:5]", "(batch, 3, 4)"),
        ("x[:, 2:]", "(batch, steps - 2, 4)"),
        ("x[:, :-1]", "(batch, steps - 1, 4)"),
        ("x[:, -3:]", "(batch, 3, 4)"),
        ("x[:, ::2]", "(batch, (steps + 1) // 2, 4)"),
        ("x[:, :, 1:3]", "(batch, steps, 2)"),
        ("x @ Permute((2, 1))(x)", "(batch, steps, steps)"),
    ],
)
def test_the_shapes_of_slices_and_products(expression: str, shape: str) -> None:
    graph = between(expression, 'x = Input("steps", 4)')
    assert show(graph.outputs[0].tensor.shape) == shape


def test_a_slice_keeps_the_dtype_of_ids() -> None:
    graph = between("x[:, 1:]", "x = Input(5, int32)")
    assert graph.outputs[0].tensor.dtype == "int32"


# ----------------------------------------------------------------------------------------------------- Keras' spellings


@pytest.mark.parametrize(
    "text",
    [
        "Dense(3, relu)(x)",
        "Dense(3, 'relu')(x)",
        "Dense(units=3, activation=relu)(x)",
        "layers.Dense(3, activation='relu')(x)",
        "keras.layers.Dense(3, activation=keras.activations.relu)(x)",
        "tf.keras.layers.Dense(3, activation=tf.keras.activations.relu)(x)",
        "tensorflow.keras.layers.Dense(3, relu)(x)",
        "Dense(3, relu())(x)",
        "Dense(3, relu, kernel_initializer='glorot_uniform')(x)",
        "Dense(3, relu, dtype='float32', kernel_constraint=None)(x)",
    ],
)
def test_spellings_of_a_layer(text: str) -> None:
    assert [written(node) for node in between(text).nodes] == ["Dense(units=3, activation=relu)"]


@pytest.mark.parametrize(
    "text",
    ["Concatenate(-1)([x, x])", "layers.concatenate([x, x], axis=-1)", "concatenate([x, x])", "Concatenate()((x, x))"],
)
def test_spellings_of_a_merging_layer(text: str) -> None:
    assert [written(node) for node in between(text).nodes] == ["Concatenate"]


def test_the_name_of_a_function_form_is_that_of_its_layer() -> None:
    graph = graph_of("x = Input(4)\nmodel = Model(x, layers.add([x, Dense(4)(x)], name='sum'))")
    assert layers(graph) == ["dense", "sum"]


@pytest.mark.parametrize(
    "text", ["adam(0.01)", "Adam(0.01)", "optimizers.Adam(0.01)", "keras.optimizers.Adam(learning_rate=0.01)"]
)
def test_spellings_of_an_optimizer(text: str) -> None:
    graph = graph_of(f"x = Input(4)\nmodel = Model(x, Dense(1)(x))\nmodel.compile({text}, mse)")
    assert graph.training is not None
    assert describe(graph.training.optimizer) == "Adam(learning_rate=0.01)"


@pytest.mark.parametrize(
    "text",
    ["mse", "'mse'", "mean_squared_error", "MeanSquaredError()", "losses.mse", "keras.losses.MeanSquaredError()"],
)
def test_spellings_of_a_loss(text: str) -> None:
    graph = graph_of(f"x = Input(4)\nmodel = Model(x, Dense(1)(x))\nmodel.compile(adam, {text})")
    assert type(graph.outputs[0].loss).__name__ == "MeanSquaredError"


def test_imports_of_keras_are_accepted_with_their_names() -> None:
    graph = graph_of("""
import keras
import tensorflow as tf
import tensorflow.keras.layers as tfl
from tensorflow import keras as k
from keras import layers as L, Model as M
from tensorflow.keras.layers import Dense as D, Input
from keras.models import Sequential
from keras.utils import to_categorical
x = Input(shape=(4,))
h = D(3)(L.Dense(3)(tfl.Dense(3)(x)))
y = k.layers.Dense(1)(keras.layers.Dense(3)(tf.keras.layers.Dense(3)(h)))
m = M(x, y)
""")
    assert len(graph.nodes) == 6


def test_a_binding_of_the_file_wins_over_a_word() -> None:
    graph = graph_of("relu = tanh\nx = Input(4)\nmodel = Model(x, Dense(1, relu)(x))")
    assert written(graph.nodes[0]) == "Dense(units=1, activation=tanh)"


# ------------------------------------------------------------------------------------------------ constants and control


def test_constants_arithmetic_lists_and_loops() -> None:
    graph = graph_of("""
sizes = [2 ** 3, 7 // 2 + 1] + [2] * 2
half, whole = 0.5, 1.0
i = Input(4)
x = i
for size in sizes[1:]:
    x = Dense(size)(x)
for k in range(2):
    x = Dropout(half * whole / (k + 1))(x)
model = Model(i, x)
""")
    assert [written(node) for node in graph.nodes] == [
        "Dense(units=4)",
        "Dense(units=2)",
        "Dense(units=2)",
        "Dropout(rate=0.5)",
        "Dropout(rate=0.25)",
    ]


def test_statements_are_headings_on_one_line_without_comments() -> None:
    graph = graph_of("""
x = Input(4)
y = Dense(
    3,  # three
    activation=relu,
)(x)  # done
model = Model(x, y)
""")
    assert texts(graph) == ["y = Dense(3, activation=relu)(x)"]


def test_the_documentation_of_the_file_is_kept() -> None:
    assert graph_of('"""Says\nwhat."""\nx = Input(4)\nmodel = Model(x, Dense(1)(x))').docstring == "Says\nwhat."


# ------------------------------------------------------------------------------------------------------------- training

TWO_OUTPUTS = """
x = Input(4)
age = Dense(1)(x)
kind = Dense(3, softmax, name="class")(x)
model = Model(x, [age, kind])
"""


@pytest.mark.parametrize(
    "compile",
    [
        "model.compile(adam, [mse, categorical_crossentropy], [0.5, 2], [None, [acc, mae]])",
        "model.compile(adam, {age: mse, kind: categorical_crossentropy}, {age: 0.5, kind: 2}, {kind: [acc, mae]})",
        "model.compile(optimizer='adam', loss={'age': 'mse', 'class': 'categorical_crossentropy'}, "
        "loss_weights={'class': 2, 'age': 0.5}, metrics={'class': ['acc', 'mae']})",
    ],
)
def test_losses_weights_and_metrics_by_position_variable_and_name(compile: str) -> None:
    graph = graph_of(TWO_OUTPUTS + compile)
    first, second = graph.outputs
    assert (first.name, first.loss_text, first.loss_weight, first.metrics) == ("age", "mse", 0.5, ())
    assert (second.name, second.loss_text, second.loss_weight) == ("class", "categorical_crossentropy", 2.0)
    assert [name for name, _ in second.metrics] == ["acc", "mae"]


def test_an_output_may_go_untrained() -> None:
    graph = graph_of(TWO_OUTPUTS + "model.compile(adam, {age: mse, kind: None})")
    assert [output.loss is None for output in graph.outputs] == [False, True]


def test_one_loss_for_all_outputs() -> None:
    graph = graph_of(TWO_OUTPUTS + "model.compile(adam, mse)")
    assert [output.loss_text for output in graph.outputs] == ["mse", "mse"]


def test_metrics_are_logged_under_the_names_that_keras_gives_them() -> None:
    graph = graph_of(
        "x = Input(4)\nmodel = Model(x, Dense(1)(x))\n"
        "model.compile(adam, huber(delta=2.0), "
        "metrics=[mae, 'mae', MeanAbsoluteError(), MeanAbsoluteError(name='error')])"
    )
    (output,) = graph.outputs
    assert [name for name, _ in output.metrics] == ["mae", "mae_1", "mean_absolute_error", "error"]
    assert output.loss_text == "huber(delta=2.0)"


ACCURACIES = {
    **dict.fromkeys(("accuracy", "'accuracy'", "accuracy()"), ("accuracy", "BinaryAccuracy")),
    **dict.fromkeys(("acc", "'acc'"), ("acc", "BinaryAccuracy")),
    "'Accuracy'": ("Accuracy", "BinaryAccuracy"),
    "'ACC'": ("ACC", "BinaryAccuracy"),
    "accuracy(name='right')": ("right", "BinaryAccuracy"),
    **dict.fromkeys(
        ("Accuracy", "Accuracy()", "keras.metrics.Accuracy", "keras.metrics.Accuracy()", "metrics.Accuracy()"),
        ("accuracy", "Accuracy"),
    ),
    "keras.metrics.Accuracy(name='equal')": ("equal", "Accuracy"),
    **dict.fromkeys(
        ("binary_accuracy", "'binary_accuracy'", "BinaryAccuracy", "keras.metrics.BinaryAccuracy()"),
        ("binary_accuracy", "BinaryAccuracy"),
    ),
    "'BinaryAccuracy'": ("BinaryAccuracy", "BinaryAccuracy"),
    "keras.metrics.mean_squared_error": ("mean_squared_error", "MeanSquaredError"),
    "keras.metrics.MeanSquaredError": ("mean_squared_error", "MeanSquaredError"),
    "'MSE'": ("MSE", "MeanSquaredError"),
}
"""What a metric is logged as, and its class: in Keras a string is looked up, a class is another thing."""


@pytest.mark.parametrize("text", ACCURACIES)
def test_the_word_accuracy_is_not_the_class(text: str) -> None:
    model = "x = Input(4)\nmodel = Model(x, Dense(1, sigmoid)(x))\n"
    graph = graph_of(f"from keras import metrics\n{model}model.compile(adam, binary_crossentropy, metrics=[{text}])")
    assert [(name, type(metric).__name__) for name, metric in graph.outputs[0].metrics] == [ACCURACIES[text]]


def test_the_optimizer_is_rmsprop_unless_said() -> None:
    graph = graph_of("x = Input(4)\nmodel = Model(x, Dense(1)(x))\nmodel.compile(loss=mse)")
    assert graph.training is not None
    assert describe(graph.training.optimizer) == "RMSprop"


def test_fit_gives_defaults() -> None:
    graph = graph_of(
        "x = Input(4)\nmodel = Model(x, Dense(1)(x))\nmodel.compile(adam, mse)\n"
        "history = model.fit(epochs=10, batch_size=128, validation_split=0.2, shuffle=False)"
    )
    assert graph.training is not None
    assert graph.training.fit == {"epochs": 10, "batch_size": 128, "validation_split": 0.2, "shuffle": False}


def test_a_model_that_is_not_compiled_is_for_inference() -> None:
    graph = graph_of("x = Input(4)\nmodel = Model(x, Dense(1)(x))")
    assert graph.training is None
    assert graph.outputs[0].loss is None


def test_the_model_of_the_file_is_the_compiled_one_else_the_last() -> None:
    text = "x = Input(4)\nh = Dense(2)(x)\nfirst = Model(x, h)\ny = Dense(1)(h)\nsecond = Model(x, y)\n"
    assert elaborated(text)[0].name == "second"
    graph, warnings = elaborated(text + "first.compile(adam, mse)")
    assert graph.name == "first"
    assert set(warnings) <= {"unused-variable", "unused-layer"}


def test_the_last_compile_stands_with_a_warning() -> None:
    text = "x = Input(4)\nmodel = Model(x, Dense(1)(x))\nmodel.compile(adam, mse)\nmodel.compile(sgd, mae)"
    graph, warnings = elaborated(text)
    assert graph.outputs[0].loss_text == "mae"
    assert warnings == ["compiled-twice"]


def test_only_what_an_output_needs_is_in_the_graph() -> None:
    graph, warnings = elaborated("x = Input(4)\ndead = Dense(9)(x)\ny = Dense(1)(x)\nmodel = Model(x, y)")
    assert layers(graph) == ["y"]
    assert warnings == ["unused-layer"]


# ----------------------------------------------------------------------------------------------------------------- size


def test_a_file_of_two_thousand_layers_is_elaborated_quickly() -> None:
    lines = ["i = Input(16)", "x = i", *["x = Dense(16, relu)(x)"] * 2000, "model = Model(i, x)"]
    started = time.process_time()
    graph = graph_of("\n".join(lines))
    assert len(graph.nodes) == 2000
    assert time.process_time() - started < 6  # parsing takes most of it; a quadratic step would take minutes


def test_the_dtypes_of_tensorflow() -> None:
    graph = graph_of("x = Input(3, dtype=tf.float32)\ny = Dense(2)(x)\nmodel = Model(x, y)\n")
    assert graph.inputs[0].tensor.dtype == "float"
    assert codes_of("x = Input(3, dtype=tf.int32)\nmodel = Model(x, Flatten()(x))\n") == []


def codes_of(text: str) -> list[str]:
    return elaborated(text)[1]


def test_arguments_of_a_summary_change_nothing() -> None:
    text = "x = Input(3)\nmodel = Model(x, Dense(2)(x))\nmodel.summary(line_length=80)\n"
    assert codes_of(text) == ["ignored-argument"]


def test_an_input_is_a_layer_among_those_of_a_model() -> None:
    text = """
x = Input((4,), name="numbers")
model = Model(x, Dense(1)(x))
shapes = [layer.output_shape for layer in model.layers]
first = model.layers[0]
assert shapes == [(None, 4), (None, 1)] and first.name == "numbers" and first.weights == []
"""
    assert codes_of(text) == []


def test_a_message_names_an_input_as_a_reader_would() -> None:
    diagnostics = Diagnostics()
    text = "x = Input(4)\nmodel = Model(x, Dense(1)(x))\nn = model.layers[0].units"
    understand(Source("model.nn", text), diagnostics)
    assert [item.message for item in diagnostics.items if item.severity == "error"] == ["An Input has no `units`"]
