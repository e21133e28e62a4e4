"""Rows to test with, and results folders that have them."""

import dataclasses
import itertools
import math
import random
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from results.claims.evidence import PUBLISHED, Evidence, select
from results.schema.columns import LARGEST_INTEGER, Column, columns_of
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    STATE_PROBES,
    TRAINED,
    TRUTH,
    AlignmentRow,
    CorruptionRow,
    ErrorRow,
    InfluenceRow,
    MapRow,
    PositionRow,
    ProbeRow,
    StateRow,
    WeightRow,
)
from results.schema.rows import (
    MEASURED_COLUMNS,
    NOT_REACHED,
    OK,
    SCORE_COLUMNS,
    VERSION_COLUMNS,
    AccuracyRow,
    SampleRow,
    ThroughputRow,
    planned,
)
from results.store.csv_files import (
    ALIGNMENT,
    CORRUPTION,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    STATE,
    WEIGHTS,
)
from results.store.folder import Store, open_store
from results.store.probes import ProbeRecord, ProbeStore
from results.store.records import stage_columns
from results.tables import DTYPES

PROBES_MADE = 1_000_003  # A version of the probes that is never that of the code.


SETTINGS = {"symbols": 16, "cell": "lstm", "hidden": 64, "embedding": 32}
SETTINGS |= {"encoder": "bi", "batch_size": 64, "device": "cpu"}


def accuracy_row(**changes: Any) -> AccuracyRow:
    values: dict[str, Any] = SETTINGS | dict.fromkeys((*VERSION_COLUMNS, "attempts"), 1)
    values |= {"task": "copy", "model": "seq2seq", "protocol": "curriculum", "seed": 0}
    values |= {"train_length": 10, "length": 10, "status": OK, "config_id": "c0"}
    values |= {"token_accuracy": 0.9123, "sequence_accuracy": 1 / 3, "carried_bits": -0.5}
    values |= {"distinct_sources": LARGEST_INTEGER, "stopped_because": "budget"}
    values |= {"train_seconds": 1.5, "learning_rate": 1e-3, "budget_updates": 1500}
    values |= {"stage_budget_updates": 400, "warmup_updates": 100, "clip_norm": 1.0}
    values |= {"solved_accuracy": 0.98, "run_id": "run0", "stage_id": "stage0"}
    values |= {"record_id": "record0"}
    if changes.get("status", OK) != OK:
        values |= dict.fromkeys(SCORE_COLUMNS)
    return AccuracyRow(**values | changes)


def run_rows(*models: str, seed: int = 0, lengths: tuple[int, ...] = (10, 20)) -> list[AccuracyRow]:
    """One model run per model: an ok row per length, each of a stage of its own."""
    return [
        accuracy_row(
            model=model,
            seed=seed,
            train_length=length,
            length=length,
            token_accuracy=1 / (length + seed),
            run_id=f"{model}-{seed}",
            stage_id=f"stage-{model}-{seed}-{length}",
            record_id=f"{model}-{seed}-{length}",
        )
        for model in models
        for length in lengths
    ]


def failed(row: AccuracyRow, status: str = "diverged") -> AccuracyRow:
    empty = dict.fromkeys(SCORE_COLUMNS)
    return AccuracyRow(**asdict(row) | empty | {"status": status, "error": "x"})


def throughput_row(**changes: Any) -> ThroughputRow:
    values: dict[str, Any] = {"model": "seq2seq", "phase": "decode", "length": 10, "status": OK}
    values |= SETTINGS | {"rounds": 5, "median_seconds": 0.25, "threads": 1}
    return ThroughputRow(**values | changes)


def sample_of(row: AccuracyRow, sample: int) -> SampleRow:
    answer = {"source": "3 1 2", "target": "3 1 2", "answer": "3 1 1"}
    return SampleRow(**stage_columns(row), sample=sample, **answer)


