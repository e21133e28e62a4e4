"""Occlusion, gradients and the context, against slow references and effects planted in models."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.probes.attention import alignment_columns, occlusion_agreement
from bench.probes.influence import (
    context_norms,
    margin_gradients,
    occlusion_effects,
    spread_positions,
)
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import CELLS, ModelConfig
from models.interface import attention_weights, context
from models.seq2seq import Seq2Seq
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import sample_batch
from tests.plugins.broken import Noisy, Raising
from tests.plugins.planted import (
    Copying,
    CutEncoder,
    HalfBlindEncoder,
    LooksAhead,
    Planted,
    WithoutTable,
    WithPlaces,
    WithTwoTables,
    half_blind_dot,
)

LENGTH = 6
HALF = LENGTH // 2
SYMBOLS = 4
WITH_CONTEXT = [name for name in MODELS if name != "rnn-aligned"]


def built(builder, *, symbols=SYMBOLS, hidden=8, seed=1, **choices):
    with seeded_initialisation(seed):
        return builder(ModelConfig(symbols=symbols, hidden=hidden, **choices))


def model_of(name, **sizes):
    return built(resolve(MODELS[name].builder), **sizes)


def batch_of(task="reverse", *, length=LENGTH, symbols=SYMBOLS, batch_size=5):
    return sample_batch(
        TASKS[task],
        stream(1, "influence", length),
        batch_size=batch_size,
        length=length,
        symbols=symbols,
        split="train",
    )


def occlusion_of(model, batch, positions=None):
    positions = torch.arange(batch.source.shape[1]) if positions is None else positions
    return occlusion_effects(model, batch, positions, generator=stream(1, "occlusion"))


def gradients_of(model, batch):
    return margin_gradients(model, batch, torch.arange(batch.target.shape[1]))


# Spread positions.


def check_spread(spread):
    for length in range(1, 60):
        for most in range(2, 23):
            found = spread(length, most=most).tolist()
            assert found == sorted(set(found))
            assert found == [length - 1 - position for position in reversed(found)]
            assert (found[0], found[-1]) == (0, length - 1)
            assert len(found) <= most
            if length <= most:
                assert found == list(range(length))
            elif most % 2 == 0:
                assert len(found) == most


def test_positions_are_spread_alike_from_either_end():
    check_spread(spread_positions)


def every_so_many(length, *, most):
    return torch.arange(0, length, math.ceil(length / most))


def rounded_upwards(length, *, most):
    if length <= most:
        return torch.arange(length)
    return torch.tensor([math.ceil(i * (length - 1) / (most - 1)) for i in range(most)])


def one_too_many(length, *, most):
    return spread_positions(length, most=most + 2)


@pytest.mark.parametrize("broken", [every_so_many, rounded_upwards, one_too_many])
def test_positions_spread_otherwise_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_spread(broken)


@given(length=st.integers(21, 100_000))
def test_spread_positions_are_as_far_apart_as_they_can_be(length):
    steps = spread_positions(length, most=20).diff()
    assert steps.max() - steps.min() <= 2


# Occlusion.


def true_log_probabilities(model, source, batch, row):
    """Return the log-probability of each true item of one row, in plain Python."""
    logits = model(source[None], batch.target_in[row : row + 1])[0].tolist()
    return [
        item[true] - math.log(sum(map(math.exp, item)))
        for item, true in zip(logits, batch.target[row].tolist(), strict=True)
    ]


@torch.no_grad()
def check_occlusion(effects_of, name):
    """With two symbols there is one other, so that it is known what is put in the place."""
    model, batch = model_of(name, symbols=2), batch_of(symbols=2, length=5)
    effects = effects_of(model, batch, torch.tensor([0, 2, 4]))
    for row, source in enumerate(batch.source):
        before = true_log_probabilities(model, source, batch, row)
        for index, position in enumerate((0, 2, 4)):
            occluded = source.clone()
            occluded[position] = 1 - occluded[position]
            after = true_log_probabilities(model, occluded, batch, row)
            expected = [one - other for one, other in zip(before, after, strict=True)]
            assert effects[row, :, index].tolist() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_occlusion_agrees_with_one_sequence_and_one_position_at_a_time(name):
    check_occlusion(occlusion_of, name)


def gain_of_occlusion(model, batch, positions):
    return -occlusion_of(model, batch, positions)


def others_stay_occluded(model, batch, positions):
    everything = occlusion_of(model, batch)
    return everything.cumsum(dim=-1)[..., positions]


def loss_of_probability(model, batch, positions):
    return 1 - torch.exp(-occlusion_of(model, batch, positions))


@pytest.mark.parametrize("broken", [gain_of_occlusion, others_stay_occluded, loss_of_probability])
def test_other_occlusion_is_rejected(broken):
    with pytest.raises(AssertionError):
        check_occlusion(broken, "seq2seq+dot")


class Recording(nn.Module):
    """Keeps the sources that it is shown."""

    def __init__(self):
        super().__init__()
        self.sources = []

    def forward(self, source, target_in):
        self.sources.append(source.clone())
        return torch.zeros(*target_in.shape, SYMBOLS)


def check_replaces_one_item(effects_of):
    model, batch = Recording(), batch_of(batch_size=64)
    before, positions = batch.source.clone(), torch.tensor([1, 2, 5])
    effects_of(model, batch, positions)
    whole, *occluded = model.sources
    assert torch.equal(whole, before)
    assert torch.equal(batch.source, before)
    assert len(occluded) == len(positions)
    for position, source in zip(positions.tolist(), occluded, strict=True):
        is_other = source != before
        assert is_other[:, position].all()
        assert is_other.sum() == len(source)
        shifts = (source - before)[:, position] % SYMBOLS
        assert set(shifts.tolist()) == set(range(1, SYMBOLS))
        assert source.unique().tolist() == list(range(SYMBOLS))


def test_occlusion_puts_any_other_symbol_in_one_place():
    check_replaces_one_item(occlusion_of)


def any_symbol(model, batch, positions):
    model(batch.source, batch.target_in)
    for position in positions.tolist():
        source = batch.source.clone()
        source[:, position] = torch.randint(SYMBOLS, (len(source),), generator=stream(1, "x"))
        model(source, batch.target_in)


def next_symbol(model, batch, positions):
    model(batch.source, batch.target_in)
    for position in positions.tolist():
        source = batch.source.clone()
        source[:, position] = (source[:, position] + 1) % SYMBOLS
        model(source, batch.target_in)


@pytest.mark.parametrize("broken", [any_symbol, next_symbol])
def test_other_replacements_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_replaces_one_item(broken)


def test_occlusion_depends_on_nothing_but_its_generator():
    model, batch = model_of("seq2seq"), batch_of()
    assert torch.equal(occlusion_of(model, batch), occlusion_of(model, batch))
    other = occlusion_effects(model, batch, torch.arange(LENGTH), generator=stream(2, "occlusion"))
    assert not torch.equal(other, occlusion_of(model, batch))


# Gradients of the margin.


def table_of(model):
    """Return the table in which a model of the matrix looks its source up."""
    return model.encoder.embedding if hasattr(model, "encoder") else model.embedding


def margins(logits, target):
    return [
        [
            scores[true] - max(score for item, score in enumerate(scores) if item != true)
            for scores, true in zip(row, trues, strict=True)
        ]
        for row, trues in zip(logits.tolist(), target.tolist(), strict=True)
    ]


@torch.no_grad()
def finite_differences(model, batch, *, step=1e-6):
    """Return the norms of the slopes of all margins, one number of an embedding after the other."""
    table = table_of(model)
    squares = torch.zeros(*batch.target.shape, batch.source.shape[1], dtype=torch.float64)
    for position in range(batch.source.shape[1]):
        for number in range(table.embedding_dim):
            ends = []
            for change in (step, -step):

                def nudge(module, inputs, output, at=(position, number), change=change):
                    output[:, at[0], at[1]] += change

                hook = table.register_forward_hook(nudge)
                logits = model(batch.source, batch.target_in)
                ends.append(torch.tensor(margins(logits, batch.target), dtype=torch.float64))
                hook.remove()
            squares[..., position] += ((ends[0] - ends[1]) / (2 * step)).square()
    return squares.sqrt()


def check_gradients(gradients, name, **choices):
    model, batch = model_of(name, hidden=4, **choices).double(), batch_of(length=3)
    expected = finite_differences(model, batch)
    assert expected.max() > 1e-4
    found = gradients(model, batch)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_margin_gradients_agree_with_finite_differences(name):
    check_gradients(gradients_of, name)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("encoder", ["bi", "uni"])
def test_margin_gradients_agree_with_finite_differences_in_every_cell(cell, encoder):
    check_gradients(gradients_of, "seq2seq", cell=cell, encoder=encoder)


def of_the_log_probability(model, batch):
    with_source = []
    hook = table_of(model).register_forward_hook(lambda *call: with_source.append(call[-1]))
    logits = model(batch.source, batch.target_in)
    hook.remove()
    true = logits.log_softmax(dim=-1).gather(-1, batch.target[..., None]).squeeze(-1)
    norms = [
        torch.autograd.grad(true[:, t].sum(), with_source[0], retain_graph=True)[0].norm(dim=-1)
        for t in range(true.shape[1])
    ]
    return torch.stack(norms, dim=1)[..., : batch.source.shape[1]]


def of_the_answer_as_a_whole(model, batch):
    norms = gradients_of(model, batch)
    return norms.mean(dim=1, keepdim=True).expand_as(norms)


def from_source_to_output(model, batch):
    return gradients_of(model, batch).transpose(1, 2)


@pytest.mark.parametrize(
    "broken", [of_the_log_probability, of_the_answer_as_a_whole, from_source_to_output]
)
def test_other_gradients_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_gradients(broken, "seq2seq")


def test_only_the_outputs_asked_for_are_returned():
    model, batch = model_of("seq2seq+dot"), batch_of()
    some = margin_gradients(model, batch, torch.tensor([0, 3]))
    torch.testing.assert_close(some, gradients_of(model, batch)[:, [0, 3]])


# The context.


def context_jacobian(model, batch, row):
    """Return the derivative of the context of one row to its embeddings, of all its numbers."""
    source, table = batch.source[row : row + 1], table_of(model)

    def context_of(embedded):
        hook = table.register_forward_hook(lambda *call: embedded[None])
        numbers = context(model, source)[0]
        hook.remove()
        return numbers

    with torch.no_grad():
        embedded = table(source)[0]
    return torch.autograd.functional.jacobian(context_of, embedded)


def check_context(norms_of, name):
    model, batch = model_of(name), batch_of(batch_size=3)
    norms = norms_of(model, batch)
    for row in range(len(batch.source)):
        expected = context_jacobian(model, batch, row).square().sum(dim=(0, 2)).sqrt()
        torch.testing.assert_close(norms[row], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", WITH_CONTEXT)
def test_context_norms_are_those_of_the_whole_jacobian(name):
    check_context(context_norms, name)


def of_the_sum(model, batch):
    norms = [
        context_jacobian(model, batch, row).sum(dim=0).norm(dim=-1)
        for row in range(len(batch.source))
    ]
    return torch.stack(norms)


def of_the_largest_number(model, batch):
    norms = [
        context_jacobian(model, batch, row).norm(dim=2).amax(dim=0)
        for row in range(len(batch.source))
    ]
    return torch.stack(norms)


def backwards(model, batch):
    return context_norms(model, batch).flip(1)


@pytest.mark.parametrize("broken", [of_the_sum, of_the_largest_number, backwards])
def test_other_context_norms_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_context(broken, "seq2seq")


# What a model does not tell, and what a probe leaves behind.


def test_model_that_names_no_context_has_no_norms():
    assert context_norms(model_of("rnn-aligned"), batch_of()) is None


def test_model_without_a_table_has_no_gradients_but_effects():
    model, batch = built(WithoutTable), batch_of("copy")
    assert gradients_of(model, batch) is None
    model.context = lambda source: torch.zeros(len(source), 3)
    assert context_norms(model, batch) is None
    assert occlusion_of(model, batch).abs().max() > 1e-3


def test_table_of_places_is_not_one_of_items():
    model, batch = built(WithPlaces), batch_of("copy")
    norms = gradients_of(model, batch)
    assert torch.equal(norms > 0, torch.eye(LENGTH, dtype=torch.bool).expand_as(norms))


def test_two_tables_of_the_source_are_one_embedding():
    """As if the vectors of both were side by side."""
    batch = batch_of("copy")
    expected = math.sqrt(2) * gradients_of(built(WithPlaces), batch)
    torch.testing.assert_close(gradients_of(built(WithTwoTables), batch), expected)


def look_into(model, batch):
    occlusion_of(model, batch)
    gradients_of(model, batch)
    context_norms(model, batch)


def check_leaves_nothing_behind(look, name):
    model, batch = model_of(name), batch_of()
    parameters = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    look(model, batch)
    assert torch.equal(torch.random.get_rng_state(), state)
    for key, value in model.state_dict().items():
        assert torch.equal(value, parameters[key]), key
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", MODELS)
def test_probes_leave_the_model_and_the_global_generator_as_they_were(name):
    check_leaves_nothing_behind(look_into, name)


def drawing(model, batch):
    torch.rand(1)


def accumulating(model, batch):
    model(batch.source, batch.target_in).sum().backward()


def listening(model, batch):
    table_of(model).register_forward_hook(lambda *call: None)


@pytest.mark.parametrize("broken", [drawing, accumulating, listening])
def test_probe_that_leaves_something_behind_is_rejected(broken):
    with pytest.raises(AssertionError):
        check_leaves_nothing_behind(broken, "rnn")


def test_hooks_are_removed_when_a_model_raises():
    model = built(Raising)
    with pytest.raises(ValueError, match="is too long"):
        gradients_of(model, batch_of())
    assert not any(module._forward_hooks for module in model.modules())


# Planted effects: half of the source is not seen.


def check_first_half_is_not_seen(model, batch):
    effects = occlusion_of(model, batch)
    assert effects[..., :HALF].eq(0.0).all()
    assert (effects[..., HALF:].abs().amax(dim=(0, 1)) > 1e-4).all()


def test_half_of_the_source_that_is_not_seen_has_no_effect_at_all():
    check_first_half_is_not_seen(built(half_blind_dot), batch_of())


def test_model_that_sees_all_of_its_source_is_not_taken_for_half_blind():
    with pytest.raises(AssertionError):
        check_first_half_is_not_seen(model_of("seq2seq+dot"), batch_of())


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_blindness_shows_in_occlusion_and_not_in_alignment(name):
    """Attention may look at the right place and see nothing there."""
    batch, effects, agreements = batch_of(name), [], []
    for is_blind in (False, True):
        model = built(lambda config: Copying(config, task=TASKS[name]), hidden=8)
        if is_blind:
            model.encoder = HalfBlindEncoder(model.encoder)
        weights = attention_weights(model, batch.source, batch.target_in)
        columns = alignment_columns(weights, TASKS[name].align(batch.source))
        assert columns["aligned_fraction"] == columns["aligned_mass"] == 1.0
        effects.append(occlusion_of(model, batch))
        agreements.append(occlusion_agreement(weights, effects[-1], occluded=torch.arange(LENGTH)))
    assert agreements == [1.0, 0.5]
    seeing, blind = effects
    assert blind[..., :HALF].eq(0.0).all()
    assert torch.equal(blind[..., HALF:], seeing[..., HALF:])


# Planted effects: attention that is the true alignment.


@pytest.mark.parametrize("name", TASKS)
def test_attention_that_is_the_true_alignment_is_found(name):
    batch = batch_of(name, batch_size=20)
    model = built(lambda config: Copying(config, task=TASKS[name]))
    assert torch.equal(model(batch.source, batch.target_in).argmax(dim=-1), batch.target)
    weights = attention_weights(model, batch.source, batch.target_in)
    columns = alignment_columns(weights, TASKS[name].align(batch.source))
    assert columns["aligned_fraction"] == columns["best_offset_fraction"] == 1.0
    assert columns["aligned_mass"] == pytest.approx(1.0)
    if name != "sort":  # There the other symbol takes another place among all of them.
        effects, truth = occlusion_of(model, batch), TASKS[name].align(batch.source) > 0
        assert occlusion_agreement(weights, effects, occluded=torch.arange(LENGTH)) == 1.0
        assert (effects[truth] > 1).all()
        assert effects[~truth].eq(0.0).all()
        assert torch.equal(gradients_of(model, batch) > 0, truth)


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_attention_a_place_off_is_found_to_be(name):
    """The twin: it looks one place to the right of the items that the model answers with."""
    batch = batch_of(name, batch_size=20)
    model, off = (
        built(lambda config, shift=shift: Copying(config, task=TASKS[name], shift=shift))
        for shift in (0, 1)
    )
    weights = attention_weights(off, batch.source, batch.target_in)
    columns = alignment_columns(weights, TASKS[name].align(batch.source))
    assert columns["aligned_fraction"] == 0.0
    assert (columns["best_offset_items"], columns["best_offset_fraction"]) == (
        1.0,
        pytest.approx(1 - 1 / LENGTH),  # The last wraps around to the first.
    )
    effects = occlusion_of(model, batch)
    assert occlusion_agreement(weights, effects, occluded=torch.arange(LENGTH)) == 0.0


# Planted effects: a context of few numbers.


def cut_to(numbers, *, hidden=8, task=None):
    def build(config):
        model = Seq2Seq(config) if task is None else Planted(config, task=task)
        model.encoder = CutEncoder(config, numbers=numbers)
        return model

    return built(build, hidden=hidden)


def check_context_carries(numbers, model, batch):
    """Its Jacobian has the rank of the numbers that are left, and they alone are in its norms."""
    kept = [vector * 8 + number for vector in (0, 1) for number in range(numbers)]
    for row in range(len(batch.source)):
        jacobian = context_jacobian(model, batch, row)
        rank = torch.linalg.matrix_rank(jacobian.flatten(1)).item()
        assert rank == 2 * numbers
        expected = jacobian[kept].square().sum(dim=(0, 2)).sqrt()
        torch.testing.assert_close(context_norms(model, batch)[row], expected.float())


@pytest.mark.parametrize("numbers", [0, 1, 3, 8])
def test_cut_context_shows_in_the_context_and_not_in_alignment(numbers):
    batch = batch_of(length=10, batch_size=3)
    plain = cut_to(numbers).double()
    check_context_carries(numbers, plain, batch)
    whole = context_norms(cut_to(8), batch)
    if numbers == 0:
        assert context_norms(plain, batch).eq(0.0).all()
    elif numbers < 8:
        assert (context_norms(plain, batch) < whole).all()
    planted = cut_to(numbers, task=TASKS["reverse"])
    weights = attention_weights(planted, batch.source, batch.target_in)
    columns = alignment_columns(weights, TASKS["reverse"].align(batch.source))
    assert columns["aligned_fraction"] == columns["aligned_mass"] == 1.0


def test_context_that_carries_more_is_rejected():
    with pytest.raises(AssertionError):
        check_context_carries(3, cut_to(4).double(), batch_of(length=10, batch_size=3))


# Planted effects: an answer that cannot know what comes later.


def check_no_effect_on_earlier_outputs(model, batch):
    """Exactly none, by both measures, and some on the output at the same position."""
    is_early = torch.ones(LENGTH, LENGTH).triu(1).bool()  # Output t before source position s.
    for effects in (occlusion_of(model, batch), gradients_of(model, batch)):
        assert effects[:, is_early].eq(0.0).all()
        assert (effects.diagonal(dim1=1, dim2=2).abs().amax(dim=0) > 1e-4).all()


@pytest.mark.parametrize("cell", CELLS)
def test_no_later_item_moves_an_answer_at_once(cell):
    check_no_effect_on_earlier_outputs(model_of("rnn-aligned", cell=cell), batch_of("copy"))


@pytest.mark.parametrize(
    "builder", [LooksAhead, *(resolve(MODELS[name].builder) for name in WITH_CONTEXT)]
)
def test_model_that_sees_later_items_is_rejected(builder):
    with pytest.raises(AssertionError):
        check_no_effect_on_earlier_outputs(built(builder), batch_of("copy"))


def test_regulariser_would_be_taken_for_an_effect():
    """Why a model is looked into outside of training: its own draws are no effect of an item."""
    model, batch = built(Noisy), batch_of()
    with torch.random.fork_rng():
        assert not torch.equal(occlusion_of(model, batch), occlusion_of(model, batch))
    model.eval()
    assert torch.equal(occlusion_of(model, batch), occlusion_of(model, batch))
