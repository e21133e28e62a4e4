"""From a trained model to the rows of the finer tables: errors, alignment, influence, maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from bench.probes.attention import alignment_columns, occlusion_agreement
from bench.probes.errors import error_columns, position_columns
from bench.probes.influence import (
    context_norms,
    margin_gradients,
    occlusion_effects,
    spread_positions,
)
from bench.training.evaluate import answer_test_sequences, chunk_sequences
from bench.training.seeding import stream
from models.interface import attention_weights
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
from results.schema.rows import AccuracyRow
from results.store.csv_files import ALIGNMENT, ERRORS, INFLUENCE, MAPS, POSITIONS
from results.store.records import stage_columns
from tasks import Task
from tasks.sampling import Batch, sample_batch

ALIGNMENT_SEQUENCES = 128
INFLUENCE_SEQUENCES = 32
CONTEXT_SEQUENCES = 8
MOST_POSITIONS = 20

Tables = dict[str, Sequence[ProbeRow]]


@dataclass(frozen=True)
class Subject:
    """One stage at one length, ready to be looked into.

    Attributes:
        row: Its row of accuracy.csv.
        task: The task that it was trained on.
        trained: The model as its checkpoint has it.
        initial: The same before its first update.
    """

    row: AccuracyRow
    task: Task
    trained: nn.Module
    initial: nn.Module

    @cached_property
    def batch(self) -> Batch:
        """The test sequences that are looked into, the first of those that are scored."""
        return sample_batch(
            self.task,
            stream(self.row.seed, "test", self.row.length),
            batch_size=ALIGNMENT_SEQUENCES,
            length=self.row.length,
            symbols=self.row.symbols,
            split="test",
        )

    def models(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the model before and after its training."""
        yield INITIAL, self.initial
        yield TRAINED, self.trained


@dataclass(frozen=True)
class Effects:
    """How source items move output items, where it was measured.

    Attributes:
        parameters: `initial` or `trained`.
        measure: `gradient` or `occlusion`.
        values: Batch x outputs x sources.
        outputs: Positions of the outputs.
        sources: Positions of the sources.
    """

    parameters: str
    measure: str
    values: Tensor
    outputs: Tensor
    sources: Tensor


def findings(subject: Subject, *, measures_influence: bool, keeps_maps: bool) -> Tables:
    """Return the finer tables of one record.

    Args:
        measures_influence: Whether to measure influence too, which takes longest.
        keeps_maps: Whether to keep the maps from output to source, which come with influence.
    """
    tables = error_tables(subject)
    # Only now: whoever answers the test sequences leaves the model in training mode.
    for _, model in subject.models():
        model.eval()
    weights = _weights(subject)
    agreement = None
    if measures_influence:
        effects = list(measured_effects(subject))
        tables[INFLUENCE] = influence_rows(subject, effects)
        if weights is not None:
            agreement = _agreement(weights, effects)
        if keeps_maps:
            tables[MAPS] = map_rows(subject, effects, weights)
    if weights is not None:
        alignment = AlignmentRow(
            **stage_columns(subject.row),
            **alignment_columns(weights, subject.task.align(subject.batch.source)),  # type: ignore[arg-type]
            occlusion_agreement_fraction=agreement,
        )
        tables[ALIGNMENT] = [alignment]
    return tables


def error_tables(subject: Subject) -> Tables:
    """Return how the answers to all test sequences are wrong."""
    row, stage = subject.row, stage_columns(subject.row)
    answers = answer_test_sequences(
        subject.trained,
        subject.task,
        length=row.length,
        symbols=row.symbols,
        seed=row.seed,
        chunk_size=chunk_sequences(row.length, hidden=row.hidden),
    )
    columns = position_columns(answers)
    positions = [
        PositionRow(
            **stage,
            output_item=index + 1,
            **{name: columns[name][index] for name in columns},  # type: ignore[arg-type]
        )
        for index in range(answers.target.shape[1])
    ]
    errors = ErrorRow(**stage, **error_columns(answers))  # type: ignore[arg-type]
    return {ERRORS: [errors], POSITIONS: positions}


