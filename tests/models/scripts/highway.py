import keras
from keras import layers, initializers, regularizers, ops
class Linear(layers.Layer):
    def __init__(self, units=32, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True, regularizer=regularizers.L2(1e-3), name="w")
        self.b = self.add_weight(shape=(self.units,), initializer=initializers.Zeros(), trainable=True, name="b")
    def call(self, inputs):
        out = ops.matmul(inputs, self.w) + self.b
        if self.activation is not None:
            out = self.activation(out)
        return out
    def get_config(self):
        return {**super().get_config(), "units": self.units}
class Gate(Linear):
    def call(self, inputs):
        return ops.sigmoid(super().call(inputs))
class Scale(layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
    @property
    def factor(self):
        return self.scale * 2.0
    def call(self, x):
        return x * self.factor
x = inp = keras.Input((6,))
t = Gate(6, name="gate")(x)
h = Linear(6, "relu")(x)
y = Scale()(h * t + x * (1.0 - t))
model = keras.Model(inp, Linear(1)(y))
model.compile("sgd", "mse")
