"""Pass: which tables are updated row by row, by the ids that a batch held, and which get a dense gradient.

The gradient of a table that rules only ever read by row is made of distinct ids and a row for each.  Where a step
without a gradient leaves a weight exactly where it is, only these rows have to be updated; what the steps that a row
missed would have done to its slots is done when its id occurs next: RMSprop's velocity decays by rho at each.  This is
exact up to rounding, as rho to the power of the steps is, beside so many products.

Weight decay and momentum move a weight by themselves, a regularizer has a gradient everywhere, and what Adam would have
done depends on the learning rates of the steps that were missed; clipping takes the norm of the whole.  There a
gradient stays dense.
"""

from __future__ import annotations

from gen.graph.graph import Graph, NamedLayer
from gen.passes import exact

LEAST = 32768
"""The smallest table that is worth it: of less, the whole stays in the cache and is updated with everything else."""


@exact(
    "rows",
    does="updates a table only in the rows that a batch held",
    because="a step without a gradient leaves a row where it is; its next step makes up for what its slots missed",
)
def tables_by_row(graph: Graph) -> tuple[tuple[NamedLayer, str], ...]:
    """The trained weights that are updated row by row, in the order of the layers."""
    if graph.training is None or not graph.training.optimizer.ignores_zero_gradients():
        return ()
    return tuple(
        (layer, name)
        for layer in graph.layers
        for name, weight in layer.weights.items()
        if weight.by_row
        and weight.regularizer is None
        and layer.trainable
        and weight.trainable
        and weight.size >= LEAST
    )
