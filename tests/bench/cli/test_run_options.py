"""A command line of `bench.run` is read into what it asks for, or refused in one line.

Command lines at random are in tests/faults/test_command_lines.py.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import run
from bench.cli.options import physical_cores
from bench.cli.run_options import parse_request
from bench.plan.cost import Limits
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings
from bench.plan.shards import Shard
from models import MODELS
from tasks import TASKS
from tests.tasks.duplicate import DUPLICATE

WHOLE = "must be a whole number from"
ADDRESS = "must be local, dask or dask=tcp://HOST:PORT, got"
REFUSED = {
    # Of each rule of each option: a value, and how the line begins behind its name.
    "--lengths=ten": "'ten' is not a length; write 10..200, 10..200:5 or 10,20,50",
    "--test-lengths=20..10": "'20..10' runs backwards; write 10..20",
    "--preset=quik": "'quik' is unknown; did you mean 'quick'? known: quick, default, paper",
    "--tasks=copy,sorted": "'sorted' is unknown; did you mean 'sort'? known: copy, reverse, sort",
    "--tasks=copy,": "must be names joined by commas, got 'copy,'",
    "--models=perceiver": "'perceiver' is unknown; known: rnn",
    "--models=models.rnn:build": "'models.rnn:build' cannot be imported: ",
    "--models=models/rnn.py:build": "'models/rnn.py:build' is not of the form ",
    "--models=models.config:CELLS": "'models.config:CELLS' leads to models.config:CELLS",
    "--protocol=": "'' is unknown; known: curriculum, ascending, independent, mixed",
    "--cell=GRU": "'GRU' is unknown; known: lstm, gru, tanh",
    "--encoder=both": "'both' is unknown; known: bi, uni",
    "--device=cuda:0": "'cuda:0' is unknown; did you mean 'cuda'? known: cpu, cuda",
    **{
        f"--seeds={text}": f"{WHOLE} 1 to 1000, got {text!r}"
        for text in ("", "0", "-1", "1.0", " 3", "1_0", "١", "1001", "9" * 5000)
    },
    "--first-seed=1000000001": f"{WHOLE} 1 to 1000000000",
    "--budget=0": f"{WHOLE} 1 to 1000000",
    "--jobs=00000000001025": f"{WHOLE} 1 to 1024",
    "--retries=101": f"{WHOLE} 0 to 100",
    "--time-limit=ten": f"{WHOLE} 1 to 1000000",
    "--hidden=7": "must be an even number of at least 2, got 7",
    "--learning-rate=1": "must be a number between 0 and 1, got '1'",
    "--learning-rate=0": "must be a number between 0 and 1, got '0'",
    "--learning-rate=nan": "must be a number between 0 and 1, got 'nan'",
    "--symbols=1": f"{WHOLE} 2 to 65536, got '1'",
    "--symbols=sort=16,32": "must be V or task=V joined by commas, got 'sort=16,32'",
    "--symbols=sorted=16": "'sorted' is unknown; did you mean 'sort'? known: copy, reverse, sort",
    "--symbols=sort=16,sort=8": "sort has two sizes, got 'sort=16,sort=8'",
    "--engine=dusk": "'dusk' is unknown; did you mean 'dask'? known: local, dask",
    "--engine=dask=tcp://host": f"{ADDRESS} 'dask=tcp://host'",
    "--engine=local=tcp://host:1": f"{ADDRESS} 'local=tcp://host:1'",
    "--shard=0/3": "the shard must be from 1 to 3, got 0/3",
    "--out=": "must name a folder, got ''",
    "--json": "only says what --dry-run says; give both",
    "--dry-run=yes": "ignored explicit argument 'yes'",
}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a command line that must end with status 2, one line, and nothing written."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / "file").write_text("precious", encoding="utf-8")
    monkeypatch.chdir(folder)

    def line(*arguments):
        assert run.main(["--out", "out", *arguments]) == 2  # A later --out counts.
        said = capsys.readouterr()
        assert (said.out, len(said.err.splitlines())) == ("", 1)
        assert [path.name for path in folder.iterdir()] == ["file"]
        return said.err.removeprefix("bench.run: ")

    return line


def test_mistake_is_one_line_with_the_option_the_rule_and_the_value(refused):
    for argument, message in REFUSED.items():
        option = argument.partition("=")[0]
        assert refused(argument).startswith(f"{option}: {message}"), argument
    for argument in ("--lenghts", "--length", "extra", "two\nlines"):
        assert refused(argument).startswith(f"unrecognized arguments: {argument.split()[0]}")
    assert refused("--lengths", "2", "--models", "rnn", "--jobs", "none").startswith("--jobs: ")
    unplanned = "--symbols: 'sort' is unknown; known: copy\n"
    assert refused("--symbols", "sort=3", "--tasks", "copy") == unplanned


def test_folder_that_cannot_be_one_is_refused(refused):
    for out in ("file", "file/below", "x" * 300):
        for dry in ((), ("--dry-run",)):
            assert refused("--lengths", "2", "--out", out, *dry).startswith(out)
    assert refused("--lengths", "2", "--out", "/proc/results").startswith("/proc/results")


def test_what_is_not_here_is_refused(refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refused("--device", "cuda") == "--device: cuda is not available here; use cpu\n"
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "bench.execution.dask_engine", raising=False)
    assert refused("--engine", "dask").startswith("--engine: dask needs distributed; pip install")


def sprawl(length):
    """Give longer targets at one length only."""
    if length == 9:
        raise OverflowError("no\x07 idea")
    return length + (length == 8)


@pytest.mark.fault("F18")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--tasks copy,duplicate --models seq2seq,rnn-aligned",
            "duplicate has 4 target items",
        ),
        (
            "--tasks sprawl --models hasty --lengths 2..8:2",
            "sprawl has 9 target items",
        ),
        ("--tasks sprawl --models hasty --protocol mixed --test-lengths x4", "sprawl has 9 target"),
        ("--tasks sprawl --models hasty --test-lengths 9", r"OverflowError: no\x07 idea"),
    ],
)
def test_model_that_cannot_learn_a_task_is_refused_by_what_it_declares(
    arguments, message, refused, monkeypatch
):
    """At any length that is trained or tested; not by its name."""
    late = replace(DUPLICATE, name="sprawl", output_length=f"{__name__}:sprawl")
    tasks = TASKS | {"duplicate": DUPLICATE, "sprawl": late}
    monkeypatch.setattr("bench.execution.strangers.TASKS", tasks)
    models = MODELS | {"hasty": replace(MODELS["rnn"], name="hasty", answers_each_item=True)}
    monkeypatch.setattr("bench.execution.strangers.MODELS", models)
    assert message in refused("--lengths", "2", *arguments.split())
    able = arguments.replace("hasty", "rnn").replace("rnn-aligned", "rnn").split()
    assert parse_request(["--lengths", "2", "--out", "out", *able]).blocks


# What is right.


def settings_of(*arguments):
    return [block.settings for block in parse_request(arguments).blocks]


def test_nothing_given_is_the_default_matrix():
    request = parse_request([])
    (block,) = request.blocks
    assert block.settings == Settings(lengths=tuple(range(10, 201, 10)), seeds=tuple(range(21, 26)))
    assert block.tasks == tuple(TASKS.values())
    assert block.models == tuple(entry for entry in MODELS.values() if entry.is_default)
    assert (request.out, request.jobs) == (Path("results"), physical_cores())
    assert (request.engine, request.scheduler, request.shard) == ("local", None, None)
    assert request.limits == Limits(retries=1, seconds=None)
    assert request.measures_throughput
    assert (request.is_dry_run, request.is_json, request.retries_failed) == (False, False, False)


EVERY_FLAG = (
    "--lengths 3,7 --tasks sort,copy,sort --models seq2seq,models.rnn:build_rnn --seeds 2 "
    "--first-seed 4 --protocol mixed --symbols 8 --cell gru --hidden 6 --encoder uni --budget 9 "
    "--learning-rate 0.5 --train-sequences 9 --test-lengths 5,x2 --out there --jobs 3 "
    "--retries 0 --time-limit 90 --dry-run --json --retry-failed --preset claims"
)


def test_every_flag_overrides_its_part_of_each_block_of_a_preset():
    request = parse_request(EVERY_FLAG.split())
    settings = Settings(
        lengths=(3, 7),
        seeds=(4, 5),
        protocol="mixed",
        test_lengths=(5,),
        test_factors=(2.0,),
        symbols={"sort": 8, "copy": 8},
        cell="gru",
        hidden=6,
        encoder="uni",
        recipe=Recipe(stage_budget_updates=9, learning_rate=0.5, train_sequences=9),
    )
    assert [block.settings for block in request.blocks] == [settings] * 7
    for block in request.blocks:
        assert [task.name for task in block.tasks] == ["sort", "copy"]
        assert block.models[0] == MODELS["seq2seq"]
        assert block.models[1].name == block.models[1].builder == "models.rnn:build_rnn"
    assert (request.out, request.jobs, request.limits) == (Path("there"), 3, Limits(0, 90.0))
    assert (request.is_dry_run, request.is_json, request.retries_failed) == (True, True, True)
    assert not request.measures_throughput


def test_flag_leaves_the_rest_of_a_preset_or_of_the_alphabets_alone():
    assert settings_of("--symbols", "sort=16, copy=2")[0].symbols == {"sort": 16, "copy": 2}
    plain = settings_of("--preset=channel")
    changed = settings_of("--lengths=3", "--preset=channel")
    assert changed == [replace(each, lengths=(3,)) for each in plain]
    three_ways = [(each.channel_numbers, each.channel_snr) for each in plain[:3]]
    assert three_ways == [(8, 3.0), (4, 15.0), (16, 1.0)]
    assert {each.lengths for each in plain[:3]} == {(1, 2, 4, 8, 16)}


def test_a_preset_brings_lengths_to_test_at_and_a_flag_replaces_them():
    plain = settings_of("--preset=extrapolation")
    assert {each.test_lengths for each in plain} == {(49, 51, 60, 75, 100, 200, 400)}
    changed = settings_of("--preset=extrapolation", "--test-lengths=7")
    assert changed == [replace(each, test_lengths=(7,)) for each in plain]


def test_flags_reach_the_channel_the_protocol_and_the_layers():
    given = ("--channel-numbers=5", "--channel-snr=0.5", "--protocol=ascending", "--layers=2")
    (settings,) = settings_of("--models=seq2seq+signs", *given)
    assert (settings.channel_numbers, settings.channel_snr) == (5, 0.5)
    assert (settings.protocol, settings.layers) == ("ascending", 2)


def test_throughput_is_measured_only_here_and_of_the_whole_plan():
    for argument, where in (
        ("--engine=dask", ("dask", None, None)),
        ("--engine=dask=tls://host:8786", ("dask", "tls://host:8786", None)),
        ("--shard=2/3", ("local", None, Shard(2, 3))),
        ("--no-throughput", ("local", None, None)),
    ):
        request = parse_request([argument])
        assert (request.engine, request.scheduler, request.shard) == where
        assert not request.measures_throughput


def test_help_names_every_preset_task_and_model(capsys):
    with pytest.raises(SystemExit):
        run.main(["--help"])
    said = capsys.readouterr().out
    assert "  quick         a first look at copy and reverse, one seed; under 3 minutes" in said
    assert all(name in said for name in (*TASKS, *MODELS))
