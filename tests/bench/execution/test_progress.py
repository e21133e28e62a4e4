"""The bar never runs backwards, ends full, and says durations as a person would."""

import math
import warnings

import pytest

from bench.cli.run_options import parse_request
from bench.execution.progress import Progress
from bench.plan.cost import describe_seconds, matrix_seconds, stage_seconds
from bench.plan.runs import plan_blocks


def stages_of(*arguments):
    request = parse_request(arguments)
    runs = plan_blocks(request.blocks)
    return [(run, stage) for run in runs for stage in run.stages()]


def events_of(run, stage, *, every=10, until=1.0):
    for updates in range(every, int(until * stage.budget_updates) + 1, every):
        yield {"stage": stage.stage_id, "updates": updates}
    for length in stage.test_lengths:
        yield {"record": stage.record_id(length)}


@pytest.mark.filterwarnings("ignore:clamping frac")
def test_bar_moves_with_every_stage_and_ends_full():
    stages = stages_of("--lengths", "10..40", "--budget", "100", "--seeds", "1")
    with Progress(stages) as progress:
        positions = [progress._bar.n]
        for run, stage in stages:
            for event in events_of(run, stage, every=10, until=0.5):
                progress.take(run, event)
                positions.append(progress._bar.n)
            assert progress._bar.desc.startswith(
                f"{run.task} {run.model} seed 11 length {stage.train_length}"
            )
        assert positions == sorted(positions)
        assert positions[-1] == pytest.approx(progress._bar.total)
        for run, _ in stages:
            progress.finish_run(run)
        assert progress._bar.n == pytest.approx(progress._bar.total)


def test_stage_that_ends_early_counts_in_full():
    (first, *_) = stages = stages_of("--lengths", "10,20", "--tasks", "copy", "--models", "rnn")
    run, stage = first
    with Progress(stages) as progress:
        progress.take(run, {"record": stage.record_id(10)})
        assert progress._bar.n == pytest.approx(stage_seconds(run, stage))
        progress.take(run, {"stage": stage.stage_id, "updates": 10})
        assert progress._bar.n == pytest.approx(stage_seconds(run, stage))


def test_unknown_events_and_runs_move_nothing():
    stages = stages_of("--lengths", "10", "--tasks", "copy", "--models", "rnn", "--seeds", "2")
    (known, stage), (other, other_stage) = stages
    with Progress([(known, stage)]) as progress:
        for event in (
            {"stage": other_stage.stage_id, "updates": 10},
            {"record": other_stage.record_id(10)},
            {"failure": "0123456789abcdef", "status": "failed"},
        ):
            progress.take(other, event)
        progress.finish_run(other)
        assert progress._bar.n == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "1 seconds"),
        (89.4, "89 seconds"),
        (90.0, "2 minutes"),
        (60.0 * 89, "89 minutes"),
        (90.0 * 60, "1.5 hours"),
        (36_000.0, "10.0 hours"),
    ],
)
def test_duration_is_said_in_its_own_unit(seconds, words):
    assert describe_seconds(seconds) == words


@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 50])
def test_more_jobs_never_take_longer_and_no_more_help_than_there_are_runs(jobs):
    stages = stages_of("--lengths", "10..20", "--seeds", "1", "--tasks", "copy")
    alone, together = matrix_seconds(stages, jobs=1), matrix_seconds(stages, jobs=jobs)
    runs = len({run.run_id for run, _ in stages})
    assert together == pytest.approx(alone / min(jobs, runs))


def test_rounding_draws_no_warning():
    with warnings.catch_warnings(record=True) as drawn:
        warnings.simplefilter("always")
        for seeds in range(1, 5):
            stages = stages_of("--seeds", str(seeds), "--tasks", "copy", "--lengths", "10..50")
            with Progress(stages) as progress:
                for run, stage in stages:
                    for event in events_of(run, stage, every=170):
                        progress.take(run, event)
                progress._bar.refresh()
    assert [str(each.message) for each in drawn] == []


def test_bar_beyond_its_end_draws_a_warning():
    """The twin: the next number after the whole is seen."""
    with Progress(stages_of("--lengths", "10", "--seeds", "1")) as progress:
        progress._bar.n = math.nextafter(progress._bar.total, math.inf)
        with pytest.warns(Warning, match="clamping frac"):
            progress._bar.refresh()
        progress._bar.n = 0