def measured_effects(subject: Subject) -> Iterator[Effects]:
    """Yield the effects of spread source positions, by occlusion and by gradient."""
    batch = _first(subject.batch, INFLUENCE_SEQUENCES)
    items = batch.target.shape[1]
    sources = spread_positions(batch.source.shape[1], most=MOST_POSITIONS)
    outputs = spread_positions(items, most=MOST_POSITIONS)
    for parameters, model in subject.models():
        draw = stream(subject.row.seed, "occlusion", subject.row.length)
        losses = occlusion_effects(model, batch, sources, generator=draw)
        yield Effects(parameters, OCCLUSION, losses, torch.arange(items), sources)
        slopes = margin_gradients(model, batch, outputs)
        if slopes is not None:
            yield Effects(parameters, GRADIENT, slopes[..., sources], outputs, sources)


def influence_rows(subject: Subject, effects: Sequence[Effects]) -> list[InfluenceRow]:
    """Return the influence of each source position, on the outputs and on the context."""
    return [
        *(row for each in effects for row in _effect_rows(subject, each)),
        *_context_rows(subject),
    ]


def _effect_rows(subject: Subject, effects: Effects) -> Iterator[InfluenceRow]:
    values = effects.values.double()
    truth = subject.task.align(_first(subject.batch, len(values)).source)
    truth = truth[:, effects.outputs][..., effects.sources].double()
    for column, source in enumerate(effects.sources.tolist()):
        effect, share = values[..., column], truth[..., column]
        early = effect[:, effects.outputs < source]
        yield InfluenceRow(
            **stage_columns(subject.row),
            parameters=effects.parameters,
            measure=effects.measure,
            source_item=source + 1,
            effect=effect.mean().item(),
            aligned_effect=((share * effect).sum() / share.sum()).item() if share.any() else None,
            largest_early_effect=early.abs().max().item() if early.numel() else None,
            test_sequences=len(values),
        )


def _context_rows(subject: Subject) -> Iterator[InfluenceRow]:
    batch = _first(subject.batch, CONTEXT_SEQUENCES)
    for parameters, model in subject.models():
        norms = context_norms(model, batch)
        if norms is None:
            continue
        means = norms.double().mean(dim=0)
        for position in spread_positions(len(means), most=MOST_POSITIONS).tolist():
            yield InfluenceRow(
                **stage_columns(subject.row),
                parameters=parameters,
                measure=CONTEXT,
                source_item=position + 1,
                effect=means[position].item(),
                test_sequences=len(norms),
            )


def map_rows(subject: Subject, effects: Sequence[Effects], weights: Tensor | None) -> list[MapRow]:
    """Return mean maps of the trained model, at spread positions of both sides."""
    maps = [each for each in effects if each.parameters == TRAINED]
    if weights is not None:
        maps.append(Effects(TRAINED, ATTENTION, weights, *map(torch.arange, weights.shape[1:])))
    truth = subject.task.align(subject.batch.source)
    maps.append(Effects(TRAINED, TRUTH, truth, *map(torch.arange, truth.shape[1:])))
    shown_outputs, shown_sources = (
        spread_positions(size, most=MOST_POSITIONS).tolist() for size in truth.shape[1:]
    )
    rows = []
    for each in maps:
        mean = each.values.double().mean(dim=0)
        rows += [
            MapRow(
                **stage_columns(subject.row),
                measure=each.measure,
                output_item=output + 1,
                source_item=source + 1,
                value=float(f"{mean[i, j].item():.4g}"),  # More digits would be bytes, not facts.
            )
            for i, output in enumerate(each.outputs.tolist())
            for j, source in enumerate(each.sources.tolist())
            if output in shown_outputs and source in shown_sources
        ]
    return rows


def _agreement(weights: Tensor, effects: Sequence[Effects]) -> float | None:
    for each in effects:
        if (each.parameters, each.measure) == (TRAINED, OCCLUSION):
            looked = weights[: len(each.values)]
            return occlusion_agreement(looked, each.values, occluded=each.sources)
    return None


@torch.no_grad()
def _weights(subject: Subject) -> Tensor | None:
    return attention_weights(subject.trained, subject.batch.source, subject.batch.target_in)


def _first(batch: Batch, sequences: int) -> Batch:
    return replace(
        batch,
        source=batch.source[:sequences],
        target=batch.target[:sequences],
        target_in=batch.target_in[:sequences],
    )
