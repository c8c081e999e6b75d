"""The view of `credit.nn`, written by hand: what the compiler would hand to the templates."""

from __future__ import annotations

from dataclasses import replace

from gen.emit.view import DimView, FormulaView, InputView, MetricView, OutputView, SlotView, View, WeightView

GLOROT_UNIFORM = '''
def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform in ±√(6 / (fan in + fan out))."""
    limit = math.sqrt(6.0 / (shape[0] + shape[1]))
    return rng.uniform(-limit, limit, shape)
'''

BINARY_ACCURACY = '''
def binary_accuracy(y_true: Array, y_pred: Array) -> tuple[float, int]:
    """How many predictions are on the right side of one half, and how many there are."""
    right = (y_pred > 0.5) == (y_true > 0.5)
    return float(np.count_nonzero(right)), right.size


def mean(total: float, count: int) -> float:
    return total / count
'''

FORWARD = '''
def forward(p: Params, b: Buffers, applicant: Array) -> None:
    """Fills `b` with the outputs of all layers; default is left as logits."""

    # h = Dense(32, relu)(applicant)                        (batch, 32)
    h = np.dot(applicant, p.h_kernel, out=b.h)
    h += p.h_bias
    np.maximum(h, 0.0, out=h)

    # amount = Dense(1)(h)                                  (batch, 1)
    amount = np.dot(h, p.amount_kernel, out=b.amount)
    amount += p.amount_bias

    # default = Dense(1, sigmoid)(h)                        (batch, 1), as logits
    default = np.dot(h, p.default_kernel, out=b.default)
    default += p.default_bias
'''

LOSS = '''
def loss(
    p: Params, b: Buffers, amount_true: Array, default_true: Array,
    amount_weight: Array | None, default_weight: Array | None,
) -> tuple[float, ...]:
    """The total loss and those of amount and default; leaves their predictions in `b`."""
    batch = amount_true.shape[0]
    amount, default, term, relu = b.amount, b.default, b.term, b.relu

    # amount: mse
    damount = np.subtract(amount, amount_true, out=b.damount)
    if amount_weight is None:
        amount_loss = float(np.vdot(damount, damount)) / batch
    else:
        np.multiply(damount, amount_weight[:, None], out=term)
        amount_loss = float(np.vdot(damount, term)) / batch

    # default: binary_crossentropy(sigmoid(default)), from the logits
    np.abs(default, out=term)
    np.negative(term, out=term)
    np.exp(term, out=term)
    np.log1p(term, out=term)
    np.maximum(default, 0.0, out=relu)
    term += relu
    np.multiply(default, default_true, out=relu)
    term -= relu
    if default_weight is not None:
        term *= default_weight[:, None]
    default_loss = float(np.add.reduce(term, axis=None)) / batch
    default *= 0.5
    np.tanh(default, out=default)
    default += 1.0
    default *= 0.5

    return 0.25 * amount_loss + 10.0 * default_loss, amount_loss, default_loss
'''

BACKWARD = '''
def backward(
    p: Params, g: Params, b: Buffers, applicant: Array, amount_true: Array, default_true: Array,
    amount_weight: Array | None, default_weight: Array | None, *, wanted: bool = False,
) -> None:
    """Fills `g` after `forward` and `loss`; if `wanted`, `b.dapplicant` as well."""
    batch = applicant.shape[0]
    h, damount = b.h, b.damount

    # default: binary_crossentropy(sigmoid(default))
    ddefault = np.subtract(b.default, default_true, out=b.term)
    ddefault *= 10.0 / batch
    if default_weight is not None:
        ddefault *= default_weight[:, None]

    # amount: mse
    damount *= 0.25 * 2.0 / batch
    if amount_weight is not None:
        damount *= amount_weight[:, None]

    # default = Dense(1, sigmoid)(h)
    np.dot(h.T, ddefault, out=g.default_kernel)
    np.add.reduce(ddefault, axis=0, out=g.default_bias)
    dh = np.dot(ddefault, p.default_kernel.T, out=b.dh)

    # amount = Dense(1)(h)
    np.dot(h.T, damount, out=g.amount_kernel)
    np.add.reduce(damount, axis=0, out=g.amount_bias)
    dh += damount * p.amount_kernel.T

    # h = Dense(32, relu)(applicant)
    np.greater(h, 0.0, out=b.active)
    dh *= b.active
    np.dot(applicant.T, dh, out=g.h_kernel)
    np.add.reduce(dh, axis=0, out=g.h_bias)
    if wanted:
        b.dapplicant = np.dot(dh, p.h_kernel.T)
'''

