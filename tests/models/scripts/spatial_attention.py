import keras
from keras import layers, ops
def se_block(x, ratio=4):
    c = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Dense(c // ratio, activation="relu", use_bias=False)(s)
    s = layers.Dense(c, activation="sigmoid", use_bias=False)(s)
    return layers.multiply([x, s])
def spatial(x):
    avg = ops.mean(x, axis=-1, keepdims=True)
    mx = keras.ops.max(x, axis=-1, keepdims=True)
    a = layers.Conv2D(1, 7, padding="same", activation="sigmoid")(layers.Concatenate(axis=-1)([avg, mx]))
    return x * a
inp = keras.Input((12, 12, 3))
x = layers.Conv2D(8, 3, activation="swish")(inp)
x = spatial(se_block(x))
x = layers.GlobalMaxPooling2D()(x)
model = keras.Model(inp, layers.Dense(1)(x))
model.compile("sgd", "mse")
