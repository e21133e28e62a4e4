"""Where attention looks, against plain Python on the true alignments of the tasks."""

import math
from collections import Counter
from statistics import fmean

import pytest
import torch

from bench.probes.attention import alignment_row, occlusion_agreement
from tasks import TASKS
from tests.rows import accuracy_row

LENGTH = 9
SYMBOLS = 4  # Fewer than items, so that sort has ties.
COLUMNS = (
    *("aligned_fraction", "near_fraction", "best_offset_items", "best_offset_fraction"),
    *("aligned_mass", "near_mass", "weight_entropy_bits", "test_sequences"),
)


def columns_of(weights, truth):
    row = alignment_row(accuracy_row(), weights, truth, agreement=None)
    return {name: getattr(row, name) for name in COLUMNS}


def truth_of(name, *, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return TASKS[name].align(torch.randint(SYMBOLS, (6, LENGTH), generator=draw))


def random_weights(*, seed, target=LENGTH):
    draw = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(6, target, LENGTH, generator=draw)).softmax(dim=-1)


def slow_columns(weights, truth):
    """Compute the columns, with all the offsets that are equally frequent."""
    aligned, near, mass, near_mass, bits, offsets = [], [], [], [], [], Counter()
    for row, true_row in zip(weights.tolist(), truth.tolist(), strict=True):
        for item, true_item in zip(row, true_row, strict=True):
            true = [position for position, share in enumerate(true_item) if share > 0]
            around = {each + step for each in true for step in (-1, 0, 1)}
            looks_at = item.index(max(item))
            aligned.append(looks_at in true)
            near.append(looks_at in around)
            mass.append(sum(weight for place, weight in enumerate(item) if place in true))
            near_mass.append(sum(weight for place, weight in enumerate(item) if place in around))
            bits.append(-sum(weight * math.log2(weight) for weight in item if weight > 0))
            nearest = min(true, key=lambda each: (abs(looks_at - each), each))
            offsets[looks_at - nearest] += 1
    most = max(offsets.values())
    best = [offset for offset, count in offsets.items() if count == most]
    means = map(fmean, (aligned, near, mass, near_mass, bits))
    names = ("aligned_fraction", "near_fraction", "aligned_mass", "near_mass")
    columns = dict(zip((*names, "weight_entropy_bits"), means, strict=True))
    return columns | {"best_offset_fraction": most / offsets.total(), "test_sequences": 6}, best


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("seed", range(3))
def test_columns_agree_with_plain_python(name, seed):
    truth, random = truth_of(name, seed=seed), random_weights(seed=seed)
    longer = random_weights(seed=seed, target=2 * LENGTH)
    for weights, true in (
        (random, truth),
        ((random + truth) / 2, truth),
        (longer, truth.repeat(1, 2, 1)),
    ):
        columns, best_offsets = slow_columns(weights, true)
        found = columns_of(weights, true)
        assert found.pop("best_offset_items") in best_offsets
        assert found == pytest.approx(columns, abs=1e-5)


@pytest.mark.parametrize("shift", range(-3, 4))
def test_alignment_places_off_is_found_by_its_offset(shift):
    """Near is one place at most."""
    truth = truth_of("copy")[:, 3:-3]  # Away from the borders.
    found = columns_of(truth.roll(shift, dims=-1), truth)
    assert found == {
        "aligned_fraction": float(shift == 0),
        "near_fraction": float(abs(shift) <= 1),
        "best_offset_items": shift,
        "best_offset_fraction": 1.0,
        "aligned_mass": float(shift == 0),
        "near_mass": float(abs(shift) <= 1),
        "weight_entropy_bits": 0.0,
        "test_sequences": 6,
    }


def test_last_position_is_no_neighbour_of_the_first():
    truth = truth_of("copy")
    looks_at_the_last = torch.zeros_like(truth)
    looks_at_the_last[..., -1] = 1.0
    found = columns_of(looks_at_the_last, truth)
    assert found["aligned_fraction"] == pytest.approx(1 / LENGTH)
    assert found["near_fraction"] == pytest.approx(2 / LENGTH)


def test_uniform_weights_look_anywhere():
    """Each of the equal weights is the largest by its share: at the true position by chance."""
    found = columns_of(torch.full((6, LENGTH, LENGTH), 1 / LENGTH), truth_of("copy"))
    assert found["aligned_fraction"] == found["aligned_mass"] == pytest.approx(1 / LENGTH)
    assert found["near_fraction"] == pytest.approx((7 * 3 + 2 * 2) / LENGTH**2)
    assert found["weight_entropy_bits"] == pytest.approx(math.log2(LENGTH), abs=1e-5)


def test_rounded_weights_give_fractions():
    """Float32 weights sum to a little more than 1, and no mass may exceed it."""
    found = columns_of(torch.full((2, 3, 7), 1 / 7 + 1e-7), torch.ones(2, 3, 7) / 7)
    assert found["aligned_mass"] == found["near_mass"] == 1.0


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


@pytest.mark.parametrize("occluded", [list(range(LENGTH)), [0, 4, 8], [2], [0, 1, 7, 8]], ids=str)
def test_agreement_with_occlusion_agrees_with_plain_python(occluded):
    weights, draw = random_weights(seed=2), torch.Generator().manual_seed(3)
    effects = torch.randn(6, LENGTH, len(occluded), generator=draw)
    # Half of the items are hurt where they look, so that there is something to count.
    effects[:, ::2] += 4 * weights[:, ::2][..., occluded]
    found = occlusion_agreement(weights, effects, occluded=torch.tensor(occluded))
    assert found == pytest.approx(slow_agreement(weights, effects, occluded))


def test_agreement_is_whole_where_attention_explains_the_effects_and_empty_where_none_is():
    truth, occluded = truth_of("reverse"), torch.tensor([0, 3, 8])
    effects = truth[..., occluded]
    assert occlusion_agreement(truth, effects, occluded=occluded) == 1.0
    assert occlusion_agreement(truth.roll(1, -1), effects, occluded=occluded) == 0.0
    elsewhere = torch.zeros_like(truth)
    elsewhere[..., 4] = 1.0
    assert occlusion_agreement(elsewhere, effects, occluded=occluded) is None


@pytest.mark.parametrize("effect", [0.0, -1.0])
def test_item_that_nothing_hurts_agrees_with_nothing(effect):
    """A model that does not use its source would agree with attention to its first item."""
    weights = torch.zeros(2, 3, 5)
    weights[..., 0] = 1.0
    effects = torch.full((2, 3, 5), effect)
    assert occlusion_agreement(weights, effects, occluded=torch.arange(5)) == 0.0