UPDATE = '''
def update(p: Params, g: Params, s: Slots, learning_rate: float, step: int) -> None:
    """RMSprop, one pass over all weights."""
    w, dw, average, change = p.trainable, g.trainable, s.average, s.change
    np.multiply(dw, dw, out=change)
    change *= 0.1
    average *= 0.9
    average += change
    np.add(average, 1e-7, out=change)
    np.sqrt(change, out=change)
    np.divide(dw, change, out=change)
    change *= learning_rate
    w -= change
'''

INFER = '''
def infer(p: Params, b: InferenceBuffers, applicant: Array) -> tuple[Array, ...]:
    """amount and default, the latter as logits, in inference mode."""

    # h = Dense(32, relu)(applicant)                        (batch, 32)
    h = np.dot(applicant, p.h_kernel, out=b.h)
    h += p.h_bias
    np.maximum(h, 0.0, out=h)

    # amount = Dense(1)(h)                                  (batch, 1)
    amount = np.dot(h, p.amount_kernel, out=b.amount)
    amount += p.amount_bias

    # default = Dense(1, sigmoid)(h)                        (batch, 1), as logits
    default = np.dot(h, p.default_kernel, out=b.default)
    default += p.default_bias
    return amount, default
'''

ACTIVATE = '''
def activate(b: InferenceBuffers, amount: Array, default: Array) -> None:
    """Makes the heads of `infer` predictions, in place."""
    default *= 0.5
    np.tanh(default, out=default)
    default += 1.0
    default *= 0.5
'''

CREDIT = View(
    title="Two heads on one trunk: an amount and a yes/no.",
    doc="",
    source="credit.nn",
    interface="""\
applicant  (batch, 100)  float32   input
amount     (batch, 1)    float32   output   mse                   weight 0.25
default    (batch, 1)    float32   output   binary_crossentropy   weight 10.0""",
    layers="""\
layer    kind              output shape   parameters
h        Dense, relu       (batch, 32)         3,232
amount   Dense             (batch, 1)             33
default  Dense, sigmoid    (batch, 1)             33
                                               3,298""",
    training=True,
    random=False,
    tracks=False,
    fused=True,
    evaluates_by_forward=True,
    inputs=(InputView("applicant", "applicant", "float32", (100,), 0, "rng.normal(size=(rows, 100))"),),
    outputs=(
        OutputView("amount", "amount", "float32", (1,), 0, True, (1,), example="rng.normal(size=(rows, 1))"),
        OutputView("default", "default", "float32", (1,), 1, True, (1,), example="rng.random((rows, 1))"),
    ),
    weights=(
        WeightView("h/kernel", "h_kernel", "100, 32"),
        WeightView("h/bias", "h_bias", "32"),
        WeightView("amount/kernel", "amount_kernel", "32, 1"),
        WeightView("amount/bias", "amount_bias", "1"),
        WeightView("default/kernel", "default_kernel", "32, 1"),
        WeightView("default/bias", "default_bias", "1"),
    ),
    size=3298,
    trainable_size=3298,
    dims=(),
    formulas=(),
    sizes="applicant.shape[0]",
    helpers=(GLOROT_UNIFORM.strip(), BINARY_ACCURACY.strip()),
    functions=tuple(text.strip() for text in (FORWARD, LOSS, BACKWARD, UPDATE, INFER, ACTIVATE)),
    initialize=(
        "p.h_kernel[...] = glorot_uniform(rng, (100, 32))",
        "p.h_bias[...] = 0.0",
        "p.amount_kernel[...] = glorot_uniform(rng, (32, 1))",
        "p.amount_bias[...] = 0.0",
        "p.default_kernel[...] = glorot_uniform(rng, (32, 1))",
        "p.default_bias[...] = 0.0",
    ),
    buffers=(
        "self.h = np.empty((batch, 32), dtype)",
        "self.amount = np.empty((batch, 1), dtype)",
        "self.default = np.empty((batch, 1), dtype)",
        "self.dh = np.empty((batch, 32), dtype)",
        "self.damount = np.empty((batch, 1), dtype)",
        "self.active = np.empty((batch, 32), bool)",
        "self.term = np.empty((batch, 1), dtype)",
        "self.relu = np.empty((batch, 1), dtype)",
        "self.dapplicant = np.empty((0, 100), dtype)",
    ),
    inference_buffers=(
        "self.h = np.empty((batch, 32), dtype)",
        "self.amount = np.empty((batch, 1), dtype)",
        "self.default = np.empty((batch, 1), dtype)",
    ),
    slots=(SlotView("average", 1),),
    scratch=("self.change = np.empty(3298, state.dtype)",),
    metrics=(
        MetricView(
            "default_accuracy",
            "default_accuracy",
            "binary_accuracy(default_true, b.default)",
            "mean(*default_accuracy)",
        ),
    ),
    epochs=10,
)