def error_row(row: AccuracyRow, **changes: Any) -> ErrorRow:
    """What probes found of a row; numbers that a CSV might round."""
    values: dict[str, Any] = {"wrong_items": 1 / 3, "edit_distance_items": 0.1 + 0.2}
    values |= {"correct_prefix_items": 0.0, "teacher_forcing_gap": -1e-17, "test_sequences": 8}
    return ErrorRow(**stage_columns(row), **values | changes)


def filled_store(folder: Path, rows: Sequence[AccuracyRow]) -> Store:
    """A store in which the rows are planned and have records with two samples each."""
    store = open_store(folder, create=True)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        store.write_record(row, [sample_of(row, 1), sample_of(row, 0)])
    return store


def results_folder(
    folder: Path,
    *rows: AccuracyRow,
    timings: Sequence[ThroughputRow] = (),
    probed: Sequence[AccuracyRow] = (),
) -> Path:
    """Write a folder with two samples per ok row, and the errors that probes found of some."""
    return write_folder(
        folder,
        rows,
        samples=[sample_of(row, place) for row in rows if row.status == OK for place in (1, 0)],
        throughput=timings,
        tables=lambda row: {ERRORS: [error_row(row)]} if row in probed else {},
    )


def rows_of(row_type: type[Any]) -> st.SearchStrategy[Any]:
    """A strategy for any valid row."""
    columns = {item.name: _values_of(item) for item in columns_of(row_type)}
    return st.fixed_dictionaries(columns).map(lambda values: row_type(**_consistent(values)))


def _values_of(item: Column) -> st.SearchStrategy[Any]:
    if item.name == "schema_version":
        return st.just(1)
    if item.choices:
        values: st.SearchStrategy[Any] = st.sampled_from(item.choices)
    elif item.unit == "identifier":
        values = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True)
    elif item.unit == "fraction":
        values = st.floats(0, 1)
    else:
        numbers = st.floats(allow_nan=False, allow_infinity=False)
        values = {str: _TEXT, int: st.integers(0, LARGEST_INTEGER), float: numbers}[item.kind]
    return st.none() | values if item.is_optional else values


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text.splitlines() == [text]
)


def _consistent(values: dict[str, Any]) -> dict[str, Any]:
    is_empty = values.get("status", OK) != OK
    measured = {*SCORE_COLUMNS, *MEASURED_COLUMNS} if is_empty else {}
    return {name: None if name in measured else value for name, value in values.items()}


# Tables as they are read from a folder, and rows of several seeds.


def frame_of(rows: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            item.name: pd.Series([getattr(row, item.name) for row in rows], dtype=DTYPES[item.kind])
            for item in columns_of(type(rows[0]))
        }
    )


def seed_rows(
    values: Sequence[float | None], score: str = "token_accuracy", **changes: Any
) -> list[AccuracyRow]:
    """Return one row per value, each of another seed; a row without a value has diverged."""
    rows = [accuracy_row(seed=seed, **changes | {score: it}) for seed, it in enumerate(values)]
    return [failed(row) if getattr(row, score) is None else row for row in rows]


# Rows of which the verdict on every claim is known by construction.

CLAIM_LENGTHS = (10, 20, 40, 80, 160)
CLAIM_SEEDS = (0, 1, 2)
FLOOR = 0.2


@dataclass(frozen=True)
class World:
    """What is true of the models."""

    curves: Mapping[str, tuple[float, ...]]  # Share of the room above the constant answer.
    slope: float  # By how much one position later moves an output more, in nats.
    lost: float  # Share of the accuracy that goes with the weight on the true positions.


_KINDS = ("rnn-aligned", "seq2seq", "seq2seq+uniform", "seq2seq+dot", "seq2seq+additive")
# Half lengths: 20 without attention, with it in the last gap; 20 and 30; 35 and 20.
_PLAIN, _DOT = (1.0, 0.5, 0.4, 0.3, 0.2), (1.0, 1.0, 1.0, 0.9, 0.45)
_NEAR, _HALF = (1.0, 0.75, 0.3, 0.3, 0.4), (0.95, 0.5, 0.4, 0.3, 0.3)
_BEST, _SLOW = (1.0, 1.0, 0.4, 0.3, 0.5), (0.95, 0.9, 0.4, 0.3, 0.1)
_FAST = (1.0, 0.5, 0.4, 0.3, 0.3)


