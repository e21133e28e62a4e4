"""What probes and a fresh decoder read: states that hold known items, and faults that show."""

import copy
import math

import pytest
import torch
from torch import nn

from bench.probes import state
from bench.probes.state import Unfit, state_rows
from bench.training.seeding import seeded_initialisation
from models import MODELS
from models.config import CELLS, ModelConfig
from tasks import TASKS
from tasks.import_path import resolve
from tests.rows import accuracy_row

LENGTH, SYMBOLS = 6, 4


def row_of(**changes):
    sizes = {"length": LENGTH, "train_length": LENGTH, "symbols": SYMBOLS, "hidden": 8}
    return accuracy_row(**sizes | changes)


def read(rows):
    """Return bits and accuracy by item, of each probe."""
    return {
        name: [(row.bits, row.token_accuracy) for row in rows if row.probe == name]
        for name in ("linear", "mlp", "decoder")
    }


class Holding(nn.Module):
    """Its state is all that `hold` makes of one-hot items; nothing of it can be trained."""

    def __init__(self, hold):
        super().__init__()
        self.hold = hold

    def context(self, source):
        return self.hold(nn.functional.one_hot(source, SYMBOLS).float())


def half(items):
    return torch.cat((items[:, :3].flatten(1), torch.full((len(items), 1), 7.0)), dim=1)


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(state, "MOST_UPDATES", 300)
    monkeypatch.setattr(state, "LEARNING_RATE", 2e-2)


@pytest.mark.usefixtures("brief")
def test_items_that_the_state_holds_are_read_and_no_others():
    """The first three of six, two bits each; of the others no bit, and chance."""
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    for name, found in read(state_rows(row_of(), TASKS["copy"], Holding(half))).items():
        assert found[:3] == [(pytest.approx(2, abs=0.1), pytest.approx(1, abs=0.02))] * 3, name
        assert found[3:] == [(pytest.approx(0, abs=0.3), pytest.approx(0.25, abs=0.2))] * 3, name
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.usefixtures("brief")
def test_decoder_answers_the_task_and_probes_name_the_source():
    """Of a sort, the counts of the symbols are all that the decoder needs."""
    rows = state_rows(row_of(task="sort"), TASKS["sort"], Holding(lambda items: items.sum(dim=1)))
    found = read(rows)
    carried = sum(bits for bits, _ in found["decoder"])
    assert carried == pytest.approx(TASKS["sort"].target_bits(LENGTH, SYMBOLS), abs=0.7)
    for name in ("linear", "mlp"):  # Counts do not say where an item is.
        assert sum(bits for bits, _ in found[name]) < carried - 1


@pytest.mark.usefixtures("brief")
def test_an_mlp_reads_what_a_linear_probe_cannot():
    """Two items of two symbols, of which the state holds their product and the second."""

    def hold(items):
        signs = items[..., :2].sum(dim=-1) * 2 - 1  # Symbols 0 and 1 against 2 and 3.
        return torch.stack((signs[:, 0] * signs[:, 1], signs[:, 1]), dim=1)

    found = read(state_rows(row_of(), TASKS["copy"], Holding(hold)))
    assert found["linear"][0][0] < 0.1
    assert found["mlp"][0][0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("cell", CELLS)
def test_models_are_frozen_and_every_cell_has_a_decoder(monkeypatch, cell):
    monkeypatch.setattr(state, "MOST_UPDATES", 2)
    config = ModelConfig(symbols=SYMBOLS, hidden=8, cell=cell)
    with seeded_initialisation(1):
        model = resolve(MODELS["seq2seq+dot"].builder)(config).eval()
    before = copy.deepcopy(model.state_dict())
    rows = state_rows(row_of(cell=cell), TASKS["reverse"], model)
    assert [(row.probe, row.item) for row in rows] == [
        (name, item) for name in ("linear", "mlp", "decoder") for item in range(1, LENGTH + 1)
    ]
    assert rows == state_rows(row_of(cell=cell), TASKS["reverse"], model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("hold", "message"),
    [
        (lambda items: None, "it names no state"),
        (lambda items: items.flatten(1) * math.nan, "the loss of a probe is nan after 1 updates"),
    ],
)
def test_a_state_that_cannot_be_asked_says_why(hold, message):
    with pytest.raises(Unfit, match=message):
        state_rows(row_of(), TASKS["copy"], Holding(hold))
