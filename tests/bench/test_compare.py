"""`bench.compare`: what it prints, its exit statuses, and one line for all that it refuses."""

import contextlib
import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest

from bench import compare
from results.schema.rows import planned
from results.store.folder import open_store
from tests import ROOT
from tests.rows import accuracy_row, failed, filled_store, throughput_row

SCORES = {"rnn": (0.50, 0.40, 0.45), "seq2seq": (0.70, 0.72, 0.65)}
IN_A_PROCESS = """
import sys
{}
from bench.compare import main
status = main(sys.argv[1:])
sys.exit("torch is imported" if "torch" in sys.modules else status)
"""


def command(*arguments):
    """Run the command line in this process; return its status, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = compare.main([str(argument) for argument in arguments])
        except SystemExit as end:  # `--help`
            status = end.code
    return status, output.getvalue(), errors.getvalue()


def compared(*arguments):
    status, output, errors = command(*arguments)
    assert (status, errors) == (0, "")
    return output


def assert_refused(arguments, message):
    status, output, errors = command(*arguments)
    assert (status, output) == (2, "")
    assert errors == f"bench.compare: {message}\n"


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
    return [
        throughput_row(
            **{
                "model": model,
                "median_seconds": factor * seconds,
                "iqr_seconds": 0.01 * seconds,
                "rounds": 7,
                "noise": "steady",
            }
            | changes
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


def improved(row, by):
    """Return the row of a later commit; each seed gains a little more than the one before."""
    score = row.token_accuracy + by + 0.001 * row.seed
    return dataclasses.replace(row, token_accuracy=score, commit="bbb")


@pytest.fixture
def a(tmp_path):
    return write(tmp_path / "a", rows(), timings())


@pytest.fixture
def b(tmp_path):
    """`rnn` has become better at a task and slower, `seq2seq` neither."""
    changed = [improved(row, 0.1) if row.model == "rnn" else row for row in rows()]
    slower = [*timings(1.5)[:1], *timings(1.01, noise="noisy")[1:]]
    return write(tmp_path / "b", changed, slower)


def line_of(output, *words):
    """The one line that begins with these words."""
    (line,) = [line for line in output.splitlines() if line.split()[: len(words)] == list(words)]
    return line


def test_both_kinds_are_compared(a, b):
    output = compared(a, b)

    assert line_of(output, "copy", "rnn").endswith("better")
    assert line_of(output, "copy", "seq2seq").endswith("no difference seen")
    assert line_of(output, "rnn", "decode").endswith("worse")
    assert line_of(output, "seq2seq", "decode").endswith("B      no difference seen")
    assert "\n2 rows: 1 better, 0 worse, 1 no difference seen\n" in output
    assert "\n2 rows: 0 better, 1 worse, 1 no difference seen\n" in output
    assert "Not compared" not in output


def test_what_made_the_folders_stands_at_the_top(a, b):
    first, second, *_ = compared(a, b).splitlines()

    assert first.startswith(f"A: {a}; commit aaa; torch_version unknown; python_version unknown;")
    assert second.startswith(f"B: {b}; commit aaa, bbb; ")


def test_columns_stand_below_their_names(a, b):
    lines = compared(a, b).splitlines()
    (header,) = [line for line in lines if line.startswith("task ")]
    ends = [header.index(name) + len(name) for name in ("length", "difference", "high")]

    for model in SCORES:
        line = line_of("\n".join(lines), "copy", model)
        assert line.index("no" if model == "seq2seq" else "better") == header.index("verdict")
        assert all(line[end - 1] != " " and line[end] == " " for end in ends)


def test_how_many_rows_chance_alone_would_tell_apart_is_said(a, b):
    output = compared(a, b)

    assert "\nExpected to differ by chance alone: 0.1 of the 1 rows with an interval" in output
    assert "Expected to differ by rounds alone: at most 0.1 of the 2 rows with an int" in output


def test_one_seed_has_no_verdict(a, tmp_path):
    output = compared(a, write(tmp_path / "one", [row for row in rows() if row.seed == 11]))

    assert "2 rows: 0 better, 0 worse, 0 no difference seen, 2 no verdict, one seed\n" in output
    assert "Expected" not in output
    assert "Not compared: 4 CSV rows that are ok in A alone; in B 4 absent" in output
    assert "throughput.csv: only in A, not compared\n" in output


def test_a_run_that_failed_is_not_passed_over(a, tmp_path):
    accuracy = [failed(row) if row.seed == 12 else row for row in rows()]

    output = compared(a, write(tmp_path / "b", accuracy))

    assert "Not compared: 2 CSV rows that are ok in A alone; in B 2 diverged" in output


def test_throughput_alone_is_compared(b, tmp_path):
    output = compared(write(tmp_path / "fast", throughput=timings()), b)

    assert "accuracy.csv: only in B, not compared\n" in output
    assert "2 rows: 0 better, 1 worse, 1 no difference seen\n" in output


def test_another_score_is_compared(tmp_path):
    folders = [
        write(
            tmp_path / name,
            [
                dataclasses.replace(row, cross_entropy_bits=bits + row.token_accuracy * scale)
                for row in rows()
            ],
        )
        for name, bits, scale in (("a", 2.0, 1.0), ("b", 1.0, 1.1))
    ]

    output = compared(*folders, "--score", "cross_entropy_bits")

    assert "Accuracy: cross_entropy_bits, B - A" in output
    assert "2 rows: 2 better, 0 worse" in output


def test_a_row_without_the_score_is_not_compared(a, tmp_path):
    first, *others = rows()
    b = write(tmp_path / "b", [dataclasses.replace(first, carried_bits=None), *others])

    output = compared(a, b, "--score", "carried_bits")

    assert "Not compared: 1 CSV rows that are ok in A alone; in B 1 without a value\n" in output


@pytest.mark.parametrize(("tolerance", "verdict"), [("0.05", "worse"), ("1", "no difference seen")])
def test_tolerance(a, b, tolerance, verdict):
    assert line_of(compared(a, b, "--tolerance", tolerance), "rnn", "decode").endswith(verdict)


def test_lengths(tmp_path):
    folders = [
        write(tmp_path / name, throughput=[row for n in (10, 20, 30) for row in timings(length=n)])
        for name in "ab"
    ]

    output = compared(*folders, "--lengths", "20..30:10")

    assert "4 rows: 0 better, 0 worse, 4 no difference seen\n" in output


def test_a_kind_that_cannot_be_compared_does_not_hide_the_other(a, tmp_path):
    b = write(tmp_path / "other machine", rows(), timings(threads=2))

    status, output, errors = command(a, b)

    assert status == 2
    assert "2 rows: 0 better, 0 worse, 2 no difference seen\n" in output
    assert "Throughput" not in output
    assert errors == (
        "bench.compare: threads: must be the same to be compared, got 1 in A and 2 in B "
        "(model rnn, phase decode, length 10)\n"
    )


def test_folders_of_other_settings_are_refused_in_one_line(a, tmp_path):
    place = "(task copy, model rnn, protocol curriculum, train_length 10, length 10, seed 11)"
    rule = "hidden: must be the same to be compared, got 64 in A and 32 in B"

    b = write(tmp_path / "b", rows(hidden=32), timings(hidden=32))

    assert_refused([a, b], f"{rule} {place}; {rule} (model rnn, phase decode, length 10)")


def test_nothing_in_common(a, tmp_path):
    only_times = write(tmp_path / "times", throughput=timings(phase="forward"))
    only_scores = write(tmp_path / "scores", rows())
    elsewhere = write(tmp_path / "elsewhere", rows(task="sort"), timings(length=20))
    message = "A and B: no row is ok in both, nothing can be compared"

    assert_refused([only_times, only_scores], message)
    assert_refused([a, elsewhere], message)
    assert_refused([a, only_times], message)
    assert_refused(
        [a, only_scores, "--lengths", "20"], message.replace("both", "both at these --lengths")
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--score", "token_acuracy"], "--score: 'token_acuracy' is unknown; did you mean"),
        (["--tolerance", "-0.1"], "--tolerance: must be a number from 0 to 1, got '-0.1'"),
        (["--tolerance", "5%"], "--tolerance: must be a number from 0 to 1, got '5%'"),
        (["--tolerance", "nan"], "--tolerance: must be a number from 0 to 1, got 'nan'"),
        (["--lengths", "ten"], "--lengths: 'ten' is not a length; write 10..200"),
        (["--out", "x"], "unrecognized arguments: --out x"),
        (["third"], "unrecognized arguments: third"),
    ],
    ids=str,
)
def test_a_mistake_in_an_option_is_one_line(a, b, options, message):
    status, output, errors = command(a, b, *options)

    assert (status, output) == (2, "")
    assert errors.startswith(f"bench.compare: {message}")
    assert len(errors.splitlines()) == 1


def test_a_mistake_in_a_folder_is_one_line(a, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").write_text("", encoding="utf-8")

    assert_refused([], "the following arguments are required: A, B")
    assert_refused(["a"], "the following arguments are required: B")
    assert_refused(["a", ""], "B: must name a folder, got ''")
    assert_refused(["none", "a"], "A: 'none' is not a folder")
    assert_refused(["a", "file"], "B: 'file' is not a folder")
    assert_refused(["a", "empty"], "B: 'empty' holds neither accuracy.csv nor throughput.csv")
    assert_refused([a, "a/../a"], "B: must be another folder than A, got 'a/../a'")


@pytest.mark.parametrize("name", ["accuracy.csv", "throughput.csv"])
def test_a_damaged_csv_is_one_line(a, b, name):
    path = b / name
    path.write_bytes(path.read_bytes()[:-1])

    status, output, errors = command(a, b)

    assert status == 2
    assert errors.startswith(f"bench.compare: {path}: truncated or edited")
    assert len(errors.splitlines()) == 1
    assert ("Accuracy" in output, "Throughput" in output) == (
        name != "accuracy.csv",
        name != "throughput.csv",
    )


def test_nothing_is_written(a, b):
    before = {path: path.stat().st_mtime_ns for path in a.parent.rglob("*")}

    compared(a, b)

    assert {path: path.stat().st_mtime_ns for path in a.parent.rglob("*")} == before


def in_a_process(first, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS.format(first), *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def test_torch_is_not_imported(a, b):
    done = in_a_process("", a, b, stdout=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rows: 1 better" in done.stdout


def test_importing_torch_would_be_noticed(a, b):
    done = in_a_process("import torch", a, b, stdout=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (1, "torch is imported\n")


def test_a_reader_that_has_seen_enough_is_no_error(a, b):
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as reader:
        reader.wait()
        done = in_a_process("", a, b, stdout=reader.stdin)

    assert (done.returncode, done.stderr) == (0, "")


def test_help_and_the_readme_name_every_option():
    status, output, errors = command("--help")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert (status, errors) == (0, "")
    for option in ("--score", "--tolerance", "--lengths"):
        assert option in output
        assert f"`{option}`" in readme