def _world(*curves: tuple[float, ...], slope: float, lost: float) -> World:
    return World(dict(zip(_KINDS, curves, strict=True)), slope, lost)


HOLDING = _world((0.5, 0.1, 0.05, 0.02, 0.0), _PLAIN, _PLAIN, _DOT, _DOT, slope=0.5, lost=0.95)
BETWEEN = _world(_HALF, _PLAIN, _HALF, _NEAR, _NEAR, slope=0.0036, lost=0.5)
OPPOSITE = _world(_BEST, _SLOW, _BEST, _FAST, _FAST, slope=-0.005, lost=-0.2)


def scored_row(model: str, length: int, share: float, **changes: Any) -> AccuracyRow:
    """Return a row whose three scores are all this share."""
    values = {"task": "copy", "seed": 0, "encoder": "bi", "cell": "lstm"} | PUBLISHED | changes
    values.setdefault("symbols", 128 if values["task"] == "sort" else 16)
    settings = ("encoder", "cell", "symbols", *PUBLISHED)
    config_id = values.setdefault("config_id", "-".join(str(values[name]) for name in settings))
    path = f"{config_id}-{values['task']}-{model}-{values['seed']}"
    accuracies = ("token_accuracy", "teacher_forced_token_accuracy")
    scores = dict.fromkeys(accuracies, FLOOR + (1 - FLOOR) * share)
    scores |= {"constant_accuracy": FLOOR, "normalised_accuracy": share}
    scores |= {"target_bits": 4.0 * length, "carried_bits": 4.0 * length * share}
    ids = {"run_id": path, "stage_id": f"{path}-{length}", "record_id": f"{path}-{length}"}
    places = {"model": model, "length": length, "train_length": length}
    return accuracy_row(**places | scores | ids | values)


def curve(model: str, shares: Sequence[float | None], **changes: Any) -> list[AccuracyRow]:
    """Return a row per length; one that failed where there is no share."""
    places = [*zip(CLAIM_LENGTHS, shares, strict=False)]
    rows = [scored_row(model, length, share or 0.0, **changes) for length, share in places]
    return [failed(row) if it is None else row for row, it in zip(rows, shares, strict=False)]


def stopped(rows: Sequence[AccuracyRow]) -> list[AccuracyRow]:
    """Return a model run that diverged at its first length, as a folder shows it."""
    first, *others = rows
    return [failed(planned(first)), *(planned(row) for row in others)]


def influence_row(
    row: AccuracyRow, measure: str, source: int, effect: float, **changes: Any
) -> InfluenceRow:
    """Return the influence of a source position on the outputs of a trained model."""
    place: dict[str, Any] = {"measure": measure, "source_item": source, "effect": effect}
    values = {"parameters": TRAINED, "test_sequences": 32} | place | changes
    return InfluenceRow(**stage_columns(row), **values)


def occlusion_rows(
    row: AccuracyRow,
    effect: Callable[[int, int], float],
    *,
    positions: Iterable[int] | None = None,
    early: float = 0.0,
    measure: str = OCCLUSION,
    **changes: Any,
) -> list[InfluenceRow]:
    """Return the influence of source positions; the effect is of the output that copies each."""
    rows = []
    for source in positions or range(1, row.length + 1):
        aligned = effect(true_source(row, source), source)
        values = {"aligned_effect": aligned, "largest_early_effect": None if source == 1 else early}
        share = aligned / row.length
        rows.append(influence_row(row, measure, source, share, **values | changes))
    return rows


def context_rows(
    row: AccuracyRow,
    effect: Callable[[int], float],
    *,
    positions: Iterable[int] | None = None,
    **changes: Any,
) -> list[InfluenceRow]:
    places = positions or range(1, row.length + 1)
    return [influence_row(row, CONTEXT, place, effect(place), **changes) for place in places]


