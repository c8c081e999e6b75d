"""How fast generated files are beside other frameworks; see README.md."""

THREADS = 2
"""Of each side."""
LEARNING_RATE, EPSILON = 0.001, 1e-7  # of every optimizer
RHO = 0.9  # of RMSprop
BETA_1, BETA_2 = 0.9, 0.999  # of Adam
