"""A runner beside others: it waits for what they hold, takes over, and does nothing twice."""

from dataclasses import replace

import pytest

from bench.execution import runner
from bench.execution.engine import ChildEnd
from bench.execution.progress import run_log
from bench.execution.runner import Runner, is_needed
from bench.plan.cost import Limits
from bench.plan.runs import Settings, plan_matrix
from bench.plan.status import Matrix
from models import MODELS
from results.schema.rows import OK
from results.store.folder import open_store
from tasks import TASKS


def plan(folder, *, seeds=(1,), lengths=(2, 4)):
    settings = Settings(lengths=lengths, seeds=seeds)
    runs = plan_matrix(settings, tasks=[TASKS["copy"]], models=[MODELS["rnn"]])
    store = open_store(folder, create=True)
    store.extend_plan(row for run in runs for row in run.planned_rows())
    return runs, store


def finish(store, run):
    for row in run.planned_rows():
        store.write_record(replace(row, status=OK, attempts=1))


def fail(store, run, status, *, attempts):
    row = next(iter(run.planned_rows()))
    store.write_failure(replace(row, status=status, attempts=attempts, error="it broke"))


class ScriptedEngine:
    """Ends orders as a script says: one round after the other, by the seed of the run."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.orders = []

    def execute(self, orders, *, on_event):
        script = self.rounds.pop(0)
        self.orders.append([(order.name, order.message["attempt"]) for order in orders])
        for order in orders:
            yield script(order)

    def stop(self):
        pass


def elsewhere(order):
    return ChildEnd(order, None, is_elsewhere=True)


def died(order):
    return ChildEnd(order, -9)


def carry_out(folder, engine, runs, store, *, retries=1):
    matrix = Matrix.of(runs, store)
    to_do = matrix.runs_to_do(retries_failed=False)
    with run_log(folder) as log:
        Runner(store, engine=engine, log=log, limits=Limits(retries=retries)).carry_out(
            matrix, to_do
        )


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(runner, "WAIT_SECONDS", 0.01)


def test_run_that_another_holds_is_asked_for_until_it_is_done(tmp_path, capsys):
    (run,), store = plan(tmp_path)

    def finished_meanwhile(order):
        finish(store, run)
        return ChildEnd(order, None)

    engine = ScriptedEngine(elsewhere, elsewhere, finished_meanwhile)
    carry_out(tmp_path, engine, (run,), store)
    assert engine.orders == [[(run.run_id, 1)]] * 3
    assert capsys.readouterr().err == (
        "Waiting for 1 model runs that another command carries out in this folder\n"
        f"1 of 1 model runs ended: copy rnn seed 1 ({run.run_id}): done\n"
    )


@pytest.mark.fault("F24")
def test_in_a_file_each_model_run_has_one_line_when_it_ends(tmp_path, capsys):
    runs, store = plan(tmp_path, seeds=(1, 2, 3))
    runs = (replace(runs[0], model="it\x1b[2Jself"), *runs[1:])
    store.extend_plan(row for run in runs for row in run.planned_rows())

    def ended(order):
        if order.name == runs[1].run_id:
            return died(order)
        finish(store, next(run for run in runs if run.run_id == order.name))
        return ChildEnd(order, 0)

    carry_out(tmp_path, ScriptedEngine(ended, ended), runs, store, retries=1)
    names = [f"seed {run.seed} ({run.run_id})" for run in runs]
    assert capsys.readouterr().err.splitlines() == [
        f"1 of 3 model runs ended: copy it\\x1b[2Jself {names[0]}: done",
        f"2 of 3 model runs ended: copy rnn {names[2]}: done",
        f"3 of 3 model runs ended: copy rnn {names[1]}: 2 records are missing: length 2: killed",
    ]


def test_run_that_ends_elsewhere_is_taken_over_if_killed_and_not_tried_again_if_failed(tmp_path):
    runs, store = plan(tmp_path, seeds=(1, 2))

    def ended_meanwhile(order):
        run, status = (runs[0], "diverged") if order.name == runs[0].run_id else (runs[1], "killed")
        fail(store, run, status, attempts=1)
        return ChildEnd(order, None)

    def done(order):
        finish(store, runs[1])
        return ChildEnd(order, 0)

    engine = ScriptedEngine(ended_meanwhile, done)
    carry_out(tmp_path, engine, runs, store)
    assert engine.orders == [[(run.run_id, 1) for run in runs], [(runs[1].run_id, 2)]]


@pytest.mark.parametrize("retries", [0, 2])
def test_killed_runs_are_tried_so_often_after_all_others_had_their_turn(tmp_path, retries):
    runs, store = plan(tmp_path, seeds=(1, 2, 3))
    engine = ScriptedEngine(*[died] * 10)
    carry_out(tmp_path, engine, runs, store, retries=retries)
    ids = [run.run_id for run in runs]
    assert engine.orders == [[(name, n) for name in ids] for n in range(1, retries + 2)]
    failures = {(each.status, each.attempts) for each in store.failures().values()}
    assert failures == {("killed", retries + 1)}


def test_order_is_needed_until_its_records_are_there_or_it_was_tried_as_often(tmp_path):
    (run,), store = plan(tmp_path)

    def is_needed_for(attempt):
        return is_needed({"run": run.to_json(), "out": str(tmp_path), "attempt": attempt})

    assert is_needed_for(1)
    fail(store, run, "killed", attempts=1)
    assert not is_needed_for(1)
    assert is_needed_for(2)
    finish(store, run)
    assert not is_needed_for(2)
    path = next((tmp_path / "records").iterdir())
    path.write_bytes(path.read_bytes()[:-9])
    assert is_needed_for(2)
