"""The command line of `bench.run`, read into a request. No torch."""

import argparse
import re
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli.lengths import parse_lengths, parse_test_lengths
from bench.cli.options import (
    MOST_JOBS,
    add_model_options,
    add_place_options,
    default_models,
    one_of,
    parse_names,
    physical_cores,
    unknown_name,
    whole_number,
)
from bench.execution.strangers import Refused, known_tasks, meet_tasks
from bench.plan.cost import Limits
from bench.plan.presets import FIRST_SEED, PRESETS, Part, Preset
from bench.plan.recipe import PROTOCOLS, Recipe
from bench.plan.runs import Block, Settings
from bench.plan.shards import Shard, parse_shard
from results.command_line import Parser, UsageError
from results.schema.columns import error_in_words
from tasks import TASKS, Task

LOCAL, DASK = "local", "dask"
MOST_SEEDS = 1000
MOST_SYMBOLS = 65_536
MOST_RETRIES = 100
_alphabet = whole_number(at_least=2, at_most=MOST_SYMBOLS)
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}")


@dataclass(frozen=True)
class Request:
    """What a command line asks for: what is trained, and where and how, which changes no number."""

    # Lengths, seeds, protocol, recipe and device are the same in all.
    blocks: tuple[Block, ...]
    out: Path
    jobs: int  # Model runs at a time.
    engine: str
    scheduler: str | None  # Address of a Dask scheduler. None starts a cluster on this machine.
    shard: Shard | None
    limits: Limits
    measures_throughput: bool
    has_probes: bool
    has_reports: bool
    is_dry_run: bool
    is_json: bool
    retries_failed: bool


def parse_request(arguments: Sequence[str]) -> Request:
    """Read a command line; raise `UsageError` if it breaks a rule."""
    return read_request(build_parser().parse_args(arguments))


