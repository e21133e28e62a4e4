"""The probes of one model run: from the checkpoints of its stages to rows of the finer tables.

As a child process (`bench.execution.worker_main`) it reads which records to probe from standard
input, and writes one event for each. The walk: `main`, `probe`, then a function per table.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn

from bench.plan.recipe import PROBE_VERSION
from bench.probes.attention import (
    alignment_row,
    entropy_bits,
    intervention_accuracies,
    occlusion_agreement,
    weight_rows,
)
from bench.probes.errors import corruption_rows, error_row, position_rows
from bench.probes.influence import (
    context_norms,
    margin_gradients,
    occlusion_effects,
    spread_positions,
)
from bench.probes.state import Unfit, state_rows
from bench.training.checkpoints import Checkpoints
from bench.training.evaluate import answer_test_sequences, chunk_sequences
from bench.training.seeding import THREADS, build_model, stream
from models import find_model
from models.config import ModelConfig
from models.interface import attention_weights
from results.schema import probe_rows
from results.schema.columns import from_json
from results.schema.probe_rows import INITIAL, TRAINED, InfluenceRow, MapRow, ProbeRow
from results.schema.rows import AccuracyRow
from results.store.csv_files import (
    ALIGNMENT,
    CORRUPTION,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    STATE,
    WEIGHTS,
)
from results.store.probes import ProbeRecord, ProbeStore
from results.store.records import stage_columns
from tasks import Task, find_task
from tasks.sampling import Batch, sample_batch

# The more a measure costs, the fewer sequences it gets. Occlusion takes a pass for each source
# position, a gradient one for each output, and the context one for each of its numbers.
ALIGNMENT_SEQUENCES = 128
INFLUENCE_SEQUENCES = 32
CONTEXT_SEQUENCES = 8
MOST_POSITIONS = 20

Tables = dict[str, Sequence[ProbeRow]]


@dataclass(frozen=True)
class Subject:
    """One stage at one length, ready to be probed.

    Attributes:
        row: Its row of accuracy.csv.
        trained: The model as its checkpoint has it.
        initial: The same model before its first update.
    """

    row: AccuracyRow
    task: Task
    trained: nn.Module
    initial: nn.Module

    @cached_property
    def batch(self) -> Batch:
        """The first of the test sequences that were scored."""
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
        # What the initial model shows already is due to the architecture, not to training.
        yield INITIAL, self.initial
        yield TRAINED, self.trained


@dataclass(frozen=True)
class ItemMap:
    """One value for each output item and source item of a batch.

    Attributes:
        measure: What the values are, as in influence.csv and maps.csv.
        values: Batch x outputs x sources.
        outputs: Positions of the outputs.
        sources: Positions of the sources.
    """

    parameters: str
    measure: str
    values: Tensor
    outputs: Tensor
    sources: Tensor


def completed(
    subject: Subject,
    found: Mapping[str, Sequence[ProbeRow]],
    *,
    measures_influence: bool,
    keeps_maps: bool,
    keeps_weights: bool,
    asks_state: bool,
) -> tuple[Tables, str | None]:
    """Add what is missing to the tables of one record.

    Returns:
        All its tables, and why its state cannot be asked, if it cannot: its rows are none then.
    """
    tables, unfit = dict(found), None
    if not tables or (measures_influence and INFLUENCE not in tables):
        tables |= probe(subject, measures_influence=measures_influence, keeps_maps=keeps_maps)
    if keeps_weights and WEIGHTS not in tables:
        subject.trained.eval()
        weights, batch = _attention_weights(subject), subject.batch
        tables[WEIGHTS] = () if weights is None else weight_rows(subject.row, weights, batch)
    if asks_state and STATE not in tables:
        try:
            tables[STATE] = state_rows(subject.row, subject.task, subject.trained.eval())
        except Unfit as error:
            tables[STATE], unfit = (), str(error)
    return tables, unfit


def probe(subject: Subject, *, measures_influence: bool, keeps_maps: bool) -> Tables:
    """Make the finer tables of one record, but for what is read from its state.

    Args:
        measures_influence: Whether influence is measured too, which takes longest.
        keeps_maps: Whether the maps are kept that come with influence.
    """
    row = subject.row
    answers = answer_test_sequences(
        subject.trained,
        subject.task,
        length=row.length,
        symbols=row.symbols,
        seed=row.seed,
        chunk_size=chunk_sequences(row.length, hidden=row.hidden),
    )
    # Only now: answering the test sequences leaves a model in training mode.
    for _, model in subject.models():
        model.eval()
    truth = subject.task.align(subject.batch.source)
    weights = _attention_weights(subject)
    entropies = None if weights is None else entropy_bits(weights)
    tables: Tables = {
        ERRORS: [error_row(row, answers)],
        POSITIONS: position_rows(row, answers, entropy_bits=entropies),
    }
    if find_model(row.model).is_autoregressive:
        draw = stream(row.seed, "corruption", row.length)
        tables[CORRUPTION] = [*corruption_rows(row, subject.trained, subject.batch, generator=draw)]
    agreement = None
    if measures_influence:
        maps = list(_effect_maps(subject))
        tables[INFLUENCE] = [
            *(row for each in maps for row in _effect_rows(subject, each, truth)),
            *_context_rows(subject),
        ]
        shown = [each for each in maps if each.parameters == TRAINED]
        if weights is not None:
            agreement = _agreement(weights, shown)
            shown.append(_whole_map(probe_rows.ATTENTION, weights))
        if keeps_maps:
            tables[MAPS] = _map_rows(row, [*shown, _whole_map(probe_rows.TRUTH, truth)])
    if weights is not None:
        draw = stream(row.seed, "masked positions", row.length)
        accuracies = intervention_accuracies(subject.trained, subject.batch, truth, generator=draw)
        tables[ALIGNMENT] = [
            alignment_row(row, weights, truth, agreement=agreement, accuracies=accuracies)
        ]
    return tables


@torch.no_grad()
def _attention_weights(subject: Subject) -> Tensor | None:
    return attention_weights(subject.trained, subject.batch.source, subject.batch.target_in)


def _effect_maps(subject: Subject) -> Iterator[ItemMap]:
    """Measure the effects of spread source positions, by occlusion and by gradient."""
    batch = _first(subject.batch, INFLUENCE_SEQUENCES)
    every_output = torch.arange(batch.target.shape[1])
    sources = spread_positions(batch.source.shape[1], most=MOST_POSITIONS)
    outputs = spread_positions(len(every_output), most=MOST_POSITIONS)
    for parameters, model in subject.models():
        # The stream starts again for each model, so both are shown the same replacements.
        draw = stream(subject.row.seed, "occlusion", subject.row.length)
        losses = occlusion_effects(model, batch, sources, generator=draw)
        yield ItemMap(parameters, probe_rows.OCCLUSION, losses, every_output, sources)
        slopes = margin_gradients(model, batch, outputs)
        if slopes is not None:
            yield ItemMap(parameters, probe_rows.GRADIENT, slopes[..., sources], outputs, sources)


def _effect_rows(subject: Subject, effects: ItemMap, truth: Tensor) -> Iterator[InfluenceRow]:
    values = effects.values.double()
    truth = truth[: len(values), effects.outputs][..., effects.sources].double()
    for column, source in enumerate(effects.sources.tolist()):
        effect, share = values[..., column], truth[..., column]
        # A causal model cannot show any effect on an output before this position.
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
        for source in spread_positions(len(means), most=MOST_POSITIONS).tolist():
            yield InfluenceRow(
                **stage_columns(subject.row),
                parameters=parameters,
                measure=probe_rows.CONTEXT,
                source_item=source + 1,
                effect=means[source].item(),
                test_sequences=len(norms),
            )


def _agreement(weights: Tensor, maps: Sequence[ItemMap]) -> float | None:
    (occlusion,) = (each for each in maps if each.measure == probe_rows.OCCLUSION)
    # Occlusion was measured on the first sequences of the batch.
    looked = weights[: len(occlusion.values)]
    return occlusion_agreement(looked, occlusion.values, occluded=occlusion.sources)


def _whole_map(measure: str, values: Tensor) -> ItemMap:
    return ItemMap(TRAINED, measure, values, *map(torch.arange, values.shape[1:]))


def _map_rows(row: AccuracyRow, maps: Sequence[ItemMap]) -> list[MapRow]:
    """Average maps over sequences, at spread positions of both sides; the last map is whole."""
    outputs, sources = (
        spread_positions(size, most=MOST_POSITIONS).tolist() for size in maps[-1].values.shape[1:]
    )
    rows = []
    for each in maps:
        mean = each.values.double().mean(dim=0)
        rows += [
            MapRow(
                **stage_columns(row),
                measure=each.measure,
                output_item=output + 1,
                source_item=source + 1,
                value=float(f"{mean[i, j].item():.4g}"),  # More digits would be bytes, not facts.
            )
            for i, output in enumerate(each.outputs.tolist())
            for j, source in enumerate(each.sources.tolist())
            if output in outputs and source in sources
        ]
    return rows


def _first(batch: Batch, sequences: int) -> Batch:
    return replace(
        batch,
        source=batch.source[:sequences],
        target=batch.target[:sequences],
        target_in=batch.target_in[:sequences],
    )


def build(row: AccuracyRow) -> nn.Module:
    """Build the model of a row as it is before its first update."""
    entry = find_model(row.model)
    config = ModelConfig(**{item.name: getattr(row, item.name) for item in fields(ModelConfig)})
    return build_model(entry.builder, config, seed=row.seed, device="cpu")


def main(events: TextIO) -> int:
    """Probe the records on standard input."""
    torch.set_num_threads(THREADS)
    order = json.loads(sys.stdin.readline())
    root = Path(order["out"])
    checkpoints, store = Checkpoints(root), ProbeStore(root, version=PROBE_VERSION)
    for wanted in order["records"]:
        row = from_json(AccuracyRow, wanted.pop("row"))
        trained = build(row)
        # A checkpoint may have gone since the command looked for it.
        has_checkpoint = checkpoints.load_weights(row.stage_id, trained) is not None
        event: dict[str, Any] = {"record": row.record_id, "has_checkpoint": has_checkpoint}
        if has_checkpoint:
            subject = Subject(row, find_task(row.task), trained, initial=build(row))
            found = store.read(row.record_id)
            tables, unfit = completed(subject, {} if found is None else found.tables, **wanted)
            store.write(ProbeRecord(row.record_id, PROBE_VERSION, tables))
            event["unfit"] = unfit
        print(json.dumps(event), file=events, flush=True)
    return 0
