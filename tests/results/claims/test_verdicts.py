import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from results.claims.verdicts import (
    INCONCLUSIVE,
    NOT_MEASURED,
    REFUTED,
    SUPPORTED,
    Finding,
    judge,
    overall,
)

NAN = math.nan
Judge = Callable[..., Finding]

# Effects, whether the claim holds from the threshold 2 upwards, and the verdict.
CASES: list[tuple[tuple[float, ...], bool, str]] = [
    ((), True, INCONCLUSIVE),
    ((9.0,), True, INCONCLUSIVE),
    ((9.0, 9.0), True, INCONCLUSIVE),
    ((1.0, 1.0), True, INCONCLUSIVE),
    ((3.0, 4.0, 5.0), True, SUPPORTED),
    ((3.0, 4.0, 5.0), False, REFUTED),
    ((1.0, 0.0, -1.0), True, REFUTED),
    ((1.0, 0.0, -1.0), False, SUPPORTED),
    ((9.0, 9.0, 1.0), True, INCONCLUSIVE),
    ((9.0, 9.0, 1.0), False, INCONCLUSIVE),
    ((2.0, 2.0, 2.0), True, SUPPORTED),
    ((2.0, 2.0, 2.0), False, SUPPORTED),
    ((2.0, 9.0, 9.0), True, SUPPORTED),
    ((2.0, 1.0, 1.0), True, INCONCLUSIVE),
    ((2.0, 1.0, 1.0), False, SUPPORTED),
    ((2.0, 9.0, 9.0), False, INCONCLUSIVE),
    ((3.0, 3.0, 3.0, 3.0, 3.0), True, SUPPORTED),
    ((1.0, 1.0, 1.0, 1.0, 1.0), True, REFUTED),
    ((9.0, 9.0, 9.0, 9.0, 1.9), True, INCONCLUSIVE),
    ((1.0, 1.0, 1.0, 1.0, 2.1), True, INCONCLUSIVE),
    ((3.0, 4.0, NAN), True, INCONCLUSIVE),
    ((3.0, 4.0, 5.0, 6.0, NAN), True, INCONCLUSIVE),
    ((1.0, 1.0, 1.0, NAN), True, INCONCLUSIVE),
    ((1.0, 1.0, 1.0, NAN), False, INCONCLUSIVE),
    ((NAN, NAN, NAN), True, INCONCLUSIVE),
    ((NAN, NAN, NAN), False, INCONCLUSIVE),
    ((math.inf, 3.0, 3.0), True, SUPPORTED),
]


def check_rule(find: Judge) -> None:
    for effects, is_at_least, verdict in CASES:
        found = find(effects, threshold=2.0, is_at_least=is_at_least)
        assert found.verdict == verdict, (effects, is_at_least)


def test_every_seed_has_to_lie_on_one_side() -> None:
    check_rule(judge)


def by_mean(effects: Sequence[float], *, threshold: float, is_at_least: bool) -> Finding:
    found = judge(effects, threshold=threshold, is_at_least=is_at_least)
    if found.verdict != INCONCLUSIVE or found.n < 3:
        return found
    is_held = (found.effect >= threshold) == is_at_least
    return dataclasses.replace(found, verdict=SUPPORTED if is_held else REFUTED)


def by_known_seeds(effects: Sequence[float], **rule: Any) -> Finding:
    return judge([effect for effect in effects if not math.isnan(effect)], **rule)


def with_unknown_as_contrary(effects: Sequence[float], **rule: Any) -> Finding:
    contrary = -math.inf if rule["is_at_least"] else math.inf
    return judge([contrary if math.isnan(effect) else effect for effect in effects], **rule)


def strictly_beyond(effects: Sequence[float], *, threshold: float, is_at_least: bool) -> Finding:
    step = 1e-9 if is_at_least else -1e-9
    return judge(effects, threshold=threshold + step, is_at_least=is_at_least)


def one_direction(effects: Sequence[float], *, threshold: float, is_at_least: bool) -> Finding:
    return judge(effects, threshold=threshold, is_at_least=True)


def never_refuting(effects: Sequence[float], **rule: Any) -> Finding:
    found = judge(effects, **rule)
    return dataclasses.replace(found, verdict=INCONCLUSIVE) if found.verdict == REFUTED else found


@pytest.mark.parametrize(
    "twin",
    [
        by_mean,
        by_known_seeds,
        with_unknown_as_contrary,
        strictly_beyond,
        one_direction,
        never_refuting,
    ],
)
def test_another_rule_is_rejected(twin: Judge) -> None:
    with pytest.raises(AssertionError):
        check_rule(twin)


@pytest.mark.parametrize("fewest", [1, 2, 4, 6])
def test_another_number_of_seeds_is_rejected(fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.claims.verdicts.FEWEST_SEEDS", fewest)
    with pytest.raises(AssertionError):
        check_rule(judge)


def check_interval() -> None:
    for n in (2, 3, 5, 10):
        values = np.random.default_rng(n).normal(2, 1, n)
        found = judge([*values, NAN], threshold=0.0, is_at_least=True)
        known = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
        assert (found.n, found.unknown) == (n, 1)
        assert found.effect == pytest.approx(values.mean())
        assert (found.low, found.high) == pytest.approx(known)


def test_the_interval_is_scipys_and_leaves_unknown_seeds_out() -> None:
    check_interval()


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("intervals.CONFIDENCE", 0.9),
        ("intervals.t_half_width", lambda spread, n: 1.96 * spread / math.sqrt(n)),
        ("verdicts.mean_interval", lambda values: (values.mean(), values.min(), values.max())),
    ],
)
def test_another_interval_is_rejected(
    part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"results.{part}", broken)
    with pytest.raises(AssertionError):
        check_interval()