def alignment_row(row: AccuracyRow, share: float, **changes: Any) -> AlignmentRow:
    fractions = ("aligned_fraction", "near_fraction", "occlusion_agreement_fraction")
    values = dict.fromkeys((*fractions, "best_offset_fraction", "aligned_mass", "near_mass"), share)
    values |= {"best_offset_items": 0.0, "weight_entropy_bits": 1.0, "test_sequences": 128}
    return AlignmentRow(**stage_columns(row), **values | changes)


def claim_rows(world: World, *, seeds: Sequence[int] = CLAIM_SEEDS) -> list[AccuracyRow]:
    """Return what the presets leave in accuracy.csv."""
    runs = [(task, model, "bi", "lstm") for task in SYMBOLS for model in world.curves]
    for task, cell in itertools.product(("copy", "reverse"), ("lstm", "gru", "tanh")):
        runs.append((task, "seq2seq", "uni", cell))
    rows = []
    for (task, model, encoder, cell), seed in itertools.product(runs, seeds):
        settings = {"task": task, "encoder": encoder, "cell": cell, "seed": seed}
        rows += curve(model, world.curves[model], **settings)
    return rows


def probes_of(world: World, row: AccuracyRow) -> list[ProbeRow]:
    """Return what the probes find of one record, at the shortest and longest length alone."""
    if row.length not in (min(CLAIM_LENGTHS), max(CLAIM_LENGTHS)) or row.status != OK:
        return []
    at: dict[str, Any] = {"positions": (1, 2, row.length - 1, row.length)}
    if row.model == "seq2seq" and row.encoder == "uni":
        return [
            *occlusion_rows(row, lambda output, source: 2.0 + world.slope * source, **at),
            *occlusion_rows(row, lambda output, source: 1.0, parameters=INITIAL, **at),
            *context_rows(row, lambda source: 4.0 if source > 0.75 * row.length else 1.0, **at),
        ]
    if row.model not in ("seq2seq+dot", "seq2seq+additive"):
        return []
    masked = {"masked_other_accuracy": 0.7, "masked_true_accuracy": 0.7 - world.lost * 0.5}
    kept = {"top_1_accuracy": 0.6, "top_4_accuracy": 0.72, "shifted_accuracy": 0.2}
    return [
        alignment_row(row, 0.95, intact_accuracy=0.8, near_rank_mass=0.9, **masked, **kept),
    ]


def evidence_of(rows: Sequence[AccuracyRow], probes: Sequence[ProbeRow] = ()) -> Evidence:
    """Return tables as `reports.claims` picks them from a folder."""

    def table(row_type: type[Any]) -> pd.DataFrame:
        chosen = [each for each in probes if isinstance(each, row_type)]
        if not chosen:
            return pd.DataFrame(columns=[item.name for item in columns_of(row_type)])
        return frame_of(chosen)

    accuracy = frame_of(rows) if rows else frame_of([scored_row("rnn", 10, 0.0)])[:0]
    return select(accuracy, table(InfluenceRow), table(AlignmentRow))


def claims_folder(folder: Path, rows: Sequence[AccuracyRow], *, world: World | None = None) -> Path:
    """Write a results folder as runs and probes leave it; no probes have run without a world."""

    def tables(row: AccuracyRow) -> dict[str, list[Any]]:
        found = probes_of(world, row) if world else []
        return {
            name: [each for each in found if isinstance(each, row_type)]
            for name, row_type in PROBE_TABLES.items()
        }

    return write_folder(folder, rows, tables=tables)


# Rows of whole runs, for reports, with the shapes that real ones have: a bottleneck without
# attention and none with it.

SYMBOLS = {"copy": 16, "reverse": 16, "sort": 128}
MODELS = ("rnn", "seq2seq", "seq2seq+dot", "seq2seq+additive")
LENGTHS = tuple(range(10, 201, 10))
HALF_LENGTH = {"rnn": 17.0, "seq2seq": 26.0}
PHASE_FACTORS = {"train_step": 1.0, "forward": 3.2, "decode": 0.6}


