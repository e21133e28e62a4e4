import math

import numpy as np
import pytest
from scipy import stats

from results.claims.verdicts import INCONCLUSIVE, NOT_MEASURED, REFUTED, SUPPORTED, judge, overall

NAN = math.nan


def test_every_seed_of_at_least_three_has_to_be_on_one_side_of_two():
    for effects, is_at_least, verdict in (
        ((9.0, 9.0), True, INCONCLUSIVE),
        ((3.0, 4.0, 5.0), True, SUPPORTED),
        ((3.0, 4.0, 5.0), False, REFUTED),
        ((1.0, 0.0, -1.0), False, SUPPORTED),
        ((9.0, 9.0, 1.0), True, INCONCLUSIVE),
        ((9.0, 9.0, 1.0), False, INCONCLUSIVE),
        ((2.0, 2.0, 2.0), True, SUPPORTED),
        ((2.0, 2.0, 2.0), False, SUPPORTED),
        ((9.0, 9.0, 9.0, 9.0, 1.9), True, INCONCLUSIVE),
        ((3.0, 4.0, 5.0, 6.0, NAN), True, INCONCLUSIVE),
        ((1.0, 1.0, 1.0, NAN), True, INCONCLUSIVE),
        ((NAN, NAN, NAN), True, INCONCLUSIVE),
        ((math.inf, 3.0, 3.0), True, SUPPORTED),
    ):
        found = judge(effects, threshold=2.0, is_at_least=is_at_least)
        assert found.verdict == verdict, effects


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_is_scipys_and_leaves_unknown_seeds_out(n):
    values = np.random.default_rng(n).normal(2, 1, n)
    found = judge([*values, NAN], threshold=0.0, is_at_least=True)
    known = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.n, found.unknown, found.bounds) == (n, 1, 0)
    assert (found.effect, found.low, found.high) == pytest.approx((values.mean(), *known))


def test_no_interval_is_made_up_and_bounds_are_counted():
    for effects in ((), (NAN, NAN), (5.0, NAN), (math.inf, 1.0, 1.0)):
        found = judge(effects, threshold=0.0, is_at_least=True)
        known = [effect for effect in effects if not math.isnan(effect)]
        assert (found.n, found.n + found.unknown) == (len(known), len(effects))
        assert found.effect == pytest.approx(np.mean(known) if known else NAN, nan_ok=True)
        assert np.isnan([found.low, found.high]).all()
    for effects, bounds, verdict in (
        ((8.0, 4.0, 3.0), 1, SUPPORTED),
        ((0.5, 0.25, 1.0), 3, REFUTED),
        ((8.0, 0.5, 8.0), 1, INCONCLUSIVE),
    ):
        found = judge(effects, threshold=2.0, is_at_least=True, bounds=bounds)
        assert (found.n, found.bounds, found.unknown, found.verdict) == (3, bounds, 0, verdict)
        assert found.effect == pytest.approx(np.mean(effects))
        assert np.isnan([found.low, found.high]).all()


def test_a_claim_has_the_verdict_that_all_its_measures_share():
    for verdicts, whole in (
        ([], NOT_MEASURED),
        ([NOT_MEASURED, NOT_MEASURED], NOT_MEASURED),
        ([SUPPORTED, NOT_MEASURED], SUPPORTED),
        ([NOT_MEASURED, REFUTED], REFUTED),
        ([SUPPORTED, SUPPORTED, REFUTED], INCONCLUSIVE),
        ([REFUTED, REFUTED, INCONCLUSIVE], INCONCLUSIVE),
    ):
        assert overall(verdicts) == whole
