"""The checks that every model of the matrix has to pass. Each raises AssertionError."""

import copy

import torch

from bench.training.seeding import seeded_initialisation, stream
from bench.training.train import item_loss
from models.config import ModelConfig
from tasks import TASKS
from tasks.sampling import sample_batch

SYMBOLS = 5
CONFIG = ModelConfig(symbols=SYMBOLS, hidden=16)


def build(builder, *, seed=3):
    with seeded_initialisation(seed):
        return builder(CONFIG)


def batch_of(*, length=7, batch_size=6):
    generator, size = stream(3, "conformance", length), {"batch_size": batch_size, "length": length}
    return sample_batch(TASKS["reverse"], generator, symbols=SYMBOLS, split="train", **size)


def other_symbols(tokens):
    return (tokens + 1) % SYMBOLS


def assert_same(one, other):
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def check_shapes(builder):
    """Logits are batch x target x symbols, answers batch x length with symbols only."""
    model, batch = build(builder), batch_of()
    assert model(batch.source, batch.target_in).shape == (6, 7, SYMBOLS)
    answer = model.generate(batch.source, 7)
    assert (answer.shape, answer.dtype) == ((6, 7), torch.int64)
    assert 0 <= answer.min() <= answer.max() < SYMBOLS


def check_every_parameter_learns(builder):
    """Every parameter gets a gradient that is not zero."""
    model, batch = build(builder), batch_of(length=20, batch_size=32)
    item_loss(model(batch.source, batch.target_in), batch.target).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def check_rows_are_independent(builder):
    """The other rows of a batch change nothing in a row."""
    model, batch = build(builder), batch_of()
    together = model(batch.source, batch.target_in)
    source, target_in = batch.source.clone(), batch.target_in.clone()
    source[1:], target_in[1:] = other_symbols(source[1:]), other_symbols(target_in[1:])
    assert_same(model(source, target_in)[0], together[0])
    assert_same(model(batch.source[:1], batch.target_in[:1])[0], together[0])


def check_no_peeking(builder):
    """The logits of an item do not depend on the true items at or after it."""
    model, batch = build(builder), batch_of()
    before = model(batch.source, batch.target_in)
    for position in range(1, batch.target_in.shape[1]):
        target_in = batch.target_in.clone()
        target_in[:, position:] = other_symbols(target_in[:, position:])
        assert_same(model(batch.source, target_in)[:, :position], before[:, :position])


def check_reads_the_source(builder):
    """Another source gives other logits."""
    model, batch = build(builder), batch_of()
    before = model(batch.source, batch.target_in)
    after = model(other_symbols(batch.source), batch.target_in)
    assert (after - before).abs().max() > 1e-4


def check_greedy_agrees_with_teacher_forcing(builder):
    """Fed its own answer, a model would give that answer again."""
    model, batch = build(builder), batch_of(length=9, batch_size=16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # So that the answers differ from item to item.
        answer = model.generate(batch.source, 9)
        start = answer.new_full((16, 1), CONFIG.start)
        logits = model(batch.source, torch.cat((start, answer[:, :-1]), dim=1))
    chosen = logits.gather(2, answer.unsqueeze(2)).squeeze(2)
    assert (logits.max(dim=2).values - chosen).max() <= 1e-4


def check_state_dict_round_trip(builder):
    """A state_dict carries everything over to a model of another seed."""
    model, other, batch = build(builder), build(builder, seed=4), batch_of()
    before = model(batch.source, batch.target_in)
    assert not torch.equal(other(batch.source, batch.target_in), before)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(other(batch.source, batch.target_in), before)


def check_any_length(builder):
    """Lengths never seen are accepted, from 1 upwards."""
    model = build(builder)
    for length in (1, 2, 3, 64):
        batch = batch_of(length=length)
        assert model(batch.source, batch.target_in).shape == (6, length, SYMBOLS)
        assert model.generate(batch.source, length).shape == (6, length)


def check_same_seed_same_model(builder):
    """The seed alone decides the parameters, and no global generator moves."""
    state = torch.random.get_rng_state()
    one, two = build(builder), build(builder)
    assert torch.equal(torch.random.get_rng_state(), state)
    for left, right in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def check_learns_four_examples(builder):
    """Four examples can be learned by heart, and are then answered free-running."""
    model, batch = build(builder), batch_of(length=4, batch_size=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(600):
        optimizer.zero_grad()
        loss = item_loss(model(batch.source, batch.target_in), batch.target)
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert torch.equal(model.generate(batch.source, 4), batch.target)


def check_attention_weights_sum_to_one(builder):
    """Only for models that attend."""
    batch = batch_of()
    weights = build(builder).attention_weights(batch.source, batch.target_in)
    assert_same(weights.sum(dim=-1), torch.ones(6, 7))
    assert weights.min() >= 0
