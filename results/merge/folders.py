"""Results folders merged into one: all of them read, held against each other, then written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.merge.checkpoints import merge_checkpoints, set_aside_unkept
from results.merge.contents import Contents, Dispute, disputes, joined, joined_plan, record_order
from results.schema.rows import AccuracyRow, ThroughputRow
from results.store.csv_files import THROUGHPUT, read_rows
from results.store.documents import SUFFIX
from results.store.folder import RECORDS, THROUGHPUT_KEY, Store, open_store
from results.store.ladders import trained_otherwise
from results.store.locks import locked
from results.store.outcomes import csv_order
from results.store.probes import PROBES, ProbeStore


@dataclass(frozen=True)
class Merged:
    """What a merge left.

    Attributes:
        contents: What the merged folder holds.
        checkpoints: Number of stages that have their checkpoint there.
        conflicts: One line per record that says something else than the one kept.
        notices: One line per file that was not used.
    """

    contents: Contents
    checkpoints: int
    conflicts: tuple[str, ...]
    notices: tuple[str, ...]


def merge_folders(folders: Sequence[Path], out: Path, *, probe_version: int) -> Merged:
    """Merge results folders, which are only read, into one, with what that one holds already.

    Nothing is written before all is read and fits together. A merge that is killed has done a
    part, and the same merge again does the rest.

    Args:
        folders: Results folders, each once, and none of them `out`.
        out: Results folder; made where it is absent.
        probe_version: Version of the probes; what another version found counts as absent.

    Raises:
        ResultsError: A folder is of another schema version, two trained one length after other
            lengths, or the merged folder cannot be written, or is in use.
    """
    notices: list[str] = []
    sources = {}
    for folder in folders:
        store = open_store(folder, create=False)
        probes = ProbeStore(folder, version=probe_version, is_read_only=True)
        sources[folder] = _contents(store, probes, notices)
        notices += (*store.take_notices(), *probes.notices)
    plans = {folder: tuple(source.plan.values()) for folder, source in sources.items()}
    _require_one_ladder({out: open_store(out, create=False).plan(), **plans})
    store = open_store(out, create=True)
    # To the end: bench.probe, which holds it too, compiles by the plan of its beginning.
    with locked(out, PROBES) as is_held:
        if not is_held:
            raise ResultsError(f"{out}: is being probed or merged into; wait for its end")
        try:
            return _merge(store, sources, probe_version=probe_version, notices=notices)
        except OSError as error:
            raise ResultsError(f"{out}: cannot be written: {error.strerror or error}") from None


def _contents(store: Store, probes: ProbeStore, notices: list[str]) -> Contents:
    plan = {row.record_id: row for row in store.plan()}
    records = {name: store.read_record(name) for name in plan}
    found = {name: probes.read(name) for name in plan}
    return Contents(
        plan=plan,
        records={name: record for name, record in records.items() if record is not None},
        failures={name: row for name, row in store.failures().items() if name in plan},
        probes={name: record for name, record in found.items() if record is not None},
        timings=_timings(store.root, notices),
    )


def _timings(root: Path, notices: list[str]) -> dict[tuple[Any, ...], ThroughputRow]:
    path = root / THROUGHPUT
    if not path.is_file():
        return {}
    try:
        rows = read_rows(root, THROUGHPUT)
    except ResultsError as error:
        notices.append(f"{path}: not used: {str(error).removeprefix(f'{path}: ')}")
        return {}
    return {tuple(getattr(row, name) for name in THROUGHPUT_KEY): row for row in rows}


def _require_one_ladder(plans: Mapping[Path, Sequence[AccuracyRow]]) -> None:
    """Refuse to put two trainings of one length into one curve.

    Raises:
        ResultsError: If two folders have a length of a model at the end of other paths of lengths.
    """
    present: list[AccuracyRow] = []
    for folder, rows in plans.items():
        row = trained_otherwise(present, rows)
        if row is not None:
            other = next(name for name in plans if trained_otherwise(plans[name], [row]))
            raise ResultsError(
                f"{folder}: has length {row.train_length} of {row.task}, {row.model} after other "
                f"lengths than {other}; they do not belong into one folder"
            )
        present += rows


def _merge(
    store: Store, sources: Mapping[Path, Contents], *, probe_version: int, notices: list[str]
) -> Merged:
    out = store.root
    probes = ProbeStore(out, version=probe_version)
    # A damaged throughput.csv is set aside, and named, where new rows are written.
    present = _contents(store, probes, notices=[])
    # It comes first, so that what it has already is recognised, and not written again.
    parts = {out: present, **sources}
    merged = joined(parts.values())
    disputed = {folder: disputes(part, merged.records) for folder, part in parts.items()}
    if any(disputed.values()):
        merged = joined(_without_probes(parts[folder], disputed[folder]) for folder in parts)
    checkpoints = merge_checkpoints(out, parts, disputed=disputed, notices=notices)
    for name in disputed[out]:
        set_aside_unkept(out / RECORDS / (name + SUFFIX), notices)
    for name in present.probes.keys() & disputed[out].keys():
        set_aside_unkept(out / PROBES / (name + SUFFIX), notices)
    _write_results(store, present, merged)
    _write_probes(probes, present, merged)
    notices += (*store.take_notices(), *probes.notices)
    conflicts = tuple(_conflicts(parts, disputed))
    return Merged(merged, checkpoints, conflicts, notices=tuple(notices))


def _without_probes(part: Contents, record_ids: Collection[str]) -> Contents:
    """Leave out what was found in trainings whose record is not kept."""
    probes = {name: found for name, found in part.probes.items() if name not in record_ids}
    return replace(part, probes=probes)


def _write_results(store: Store, present: Contents, merged: Contents) -> None:
    for name, record in merged.records.items():
        if record is not present.records.get(name):
            store.replace_record(record)
    for name, row in merged.failures.items():
        if row is not present.failures.get(name):
            store.write_failure(row)
    store.revise_plan(lambda rows: tuple(joined_plan(rows, merged.plan.values())))
    if merged.timings:
        store.write_throughput(merged.timings.values())
    store.compile()


def _write_probes(probes: ProbeStore, present: Contents, merged: Contents) -> None:
    for name, found in merged.probes.items():
        if found is not present.probes.get(name):
            probes.write(found)
    if merged.probes or present.probes:
        rows = sorted((record.row for record in merged.records.values()), key=csv_order)
        probes.compile(row.record_id for row in rows)


def _conflicts(
    parts: Mapping[Path, Contents], disputed: Mapping[Path, Mapping[str, Dispute]]
) -> Iterable[str]:
    """Yield one line per record that is disputed, those of one record together."""
    found = [(folder, dispute) for folder, some in disputed.items() for dispute in some.values()]
    for folder, dispute in sorted(found, key=lambda item: csv_order(item[1].kept.row)):
        yield dispute.describe(kept_in=_keeper(parts, dispute), other_in=str(folder))


def _keeper(parts: Mapping[Path, Contents], dispute: Dispute) -> str:
    """Return the folder that has the record kept, the merged one last."""
    name, wanted = dispute.kept.row.record_id, record_order(dispute.kept)
    first, *others = parts
    for folder in (*others, first):
        record = parts[folder].records.get(name)
        if record is not None and record_order(record) == wanted:
            break
    return str(folder)
