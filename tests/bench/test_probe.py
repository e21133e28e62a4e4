"""`bench.probe`: its tables, what it does not do again, and one line for all that it refuses."""

import contextlib
import importlib
import io
import json
import shutil
import tempfile
import types
import typing
from collections import Counter
from dataclasses import replace

import pytest

from bench import probe
from bench.execution import strangers
from bench.execution.engine import ChildEnd
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.probes import worker
from bench.training.model_run import execute
from models import MODELS
from results.store.checkpoint_files import weights_path
from results.store.csv_files import (
    ALIGNMENT,
    CORRUPTION,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    STATE,
    WEIGHTS,
    read_rows,
)
from results.store.files import locked
from results.store.folder import open_store
from results.store.probes import PROBES, ProbeStore
from tasks import TASKS
from tasks.import_path import code_hash
from tests.commands import Command, accuracy_rows, snapshot
from tests.rows import accuracy_row

# One worker builds the folders.

VERSION, TRAINED, LENGTHS = probe.PROBE_VERSION, ("seq2seq", "seq2seq+dot"), (2, 4)
RECIPE = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=16)
COMMAND = {"begins": ("bench.probe", "--results")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder as `bench.run` leaves it; not to be written to."""
    folder = tmp_path_factory.mktemp("trained") / "results"
    settings = Settings(lengths=LENGTHS, seeds=(1,), hidden=4, recipe=RECIPE)
    store = open_store(folder, create=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.training.evaluate.TEST_SEQUENCES", 1024)  # As children have it.
        models = [MODELS[name] for name in TRAINED]
        for run in plan_matrix(settings, tasks=[TASKS["copy"]], models=models):
            store.extend_plan(run.planned_rows())
            execute(run, store, attempt=1, emit=lambda event: None)
    store.compile()
    return folder


@pytest.fixture(scope="module")
def probed(trained, tmp_path_factory):
    """The same, probed by two children at a time, with influence at one length."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("probed") / "results")
    with Command(folder, "--lengths", "4", "--jobs", "2", **COMMAND) as command:
        status, output, errors = command.end()
    assert (status, errors.count("Traceback")) == (0, 0), errors
    assert f"Probes: 4 records, 0 done in {folder}\n" in output
    return folder


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "results")


@pytest.fixture
def copied_probed(probed, tmp_path):
    return shutil.copytree(probed, tmp_path / "results")


class HereEngine:
    """Carries out orders in this process, since a child takes seconds to start."""

    ordered: typing.ClassVar = []

    def __init__(self, *, jobs):
        self.jobs = jobs

    def execute(self, orders, *, on_event):
        for order in orders:
            self.ordered.extend(order.message["records"])
            with tempfile.TemporaryFile("w+") as events, pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.stdin", io.StringIO(f"{json.dumps(order.message)}\n"))
                code = importlib.import_module(order.module).main(events)
                events.seek(0)
                for line in events:
                    on_event(order, json.loads(line))
            yield ChildEnd(order, code)

    def stop(self):
        pass


@pytest.fixture(autouse=True)
def ordered(monkeypatch):
    """Carry orders out in this process; list the records that were ordered."""
    monkeypatch.setattr(HereEngine, "ordered", [])
    monkeypatch.setattr(probe, "LocalEngine", HereEngine)
    monkeypatch.setattr("bench.training.evaluate.TEST_SEQUENCES", 1024)
    return HereEngine.ordered


