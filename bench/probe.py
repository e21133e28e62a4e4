"""`python -m bench.probe --results DIR`: look into trained models, and write the finer tables.

Reads the checkpoint of every stage that has its record. What is probed already is not probed
again. Imports no torch: child processes probe (`bench.probes.worker`).
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cli.lengths import parse_lengths
from bench.cli.options import MOST_JOBS, physical_cores, whole_number
from bench.execution.engine import ChildOrder, LocalEngine
from bench.execution.progress import progress_bar
from bench.execution.strangers import (
    Refused,
    known_models,
    known_tasks,
    meet_models,
    meet_tasks,
)
from bench.plan.recipe import EVALUATOR_VERSION, PROBE_VERSION, RECIPE_VERSION
from results.command_line import (
    DONE,
    FAILED,
    Parser,
    UsageError,
    default_folder,
    parse_folder,
    run_command,
)
from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import AccuracyRow
from results.store.checkpoint_files import read_checkpoint, weights_path
from results.store.csv_files import INFLUENCE, PROBE_TABLES, STATE, WEIGHTS
from results.store.files import locked
from results.store.folder import Store, csv_order, open_store
from results.store.probes import PROBES, ProbeStore
from tasks import SAMPLER_VERSION
from tasks.import_path import code_hash

WEIGHTS_LENGTH = 20  # Or the nearest that was trained: weights of one sequence fit a page.
INFLUENCE_LENGTHS = (20, 100)  # Influence takes longest: one short length, and one long.
NAMED_AT_MOST = 5
_SECONDS_PER_RECORD = 1800.0  # Far more than any takes. Only a child that hangs is ended.


@dataclass(frozen=True)
class _RecordToProbe:
    """One record, and how far it is probed."""

    row: AccuracyRow
    measures_influence: bool
    keeps_maps: bool
    keeps_weights: bool
    asks_state: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m bench.probe", description=__doc__)
    add = parser.add_argument
    add(
        "--results",
        type=parse_folder,
        default=default_folder("results"),
        metavar="DIR",
        help="folder of bench.run, as its --out",
    )
    add(
        "--lengths",
        type=parse_lengths,
        metavar="RANGE",
        help="where influence is measured too, and maps are kept; lengths that were trained "
        f"(default: {_joined(INFLUENCE_LENGTHS)})",
    )
    add(
        "--state",
        type=parse_lengths,
        default=(),
        metavar="RANGE",
        help="where probes and a fresh decoder are trained on the frozen state, in at most 3 "
        "minutes for each model; lengths that were trained (default: nowhere)",
    )
    add(
        "--jobs",
        type=whole_number(at_most=MOST_JOBS),
        default=physical_cores(),
        metavar="N",
        help="model runs at a time (default: physical cores)",
    )
    stopped = "Stopped. What is probed is kept; the same command goes on."
    return run_command(
        parser,
        arguments,
        lambda given: probe_folder(
            given.results, lengths=given.lengths, state_lengths=given.state, jobs=given.jobs
        ),
        stopped=stopped,
    )


def probe_folder(
    root: Path,
    *,
    lengths: Sequence[int] | None,
    state_lengths: Sequence[int] = (),
    jobs: int,
) -> int:
    """Probe what is not probed yet, write the tables, and say what could not be probed.

    Args:
        lengths: Where influence is measured too; None is the usual ones, of which some may not be
            trained.
        state_lengths: Where the state is asked.

    Returns:
        The exit status.

    Raises:
        UsageError: A length was not trained, or the folder cannot be probed with this code.
        ResultsError: Another command probes it.
    """
    store, rows = _open_trained(root)
    _require_same_code(rows)
    trained = sorted({row.length for row in rows if row.length == row.train_length})
    choice = f"not trained in {root}; choose from {_joined(trained)}"
    for option, chosen in {"--lengths": lengths or (), "--state": state_lengths}.items():
        unknown = [length for length in chosen if length not in trained]
        if unknown:
            raise UsageError(f"{option}: {_joined(unknown)}: {choice}")
    if lengths is None:
        lengths = INFLUENCE_LENGTHS
    untrained = [length for length in lengths if length not in trained]

    probes = ProbeStore(root, version=PROBE_VERSION, is_read_only=True)
    records = _records_to_probe(rows, lengths, state_lengths=state_lengths)
    missing = [each for each in records if not _is_done(probes, each)]
    usable, notices = _usable_checkpoints(root, missing)
    _require_checkpoints(root, records, missing, probes=probes, usable=usable, notices=notices)
    # Whatever is refused has been refused by now: nothing is written before, not even a lock.
    with locked(root, PROBES) as is_held:
        if not is_held:
            raise ResultsError(f"{root}: another bench.probe is at work here; wait for its end")
        # Again, now that nobody else writes, and damaged files may be set aside.
        probes = ProbeStore(root, version=PROBE_VERSION)
        missing = [each for each in records if not _is_done(probes, each)]
        print(f"Probes: {len(records)} records, {len(records) - len(missing)} done in {root}")
        ready = [each for each in missing if each.row.stage_id in usable]
        try:
            gone, failed, unfit = _carry_out(root, ready, jobs)
        finally:
            probes.compile(each.row.record_id for each in records)

    unprobed = [
        each.row
        for each in missing
        if each.row.stage_id not in usable or each.row.record_id in gone
    ]
    complaints = [*store.take_notices(), *probes.notices, *notices]
    if unprobed:
        complaints.append(
            f"{len(unprobed)} of {len(records)} records have no checkpoint and are not "
            f"probed: {_names_of(unprobed)}"
        )
    for reason in dict.fromkeys(unfit.values()):
        alike = [each.row for each in ready if unfit.get(each.row.record_id) == reason]
        complaints.append(
            f"The state of {len(alike)} records is not asked, {reason}: {_names_of(alike)}"
        )
    complaints += [f"{name} failed: see {root / 'logs' / name}.log" for name in failed]
    if untrained:
        complaints.append(f"Influence and maps are not measured at {_joined(untrained)}: {choice}")
    for line in complaints:
        print(line, file=sys.stderr)
    print(f"Tables: {', '.join(name.removesuffix('.csv') for name in PROBE_TABLES)} in {root}")
    return FAILED if unprobed or failed else DONE


def _joined(lengths: Iterable[int]) -> str:
    return ",".join(map(str, lengths))


def _open_trained(root: Path) -> tuple[Store, list[AccuracyRow]]:
    """Open a results folder, and list the rows of its records in the order of the CSVs."""
    try:
        store = open_store(root, create=False)
    except ResultsError as error:
        raise UsageError(f"--results: {error}") from None
    if not root.exists():
        raise UsageError(f"--results: {root}: there is no such folder")
    records = (store.read_record(planned.record_id) for planned in store.plan())
    rows = sorted((record.row for record in records if record is not None), key=csv_order)
    if not rows:
        raise UsageError(
            f"--results: {root}: no finished stage to probe: run python -m bench.run first"
        )
    return store, rows


def _require_same_code(rows: Sequence[AccuracyRow]) -> None:
    """Refuse what other code trained: with this code it is another model that answers."""
    tasks, models = ({getattr(row, name) for row in rows} for name in ("task", "model"))
    for kind, names, known in (
        ("task", tasks, known_tasks()),
        ("model", {name for name in models if ":" not in name}, known_models()),
    ):
        for name in sorted(names.difference(known)):
            raise UsageError(f"--results: {kind} {name!r} is not known here")
    try:
        task_of = {task.name: task for task in meet_tasks(sorted(tasks))}
        model_of = {entry.name: entry for entry in meet_models(sorted(models))}
    except Refused as error:
        raise UsageError(f"--results: {error}") from None
    for row in rows:
        task, entry = task_of[row.task], model_of[row.model]
        for name, here in (
            ("code_hash", code_hash(*task.references, *entry.references)),
            ("model_version", entry.version),
            ("task_version", task.version),
            ("sampler_version", SAMPLER_VERSION),
            ("recipe_version", RECIPE_VERSION),
            ("evaluator_version", EVALUATOR_VERSION),
        ):
            there = getattr(row, name)
            if there != here and name == "code_hash":
                raise UsageError(
                    f"--results: these rows are of an earlier version of the code of {row.task}, "
                    f"{row.model} (code_hash {there}, here it is {here}); train it again in "
                    "another folder"
                )
            if there != here:
                raise UsageError(
                    f"--results: {row.task}, {row.model} were made with {name} {there}, "
                    f"here it is {here}; train them again in another folder"
                )


def _records_to_probe(
    rows: Sequence[AccuracyRow], lengths: Sequence[int], *, state_lengths: Sequence[int]
) -> list[_RecordToProbe]:
    # Maps and weights are large, and a figure shows one seed.
    first_seeds: dict[tuple[str, str, str], int] = {}
    # How far from WEIGHTS_LENGTH, and the length: of two that are as near, the shorter.
    nearest: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        key = _configuration(row)
        first_seeds[key] = min(row.seed, first_seeds.get(key, row.seed))
        if row.length == row.train_length:
            distance = (abs(row.length - WEIGHTS_LENGTH), row.length)
            nearest[key] = min(distance, nearest.get(key, distance))
    found = []
    for row in rows:
        key, is_own = _configuration(row), row.length == row.train_length
        is_first = row.seed == first_seeds[key]
        found.append(
            _RecordToProbe(
                row,
                measures_influence=row.length in lengths and is_own,
                asks_state=row.length in state_lengths and is_own,
                keeps_maps=is_first,
                keeps_weights=is_first and is_own and row.length == nearest[key][1],
            )
        )
    return found


def _configuration(row: AccuracyRow) -> tuple[str, str, str]:
    return row.task, row.model, row.config_id


def _is_done(probes: ProbeStore, record: _RecordToProbe) -> bool:
    found = probes.read(record.row.record_id)
    if found is None or (record.measures_influence and INFLUENCE not in found.tables):
        return False
    if record.keeps_weights and WEIGHTS not in found.tables:
        return False
    return STATE in found.tables or not record.asks_state


def _usable_checkpoints(
    root: Path, records: Iterable[_RecordToProbe]
) -> tuple[set[str], list[str]]:
    """List the stages whose weights can be read, and a notice for each file that cannot."""
    usable, notices = set(), []
    for stage_id in dict.fromkeys(each.row.stage_id for each in records):
        path = weights_path(root, stage_id)
        try:
            read_checkpoint(path)
            usable.add(stage_id)
        except FileNotFoundError:
            continue
        except (ResultsError, OSError) as error:
            notices.append(f"{path}: not used: {error}")
    return usable, notices


def _require_checkpoints(
    root: Path,
    records: Sequence[_RecordToProbe],
    missing: Sequence[_RecordToProbe],
    *,
    probes: ProbeStore,
    usable: set[str],
    notices: Sequence[str],
) -> None:
    """Refuse if rows of the tables would be lost for good, or nothing can be probed."""
    versions = {each.row.record_id: probes.version_of(each.row.record_id) for each in records}
    lost = [
        each.row
        for each in missing
        if versions[each.row.record_id] not in (None, PROBE_VERSION)
        and each.row.stage_id not in usable
    ]
    if lost:
        raise UsageError(
            f"--results: {root}: {len(lost)} records were probed by version "
            f"{versions[lost[0].record_id]}, here it is {PROBE_VERSION}, and have no checkpoint to "
            f"be probed again: {_names_of(lost)}"
        )
    if not usable and PROBE_VERSION not in versions.values():
        reason = notices[0] if notices else "only the folder that bench.run wrote has them"
        raise UsageError(f"--results: {root}: no checkpoints, which probes read; {reason}")


def _names_of(rows: Sequence[AccuracyRow]) -> str:
    names = [
        f"{row.task}, {row.model}, seed {row.seed}, length {row.length}"
        + ("" if row.length == row.train_length else f", trained to {row.train_length}")
        for row in rows[:NAMED_AT_MOST]
    ]
    more = [f"and {len(rows) - NAMED_AT_MOST} more"] if len(rows) > NAMED_AT_MOST else []
    return "; ".join(names + more)


def _carry_out(
    root: Path, records: Sequence[_RecordToProbe], jobs: int
) -> tuple[set[str], list[str], dict[str, str]]:
    """Probe records.

    Returns:
        Records whose checkpoint has gone, names of failed orders, and why a state is not asked, by
        record.
    """
    orders = _orders(root, records)
    answered = dict.fromkeys((order.name for order in orders), 0)
    gone: set[str] = set()
    failed = []
    unfit: dict[str, str] = {}
    bar = progress_bar(len(records), "probing", unit="record")

    def on_event(order: ChildOrder, event: dict[str, Any]) -> None:
        if "record" in event:
            answered[order.name] += 1
            if not event["has_checkpoint"]:
                gone.add(event["record"])
            elif event["unfit"] is not None:
                unfit[event["record"]] = event["unfit"]
            bar.update()

    engine = LocalEngine(jobs=jobs)
    with bar:
        try:
            for end in engine.execute(orders, on_event=on_event):
                # A model may end its process as if all were well.
                is_whole = answered[end.order.name] == len(end.order.message["records"])
                if end.exit_code != 0 or not is_whole:
                    failed.append(end.order.name)
        finally:
            engine.stop()
    return gone, failed, unfit


def _orders(root: Path, records: Sequence[_RecordToProbe]) -> list[ChildOrder]:
    """Make one order for each model run, since a child takes seconds to start."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for each in records:
        runs.setdefault(each.row.run_id, []).append({**vars(each), "row": to_json(each.row)})
    return [
        ChildOrder(
            name=f"probe-{run_id}",
            module="bench.probes.worker",
            message={"out": str(root), "records": of_run},
            out=str(root),
            time_limit_seconds=_SECONDS_PER_RECORD * len(of_run),
        )
        for run_id, of_run in runs.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
