"""A plan and how far a results folder has it, in words for people and as JSON for machines."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.cli.run_options import Request
from bench.plan.cost import describe_seconds, matrix_seconds
from bench.plan.runs import Block, ModelRun
from bench.plan.status import Matrix
from results.schema.rows import FAILING_STATUSES, NOT_REACHED, OK, STATUSES
from results.store.folder import LEFT


def plan_as_text(request: Request, matrix: Matrix, to_do: Sequence[ModelRun]) -> str:
    """Return a line for each block, one for the records, and one for what is to be done."""
    records = _records_by_status(matrix)
    failed = sum(records[status] for status in FAILING_STATUSES)
    shard = "" if request.execution.shard is None else f"shard {request.execution.shard}: "
    lines = [_describe(block) for block in request.blocks]
    lines.append(
        f"Records: {shard}{records.total()} in {len(matrix.runs)} model runs; "
        f"{records[OK]} done, {failed} failed,"
        f" {records[NOT_REACHED]} not reached, {records[LEFT]} left in {request.out}"
    )
    if to_do:
        seconds = matrix_seconds(matrix.unfinished_stages(to_do), jobs=request.execution.jobs)
        lines.append(
            f"To do: {len(to_do)} model runs, {request.execution.jobs} at a time;"
            f" at most about {describe_seconds(seconds)} if every stage takes its whole budget"
        )
    elif failed:
        lines.append("To do: nothing but what failed; --retry-failed tries that again")
    else:
        lines.append("To do: no training, all of it is done")
    return "\n".join(lines)


def plan_as_json(request: Request, matrix: Matrix, to_do: Sequence[ModelRun]) -> str:
    """Return the same, with every model run, as one JSON object."""
    waiting = {run.run_id for run in to_do}
    seconds = matrix_seconds(matrix.unfinished_stages(to_do), jobs=request.execution.jobs)
    content = {
        "request": request_as_json(request, matrix),
        "records": dict(_records_by_status(matrix)),
        "runs_to_do": len(to_do),
        "seconds_at_most": seconds,
        "runs": [_run_as_json(run, matrix, is_to_do=run.run_id in waiting) for run in matrix.runs],
    }
    return json.dumps(content, indent=2)


def request_as_json(request: Request, matrix: Matrix) -> dict[str, Any]:
    """Return what was asked for, in plain values without a path."""
    execution = request.execution
    return {
        "blocks": [
            {
                "tasks": [task.name for task in block.tasks],
                "models": [entry.name for entry in block.models],
                **asdict(block.settings),
            }
            for block in request.blocks
        ],
        "engine": execution.engine,
        "jobs": execution.jobs,
        "limits": asdict(execution.limits),
        "shard": None if execution.shard is None else str(execution.shard),
        "model_runs": len(matrix.runs),
        "records": _records_by_status(matrix).total(),
    }


def _records_by_status(matrix: Matrix) -> Counter[str]:
    counts = Counter(dict.fromkeys((*STATUSES, LEFT), 0))
    counts.update(matrix.status(stage.record_id(length)) for _, stage, length in matrix.records())
    return counts


def _run_as_json(run: ModelRun, matrix: Matrix, *, is_to_do: bool) -> dict[str, Any]:
    records = [
        {
            "record_id": row.record_id,
            "train_length": row.train_length,
            "length": row.length,
            "status": matrix.status(row.record_id),
        }
        for row in run.planned_rows()
    ]
    names = ("run_id", "config_id", "task", "model", "seed", "protocol")
    identity = {name: getattr(run, name) for name in names}
    return {**identity, "is_to_do": is_to_do, "records": records}


def _describe(block: Block) -> str:
    settings = block.settings
    lengths, sizes = settings.lengths, sorted({*settings.symbols.values()})
    alphabet = f" alphabet {', '.join(map(str, sizes))}," if sizes else ""
    return (
        f"Matrix: {', '.join(task.name for task in block.tasks)}"
        f" x {', '.join(entry.name for entry in block.models)}"
        f" x {len(settings.seeds)} {_plural('seed', len(settings.seeds))};"
        f" {len(lengths)} {_plural('length', len(lengths))}"
        f" {lengths[0]}..{lengths[-1]}, {settings.protocol},{alphabet}"
        f" {settings.cell} {settings.hidden}, encoder {settings.encoder}, {settings.device}"
    )


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
