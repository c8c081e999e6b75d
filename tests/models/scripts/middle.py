import keras
from keras import layers
base_in = keras.Input((6,))
x = layers.Dense(5, activation="relu", name="first")(base_in)
y = layers.Dense(4, activation="tanh", name="second")(x)
z = layers.Dense(3, name="third")(layers.concatenate([x, y]))
base = keras.Model(base_in, z)
features = keras.Model(base.input, base.get_layer("second").output)
head = keras.Model(inputs=base.get_layer("first").output, outputs=base.layers[-1].output)
inp = keras.Input((5,))
out = layers.Dense(2)(head(inp))
model = keras.Model(inp, out)
model.compile("sgd", "mse")