@pytest.mark.parametrize("effects", [(), (NAN, NAN), (5.0,), (5.0, NAN), (math.inf, 1.0, 1.0)])
def test_no_interval_is_made_up(effects: Sequence[float]) -> None:
    found = judge(effects, threshold=0.0, is_at_least=True)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    known = [effect for effect in effects if not math.isnan(effect)]
    assert (found.n, found.unknown) == (len(known), len(effects) - len(known))
    assert math.isnan(found.effect) == (not known)
    if known:
        assert found.effect == np.mean(known)


def check_bounds(find: Judge) -> None:
    """Raise AssertionError unless bounds are counted, leave no interval, and turn no verdict."""
    rule = {"threshold": 2.0, "is_at_least": True}
    for effects, verdict in [
        ((8.0, 8.0, 8.0), SUPPORTED),
        ((8.0, 4.0, 3.0), SUPPORTED),
        ((0.5, 0.25, 1.0), REFUTED),
        ((8.0, 0.5, 8.0), INCONCLUSIVE),
        ((8.0, 8.0, 8.0, NAN), INCONCLUSIVE),
    ]:
        known = [effect for effect in effects if not math.isnan(effect)]
        for bounds in (1, len(known)):
            found = find(effects, **rule, bounds=bounds)
            assert (found.n, found.bounds) == (len(known), bounds)
            assert found.unknown == len(effects) - len(known)
            assert found.effect == pytest.approx(np.mean(known))
            assert math.isnan(found.low)
            assert math.isnan(found.high)
            assert found.verdict == verdict
    for found in (find((3.0, 4.0, 8.0), **rule), find((3.0, 4.0, 8.0), **rule, bounds=0)):
        assert found.bounds == 0
        assert found.low < found.effect < found.high


def without_bounds(effects: Sequence[float], *, bounds: int = 0, **rule: Any) -> Finding:
    return judge(effects, **rule)


def with_intervals(effects: Sequence[float], *, bounds: int = 0, **rule: Any) -> Finding:
    return dataclasses.replace(judge(effects, **rule), bounds=bounds)


def without_intervals(effects: Sequence[float], **rule: Any) -> Finding:
    return dataclasses.replace(judge(effects, **rule), low=NAN, high=NAN)


def with_intervals_unless_all_are(
    effects: Sequence[float], *, bounds: int = 0, **rule: Any
) -> Finding:
    found = judge(effects, **rule)
    counted = dataclasses.replace(found, bounds=bounds)
    return judge(effects, **rule, bounds=bounds) if bounds == found.n else counted


def with_bounds_as_unknown(effects: Sequence[float], *, bounds: int = 0, **rule: Any) -> Finding:
    found = judge(effects, **rule, bounds=bounds)
    return dataclasses.replace(found, n=found.n - bounds, unknown=found.unknown + bounds)


def inconclusive_by_bounds(effects: Sequence[float], *, bounds: int = 0, **rule: Any) -> Finding:
    found = judge(effects, **rule, bounds=bounds)
    return dataclasses.replace(found, verdict=INCONCLUSIVE) if bounds else found


def test_bounds_are_counted_and_have_no_interval() -> None:
    check_bounds(judge)


@pytest.mark.parametrize(
    "twin",
    [
        without_bounds,
        with_intervals,
        without_intervals,
        with_intervals_unless_all_are,
        with_bounds_as_unknown,
        inconclusive_by_bounds,
        never_refuting,
    ],
)
def test_bounds_of_another_kind_are_rejected(twin: Judge) -> None:
    with pytest.raises(AssertionError):
        check_bounds(twin)


def check_overall(together: Callable[[Sequence[str]], str]) -> None:
    for verdicts, whole in [
        ([], NOT_MEASURED),
        ([NOT_MEASURED, NOT_MEASURED], NOT_MEASURED),
        ([SUPPORTED], SUPPORTED),
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([REFUTED, REFUTED], REFUTED),
        ([SUPPORTED, NOT_MEASURED], SUPPORTED),
        ([NOT_MEASURED, REFUTED], REFUTED),
        ([INCONCLUSIVE, INCONCLUSIVE], INCONCLUSIVE),
        ([SUPPORTED, SUPPORTED, REFUTED], INCONCLUSIVE),
        ([SUPPORTED, SUPPORTED, INCONCLUSIVE], INCONCLUSIVE),
        ([REFUTED, REFUTED, INCONCLUSIVE], INCONCLUSIVE),
    ]:
        assert together(verdicts) == whole, verdicts


def by_majority(verdicts: Sequence[str]) -> str:
    return max(verdicts, key=verdicts.count, default=NOT_MEASURED)


def unless_refuted(verdicts: Sequence[str]) -> str:
    return REFUTED if REFUTED in verdicts else overall(verdicts)


def all_of_them(verdicts: Sequence[str]) -> str:
    return verdicts[0] if len({*verdicts}) == 1 else overall([SUPPORTED, REFUTED])


def test_a_claim_has_the_verdict_that_all_its_measures_share() -> None:
    check_overall(overall)


@pytest.mark.parametrize("twin", [by_majority, unless_refuted, all_of_them])
def test_another_verdict_of_the_whole_is_rejected(twin: Callable[[Sequence[str]], str]) -> None:
    with pytest.raises(AssertionError):
        check_overall(twin)
