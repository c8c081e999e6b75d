"""How fast generated files are beside other frameworks; see README.md."""

THREADS = 2
"""Of each side."""
LEARNING_RATE, RHO, EPSILON = 0.001, 0.9, 1e-7  # of RMSprop, in every system
