"""`python -m bench.throughput`: time every model at every length, and write throughput.csv.

Also the last step of `bench.run`. What is measured already is not measured again. Imports no
torch: a child process measures, while nothing else runs (`bench.timing.measure`).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product

from bench.cli.lengths import parse_lengths
from bench.cli.options import (
    add_model_options,
    add_place_options,
    default_models,
    processors,
    whole_number,
)
from bench.cli.summary import throughput_table
from bench.execution.engine import child_events
from bench.execution.progress import progress_bar
from bench.plan.presets import PRESETS
from bench.plan.recipe import Recipe
from bench.plan.runs import Block, Settings
from bench.timing.cases import Case, Measurement
from models.config import ModelConfig
from results.command_line import DONE, FAILED, Parser, run_command
from results.errors import ResultsError
from results.schema.columns import from_json, one_line
from results.schema.rows import FAILING_STATUSES, PHASES, ThroughputRow
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.files import THROUGHPUT_LOCK, locked
from results.store.folder import Store, open_store
from tasks.import_path import code_hash

# Four models at twenty lengths take four minutes. The last step of a run must not take hours.
MOST_LENGTHS_OF_A_RUN = 20
_SYMBOLS = 16  # Speed is measured of no task, and so with no alphabet of a task.


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
    parser.set_defaults(hidden=part.hidden, encoder=part.encoder)
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
        device=given.device,
        recipe=Recipe(batch_size=given.batch_size),
    )
    measurement = measurement_of(
        Block(settings, tasks=(), models=given.models or default_models()),
        most_lengths=len(given.lengths),
        threads=given.threads,
    )
    store = open_store(given.out, create=True)
    measure_missing(measurement, store, is_anew=given.again)
    rows = _rows_of(measurement, store)
    for notice in store.take_notices():
        print(notice, file=sys.stderr)
    print(throughput_table(rows))
    failures = [row for row in rows if row.status in FAILING_STATUSES]
    for row in failures:
        print(
            f"{row.model}, {row.phase}, length {row.length}: {row.status}: "
            f"{one_line(row.error or '')}",
            file=sys.stderr,
        )
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


def measure_missing(measurement: Measurement, store: Store, *, is_anew: bool = False) -> None:
    """Measure what has no row yet, or all of it anew; rows are kept as they come.

    Raises:
        ResultsError: The measuring process failed, or the disk refuses.
    """
    if not is_anew and not _missing(measurement, store):
        return
    with locked(store.root, THROUGHPUT_LOCK, wait_seconds=-1):
        # Looked up again: another command may have measured while this one waited.
        missing = measurement.cases if is_anew else _missing(measurement, store)
        if missing:
            _measure(measurement, missing, store)


def _missing(measurement: Measurement, store: Store) -> tuple[Case, ...]:
    done = {_case(row) for row in _rows_of(measurement, store)}
    return tuple(case for case in measurement.cases if case not in done)


def _measure(measurement: Measurement, missing: tuple[Case, ...], store: Store) -> None:
    models = {case.model for case in missing}
    builders = {name: path for name, path in measurement.builders.items() if name in models}
    order = asdict(replace(measurement, cases=missing, builders=builders))
    with progress_bar(2 * len(missing), "throughput", unit="step") as bar:
        for event in child_events("bench.timing.measure", order, out=store.root):
            rows = [from_json(ThroughputRow, row) for row in event.get("rows", ())]
            if rows:
                store.write_throughput(rows)
            bar.update(len(rows) + event.get("memory", 0))


def _rows_of(measurement: Measurement, store: Store) -> list[ThroughputRow]:
    """List the rows that throughput.csv has of this measurement, in its order."""
    try:
        rows: Sequence[ThroughputRow] = read_rows(store.root, THROUGHPUT)
    except (ResultsError, FileNotFoundError):
        return []  # A damaged file counts as absent. It is set aside when new rows are written.
    settings = asdict(measurement.config) | {
        "device": measurement.device,
        "batch_size": measurement.batch_size,
        "threads": measurement.threads,
    }
    by_case = {
        _case(row): row
        for row in rows
        if all(getattr(row, name) == value for name, value in settings.items())
        # What an earlier version of a user's code took is measured anew.
        and row.model in measurement.builders
        and row.code_hash == code_hash(measurement.builders[row.model])
    }
    return [by_case[case] for case in measurement.cases if case in by_case]


def _case(row: ThroughputRow) -> Case:
    return Case(model=row.model, length=row.length, phase=row.phase)


if __name__ == "__main__":
    sys.exit(main())
