"""`python -m bench.throughput`: time every model at every length, and write throughput.csv.

Also the last step of `bench.run`. What is measured already is not measured again. Imports no
torch: child processes measure, one at a time and while nothing else runs (`bench.timing.measure`).
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

from tqdm import tqdm

from bench.cli.lengths import parse_lengths
from bench.cli.options import (
    add_model_options,
    add_place_options,
    default_models,
    processors,
    whole_number,
)
from bench.cli.summary import failure_lines, throughput_table
from bench.execution.engine import ChildOrder, LocalEngine, child_events
from bench.execution.progress import progress_bar
from bench.execution.runner import end_in_words
from bench.plan.presets import PRESETS
from bench.plan.recipe import Recipe
from bench.plan.runs import Block, Settings
from bench.timing.cases import Case, Measurement
from models import MODELS
from models.config import ModelConfig
from results.command_line import DONE, FAILED, Parser, run_command
from results.errors import ResultsError
from results.schema.columns import from_json
from results.schema.rows import PHASES, ThroughputRow
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.files import THROUGHPUT_LOCK, locked
from results.store.folder import Store, open_store

# Four models at twenty lengths take four minutes. The last step of a run must not take hours.
MOST_LENGTHS_OF_A_RUN = 20
_SYMBOLS = 16  # Speed is measured of no task, and so with no alphabet of a task.
_CHILD = "bench.timing.measure"
# Of a user's model. A case takes a second at default sizes: the limit ends a hang, not a slow one.
_SECONDS_TO_BEGIN, _SECONDS_PER_CASE = 600.0, 180.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    return run_command(
        _build_parser(), arguments, _run, stopped="Stopped. The lengths that are finished are kept."
    )


def _build_parser() -> Parser:
    preset = PRESETS["default"]
    (part,) = preset.parts
    parser = Parser(prog="python -m bench.throughput", description=__doc__)
    add = parser.add_argument
    add("--lengths", type=parse_lengths, default=tuple(preset.lengths), help="10..200 or 10,20,50")
    add_model_options(parser)
    parser.set_defaults(
        cell=part.cell,
        hidden=part.hidden,
        encoder=part.encoder,
        channel_numbers=part.channel_numbers,
        channel_snr=part.channel_snr,
    )
    add("--batch-size", type=whole_number(), default=Recipe.batch_size, help="sequences")
    threads = whole_number(at_most=len(processors()))
    add("--threads", type=threads, default=1, help="threads of arithmetic")
    add_place_options(parser)
    add("--again", action="store_true", help="measure anew what is measured already")
    return parser


def _run(given: argparse.Namespace) -> int:
    settings = Settings(
        lengths=given.lengths,
        seeds=(),
        cell=given.cell,
        hidden=given.hidden,
        encoder=given.encoder,
        layers=given.layers,
        channel_numbers=given.channel_numbers,
        channel_snr=given.channel_snr,
        device=given.device,
        recipe=Recipe(batch_size=given.batch_size),
    )
    measurement = measurement_of(
        Block(settings, tasks=(), models=given.models or default_models()),
        most_lengths=len(given.lengths),
        threads=given.threads,
    )
    store = open_store(given.out, create=True)
    rows = measure_missing(measurement, store, is_anew=given.again)
    for notice in store.take_notices():
        print(notice, file=sys.stderr)
    print(throughput_table(rows))
    failures = failure_lines(rows)
    for line in failures:
        print(line, file=sys.stderr)
    return FAILED if failures else DONE


def measurement_of(
    block: Block, *, most_lengths: int = MOST_LENGTHS_OF_A_RUN, threads: int = 1
) -> Measurement:
    """Describe what is measured of a block: its models in every phase, at some of its lengths."""
    settings = block.settings
    lengths = _spread(settings.lengths, most_lengths)
    names = [entry.name for entry in block.models]
    return Measurement(
        builders={entry.name: entry.builder for entry in block.models},
        cases=tuple(
            Case(model, length, phase) for length, model, phase in product(lengths, names, PHASES)
        ),
        config=ModelConfig(
            symbols=_SYMBOLS,
            hidden=settings.hidden,
            cell=settings.cell,
            encoder=settings.encoder,
            layers=settings.layers,
            channel_numbers=settings.channel_numbers,
            channel_snr=settings.channel_snr,
        ),
        device=settings.device,
        batch_size=settings.recipe.batch_size,
        threads=threads,
    )


def _spread(lengths: Sequence[int], most: int) -> Sequence[int]:
    """Pick evenly spread lengths, the shortest and the longest among them."""
    if len(lengths) <= most:
        return lengths
    return [lengths[round(i * (len(lengths) - 1) / (most - 1))] for i in range(most)]


def measure_missing(
    measurement: Measurement, store: Store, *, is_anew: bool = False
) -> list[ThroughputRow]:
    """Measure what has no row yet, or all of it anew; rows are kept as they come.

    Returns:
        The rows of all its cases, in their order.

    Raises:
        ResultsError: The process that measures the suite's own models failed, or the disk refuses.
    """
    rows = _rows_of(measurement, store)
    if not is_anew and len(rows) == len(measurement.cases):
        return rows
    with locked(store.root, THROUGHPUT_LOCK, wait_seconds=-1):
        # Looked up again: another command may have measured while this one waited.
        missing = measurement.cases if is_anew else _missing(measurement, store)
        if missing:
            _measure(measurement, missing, store)
    return _rows_of(measurement, store)


def _missing(measurement: Measurement, store: Store) -> tuple[Case, ...]:
    done = {_case(row) for row in _rows_of(measurement, store)}
    return tuple(case for case in measurement.cases if case not in done)


def _measure(measurement: Measurement, missing: tuple[Case, ...], store: Store) -> None:
    # The suite's own models take turns in one child. A user's model has one to itself, since it
    # may end its process, and what it sets there would be set for the others.
    children: dict[str | None, list[Case]] = {}
    for case in missing:
        children.setdefault(None if case.model in MODELS else case.model, []).append(case)
    with progress_bar(2 * len(missing), "throughput", unit="step") as bar:
        ended = 0
        for stranger, cases in children.items():
            models = {case.model for case in cases}
            builders = {name: path for name, path in measurement.builders.items() if name in models}
            part = replace(measurement, cases=tuple(cases), builders=builders)
            if stranger is None:
                for event in child_events(_CHILD, asdict(part), out=store.root):
                    _take_event(event, store, bar)
            else:
                _measure_stranger(part, store, bar)
            ended += 2 * len(cases)
            bar.update(ended - bar.n)


def _measure_stranger(measurement: Measurement, store: Store, bar: "tqdm[Any]") -> None:
    """Measure a user's model within a time limit; what then has no row has failed."""
    left = dict.fromkeys(measurement.cases)

    def on_event(order: ChildOrder, event: Mapping[str, Any]) -> None:
        for row in _take_event(event, store, bar):
            left.pop(_case(row), None)

    order = ChildOrder(
        name=_CHILD,
        module=_CHILD,
        message=asdict(measurement),
        out=str(store.root),
        time_limit_seconds=_SECONDS_TO_BEGIN + _SECONDS_PER_CASE * len(left),
    )
    end = LocalEngine(jobs=1).carry_out(order, on_event=on_event)
    if end is not None and left:
        status, error = end_in_words(end)
        store.write_throughput(
            ThroughputRow(**measurement.columns_of(case), status=status, error=error)
            for case in left
        )


def _take_event(event: Mapping[str, Any], store: Store, bar: "tqdm[Any]") -> list[ThroughputRow]:
    rows = [from_json(ThroughputRow, row) for row in event.get("rows", ())]
    if rows:
        store.write_throughput(rows)
    bar.update(len(rows) + event.get("memory", 0))
    return rows


def _rows_of(measurement: Measurement, store: Store) -> list[ThroughputRow]:
    """List the rows that throughput.csv has of this measurement, in its order."""
    try:
        rows: Sequence[ThroughputRow] = read_rows(store.root, THROUGHPUT)
    except (ResultsError, FileNotFoundError):
        return []  # A damaged file counts as absent. It is set aside when new rows are written.
    by_case = {
        _case(row): row
        for row in rows
        # What an earlier version of a user's code took is measured anew.
        if row.model in measurement.builders
        and all(
            getattr(row, name) == value
            for name, value in measurement.columns_of(_case(row)).items()
        )
    }
    return [by_case[case] for case in measurement.cases if case in by_case]


def _case(row: ThroughputRow) -> Case:
    return Case(model=row.model, length=row.length, phase=row.phase)


if __name__ == "__main__":
    sys.exit(main())
