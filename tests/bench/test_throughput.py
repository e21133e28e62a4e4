"""What of the throughput is measured, and when: everything once, and nothing that is there."""

import json
from itertools import product

import pytest
import torch

from bench import throughput
from bench.cli.run_options import parse_request
from bench.throughput import main, measure_missing, measurement_of
from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import OK, PHASES, STEADY, ThroughputRow
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.folder import open_store


def row_of(order, model, phase, length, *, status=OK, seconds=0.5):
    config = order["config"]
    measured = {"error": "it broke"}
    if status == OK:
        measured = {"rounds": 7, "median_seconds": seconds, "noise": STEADY}
    return ThroughputRow(
        model=model,
        phase=phase,
        length=length,
        status=status,
        batch_size=order["batch_size"],
        symbols=config["symbols"],
        cell=config["cell"],
        hidden=config["hidden"],
        embedding=config["hidden"] // 2,
        encoder=config["encoder"],
        device=order["device"],
        threads=1,
        **measured,
    )


class Measuring:
    """Stands in for the child process; remembers its orders."""

    def __init__(self, failing=(), dies_after=None):
        self.orders, self.failing, self.dies_after = [], set(failing), dies_after

    def __call__(self, module, order, *, out):
        assert module == "bench.timing.measure"
        self.orders.append(json.loads(json.dumps(order)))
        for _ in order["cells"]:
            yield {"memory": 1}
        for number, length in enumerate(dict.fromkeys(each["length"] for each in order["cells"])):
            if number == self.dies_after:
                raise ResultsError("bench.timing.measure ended with exit status -9")
            yield {
                "rows": [
                    to_json(self.row(order, **cell))
                    for cell in order["cells"]
                    if cell["length"] == length
                ]
            }

    def row(self, order, model, length, phase):
        status = "failed" if (model, length) in self.failing else OK
        return row_of(order, model, phase, length, status=status, seconds=float(len(self.orders)))

    def measured(self):
        """What each order was about."""
        return [
            {(each["model"], each["phase"], each["length"]) for each in order["cells"]}
            for order in self.orders
        ]


@pytest.fixture
def measuring(monkeypatch):
    def start(**options):
        child = Measuring(**options)
        monkeypatch.setattr(throughput, "child_events", child)
        return child

    return start


def measure(folder, *arguments, lengths="2,4", models="rnn,seq2seq"):
    request = parse_request(["--lengths", lengths, "--models", models, "--hidden", "8", *arguments])
    (block,) = request.blocks
    measure_missing(measurement_of(block), open_store(folder, create=True))


def cells(models, lengths, phases=PHASES):
    return set(product(models, phases, lengths))


def measured(folder):
    return {
        (row.model, row.phase, row.length): row.median_seconds
        for row in read_rows(folder, THROUGHPUT)
    }


def test_every_model_length_and_phase_is_measured_once(measuring, tmp_path):
    child = measuring()
    for _ in range(3):
        measure(tmp_path)
    assert child.measured() == [cells(("rnn", "seq2seq"), (2, 4))]
    assert set(measured(tmp_path)) == cells(("rnn", "seq2seq"), (2, 4))


def test_only_new_lengths_and_models_are_measured(measuring, tmp_path):
    child = measuring()
    measure(tmp_path, models="rnn")
    before = measured(tmp_path)
    measure(tmp_path, models="rnn,seq2seq")
    measure(tmp_path, models="rnn", lengths="2,4,6")
    assert child.measured()[1:] == [cells(("seq2seq",), (2, 4)), cells(("rnn",), (6,))]
    assert list(child.orders[1]["builders"]) == ["seq2seq"]
    assert before.items() < measured(tmp_path).items()


def test_missing_phase_is_measured(measuring, tmp_path):
    child = measuring()
    measure(tmp_path, models="rnn", lengths="2")
    path = tmp_path / THROUGHPUT
    kept = [row for row in read_rows(tmp_path, THROUGHPUT) if row.phase != "decode"]
    path.unlink()
    open_store(tmp_path, create=True).write_throughput(kept)
    measure(tmp_path, models="rnn", lengths="2")
    assert child.measured()[1:] == [{("rnn", "decode", 2)}]


@pytest.mark.parametrize(
    "other",
    [("--hidden", "10"), ("--cell", "gru"), ("--encoder", "uni")],
    ids=" ".join,
)
def test_other_settings_are_measured_beside_the_first(measuring, tmp_path, other):
    child = measuring()
    measure(tmp_path)
    measure(tmp_path, *other)
    assert child.measured() == 2 * [cells(("rnn", "seq2seq"), (2, 4))]
    assert len(read_rows(tmp_path, THROUGHPUT)) == 24