CREDIT_INFERENCE = replace(
    CREDIT,
    training=False,
    helpers=(GLOROT_UNIFORM.strip(),),
    functions=(INFER.strip(), ACTIVATE.strip()),
    buffers=(),
    slots=(),
    scratch=(),
    metrics=(),
)


# ------------------------------------------------------------------------------------------------------------- tags

TAG_INFER = '''
def infer(p: Params, b: InferenceBuffers, words: Array, scores: Array) -> tuple[Array, ...]:
    """tags in inference mode, as logits."""

    # x = Dense(4)(Concatenate()([Embedding(50, 3)(words), scores])) + shift
    np.concatenate([p.table_embeddings[words], scores], axis=-1, out=b.x)
    tags = np.matmul(b.x, p.tags_kernel, out=b.tags)
    tags += p.shift_mean
    return (tags,)
'''

TAG_FORWARD = '''
def forward(p: Params, b: Buffers, rng: np.random.Generator, words: Array, scores: Array) -> None:
    """Fills `b`; tags are left as logits."""

    # x = Dense(4)(Dropout(0.5)(Concatenate()([Embedding(50, 3)(words), scores]))) + shift
    np.concatenate([p.table_embeddings[words], scores], axis=-1, out=b.x)
    b.kept[...] = rng.random(b.kept.shape) >= 0.5
    b.x *= b.kept
    b.x *= 2.0
    tags = np.matmul(b.x, p.tags_kernel, out=b.tags)
    tags += p.shift_mean
'''

TAG_LOSS = '''
def loss(p: Params, b: Buffers, tags_true: Array, tags_weight: Array | None) -> tuple[float, ...]:
    """The loss of tags; leaves their prediction in `b`."""
    tags = b.tags
    tags -= tags.max(axis=-1, keepdims=True)
    np.exp(tags, out=tags)
    tags /= np.add.reduce(tags, axis=-1, keepdims=True)
    losses = -np.log(np.take_along_axis(tags, tags_true[..., None], axis=-1)[..., 0])
    if tags_weight is not None:
        losses *= tags_weight[:, None]
    tags_loss = float(np.add.reduce(losses, axis=None)) / losses.size
    return tags_loss, tags_loss
'''

