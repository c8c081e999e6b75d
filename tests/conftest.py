"""Set before anything imports Keras: it computes on JAX, in float64 where it is asked to, on one device."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
