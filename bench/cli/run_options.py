"""The command line of `bench.run`, read into a request, with one clear line for each mistake."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli.execution import Execution, add_execution_options, read_execution
from bench.cli.options import (
    add_model_options,
    add_place_options,
    read_choice,
    read_config,
    read_device,
    read_folder,
    read_integer,
    read_lengths,
    read_models,
    read_names,
    read_test_lengths,
)
from bench.plan.presets import PRESETS, Part, Preset
from bench.plan.protocols import PROTOCOLS
from bench.plan.recipe import Recipe
from bench.plan.runs import Block, Settings
from results.command_line import Parser, UsageError
from tasks import Task, load_tasks

MOST_SEEDS = 1000
MOST_SYMBOLS = 65_536


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        blocks: What is trained; lengths, seeds, protocol, recipe and device are the same in all.
        out: Results folder.
        execution: Where and how they are trained.
        measures_throughput: Whether throughput is measured at the end: by a local engine, of the
            whole plan.
        is_dry_run: Whether only to say what would be done.
        is_json: Whether to say it as JSON.
        retries_failed: Whether failed runs are tried again.
    """

    blocks: tuple[Block, ...]
    out: Path
    execution: Execution
    measures_throughput: bool
    is_dry_run: bool
    is_json: bool
    retries_failed: bool


def parse_request(arguments: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        UsageError: If an argument breaks a rule.
    """
    try:
        given = build_parser().parse_args(arguments)
        preset = PRESETS[read_choice("--preset", given.preset, PRESETS)]
        blocks = tuple(_block(given, preset, part) for part in preset.parts)
    except ValueError as error:  # A registry refuses a plug-in.
        raise UsageError(str(error)) from None
    if given.json and not given.dry_run:
        raise UsageError("--json: only says what --dry-run says; give both")
    execution = read_execution(given)
    return Request(
        blocks=blocks,
        out=read_folder("--out", given.out),
        execution=execution,
        measures_throughput=(
            preset.measures_throughput and not given.no_throughput and execution.is_whole_and_here
        ),
        is_dry_run=given.dry_run,
        is_json=given.json,
        retries_failed=given.retry_failed,
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it raises `UsageError` instead of leaving."""
    parser = Parser(
        prog="python -m bench.run",
        description="Train and evaluate the matrix of tasks, models and lengths; write the CSVs.",
        epilog="Then draw the figures: python -m reports.figures",
    )
    add = parser.add_argument
    add("--preset", default="default", metavar="NAME", help=_presets_help())
    add("--lengths", metavar="RANGE", help="10..200, 10..200:5 or 10,20,50")
    add("--tasks", metavar="NAMES", help=f"of {', '.join(load_tasks())}")
    add_model_options(parser)
    add("--seeds", metavar="N", help="how many seeds")
    add(
        "--first-seed",
        default="11",
        metavar="N",
        help="the first of them (default: %(default)s; decisions were made on seeds 1 and 1001)",
    )
    add("--protocol", default="curriculum", metavar="NAME", help=", ".join(PROTOCOLS))
    add("--symbols", metavar="V", help="alphabet size: 16, or by task: sort=16,copy=4")
    add(
        "--budget",
        metavar="N",
        help="updates per stage at most, reached up to length 10; fewer above",
    )
    add(
        "--learning-rate",
        metavar="X",
        help="up to length 30, lower above; for calibration, the same for every model",
    )
    add("--test-lengths", metavar="RANGE", help="also test every stage at these, or x1.5")
    add_place_options(parser)
    add_execution_options(parser)
    add("--no-throughput", action="store_true", help="do not measure throughput at the end")
    add("--dry-run", action="store_true", help="say what would be done, and write nothing")
    add("--json", action="store_true", help="with --dry-run: as JSON, with every model run")
    add("--retry-failed", action="store_true", help="try the failed model runs again")
    return parser


def _presets_help() -> str:
    return "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())


def _block(given: argparse.Namespace, preset: Preset, part: Part) -> Block:
    tasks = _tasks(part.tasks if given.tasks is None else read_names("--tasks", given.tasks))
    models = read_models(given.models, default=part.models)
    return Block(_settings(given, preset, part, tasks), tasks, models)


def _settings(
    given: argparse.Namespace, preset: Preset, part: Part, tasks: Sequence[Task]
) -> Settings:
    seeds = preset.seeds
    if given.seeds is not None:
        seeds = read_integer("--seeds", given.seeds, at_most=MOST_SEEDS)
    first_seed = read_integer("--first-seed", given.first_seed, at_most=10**9)
    budget = preset.budget if given.budget is None else read_integer("--budget", given.budget)
    config = read_config(given, symbols=2, hidden=part.hidden, encoder=part.encoder)
    test_lengths, test_factors = read_test_lengths("--test-lengths", given.test_lengths)
    return Settings(
        lengths=read_lengths(
            "--lengths", preset.lengths if given.lengths is None else given.lengths
        ),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        protocol=read_choice("--protocol", given.protocol, PROTOCOLS),
        test_lengths=test_lengths,
        test_factors=test_factors,
        symbols=_symbols(given.symbols, part, tasks),
        cell=config.cell,
        hidden=config.hidden,
        encoder=config.encoder,
        device=read_device(given.device),
        recipe=_recipe(budget=budget, learning_rate=given.learning_rate),
    )


def _recipe(*, budget: int, learning_rate: str | None) -> Recipe:
    if learning_rate is None:
        return Recipe(stage_budget_updates=budget)
    try:
        rate = float(learning_rate)
    except ValueError:
        raise UsageError(f"--learning-rate: {learning_rate!r} is not a number") from None
    try:
        return Recipe(stage_budget_updates=budget, learning_rate=rate)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _tasks(names: Sequence[str]) -> tuple[Task, ...]:
    known = load_tasks()
    return tuple(known[read_choice("--tasks", name, known)] for name in names)


def _symbols(text: str | None, part: Part, tasks: Sequence[Task]) -> dict[str, int]:
    """Read `16`, for every task, or `sort=16,copy=4`."""
    if text is None:
        return {} if part.symbols is None else {task.name: part.symbols for task in tasks}
    if "=" not in text:
        return {task.name: _alphabet(text) for task in tasks}
    symbols = {}
    for pair in read_names("--symbols", text):
        name, separator, size = pair.partition("=")
        if not separator:
            raise UsageError(f"--symbols: must be V or task=V joined by commas, got {text!r}")
        read_choice("--symbols", name, [task.name for task in tasks])
        if name in symbols:
            raise UsageError(f"--symbols: {name} has two sizes, got {text!r}")
        symbols[name] = _alphabet(size)
    return symbols


def _alphabet(text: str) -> int:
    size = read_integer("--symbols", text, at_most=MOST_SYMBOLS)
    if size < 2:
        raise UsageError(f"--symbols: an alphabet has at least 2 symbols, got {text}")
    return size
