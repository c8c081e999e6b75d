"""Layers that the models of `keras.applications` define for themselves, as classes of the `.nn` file."""

from __future__ import annotations

CLASSES = {"LayerScale": '''
class LayerScale(keras.layers.Layer):
    """Multiplies each channel with a number of its own: https://arxiv.org/abs/2103.17239."""

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape):
        first = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=first, name="gamma")

    def call(self, x):
        return x * self.gamma
'''}
"""The text of each class, by name."""
ARGUMENTS = {"LayerScale": ("init_values", "projection_dim")}
"""What each class is made with, in order."""
SCALED_SUM = "CustomScaleLayer"
"""The layer of InceptionResNetV2 that computes `x + scale * y`, which needs no class."""
