"""The models on which the contract of the generated file is tested, as `.nn` texts, built once each."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from gen import compiler
from gen.compiler import Options
from gen.emit.view import View
from tests.building import graph_of, load

TEXTS = {
    # One input, two outputs trained by name; defaults of `fit`.
    "credit": '''
"""Two heads on one trunk: an amount and a yes/no."""
applicant = Input(100)
h = Dense(32, relu)(applicant)
amount = Dense(1)(h)
default = Dense(1, sigmoid)(h)
model = Model(applicant, [amount, default])
model.compile(
    rmsprop(0.001),
    loss={amount: mse, default: binary_crossentropy},
    loss_weights={amount: 0.25, default: 10.0},
    metrics={default: accuracy},
)
model.fit(epochs=10)
''',
    # Two inputs that share a length, class ids for each step, random numbers and moving statistics.
    "tags": '''
"""A tag for each step.

It has lengths known only from the data, dropout and moving statistics.
"""
marks = Input("steps", 3)
scores = Input("steps", 2)
x = Concatenate()([marks, scores])
x = BatchNormalization(name="norm")(Dropout(0.5)(x))
tags = Dense(4, softmax)(x)
model = Model([marks, scores], tags)
model.compile(sgd(0.1), loss=sparse_categorical_crossentropy, metrics=[accuracy])
''',
    # Three outputs trained by lists.
    "people": """
post = Input(6)
x = Dense(8, relu)(post)
age = Dense(1)(x)
income = Dense(3, softmax)(x)
gender = Dense(1, sigmoid)(x)
model = Model(post, [age, income, gender])
model.compile(
    adam(0.01),
    [mse, categorical_crossentropy, binary_crossentropy],
    loss_weights=[0.25, 1.0, 10.0],
    metrics=[[mae], [accuracy], [accuracy, AUC()]],
)
model.fit(epochs=3, batch_size=8, validation_split=0.25, shuffle=False)
""",
    "two_classes": """
model = Sequential()
model.add(Dense(32, activation=relu, input_dim=100))
model.add(Dense(1, activation=sigmoid))
model.compile(optimizer=rmsprop, loss=binary_crossentropy, metrics=[accuracy])
""",
    # Random numbers, class ids for each row, defaults of `fit`, a regularizer.
    "digits": """
pixels = Input(12)
x = Dropout(0.2)(Dense(16, relu, kernel_regularizer=l2(0.01))(pixels))
digit = Dense(10, softmax)(x)
model = Model(pixels, digit)
model.compile(adam(0.01), loss=sparse_categorical_crossentropy, metrics=[accuracy])
""",
    # A target for each step, in lengths that follow from those of the inputs, of which there must be four at least.
    "window": """
track = Input(None, 2)
steps = Dense(3)(track[:, 3:])
next_steps = Dense(2)(steps)
model = Model(track, next_steps)
model.compile(sgd(0.1), loss=mse)
""",
    # Lengths of their own for each input.
    "lengths": """
left = Input(None, 2)
right = Input(None, 2)
first = Dense(2, softmax)(left)
second = Dense(1)(right)
model = Model([left, right], [first, second])
model.compile(sgd(0.1), loss=[categorical_crossentropy, mse])
""",
    # Whole numbers in, and out; one output is not trained.
    "whole": """
ids = Input(4, int32)
x = Input(3)
pairs = Reshape((2, 2))(ids)
y = Dense(1)(x)
model = Model([ids, x], [pairs, y])
model.compile(sgd(0.1), loss={pairs: None, y: mse})
""",
    "frozen": """
x = Input(5)
base = Dense(4, tanh, trainable=False)(x)
y = Dense(2)(BatchNormalization(momentum=0.5)(base))
model = Model(x, y)
model.compile(sgd(0.1), loss=mse)
""",
    "uncompiled": """
x = Input(5)
y = Dense(2, softmax)(Dropout(0.5)(Dense(4, relu)(x)))
model = Model(x, y)
""",
}

INFERENCE = ("credit", "tags")
"""Which of them are built without training as well."""

NAMES = (*TEXTS, *(f"{name}_inference" for name in INFERENCE))


@cache
def sample_view(name: str) -> View:
    base = name.removesuffix("_inference")
    return compiler.view(
        graph_of(TEXTS[base], f"{base}.nn"), f"{base}.nn", Options(inference=base != name, verify=True)
    )


@cache
def sample_text(name: str) -> str:
    return compiler.render(sample_view(name))


@cache
def sample(name: str) -> ModuleType:
    return load(sample_text(name), name)
