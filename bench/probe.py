"""`python -m bench.probe --results DIR`: look into trained models, and write the finer tables.

Reads the checkpoint of every stage that has its record. What is probed already is not probed
again. Imports no torch: child processes probe (`bench.probes.worker`).
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cli.execution import MOST_JOBS, physical_cores
from bench.cli.lengths import parse_lengths
from bench.cli.options import read_folder, read_integer, read_lengths
from bench.execution.engine import ChildOrder, LocalEngine
from bench.execution.progress import progress_bar
from bench.plan.versions import PROBE_VERSION
from bench.probes.inputs import (
    has_checkpoint,
    names_of,
    open_trained,
    require_checkpoints,
    require_versions,
    untrained_lengths,
)
from results.command_line import Parser, UsageError
from results.errors import ResultsError
from results.schema.columns import one_line, to_json
from results.schema.rows import AccuracyRow
from results.store.csv_files import INFLUENCE
from results.store.folder import Store
from results.store.locks import locked
from results.store.probes import PROBES, ProbeStore

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
        metavar="RANGE",
        help="where influence is measured too, and maps are kept; lengths that were trained "
        f"(default: {INFLUENCE_LENGTHS})",
    )
    add("--jobs", metavar="N", help="model runs at a time (default: physical cores)")
    try:
        given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
        jobs = physical_cores()
        if given.jobs is not None:
            jobs = read_integer("--jobs", given.jobs, at_most=MOST_JOBS)
        lengths = None if given.lengths is None else read_lengths("--lengths", given.lengths)
        return _probe(read_folder("--results", given.results), lengths=lengths, jobs=jobs)
    except (UsageError, ResultsError) as error:
        print(f"bench.probe: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("Stopped. What is probed is kept; the same command goes on.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _probe(root: Path, *, lengths: Sequence[int] | None, jobs: int) -> int:
    store, rows = open_trained(root)
    require_versions(rows)
    measured = parse_lengths(INFLUENCE_LENGTHS) if lengths is None else lengths
    untrained = untrained_lengths(root, rows, measured)
    if untrained and lengths is not None:
        raise UsageError(f"--lengths: {untrained}")
    require_checkpoints(root, rows)
    with locked(root, PROBES) as is_held:
        if not is_held:
            raise ResultsError(f"{root}: another bench.probe is at work here; wait for its end")
        status = _probe_rows(root, store, _wanted(rows, lengths=measured), jobs=jobs)
    if untrained:
        print(f"Influence and maps are not measured at {untrained}", file=sys.stderr)
    return status


def _probe_rows(root: Path, store: Store, wanted: Sequence[_Wanted], *, jobs: int) -> int:
    probes = ProbeStore(root, version=PROBE_VERSION)
    missing = [each for each in wanted if not _is_done(probes, each)]
    print(f"Probes: {len(wanted)} records, {len(wanted) - len(missing)} done in {root}")
    notices: list[str] = []
    has = {
        stage_id: has_checkpoint(root, stage_id, notices=notices)
        for stage_id in dict.fromkeys(each.row.stage_id for each in missing)
    }
    try:
        gone, failed = _carry_out(root, [each for each in missing if has[each.row.stage_id]], jobs)
    finally:
        probes.compile(each.row.record_id for each in wanted)
    for notice in (*store.take_notices(), *probes.notices, *notices):
        print(notice, file=sys.stderr)
    without_checkpoint = [
        each.row for each in missing if not has[each.row.stage_id] or each.row.record_id in gone
    ]
    if without_checkpoint:
        print(
            f"{len(without_checkpoint)} of {len(wanted)} records have no checkpoint and are not "
            f"probed: {names_of(without_checkpoint)}",
            file=sys.stderr,
        )
    for name in failed:
        print(f"{name} failed: see {root / 'logs' / name}.log", file=sys.stderr)
    print(f"Tables: errors, positions, alignment, influence and maps in {root}")
    return EXIT_FAILED if without_checkpoint or failed else EXIT_DONE


def _wanted(rows: Sequence[AccuracyRow], *, lengths: Sequence[int]) -> list[_Wanted]:
    first_seeds = _first_seeds(rows)
    return [
        _Wanted(
            row,
            measures_influence=row.length in lengths and row.length == row.train_length,
            keeps_maps=row.seed == first_seeds[row.task, row.model, row.config_id],
        )
        for row in rows
    ]


def _first_seeds(rows: Iterable[AccuracyRow]) -> dict[tuple[str, str, str], int]:
    first: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row.task, row.model, row.config_id)
        first[key] = min(row.seed, first.get(key, row.seed))
    return first


def _is_done(probes: ProbeStore, wanted: _Wanted) -> bool:
    record = probes.read(wanted.row.record_id)
    return record is not None and (INFLUENCE in record.tables or not wanted.measures_influence)


def _carry_out(root: Path, missing: Sequence[_Wanted], jobs: int) -> tuple[list[str], list[str]]:
    """Probe what is missing; return the records whose checkpoint has gone, and the failed runs."""
    orders = _orders(root, missing)
    engine = LocalEngine(jobs=jobs)
    answered = dict.fromkeys((order.name for order in orders), 0)
    gone: list[str] = []
    failed = []
    with progress_bar(len(missing), "probing", unit="record") as bar:

        def on_event(order: ChildOrder, event: dict[str, Any]) -> None:
            if "record" in event:
                answered[order.name] += 1
                if not event["has_checkpoint"]:
                    gone.append(event["record"])
                bar.update()

        try:
            for end in engine.execute(orders, on_event=on_event):
                # A model may end its process as if all were well.
                is_whole = answered[end.order.name] == len(end.order.message["records"])
                if end.exit_code != 0 or not is_whole:
                    failed.append(end.order.name)
        finally:
            engine.stop()
    return gone, failed


def _orders(root: Path, missing: Sequence[_Wanted]) -> list[ChildOrder]:
    """Return one order for each model run, so that it is built once."""
    runs: dict[str, list[_Wanted]] = {}
    for each in missing:
        runs.setdefault(each.row.run_id, []).append(each)
    return [
        ChildOrder(
            name=f"probe-{run_id}",
            module="bench.probes.worker",
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


if __name__ == "__main__":
    sys.exit(main())
