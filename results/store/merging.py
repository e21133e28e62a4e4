"""Results folders merged into one: the same in whatever order, grouping or repetition.

Of two documents of one id the one with the smaller checksum is kept, never that of the first
folder, nor the better score. Records that say different things are named.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from results.errors import ResultsError, explain_os_errors
from results.schema.columns import to_json
from results.schema.rows import OK, PROVENANCE_COLUMNS, TIME_COLUMNS, AccuracyRow, ThroughputRow
from results.store.checked_json import seal
from results.store.checkpoint_files import (
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)
from results.store.documents import file_state, reject
from results.store.files import locked
from results.store.folder import (
    RECORDS,
    Store,
    coded_otherwise,
    csv_order,
    open_store,
    timing_key,
    trained_otherwise,
)
from results.store.probes import PROBES, ProbeRecord, ProbeStore, render_probes
from results.store.records import Record, render_record

# The same training says the same again, but for when, where and at which attempt it was done.
_MAY_DIFFER: dict[str, Any] = {**dict.fromkeys((*TIME_COLUMNS, *PROVENANCE_COLUMNS)), "attempts": 0}

Kept = TypeVar("Kept")
Checkpoint = tuple[bytes, bytes | None]  # The weights, and the optimiser's state.


@dataclass(frozen=True)
class Contents:
    """What a results folder has of its plan; by record_id, but timings by their `timing_key`."""

    plan: Mapping[str, AccuracyRow] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    failures: Mapping[str, AccuracyRow] = field(default_factory=dict)
    probes: Mapping[str, ProbeRecord] = field(default_factory=dict)
    timings: Mapping[tuple[Any, ...], ThroughputRow] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """What a merge left: its contents, and how many stages have their checkpoint there.

    A conflict is one line for a record that says something else than the one kept, a notice one
    line for a file that was not used.
    """

    contents: Contents
    checkpoints: int
    conflicts: tuple[str, ...]
    notices: tuple[str, ...]


def joined(parts: Sequence[Contents]) -> Contents:
    """Join what several folders have; of two that are the same, keep the first one's."""
    records = _smallest([part.records for part in parts], render_record)
    failures = _smallest([part.failures for part in parts], _render_row)
    return Contents(
        plan=_smallest([part.plan for part in parts], _render_row),
        records=records,
        failures={name: row for name, row in failures.items() if name not in records},
        probes=_smallest([part.probes for part in parts], render_probes),
        # A measurement that failed says less than one that did not.
        timings=_smallest(
            [part.timings for part in parts], lambda row: (row.status != OK, _render_row(row))
        ),
    )


def _smallest(
    mappings: Iterable[Mapping[Any, Kept]], order: Callable[[Kept], Any]
) -> dict[Any, Kept]:
    kept: dict[Any, Kept] = {}
    for mapping in mappings:
        for name, value in mapping.items():
            # Rendering takes the time, and most ids have one value.
            other = kept.setdefault(name, value)
            if other is not value and order(value) < order(other):
                kept[name] = value
    return kept


def _render_row(row: AccuracyRow | ThroughputRow) -> bytes:
    # A sealed document begins with its checksum: this order is by chance, and the same anywhere.
    return seal(to_json(row))


def merge_folders(
    folders: Sequence[Path], out: Path, *, probe_version: int, suite_tasks: Collection[str]
) -> Merged:
    """Merge results folders, which are only read, into one, with what that one has already.

    Nothing is written before all is read and fits together. A merge that is killed has done a
    part, and the same merge again does the rest. What probes of another version found counts as
    absent. `suite_tasks` are those without code of a user.

    Raises:
        ResultsError: A folder is of another schema version, two trained one length after other
            lengths, or the merged folder cannot be written, or is in use.
    """
    notices: list[str] = []
    sources = {}
    plans = {out: open_store(out, create=False).plan()}
    for folder in folders:
        probes = ProbeStore(folder, version=probe_version, is_read_only=True)
        sources[folder] = _read(open_store(folder, create=False), probes, notices)
        plans[folder] = tuple(sources[folder].plan.values())
    _require_one_kind(plans, suite_tasks)
    store = open_store(out, create=True)
    # To the end: bench.probe, which holds it too, compiles by the plan of its beginning.
    with locked(out, PROBES) as is_held:
        if not is_held:
            raise ResultsError(f"{out}: is being probed or merged into; wait for its end")
        with explain_os_errors(f"{out}: cannot be written"):
            return _merge(store, ProbeStore(out, version=probe_version), sources, notices)


def _read(store: Store, probes: ProbeStore, notices: list[str]) -> Contents:
    plan = {row.record_id: row for row in store.plan()}
    contents = Contents(
        plan=plan,
        records={name: record for name in plan if (record := store.read_record(name)) is not None},
        failures={name: row for name, row in store.failures().items() if name in plan},
        probes={name: probe for name in plan if (probe := probes.read(name)) is not None},
        timings={timing_key(row): row for row in store.timings()},
    )
    notices += (*store.take_notices(), *probes.notices)
    return contents


def _require_one_kind(
    plans: Mapping[Path, Sequence[AccuracyRow]], suite_tasks: Collection[str]
) -> None:
    """Refuse to put two trainings of one length, or two versions of one model, into one curve."""
    present: list[AccuracyRow] = []
    for folder, rows in plans.items():
        for differs, how in (
            (
                partial(coded_otherwise, suite_tasks=suite_tasks),
                "of another version of its code than",
            ),
            (trained_otherwise, "after other lengths than"),
        ):
            row = differs(present, rows)
            if row is not None:
                other = next(name for name in plans if differs(plans[name], [row]))
                raise ResultsError(
                    f"{folder}: has length {row.train_length} of {row.task}, {row.model} {how} "
                    f"{other}; they do not belong into one folder"
                )
        present += rows


