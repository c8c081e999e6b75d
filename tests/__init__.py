"""The tests, and what they compare with: Keras, computing with JAX in float64."""

import os

# Keras and JAX read these when they are imported, which no test does before this.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What is compiled runs a few times on small arrays: compiling is the work.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
