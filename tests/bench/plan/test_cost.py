"""How long a plan takes, and how a person would say so."""

import pytest

from bench.cli.run_options import parse_request
from bench.plan.cost import describe_seconds, matrix_seconds
from bench.plan.runs import plan_blocks


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
    request = parse_request(("--lengths", "10..20", "--seeds", "1", "--tasks", "copy"))
    runs = plan_blocks(request.blocks)
    stages = [(run, stage) for run in runs for stage in run.stages()]
    alone, together = matrix_seconds(stages, jobs=1), matrix_seconds(stages, jobs=jobs)
    assert together == pytest.approx(alone / min(jobs, len(runs)))