def _merge(
    store: Store, probes: ProbeStore, sources: Mapping[Path, Contents], notices: list[str]
) -> Merged:
    out = store.root
    present = _read(store, probes, notices)
    # It comes first, so that what it has already is recognised, and not written again.
    parts = {out: present, **sources}
    records = joined(tuple(parts.values())).records
    disputed = {folder: _disputed(part.records, records) for folder, part in parts.items()}
    # Probes and checkpoints of a training belong to its record, and are left out with it.
    merged = joined(
        [
            replace(
                part, probes={n: p for n, p in part.probes.items() if n not in disputed[folder]}
            )
            for folder, part in parts.items()
        ]
    )
    conflicts = tuple(_conflicts(parts, disputed, records))
    checkpoints = _merge_checkpoints(out, parts, disputed, notices)
    for name in sorted(disputed[out]):
        for kind in (RECORDS, PROBES):
            _set_aside(out / kind / f"{name}.json", notices)
    store.extend_plan(merged.plan.values())
    for name, record in merged.records.items():
        if record is not present.records.get(name):
            store.write_record(record.row, record.samples, replaces=True)
    for name, row in merged.failures.items():
        if row is not present.failures.get(name):
            store.write_failure(row)
    if merged.timings:
        store.write_throughput(merged.timings.values())
    store.compile()
    for name, found in merged.probes.items():
        if found is not present.probes.get(name):
            probes.write(found)
    if merged.probes or present.probes:
        rows = sorted((record.row for record in merged.records.values()), key=csv_order)
        probes.compile(row.record_id for row in rows)
    return Merged(merged, checkpoints, conflicts, tuple(notices))


def _disputed(records: Mapping[str, Record], kept: Mapping[str, Record]) -> set[str]:
    """List the records that say something else than those kept."""
    return {
        name
        for name, record in records.items()
        if record != kept[name] and _statement(record) != _statement(kept[name])
    }


def _statement(record: Record) -> Record:
    return replace(record, row=replace(record.row, **_MAY_DIFFER))


def _conflicts(
    parts: Mapping[Path, Contents],
    disputed: Mapping[Path, Collection[str]],
    kept: Mapping[str, Record],
) -> Iterable[str]:
    # Of the merged folder last: it may have its record from one of the others.
    out, *sources = parts
    for name in sorted(set().union(*disputed.values()), key=lambda each: csv_order(kept[each].row)):
        keeper = next(
            folder for folder in (*sources, out) if parts[folder].records.get(name) == kept[name]
        )
        row = kept[name].row
        for folder in (each for each in parts if name in disputed[each]):
            yield (
                f"{row.task}, {row.model}, seed {row.seed}, length {row.length}: {keeper} and "
                f"{folder} say different things; record {name} of {keeper} is kept"
            )


def _merge_checkpoints(
    out: Path,
    parts: Mapping[Path, Contents],
    disputed: Mapping[Path, Collection[str]],
    notices: list[str],
) -> int:
    """Bring the checkpoint of every stage into a folder; count the stages that have one.

    It is that of a folder whose record of the stage is not disputed. A stage of which no folder
    has a record goes on from any. Another checkpoint in `out` is set aside.
    """
    rows = [row for part in parts.values() for row in part.plan.values()]
    # Of the records of a stage, that at the length that it trained on speaks for its training.
    own_records = {row.stage_id: row.record_id for row in rows if row.length == row.train_length}
    count = 0
    for stage_id, name in own_records.items():
        is_recorded = any(name in part.records for part in parts.values())
        folders = [
            folder
            for folder, part in parts.items()
            if not is_recorded or (name in part.records and name not in disputed[folder])
        ]
        if out not in folders:
            _set_aside(optimizer_path(out, stage_id), notices)
            _set_aside(weights_path(out, stage_id), notices)
        found = {folder: _read_checkpoint(folder, stage_id, notices) for folder in folders}
        whole = [pair for pair in found.values() if pair is not None]
        if whole:
            # Training can go on from one that has its optimiser's state.
            best = min(whole, key=lambda pair: (pair[1] is None, *pair))
            _write_checkpoint(out, stage_id, best, present=found.get(out))
            count += 1
    return count


def _read_checkpoint(folder: Path, stage_id: str, notices: list[str]) -> Checkpoint | None:
    """Read the weights and the optimiser's state, if there is one; None without good weights."""
    weights = _content(weights_path(folder, stage_id), notices)
    if weights is None:
        return None
    return weights, _content(optimizer_path(folder, stage_id), notices)


def _content(path: Path, notices: list[str]) -> bytes | None:
    if not path.exists():
        return None
    with explain_os_errors(f"{path}: cannot be read"):
        try:
            return read_checkpoint(path)
        except ResultsError as error:
            notices.append(f"{path}: not used: {error}")
            return None


def _write_checkpoint(
    out: Path, stage_id: str, best: Checkpoint, *, present: Checkpoint | None
) -> None:
    if present == best:
        return
    weights, optimizer = best
    if present is None or present[0] != weights:
        # Never, not even after a kill, the weights of one training beside the other's optimiser.
        optimizer_path(out, stage_id).unlink(missing_ok=True)
        write_checkpoint(weights_path(out, stage_id), weights)
    if optimizer is not None:
        write_checkpoint(optimizer_path(out, stage_id), optimizer)


def _set_aside(path: Path, notices: list[str]) -> None:
    if path.exists():
        reject(path, file_state(path), "its record is not kept", notices=notices)
