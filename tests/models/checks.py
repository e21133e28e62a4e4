"""The checks that every model of the matrix has to pass. Each raises AssertionError, in words."""

import copy

import torch

from bench.training.seeding import initialise, seeded_model, stream
from bench.training.train import item_loss
from models import MODELS, interface
from models.config import ModelConfig
from tasks import TASKS
from tasks.sampling import sample_batch

# All but those of models/causal: an encoder and a decoder, or one recurrent network.
RECURRENT = [
    name for name, entry in MODELS.items() if not entry.builder.startswith("models.causal")
]
SYMBOLS = 5
# A channel without noise to speak of: one that draws in a test cannot give an answer twice.
CONFIG = ModelConfig(symbols=SYMBOLS, hidden=16, channel_numbers=16, channel_snr=1e12)


class DoesNotApply(Exception):
    """A check asks for what a model need not have."""


def build(builder, *, seed=3):
    """Build a model as a model run does, in the mode that it is tested in."""
    return initialise(builder, CONFIG, seed=seed).eval()


def batch_of(*, length=7, batch_size=6):
    generator, size = stream(3, "conformance", length), {"batch_size": batch_size, "length": length}
    return sample_batch(TASKS["reverse"], generator, symbols=SYMBOLS, split="train", **size)


def logits_of(model, batch):
    return judged(interface.logits_of, model, batch.source, batch.target_in)


def answers_of(model, batch):
    return judged(interface.answers_of, model, batch.source, batch.target.shape[1])


def judged(method, *arguments):
    """Ask for an output, and complain of its form in the words of a model run."""
    try:
        return method(*arguments, symbols=SYMBOLS)
    except ValueError as error:
        raise AssertionError(str(error)) from error


def other_symbols(tokens):
    return (tokens + 1) % SYMBOLS


def assert_same(one, other, rule):
    apart = (one - other).abs().max().item()
    assert apart <= 1e-5, f"{rule}, but numbers differ by up to {apart:.2g}"


def check_shapes(builder):
    """Logits are batch x target x symbols, answers batch x length with symbols only."""
    model, batch = build(builder), batch_of()
    logits_of(model, batch)
    answers_of(model, batch)


def check_every_parameter_learns(builder):
    """Every parameter that is not frozen gets a gradient that is not zero."""
    model, batch = build(builder).train(), batch_of(length=20, batch_size=32)
    with seeded_model(3, "training"):
        item_loss(logits_of(model, batch), batch.target).backward()
    learning = {name: each.grad for name, each in model.named_parameters() if each.requires_grad}
    idle = [name for name, grad in learning.items() if grad is None or not grad.abs().sum() > 0]
    assert learning, "the model has no parameter that learns"
    assert not idle, f"these parameters must get a gradient that is not zero: {', '.join(idle)}"


def check_rows_are_independent(builder):
    """The other rows of a batch change nothing in a row."""
    model, batch = build(builder), batch_of()
    together = logits_of(model, batch)[0]
    source, target_in = batch.source.clone(), batch.target_in.clone()
    source[1:], target_in[1:] = other_symbols(source[1:]), other_symbols(target_in[1:])
    rule = "forward: the first row of a batch must not depend on the "
    assert_same(model(source, target_in)[0], together, f"{rule}items of other rows")
    alone = model(batch.source[:1], batch.target_in[:1])[0]
    assert_same(alone, together, f"{rule}number of other rows")


def check_no_peeking(builder):
    """The logits of an item do not depend on the true items at or after it."""
    model, batch = build(builder), batch_of()
    before = logits_of(model, batch)
    for position in range(1, batch.target_in.shape[1]):
        target_in = batch.target_in.clone()
        target_in[:, position:] = other_symbols(target_in[:, position:])
        rule = f"forward: logits before position {position} must not depend on target_in from there"
        after = model(batch.source, target_in)
        assert_same(after[:, :position], before[:, :position], f"{rule} on")


