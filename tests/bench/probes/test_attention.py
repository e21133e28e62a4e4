"""Where attention looks, against plain Python on the true alignments of the tasks."""

import math
from collections import Counter
from statistics import fmean

import pytest
import torch

from bench.probes.attention import alignment_columns, occlusion_agreement
from tasks import TASKS

LENGTH = 9
SYMBOLS = 4  # Fewer than items, so that sort has ties.


def sources(*, seed=1, rows=6, length=LENGTH):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(SYMBOLS, (rows, length), generator=draw)


def random_weights(*, seed=2, rows=6, target=LENGTH, source=LENGTH):
    draw = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(rows, target, source, generator=draw)).softmax(dim=-1)


def one_hot_of(truth):
    """Return all the weight on one true position of each item, of equal ones the last."""
    last = truth.shape[-1] - 1 - (truth > 0).flip(-1).int().argmax(dim=-1)
    return torch.nn.functional.one_hot(last, truth.shape[-1]).float()


# Against plain Python.


def slow_columns(weights, truth):
    """Return the columns, and all the offsets that are equally frequent."""
    aligned, near, mass, near_mass, bits, offsets = [], [], [], [], [], Counter()
    for row, true_row in zip(weights.tolist(), truth.tolist(), strict=True):
        for item, true_item in zip(row, true_row, strict=True):
            true = [position for position, share in enumerate(true_item) if share > 0]
            around = {each + step for each in true for step in (-1, 0, 1)}
            looks_at = item.index(max(item))
            aligned.append(looks_at in true)
            near.append(looks_at in around)
            mass.append(sum(weight for position, weight in enumerate(item) if position in true))
            near_mass.append(
                sum(weight for position, weight in enumerate(item) if position in around)
            )
            bits.append(-sum(weight * math.log2(weight) for weight in item if weight > 0))
            nearest = min(true, key=lambda each: (abs(looks_at - each), each))
            offsets[looks_at - nearest] += 1
    columns = {
        "aligned_fraction": fmean(aligned),
        "near_fraction": fmean(near),
        "best_offset_fraction": max(offsets.values()) / offsets.total(),
        "aligned_mass": fmean(mass),
        "near_mass": fmean(near_mass),
        "weight_entropy_bits": fmean(bits),
        "test_sequences": len(weights),
    }
    most = max(offsets.values())
    return columns, [offset for offset, count in offsets.items() if count == most]


def check_columns(columns_of):
    for name, task in TASKS.items():
        for seed in range(4):
            truth = task.align(sources(seed=seed))
            random = random_weights(seed=seed)
            for weights in (random, (random + truth) / 2, one_hot_of(truth)):
                columns, best_offsets = slow_columns(weights, truth)
                found = dict(columns_of(weights, truth))
                assert found.pop("best_offset_items") in best_offsets, name
                assert found == pytest.approx(columns, abs=1e-5), name


def test_columns_agree_with_plain_python():
    check_columns(alignment_columns)


def test_answer_longer_than_its_source_agrees_with_plain_python():
    truth = TASKS["copy"].align(sources()).repeat(1, 2, 1)
    weights = random_weights(target=2 * LENGTH)
    columns, best_offsets = slow_columns(weights, truth)
    found = alignment_columns(weights, truth)
    assert found.pop("best_offset_items") in best_offsets
    assert found == pytest.approx(columns, abs=1e-5)


def looking_away(weights, truth):
    return alignment_columns(1 - weights, truth)


def only_the_first_of_equal_items(weights, truth):
    first = torch.nn.functional.one_hot((truth > 0).int().argmax(dim=-1), truth.shape[-1])
    return alignment_columns(weights, first.float())


def near_on_one_side(weights, truth):
    wide = (truth + truth.roll(1, dims=-1)).clamp(max=1)
    near = (weights * (wide > 0)).sum(dim=-1).mean().item()
    return alignment_columns(weights, truth) | {"near_mass": near}


def mass_shared_among_equal_items(weights, truth):
    mass = (weights * truth).sum(dim=-1).mean().item()
    return alignment_columns(weights, truth) | {"aligned_mass": mass}