def scores(task: str, model: str, seed: int, length: int) -> dict[str, float]:
    draw = random.Random(f"{task} {model} {seed} {length}")
    per_seed = random.Random(f"{task} {model} {seed}").gauss(0.0, 1.0)
    chance = 1 / SYMBOLS[task]
    floor = chance if task != "sort" else min(0.15, 0.004 * length)
    bits = length * math.log2(SYMBOLS[task]) * (0.4 if task == "sort" else 1.0)
    right, carried = 1 - 0.001 * (1 + abs(per_seed) + draw.random()), 0.99 * bits
    if model in HALF_LENGTH:
        half = HALF_LENGTH[model] * (1 + 0.12 * per_seed)
        right, most = 1 / (1 + (length / half) ** 1.7), 8 * half
        carried = most * (1 - math.exp(-bits / most))
    accuracy, forced = (floor + (1 - floor) * share for share in (right, math.sqrt(right)))
    found = {"token_accuracy": accuracy, "sequence_accuracy": accuracy**length}
    found |= {"teacher_forced_token_accuracy": forced, "carried_bits": carried}
    found |= {"target_bits": bits, "chance_accuracy": chance, "constant_accuracy": floor}
    return found | {"repeat_accuracy": min(1.0, 2 * floor)}


def operations(model: str, length: int) -> int:
    """Return the operations of one pass over a sequence: a line, with attention a square on it."""
    return 100_000 * length + (256 * length**2 if "+" in model else 0)


def updates(model: str, seed: int, length: int) -> int:
    return round(3500 * (10 / length) ** 0.75 * (0.4 + 0.05 * seed if "+" in model else 1.0))


def curve_row(task: str, model: str, seed: int, length: int, **changes: Any) -> AccuracyRow:
    """Return the row of one point of a curve, which names its place in every identifier."""
    protocol = changes.get("protocol", "curriculum")
    values = {"task": task, "model": model, "seed": seed, "train_length": length, "length": length}
    values |= {"config_id": f"{protocol[:3]}{SYMBOLS[task]:03d}", "symbols": SYMBOLS[task]}
    values |= {"test_sequences": 1024, "device_name": "some processor"}
    values |= dict.fromkeys(("stage_updates", "total_updates"), updates(model, seed, length))
    values |= {"forward_flops": operations(model, length)}
    values |= scores(task, model, seed, length) | changes
    path = f"{protocol}-{values['config_id']}-{_in_an_id(task)}-{_in_an_id(model)}-{seed}"
    stage = f"{path}-{values['train_length']}"
    ids = {"run_id": path, "stage_id": stage, "record_id": f"{stage}-{values['length']}"}
    return accuracy_row(**ids | values)


def channel_rows(*, share: float = 0.9) -> list[AccuracyRow]:
    """Build channels of 16 bits that carry a share of what they can, two seeds, 4 bits an item."""
    builds = [("seq2seq+channel", 16, 3.0), ("seq2seq+channel", 8, 15.0)]
    builds += [("seq2seq+channel", 32, 1.0), ("seq2seq+dot+channel", 16, 3.0)]
    return [
        accuracy_row(
            model=model,
            protocol="ascending",
            seed=seed,
            length=length,
            train_length=length,
            channel_numbers=numbers,
            channel_snr=snr,
            budget_updates=7000,
            target_bits=4.0 * length,
            carried_bits=4.0 * length if "dot" in model else share * min(16.0, 4.0 * length),
            config_id=f"channel{numbers}",
            run_id=_in_an_id(f"{model}{numbers}{seed}"),
            stage_id=_in_an_id(f"{model}{numbers}{seed}{length}"),
            record_id=_in_an_id(f"{model}{numbers}{seed}{length}record"),
        )
        for model, numbers, snr in (*builds, ("seq2seq+signs", 16, None))
        for seed in (1, 2)
        for length in (2, 4, 8, 16, 32)
    ]


