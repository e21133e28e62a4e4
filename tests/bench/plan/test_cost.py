"""Estimates of time, in words too, and the time limit of a model run."""

from dataclasses import replace

import pytest

from bench.plan.cost import (
    Limits,
    describe_seconds,
    matrix_seconds,
    stage_seconds,
    update_seconds,
)
from bench.plan.recipe import Recipe
from tests.bench.plan.test_runs import RUN

SHORT = replace(RUN, trajectory=((10,), (20,)), recipe=Recipe(stage_budget_updates=1000))


def test_seconds_follow_from_sizes_alone():
    assert update_seconds(SHORT, 10.0) == pytest.approx(0.002 + 9e-6 * 320)
    large = replace(SHORT, config=replace(SHORT.config, hidden=256))
    assert update_seconds(large, 10.0) == pytest.approx(0.002 + 9e-6 * 320 * 8)
    mamba2, theirs = replace(SHORT, model="mamba2"), replace(SHORT, model="module:build")
    assert update_seconds(mamba2, 10.0) == pytest.approx(10 * update_seconds(SHORT, 10.0))
    assert update_seconds(theirs, 10.0) == update_seconds(SHORT, 10.0)
    mixed = replace(SHORT, trajectory=((10, 20),))
    assert [stage_seconds(SHORT, stage) for stage in SHORT.stages()] == pytest.approx([4.88, 3.88])
    assert [stage_seconds(mixed, stage) for stage in mixed.stages()] == pytest.approx([9.48])


def test_runs_share_the_jobs_there_are():
    runs = [SHORT, replace(SHORT, seed=2)]
    stages = [(run, stage) for run in runs for stage in run.stages()]
    alone = 4.88 + 3.88 + 6.0  # The last is the start of its process.
    assert matrix_seconds(stages, jobs=1) == pytest.approx(2 * alone)
    assert matrix_seconds(stages, jobs=2) == pytest.approx(alone)
    assert matrix_seconds(stages, jobs=8) == pytest.approx(alone)
    assert matrix_seconds([], jobs=2) == 0


def test_durations_in_words():
    seconds = (0.1, 89.4, 90.0, 5399.0, 5400.0, 86400.0)
    assert [describe_seconds(each) for each in seconds] == [
        *("1 seconds", "89 seconds", "2 minutes", "90 minutes", "1.5 hours", "24.0 hours")
    ]


def test_time_limit_is_an_hour_or_twenty_times_the_estimate():
    assert (Limits().retries, Limits(seconds=5.0).seconds_of(RUN)) == (1, 5.0)
    assert Limits().seconds_of(SHORT) == 3600
    long = replace(SHORT, recipe=Recipe(stage_budget_updates=100_000))
    assert Limits().seconds_of(long) == pytest.approx(20 * 100 * (4.88 + 3.88))
