"""Files of Keras, read without Keras: `.keras`, `.h5`, `.weights.h5`, the unpacked folder, the JSON of a model.

    files ──container──▶ configuration, weights ──dialects──▶ calls ──text──▶ `.nn` ──compiler──▶ graph
                                    └──────────────────weights, slots────────────────────────▶ arrays by gen's names

`container.py` tells the formats apart, and `hdf5.py` reads arrays: with limits, and no more than what is asked for.
`dialects.py` makes one structure of what Keras 1, 2 and 3 write.  `arguments.py`, `expressions.py`, `training.py` and
`text.py` write it as a person would, and `folding.py` finds equal blocks again.  `applications.py` has the layers that
the models of `keras.applications` define.  Nothing that a file holds is ever run.
"""
