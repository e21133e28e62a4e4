"""Where attention looks, against counting by hand and attention whose columns are known."""

import math

import pytest
import torch

from bench.probes.attention import alignment_row, occlusion_agreement
from tasks import TASKS
from tests.rows import accuracy_row

LENGTH = 9


def columns_of(weights, truth):
    """The means that are in the row, in its order."""
    row = alignment_row(accuracy_row(), weights, truth, agreement=None)
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