@pytest.mark.parametrize(
    "same",
    [("--budget", "3"), ("--seeds", "5"), ("--symbols", "4"), ("--tasks", "sort")],
    ids=" ".join,
)
def test_what_does_not_change_a_speed_measures_nothing_again(measuring, tmp_path, same):
    child = measuring()
    measure(tmp_path)
    measure(tmp_path, *same)
    assert len(child.orders) == 1


@pytest.mark.parametrize("lengths", ["10..100", "10..200", "1..500:7", "10..30,1000"])
def test_a_run_measures_at_most_twenty_lengths_the_shortest_and_longest_among_them(lengths):
    request = parse_request(["--lengths", lengths, "--models", "rnn"])
    (block,) = request.blocks
    asked = block.settings.lengths
    spread = list(dict.fromkeys(cell.length for cell in measurement_of(block).cells))
    assert len(spread) == min(20, len(asked))
    assert set(spread) <= set(asked)
    assert (spread[0], spread[-1]) == (asked[0], asked[-1])
    assert spread == sorted(spread)


def test_model_that_fails_leaves_a_row_and_is_not_tried_again_by_itself(measuring, tmp_path):
    child = measuring(failing=[("rnn", 4)])
    measure(tmp_path)
    measure(tmp_path)
    assert len(child.orders) == 1
    failed = [row for row in read_rows(tmp_path, THROUGHPUT) if row.status != OK]
    assert [(row.model, row.length, row.median_seconds) for row in failed] == [("rnn", 4, None)] * 3


def test_what_is_measured_before_the_process_dies_is_kept(measuring, tmp_path):
    child = measuring(dies_after=1)
    with pytest.raises(ResultsError, match="exit status -9"):
        measure(tmp_path)
    assert set(measured(tmp_path)) == cells(("rnn", "seq2seq"), (2,))
    child.dies_after = None
    measure(tmp_path)
    assert child.measured()[1:] == [cells(("rnn", "seq2seq"), (4,))]


@pytest.mark.parametrize("damage", ["truncated", "unsealed"])
def test_damaged_measurements_are_set_aside_and_taken_again(measuring, tmp_path, damage):
    child = measuring()
    measure(tmp_path)
    path = tmp_path / THROUGHPUT
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        (tmp_path / "checksums.json").unlink()
    measure(tmp_path)
    assert len(child.orders) == 2
    assert len(measured(tmp_path)) == 12


# The command line.


def command(folder, *arguments):
    return main(["--lengths", "2,4", "--models", "rnn", "--out", str(folder), *arguments])


def test_command_measures_what_is_missing_or_all_anew(measuring, tmp_path, capsys):
    child = measuring()
    assert [command(tmp_path), command(tmp_path), command(tmp_path, "--again")] == [0, 0, 0]
    assert child.measured() == 2 * [cells(("rnn",), (2, 4))]
    assert set(measured(tmp_path).values()) == {2.0}
    said = capsys.readouterr().out
    assert "train_step, tokens per second" in said
    assert "0 of 6 rows are noisy" in said


def test_command_says_what_failed_and_fails(measuring, tmp_path, capsys):
    measuring(failing=[("rnn", 4)])
    assert command(tmp_path) == 1
    assert "rnn, decode, length 4: failed: it broke" in capsys.readouterr().err


def test_command_and_run_share_their_rows(measuring, tmp_path):
    child = measuring()
    measure(tmp_path, "--preset", "default")
    assert command(tmp_path, "--hidden", "8", "--models", "rnn,seq2seq") == 0
    assert len(child.orders) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lengths", "9..1"], "--lengths: "),
        (["--threads", "0"], "--threads: must be a whole number from 1"),
        (["--threads", "100000"], "--threads: must be at most"),
        (["--batch-size", "none"], "--batch-size: must be a whole number"),
        (["--models", "seq2seq+dott"], "did you mean 'seq2seq+dot'"),
        (["--hidden", "7"], "--hidden: must be an even number"),
        (["--device", "tpu"], "--device: 'tpu' is unknown"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
    ids=" ".join,
)
def test_mistake_is_one_line_and_writes_nothing(measuring, tmp_path, capsys, arguments, said):
    measuring()
    folder = tmp_path / "results"
    assert command(folder, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench.throughput: ")
    assert said in line
    assert not folder.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device on this machine")
def test_absent_device_is_refused(measuring, tmp_path, capsys):
    assert command(tmp_path, "--device", "cuda") == 2
    assert "--device: cuda is not available here" in capsys.readouterr().err
