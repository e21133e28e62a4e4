"""Where attention looks and what that does, against counting and attention that is known."""

import math

import pytest
import torch
from torch import nn

from bench.probes import attention
from bench.probes.attention import (
    alignment_row,
    entropy_bits,
    intervention_accuracies,
    occlusion_agreement,
)
from bench.training.seeding import seeded_initialisation, stream
from models.config import ModelConfig
from models.seq2seq import build_additive, build_dot, build_plain, build_uniform
from tasks import TASKS
from tasks.sampling import Batch, with_start
from tests.plugins.planted import CarryingEncoder, Copying
from tests.rows import accuracy_row

LENGTH = 9


def columns_of(weights, truth):
    """The means that are in the row, in its order."""
    row = alignment_row(accuracy_row(), weights, truth, agreement=None, accuracies={})
    names = ("aligned_fraction", "near_fraction", "aligned_mass", "near_mass")
    return [getattr(row, name) for name in (*names, "weight_entropy_bits")], (
        row.best_offset_items,
        row.best_offset_fraction,
    )


def truth_of(name, *, length=LENGTH):
    draw = torch.Generator().manual_seed(1)
    return TASKS[name].align(torch.randint(4, (6, length), generator=draw))  # Sort has ties.


def test_columns_are_those_counted_by_hand():
    """The second item has two true positions; the third looks two places to the right."""
    weights = torch.tensor([[[0.5, 0.25, 0.25, 0.0], [0.25, 0.25, 0.0, 0.5], [0, 0, 0.25, 0.75]]])
    truth = torch.tensor([[[0.0, 1, 0, 0], [0.5, 0, 0, 0.5], [0, 1, 0, 0]]])
    means, offset = columns_of(weights, truth)
    aligned, near = (0 + 1 + 0) / 3, (1 + 1 + 0) / 3
    mass, near_mass = (0.25 + 0.75 + 0) / 3, (1 + 1 + 0.25) / 3
    entropy = (1.5 + 1.5 + (2 * 0.25 + math.log2(4 / 3) * 0.75)) / 3
    assert means == pytest.approx([aligned, near, mass, near_mass, entropy])
    assert offset[0] in (-1, 0, 2)
    assert offset[1] == pytest.approx(1 / 3)


def test_alignment_is_found_by_its_offset():
    """Near is one place at most; the last position is no neighbour of the first."""
    truth = truth_of("copy")[:, 3:-3]  # Away from the borders.
    for shift in range(-3, 4):
        is_true, is_near = float(shift == 0), float(abs(shift) <= 1)
        expected = [is_true, is_near, is_true, is_near, 0.0], (shift, 1.0)
        assert columns_of(truth.roll(shift, dims=-1), truth) == expected
    truth = truth_of("copy")
    looks_at_the_last = torch.zeros_like(truth)
    looks_at_the_last[..., -1] = 1.0
    (aligned, near, *_), _ = columns_of(looks_at_the_last, truth)
    assert (aligned, near) == pytest.approx((1 / LENGTH, 2 / LENGTH))
    truth = truth_of("sort")  # Equal items share their positions.
    (aligned, near, mass, near_mass, _), offset = columns_of(truth, truth)
    assert (aligned, near, offset) == (1.0, 1.0, (0.0, 1.0))
    assert (mass, near_mass) == pytest.approx((1.0, 1.0))


def test_uniform_weights_look_anywhere():
    """Each of the equal weights is the largest by its share: at the true position by chance."""
    means, _ = columns_of(torch.full((6, LENGTH, LENGTH), 1 / LENGTH), truth_of("copy"))
    near = (7 * 3 + 2 * 2) / LENGTH**2
    expected = [1 / LENGTH, near, 1 / LENGTH, near, math.log2(LENGTH)]
    assert means == pytest.approx(expected, abs=1e-5)


def test_rounded_weights_give_fractions():
    """Float32 weights sum to a little more than 1, and no mass may exceed it."""
    means, _ = columns_of(torch.full((2, 3, 7), 1 / 7 + 1e-7), torch.ones(2, 3, 7) / 7)
    assert means[2:4] == [1.0, 1.0]


def rank_masses(weights, truth):
    row = alignment_row(accuracy_row(), weights, truth, agreement=None, accuracies={})
    return [row.rank_0_mass, row.near_rank_mass, row.rank_4_mass]


def masses_by_hand(weights, source, *, distance_of):
    """Add up the weights by distance, one at a time."""
    masses = [0.0, 0.0, 0.0]
    for row, items in zip(weights.tolist(), source.tolist(), strict=True):
        for output, of_output in enumerate(row):
            for position, weight in enumerate(of_output):
                distance = distance_of(items, output, position)
                for index, most in enumerate((0, 1, 4)):
                    masses[index] += weight * (distance <= most)
    return [mass / (len(weights) * LENGTH) for mass in masses]


