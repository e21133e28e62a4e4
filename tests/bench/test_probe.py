"""`bench.probe`: its tables, what it does not do again, and one line for all that it refuses."""

import contextlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
from collections import Counter
from dataclasses import replace

import pytest

from bench import probe
from bench.execution.engine import ChildEnd, LocalEngine
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.plan.versions import EVALUATOR_VERSION, PROBE_VERSION, RECIPE_VERSION
from bench.probes import inputs as probe_sources
from bench.probes import worker as probing
from bench.training.model_run import execute
from models import MODELS
from results.store.checkpoint_files import weights_path, write_checkpoint
from results.store.csv_files import (
    ALIGNMENT,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    read_rows,
)
from results.store.folder import open_store
from results.store.probes import ProbeStore
from results.tables import read_probes
from tasks import TASKS
from tests.commands import ROOT, Command, accuracy_rows, files, snapshot, wait_until
from tests.rows import accuracy_row, filled_store

HERE = os.path.dirname(__file__)
TRAINED = ("seq2seq", "seq2seq+dot")
LENGTHS = (2, 4)
RECIPE = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=16)
IN_A_PROCESS = """
import sys
{}
from bench.probe import main
status = main(sys.argv[1:])
sys.exit("torch is imported" if "torch" in sys.modules else status)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder as `bench.run` leaves it; not to be written to."""
    folder = tmp_path_factory.mktemp("trained") / "results"
    settings = Settings(lengths=LENGTHS, seeds=(1,), hidden=4, recipe=RECIPE)
    models = [MODELS[name] for name in TRAINED]
    store = open_store(folder, create=True)
    for run in plan_matrix(settings, tasks=[TASKS["copy"]], models=models):
        store.extend_plan(run.planned_rows())
        execute(run, store, attempt=1, emit=lambda event: None)
    store.compile()
    return folder


@pytest.fixture(scope="module")
def probed(trained, tmp_path_factory):
    """The same, probed by two children at a time, with influence at one length."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("probed") / "results")
    with real_children():
        status, output, errors = command(folder, "--jobs", "2")
    assert (status, errors.count("Traceback")) == (0, 0), errors
    assert f"Probes: 4 records, 0 done in {folder}\n" in output
    return folder


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "results")


@pytest.fixture
def copied_probed(probed, tmp_path):
    return shutil.copytree(probed, tmp_path / "results")


@contextlib.contextmanager
def real_children():
    """Let children find the packages, and the fakes of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), HERE)))
        yield