def command(folder, *arguments, lengths="4"):
    """Run the command line in this process; return its status, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    chosen = [] if lengths is None else ["--lengths", lengths]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = probe.main(["--results", str(folder), *chosen, *arguments])
    return status, output.getvalue(), errors.getvalue()


def rows_by_model(folder, name):
    return Counter((row.model, row.length) for row in read_rows(folder, name))


def check_same_tables(left, right):
    for name in PROBE_TABLES:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name


# The tables.


def test_all_tables_are_there(probed):
    stages = [(model, length) for model in TRAINED for length in LENGTHS]
    assert rows_by_model(probed, ERRORS) == dict.fromkeys(stages, 1)
    assert rows_by_model(probed, POSITIONS) == {stage: stage[1] for stage in stages}
    # One wrong item, and all the items from it on.
    assert rows_by_model(probed, CORRUPTION) == {stage: stage[1] for stage in stages}
    assert rows_by_model(probed, STATE) == {}
    assert rows_by_model(probed, ALIGNMENT) == {("seq2seq+dot", length): 1 for length in LENGTHS}
    # Two sets of parameters, three measures, four source items; influence at this length only.
    assert rows_by_model(probed, INFLUENCE) == {(model, 4): 24 for model in TRAINED}
    # Occlusion, gradient and truth; attention where there is any.
    assert rows_by_model(probed, MAPS) == {("seq2seq", 4): 3 * 16, ("seq2seq+dot", 4): 4 * 16}


def test_weights_are_kept_at_the_length_nearest_20(probed):
    assert rows_by_model(probed, WEIGHTS) == {("seq2seq+dot", 4): 16}


def test_errors_are_those_that_were_scored(probed):
    """The checkpoint that is probed is the model that was scored, on the same sequences."""
    scores = {(row.model, row.length): row for row in accuracy_rows(probed)}
    for row in read_rows(probed, ERRORS):
        scored = scores[row.model, row.length]
        assert row.wrong_items == pytest.approx(row.length * (1 - scored.token_accuracy))
        assert row.correct_prefix_items == pytest.approx(scored.correct_prefix_items)
        gap = scored.teacher_forced_token_accuracy - scored.token_accuracy
        assert row.teacher_forcing_gap == pytest.approx(gap)
        assert row.test_sequences == scored.test_sequences


def test_a_process_finds_what_children_find_and_only_adds(probed, copied):
    before = snapshot(copied)
    assert command(copied)[0] == 0
    check_same_tables(probed, copied)
    after = snapshot(copied)
    changed = {path.parts[0] for path in after if before.get(path) != after[path]}
    assert before.keys() <= after.keys()
    assert changed == {"probes", "locks", "checksums.json", *PROBE_TABLES}


def test_influence_is_measured_where_it_was_trained_and_maps_kept_of_the_first_seed():
    rows = [
        accuracy_row(seed=seed, train_length=train_length, length=length)
        for seed in (7, 5)
        for train_length, length in ((10, 10), (10, 20), (20, 20), (30, 30))
    ]
    records = probe._records_to_probe(rows, (10, 20), state_lengths=(20,))
    assert [each.row for each in records] == rows
    assert [each.measures_influence for each in records] == [True, False, True, False] * 2
    assert [each.asks_state for each in records] == [False, False, True, False] * 2
    assert [each.keeps_maps for each in records] == [False] * 4 + [True] * 4


# What is done is not done again.


def test_second_call_probes_nothing_without_torch_or_a_checkpoint(copied_probed, without_torch):
    shutil.rmtree(copied_probed / "checkpoints")
    before = snapshot(copied_probed)
    with Command(copied_probed, "--lengths", "4", before=[without_torch], **COMMAND) as second:
        status, output, errors = second.end()
    assert (status, errors) == (0, "")
    assert f"Probes: 4 records, 4 done in {copied_probed}\n" in output
    assert snapshot(copied_probed) == before


def test_what_is_gone_or_no_use_is_found_again(copied_probed, ordered):
    path = next(iter((copied_probed / "probes").iterdir()))
    found = ProbeStore(copied_probed, version=VERSION).read(path.stem)
    for damage in ("absent", "damaged", "of another version"):
        path.unlink()
        if damage == "damaged":
            path.write_bytes(b"{")
        elif damage == "of another version":
            older = ProbeStore(copied_probed, version=VERSION + 1)
            older.write(replace(found, version=VERSION + 1))
        status, _, errors = command(copied_probed)
        assert status == 0
        assert (f"{path}: not used: it is damaged" in errors) == (damage == "damaged")
        assert ProbeStore(copied_probed, version=VERSION).read(path.stem) == found
    assert [record["row"]["record_id"] for record in ordered] == [path.stem] * 3


def test_further_lengths_are_all_that_is_left_to_do(probed, copied_probed, ordered):
    status, output, _ = command(copied_probed, lengths="2,4")
    assert status == 0
    assert "Probes: 4 records, 2 done in" in output
    assert [record["row"]["length"] for record in ordered] == [2, 2]
    kept = [row for row in read_rows(copied_probed, INFLUENCE) if row.length == 4]
    assert kept == list(read_rows(probed, INFLUENCE))
    # Fewer lengths take nothing away.
    assert command(copied_probed, lengths="4")[0] == 0
    assert len(ordered) == 2
    assert rows_by_model(copied_probed, INFLUENCE)["seq2seq", 2] == 2 * 3 * 2


def test_interrupt_keeps_what_is_probed_and_the_same_command_goes_on(probed, copied, monkeypatch):
    stopped = []

    class Interrupted(HereEngine):
        def execute(self, orders, *, on_event):
            yield from super().execute(orders[:1], on_event=on_event)
            raise KeyboardInterrupt

        def stop(self):
            stopped.append(True)

    monkeypatch.setattr(probe, "LocalEngine", Interrupted)
    status, _, errors = command(copied)
    assert (status, stopped) == (130, [True])
    assert errors.endswith("Stopped. What is probed is kept; the same command goes on.\n")
    assert len(read_rows(copied, ERRORS)) == 2
    monkeypatch.setattr(probe, "LocalEngine", HereEngine)
    assert "Probes: 4 records, 2 done" in command(copied)[1]
    check_same_tables(probed, copied)


def test_state_is_asked_where_wanted_and_its_reason_is_said(copied_probed, ordered, monkeypatch):
    """What was found before stays, and a state that cannot be asked is not asked again."""
    monkeypatch.setattr("bench.probes.state.MOST_UPDATES", 2)
    before = {name: (copied_probed / name).read_bytes() for name in PROBE_TABLES if name != STATE}
    with monkeypatch.context() as patch:
        patch.setattr("models.seq2seq.Seq2Seq.context", None)
        status, _, errors = command(copied_probed, "--state", "2")
    assert (status, len(ordered)) == (0, 2)
    names = "; ".join(f"copy, {model}, seed 1, length 2" for model in TRAINED)
    assert errors == f"The state of 2 records is not asked, it names no state: {names}\n"
    assert rows_by_model(copied_probed, STATE) == {}
    assert command(copied_probed, "--state", "2,4")[::2] == (0, "")
    assert [record["row"]["length"] for record in ordered[2:]] == [4, 4]
    # Three readers, four items.
    assert rows_by_model(copied_probed, STATE) == {(model, 4): 12 for model in TRAINED}
    for name, content in before.items():
        assert (copied_probed / name).read_bytes() == content, name


# What goes wrong.


def test_records_without_a_usable_checkpoint_are_named(copied):
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
        assert (
            "2 of 4 records have no checkpoint and are not probed: "
            "copy, seq2seq, seed 1, length 2; copy, seq2seq, seed 1, length 4\n"
        ) in errors
    assert rows_by_model(copied, ERRORS) == {("seq2seq+dot", 2): 1, ("seq2seq+dot", 4): 1}


@pytest.mark.parametrize("code", [0, -9])
def test_child_that_dies_or_says_nothing_leaves_the_tables_of_the_others(copied, monkeypatch, code):
    """Status 0 and no word is how a model ends its process as if all were well."""
    silent = types.SimpleNamespace(main=lambda events: code)
    monkeypatch.setitem(importlib.sys.modules, "silent_child", silent)
    orders_of = probe._orders

    def orders(root, records):
        first, *others = orders_of(root, records)
        return [replace(first, module="silent_child"), *others]

    monkeypatch.setattr(probe, "_orders", orders)
    status, _, errors = command(copied)
    name = f"probe-{accuracy_rows(copied)[0].run_id}"
    assert status == 1
    assert f"{name} failed: see {copied / 'logs' / name}.log\n" in errors
    assert rows_by_model(copied, ERRORS) == {("seq2seq+dot", 2): 1, ("seq2seq+dot", 4): 1}


# What is refused, in one line, before a child is started or a file is written or renamed.


def check_refused(folder, ordered, message, *arguments, **options):
    before = snapshot(folder) if folder.is_dir() else None
    status, output, errors = command(folder, *arguments, **options)
    assert (status, output) == (2, "")
    assert errors == f"bench.probe: {message}\n"
    assert before is None or snapshot(folder) == before
    assert ordered == []


def test_folder_that_cannot_be_probed_is_refused(copied, tmp_path, ordered):
    empty, absent, file = (tmp_path / name for name in ("empty", "absent", "file"))
    empty.mkdir()
    file.touch()
    advice = "no finished stage to probe: run python -m bench.run first"
    check_refused(empty, ordered, f"--results: {empty}: {advice}")
    check_refused(absent, ordered, f"--results: {absent}: there is no such folder")
    check_refused(file, ordered, f"--results: {file}: is a file, a folder is needed")
    assert not absent.exists()
    for path in (copied / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    first = weights_path(copied, accuracy_rows(copied)[0].stage_id)
    line = f"--results: {copied}: no checkpoints, which probes read; "
    damaged = "not used: it is damaged: the checksum does not match"
    check_refused(copied, ordered, f"{line}{first}: {damaged}")
    shutil.rmtree(copied / "checkpoints")
    check_refused(copied, ordered, f"{line}only the folder that bench.run wrote has them")


def test_what_other_code_trained_is_refused(copied, ordered, monkeypatch):
    newer, edited = (
        MODELS | {"seq2seq": replace(MODELS["seq2seq"], **change)}
        for change in ({"version": 9}, {"builder": "tests.plugins.example:build"})
    )
    example = code_hash("tests.plugins.example:build")
    tasks = TASKS | {"copy": replace(TASKS["copy"], version=9)}
    made = "copy, seq2seq were made with {}, here it is {}; train them again in another folder"
    earlier = (
        "these rows are of an earlier version of the code of copy, seq2seq "
        f"(code_hash None, here it is {example}); train it again in another folder"
    )
    for module, where, other, message in (
        (strangers, "MODELS", newer, made.format("model_version 1", 9)),
        (strangers, "MODELS", edited, earlier),
        (strangers, "TASKS", tasks, made.format("task_version 1", 9)),
        (probe, "SAMPLER_VERSION", 9, made.format("sampler_version 1", 9)),
        (probe, "EVALUATOR_VERSION", 9, made.format("evaluator_version 2", 9)),
        (probe, "RECIPE_VERSION", 9, made.format(f"recipe_version {probe.RECIPE_VERSION}", 9)),
        (probe, "known_tasks", tuple, "task 'copy' is not known here"),
        (probe, "known_models", tuple, "model 'seq2seq' is not known here"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, where, other)
            check_refused(copied, ordered, f"--results: {message}")


def test_probes_of_another_version_that_nothing_replaces_are_kept(
    copied_probed, ordered, monkeypatch
):
    """One damaged checkpoint is enough to refuse; with all of them they are found anew."""
    for module in (probe, worker):
        monkeypatch.setattr(module, "PROBE_VERSION", VERSION + 1)
    path = weights_path(copied_probed, accuracy_rows(copied_probed)[0].stage_id)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    message = (
        f"--results: {copied_probed}: 1 records were probed by version {VERSION}, here it is "
        f"{VERSION + 1}, and have no checkpoint to be probed again: copy, seq2seq, seed 1, length 2"
    )
    check_refused(copied_probed, ordered, message)
    path.write_bytes(whole)
    assert command(copied_probed)[0] == 0
    assert len(ordered) == 4


def test_mistake_is_one_line(copied_probed, ordered):
    choice = f"not trained in {copied_probed}; choose from 2,4"
    jobs = "--jobs: must be a whole number from 1 to 1024, got '0'"
    check_refused(copied_probed, ordered, f"--lengths: 6,7: {choice}", lengths="2..7:2")
    check_refused(copied_probed, ordered, f"--state: 3: {choice}", "--state", "2,3")
    check_refused(copied_probed, ordered, jobs, "--jobs", "0")
    check_refused(copied_probed, ordered, "--results: must name a folder, got ''", "--results=")
    with locked(copied_probed, PROBES):
        busy = f"{copied_probed}: another bench.probe is at work here; wait for its end"
        check_refused(copied_probed, ordered, busy)
    # Lengths of the default that were not trained are named, and no mistake.
    status, _, errors = command(copied_probed, lengths=None)
    assert status == 0
    assert errors == f"Influence and maps are not measured at 20,100: {choice}\n"
