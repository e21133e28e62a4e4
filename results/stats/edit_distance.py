"""Edit distances of many pairs of sequences at once."""

import numpy as np


def edit_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Count the fewest insertions, deletions and substitutions from each left to each right row.

    Source: Wagner and Fischer 1974, Journal of the ACM 21(1), algorithm X, all pairs at once.
    """
    columns = np.arange(right.shape[1] + 1)
    row = np.tile(columns, (len(left), 1))
    for index in range(left.shape[1]):
        substituted = row[:, :-1] + (left[:, index, None] != right)
        without_insertion = np.hstack((row[:, :1] + 1, np.minimum(substituted, row[:, 1:] + 1)))
        # An insertion depends on its left neighbour. With a cost of 1 a place, the best of all
        # insertions is a running minimum, so no loop over columns is needed.
        row = np.minimum.accumulate(without_insertion - columns, axis=1) + columns
    distances: np.ndarray = row[:, -1]
    return distances
