"""One line when the last run of a seed is over, and none before."""

from dataclasses import replace

from bench.execution.seed_summary import SeedSummary
from bench.plan.runs import Settings, plan_matrix
from models import MODELS
from results.schema.rows import OK
from tasks import TASKS


def plan(*, protocol="curriculum"):
    settings = Settings(lengths=(2, 4), seeds=(1, 2), protocol=protocol)
    tasks, models = [TASKS["copy"], TASKS["reverse"]], [MODELS["rnn"], MODELS["seq2seq"]]
    return plan_matrix(settings, tasks=tasks, models=models)


def rows_of(run):
    """All of a run's records: .5 right for `copy`, .25 for `reverse`, less at the longer length."""
    right = {"copy": 0.5, "reverse": 0.25}[run.task]
    return [
        replace(row, status=OK, token_accuracy=right / row.length) for row in run.planned_rows()
    ]


def said_after(runs, to_do, *, finished, rows=rows_of):
    said = []
    summary = SeedSummary(runs, to_do=to_do, rows_of=rows, say=said.append)
    for run in finished:
        summary.finish(run)
    return said


def test_seed_is_told_when_its_last_run_is_over():
    runs = plan()
    first = [run for run in runs if run.seed == 1]
    assert said_after(runs, runs, finished=first[:-1]) == []
    (line,) = said_after(runs, runs, finished=first)
    assert line == (
        "seed 1: 8 of 8 records after 1 seconds; "
        "token accuracy at length 4: rnn 0.094, seq2seq 0.094"
    )


def test_runs_that_were_done_before_count_too():
    runs = plan()
    last = runs[-1]
    (line,) = said_after(runs, [last], finished=[last])
    assert line.startswith("seed 2: 8 of 8 records after")


def test_what_failed_is_missing_in_it():
    runs = plan()
    first = [run for run in runs if run.seed == 1]
    (line,) = said_after(
        runs, runs, finished=first, rows=lambda run: rows_of(run)[:1] if run.model == "rnn" else []
    )
    assert line == ("seed 1: 2 of 8 records after 1 seconds; token accuracy at length 2: rnn 0.188")


def test_seed_without_a_record_has_no_accuracy():
    runs = plan()
    first = [run for run in runs if run.seed == 1]
    (line,) = said_after(runs, runs, finished=first, rows=lambda run: [])
    assert line == "seed 1: 0 of 8 records after 1 seconds"
