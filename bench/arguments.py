"""The command line of `bench.run`, read into a request, with one clear line for each mistake."""

import argparse
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from bench.lengths import parse_lengths
from bench.plan import Settings
from bench.presets import PRESETS, Preset
from bench.protocols import PROTOCOLS
from bench.recipe import Recipe
from models import entry_from_reference, load_models
from models.config import CELLS, ENCODERS, ModelConfig
from models.entry import ModelEntry
from results.columns import one_line
from tasks import Task, load_tasks

DEVICES = ("cpu", "cuda")
MOST_SEEDS = 1000
MOST_SYMBOLS = 65_536
MOST_JOBS = 1024

Entry = TypeVar("Entry", Task, ModelEntry)


class UsageError(Exception):
    """A mistake in the command line; the message names the argument, the rule and the value."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        settings: What the matrix has in common.
        tasks: Its tasks.
        models: Its models.
        out: Results folder.
        jobs: Model runs at a time.
        measures_throughput: Whether throughput is measured at the end.
        is_dry_run: Whether only to say what would be done.
        retries_failed: Whether failed runs are tried again.
    """

    settings: Settings
    tasks: tuple[Task, ...]
    models: tuple[ModelEntry, ...]
    out: Path
    jobs: int
    measures_throughput: bool
    is_dry_run: bool
    retries_failed: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(one_line(message))


