"""Made-up findings of probes, for rows of accuracy.csv; every number can be told apart."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from results.schema.columns import columns_of
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    TRAINED,
    TRUTH,
    AlignmentRow,
    ErrorRow,
    InfluenceRow,
    MapRow,
    PositionRow,
    ProbeRow,
)
from results.schema.rows import AccuracyRow, SampleRow
from results.store.csv_files import ALIGNMENT, ERRORS, INFLUENCE, MAPS, POSITIONS, PROBE_TABLES
from results.store.probes import ProbeRecord, ProbeStore, stage_columns
from tests.reports.synthetic import MODELS, accuracy_rows, frame_of, write_folder

Tables = dict[str, list[ProbeRow]]
VERSION = 1
LENGTHS = (4, 6, 8)


def rows_to_probe(
    *,
    tasks: Sequence[str] = ("copy", "reverse"),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    lengths: Sequence[int] = LENGTHS,
    **changes: object,
) -> list[AccuracyRow]:
    return accuracy_rows(tasks=tasks, models=models, seeds=seeds, lengths=lengths, **changes)


def number(row: AccuracyRow, *parts: int) -> float:
    """Return a number between 0.01 and 0.91 that depends on the row and on these parts."""
    mixed = sum(map(ord, row.task + row.model)) + 37 * row.seed + 11 * row.length
    for place, part in enumerate(parts):
        mixed += part * (53 + 40 * place)
    return 0.01 + (mixed * 7919 % 9001) / 10001


def errors_of(row: AccuracyRow) -> list[ErrorRow]:
    wrong = row.length * number(row)
    return [
        ErrorRow(
            **stage_columns(row),
            wrong_items=wrong,
            edit_distance_items=wrong * number(row, 1),
            correct_prefix_items=1.0,
            teacher_forcing_gap=number(row, 2) - 0.2,
            test_sequences=64,
        )
    ]


def positions_of(row: AccuracyRow) -> list[PositionRow]:
    return [
        PositionRow(
            **stage_columns(row),
            output_item=item,
            token_accuracy=number(row, item),
            teacher_forced_token_accuracy=1.0,
            first_error_fraction=0.0,
        )
        for item in range(1, row.length + 1)
    ]


def alignment_of(row: AccuracyRow) -> list[AlignmentRow]:
    if "+" not in row.model:
        return []
    return [
        AlignmentRow(
            **stage_columns(row),
            aligned_fraction=number(row, 1),
            near_fraction=number(row, 2),
            best_offset_items=0.0,
            best_offset_fraction=number(row, 3),
            aligned_mass=0.5,
            near_mass=0.5,
            weight_entropy_bits=5 * number(row, 4),
            test_sequences=64,
        )
    ]


def influence_of(row: AccuracyRow) -> list[InfluenceRow]:
    kinds = [(OCCLUSION, TRAINED), (GRADIENT, TRAINED), (CONTEXT, TRAINED), (CONTEXT, INITIAL)]
    return [
        InfluenceRow(
            **stage_columns(row),
            parameters=parameters,
            measure=measure,
            source_item=item,
            effect=number(row, item, kind),
            aligned_effect=None if measure == CONTEXT else number(row, item, kind, 1),
            test_sequences=16,
        )
        for kind, (measure, parameters) in enumerate(kinds)
        for item in range(1, row.length + 1)
    ]


def true_source(row: AccuracyRow, output: int) -> int:
    return output if row.task == "copy" else row.length + 1 - output


def maps_of(row: AccuracyRow) -> list[MapRow]:
    """Return the maps of seed 0; every second output item alone, as for a long answer."""
    if row.seed:
        return []
    measures = [OCCLUSION, GRADIENT, TRUTH, *([ATTENTION] if "+" in row.model else [])]
    return [
        MapRow(
            **stage_columns(row),
            measure=measure,
            output_item=output,
            source_item=source,
            value=float(source == true_source(row, output))
            if measure == TRUTH
            else number(row, output, source, len(measure)),
        )
        for measure in measures
        for output in range(1, row.length + 1, 2)
        for source in range(1, row.length + 1)
    ]


def probes_of(rows: Iterable[AccuracyRow]) -> Tables:
    found: Tables = {name: [] for name in PROBE_TABLES}
    for row in rows:
        for name, each in tables_of(row).items():
            found[name] += each
    return found


def tables_of(row: AccuracyRow) -> dict[str, Sequence[ProbeRow]]:
    return {
        ERRORS: errors_of(row),
        POSITIONS: positions_of(row),
        ALIGNMENT: alignment_of(row),
        INFLUENCE: influence_of(row),
        MAPS: maps_of(row),
    }


def table_of(name: str, rows: Sequence[Any]) -> pd.DataFrame:
    """Return a table as `results.tables` reads it, without a folder."""
    if rows:
        return frame_of(rows)
    return pd.DataFrame(columns=[item.name for item in columns_of(PROBE_TABLES[name])])


def write_probed_folder(
    folder: Path, rows: Sequence[AccuracyRow], *, samples: Iterable[SampleRow] = ()
) -> Path:
    """Write a results folder whose finished rows have been probed."""
    write_folder(folder, rows, samples=samples)
    store = ProbeStore(folder, version=VERSION)
    finished = [row for row in rows if row.status == "ok" and row.length == row.train_length]
    for row in finished:
        store.write(ProbeRecord(str(row.record_id), VERSION, tables_of(row)))
    store.compile([str(row.record_id) for row in finished])
    return folder