def rank_distance(items, output, position):
    """Count places in the sorted answer to the nearest with the symbol of a source position."""
    places = [place for place, item in enumerate(sorted(items)) if item == items[position]]
    return min(abs(output - place) for place in places)


def source_distance(items, output, position):
    """Count positions in the source to the nearest true one: the planted fault."""
    true = [at for at, item in enumerate(items) if item == sorted(items)[output]]
    return min(abs(position - at) for at in true)


def test_mass_is_counted_by_distance_in_rank():
    """On copy that is distance in position, on sort it is not."""
    draw = torch.Generator().manual_seed(4)
    source = torch.randint(7, (6, LENGTH), generator=draw)
    weights = torch.rand(6, LENGTH, LENGTH, generator=draw)
    weights /= weights.sum(dim=-1, keepdim=True)
    found = rank_masses(weights, TASKS["sort"].align(source))
    assert found == pytest.approx(masses_by_hand(weights, source, distance_of=rank_distance))
    faulty = masses_by_hand(weights, source, distance_of=source_distance)
    assert found[1:] != pytest.approx(faulty[1:], rel=0.05)
    found = rank_masses(weights, TASKS["copy"].align(source))

    def apart(items, output, position):
        return abs(output - position)

    assert found == pytest.approx(masses_by_hand(weights, source, distance_of=apart))


@pytest.mark.parametrize("name", TASKS)
def test_perfect_attention_has_all_its_mass_at_rank_0(name):
    truth = truth_of(name)
    assert rank_masses(truth, truth) == pytest.approx([1.0, 1.0, 1.0])


def test_entropy_is_that_of_each_output_item():
    weights = torch.zeros(2, 3, 4)
    weights[:, 0, 1], weights[:, 1, :2], weights[0, 2], weights[1, 2, 0] = 1.0, 0.5, 0.25, 1.0
    assert str(entropy_bits(weights).tolist()[0]) == "0.0"  # Not -0.0.
    assert entropy_bits(weights).tolist() == pytest.approx([0.0, 1.0, 1.0])


# Agreement with occlusion.

OCCLUDED = torch.tensor([0, 3, 8])


