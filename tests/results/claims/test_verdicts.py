import math

import numpy as np
import pytest
from scipy import stats

from results.claims import verdicts
from results.claims.verdicts import (
    ABSENT,
    HOLDS,
    NOT_RESOLVED,
    SMALLER,
    Case,
    estimate,
    judge,
)

NAN = math.nan
TRIALS = 500
SEEDS, CASES, SPREAD = 5, 7, 0.1
UPWARDS, DOWNWARDS = (0.0, 1.0), (1.0, 0.1)


def one(effects, lines=UPWARDS, **changes):
    none, asked = lines
    (found,) = judge([Case(effects, none=none, asked=asked, **changes)])
    return found


@pytest.mark.parametrize(
    ("lines", "beyond", "between", "opposite"),
    [(UPWARDS, 2.0, 0.5, -1.0), (DOWNWARDS, -0.1, 0.5, 1.3)],
)
def test_the_verdict_is_the_side_on_which_all_of_the_interval_is(lines, beyond, between, opposite):
    for middle, verdict in ((beyond, HOLDS), (between, SMALLER), (opposite, ABSENT)):
        steady = [middle - 0.01, middle, middle + 0.01]
        assert one(steady, lines).verdict == verdict
        assert one([middle] * 3, lines) == verdicts.Verdict(verdict, "", 0.0, 0.0)
        apart = one([middle - 3.0, middle, middle + 3.0], lines)
        assert apart.verdict == NOT_RESOLVED
        assert apart.reason.startswith("not told apart from ")


def test_p_is_of_the_line_that_the_verdict_is_about():
    for effects, tested in (
        ((1.2, 1.3, 1.5), (1.0,)),
        ((0.2, 0.3, 0.5), (0.0, 1.0)),
        ((-0.2, -0.1, -0.5), (0.0,)),
    ):
        expected = max(stats.ttest_1samp(effects, line).pvalue for line in tested)
        assert one(effects).p == pytest.approx(expected)


def test_what_cannot_be_tested_says_why_and_is_not_resolved():
    for effects, changes, reason in (
        ((2.0, 2.1), {}, "fewer than 3 seeds"),
        ((2.0, 2.1, 2.2, NAN), {}, "seeds that cannot be told: 1 of 4"),
        ((NAN, NAN, 0.1), {"untrained": 2}, "control did not train: 2 of 3"),
        ((0.8, 0.81, 0.82), {"bounds": 1}, "lower bounds do not reach the effect asked for"),
        ((-0.8, -0.81, -0.82), {"bounds": 3}, "lower bounds do not reach the effect asked for"),
        ((0.0, 0.4, -0.3), {}, "not told apart from no effect"),
        ((1.0, 1.4, 0.9), {}, "not told apart from the effect asked for"),
        ((0.2, 2.0, -0.7), {}, "not told apart from no effect and the effect asked for"),
    ):
        found = one(effects, **changes)
        assert (found.verdict, found.reason) == (NOT_RESOLVED, reason)
    assert one((2.0, 2.1, 2.2), bounds=3).verdict == HOLDS


def test_a_ratio_is_averaged_and_tested_by_its_logarithm():
    ratios = (2.1, 4.0, 9.0, 8.0)
    found = one(ratios, (1.0, 2.0), is_ratio=True)
    assert found.p == pytest.approx(stats.ttest_1samp(np.log2(ratios), 1.0).pvalue)
    mean = estimate(ratios, is_ratio=True)
    logs = np.log(ratios)
    ends = stats.t.interval(0.95, 3, loc=logs.mean(), scale=stats.sem(logs))
    wanted = (math.exp(logs.mean()), *map(math.exp, ends), 4)
    assert (mean.mean, mean.low, mean.high, mean.n) == pytest.approx(wanted)
    assert one((0.0, 4.0, 4.0), (1.0, 2.0), is_ratio=True).reason.startswith("seeds that cannot")


def test_an_estimate_leaves_unknown_seeds_out():
    values = (1.0, 3.0)
    low, high = stats.t.interval(0.95, 1, loc=2.0, scale=1.0)
    found = estimate((*values, NAN))
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((2.0, low, high, 2))
    assert estimate(()).n == 0
    assert math.isnan(estimate((1.0,)).low)


def test_a_case_without_p_counts_as_one_more_test():
    case = Case((1.2, 1.3, 1.5), none=0.0, asked=1.0)
    alone, untold = judge([case])[0], judge([case, Case((NAN,) * 3, none=0.0, asked=1.0)])
    assert untold[0].p_holm == pytest.approx(2 * alone.p)
    assert math.isnan(untold[1].p_holm)
    assert judge([]) == []


def verdicts_of(effect, *, trials=TRIALS):
    """Judge lists of claims, again and again, whose true effects are all this one."""
    draws = np.random.default_rng(5).normal(effect, SPREAD, (trials, CASES, SEEDS))
    return [
        [found.verdict for found in judge([Case(each, none=0.0, asked=1.0) for each in trial])]
        for trial in draws
    ]


def share(trials, *wanted):
    """Return the share of lists that have one of these verdicts."""
    return np.mean([any(verdict in wanted for verdict in trial) for trial in trials])


def test_a_list_of_claims_at_a_line_is_hardly_ever_said_to_be_beyond_it(monkeypatch):
    assert share(verdicts_of(1.0), HOLDS) <= 0.05
    assert share(verdicts_of(0.0), HOLDS, SMALLER) <= 0.05
    # Without Holm's correction it is, so this test can fail.
    monkeypatch.setattr(verdicts, "holm", list)
    assert share(verdicts_of(1.0), HOLDS) > 0.1
    assert share(verdicts_of(0.0), HOLDS, SMALLER) > 0.1


def test_planted_effects_are_told_apart():
    for effect, verdict in ((1.5, HOLDS), (0.5, SMALLER), (-0.5, ABSENT)):
        found = np.ravel(verdicts_of(effect, trials=200))
        assert np.mean(found == verdict) >= 0.95
        assert {*found} <= {verdict, NOT_RESOLVED}
