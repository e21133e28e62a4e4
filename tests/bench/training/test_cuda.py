"""The CUDA path is the same code; these run where a device is."""

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.timing.cases import Case, Measurement
from bench.timing.measure import measure
from bench.timing.peak_memory import peak_memory
from bench.training.model_run import execute
from models import MODELS
from models.config import ModelConfig
from results.schema.rows import PHASES
from results.store.folder import open_store
from tasks import TASKS

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no CUDA device on this machine"
)


@pytest.mark.parametrize("model", MODELS)
def test_run_leaves_its_records(model, tmp_path):
    settings = Settings(
        lengths=(4,), seeds=(1,), hidden=16, device="cuda", recipe=Recipe(stage_budget_updates=60)
    )
    (run,) = plan_matrix(settings, tasks=[TASKS["copy"]], models=[MODELS[model]])
    store = open_store(tmp_path, create=True)
    store.extend_plan(run.planned_rows())
    execute(run, store, attempt=1, emit=lambda event: None)
    (planned,) = run.planned_rows()
    row = store.read_record(planned.record_id).row
    assert row.device_name == torch.cuda.get_device_name()
    assert row.token_accuracy > 1.5 * row.chance_accuracy


def test_throughput_is_measured():
    model = "seq2seq+dot"
    asked = Measurement(
        builders={model: MODELS[model].builder},
        cases=tuple(Case(model, 8, phase) for phase in PHASES),
        config=ModelConfig(symbols=16, hidden=16),
        device="cuda",
        batch_size=8,
        threads=1,
    )
    for row in measure(asked):
        assert row.status == "ok"
        assert row.median_seconds > 0
        assert 0 < row.peak_memory_bytes <= row.reserved_memory_bytes


def test_too_large_a_batch_is_out_of_memory():
    peak = peak_memory(
        lambda: torch.empty(2**42, device="cuda"), rehearsal=lambda: None, device="cuda"
    )
    assert peak.failure is not None
    assert peak.failure[0] == "out_of_memory"