def entropy_in_nats(weights, truth):
    columns = alignment_columns(weights, truth)
    return columns | {"weight_entropy_bits": columns["weight_entropy_bits"] * math.log(2)}


def offset_to_the_left(weights, truth):
    columns = alignment_columns(weights, truth)
    return columns | {"best_offset_items": -1.0 - columns["best_offset_items"]}


@pytest.mark.parametrize(
    "broken",
    [
        looking_away,
        only_the_first_of_equal_items,
        near_on_one_side,
        mass_shared_among_equal_items,
        entropy_in_nats,
        offset_to_the_left,
    ],
)
def test_columns_counted_otherwise_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_columns(broken)


# Attention whose columns are known.


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize("length", [1, 2, LENGTH, 40])
def test_true_alignment_is_found_everywhere(task, length):
    truth = task.align(sources(length=length))
    assert alignment_columns(one_hot_of(truth), truth) == {
        "aligned_fraction": 1.0,
        "near_fraction": 1.0,
        "best_offset_items": 0.0,
        "best_offset_fraction": 1.0,
        "aligned_mass": 1.0,
        "near_mass": 1.0,
        "weight_entropy_bits": 0.0,
        "test_sequences": 6,
    }


def test_weights_shared_among_equal_items_are_aligned_too():
    truth = TASKS["sort"].align(sources())
    assert (truth > 0).sum() > truth.shape[0] * LENGTH
    columns = alignment_columns(truth, truth)
    assert columns["aligned_fraction"] == 1.0
    assert columns["aligned_mass"] == pytest.approx(1.0)
    assert columns["weight_entropy_bits"] > 0.5


@pytest.mark.parametrize("name", ["copy", "reverse"])
@pytest.mark.parametrize("shift", [-1, 1])
def test_alignment_a_place_off_is_near_and_its_offset_is_found(name, shift):
    truth = TASKS[name].align(sources())
    inner = [t for t in range(LENGTH) if truth[0, t, 1:-1].any()]  # Away from the borders.
    truth = truth[:, inner]
    columns = alignment_columns(truth.roll(shift, dims=-1), truth)
    assert columns["aligned_fraction"] == columns["aligned_mass"] == 0.0
    assert columns["near_fraction"] == columns["near_mass"] == 1.0
    assert (columns["best_offset_items"], columns["best_offset_fraction"]) == (shift, 1.0)


@pytest.mark.parametrize("shift", [-3, -2, 2, 3])
def test_alignment_further_off_is_not_near(shift):
    truth = TASKS["copy"].align(sources())[:, 3:-3]
    columns = alignment_columns(truth.roll(shift, dims=-1), truth)
    assert columns["near_fraction"] == columns["near_mass"] == 0.0
    assert (columns["best_offset_items"], columns["best_offset_fraction"]) == (shift, 1.0)


def test_positions_beyond_the_borders_are_not_near():
    """The last source position is no neighbour of the first."""
    truth = TASKS["copy"].align(sources())
    looks_at_the_last = torch.zeros_like(truth)
    looks_at_the_last[..., -1] = 1.0
    columns = alignment_columns(looks_at_the_last, truth)
    assert columns["aligned_fraction"] == pytest.approx(1 / LENGTH)
    assert columns["near_fraction"] == pytest.approx(2 / LENGTH)


@pytest.mark.parametrize("length", [1, 2, 3, LENGTH, 100])
def test_uniform_weights_have_the_entropy_of_the_length(length):
    weights = torch.full((6, length, length), 1 / length)
    columns = alignment_columns(weights, TASKS["copy"].align(sources(length=length)))
    assert columns["weight_entropy_bits"] == pytest.approx(math.log2(length), abs=1e-5)
    assert columns["aligned_mass"] == pytest.approx(1 / length)