def command(folder, *arguments, lengths="4"):
    """Run the command line in this process; return its status, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    chosen = [] if lengths is None else ["--lengths", lengths]
    given = ["--results", str(folder), *chosen, *arguments]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = probe.main(given)
        except SystemExit as end:  # `--help`
            status = end.code
    return status, output.getvalue(), errors.getvalue()


class HereEngine:
    """Carries out orders in this process, since a child takes seconds to start."""

    def __init__(self, *, jobs):
        self.jobs = jobs

    def execute(self, orders, *, on_event):
        for order in orders:
            with tempfile.TemporaryFile("w+") as events, pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.stdin", io.StringIO(f"{json.dumps(order.message)}\n"))
                code = importlib.import_module(order.module).main(events)
                events.seek(0)
                for line in events:
                    on_event(order, json.loads(line))
            yield ChildEnd(order, code)

    def stop(self):
        pass


@pytest.fixture
def orders(monkeypatch):
    """Carry orders out in this process; return what was ordered."""
    ordered = []

    class Listed(HereEngine):
        def execute(self, orders, *, on_event):
            ordered.extend(orders)
            return super().execute(orders, on_event=on_event)

    monkeypatch.setattr(probe, "LocalEngine", Listed)
    return ordered


def records_of(ordered):
    return [record for order in ordered for record in order.message["records"]]


def rows_by_model(folder, name):
    rows = read_rows(folder, name) if (folder / name).exists() else ()
    return Counter((row.model, row.length) for row in rows)


# The tables.


def test_all_tables_are_there(probed):
    stages = [(model, length) for model in TRAINED for length in LENGTHS]
    assert rows_by_model(probed, ERRORS) == dict.fromkeys(stages, 1)
    assert rows_by_model(probed, POSITIONS) == {stage: stage[1] for stage in stages}
    assert rows_by_model(probed, ALIGNMENT) == {("seq2seq+dot", length): 1 for length in LENGTHS}
    # Two sets of parameters, three measures, four source items; influence at this length only.
    assert rows_by_model(probed, INFLUENCE) == {(model, 4): 24 for model in TRAINED}
    # Occlusion, gradient and truth; attention where there is any.
    assert rows_by_model(probed, MAPS) == {("seq2seq", 4): 3 * 16, ("seq2seq+dot", 4): 4 * 16}
    for name in PROBE_TABLES:
        assert len(read_probes(probed, name)) == len(read_rows(probed, name))
    agreement = {
        row.length: row.occlusion_agreement_fraction for row in read_rows(probed, ALIGNMENT)
    }
    assert agreement[2] is None
    assert 0 <= agreement[4] <= 1


def check_agrees_with_accuracy(errors, positions, accuracy):
    """The checkpoint that is probed is the model that was scored, on the same sequences."""
    scores = {(scored.model, scored.length): scored for scored in accuracy}
    assert {(row.model, row.length) for row in errors} == scores.keys()
    for row in errors:
        scored = scores[row.model, row.length]
        right = [
            item.token_accuracy
            for item in positions
            if (item.model, item.length) == (row.model, row.length)
        ]
        assert sum(right) / row.length == pytest.approx(scored.token_accuracy)
        wrong = row.length * (1 - scored.token_accuracy)
        assert row.wrong_items == pytest.approx(wrong)
        assert row.correct_prefix_items == pytest.approx(scored.correct_prefix_items)
        gap = scored.teacher_forced_token_accuracy - scored.token_accuracy
        assert row.teacher_forcing_gap == pytest.approx(gap)
        assert row.test_sequences == scored.test_sequences


def test_errors_are_those_that_were_scored(probed):
    check_agrees_with_accuracy(
        read_rows(probed, ERRORS), read_rows(probed, POSITIONS), accuracy_rows(probed)
    )


def test_errors_of_another_model_are_rejected(probed):
    (first, *others), accuracy = read_rows(probed, ERRORS), accuracy_rows(probed)
    changed = [replace(first, wrong_items=first.wrong_items + 1 / 1024), *others]
    for rows in (changed, others):
        with pytest.raises(AssertionError):
            check_agrees_with_accuracy(rows, read_rows(probed, POSITIONS), accuracy)


def check_only_adds(before, after):
    """What was trained and scored stands untouched; only probes, logs and tables are new."""
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    new = {"probes", "locks", "logs", "checksums.json", *PROBE_TABLES}
    assert {path.parts[0] for path in changed} <= new


def test_accuracy_and_checkpoints_are_untouched(copied, orders):
    before = snapshot(copied)
    assert command(copied)[0] == 0
    check_only_adds(before, snapshot(copied))


@pytest.mark.parametrize("pattern", ["accuracy.csv", "checkpoints/*.pt", "records/*", "plan.json"])
def test_touching_anything_else_is_rejected(trained, pattern):
    before = snapshot(trained)
    path = next(iter(trained.glob(pattern))).relative_to(trained)
    for after in (before | {path: (before[path][0], 0)}, before | {path: (b"", 1)}):
        with pytest.raises(AssertionError):
            check_only_adds(before, after)


def check_same_tables(left, right):
    for name in PROBE_TABLES:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name
    assert files(left / "probes", "*") == files(right / "probes", "*")
    for path in (left / "probes").iterdir():
        assert path.read_bytes() == (right / "probes" / path.name).read_bytes()


def test_jobs_change_no_number(probed, copied):
    with real_children():
        status, _, errors = command(copied, "--jobs", "1")
    assert status == 0, errors
    check_same_tables(probed, copied)


def test_this_process_finds_what_children_find(probed, copied, orders):
    assert command(copied)[0] == 0
    check_same_tables(probed, copied)


def test_other_numbers_would_be_seen(probed, copied_probed):
    path = copied_probed / MAPS
    path.write_bytes(path.read_bytes().replace(b"truth", b"Truth", 1))
    with pytest.raises(AssertionError):
        check_same_tables(probed, copied_probed)


# What is done is not done again.


def check_probes_nothing(folder, ordered):
    before = snapshot(folder)
    status, output, errors = command(folder)
    assert (status, errors) == (0, "")
    assert f"Probes: 4 records, 4 done in {folder}\n" in output
    assert ordered == []
    assert snapshot(folder) == before


def test_second_call_probes_nothing(copied_probed, orders):
    check_probes_nothing(copied_probed, orders)


@pytest.mark.parametrize("damage", ["absent", "damaged", "of another version"])
def test_call_that_has_something_to_do_is_rejected(copied_probed, orders, damage):
    """The twin: findings that are gone or no use are found again."""
    path = next(iter((copied_probed / "probes").iterdir()))
    found = ProbeStore(copied_probed, version=PROBE_VERSION).read(path.stem)
    path.unlink()
    if damage == "damaged":
        path.write_bytes(b"{")
    elif damage == "of another version":
        older = ProbeStore(copied_probed, version=PROBE_VERSION + 1)
        older.write(replace(found, version=PROBE_VERSION + 1))
    with pytest.raises(AssertionError):
        check_probes_nothing(copied_probed, orders)
    assert [record["row"]["record_id"] for record in records_of(orders)] == [path.stem]
    assert ProbeStore(copied_probed, version=PROBE_VERSION).read(path.stem) == found


def test_damaged_findings_are_named(copied_probed, orders):
    path = next(iter((copied_probed / "probes").iterdir()))
    path.write_bytes(b"{")
    status, _, errors = command(copied_probed)
    assert status == 0
    assert f"{path}: not used: it is damaged" in errors


def test_further_lengths_are_all_that_is_left_to_do(probed, copied_probed, orders, tmp_path):
    status, output, _ = command(copied_probed, lengths="2,4")
    assert status == 0
    assert "Probes: 4 records, 2 done in" in output
    assert [record["row"]["length"] for record in records_of(orders)] == [2, 2]
    assert rows_by_model(copied_probed, INFLUENCE)["seq2seq", 2] == 2 * 3 * 2
    kept = [row for row in read_rows(copied_probed, INFLUENCE) if row.length == 4]
    assert kept == list(read_rows(probed, INFLUENCE))
    # Fewer lengths take nothing away.
    orders.clear()
    assert command(copied_probed, lengths="4")[0] == 0
    assert orders == []
    assert rows_by_model(copied_probed, INFLUENCE)["seq2seq", 2] == 2 * 3 * 2


def test_influence_where_it_was_trained_and_maps_of_the_first_seed(tmp_path, monkeypatch):
    rows = [
        accuracy_row(
            seed=seed,
            train_length=train_length,
            length=length,
            recipe_version=RECIPE_VERSION,
            run_id=f"run{seed}",
            record_id=f"{seed}-{train_length}-{length}",
        )
        for seed in (7, 5)
        for train_length, length in ((10, 10), (10, 20), (20, 20), (30, 30))
    ]
    filled_store(tmp_path, rows)
    write_checkpoint(weights_path(tmp_path, "stage0"), b"")
    ordered = []

    class Idle(HereEngine):
        def execute(self, orders, *, on_event):
            ordered.extend(orders)
            return iter(())

    monkeypatch.setattr(probe, "LocalEngine", Idle)
    command(tmp_path, lengths="10,20")
    assert [order.name for order in ordered] == ["probe-run5", "probe-run7"]
    records = {record["row"]["record_id"]: record for record in records_of(ordered)}
    assert set(records) == {row.record_id for row in rows}
    with_influence = {name for name, record in records.items() if record["measures_influence"]}
    assert with_influence == {"7-10-10", "7-20-20", "5-10-10", "5-20-20"}
    with_maps = {name for name, record in records.items() if record["keeps_maps"]}
    assert with_maps == {row.record_id for row in rows if row.seed == 5}


# What goes wrong.


def test_records_without_a_usable_checkpoint_are_named(copied, orders):
    absent, damaged = (
        weights_path(copied, row.stage_id)
        for row in accuracy_rows(copied)
        if row.model == "seq2seq"
    )
    absent.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for done in (0, 2):
        status, output, errors = command(copied)
        assert status == 1
        assert f"Probes: 4 records, {done} done" in output
        assert f"{damaged}: not used: it is damaged: the checksum does not match\n" in errors
        named = "; ".join(STAGES[:2])
        assert f"2 of 4 records have no checkpoint and are not probed: {named}\n" in errors
        assert "failed" not in errors
        assert rows_by_model(copied, ERRORS) == {("seq2seq+dot", 2): 1, ("seq2seq+dot", 4): 1}
    assert [record["row"]["model"] for record in records_of(orders)] == ["seq2seq+dot"] * 2


def test_checkpoint_that_goes_while_others_are_probed_is_named(copied, monkeypatch):
    row = accuracy_rows(copied)[0]

    class Deleting(HereEngine):
        def execute(self, orders, *, on_event):
            weights_path(copied, row.stage_id).unlink()
            return super().execute(orders, on_event=on_event)

    monkeypatch.setattr(probe, "LocalEngine", Deleting)
    status, _, errors = command(copied)
    assert status == 1
    assert f"1 of 4 records have no checkpoint and are not probed: {STAGES[0]}\n" in errors
    assert len(read_rows(copied, ERRORS)) == 3


def ordering(monkeypatch, module):
    """Let another module probe the model run of `seq2seq`."""
    orders_of = probe._orders

    def orders(root, missing):
        return [
            replace(order, module=module if record["row"]["model"] == "seq2seq" else order.module)
            for order in orders_of(root, missing)
            for record in order.message["records"][:1]
        ]

    monkeypatch.setattr(probe, "_orders", orders)


def check_others_are_kept(folder):
    """One of two model runs failed, and a line names its log."""
    (run_id,) = {row.run_id for row in accuracy_rows(folder) if row.model == "seq2seq"}
    name = f"probe-{run_id}"
    status, _, errors = command(folder, "--jobs", "2")
    assert status == 1
    (failure,) = [line for line in errors.splitlines() if " failed: see " in line]
    assert failure == f"{name} failed: see {folder / 'logs' / name}.log"
    assert rows_by_model(folder, ERRORS) == {("seq2seq+dot", 2): 1, ("seq2seq+dot", 4): 1}
    assert rows_by_model(folder, INFLUENCE) == {("seq2seq+dot", 4): 24}


def test_killed_child_leaves_the_tables_of_the_others(copied, monkeypatch):
    ordering(monkeypatch, "tests.bench.execution.killed_child")
    with real_children():
        check_others_are_kept(copied)
    assert len(files(copied / "logs", "probe-*.log")) == 2


def test_child_that_says_nothing_is_a_failure(copied, orders, monkeypatch):
    """As where a model ends its process with status 0."""
    ordering(monkeypatch, "silent_child")
    silent = types.SimpleNamespace(main=lambda events: 0)
    monkeypatch.setitem(sys.modules, "silent_child", silent)
    check_others_are_kept(copied)


def test_all_well_is_rejected_as_a_failure(copied, orders):
    """The twin: where no child fails, none is named."""
    with pytest.raises(AssertionError):
        check_others_are_kept(copied)


def test_interrupt_keeps_what_is_probed(copied, orders, monkeypatch):
    class Interrupted(HereEngine):
        def execute(self, orders, *, on_event):
            yield from super().execute(orders[:1], on_event=on_event)
            raise KeyboardInterrupt

    monkeypatch.setattr(probe, "LocalEngine", Interrupted)
    status, _, errors = command(copied)
    assert status == 130
    assert errors.endswith("Stopped. What is probed is kept; the same command goes on.\n")
    assert len(read_rows(copied, ERRORS)) == 2
    monkeypatch.setattr(probe, "LocalEngine", HereEngine)
    status, output, _ = command(copied)
    assert status == 0
    assert "Probes: 4 records, 2 done" in output


def probing_command(folder):
    """Return the command in a process of its own."""
    begins = ("bench.probe", "--results")
    return Command(folder, "--lengths", "4", "--jobs", "1", begins=begins)


def kill_with_probes(folder, count):
    """Kill the command as soon as it has a child, and so many records are probed."""
    with probing_command(folder) as killed:
        wait_until(lambda: killed.is_over() or killed.children())
        wait_until(lambda: killed.is_over() or len(files(folder / "probes", "*")) >= count)
        assert not killed.is_over()
        killed.process.kill()
        killed.process.wait()
        wait_until(lambda: not killed.processes())
    assert not (folder / ERRORS).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")
def test_killed_command_goes_on_to_the_same_tables(probed, copied):
    """Kills while a child starts, within a model run, and between two; then its end."""
    for count in (0, 1, 2):
        kill_with_probes(copied, count)
    done = len(files(copied / "probes", "*"))
    assert 2 <= done < 4
    with probing_command(copied) as undisturbed:
        status, output, errors = undisturbed.end()
    assert status == 0, errors
    assert f"Probes: 4 records, {done} done in" in output
    check_same_tables(probed, copied)


def test_interrupted_engine_is_stopped(copied, monkeypatch):
    stopped = []

    class Interrupted(LocalEngine):
        def execute(self, orders, *, on_event):
            raise KeyboardInterrupt

        def stop(self):
            stopped.append(True)
            super().stop()

    monkeypatch.setattr(probe, "LocalEngine", Interrupted)
    assert command(copied)[0] == 130
    assert stopped == [True]


# What is refused.


def assert_refused(folder, message, *arguments, **options):
    status, output, errors = command(folder, *arguments, **options)
    assert (status, output) == (2, "")
    assert errors == f"bench.probe: {message}\n"


def test_folder_that_cannot_be_probed_is_one_line(tmp_path, orders):
    empty, absent, file = (tmp_path / name for name in ("empty", "absent", "file"))
    empty.mkdir()
    file.touch()
    assert_refused(
        empty, f"--results: {empty}: no finished stage to probe: run python -m bench.run first"
    )
    assert_refused(absent, f"--results: {absent}: there is no such folder")
    assert not absent.exists()
    assert_refused(file, f"--results: {file}: is a file, a folder is needed")
    assert_refused("", "--results: must name a folder, got ''")


def without_files(checkpoints):
    for path in checkpoints.iterdir():
        path.unlink()


def with_optimisers_alone(checkpoints):
    for path in checkpoints.glob("*[!r].pt"):
        path.unlink()


@pytest.mark.parametrize("lose", [shutil.rmtree, without_files, with_optimisers_alone])
def test_folder_without_checkpoints_is_refused(copied, orders, lose):
    lose(copied / "checkpoints")
    message = (
        f"--results: {copied}: no checkpoints, which probes read; only the folder that bench.run "
        "wrote has them\n"
    )
    check_refused_before_anything(copied, orders, message)


def test_folder_of_damaged_checkpoints_is_refused(copied, orders):
    for path in (copied / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    first = weights_path(copied, accuracy_rows(copied)[0].stage_id)
    message = f"{first}: not used: it is damaged: the checksum does not match\n"
    check_refused_before_anything(copied, orders, message)


def test_folder_that_can_be_probed_is_not_refused(probed, orders):
    with pytest.raises(AssertionError):
        assert_refused(probed, f"{probed}: no finished stage to probe")


def made_with(name, there):
    return f" were made with {name} {there}, here it is 9; train them again in another folder\n"


def other_model(monkeypatch):
    entry = replace(MODELS["seq2seq+dot"], version=9)
    monkeypatch.setattr(probe_sources, "load_models", lambda: MODELS | {"seq2seq+dot": entry})
    return f"copy, seq2seq+dot{made_with('model_version', 1)}"


def other_task(monkeypatch):
    task = replace(TASKS["copy"], version=9)
    monkeypatch.setattr(probe_sources, "load_tasks", lambda: TASKS | {"copy": task})
    return made_with("task_version", 1)


def other_sampler(monkeypatch):
    monkeypatch.setattr(probe_sources, "SAMPLER_VERSION", 9)
    return made_with("sampler_version", 1)


def other_recipe(monkeypatch):
    monkeypatch.setattr(probe_sources, "RECIPE_VERSION", 9)
    return made_with("recipe_version", RECIPE_VERSION)


def other_evaluator(monkeypatch):
    monkeypatch.setattr(probe_sources, "EVALUATOR_VERSION", 9)
    return made_with("evaluator_version", EVALUATOR_VERSION)


def unknown_task(monkeypatch):
    monkeypatch.setattr(probe_sources, "load_tasks", lambda: {"sort": TASKS["sort"]})
    return "task 'copy' is not known here\n"


def unknown_model(monkeypatch):
    models = {name: entry for name, entry in MODELS.items() if name != "seq2seq+dot"}
    monkeypatch.setattr(probe_sources, "load_models", lambda: models)
    return "model 'seq2seq+dot' is not known here\n"


OTHERS = [
    *(other_model, other_task, other_sampler, other_recipe, other_evaluator),
    *(unknown_task, unknown_model),
]


def check_refused_before_anything(folder, ordered, message, **options):
    """One line that ends in the message; no child is started, and nothing is written or renamed."""
    before = snapshot(folder)
    status, output, errors = command(folder, **options)
    assert (status, output) == (2, "")
    assert errors.startswith("bench.probe: --")
    assert errors.endswith(message)
    assert len(errors.splitlines()) == 1
    assert snapshot(folder) == before
    assert ordered == []


@pytest.mark.parametrize("other", OTHERS)
def test_what_other_code_trained_is_refused(copied, orders, monkeypatch, other):
    check_refused_before_anything(copied, orders, other(monkeypatch))


def test_what_this_code_trained_is_not_refused(copied, orders):
    """The twin: the check would find a command that probes."""
    with pytest.raises(AssertionError):
        check_refused_before_anything(copied, orders, "")


def test_model_named_by_its_builder_needs_no_entry(copied, monkeypatch):
    monkeypatch.setattr(probe_sources, "load_models", dict)
    rows = [replace(row, model="planted:build") for row in accuracy_rows(copied)]
    probe_sources.require_versions(rows)


def test_plug_in_that_is_refused_is_one_line(copied, orders, monkeypatch):
    def refuse():
        raise ValueError("entry point x: cannot be loaded")

    monkeypatch.setattr(probe_sources, "load_models", refuse)
    assert_refused(copied, "entry point x: cannot be loaded")


# Nothing that cannot be replaced is lost.


def raise_version(monkeypatch):
    """Let the probes be of the next version."""
    for module in (probe, probe_sources, probing):
        monkeypatch.setattr(module, "PROBE_VERSION", PROBE_VERSION + 1)


STAGES = [f"copy, {model}, seed 1, length {length}" for model in TRAINED for length in LENGTHS]


def other_probes(folder, names):
    return (
        f"--results: {folder}: {len(names)} records were probed by version {PROBE_VERSION}, "
        f"here it is {PROBE_VERSION + 1}, and have no checkpoint to be probed again: "
        f"{'; '.join(names)}\n"
    )


def test_probes_of_another_version_that_nothing_replaces_are_kept(
    copied_probed, orders, monkeypatch
):
    without_files(copied_probed / "checkpoints")
    raise_version(monkeypatch)
    check_refused_before_anything(copied_probed, orders, other_probes(copied_probed, STAGES))


def test_one_damaged_checkpoint_is_enough_to_keep_them(copied_probed, orders, monkeypatch):
    row = accuracy_rows(copied_probed)[0]
    path = weights_path(copied_probed, row.stage_id)
    path.write_bytes(path.read_bytes()[:-1])
    raise_version(monkeypatch)
    lost = other_probes(copied_probed, STAGES[:1])
    check_refused_before_anything(copied_probed, orders, lost)


def test_probes_of_another_version_are_found_anew(copied_probed, orders, monkeypatch):
    """The twin: with their checkpoints nothing is refused."""
    raise_version(monkeypatch)
    with pytest.raises(AssertionError):
        check_refused_before_anything(copied_probed, orders, "")
    assert len(records_of(orders)) == 4
    assert rows_by_model(copied_probed, INFLUENCE) == {(model, 4): 24 for model in TRAINED}


def test_folder_all_probed_needs_no_checkpoint(probed, copied_probed, orders):
    shutil.rmtree(copied_probed / "checkpoints")
    status, _, errors = command(copied_probed)
    assert (status, errors) == (0, "")
    check_same_tables(probed, copied_probed)


def test_damaged_findings_without_a_checkpoint_are_named(copied_probed, orders):
    without_files(copied_probed / "checkpoints")
    row = accuracy_rows(copied_probed)[0]
    path = copied_probed / "probes" / f"{row.record_id}.json"
    path.write_bytes(b"{")
    status, _, errors = command(copied_probed)
    assert status == 1
    assert f"{path}: not used: it is damaged" in errors
    assert f"1 of 4 records have no checkpoint and are not probed: {STAGES[0]}\n" in errors
    assert len(read_rows(copied_probed, ERRORS)) == 3
    assert orders == []


def test_refusal_leaves_damaged_findings_where_they_are(copied_probed, orders):
    without_files(copied_probed / "checkpoints")
    for path in (copied_probed / "probes").iterdir():
        path.write_bytes(b"{")
    message = "no checkpoints, which probes read; only the folder that bench.run wrote has them\n"
    check_refused_before_anything(copied_probed, orders, message)


def test_many_records_are_named_in_one_line():
    rows = [accuracy_row(train_length=4, length=length) for length in range(4, 13)]
    assert probe_sources.names_of(rows) == (
        "copy, seq2seq, seed 0, length 4; "
        + "".join(f"copy, seq2seq, seed 0, length {n}, trained to 4; " for n in range(5, 9))
        + "and 4 more"
    )


# Lengths that were not trained.


@pytest.mark.parametrize(
    ("lengths", "absent"), [("7,300", "7,300"), ("2,7", "7"), ("2..7:2", "6,7")]
)
def test_lengths_that_were_not_trained_are_refused(copied, orders, lengths, absent):
    message = f"--lengths: {absent}: not trained in {copied}; choose from --lengths 2,4\n"
    check_refused_before_anything(copied, orders, message, lengths=lengths)


def check_says_where_not_measured(folder):
    status, _, errors = command(folder, lengths=None)
    assert status == 0
    assert errors.splitlines()[-1:] == [
        f"Influence and maps are not measured at 20,100: not trained in {folder}; "
        "choose from --lengths 2,4"
    ]


def test_default_lengths_that_were_not_trained_are_named(copied_probed, orders):
    check_says_where_not_measured(copied_probed)


def test_default_lengths_that_were_trained_are_rejected(copied_probed, orders, monkeypatch):
    """The twin: where all of them were trained there is nothing to say."""
    monkeypatch.setattr(probe, "INFLUENCE_LENGTHS", "2,4")
    with pytest.raises(AssertionError):
        check_says_where_not_measured(copied_probed)
    assert len(records_of(orders)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lengths", "ten"], "--lengths: 'ten' is not a length; write 10..200"),
        (["--lengths", "0"], "--lengths: '0': a length lies between 1 and"),
        (["--lengths", "20..10"], "--lengths: '20..10' runs backwards; write 10..20"),
        (["--lengths", ""], "--lengths: '' is not a length"),
        (["--jobs", "0"], "--jobs: must be a whole number from 1 to 1024, got '0'"),
        (["--jobs", "-1"], "--jobs: must be a whole number from 1 to 1024, got '-1'"),
        (["--jobs", "two"], "--jobs: must be a whole number from 1 to 1024, got 'two'"),
        (["--jobs", "1025"], "--jobs: must be a whole number from 1 to 1024, got '1025'"),
        (["--length", "10"], "unrecognized arguments: --length 10"),
        (["more"], "unrecognized arguments: more"),
    ],
    ids=str,
)
def test_mistake_in_an_option_is_one_line(probed, arguments, message):
    status, output, errors = command(probed, *arguments)
    assert (status, output) == (2, "")
    assert errors.startswith(f"bench.probe: {message}")
    assert len(errors.splitlines()) == 1


def in_a_process(first, folder):
    return subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS.format(first), "--results", folder, "--lengths", "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_command_itself_imports_no_torch(probed):
    done = in_a_process("", probed)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 done" in done.stdout


def test_importing_torch_would_be_noticed(probed):
    done = in_a_process("import torch", probed)
    assert (done.returncode, done.stderr) == (1, "torch is imported\n")