def _in_an_id(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9.+-]", ".", name)
    return safe if safe == name else f"{safe[:24]}.{zlib.crc32(name.encode()):08x}"


def curve_rows(
    *,
    tasks: Sequence[str] = tuple(SYMBOLS),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    lengths: Sequence[int] = LENGTHS,
    **changes: Any,
) -> list[AccuracyRow]:
    rows = []
    is_ladder = changes.get("protocol", "curriculum") == "curriculum"
    for task, model, seed in itertools.product(tasks, models, seeds):
        for place, length in enumerate(lengths):
            before = lengths[:place] if is_ladder else ()
            total = sum(updates(model, seed, rung) for rung in (*before, length))
            rows.append(curve_row(task, model, seed, length, **{"total_updates": total} | changes))
    return rows


def sample_rows(rows: Iterable[AccuracyRow], *, samples: int = 3) -> list[SampleRow]:
    found = []
    for row, index in itertools.product(rows, range(samples)):
        if row.status == OK:
            draw = random.Random(f"{row.task} {row.seed} {row.length} {index}")
            source = [draw.randrange(row.symbols) for _ in range(row.length)]
            target = {"copy": source, "reverse": source[::-1], "sort": sorted(source)}[row.task]
            slips = random.Random(f"{row.model} {row.task} {row.seed} {row.length} {index}")
            share = row.token_accuracy or 0.0
            answer = [(item + (slips.random() >= share)) % row.symbols for item in target]
            ids = {"source": source, "target": target, "answer": answer}
            texts = {name: " ".join(map(str, each)) for name, each in ids.items()}
            found.append(SampleRow(**stage_columns(row), sample=index, **texts))
    return found


def cost_row(model: str, phase: str, length: int, **changes: Any) -> ThroughputRow:
    rate = PHASE_FACTORS[phase] * 7e4 / (1 + (6e-3 * length if "+" in model else 0))
    spread = 0.04 + 0.08 * random.Random(f"{model} {phase} {length}").random()
    seconds = 64 * length / rate
    memory = int(2**21 + operations(model, length) * PHASE_FACTORS[phase])
    values = {"model": model, "phase": phase, "length": length, "tokens_per_second": rate}
    values |= {"median_seconds": seconds, "iqr_seconds": spread * seconds}
    values |= {"noise": "noisy" if spread > 0.1 else "steady", "peak_memory_bytes": memory}
    return throughput_row(**{"device_name": "some processor"} | values | changes)


def cost_rows(
    *, models: Sequence[str] = MODELS, lengths: Sequence[int] = LENGTHS, **changes: Any
) -> list[ThroughputRow]:
    places = itertools.product(PHASE_FACTORS, models, lengths)
    return [cost_row(model, phase, length, **changes) for phase, model, length in places]


def cost_failed(row: ThroughputRow) -> ThroughputRow:
    return dataclasses.replace(row, status="timed_out", **dict.fromkeys(MEASURED_COLUMNS))


def number(row: AccuracyRow, *parts: int) -> float:
    """Return a number between 0.01 and 0.91 that depends on the row and on these parts."""
    mixed = sum(map(ord, row.task + row.model)) + 37 * row.seed + 11 * row.length
    for place, part in enumerate(parts):
        mixed += part * (53 + 40 * place)
    return 0.01 + (mixed * 7919 % 9001) / 10001