def test_agreement_is_counted_of_the_items_that_look_at_an_occluded_position():
    """Of four items: it agrees, it does not, nothing hurts it, and it looks elsewhere."""
    weights = torch.nn.functional.one_hot(torch.tensor([[3, 8, 0, 5]]), LENGTH).float()
    effects = torch.tensor([[[1.0, 2.0, 0.0], [3.0, 0.0, 1.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]])
    assert occlusion_agreement(weights, effects, occluded=OCCLUDED) == pytest.approx(1 / 3)
    nowhere = occlusion_agreement(weights[:, 3:], effects[:, 3:], occluded=OCCLUDED)
    assert nowhere is None


def test_agreement_is_whole_where_attention_explains_the_effects():
    truth = truth_of("reverse")
    assert occlusion_agreement(truth, truth[..., OCCLUDED], occluded=OCCLUDED) == 1.0
    shifted = truth.roll(1, -1)
    assert occlusion_agreement(shifted, truth[..., OCCLUDED], occluded=OCCLUDED) == 0.0


# Interventions.

SYMBOLS = 12


def source_of(*, is_distinct):
    draw = torch.Generator().manual_seed(6)
    if is_distinct:
        lots = torch.rand(40, SYMBOLS, generator=draw)
        return lots.argsort(dim=1)[:, :LENGTH]
    return torch.randint(SYMBOLS, (40, LENGTH), generator=draw)


def batch_of(task, *, is_distinct=False):
    source = source_of(is_distinct=is_distinct)
    target = TASKS[task].targets(source)
    return Batch(source, target, with_start(target, SYMBOLS), SYMBOLS)


def lookup(task, *, shift=0):
    """Return a model whose context is a perfect lookup: it answers with what it looks at."""
    config = ModelConfig(symbols=SYMBOLS, hidden=SYMBOLS)
    with seeded_initialisation(1):
        model = Copying(config, task=TASKS[task], shift=shift)
    model.encoder = CarryingEncoder(config)
    return model.eval()


def accuracies_of(model, task, *, is_distinct=False):
    batch = batch_of(task, is_distinct=is_distinct)
    truth = TASKS[task].align(batch.source)
    found = intervention_accuracies(model, batch, truth, generator=stream(1, "masked", LENGTH))
    return {name.removesuffix("_accuracy"): value for name, value in found.items()}


@pytest.mark.parametrize("task", TASKS)
def test_perfect_lookup_loses_all_without_the_true_positions_and_nothing_without_others(task):
    """Symbols are distinct but on sort, where all that are equal are true positions."""
    model = lookup(task)
    attention_before = model.decoder.attention
    found = accuracies_of(model, task, is_distinct=task != "sort")
    assert found.pop("shifted") < (0.25 if task == "sort" else 1e-9)  # Equal symbols are beside.
    expected = {"intact": 1.0, "masked_true": 0.0, "masked_other": 1.0}
    assert found == expected | {"top_1": 1.0, "top_4": 1.0}
    assert model.decoder.attention is attention_before


def test_shifted_weights_are_moved_to_the_next_position():
    """A lookup that looks one place too far to the left is put right by it."""
    found = accuracies_of(lookup("copy", shift=-1), "copy", is_distinct=True)
    assert (found["intact"], found["shifted"]) == (0.0, 1.0)


def test_what_is_left_is_scaled_up_and_as_many_others_are_masked():
    truth = truth_of("sort") > 0
    weights = torch.rand(truth.shape, generator=torch.Generator().manual_seed(7))
    others = attention._drawn_others(truth, generator=torch.Generator().manual_seed(8))
    for kept in (~truth, ~others):
        changed = attention._only(kept, weights)
        torch.testing.assert_close(changed.sum(dim=-1), kept.any(dim=-1).float())
        torch.testing.assert_close(changed[kept] > 0, torch.ones(int(kept.sum())).bool())
    assert not (others & truth).any()
    room = (~truth).sum(dim=-1)
    assert torch.equal(others.sum(dim=-1), truth.sum(dim=-1).minimum(room))
    drawn = torch.zeros(4, 400, 8, dtype=torch.bool)
    drawn[..., 0] = True
    shares = attention._drawn_others(drawn, generator=torch.Generator().manual_seed(9))
    assert shares.float().mean(dim=(0, 1))[1:].tolist() == pytest.approx([1 / 7] * 7, abs=0.04)
    largest = attention._largest(2, torch.tensor([[[0.1, 0.5, 0.0, 0.4]]]))
    assert largest[0, 0].tolist() == pytest.approx([0, 5 / 9, 0, 4 / 9])


class Doubting(Copying):
    """Its bias answers with symbol 0 unless nearly a whole weight is on another."""

    def __init__(self, config, **options):
        super().__init__(config, **options)
        with torch.no_grad():
            self.decoder.output.bias[0] = 4.5

    def look(self, source):
        super().look(source)
        others = torch.full_like(self.given.weights, 1 / source.shape[1])
        self.given.weights = 0.5 * self.given.weights + 0.5 * others


def test_planted_faults_are_seen(monkeypatch):
    """A mask that does not scale up what is left loses accuracy by the size of the context."""
    config = ModelConfig(symbols=SYMBOLS, hidden=SYMBOLS)
    with seeded_initialisation(1):
        model = Doubting(config, task=TASKS["copy"]).eval()
    model.encoder = CarryingEncoder(config)
    right = accuracies_of(model, "copy", is_distinct=True)
    monkeypatch.setattr(attention, "_only", lambda kept, weights: weights * kept)
    faulty = accuracies_of(model, "copy", is_distinct=True)
    assert right["top_1"] == 1.0
    assert faulty["top_1"] < 0.2


class Remembering(nn.Module):
    """An attention beside the one that is called; and one of another form."""

    def __init__(self, model, other):
        super().__init__()
        self.model, self.decoder = model, nn.Module()
        self.decoder.attention = other

    def forward(self, source, target_in):
        return self.model(source, target_in)


class OfAnotherForm(nn.Module):
    """Calls its attention in a way of its own."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.Module()
        self.decoder.attention = nn.MultiheadAttention(SYMBOLS, 1, batch_first=True)

    def forward(self, source, target_in):
        states = nn.functional.one_hot(source, SYMBOLS).float()
        return self.decoder.attention(states, states, states, need_weights=True)[0]


def test_only_an_attention_that_averages_the_memory_is_changed():
    config = ModelConfig(symbols=SYMBOLS, hidden=SYMBOLS)
    with seeded_initialisation(1):
        for build in (build_dot, build_additive, build_uniform):
            found = accuracies_of(build(config).eval(), "copy")
            assert len(found) == 6
        plain, dot = build_plain(config).eval(), build_dot(config).eval()
        for model in (plain, Remembering(dot, dot.decoder.attention), OfAnotherForm()):
            kept = getattr(model.decoder, "attention", None)
            assert accuracies_of(model.eval(), "copy") == {}
            assert model.decoder.attention is kept
