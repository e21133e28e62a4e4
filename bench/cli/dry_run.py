"""What a request would do in its results folder: in words for people, as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.cli.run_options import Request
from bench.plan.cost import describe_seconds, matrix_seconds
from bench.plan.runs import Block, ModelRun
from bench.plan.status import Matrix
from results.schema.rows import FAILING_STATUSES, NOT_REACHED, OK
from results.store.folder import LEFT
from results.wording import escaped


def plan_as_text(request: Request, matrix: Matrix, to_do: Sequence[ModelRun]) -> str:
    """Say what each block is, how many records there are, and what is to be done."""
    records = matrix.count_records()
    failed = sum(records[status] for status in FAILING_STATUSES)
    shard = "" if request.shard is None else f"shard {request.shard}: "
    to_be_done = "no training, all of it is done"
    if to_do:
        seconds = matrix_seconds(matrix.unfinished_stages(to_do), jobs=request.jobs)
        to_be_done = (
            f"{len(to_do)} model runs, {request.jobs} at a time; at most about "
            f"{describe_seconds(seconds)} if every stage takes its whole budget"
        )
    elif failed:
        to_be_done = "nothing but what failed; --retry-failed tries that again"
    return "\n".join(
        [
            *map(_describe, request.blocks),
            f"Records: {shard}{records.total()} in {len(matrix.runs)} model runs; "
            f"{records[OK]} done, {failed} failed, "
            f"{records[NOT_REACHED]} not reached, {records[LEFT]} left in {request.out}",
            f"To do: {to_be_done}",
        ]
    )


def plan_as_json(request: Request, matrix: Matrix, to_do: Sequence[ModelRun]) -> str:
    """Write the same, with every model run and every record, as one JSON object."""
    waiting = {run.run_id for run in to_do}
    names = ("run_id", "config_id", "task", "model", "seed", "protocol")
    content = {
        "request": request_as_json(request, matrix),
        "records": dict(matrix.count_records()),
        "runs_to_do": len(to_do),
        "seconds_at_most": matrix_seconds(matrix.unfinished_stages(to_do), jobs=request.jobs),
        "runs": [
            {
                **{name: getattr(run, name) for name in names},
                "is_to_do": run.run_id in waiting,
                "records": [
                    {
                        "record_id": row.record_id,
                        "train_length": row.train_length,
                        "length": row.length,
                        "status": matrix.status(row.record_id),
                    }
                    for row in run.planned_rows()
                ],
            }
            for run in matrix.runs
        ],
    }
    return json.dumps(content, indent=2)


def request_as_json(request: Request, matrix: Matrix) -> dict[str, Any]:
    """Describe a request in plain values."""
    # No path is in it: run.json stays true when the folder moves.
    return {
        "blocks": [
            {
                "tasks": [task.name for task in block.tasks],
                "models": [entry.name for entry in block.models],
                **asdict(block.settings),
            }
            for block in request.blocks
        ],
        "engine": request.engine,
        "jobs": request.jobs,
        "limits": asdict(request.limits),
        "shard": None if request.shard is None else str(request.shard),
        "model_runs": len(matrix.runs),
        "records": matrix.count_records().total(),
    }


def _describe(block: Block) -> str:
    settings = block.settings
    lengths, seeds = settings.lengths, settings.seeds
    sizes = ", ".join(map(str, sorted({*settings.symbols.values()})))
    alphabet = f" alphabet {sizes}," if sizes else ""
    reads = {name for entry in block.models for name in entry.reads}
    ratio = f" at SNR {settings.channel_snr:g}" if "channel_snr" in reads else ""
    layers = "" if settings.layers is None else f" x {settings.layers} layers"
    size = f"{settings.cell} {settings.hidden}{layers}"
    channel = f" channel {settings.channel_numbers}{ratio}," if "channel_numbers" in reads else ""
    return (
        f"Matrix: {', '.join(escaped(task.name) for task in block.tasks)}"
        f" x {', '.join(escaped(entry.name) for entry in block.models)}"
        f" x {len(seeds)} seed{'s' * (len(seeds) > 1)};"
        f" {len(lengths)} length{'s' * (len(lengths) > 1)}"
        f" {lengths[0]}..{lengths[-1]}, {settings.protocol},{alphabet}{channel}"
        f" {size}, encoder {settings.encoder}, {settings.device};"
        f" budget {settings.recipe.stage_budget_updates:,}, rate {settings.recipe.learning_rate:g}"
    )
