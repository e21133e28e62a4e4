"""The probes of one model run: the checkpoints of its stages, looked into one after the other.

As a child process (`bench.execution.worker_main`) it reads which records to probe from standard
input, and writes one event for each: that it was probed, or that there is no checkpoint.
"""

import json
import sys
from pathlib import Path
from typing import TextIO

import torch
from torch import nn

from bench.plan.recipe import PROBE_VERSION
from bench.probes.rows import Subject, findings
from bench.training.building import build_model
from bench.training.checkpoints import Checkpoints
from models import entry_from_reference, load_models
from models.config import ModelConfig
from results.schema.columns import from_json
from results.schema.rows import AccuracyRow
from results.store.probes import ProbeRecord, ProbeStore
from tasks import load_tasks

THREADS = 1


def build(row: AccuracyRow) -> nn.Module:
    """Build the model of a row as it is before its first update."""
    entry = load_models().get(row.model) or entry_from_reference(row.model)
    config = ModelConfig(symbols=row.symbols, hidden=row.hidden, cell=row.cell, encoder=row.encoder)
    return build_model(entry.builder, config, seed=row.seed, device="cpu")


def main(events: TextIO) -> int:
    """Probe the records that stand on standard input."""
    torch.set_num_threads(THREADS)
    order = json.loads(sys.stdin.readline())
    root = Path(order["out"])
    checkpoints, store = Checkpoints(root), ProbeStore(root, version=PROBE_VERSION)
    tasks = load_tasks()
    for wanted in order["records"]:
        row = from_json(AccuracyRow, wanted["row"])
        trained = build(row)
        event = {"record": row.record_id, "has_checkpoint": False}
        if checkpoints.load_weights(row.stage_id, trained) is not None:
            subject = Subject(row, tasks[row.task], trained, initial=build(row))
            tables = findings(
                subject,
                measures_influence=wanted["measures_influence"],
                keeps_maps=wanted["keeps_maps"],
            )
            store.write(ProbeRecord(row.record_id, PROBE_VERSION, tables))
            event["has_checkpoint"] = True
        print(json.dumps(event), file=events, flush=True)
    return 0