def build_parser() -> Parser:
    """Build the parser of the command line."""
    parser = Parser(
        prog="python -m bench.run",
        description="Train and evaluate the matrix of tasks, models and lengths; write the CSVs.",
        epilog="presets, with time on two cores and budget against the published one:\n"
        + "\n".join(f"  {name:13} {preset}" for name, preset in PRESETS.items())
        + "\n\nThen draw the figures: python -m reports.figures",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # Else the table is one text.
    add = parser.add_argument
    add("--preset", type=one_of(PRESETS), default="default", help="see below; flags override it")
    add("--lengths", type=parse_lengths, help="10..200, 10..200:5 or 10,20,50")
    add("--tasks", type=_tasks, help=f"of {', '.join(TASKS)}, or of a plug-in")
    add_model_options(parser)
    add("--seeds", type=whole_number(at_most=MOST_SEEDS), help="how many seeds")
    add(
        "--first-seed",
        type=whole_number(at_most=10**9),
        default=FIRST_SEED,
        help="the first of them; on lower ones and on 1001 and above decisions were made",
    )
    add("--protocol", type=one_of(PROTOCOLS), help=", ".join(PROTOCOLS))
    add("--symbols", type=_symbols, help="alphabet size: 16, or by task: sort=16,copy=4")
    add("--budget", type=whole_number(), help="updates per stage at length 10; fewer above")
    add(
        "--learning-rate",
        type=_learning_rate,
        help="up to length 30, lower above; for calibration, the same for every model",
    )
    add(
        "--train-sequences",
        type=whole_number(),
        help="train on so many sequences of each length (default: new ones for every update)",
    )
    add(
        "--test-lengths",
        type=parse_test_lengths,
        default=((), ()),
        help="also test every stage at these, or at x1.5 its own",
    )
    add_place_options(parser)
    add(
        "--jobs",
        type=whole_number(at_most=MOST_JOBS),
        help="model runs at a time (default: physical cores; 1 on cuda)",
    )
    add("--engine", type=_engine, default=(LOCAL, None), help="local, dask or dask=tcp://HOST:PORT")
    add("--shard", type=_shard, help="only part I/N; array or array/N in an array of jobs")
    add(
        "--retries",
        type=whole_number(at_least=0, at_most=MOST_RETRIES),
        default=Limits.retries,
        help="times that a killed model run is tried again (default: %(default)s)",
    )
    add(
        "--time-limit",
        type=whole_number(),
        help="seconds of a model run (default: an hour, or 20 times the estimate)",
    )
    add("--no-throughput", action="store_true", help="do not measure throughput at the end")
    add("--no-report", action="store_true", help="neither probe, nor write report.html at the end")
    add("--dry-run", action="store_true", help="say what would be done, and write nothing")
    add("--json", action="store_true", help="with --dry-run: as JSON, with every model run")
    add("--retry-failed", action="store_true", help="try the failed model runs again")
    return parser


def read_request(given: argparse.Namespace) -> Request:
    """Fill in the preset, and check what rests on two options."""
    if given.json and not given.dry_run:
        raise UsageError("--json: only says what --dry-run says; give both")
    preset = PRESETS[given.preset]
    engine, scheduler = given.engine
    # Else other work runs beside it, or the models are timed on several machines.
    is_whole_and_here = engine == LOCAL and given.shard is None
    blocks = tuple(_block(given, preset, part) for part in preset.parts)
    for block in blocks:
        _require_possible(block)
    return Request(
        blocks=blocks,
        out=given.out,
        # All jobs share one GPU.
        jobs=given.jobs or (1 if given.device == "cuda" else physical_cores()),
        engine=engine,
        scheduler=scheduler,
        shard=given.shard,
        limits=Limits(
            retries=given.retries, seconds=float(given.time_limit) if given.time_limit else None
        ),
        measures_throughput=(
            preset.measures_throughput and not given.no_throughput and is_whole_and_here
        ),
        has_probes=preset.has_probes and not given.no_report and is_whole_and_here,
        # A table of one part of an array would be a part of it.
        has_reports=not given.no_report and given.shard is None,
        is_dry_run=given.dry_run,
        is_json=given.json,
        retries_failed=given.retry_failed,
    )


def _block(given: argparse.Namespace, preset: Preset, part: Part) -> Block:
    tasks = given.tasks or tuple(TASKS[name] for name in part.tasks)
    test_lengths, test_factors = given.test_lengths
    test_lengths = test_lengths or part.test_lengths
    last_seed = given.first_seed + (given.seeds or part.seeds or preset.seeds) - 1
    settings = Settings(
        lengths=given.lengths or tuple(part.lengths or preset.lengths),
        seeds=tuple(range(given.first_seed, last_seed + 1)),
        protocol=given.protocol or part.protocol,
        test_lengths=test_lengths,
        test_factors=test_factors,
        symbols=_symbols_by_task(given.symbols or part.symbols, tasks),
        cell=given.cell or part.cell,
        hidden=given.hidden or part.hidden,
        encoder=given.encoder or part.encoder,
        layers=given.layers,
        channel_numbers=given.channel_numbers or part.channel_numbers,
        channel_snr=given.channel_snr or part.channel_snr,
        device=given.device,
        recipe=Recipe(
            stage_budget_updates=given.budget or part.budget or preset.budget,
            learning_rate=given.learning_rate or part.learning_rate,
            train_sequences=given.train_sequences,
        ),
    )
    return Block(settings, tasks, given.models or default_models(part.models))


def _require_possible(block: Block) -> None:
    try:
        reason = block.impossible()
    except Exception as error:  # It asks code of a task.
        raise UsageError(f"--tasks: the lengths of targets: {error_in_words(error)}") from None
    if reason is not None:
        raise UsageError(f"--models: {reason}")


def _tasks(text: str) -> tuple[Task, ...]:
    names = [one_of(known_tasks())(name) for name in parse_names(text)]
    try:
        return meet_tasks(names)
    except Refused as error:
        raise ArgumentTypeError(str(error)) from None


def _symbols(text: str) -> int | dict[str, int]:
    """Read `16`, for every task, or `sort=16,copy=4`."""
    if "=" not in text:
        return _alphabet(text)
    symbols: dict[str, int] = {}
    for pair in parse_names(text):
        name, separator, size = pair.partition("=")
        if not separator:
            raise ArgumentTypeError(f"must be V or task=V joined by commas, got {text!r}")
        if name in symbols:
            raise ArgumentTypeError(f"{name} has two sizes, got {text!r}")
        symbols[name] = _alphabet(size)
    return symbols


def _symbols_by_task(
    symbols: int | Mapping[str, int] | None, tasks: Sequence[Task]
) -> Mapping[str, int]:
    names = [task.name for task in tasks]
    if isinstance(symbols, int):
        return dict.fromkeys(names, symbols)
    for name in symbols or {}:
        if name not in names:
            raise UsageError(f"--symbols: {unknown_name(name, names)}")
    return symbols or {}


def _learning_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return rate


def _engine(text: str) -> tuple[str, str | None]:
    """Read the engine, and the address of its scheduler if there is one."""
    name, separator, address = text.partition("=")
    one_of((LOCAL, DASK))(name)
    if separator and (name != DASK or not _ADDRESS.fullmatch(address)):
        raise ArgumentTypeError(f"must be local, dask or dask=tcp://HOST:PORT, got {text!r}")
    return name, address or None


def _shard(text: str) -> Shard:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
