"""The last step of a matrix: measure the throughput that is not measured yet. Imports no torch."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from bench.arguments import Request
from bench.engine import child_events
from models.config import ModelConfig
from results.columns import from_json
from results.csv_files import THROUGHPUT, read_rows
from results.schema import OK, ThroughputRow
from results.store import Store

_PHASES_PER_MODEL = 2
_SYMBOLS = 16
_MOST_LENGTHS = 10


def measure_missing(request: Request, store: Store) -> None:
    """Measure the request's models, and put the rows into throughput.csv.

    A folder that has them all is left as it is, so that a finished matrix stays finished.

    Raises:
        ResultsError: If the throughput.csv that stands there does not verify.
    """
    config = ModelConfig(
        symbols=_SYMBOLS,
        hidden=request.settings.hidden,
        cell=request.settings.cell,
        encoder=request.settings.encoder,
    )
    lengths = _spread(request.settings.lengths)
    done = _measured(store, config=config, request=request)
    missing = [
        length
        for length in lengths
        if not all((entry.name, length) in done for entry in request.models)
    ]
    if not missing:
        return
    order = {
        "builders": {entry.name: entry.builder for entry in request.models},
        "lengths": missing,
        "config": asdict(config),
        "device": request.settings.device,
        "batch_size": request.settings.recipe.batch_size,
    }
    rows = []
    total = len(missing) * len(request.models) * _PHASES_PER_MODEL
    bar: tqdm[Any] = tqdm(total=total, file=sys.stderr, desc="throughput", unit="row")
    with bar:
        for event in child_events("bench.throughput", order, out=store.root):
            rows.append(from_json(ThroughputRow, event))
            bar.update()
    store.write_throughput(rows)


def _measured(store: Store, *, config: ModelConfig, request: Request) -> set[tuple[str, int]]:
    if not (store.root / THROUGHPUT).exists():
        return set()
    rows: Iterable[ThroughputRow] = read_rows(store.root, THROUGHPUT)
    return {
        (row.model, row.length)
        for row in rows
        if row.status == OK
        and (row.hidden, row.cell, row.encoder) == (config.hidden, config.cell, config.encoder)
        and row.device == request.settings.device
        and row.batch_size == request.settings.recipe.batch_size
    }


def _spread(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return at most ten of the lengths, evenly spread, the shortest and the longest included."""
    if len(lengths) <= _MOST_LENGTHS:
        return lengths
    last = len(lengths) - 1
    picks = sorted({round(i * last / (_MOST_LENGTHS - 1)) for i in range(_MOST_LENGTHS)})
    return tuple(lengths[pick] for pick in picks)
