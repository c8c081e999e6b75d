"""How fast generated files are beside other frameworks; see README.md.

Two threads for each side: that has to be said before anything else is imported.
"""

import os

THREADS = 2
LEARNING_RATE, RHO, EPSILON = 0.001, 0.9, 1e-7  # of RMSprop, in every system

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(THREADS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["KERAS_BACKEND"] = "jax"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])  # JAX makes a thread for each
