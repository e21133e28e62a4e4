"""Every mistake in a command line is one line on standard error and exit status 2."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bench import run
from bench.cli.execution import physical_cores
from bench.cli.run_options import MOST_SEEDS, MOST_SYMBOLS, parse_request
from bench.plan.presets import PRESETS
from bench.plan.shards import Shard
from models import MODELS
from results.command_line import UsageError
from tasks import TASKS


def command(arguments):
    """Run the command line in this process; return its status, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = run.main(list(arguments))
        except SystemExit as end:  # `--help`
            status = end.code
    return status, output.getvalue(), errors.getvalue()


def assert_refused(arguments, message):
    """It ends with status 2 and one line that holds the message, and leaves nothing behind."""
    before = sorted(Path.cwd().rglob("*"))
    status, output, errors = command(arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("bench.run: ")
    assert errors.endswith("\n")
    assert len(errors.splitlines()) == 1
    assert message in errors
    assert "Traceback" not in errors
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """What a command writes by mistake is seen here."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


LENGTHS = [
    ("ten", "--lengths: 'ten' is not a length; write 10..200, 10..200:5 or 10,20,50"),
    ("0", "--lengths: '0': a length lies between 1 and 100000"),
    ("0..10", "a length lies between 1 and 100000"),
    ("20..10", "--lengths: '20..10' runs backwards; write 10..20"),
    ("10..200:0", "has step 0; a step is at least 1"),
    ("10..200:-5", "is not a length"),
    ("1..200", "would be 200 lengths; add a step, as in 1..200:10"),
    ("10..", "is not a length"),
    ("..10", "is not a length"),
    ("10...20", "is not a length"),
    ("10..20..30", "is not a length"),
    ("10,,20", "'' is not a length"),
    (",", "'' is not a length"),
    ("1.5", "is not a length"),
    ("1e3", "is not a length"),
    ("0x10", "is not a length"),
    ("+10", "is not a length"),
    ("1..100000:1", "has more than 1000 lengths; use a larger step"),
    ("100001", "a length lies between 1 and 100000"),
    ("999999999", "a length lies between 1 and 100000"),
    ("99999999999999999999", "is not a length"),
    (",".join(map(str, range(1, 1002))), "has more than 1000 lengths; use a larger step"),
    ("١٠", "is not a length"),
    ("10\n20", "is not a length"),
    ("-5", "'-5' is not a length"),
]


@pytest.mark.parametrize(("text", "message"), LENGTHS)
def test_bad_lengths_are_refused(text, message):
    assert_refused(["--lengths", text], message)


@pytest.mark.parametrize(("text", "message"), LENGTHS[:4])
def test_bad_test_lengths_are_refused_by_their_own_name(text, message):
    assert_refused(
        ["--lengths", "2", "--test-lengths", text], message.replace("--lengths", "--test-lengths")
    )


NAMES = [
    (["--tasks", "revers"], "--tasks: 'revers' is unknown; did you mean 'reverse'?"),
    (["--tasks", "copy,sorted"], "did you mean 'sort'?"),
    (["--tasks", "translate"], "'translate' is unknown; known: copy, reverse, sort"),
    (["--tasks", "Copy"], "did you mean 'copy'?"),
    (["--tasks", ""], "--tasks: must be names joined by commas, got ''"),
    (["--tasks", "copy,"], "must be names joined by commas"),
    (["--tasks", ",copy"], "must be names joined by commas"),
    (["--models", "seq2sec"], "--models: 'seq2sec' is unknown; did you mean 'seq2seq'?"),
    (["--models", "rnn,seq2seq+dott"], "did you mean 'seq2seq+dot'?"),
    (["--models", "transformer"], "known: rnn, rnn-aligned, seq2seq, seq2seq+dot"),
    (["--models", ""], "--models: must be names joined by commas"),
    (["--models", " , "], "--models: must be names joined by commas"),
    (["--protocol", "curiculum"], "--protocol: 'curiculum' is unknown; did you mean 'curriculum'?"),
    (["--protocol", ""], "--protocol: '' is unknown"),
    (["--preset", "quik"], "--preset: 'quik' is unknown; did you mean 'quick'?"),
    (["--preset", "fast"], "known: quick, default, paper"),
    (["--cell", "lstmm"], "--cell: 'lstmm' is unknown; did you mean 'lstm'?"),
    (["--cell", "GRU"], "--cell: 'GRU' is unknown"),
    (["--encoder", "both"], "--encoder: 'both' is unknown; known: bi, uni"),
    (["--device", "gpu"], "--device: 'gpu' is unknown"),
    (["--device", "cpuu"], "did you mean 'cpu'?"),
    (["--device", "cuda:0"], "did you mean 'cuda'?"),
]


@pytest.mark.parametrize(("arguments", "message"), NAMES, ids=lambda value: str(value)[:40])
def test_unknown_names_are_refused_with_what_may_be_meant(arguments, message):
    assert_refused(arguments, message)


NUMBERS = ["0", "-1", "1.0", "1e3", "ten", " 3", "3 ", "+3", "١", "99999999999999999999", "0x1"]


INTEGERS = ["--seeds", "--first-seed", "--hidden", "--budget", "--jobs", "--time-limit"]


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("argument", INTEGERS)
def test_bad_numbers_are_refused(argument, text):
    # With `=`, or argparse would take `-1` for an option.
    assert_refused([f"{argument}={text}"], f"{argument}: must be a whole number from 1 to")


@pytest.mark.parametrize("argument", ["--seeds", "--first-seed", "--hidden", "--budget"])
def test_empty_number_is_refused(argument):
    assert_refused([argument, ""], f"{argument}: must be a whole number from 1 to")


@pytest.mark.parametrize(
    ("argument", "most"), [("--seeds", MOST_SEEDS), ("--jobs", 1024), ("--retries", 100)]
)
def test_largest_number_is_allowed_and_the_next_is_not(argument, most):
    parse_request([argument, str(most)])
    assert_refused([argument, str(most + 1)], f"from 1 to {most}, got '{most + 1}'")


@pytest.mark.parametrize("text", ["1", "3", "33"])
def test_state_must_be_even(text):
    assert_refused(
        ["--hidden", text], f"--hidden: must be an even number of at least 2, got {text}"
    )


@pytest.mark.parametrize("text", ["0", "1", "1.5", "nan", "inf", "-inf", "-0.1", "1e-400"])
def test_learning_rate_lies_between_0_and_1(text):
    assert_refused([f"--learning-rate={text}"], "--learning-rate: must lie between 0 and 1")


@pytest.mark.parametrize("text", ["", "fast", "0,001", "1e"])
def test_learning_rate_is_a_number(text):
    assert_refused(["--learning-rate", text], f"--learning-rate: {text!r} is not a number")


SYMBOLS = [
    ("", "--symbols: must be a whole number"),
    ("1", "an alphabet has at least 2 symbols, got 1"),
    ("0", "must be a whole number"),
    ("ten", "must be a whole number"),
    (str(MOST_SYMBOLS + 1), f"from 1 to {MOST_SYMBOLS}"),
    ("16,32", "must be a whole number"),
    ("sort=", "must be a whole number"),
    ("sort=1", "at least 2 symbols"),
    ("=16", "--symbols: '' is unknown"),
    ("sort=16,", "must be names joined by commas"),
    ("sort=16,32", "must be V or task=V joined by commas, got 'sort=16,32'"),
    ("sorted=16", "did you mean 'sort'?"),
    ("sort=16=8", "must be a whole number"),
    ("sort:16", "must be a whole number"),
]


@pytest.mark.parametrize(("text", "message"), SYMBOLS)
def test_bad_alphabets_are_refused(text, message):
    assert_refused(["--symbols", text], message)


def test_alphabet_of_a_task_that_is_not_asked_for_is_refused():
    assert_refused(["--tasks", "copy,sort", "--symbols", "reverse=4"], "'reverse' is unknown")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("models.seq2seq:missing", "module 'models.seq2seq' has no 'missing'"),
        ("models.seq2seq:build_dott", "did you mean 'build_dot'?"),
        ("no_such_package.module:build", "no module named 'no_such_package'"),
        ("models.no_such_module:build", "no module named 'models.no_such_module'"),
        ("models.config:CELLS", "'models.config:CELLS' is not a builder, it cannot be called"),
        ("models.seq2seq:", "is not of the form package.module:attribute"),
        (":build", "is not of the form package.module:attribute"),
        ("models/seq2seq.py:build_dot", "is not of the form package.module:attribute"),
        ("models.seq2seq:build_dot:again", "is not of the form package.module:attribute"),
    ],
)
def test_model_that_cannot_be_found_by_its_reference_is_refused(reference, message):
    assert_refused(["--models", f"rnn,{reference}"], message)


def test_cuda_without_a_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert_refused(["--device", "cuda"], "--device: cuda is not available here; use cpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lenghts", "10"], "unrecognized arguments: --lenghts 10"),
        (["--length", "10"], "unrecognized arguments"),  # No abbreviations.
        (["extra"], "unrecognized arguments: extra"),
        (["--lengths"], "expected one argument"),
        (["--dry-run=yes"], "ignored explicit argument"),
    ],
)
def test_what_is_no_option_is_refused(arguments, message):
    assert_refused(arguments, message)


EXECUTION = [
    (["--engine", "dusk"], "--engine: 'dusk' is unknown; did you mean 'dask'? known: local, dask"),
    (["--engine", ""], "--engine: '' is unknown"),
    (["--engine", "dask="], "--engine: must be local, dask or dask=tcp://HOST:PORT, got 'dask='"),
    (["--engine", "dask=host:8786"], "must be local, dask or dask=tcp://HOST:PORT"),
    (["--engine", "dask=tcp://host"], "must be local, dask or dask=tcp://HOST:PORT"),
    (["--engine", "dask=tcp://a b:1"], "must be local, dask or dask=tcp://HOST:PORT"),
    (["--engine", "local=tcp://host:1"], "must be local, dask or dask=tcp://HOST:PORT"),
    (["--shard", "0/3"], "--shard: the shard must be from 1 to 3, got 0/3"),
    (["--shard", "3"], "--shard: must be I/N as 2/8, array or array/N, got '3'"),
    (["--retries=-1"], "--retries: must be a whole number from 1 to 100, got '-1'"),
    (["--json"], "--json: only says what --dry-run says; give both"),
]


@pytest.mark.parametrize(("arguments", "message"), EXECUTION, ids=lambda value: str(value)[:40])
def test_bad_ways_to_carry_out_are_refused(arguments, message):
    assert_refused(arguments, message)


def test_cluster_without_dask_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "bench.execution.dask_engine", raising=False)
    assert_refused(["--engine", "dask"], "--engine: dask needs distributed; pip install")


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
@pytest.mark.parametrize("out", ["file", "file/below", "file/below/further"])
def test_out_that_is_or_lies_below_a_file_is_refused(empty_folder, out, dry):
    (empty_folder / "file").write_text("precious", encoding="utf-8")
    assert_refused(["--lengths", "2", "--out", out, *dry], "file")
    assert (empty_folder / "file").read_text(encoding="utf-8") == "precious"


def test_out_that_cannot_be_written_is_refused():
    """A folder in which even the superuser makes no file."""
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    assert_refused(["--lengths", "2", "--out", "/proc/results"], "/proc/results: cannot be used")


def test_out_whose_name_is_too_long_is_refused():
    assert_refused(["--lengths", "2", "--out", "x" * 300], "cannot be used: File name too long")


# What is right.


def only_block(*arguments):
    (block,) = parse_request(arguments).blocks
    return block


def test_nothing_given_is_the_default_matrix():
    request = parse_request([])
    preset = PRESETS["default"]
    (block,), (part,) = request.blocks, preset.parts
    assert block.settings.lengths == tuple(range(10, 201, 10))
    assert tuple(task.name for task in block.tasks) == part.tasks == tuple(TASKS)
    assert block.settings.seeds == tuple(range(11, 11 + preset.seeds))
    assert block.settings.hidden == part.hidden
    assert block.settings.recipe.stage_budget_updates == preset.budget
    assert [entry.name for entry in block.models] == [
        name for name, entry in MODELS.items() if entry.is_default
    ]
    assert request.out == Path("results")
    assert request.execution.jobs == physical_cores() >= 1
    assert request.measures_throughput
    assert (request.execution.engine, request.execution.scheduler, request.execution.shard) == (
        "local",
        None,
        None,
    )
    assert (request.execution.limits.retries, request.execution.limits.seconds) == (1, None)
    assert not request.is_dry_run
    assert not request.retries_failed


def test_ways_to_carry_out_are_read():
    request = parse_request(
        ["--engine", "dask=tcp://host:8786", "--retries", "0", "--time-limit", "90"]
    )
    assert (request.execution.engine, request.execution.scheduler) == ("dask", "tcp://host:8786")
    assert (request.execution.limits.retries, request.execution.limits.seconds) == (0, 90.0)
    assert parse_request(["--shard", "2/3"]).execution.shard == Shard(2, 3)


@pytest.mark.parametrize("elsewhere", [["--engine", "dask"], ["--shard", "1/2"]])
def test_throughput_is_measured_only_here_and_of_the_whole_plan(elsewhere):
    assert not parse_request(elsewhere).measures_throughput


FLAGS = {
    "lengths": (["--lengths", "3,7"], lambda block: block.settings.lengths, (3, 7)),
    "tasks": (["--tasks", "sort"], lambda block: [each.name for each in block.tasks], ["sort"]),
    "models": (["--models", "rnn"], lambda block: [each.name for each in block.models], ["rnn"]),
    "seeds": (["--seeds", "7"], lambda block: len(block.settings.seeds), 7),
    "hidden": (["--hidden", "6"], lambda block: block.settings.hidden, 6),
    "encoder": (["--encoder", "uni"], lambda block: block.settings.encoder, "uni"),
    "budget": (
        ["--budget", "9"],
        lambda block: block.settings.recipe.stage_budget_updates,
        9,
    ),
}


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("is_first", [True, False])
def test_flag_overrides_its_part_of_the_preset_and_no_other(preset, flag, is_first):
    arguments, _, value = FLAGS[flag]
    chosen = ["--preset", preset]
    plain = parse_request(chosen).blocks
    changed = parse_request([*arguments, *chosen] if is_first else [*chosen, *arguments]).blocks
    for before, after in zip(plain, changed, strict=True):
        for name, (_, read, _) in FLAGS.items():
            assert read(after) == (value if name == flag else read(before))


@pytest.mark.parametrize("preset", PRESETS)
def test_alphabet_given_holds_in_every_part_of_a_preset(preset):
    for block in parse_request(["--preset", preset, "--symbols", "8"]).blocks:
        assert block.settings.symbols == {task.name: 8 for task in block.tasks}


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_is_what_it_says(preset):
    request = parse_request(["--preset", preset])
    for block, part in zip(request.blocks, PRESETS[preset].parts, strict=True):
        assert tuple(task.name for task in block.tasks) == part.tasks
        names = {entry.name for entry in block.models}
        assert names == {*(part.models or (name for name in MODELS if MODELS[name].is_default))}
        sizes = (block.settings.hidden, block.settings.encoder)
        assert sizes == (part.hidden, part.encoder)
        expected = {} if part.symbols is None else dict.fromkeys(part.tasks, part.symbols)
        assert block.settings.symbols == expected
        assert len(block.settings.seeds) == PRESETS[preset].seeds
    assert request.measures_throughput == PRESETS[preset].measures_throughput


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("8", {"copy": 8, "reverse": 8, "sort": 8}),
        ("sort=16", {"sort": 16}),
        ("sort=16,copy=4", {"sort": 16, "copy": 4}),
        ("2", {"copy": 2, "reverse": 2, "sort": 2}),
    ],
)
def test_alphabets_are_read(text, symbols):
    assert only_block("--symbols", text).settings.symbols == symbols


def test_names_may_have_spaces_and_are_taken_once_in_the_order_given():
    block = only_block("--tasks", "sort, copy,sort", "--models", "seq2seq,rnn , seq2seq")
    assert [task.name for task in block.tasks] == ["sort", "copy"]
    assert [entry.name for entry in block.models] == ["seq2seq", "rnn"]


def test_first_seed_moves_them_all():
    assert only_block("--first-seed", "4", "--seeds", "2").settings.seeds == (4, 5)


def test_model_by_reference_is_an_entry_of_its_own_name():
    (entry,) = only_block("--models", "models.rnn:build_rnn").models
    assert entry.name == entry.builder == "models.rnn:build_rnn"


def test_help_names_every_preset_task_and_model():
    status, output, errors = command(["--help"])
    assert (status, errors) == (0, "")
    for name in (*PRESETS, "copy", "reverse", "sort", *MODELS):
        assert name in output


def test_dry_run_writes_nothing(empty_folder):
    status, output, errors = command(["--dry-run", "--lengths", "10..30", "--tasks", "copy"])
    assert (status, errors) == (0, "")
    assert "Records: 36 in 12 model runs; 0 done" in output
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("argument", ["--lengths", "--test-lengths", "--jobs", "--out"])
def test_empty_value_is_refused(argument):
    assert_refused([argument, "", "--dry-run"], argument)


@pytest.mark.parametrize(
    ("argument", "number"),
    [("--jobs", "1025"), ("--hidden", "1000002"), ("--symbols", "65537"), ("--seeds", "1001")],
)
def test_leading_zeros_hide_no_number_that_is_too_large(argument, number):
    with pytest.raises(UsageError, match=f"{argument}: must be a whole number"):
        parse_request([argument, "0" * 11 + number])


def test_unknown_argument_with_a_line_break_is_one_line():
    assert_refused(["two\nlines"], "unrecognized arguments")


@pytest.mark.parametrize(
    "code",
    ["import no_such_dependency", "def (", "raise RuntimeError('broken')", "1 / 0"],
)
def test_model_whose_module_cannot_be_imported_is_refused(code, tmp_path, monkeypatch):
    name = f"plugin_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert_refused(["--models", f"{name}:build"], name)


def test_two_alphabets_for_one_task_are_refused():
    assert_refused(["--symbols", "sort=16,sort=8", "--dry-run"], "sort")


@pytest.mark.parametrize("registry", ["load_tasks", "load_models"])
def test_faulty_entry_point_is_named(registry, monkeypatch):
    def refuse():
        raise ValueError("entry point 'faulty': the name 'copy' is taken")

    module = "arguments" if registry == "load_tasks" else "options"
    monkeypatch.setattr(f"bench.{module}.{registry}", refuse)
    assert_refused(["--dry-run"], "entry point 'faulty'")


# Any command line at all.

ONE_LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=12
)
SMALL = {
    "--preset": st.sampled_from(["quick", "default", "paper", "Quick"]),
    "--lengths": st.sampled_from(["2,4", "10..40", "5..1", "1..9:3", "0", "7"]),
    "--tasks": st.sampled_from(["copy", "copy,sort", "revers", "sort,,copy"]),
    "--models": st.sampled_from(["rnn", "seq2seq+dot,rnn", "seq2", "models.rnn:x", "a.b:c"]),
    "--seeds": st.integers(-2, 5).map(str),
    "--first-seed": st.integers(-2, 10**10).map(str),
    "--protocol": st.sampled_from(["curriculum", "independent", "mixed", "mix"]),
    "--symbols": st.sampled_from(["16", "sort=16", "copy=2,sort=3", "x=3", "1"]),
    "--cell": st.sampled_from(["lstm", "gru", "tanh", "elman"]),
    "--hidden": st.integers(-4, 300).map(str),
    "--encoder": st.sampled_from(["bi", "uni", "tri"]),
    "--budget": st.integers(-5, 2 * 10**6).map(str),
    "--learning-rate": st.floats().map(str),
    "--test-lengths": st.sampled_from(["3", "1..5", "5..1", "x"]),
    "--device": st.sampled_from(["cpu", "tpu"]),
    "--jobs": st.integers(-3, 2000).map(str),
    "--engine": st.sampled_from(["local", "dask", "dask=tcp://127.0.0.1:1", "dask=", "slurm"]),
    "--shard": st.sampled_from(["1/2", "2/2", "3/2", "array", "array/3", "1"]),
    "--retries": st.integers(-2, 200).map(str),
    "--time-limit": st.integers(-2, 10**7).map(str),
    "--out": st.sampled_from(["nowhere", "no where/at all", "한글 100%"]),
}


def an_option():
    def with_value(name):
        values = st.one_of(SMALL[name], SMALL[name], ONE_LINE)
        return st.one_of(
            values.map(lambda value: [name, value]), values.map(lambda value: [f"{name}={value}"])
        )

    return st.one_of(
        st.sampled_from(sorted(SMALL)).flatmap(with_value),
        st.sampled_from(["--no-throughput", "--retry-failed", "--dry-run", "--json", "--help"]).map(
            lambda name: [name]
        ),
        ONE_LINE.map(lambda text: [text]),
    )


@pytest.mark.fault("F18")
@given(
    st.lists(an_option(), max_size=5).map(lambda parts: [each for part in parts for each in part])
)
@example([])
@example(["--"])
@example(["--", "--lengths"])
@example(["-h"])
def test_any_command_line_is_carried_out_or_refused_in_one_line(arguments):
    small = ["--dry-run", "--lengths", "2,4", "--tasks", "copy", "--seeds", "1"]
    status, output, errors = command([*small, *arguments])
    assert status in (0, 2)
    if status == 0:
        assert errors == ""
        assert output
    else:
        assert re.fullmatch(r"bench\.run: .+\n", errors)
        assert len(errors.splitlines()) == 1
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("status", [1, 3])
def test_another_status_is_rejected(status, monkeypatch):
    """The twin of the fuzz: a command that ends otherwise is found."""
    monkeypatch.setattr(run, "main", lambda arguments: status)
    with pytest.raises(AssertionError):
        test_any_command_line_is_carried_out_or_refused_in_one_line.hypothesis.inner_test([])


def test_traceback_is_rejected(monkeypatch):
    """The twin of the refusals: a message of several lines is found."""

    def main(arguments):
        print("bench.run: Traceback\n  one more line", file=run.sys.stderr)
        return 2

    monkeypatch.setattr(run, "main", main)
    with pytest.raises(AssertionError):
        assert_refused([], "Traceback")
