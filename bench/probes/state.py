"""What the state holds, asked without the model's own decoder: two probes and a fresh decoder.

They are trained on the states of a frozen model, and tested on the sequences that it was scored on.
What they read is in the state. What they do not read may still be there, in a form that they do not
find within their budget.

Source: Alain and Bengio 2016, arXiv:1610.01644 (linear probes).
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.training import evaluate
from bench.training.seeding import seeded_model, stream
from bench.training.train import train_update
from models.config import ModelConfig
from models.decoder import Decoder
from models.interface import Logits, Source, Target, context
from models.recurrent import state_size
from results.schema.probe_rows import DECODER, LINEAR, MLP, StateRow
from results.schema.rows import AccuracyRow
from results.store.records import stage_columns
from tasks import TASKS, Task
from tasks.sampling import Batch, sample_batch

MLP_UNITS = 256
DECODER_WIDTH = 2  # Times the state of the model.
BATCH_SIZE = 32
LEARNING_RATE, CLIP_NORM = 4e-3, 1.0
# The budgets of one model at one length. The probes take at most 60 core-seconds together, the
# decoder 120. Reading an item costs a probe as much as 32 logits.
PROBE_LOGITS, READING_LOGITS = 2**29, 32
DECODER_ITEMS = 2**23
MOST_UPDATES = 10_000

States = Float[Tensor, "batch numbers"]
Read = Callable[[Source], States]


class Unfit(Exception):
    """The state of a model cannot be asked; the message says why."""


class Probe(nn.Module):
    """Names the symbol at every source position from the state, without any item before it."""

    def __init__(self, read: Read, layers: nn.Module, *, symbols: int) -> None:
        super().__init__()
        self.read, self.layers, self.symbols = read, layers, symbols

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every symbol for each source position."""
        return self.layers(self.read(source)).view(*source.shape, self.symbols)


class FreshDecoder(nn.Module):
    """Answers the task by a decoder of its own, which begins at a linear map of the state."""

    def __init__(self, read: Read, config: ModelConfig, *, numbers: int) -> None:
        super().__init__()
        self.read, self.hidden = read, config.hidden
        self.enter = nn.Linear(numbers, state_size(config))
        self.decoder = Decoder(config, build_attention=None)

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every target item, given the state and the true items before it."""
        entered = self.enter(self.read(source))
        first, *others = (part[None].contiguous() for part in entered.split(self.hidden, dim=1))
        nothing = entered[:, :0, None]  # Without attention no memory is looked at.
        prepared, state = self.decoder.begin(nothing, (first, others[0]) if others else first)
        return self.decoder(target_in, state, prepared)[0]


def state_rows(row: AccuracyRow, task: Task, model: nn.Module) -> list[StateRow]:
    """Train two probes and a fresh decoder on the states of a frozen model, and test them.

    Args:
        row: Of the stage that is asked, at its length.
        model: In evaluation mode. Nothing of it is trained.

    Raises:
        Unfit: The model names no state, or a training diverges.
    """
    read, numbers = _standardised(row, model)
    scores, symbols = row.length * row.symbols, row.symbols
    wider = ModelConfig(symbols, hidden=DECODER_WIDTH * row.hidden, cell=row.cell)
    rows = []
    with seeded_model(row.seed, "state", row.length):
        hidden = [nn.Linear(numbers, MLP_UNITS), nn.ReLU(), nn.Linear(MLP_UNITS, scores)]
        readers = {
            LINEAR: Probe(read, nn.Linear(numbers, scores), symbols=symbols),
            MLP: Probe(read, nn.Sequential(*hidden), symbols=symbols),
            DECODER: FreshDecoder(read, wider, numbers=numbers),
        }
        for name, reader in readers.items():
            # A probe has to name the source as it is: the task `copy`, whatever the model learned.
            asked = task if name == DECODER else TASKS["copy"]
            _train(reader, asked, row, updates=_updates(name, row, asked))
            rows += _tested(name, reader, asked, row)
    return rows


def _standardised(row: AccuracyRow, model: nn.Module) -> tuple[Read, int]:
    """Return how states are read, and how many numbers they have.

    Each number has mean 0 and deviation 1. Those of an LSTM's c have no bound, and with their own
    sizes Adam would take steps too small for some of them.
    """

    @torch.no_grad()
    def states(source: Source) -> States:
        numbers = context(model, source)
        if numbers is None:
            raise Unfit("it names no state")
        return numbers

    batch = _batch(TASKS["copy"], row, "train", "state scale", size=evaluate.TEST_SEQUENCES)
    found = states(batch.source)
    mean, deviation = found.mean(dim=0), found.std(dim=0) + 1e-6  # A number may be constant.
    return lambda source: (states(source) - mean) / deviation, found.shape[1]


def _batch(task: Task, row: AccuracyRow, split: str, purpose: str, *, size: int) -> Batch:
    return sample_batch(
        task,
        stream(row.seed, purpose, row.length),
        batch_size=size,
        length=row.length,
        symbols=row.symbols,
        split=split,
    )


def _updates(name: str, row: AccuracyRow, asked: Task) -> int:
    items = BATCH_SIZE * asked.target_length(row.length)
    if name == DECODER:
        return min(MOST_UPDATES, max(1, DECODER_ITEMS // items))
    return min(MOST_UPDATES, max(1, PROBE_LOGITS // (items * (row.symbols + READING_LOGITS))))


def _train(reader: nn.Module, asked: Task, row: AccuracyRow, *, updates: int) -> None:
    optimizer = torch.optim.Adam(reader.parameters(), lr=LEARNING_RATE, fused=True)
    draw = stream(row.seed, "state", row.length)
    sizes = {"batch_size": BATCH_SIZE, "length": row.length, "symbols": row.symbols}
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - update / updates)
        batch = sample_batch(asked, draw, split="train", **sizes)
        loss = train_update(reader, optimizer, batch, clip_norm=CLIP_NORM)
        if not math.isfinite(loss.item()):
            raise Unfit(f"the loss of a probe is {loss.item()} after {update + 1} updates")


@torch.no_grad()
def _tested(name: str, reader: nn.Module, asked: Task, row: AccuracyRow) -> list[StateRow]:
    batch = _batch(asked, row, "test", "test", size=evaluate.TEST_SEQUENCES)
    nats, correct = torch.zeros(2, batch.target.shape[1], dtype=torch.float64)
    for at in range(0, len(batch.source), BATCH_SIZE):
        chunk = slice(at, at + BATCH_SIZE)
        logits, target = reader(batch.source[chunk], batch.target_in[chunk]), batch.target[chunk]
        nats -= logits.log_softmax(dim=-1).gather(-1, target[..., None]).double().sum(dim=(0, 2))
        correct += (logits.argmax(dim=-1) == target).sum(dim=0)
    # Of each item the same share of the entropy. Where items are independent, it is their own.
    entropy = asked.target_bits(row.length, row.symbols) / len(nats)
    bits = entropy - nats / len(batch.source) / math.log(2)
    accuracies = correct / len(batch.source)
    return [
        StateRow(
            **stage_columns(row),
            probe=name,
            item=item,
            bits=of_item,
            token_accuracy=accuracy,
            test_sequences=len(batch.source),
        )
        for item, (of_item, accuracy) in enumerate(
            zip(bits.tolist(), accuracies.tolist(), strict=True), start=1
        )
    ]
