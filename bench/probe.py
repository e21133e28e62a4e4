"""`python -m bench.probe --results DIR`: look into trained models, and write the finer tables.

Reads the checkpoint of every stage that has its record. What is probed already is not probed
again. Imports no torch: child processes probe (`bench.probing`).
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.children import Order
from bench.engine import LocalEngine
from bench.execution import MOST_JOBS, physical_cores
from bench.options import (
    Parser,
    UsageError,
    read_folder,
    read_integer,
    read_lengths,
)
from bench.versions import PROBE_VERSION
from models import entry_from_reference, load_models
from results.columns import one_line, to_json
from results.csv_files import INFLUENCE
from results.errors import ResultsError
from results.locks import locked
from results.outcomes import csv_order
from results.probes import PROBES, ProbeStore
from results.schema import AccuracyRow
from results.store import Store, open_store
from tasks import SAMPLER_VERSION, load_tasks

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
INFLUENCE_LENGTHS = "20,100"
_SECONDS_PER_RECORD = 600.0


@dataclass(frozen=True)
class _Wanted:
    """One record to probe, and how far."""

    row: AccuracyRow
    measures_influence: bool
    keeps_maps: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = Parser(prog="python -m bench.probe", description=__doc__)
    add = parser.add_argument
    add("--results", default="results", metavar="DIR", help="folder of bench.run, as its --out")
    add(
        "--lengths",
        default=INFLUENCE_LENGTHS,
        metavar="RANGE",
        help="where influence is measured too (default: %(default)s)",
    )
    add("--jobs", metavar="N", help="model runs at a time (default: physical cores)")
    try:
        given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
        jobs = physical_cores()
        if given.jobs is not None:
            jobs = read_integer("--jobs", given.jobs, at_most=MOST_JOBS)
        lengths = read_lengths("--lengths", given.lengths)
        return _probe(read_folder("--results", given.results), lengths=lengths, jobs=jobs)
    except (UsageError, ResultsError) as error:
        print(f"bench.probe: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("Stopped. What is probed is kept; the same command goes on.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _probe(root: Path, *, lengths: Sequence[int], jobs: int) -> int:
    store = open_store(root, create=False)
    rows = sorted(_recorded(store), key=csv_order)
    for row in rows:
        _require_versions(row)
    if not rows:
        raise ResultsError(f"{root}: no finished stage to probe: run python -m bench.run first")
    if not (root / "checkpoints").is_dir():
        raise ResultsError(
            f"{root}: no checkpoints, which probes read; only the folder that bench.run wrote "
            "has them"
        )
    with locked(root, PROBES) as is_held:
        if not is_held:
            raise ResultsError(f"{root}: another bench.probe is at work here; wait for its end")
        return _probe_rows(root, store, rows, lengths=lengths, jobs=jobs)


def _probe_rows(
    root: Path, store: Store, rows: Sequence[AccuracyRow], *, lengths: Sequence[int], jobs: int
) -> int:
    probes = ProbeStore(root, version=PROBE_VERSION)
    first_seeds = _first_seeds(rows)
    wanted = [
        _Wanted(
            row,
            measures_influence=row.length in lengths and row.length == row.train_length,
            keeps_maps=row.seed == first_seeds[row.task, row.model, row.config_id],
        )
        for row in rows
    ]
    missing = [each for each in wanted if not _is_done(probes, each)]
    print(f"Probes: {len(rows)} records, {len(rows) - len(missing)} done in {root}")
    try:
        without_checkpoint, failed = _carry_out(root, missing, jobs=jobs)
    finally:
        probes.compile(row.record_id for row in rows)
    for notice in (*store.take_notices(), *probes.notices):
        print(notice, file=sys.stderr)
    return _conclude(root, done=rows, without_checkpoint=without_checkpoint, failed=failed)


def _recorded(store: Store) -> Iterable[AccuracyRow]:
    for planned in store.plan():
        record = store.read_record(planned.record_id)
        if record is not None:
            yield record.row


def _require_versions(row: AccuracyRow) -> None:
    """Refuse what was trained by other code than is here.

    Raises:
        UsageError: A version differs, or the task is not known here.
    """
    tasks = load_tasks()
    if row.task not in tasks:
        raise UsageError(f"--results: task {row.task!r} is not known here")
    entry = load_models().get(row.model) or entry_from_reference(row.model)
    for name, there, here in (
        ("model_version", row.model_version, entry.version),
        ("task_version", row.task_version, tasks[row.task].version),
        ("sampler_version", row.sampler_version, SAMPLER_VERSION),
    ):
        if there != here:
            raise UsageError(
                f"--results: {row.task}, {row.model} were trained with {name} {there}, "
                f"here it is {here}; train them again"
            )


def _first_seeds(rows: Iterable[AccuracyRow]) -> dict[tuple[str, str, str], int]:
    first: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row.task, row.model, row.config_id)
        first[key] = min(row.seed, first.get(key, row.seed))
    return first


def _is_done(probes: ProbeStore, wanted: _Wanted) -> bool:
    record = probes.read(wanted.row.record_id)
    return record is not None and (INFLUENCE in record.tables or not wanted.measures_influence)


def _carry_out(root: Path, missing: Sequence[_Wanted], *, jobs: int) -> tuple[int, list[str]]:
    """Probe what is missing; return how many have no checkpoint, and which runs failed."""
    orders = _orders(root, missing)
    engine = LocalEngine(jobs=jobs)
    answered: dict[str, list[bool]] = {order.name: [] for order in orders}
    failed = []
    bar = tqdm(
        total=len(missing), file=sys.stderr, desc="probing", unit="record", disable=not missing
    )
    with bar:

        def on_event(order: Order, event: dict[str, Any]) -> None:
            if "record" in event:
                answered[order.name].append(event["has_checkpoint"])
                bar.update()

        try:
            for end in engine.execute(orders, on_event=on_event):
                # A model may end its process as if all were well.
                is_whole = len(answered[end.order.name]) == len(end.order.message["records"])
                if end.exit_code != 0 or not is_whole:
                    failed.append(end.order.name)
        finally:
            engine.stop()
    return sum(has.count(False) for has in answered.values()), failed


def _orders(root: Path, missing: Sequence[_Wanted]) -> list[Order]:
    """Return one order for each model run, so that it is built once."""
    runs: dict[str, list[_Wanted]] = {}
    for each in missing:
        runs.setdefault(each.row.run_id, []).append(each)
    return [
        Order(
            name=f"probe-{run_id}",
            module="bench.probing",
            message={
                "out": str(root),
                "records": [
                    {
                        "row": to_json(each.row),
                        "measures_influence": each.measures_influence,
                        "keeps_maps": each.keeps_maps,
                    }
                    for each in listed
                ],
            },
            out=str(root),
            time_limit_seconds=_SECONDS_PER_RECORD * len(listed),
        )
        for run_id, listed in runs.items()
    ]


def _conclude(
    root: Path, *, done: Sequence[AccuracyRow], without_checkpoint: int, failed: Sequence[str]
) -> int:
    if without_checkpoint:
        print(
            f"{without_checkpoint} of {len(done)} records have no checkpoint and are not probed",
            file=sys.stderr,
        )
    for name in failed:
        print(f"{name} failed: see {root / 'logs' / name}.log", file=sys.stderr)
    print(f"Tables: errors, positions, alignment, influence and maps in {root}")
    return EXIT_FAILED if without_checkpoint or failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
