"""Pass: which tables are updated row by row, by the ids of a batch, and which get a dense gradient.

If rules only read a table by row, its gradient is distinct ids and a row for each.  If a step without a gradient leaves
a weight exactly as it is, only these rows need an update.  The steps that a row missed would have changed its slots;
this happens when its id occurs next: RMSprop's velocity decays by rho at each step.  This is exact up to rounding,
because a power of rho stands for many products.

Weight decay and momentum move a weight without a gradient, a regularizer has a gradient everywhere, a constraint may
change any row, Adam's missed steps depend on the learning rates at that time, and clipping takes the norm of the whole
gradient.  In these cases, the gradient stays dense.
"""

from __future__ import annotations

from gen.graph.graph import Graph, NamedLayer
from gen.passes import exact

LEAST = 32768
"""The smallest table that is worth it: a smaller one stays in the cache and is updated with everything else."""


@exact(
    "rows",
    does="updates a table only in the rows that a batch held",
    because="a step without a gradient leaves a row where it is; its next step makes up for what its slots missed",
)
def tables_by_row(graph: Graph) -> tuple[tuple[NamedLayer, str], ...]:
    """The trained weights to update row by row, in the order of the layers."""
    if graph.training is None or not graph.training.optimizer.ignores_zero_gradients():
        return ()
    return tuple(
        (layer, name)
        for layer in graph.layers
        for name, weight in layer.weights.items()
        if weight.by_row
        and weight.regularizer is None
        and weight.constraint is None
        and layer.trainable
        and weight.trainable
        and weight.size >= LEAST
    )
