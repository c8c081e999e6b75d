"""Whole models: the systems, the examples, random and unusual models, against Keras and real data."""