TAG_BACKWARD = '''
def backward(
    p: Params, g: Params, b: Buffers, words: Array, scores: Array, tags_true: Array,
    tags_weight: Array | None, *, wanted: bool = False,
) -> None:
    """Fills `g`; if `wanted`, `b.dscores` as well."""
    dtags = b.tags.copy()
    np.put_along_axis(
        dtags, tags_true[..., None],
        np.take_along_axis(dtags, tags_true[..., None], axis=-1) - 1.0, axis=-1,
    )
    dtags /= tags_true.size
    if tags_weight is not None:
        dtags *= tags_weight[:, None, None]
    np.dot(b.x.reshape(-1, 5).T, dtags.reshape(-1, 4), out=g.tags_kernel)
    dx = np.matmul(dtags, p.tags_kernel.T)
    dx *= b.kept
    dx *= 2.0
    g.table_embeddings.fill(0.0)
    np.add.at(g.table_embeddings, words, dx[..., :3])
    if wanted:
        b.dscores = dx[..., 3:]
'''

TAG_UPDATE = '''
def update(p: Params, g: Params, s: Slots, learning_rate: float, step: int) -> None:
    """SGD."""
    p.trainable -= learning_rate * g.trainable
'''

TAG_TRACK = '''
def track(p: Params, b: Buffers) -> None:
    """Moves the mean."""
    p.shift_mean *= 0.9
    p.shift_mean += 0.1 * np.add.reduce(b.tags, axis=(0, 1)) / (b.tags.size // 4)
'''

TAG_ACTIVATE = '''
def activate(b: InferenceBuffers, tags: Array) -> None:
    """Makes the head of `infer` a prediction, in place."""
    tags -= tags.max(axis=-1, keepdims=True)
    np.exp(tags, out=tags)
    tags /= np.add.reduce(tags, axis=-1, keepdims=True)
'''

TAGS = View(
    title="A tag for each word.",
    doc="It has ids, lengths known only from the data, dropout and a moving mean.",
    source="tags.nn",
    interface="words   (batch, words)     int32     input\nscores  (batch, words, 2)  float32   input",
    layers="layer  kind   output shape       parameters\ntags   Dense  (batch, words, 4)          20",
    training=True,
    random=True,
    tracks=True,
    fused=True,
    evaluates_by_forward=False,
    inputs=(
        InputView("words", "words", "int32", ("words",), 0, "rng.integers(0, 50, (rows, words))", 50),
        InputView("scores", "scores", "float32", ("words", 2), 1, "rng.normal(size=(rows, words, 2))"),
    ),
    outputs=(
        OutputView(
            "tags",
            "tags",
            "float32",
            ("words", 4),
            0,
            True,
            ("words",),
            "int32",
            4,
            "rng.integers(0, 4, (rows, words))",
        ),
    ),
    weights=(
        WeightView("table/embeddings", "table_embeddings", "50, 3"),
        WeightView("tags/kernel", "tags_kernel", "5, 4"),
        WeightView("shift/mean", "shift_mean", "4", trainable=False),
    ),
    size=174,
    trainable_size=170,
    dims=(DimView("words", "words", 3, " for pairs of pairs", 5),),
    formulas=(FormulaView("words - 1", "words - 1"),),
    sizes="words.shape[0], words.shape[1]",
    helpers=(),
    functions=tuple(
        text.strip() for text in (TAG_FORWARD, TAG_LOSS, TAG_BACKWARD, TAG_TRACK, TAG_UPDATE, TAG_INFER, TAG_ACTIVATE)
    ),
    initialize=(
        "p.table_embeddings[...] = rng.uniform(-0.05, 0.05, (50, 3))",
        "p.tags_kernel[...] = rng.uniform(-1.0, 1.0, (5, 4))",
        "p.shift_mean[...] = 0.0",
    ),
    buffers=(
        "self.x = np.empty((batch, words, 5), dtype)",
        "self.kept = np.empty((batch, words, 5), bool)",
        "self.tags = np.empty((batch, words, 4), dtype)",
        "self.dscores = np.empty((0, 0, 2), dtype)",
    ),
    inference_buffers=(
        "self.x = np.empty((batch, words, 5), dtype)",
        "self.tags = np.empty((batch, words, 4), dtype)",
    ),
    learning_rate=0.1,
)

TAGS_INFERENCE = replace(
    TAGS,
    training=False,
    functions=(TAG_INFER.strip(), TAG_ACTIVATE.strip()),
    buffers=(),
)
