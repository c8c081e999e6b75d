import keras
from keras import layers


class MLP(keras.Model):
    def __init__(self, hidden=(6, 4), out=2):
        super().__init__()
        self.flatten = layers.Flatten()
        self.blocks = [layers.Dense(units, activation="tanh", name=f"block_{i}") for i, units in enumerate(hidden)]
        self.norm = layers.BatchNormalization()
        self.head = layers.Dense(out, name="head")

    def call(self, inputs, training=False):
        x = self.flatten(inputs)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x, training=training))


model = MLP()
model.compile(optimizer="sgd", loss="mse")
model(keras.Input((4, 5)))
