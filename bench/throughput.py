"""`python -m bench.throughput`: time every model at every length, and write throughput.csv.

Also the last step of `bench.run`. What is measured already is not measured again. Imports no
torch: a child process measures, while nothing else runs (`bench.timing.measure`).
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

from bench.cli.options import (
    add_model_options,
    add_place_options,
    read_config,
    read_device,
    read_folder,
    read_integer,
    read_lengths,
    read_models,
)
from bench.cli.summary import throughput_table
from bench.execution.engine import child_events
from bench.execution.progress import progress_bar
from bench.plan.presets import PRESETS
from bench.plan.recipe import Recipe
from bench.plan.runs import Block
from bench.timing.cases import Cell, Measurement
from models.config import ModelConfig
from models.entry import ModelEntry
from results.command_line import Parser, UsageError
from results.errors import ResultsError
from results.schema.columns import from_json, one_line
from results.schema.rows import FAILING_STATUSES, PHASES, ThroughputRow
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.folder import Store, open_store
from results.store.locks import THROUGHPUT as THROUGHPUT_LOCK
from results.store.locks import locked

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
MOST_LENGTHS_OF_A_RUN = 20
_SYMBOLS = 16
_THREADS = 1


@dataclass(frozen=True)
class _Asked:
    """What a command line of `bench.throughput` asks for."""

    measurement: Measurement
    out: Path
    is_anew: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        asked = _parse(sys.argv[1:] if arguments is None else arguments)
        store = open_store(asked.out, create=True)
        measure_missing(asked.measurement, store, is_anew=asked.is_anew)
        rows = _rows_of(asked.measurement, store)
    except (UsageError, ResultsError) as error:
        print(f"bench.throughput: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("Stopped. The lengths that are finished are kept.", file=sys.stderr)
        return EXIT_INTERRUPTED
    for notice in store.take_notices():
        print(notice, file=sys.stderr)
    print(throughput_table(rows))
    failures = [row for row in rows if row.status in FAILING_STATUSES]
    for row in failures:
        print(
            f"{row.model}, {row.phase}, length {row.length}: {row.status}: {row.error}",
            file=sys.stderr,
        )
    return EXIT_FAILED if failures else EXIT_DONE


def _parse(arguments: Sequence[str]) -> _Asked:
    preset = PRESETS["default"]
    (part,) = preset.parts
    parser = Parser(prog="python -m bench.throughput", description=__doc__)
    add = parser.add_argument
    add("--lengths", default=preset.lengths, metavar="RANGE", help="10..200 or 10,20,50")
    add_model_options(parser)
    add("--batch-size", default=str(Recipe().batch_size), metavar="N", help="sequences")
    add("--threads", default=str(_THREADS), metavar="N", help="threads of arithmetic")
    add_place_options(parser)
    add("--again", action="store_true", help="measure anew what is measured already")
    try:
        given = parser.parse_args(arguments)
        models = read_models(given.models)
    except ValueError as error:  # A registry refuses a plug-in.
        raise UsageError(str(error)) from None
    measurement = _measurement(
        models,
        read_lengths("--lengths", given.lengths),
        config=read_config(given, symbols=_SYMBOLS, hidden=part.hidden, encoder=part.encoder),
        device=read_device(given.device),
        batch_size=read_integer("--batch-size", given.batch_size),
        threads=_read_threads(given.threads),
    )
    return _Asked(measurement, read_folder("--out", given.out), given.again)


def _read_threads(text: str) -> int:
    threads = read_integer("--threads", text)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if threads > (usable or 1):
        raise UsageError(
            f"--threads: must be at most {usable}, the processors of this machine, got {threads}"
        )
    return threads


def measurement_of(block: Block) -> Measurement:
    """Return what the last step of a run measures: its models, at twenty of its lengths at most."""
    settings = block.settings
    return _measurement(
        block.models,
        _spread(settings.lengths),
        config=ModelConfig(
            symbols=_SYMBOLS,
            hidden=settings.hidden,
            cell=settings.cell,
            encoder=settings.encoder,
        ),
        device=settings.device,
        batch_size=settings.recipe.batch_size,
        threads=_THREADS,
    )


def _measurement(
    models: Sequence[ModelEntry],
    lengths: Sequence[int],
    *,
    config: ModelConfig,
    device: str,
    batch_size: int,
    threads: int,
) -> Measurement:
    names = [entry.name for entry in models]
    return Measurement(
        builders={entry.name: entry.builder for entry in models},
        cells=tuple(
            Cell(model, length, phase) for length, model, phase in product(lengths, names, PHASES)
        ),
        config=config,
        device=device,
        batch_size=batch_size,
        threads=threads,
    )


def _spread(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths, or so many of them, evenly spread, the shortest and longest included."""
    most = MOST_LENGTHS_OF_A_RUN
    if len(lengths) <= most:
        return lengths
    return tuple(lengths[round(i * (len(lengths) - 1) / (most - 1))] for i in range(most))


def measure_missing(measurement: Measurement, store: Store, *, is_anew: bool = False) -> None:
    """Measure the cells that have no row yet, or all of them anew; rows are kept as they come.

    Raises:
        ResultsError: If the measuring process fails, or the disk refuses.
    """
    done = set() if is_anew else {_cell(row) for row in _rows_of(measurement, store)}
    if done.issuperset(measurement.cells):
        return
    with locked(store.root, THROUGHPUT_LOCK, wait_seconds=-1):
        if not is_anew:  # Whoever had the lock may have measured some of them.
            done = {_cell(row) for row in _rows_of(measurement, store)}
        missing = tuple(cell for cell in measurement.cells if cell not in done)
        if missing:
            _measure(measurement, missing, store)


def _measure(measurement: Measurement, missing: tuple[Cell, ...], store: Store) -> None:
    models = {cell.model for cell in missing}
    builders = {name: path for name, path in measurement.builders.items() if name in models}
    order = asdict(replace(measurement, cells=missing, builders=builders))
    with progress_bar(2 * len(missing), "throughput", unit="step") as bar:
        for event in child_events("bench.timing.measure", order, out=store.root):
            rows = [from_json(ThroughputRow, row) for row in event.get("rows", ())]
            if rows:
                store.write_throughput(rows)
            bar.update(len(rows) + event.get("memory", 0))


def _rows_of(measurement: Measurement, store: Store) -> list[ThroughputRow]:
    """Return the rows of these cells that stand in throughput.csv, in the order of the cells.

    One that does not verify counts as absent: it is set aside when new rows are written.
    """
    try:
        rows: Sequence[ThroughputRow] = read_rows(store.root, THROUGHPUT)
    except (ResultsError, FileNotFoundError):
        return []
    by_cell = {_cell(row): row for row in rows if _settings(row) == _settings_of(measurement)}
    return [by_cell[cell] for cell in measurement.cells if cell in by_cell]


def _cell(row: ThroughputRow) -> Cell:
    return Cell(model=row.model, length=row.length, phase=row.phase)


def _settings(row: ThroughputRow) -> tuple[object, ...]:
    sizes = (row.symbols, row.hidden, row.cell, row.encoder)
    return (*sizes, row.device, row.batch_size, row.threads)


def _settings_of(measurement: Measurement) -> tuple[object, ...]:
    config = measurement.config
    sizes = (config.symbols, config.hidden, config.cell, config.encoder)
    return (*sizes, measurement.device, measurement.batch_size, measurement.threads)


if __name__ == "__main__":
    sys.exit(main())
