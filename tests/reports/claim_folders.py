"""Results folders as the runs and the probes of a synthetic world leave them."""

from collections.abc import Sequence
from pathlib import Path

from results.schema.probe_rows import ProbeRow
from results.schema.rows import OK, AccuracyRow, planned
from results.store.csv_files import PROBE_TABLES
from results.store.folder import open_store
from results.store.probes import ProbeRecord, ProbeStore
from tests.results.claims.claim_rows import World, probes_of


def written(folder: Path, rows: Sequence[AccuracyRow], *, world: World | None = None) -> Path:
    """Write a results folder as the runs and the probes do.

    Args:
        folder: Where; made if absent.
        rows: The rows of accuracy.csv.
        world: What the probes find; None where they have not run.
    """
    store = open_store(folder, create=True)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        if row.status == OK:
            store.write_record(row)
        else:
            store.write_failure(row)
    store.compile()
    if world is not None:
        probes = ProbeStore(folder, version=1)
        for row in rows:
            tables = by_table(probes_of(world, row))
            if tables:
                probes.write(ProbeRecord(row.record_id, 1, tables))
        probes.compile(row.record_id for row in rows)
    return folder


def by_table(rows: Sequence[ProbeRow]) -> dict[str, list[ProbeRow]]:
    tables = {
        name: [row for row in rows if isinstance(row, row_type)]
        for name, row_type in PROBE_TABLES.items()
    }
    return {name: of_table for name, of_table in tables.items() if of_table}
