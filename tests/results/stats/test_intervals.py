import math

import numpy as np
import pytest
from scipy import stats

from results.stats.intervals import holm, mean_p


def test_p_of_three_values_is_known_by_hand():
    # With two degrees of freedom p has a closed form.
    values = (2.0, 3.0, 4.0)
    for line in (0.0, 1.0, 2.5, 3.0, 7.0):
        t = abs(3.0 - line) * math.sqrt(3)
        assert mean_p(values, line=line) == pytest.approx(1 - t / math.sqrt(t**2 + 2))


@pytest.mark.parametrize("n", [2, 5, 30])
def test_p_is_scipys(n):
    values = np.random.default_rng(n).normal(1, 2, n)
    assert mean_p(values, line=0.3) == pytest.approx(stats.ttest_1samp(values, 0.3).pvalue)


def test_values_without_spread_are_on_the_line_or_not():
    # Their sum is rounded, so their spread is not exactly zero.
    assert mean_p([0.1, 0.3 - 0.2, 0.1], line=0.1) == 1.0
    assert mean_p([0.1, 0.3 - 0.2, 0.1], line=0.2) == 0.0


def test_holm_is_known_by_hand():
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.02, 0.5, 0.02]) == pytest.approx([1.0, 0.08, 1.0, 0.08])
