"""gen: a neural network in a `.nn` file becomes one self-contained NumPy file that trains and runs it."""

__version__ = "0.1.0"