def check_uniform_weights_look_anywhere(columns):
    """Each of the equal weights is the largest by its share: at the true position by chance."""
    source = torch.arange(20).expand(3, -1)
    found = columns(torch.full((3, 20, 20), 1 / 20), TASKS["copy"].align(source))
    assert found["aligned_fraction"] == pytest.approx(1 / 20)
    assert found["near_fraction"] == pytest.approx((18 * 3 + 2 * 2) / 20 / 20)


def test_uniform_weights_look_anywhere():
    check_uniform_weights_look_anywhere(alignment_columns)


def test_weights_whose_first_largest_counts_alone_are_rejected():
    def first_alone(weights, truth):
        first = torch.nn.functional.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights.dtype)
        return alignment_columns(first, truth)

    with pytest.raises(AssertionError):
        check_uniform_weights_look_anywhere(first_alone)


def test_rounded_weights_give_fractions():
    """Float32 rows sum to a little more than 1, of which a share of 1 must not be left."""
    truth = torch.ones(2, 3, 7) / 7
    columns = alignment_columns(torch.full((2, 3, 7), 1 / 7 + 1e-7), truth)
    assert columns["aligned_mass"] == columns["near_mass"] == 1.0


# Agreement with occlusion.


def slow_agreement(weights, effects, occluded):
    agree = []
    for row, losses in zip(weights.tolist(), effects.tolist(), strict=True):
        for item, loss in zip(row, losses, strict=True):
            looks_at = item.index(max(item))
            if looks_at in occluded:
                hurts_at = occluded[loss.index(max(loss))]
                agree.append(looks_at == hurts_at and max(loss) > 0)
    return fmean(agree) if agree else None


def check_agreement(agreement):
    for seed, occluded in enumerate([list(range(LENGTH)), [0, 4, 8], [2], [0, 1, 7, 8]]):
        weights = random_weights(seed=seed)
        effects = torch.randn(
            6, LENGTH, len(occluded), generator=torch.Generator().manual_seed(seed)
        )
        # Half of the items are hurt where they look, so that there is something to count.
        effects[:, ::2] += 4 * weights[:, ::2][..., occluded]
        expected = slow_agreement(weights, effects, occluded)
        found = agreement(weights, effects, occluded=torch.tensor(occluded))
        assert found == pytest.approx(expected)


def test_agreement_with_occlusion_agrees_with_plain_python():
    check_agreement(occlusion_agreement)


def of_all_items(weights, effects, *, occluded):
    hurts_at = occluded[effects.argmax(dim=-1)]
    return (weights.argmax(dim=-1) == hurts_at).double().mean().item()


def of_columns(weights, effects, *, occluded):
    """Take the place in the list of occluded positions for the position."""
    return occlusion_agreement(weights, effects, occluded=torch.arange(len(occluded)))


def of_help(weights, effects, *, occluded):
    return occlusion_agreement(weights, -effects, occluded=occluded)


@pytest.mark.parametrize("broken", [of_all_items, of_columns, of_help])
def test_agreement_counted_otherwise_is_rejected(broken):
    with pytest.raises(AssertionError):
        check_agreement(broken)


def test_agreement_is_whole_where_attention_explains_the_effects():
    truth = TASKS["reverse"].align(sources())
    occluded = torch.tensor([0, 3, 8])
    effects = truth[..., occluded]
    assert occlusion_agreement(truth, effects, occluded=occluded) == 1.0
    assert occlusion_agreement(truth.roll(1, -1), effects, occluded=occluded) == 0.0


def test_attention_that_looks_at_no_occluded_position_has_no_agreement():
    weights = torch.zeros(2, 3, 5)
    weights[..., 4] = 1.0
    effects = torch.rand(2, 3, 2)
    assert occlusion_agreement(weights, effects, occluded=torch.tensor([0, 1])) is None


@pytest.mark.parametrize("effect", [0.0, -1.0])
def test_item_that_nothing_hurts_agrees_with_nothing(effect):
    """A model that does not use its source would agree with attention to its first item."""
    weights = torch.zeros(2, 3, 5)
    weights[..., 0] = 1.0
    effects = torch.full((2, 3, 5), effect)
    assert occlusion_agreement(weights, effects, occluded=torch.arange(5)) == 0.0