def parse_request(arguments: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        UsageError: If an argument breaks a rule.
    """
    try:
        given = build_parser().parse_args(arguments)
        preset = PRESETS[_choice("--preset", given.preset, PRESETS)]
        tasks = _named("--tasks", given.tasks, preset.tasks, load_tasks())
        models = _models(given.models)
    except ValueError as error:  # A registry refuses a plug-in.
        raise UsageError(str(error)) from None
    return Request(
        settings=_settings(given, preset, tasks),
        tasks=tasks,
        models=models,
        out=_folder("--out", given.out),
        jobs=_jobs(given.jobs, device=given.device),
        measures_throughput=not given.no_throughput,
        is_dry_run=given.dry_run,
        retries_failed=given.retry_failed,
    )


def physical_cores() -> int:
    """Return the processor cores this process may use, threads of one core counted once."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if usable is None:
        return os.cpu_count() or 1
    siblings = set()
    for processor in usable:
        path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        try:
            siblings.add(path.read_text(encoding="ascii"))
        except OSError:
            siblings.add(str(processor))
    return len(siblings)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it raises `UsageError` instead of leaving."""
    parser = _Parser(
        prog="python -m bench.run",
        description="Train and evaluate the matrix of tasks, models and lengths; write the CSVs.",
        epilog="Then draw the figures: python -m reports.figures",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--preset", default="default", metavar="NAME", help=_presets_help())
    add("--lengths", metavar="RANGE", help="10..200, 10..200:5 or 10,20,50")
    add("--tasks", metavar="NAMES", help=f"of {', '.join(load_tasks())}")
    add(
        "--models",
        metavar="NAMES",
        help=f"of {', '.join(load_models())}, or package.module:builder",
    )
    add("--seeds", metavar="N", help="how many seeds")
    add(
        "--first-seed",
        default="11",
        metavar="N",
        help="the first of them (default: %(default)s; decisions were made on seeds 1 and 1001)",
    )
    add("--protocol", default="curriculum", metavar="NAME", help=", ".join(PROTOCOLS))
    add("--symbols", metavar="V", help="alphabet size: 16, or by task: sort=16,copy=4")
    add("--cell", default="lstm", metavar="NAME", help=", ".join(CELLS))
    add("--hidden", metavar="H", help="state size; embeddings have half of it")
    add("--encoder", default="bi", metavar="NAME", help=", ".join(ENCODERS))
    add(
        "--budget",
        metavar="N",
        help="updates per stage at most, reached up to length 10; fewer above",
    )
    add("--learning-rate", metavar="X", help="for calibration; the same for every model")
    add("--test-lengths", metavar="RANGE", help="also test every stage at these lengths")
    add("--device", default="cpu", metavar="NAME", help=", ".join(DEVICES))
    add("--jobs", metavar="N", help="model runs at a time (default: physical cores; 1 on cuda)")
    add("--out", default="results", metavar="DIR", help="results folder (default: %(default)s)")
    add("--no-throughput", action="store_true", help="do not measure throughput at the end")
    add("--dry-run", action="store_true", help="say what would be done, and write nothing")
    add("--retry-failed", action="store_true", help="try the failed model runs again")
    return parser


def _presets_help() -> str:
    return "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())


def _settings(given: argparse.Namespace, preset: Preset, tasks: Sequence[Task]) -> Settings:
    seeds = preset.seeds
    if given.seeds is not None:
        seeds = _integer("--seeds", given.seeds, at_most=MOST_SEEDS)
    first_seed = _integer("--first-seed", given.first_seed, at_most=10**9)
    hidden = preset.hidden if given.hidden is None else _integer("--hidden", given.hidden)
    budget = preset.budget if given.budget is None else _integer("--budget", given.budget)
    settings = Settings(
        lengths=_lengths("--lengths", preset.lengths if given.lengths is None else given.lengths),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        protocol=_choice("--protocol", given.protocol, PROTOCOLS),
        test_lengths=()
        if given.test_lengths is None
        else _lengths("--test-lengths", given.test_lengths),
        symbols={} if given.symbols is None else _symbols(given.symbols, tasks),
        cell=_choice("--cell", given.cell, CELLS),
        hidden=hidden,
        encoder=_choice("--encoder", given.encoder, ENCODERS),
        device=_choice("--device", given.device, DEVICES),
        recipe=_recipe(budget=budget, learning_rate=given.learning_rate),
    )
    try:
        ModelConfig(symbols=2, hidden=settings.hidden)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    if settings.device == "cuda":
        _require_cuda()
    return settings


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


def _lengths(argument: str, text: str) -> tuple[int, ...]:
    try:
        return parse_lengths(text)
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from None


def _integer(argument: str, text: str, *, at_most: int = 1_000_000) -> int:
    digits = text.lstrip("0")
    is_number = text.isascii() and text.isdigit() and 0 < len(digits) <= len(str(at_most))
    if not is_number or int(digits) > at_most:
        raise UsageError(f"{argument}: must be a whole number from 1 to {at_most}, got {text!r}")
    return int(digits)


def _jobs(text: str | None, *, device: str) -> int:
    if text is not None:
        return _integer("--jobs", text, at_most=MOST_JOBS)
    return 1 if device == "cuda" else physical_cores()


def _folder(argument: str, text: str) -> Path:
    if not text:
        raise UsageError(f"{argument}: must name a folder, got {text!r}")
    return Path(text)


def _choice(argument: str, name: str, known: Iterable[str]) -> str:
    if name not in known:
        raise UsageError(f"{argument}: {unknown_name(name, known)}")
    return name


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and which one may have been meant."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is unknown; {meant}known: {', '.join(names)}"


def _named(
    argument: str, text: str | None, default: Sequence[str], known: Mapping[str, Entry]
) -> tuple[Entry, ...]:
    names = default if text is None else _names(argument, text)
    return tuple(known[_choice(argument, name, known)] for name in names)


def _names(argument: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{argument}: must be names joined by commas, got {text!r}")
    return list(dict.fromkeys(names))


def _models(text: str | None) -> tuple[ModelEntry, ...]:
    known = load_models()
    if text is None:
        return tuple(entry for entry in known.values() if entry.is_default)
    return tuple(
        _model_by_reference(name) if ":" in name else known[_choice("--models", name, known)]
        for name in _names("--models", text)
    )


def _model_by_reference(reference: str) -> ModelEntry:
    # Only importing it tells whether a builder is there, and whoever names one has torch at hand.
    from tasks.references import resolve

    try:
        builder = resolve(reference)
    except Exception as error:  # Importing it runs its author's code, which may raise anything.
        raise UsageError(f"--models: {reference!r} cannot be imported: {error}") from None
    if not callable(builder):
        raise UsageError(f"--models: {reference!r} is not a builder, it cannot be called")
    return entry_from_reference(reference)


def _symbols(text: str, tasks: Sequence[Task]) -> dict[str, int]:
    """Read `16`, for every task, or `sort=16,copy=4`."""
    if "=" not in text:
        return {task.name: _alphabet(text) for task in tasks}
    symbols = {}
    for part in _names("--symbols", text):
        name, separator, size = part.partition("=")
        if not separator:
            raise UsageError(f"--symbols: must be V or task=V joined by commas, got {text!r}")
        _choice("--symbols", name, [task.name for task in tasks])
        if name in symbols:
            raise UsageError(f"--symbols: {name} has two sizes, got {text!r}")
        symbols[name] = _alphabet(size)
    return symbols


def _alphabet(text: str) -> int:
    size = _integer("--symbols", text, at_most=MOST_SYMBOLS)
    if size < 2:
        raise UsageError(f"--symbols: an alphabet has at least 2 symbols, got {text}")
    return size


def _require_cuda() -> None:
    import torch  # Only this request needs it before a model run starts.

    if not torch.cuda.is_available():
        raise UsageError("--device: cuda is not available here; use cpu")
