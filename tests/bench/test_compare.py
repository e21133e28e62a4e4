"""`bench.compare`: what it prints, its exit statuses, and one line for all that it refuses."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from bench import compare
from results.schema.rows import planned
from results.store.folder import open_store
from tasks.import_path import code_hash
from tests.commands import snapshot
from tests.rows import accuracy_row, failed, filled_store, throughput_row

SCORES = {"rnn": (0.50, 0.40, 0.45), "seq2seq": (0.70, 0.72, 0.65)}


@pytest.fixture
def command(capsys):
    """Run the command line in this process; return its status, output and errors."""

    def run(*arguments):
        status = compare.main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def compared(command):
    """Compare two folders; return the output."""

    def run(*arguments):
        status, output, errors = command(*arguments)
        assert (status, errors) == (0, "")
        return output

    return run


def rows(**changes):
    return [
        accuracy_row(
            **{"model": model, "seed": seed, "token_accuracy": score, "commit": "aaa"} | changes,
            run_id=f"{model}-{seed}",
            stage_id=f"{model}-{seed}",
            record_id=f"{model}-{seed}",
        )
        for model, scores in SCORES.items()
        for seed, score in enumerate(scores, start=11)
    ]


def timings(factor=1.0, **changes):
    values = {"rounds": 7, "noise": "steady"} | changes
    return [
        throughput_row(
            model=model,
            median_seconds=factor * seconds,
            iqr_seconds=0.01 * seconds,
            **values,
        )
        for model, seconds in (("rnn", 0.1), ("seq2seq", 0.2))
    ]


def write(folder, accuracy=(), throughput=()):
    """Write a results folder; a row that is not ok leaves a failure."""
    store = filled_store(folder, [row for row in accuracy if row.status == "ok"])
    store.extend_plan(planned(row) for row in accuracy)
    for row in accuracy:
        if row.status != "ok":
            store.write_failure(row)
    if accuracy:
        store.compile()
    if throughput:
        open_store(folder, create=True).write_throughput(throughput)
    return folder


@pytest.fixture
def a(tmp_path):
    return write(tmp_path / "a", rows(), timings())


@pytest.fixture
def b(tmp_path):
    """`rnn` has become better at a task and slower, `seq2seq` neither."""
    better = [
        dataclasses.replace(row, token_accuracy=score, commit="bbb")
        for row, score in zip(rows()[:3], (0.611, 0.512, 0.563), strict=True)
    ]
    slower = [*timings(1.5)[:1], *timings(1.01, noise="noisy")[1:]]
    return write(tmp_path / "b", [*better, *rows()[3:]], slower)


def line_of(output, *words):
    """The one line that begins with these words."""
    (line,) = [line for line in output.splitlines() if line.split()[: len(words)] == list(words)]
    return line


def test_both_kinds_are_compared_and_nothing_is_written(a, b, compared):
    before = snapshot(a.parent)
    output = compared(a, b)

    first, second, *_ = output.splitlines()
    assert first.startswith(f"A: {a}; commit aaa; torch_version unknown; python_version unknown;")
    assert second.startswith(f"B: {b}; commit aaa, bbb; ")
    accuracy = "copy rnn curriculum 10 10 0.4500 0.5620 0.1120 0.1095 0.1145 3 better"
    assert line_of(output, "copy", "rnn").split() == accuracy.split()
    assert line_of(output, "copy", "seq2seq").endswith(" -      -  3 no difference seen")
    assert line_of(output, "rnn", "decode").endswith("worse")
    assert line_of(output, "seq2seq", "decode").split()[-4:] == ["B", "no", "difference", "seen"]
    assert "\n2 rows: 1 better, 0 worse, 1 no difference seen\n" in output
    assert "\nExpected to differ by chance alone: 0.1 of the 1 rows with an interval" in output
    assert "\n2 rows: 0 better, 1 worse, 1 no difference seen\n" in output
    assert "Expected to differ by rounds alone: at most 0.1 of the 2 rows with an int" in output
    assert "Not compared" not in output
    assert snapshot(a.parent) == before


def test_rows_and_csvs_of_one_folder_alone_are_counted(a, b, tmp_path, compared):
    one = write(tmp_path / "one", [failed(row) if row.seed == 12 else row for row in rows()[:5]])

    output = compared(a, one)

    assert "Not compared: 3 CSV rows that are ok in A alone; in B 1 absent, 2 diverged" in output
    assert "throughput.csv: only in A, not compared\n" in output
    fast = write(tmp_path / "fast", throughput=timings())
    assert "accuracy.csv: only in B, not compared\n" in compared(fast, b)


def test_tolerance_and_lengths(a, b, tmp_path, compared):
    for tolerance, verdict in (("0.05", "worse"), ("1", "no difference seen")):
        output = compared(a, b, "--tolerance", tolerance)
        assert line_of(output, "rnn", "decode").endswith(verdict)
    times = [row for length in (10, 20, 30) for row in timings(length=length)]
    folders = [write(tmp_path / name, throughput=times) for name in ("c", "d")]
    output = compared(*folders, "--lengths", "20..30:10")
    assert "4 rows: 0 better, 0 worse, 4 no difference seen\n" in output


def test_one_model_of_a_folder_against_another(a, compared, tmp_path):
    output = compared("--models", "rnn,seq2seq", "--results", a)
    first, second, *_ = output.splitlines()
    assert (first, second) == ("A: rnn; learning_rate 0.001", "B: seq2seq; learning_rate 0.001")
    line = "copy 10 0.4500 0.6900 0.2400 0.0679 0.4121 3 better"
    assert line_of(output, "copy").split() == line.split()
    assert "\n1 row: 1 better, 0 worse, 0 no difference seen\n" in output
    # Whose rate is another is compared all the same, and of another size never.
    changed = [replace(row, learning_rate=0.002, config_id="c1") for row in rows()[3:]]
    slow = write(tmp_path / "slow", [*rows()[:3], *changed])
    assert "B: seq2seq; learning_rate 0.002" in compared(
        "--models", "rnn,seq2seq", "--results", slow
    )


def test_models_of_no_common_rows_are_refused(a, tmp_path, command):
    wide = [replace(row, hidden=128, config_id="c1") for row in rows()[3:]]
    other = write(tmp_path / "other", [*rows()[:3], *wide])
    for folder, more in ((other, ()), (a, ("--lengths", "20"))):
        status, output, errors = command("--models", "rnn,seq2seq", "--results", folder, *more)
        assert (status, output) == (2, "")
        assert errors.startswith("bench.compare: --models: rnn and seq2seq have no row ok in both")


def test_an_edit_since_is_said(tmp_path, monkeypatch, compared):
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "edited_since.py"
    source.write_text("def build(config): ...")
    name = "edited_since:build"
    mine = [
        replace(row, model=name, code_hash=code_hash(name), record_id=f"mine-{row.seed}")
        for row in rows()[:3]
    ]
    folder = write(tmp_path / "results", [*mine, *rows()[3:]])
    asked = ("--models", f"seq2seq,{name}", "--results", folder)
    assert "was edited since" not in compared(*asked)
    source.write_text("def build(config): return None")
    assert f"B: was edited since; {folder} has its earlier version" in compared(*asked)


def test_a_kind_that_cannot_be_compared_does_not_hide_the_other(a, tmp_path, command):
    status, output, errors = command(a, write(tmp_path / "b", rows(), timings(threads=2)))

    assert status == 2
    assert "2 rows: 0 better, 0 worse, 2 no difference seen\n" in output
    assert "Throughput" not in output
    assert errors == (
        "bench.compare: threads: must be the same to be compared, got 1 in A and 2 in B "
        "(model rnn, phase decode, length 10)\n"
    )


@pytest.mark.parametrize("name", ["accuracy.csv", "throughput.csv"])
def test_a_damaged_csv_does_not_hide_the_other(a, b, name, command):
    path = b / name
    path.write_bytes(path.read_bytes()[:-1])
    status, output, errors = command(a, b)
    assert status == 2
    assert errors.startswith(f"bench.compare: {path}: truncated or edited")
    assert len(errors.splitlines()) == 1
    assert ("Accuracy" in output) == (name != "accuracy.csv")
    assert ("Throughput" in output) == (name != "throughput.csv")


def test_nothing_in_common(a, tmp_path, command):
    only_times = write(tmp_path / "times", throughput=timings(phase="forward"))
    only_scores = write(tmp_path / "scores", rows())
    message = "bench.compare: A and B: no row is ok in both{}, nothing can be compared\n"

    for folders in ([only_times, only_scores], [a, only_times]):
        assert command(*folders) == (2, "", message.format(""))
    refused = command(a, only_scores, "--lengths", "20")
    assert refused == (2, "", message.format(" at these --lengths"))


def test_a_mistake_is_one_line(a, b, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    number = "--tolerance: must be a number from 0 to 1, got"
    neither = "B: {!r} has neither accuracy.csv nor throughput.csv\n"
    for arguments, message in (
        ([a, b, "--score", "token_acuracy"], "--score: 'token_acuracy' is unknown; did you mean"),
        ([a, b, "--tolerance", "1.1"], f"{number} '1.1'\n"),
        ([a, b, "--tolerance", "nan"], f"{number} 'nan'\n"),
        ([a, b, "--lengths", "ten"], "--lengths: 'ten' is not a length; write 10..200"),
        ([a, b, "third"], "unrecognized arguments: third\n"),
        ([a], "the following arguments are required: B\n"),
        ([a, ""], "B: must name a folder, got ''\n"),
        ([a, "none"], neither.format("none")),
        ([a, "empty"], neither.format("empty")),
        (["--results", a], "--results: goes with --models; two folders are written A B"),
        (["--models", "rnn,seq2seq"], "--models: needs --results DIR"),
        (["--models", "rnn,seq2seq", a], "--models: are of one folder"),
        (["--models", "rnn", "--results", a], "--models: must be two different names joined by"),
        (["--models", "rnn,seq2sec", "--results", a], "--models: 'seq2sec' is unknown; did you"),
        ([a, "a/../a"], "B: must be another folder than A, got 'a/../a'\n"),
    ):
        status, output, errors = command(*arguments)
        assert (status, output) == (2, "")
        assert errors.startswith(f"bench.compare: {message}")
        assert len(errors.splitlines()) == 1