def check_reads_the_source(builder):
    """Another source gives other logits."""
    model, batch = build(builder), batch_of()
    before = logits_of(model, batch)
    change = (model(other_symbols(batch.source), batch.target_in) - before).abs().max().item()
    assert change > 1e-4, f"forward: another source must change the logits, largest change {change}"


def check_greedy_agrees_with_teacher_forcing(builder):
    """Fed its own answer, a model would give that answer again."""
    model, batch = build(builder), batch_of(length=9, batch_size=16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # So that the answers differ from item to item.
        answer = answers_of(model, batch)
        start = answer.new_full((16, 1), CONFIG.start)
        logits = model(batch.source, torch.cat((start, answer[:, :-1]), dim=1))
    chosen = logits.gather(2, answer.unsqueeze(2)).squeeze(2)
    wrong = (logits.max(dim=2).values - chosen > 1e-4).sum().item()
    assert not wrong, (
        "generate: must answer with the argmax of forward on its own answer, "
        f"but {wrong} of {answer.numel()} items are others"
    )


def check_state_dict_round_trip(builder):
    """A state_dict carries everything over to a model of another seed."""
    model, other, batch = build(builder), build(builder, seed=4), batch_of()
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    with seeded_model(3, "answers"):
        before = logits_of(model, batch)
    with seeded_model(3, "answers"):
        apart = (logits_of(other, batch) - before).abs().max().item()
    assert apart == 0, (
        "state_dict: a model that loads another's must give its logits, "
        f"but numbers differ by up to {apart:.2g}"
    )


def check_any_length(builder):
    """Lengths never seen are accepted, from 1 upwards."""
    model = build(builder)
    for length in (1, 2, 3, 64):
        batch = batch_of(length=length)
        try:
            logits_of(model, batch)
            answers_of(model, batch)
        except (IndexError, RuntimeError, ValueError) as error:
            raise AssertionError(f"length {length} must be accepted: {error}") from error


def check_same_seed_same_model(builder):
    """The seed alone decides the parameters, and no global generator moves."""
    state = torch.random.get_rng_state()
    one, two = build(builder), build(builder)
    moved = "builder: must leave the global generators to be put back"
    assert torch.equal(torch.random.get_rng_state(), state), moved
    assert_weights(one, two, differ=False)


def check_other_seed_other_model(builder):
    """Another seed gives other parameters, or seeds would be no replications."""
    assert_weights(build(builder), build(builder, seed=4), differ=True)


def assert_weights(one, other, *, differ):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    is_same = all(torch.equal(left, right) for left, right in pairs)
    kind = ("one seed", "the same weights") if not differ else ("another seed", "other weights")
    assert is_same is not differ, (
        f"builder: {kind[0]} must give {kind[1]}; draw them from the global generators of torch, "
        "NumPy or random, and seed none of these"
    )


def check_learns_four_examples(builder):
    """Four examples can be learned by heart, and are then answered free-running."""
    model, batch = build(builder).train(), batch_of(length=4, batch_size=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with seeded_model(3, "training"):
        for _ in range(600):
            optimizer.zero_grad()
            loss = item_loss(logits_of(model, batch), batch.target)
            loss.backward()
            optimizer.step()
            if loss < 0.02:
                break
    wrong = (answers_of(model.eval(), batch) != batch.target).sum().item()
    assert not wrong, (
        f"four examples must be learned by heart in 600 updates, but {wrong} of 16 items are wrong"
        f" (loss {loss.item():.2g})"
    )


def check_attention_weights_sum_to_one(builder):
    """Weights of attention are not negative, and sum to 1 over the source."""
    batch = batch_of()
    weights = interface.attention_weights(build(builder), batch.source, batch.target_in)
    if weights is None:
        raise DoesNotApply("the model has no attention_weights")
    assert weights.shape == (6, 7, 7), f"attention_weights: shape {tuple(weights.shape)}"
    rule = "attention_weights: must sum to 1 over the source"
    assert_same(weights.sum(dim=-1), torch.ones(6, 7), rule)
    assert weights.min() >= 0, "attention_weights: must not be negative"
