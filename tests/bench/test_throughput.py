"""What of the throughput is measured, and when: everything once, and nothing that is there.

A stand-in takes the place of the child processes that measure.
"""

import json
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from bench import throughput
from bench.cli.run_options import parse_request
from bench.execution.engine import ChildEnd
from bench.throughput import main, measure_missing, measurement_of
from models import find_model
from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import OK, PHASES
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.folder import open_store
from tasks.import_path import code_hash
from tests.rows import throughput_row


class Measuring:
    """Measures nothing; remembers its orders, and may fail or die."""

    def __init__(self):
        self.orders, self.limits, self.failing, self.dies_at = [], [], None, None
        self.stranger_ends = {"exit_code": 0}

    def __call__(self, module, order, *, out):
        assert module == "bench.timing.measure"
        self.orders.append(json.loads(json.dumps(order)))
        for _ in order["cases"]:
            yield {"memory": 1}
        for length in dict.fromkeys(each["length"] for each in order["cases"]):
            if length == self.dies_at:
                raise ResultsError("bench.timing.measure ended with exit status -9")
            cases = [each for each in order["cases"] if each["length"] == length]
            yield {"rows": [to_json(self.row(order, case)) for case in cases]}

    def carry_out(self, order, *, on_event):
        """Take the place of the engine too, which a user's model gets a child by."""
        assert (order.name, Path(order.out).is_dir()) == (order.module, True)
        self.limits.append(order.time_limit_seconds)
        with suppress(ResultsError):
            for event in self(order.module, order.message, out=order.out):
                on_event(order, event)
        return ChildEnd(order, **self.stranger_ends)

    def row(self, order, case):
        config = {name: order["config"][name] for name in ("symbols", "hidden", "cell", "encoder")}
        how = {name: order[name] for name in ("batch_size", "device", "threads")}
        code = code_hash(order["builders"][case["model"]])
        row = {**case, **config, **how, "embedding": config["hidden"] // 2, "code_hash": code}
        if (case["model"], case["length"]) == self.failing:
            failed = {"status": "failed", "error": "it broke"}
            return throughput_row(**row, **failed, rounds=None, median_seconds=None)
        return throughput_row(**row, median_seconds=float(len(self.orders)))

    def measured(self):
        """Return what each order was about."""
        return [
            {(each["model"], each["phase"], each["length"]) for each in order["cases"]}
            for order in self.orders
        ]


@pytest.fixture
def child(monkeypatch):
    child = Measuring()
    monkeypatch.setattr(throughput, "child_events", child)
    monkeypatch.setattr(throughput, "LocalEngine", lambda jobs: child)
    return child


def block_of(*arguments):
    (block,) = parse_request(["--models", "rnn,seq2seq", "--hidden", "8", *arguments]).blocks
    return block


def measure(folder, *arguments):
    """Do the last step of a run."""
    measurement = measurement_of(block_of("--lengths", "2,4", *arguments))
    measure_missing(measurement, open_store(folder, create=True))


def command(folder, *arguments):
    return main(["--lengths", "2,4", "--models", "rnn", "--out", str(folder), *arguments])


def cases(models, lengths):
    return set(product(models, PHASES, lengths))


def measured(folder):
    rows = read_rows(folder, THROUGHPUT)
    return {(row.model, row.phase, row.length): row.median_seconds for row in rows}


BOTH = cases(("rnn", "seq2seq"), (2, 4))


def test_only_what_is_missing_is_measured(child, tmp_path):
    measure(tmp_path, "--models", "rnn")
    before = measured(tmp_path)
    for _ in range(2):
        measure(tmp_path)
    measure(tmp_path, "--models", "rnn", "--lengths", "2,4,6")
    for same in (("--budget", "3"), ("--seeds", "5"), ("--symbols", "4"), ("--tasks", "sort")):
        measure(tmp_path, *same)
    assert command(tmp_path, "--hidden", "8", "--models", "rnn,seq2seq") == 0
    assert child.measured() == [
        *(cases(("rnn",), (2, 4)), cases(("seq2seq",), (2, 4)), cases(("rnn",), (6,)))
    ]
    assert list(child.orders[1]["builders"]) == ["seq2seq"]
    assert before.items() < measured(tmp_path).items()


@pytest.mark.fault("F26")
def test_edited_model_is_measured_anew_in_place_of_the_first(child, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    block = replace(block_of("--lengths", "2"), models=(find_model("mine:build"),))
    for text in ("", "", "# edited", "# edited"):
        (tmp_path / "mine.py").write_text(text)
        measure_missing(measurement_of(block), open_store(tmp_path / "out", create=True))
    assert child.measured() == [cases(("mine:build",), (2,))] * 2
    assert set(measured(tmp_path / "out").values()) == {2.0}


def test_other_settings_are_measured_beside_the_first(child, tmp_path):
    for other in ((), ("--hidden", "10"), ("--cell", "gru"), ("--encoder", "uni")):
        measure(tmp_path, *other)
    assert child.measured() == [BOTH] * 4
    assert len(read_rows(tmp_path, THROUGHPUT)) == 4 * 12


def test_a_run_measures_at_most_twenty_lengths_and_the_command_all():
    block = block_of("--lengths", "1..500:7")
    spread = list(dict.fromkeys(case.length for case in measurement_of(block).cases))
    assert spread == sorted(spread)
    assert set(spread) < set(block.settings.lengths)
    assert (len(spread), spread[0], spread[1], spread[-1]) == (20, 1, 29, 500)
    assert len(measurement_of(block, most_lengths=73).cases) == 6 * 73


def test_model_that_fails_leaves_a_row_and_is_not_tried_again_by_itself(child, tmp_path, capsys):
    child.failing = ("rnn", 4)
    assert [command(tmp_path), command(tmp_path)] == [1, 1]
    assert len(child.orders) == 1
    failed = [row for row in read_rows(tmp_path, THROUGHPUT) if row.status != OK]
    assert [(row.model, row.length, row.median_seconds) for row in failed] == [("rnn", 4, None)] * 3
    assert "rnn, decode, length 4: failed: it broke" in capsys.readouterr().err


def test_what_is_measured_before_the_process_dies_is_kept(child, tmp_path, capsys):
    child.dies_at = 4
    assert command(tmp_path) == 2
    assert capsys.readouterr().err.endswith("measure ended with exit status -9\n")
    child.dies_at = None
    assert command(tmp_path) == 0
    assert child.measured() == [cases(("rnn",), (2, 4)), cases(("rnn",), (4,))]


STRANGERS = ("first_stranger:build", "second_stranger:build")


@pytest.mark.fault("F22")
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"exit_code": 0}, "failed: exit status 0 without a record; see logs/bench.timing.measure"),
        ({"exit_code": 3}, "failed: exit status 3; see logs/bench.timing.measure.log"),
        ({"exit_code": -11}, "killed: killed by SIGSEGV"),
        ({"exit_code": -9, "is_timed_out": True}, "timed_out: not done after 1680 seconds"),
    ],
)
def test_a_users_model_has_a_child_to_itself_and_fails_alone(
    child, tmp_path, monkeypatch, capsys, end, said
):
    monkeypatch.syspath_prepend(tmp_path)
    for name in STRANGERS:
        (tmp_path / name.replace(":build", ".py")).write_text("def build(config): pass")
    models = ("rnn", *STRANGERS, "seq2seq")
    arguments = ("--hidden", "8", "--models", ",".join(models))
    child.dies_at, child.stranger_ends = 4, end
    with suppress(ResultsError):
        measure(tmp_path, "--models", ",".join(STRANGERS))
    child.dies_at = None
    assert command(tmp_path, *arguments) == 1
    assert child.measured() == [
        *(cases((name,), (2, 4)) for name in STRANGERS),
        cases(("rnn", "seq2seq"), (2, 4)),
    ]
    assert [list(order["builders"]) for order in child.orders] == [
        *([name] for name in STRANGERS),
        ["rnn", "seq2seq"],
    ]
    assert len(read_rows(tmp_path, THROUGHPUT)) == 4 * len(cases(("",), (2, 4)))
    failed = [row for row in read_rows(tmp_path, THROUGHPUT) if row.status != OK]
    assert {(row.model, row.length) for row in failed} == {(name, 4) for name in STRANGERS}
    assert f"{STRANGERS[0]}, decode, length 4: {said}" in capsys.readouterr().err
    # Asked for anew, it is given its time again, and what it had does not hide its failure.
    child.dies_at = 2
    assert command(tmp_path, "--hidden", "8", "--models", STRANGERS[0], "--again") == 1
    failed = [row for row in read_rows(tmp_path, THROUGHPUT) if row.status != OK]
    assert {row.length for row in failed if row.model == STRANGERS[0]} == {2, 4}
    assert set(child.limits) == {600 + 6 * 180}


def test_it_is_measured_anew_when_asked_for_or_damaged(child, tmp_path, capsys):
    assert [command(tmp_path), command(tmp_path, "--again")] == [0, 0]
    assert set(measured(tmp_path).values()) == {2.0}
    path = tmp_path / THROUGHPUT
    path.write_bytes(path.read_bytes()[:-20])
    measure(tmp_path, "--models", "rnn", "--hidden", "64")
    assert child.measured() == 3 * [cases(("rnn",), (2, 4))]
    assert len(measured(tmp_path)) == 6
    said = capsys.readouterr()
    assert "train_step, tokens per second" in said.out
    assert "0 of 6 rows are noisy" in said.out
    assert said.err == ""  # Without a terminal, its bar shows nothing for a minute.


def test_mistake_is_one_line_and_writes_nothing(child, tmp_path, capsys):
    folder = tmp_path / "results"
    assert command(folder, "--threads=100000") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench.throughput: --threads: must be a whole number from 1 to ")
    assert not folder.exists()
