"""Where texts side by side stand so that none covers another."""

from collections.abc import Sequence
from itertools import pairwise

from scipy.optimize import isotonic_regression


def places_apart(
    wanted: Sequence[float], widths: Sequence[float], *, gap: float, end: float
) -> list[float]:
    """Return the centres nearest to those wanted at which texts keep their order and a gap.

    Texts that are too close become a group around the middle of what its texts want: isotonic
    regression of the wanted centres less the room that the texts before them take.

    Args:
        wanted: Centres, in the order of the texts.
        widths: Of the texts.
        gap: Room between two texts.
        end: Texts stay between 0 and here, as far as they fit.
    """
    if not wanted:
        return []
    taken = [0.0]
    for left, right in pairwise(widths):
        taken.append(taken[-1] + (left + right) / 2 + gap)
    free = [centre - room for centre, room in zip(wanted, taken, strict=False)]
    rising = isotonic_regression(free).x.tolist()
    low, high = widths[0] / 2, end - widths[-1] / 2 - taken[-1]
    return [max(low, min(high, each)) + room for each, room in zip(rising, taken, strict=True)]