def probe_tables(row: AccuracyRow) -> dict[str, list[Any]]:
    """Return what a probe finds of a row, by table; maps of seed 0, of every second output."""
    stage, items = stage_columns(row), range(1, row.length + 1)
    has_attention = "+" in row.model
    wrong = row.length * number(row)
    errors = {"wrong_items": wrong, "edit_distance_items": wrong * number(row, 1)}
    shares = {"near_fraction": number(row, 2), "best_offset_fraction": number(row, 3)}
    shares |= {"weight_entropy_bits": 5 * number(row, 4)}
    shares |= {"masked_true_accuracy": number(row, 5), "masked_other_accuracy": number(row, 6)}
    forced = {"teacher_forced_token_accuracy": 1.0, "first_error_fraction": 0.0}
    kinds = [(OCCLUSION, TRAINED), (GRADIENT, TRAINED), (CONTEXT, TRAINED), (CONTEXT, INITIAL)]
    influence = []
    for (kind, (measure, parameters)), item in itertools.product(enumerate(kinds), items):
        aligned = None if measure == CONTEXT else number(row, item, kind, 1)
        values = {"parameters": parameters, "aligned_effect": aligned}
        influence.append(influence_row(row, measure, item, number(row, item, kind), **values))
    maps = []
    measures = [OCCLUSION, GRADIENT, TRUTH, *([ATTENTION] if has_attention else [])]
    for measure, output, source in itertools.product(measures, items[::2], items):
        value = number(row, output, source, len(measure))
        if measure == TRUTH:
            value = float(source == true_source(row, output))
        place = {"output_item": output, "source_item": source}
        maps.append(MapRow(**stage, **place, measure=measure, value=value))
    corruption = [
        CorruptionRow(
            **stage,
            wrong_item=wrong,
            items_after=after,
            corrupted_accuracy=number(row, wrong, after),
            intact_accuracy=number(row, wrong, after, 1),
            test_sequences=128,
        )
        for wrong, after in itertools.product((1, 2), range(row.length - 1))
    ]
    state = [
        StateRow(
            **stage,
            probe=probe,
            item=item,
            bits=4 * number(row, item, kind),
            token_accuracy=number(row, item, kind),
            test_sequences=1024,
        )
        for (kind, probe), item in itertools.product(enumerate(STATE_PROBES), items)
    ]
    weights = [
        WeightRow(
            **stage,
            output_item=output,
            target_symbol=output % row.symbols,
            source_item=source,
            source_symbol=true_source(row, source) % row.symbols,
            weight=0.9 if source == true_source(row, output) else 0.1 / max(1, row.length - 1),
        )
        for output, source in itertools.product(items, items)
    ]
    return {
        ERRORS: [error_row(row, **errors, teacher_forcing_gap=number(row, 2) - 0.2)],
        ALIGNMENT: [alignment_row(row, number(row, 1), **shares)] if has_attention else [],
        POSITIONS: [
            PositionRow(**stage, output_item=item, token_accuracy=number(row, item), **forced)
            for item in items
        ],
        CORRUPTION: corruption,
        INFLUENCE: influence,
        STATE: state,
        MAPS: maps if row.seed == 0 else [],
        WEIGHTS: weights if has_attention and row.seed == 0 and row.length == 20 else [],
    }


def true_source(row: AccuracyRow, output: int) -> int:
    return output if row.task == "copy" else row.length + 1 - output


def write_folder(
    folder: Path,
    rows: Sequence[AccuracyRow],
    *,
    samples: Iterable[SampleRow] = (),
    throughput: Sequence[ThroughputRow] = (),
    tables: Callable[[AccuracyRow], dict[str, list[Any]]] = lambda row: {},
) -> Path:
    """Write a results folder as runs, measurements and probes that find these tables leave it."""
    store = open_store(folder, create=True)
    by_stage: dict[tuple[Any, ...], list[SampleRow]] = {}
    for sample in samples:
        by_stage.setdefault(tuple(stage_columns(sample).values()), []).append(sample)
    store.extend_plan(planned(row) for row in rows)
    probed = {}
    for row in rows:
        if row.status == OK:
            store.write_record(row, by_stage.get(tuple(stage_columns(row).values()), ()))
            found = {name: tuple(each) for name, each in tables(row).items() if each}
            probed |= {row.record_id: found} if found else {}
        elif row.status != NOT_REACHED:
            store.write_failure(row)
    store.compile()
    if throughput:
        store.write_throughput(throughput)
    if probed:
        probes = ProbeStore(folder, version=PROBES_MADE)
        for record_id, found in probed.items():
            probes.write(ProbeRecord(record_id, PROBES_MADE, found))
        probes.compile(probed)
    return folder
