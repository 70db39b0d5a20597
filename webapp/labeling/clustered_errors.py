"""Standard errors of Plackett-Luce strengths where there are too many rankings to fit resamples of them.

The sandwich of the likelihood's curvature and of the spread of its gradients over items (Huber; White): labels of one
item may depend on each other, items may not. Responses of the same choice are counted together, so it takes one pass.
"""

from collections.abc import Sequence

import numpy as np

from webapp.labeling.estimates import Floats

Order = Sequence[int]
MOST_CELLS = 20_000_000
"""Of the table of items by sources, and of that of choices by sources."""


def plackett_luce_errors(params: Floats, orders: Sequence[Sequence[Order]]) -> Floats | None:
    """Standard errors [sources] of log-strengths with mean 0; ``orders`` are the items, each with its rankings.

    None where the tables would be too large. Raises nothing: of a maximum that is not unique the errors are infinite.
    """
    size, weights = len(params), np.exp(params - params.max())
    sets: dict[tuple[int, ...], int] = {}
    rows = [
        (item, sets.setdefault(tuple(sorted(order[place:])), len(sets)), order[place])
        for item, rankings in enumerate(orders) for order in rankings for place in range(len(order) - 1)
    ]  # fmt: skip
    if not rows or max(len(orders), len(sets)) * size > MOST_CELLS:
        return None
    item, faced, winner = np.array(rows).T
    chance = np.zeros((len(sets), size))
    for members, number in sets.items():
        chance[number, list(members)] = weights[list(members)] / weights[list(members)].sum()
    gradients = np.zeros((len(orders), size))
    np.add.at(gradients, (item, winner), 1.0)
    for k in range(size):
        gradients[:, k] -= np.bincount(item, weights=chance[faced, k], minlength=len(orders))
    times = np.bincount(faced, minlength=len(sets))
    curvature = np.diag(times @ chance) - chance.T @ (times[:, None] * chance)
    # One direction, all strengths raised together, means nothing and has no curvature; a second one makes them unknown.
    if np.linalg.matrix_rank(curvature, hermitian=True) < size - 1:
        return np.full(size, np.inf)
    bread = np.linalg.pinv(curvature, hermitian=True)
    spread = bread @ (gradients.T @ gradients) @ bread
    return np.asarray(np.sqrt(np.maximum(np.diag(spread), 0.0)), float)
