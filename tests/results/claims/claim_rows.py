"""Rows for which every claim holds, or fails, by construction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.claims.effects import Evidence
from results.schema.columns import columns_of
from results.schema.probe_rows import (
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    TRAINED,
    AlignmentRow,
    InfluenceRow,
    ProbeRow,
)
from results.schema.rows import AccuracyRow, planned
from results.store.probes import stage_columns
from tests.results.stats.compared_rows import frame_of
from tests.rows import accuracy_row, failed

LENGTHS = (10, 20, 40, 80, 160)
SEEDS = (0, 1, 2)
FLOOR = 0.2
CEILING = 0.58
TEST_SEQUENCES = 24
FORCED_SCORE = "normalised_forced_accuracy"


@dataclass(frozen=True)
class World:
    """What is true of the models.

    Attributes:
        curves: Share of the room above the constant answer, by model and length.
        early: Largest effect on an earlier output of rnn-aligned.
        slope: By how much one position later moves an output more, in nats.
        context: Norm of d context / d x_j on the last quarter; on the first it is one.
        looks_right: Share of the largest weights that are where they should be.
    """

    curves: Mapping[str, tuple[float, ...]]
    early: float
    slope: float
    context: float
    looks_right: float


# Half lengths: 20 without attention, with it in the last gap; 92 and 113 where claims fail.
HOLDS = World(
    curves={
        "rnn-aligned": (0.5, 0.1, 0.05, 0.02, 0.0),
        "seq2seq": (1.0, 0.5, 0.4, 0.3, 0.2),
        "seq2seq+uniform": (1.0, 0.5, 0.4, 0.3, 0.2),
        "seq2seq+dot": (1.0, 1.0, 1.0, 0.9, 0.45),
        "seq2seq+additive": (1.0, 1.0, 1.0, 0.9, 0.45),
    },
    early=0.0,
    slope=0.5,
    context=4.0,
    looks_right=0.95,
)
FAILS = World(
    curves={
        "rnn-aligned": (1.0, 1.0, 1.0, 0.6, 0.1),
        "seq2seq": (1.0, 1.0, 1.0, 0.6, 0.1),
        "seq2seq+uniform": (1.0, 1.0, 1.0, 0.7, 0.3),
        "seq2seq+dot": (1.0, 1.0, 1.0, 0.7, 0.3),
        "seq2seq+additive": (1.0, 1.0, 1.0, 0.7, 0.3),
    },
    early=0.3,
    slope=0.0,
    context=1.0,
    looks_right=0.5,
)


def scored_row(model: str, length: int, share: float, **changes: Any) -> AccuracyRow:
    """Return a row whose three scores are all this share."""
    values = {"task": "copy", "seed": 0, "encoder": "bi", "hidden": 64} | changes
    config_id = values.setdefault("config_id", f"{values['encoder']}{values['hidden']}")
    path = f"{config_id}-{values['task']}-{model}-{values['seed']}"
    accuracy = FLOOR + (1 - FLOOR) * share
    return accuracy_row(
        **{
            "model": model,
            "length": length,
            "train_length": length,
            "constant_accuracy": FLOOR,
            "token_accuracy": accuracy,
            "teacher_forced_token_accuracy": accuracy,
            "normalised_accuracy": share,
            "target_bits": 4.0 * length,
            "carried_bits": 4.0 * length * share,
            "run_id": path,
            "stage_id": f"{path}-{length}",
            "record_id": f"{path}-{length}",
        }
        | values
    )


def curve(model: str, shares: Sequence[float | None], **changes: Any) -> list[AccuracyRow]:
    """Return a row per length; one that failed where there is no share."""
    return [
        failed(scored_row(model, length, 0.0, **changes))
        if share is None
        else scored_row(model, length, share, **changes)
        for length, share in zip(LENGTHS, shares, strict=True)
    ]


def stopped(rows: Sequence[AccuracyRow]) -> list[AccuracyRow]:
    """Return a model run that diverged at its first length, as a folder shows it."""
    first, *others = rows
    return [failed(planned(first)), *(planned(row) for row in others)]


def occlusion_rows(
    row: AccuracyRow,
    effect: Callable[[int, int], float],
    *,
    positions: Iterable[int] | None = None,
    early: float = 0.0,
    **changes: Any,
) -> list[InfluenceRow]:
    """Return the influence of source positions.

    Args:
        row: The stage, of copy or reverse.
        effect: From output position and source position to the effect where that is copied.
        positions: Positions of the source; all of them unless given.
        early: Largest effect on an output before the position.
    """
    values = {"parameters": TRAINED, "measure": OCCLUSION, "test_sequences": 32} | changes
    rows = []
    for source in positions or range(1, row.length + 1):
        output = source if row.task == "copy" else row.length + 1 - source
        rows.append(
            InfluenceRow(
                **stage_columns(row),
                **values,
                source_item=source,
                effect=effect(output, source) / row.length,
                aligned_effect=effect(output, source),
                largest_early_effect=None if source == 1 else early,
            )
        )
    return rows


def context_rows(
    row: AccuracyRow,
    effect: Callable[[int], float],
    *,
    positions: Iterable[int] | None = None,
    parameters: str = TRAINED,
) -> list[InfluenceRow]:
    return [
        InfluenceRow(
            **stage_columns(row),
            parameters=parameters,
            measure=CONTEXT,
            source_item=source,
            effect=effect(source),
            test_sequences=8,
        )
        for source in positions or range(1, row.length + 1)
    ]


def alignment_row(row: AccuracyRow, share: float, **changes: Any) -> AlignmentRow:
    values = {
        "aligned_fraction": share,
        "near_fraction": share,
        "best_offset_items": 0.0,
        "best_offset_fraction": share,
        "aligned_mass": share,
        "near_mass": share,
        "weight_entropy_bits": 1.0,
        "occlusion_agreement_fraction": share,
        "test_sequences": 128,
    }
    return AlignmentRow(**stage_columns(row), **values | changes)


def rows_in(
    world: World, *, seeds: Sequence[int] = SEEDS, tasks: Sequence[str] = ("copy", "reverse")
) -> list[AccuracyRow]:
    """Return what the claims preset leaves in accuracy.csv."""
    runs = [(model, "bi") for model in world.curves] + [("seq2seq", "uni")]
    ceiling = {"rnn-aligned": {"causal_ceiling_accuracy": CEILING}}
    return [
        row
        for task in tasks
        for model, encoder in runs
        for seed in seeds
        for row in curve(
            model,
            world.curves[model],
            task=task,
            seed=seed,
            encoder=encoder,
            test_sequences=TEST_SEQUENCES,
            **ceiling.get(model, {}),
        )
    ]


def probes_of(world: World, row: AccuracyRow) -> list[ProbeRow]:
    """Return what the probes find of one record, at the shortest and longest length alone."""
    if row.length not in (min(LENGTHS), max(LENGTHS)):
        return []
    found: list[ProbeRow] = []
    positions = (1, 2, row.length - 1, row.length)
    if row.model == "rnn-aligned":
        found += [
            each
            for measure in (GRADIENT, OCCLUSION)
            for parameters in (INITIAL, TRAINED)
            for each in occlusion_rows(
                row,
                lambda output, source: 1.0,
                positions=positions,
                early=world.early,
                measure=measure,
                parameters=parameters,
            )
        ]
    if row.model == "seq2seq":
        late = 0.75 * row.length
        found += occlusion_rows(
            row, lambda output, source: 2.0 + world.slope * source, positions=positions
        )
        found += context_rows(
            row, lambda source: world.context if source > late else 1.0, positions=positions
        )
    if row.model in ("seq2seq+dot", "seq2seq+additive"):
        found.append(alignment_row(row, world.looks_right))
    return found


def evidence_of(rows: Sequence[AccuracyRow], probes: Sequence[ProbeRow] = ()) -> Evidence:
    """Return tables as `reports.claims` reads them from a folder."""
    encoders = {row.config_id: row.encoder for row in rows}

    def table(row_type: type[Any]) -> pd.DataFrame:
        chosen = [each for each in probes if isinstance(each, row_type)]
        if not chosen:
            return pd.DataFrame(columns=[item.name for item in columns_of(row_type)])
        frame = frame_of(chosen)  # type: ignore[arg-type]
        return frame.assign(encoder=frame["config_id"].map(encoders))

    accuracy = frame_of(rows) if rows else frame_of([scored_row("rnn", 10, 0.0)])[:0]
    return Evidence(accuracy=accuracy, influence=table(InfluenceRow), alignment=table(AlignmentRow))
