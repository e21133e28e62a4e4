"""What a model gives is held to the contract; a refusal says what was needed, and what came."""

import numpy as np
import pytest
import torch
from torch import nn

from models.interface import (
    answers_of,
    context,
    forward_flops,
    logits_of,
    parameter_count,
    warm_up,
)

SOURCE = torch.zeros(2, 3, dtype=torch.int64)
TARGET_IN = torch.zeros(2, 4, dtype=torch.int64)


class Giving(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, source, target_in):
        return self.output

    def generate(self, source, length):
        return self.output


@pytest.mark.fault("F26")
@pytest.mark.parametrize(
    ("logits", "given"),
    [
        (torch.zeros(2, 4, 6), "shape (2, 4, 6) as float32 on cpu"),
        (torch.zeros(4, 2, 5), "shape (4, 2, 5) as float32 on cpu"),
        (torch.zeros(2, 3, 5), "shape (2, 3, 5) as float32 on cpu"),
        (torch.zeros(8, 5), "shape (8, 5) as float32 on cpu"),
        (torch.zeros(2, 4, 5).half(), "shape (2, 4, 5) as float16 on cpu"),
        (torch.zeros(2, 4, 5).bfloat16(), "shape (2, 4, 5) as bfloat16 on cpu"),
        (torch.zeros(2, 4, 5, dtype=torch.int64), "shape (2, 4, 5) as int64 on cpu"),
        (torch.zeros(2, 4, 5, dtype=torch.complex64), "shape (2, 4, 5) as complex64 on cpu"),
        (torch.zeros(2, 4, 5, device="meta"), "shape (2, 4, 5) as float32 on meta"),
        ((torch.zeros(2, 4, 5), None), "a tuple"),
        (np.zeros((2, 4, 5)), "a ndarray"),
        (None, "a NoneType"),
    ],
)
def test_logits_of_another_form_are_refused(logits, given):
    with pytest.raises(ValueError, match=r"^forward: must return logits of shape \(2, 4, 5\)") as e:
        logits_of(Giving(logits), SOURCE, TARGET_IN, symbols=5)
    assert str(e.value).endswith(f", got {given}")


@pytest.mark.fault("F26")
@pytest.mark.parametrize(
    ("answers", "given"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), "shape (2, 3) as int64 on cpu"),
        (torch.zeros(2, 4, 1, dtype=torch.int64), "shape (2, 4, 1) as int64 on cpu"),
        (torch.zeros(2, 4), "shape (2, 4) as float32 on cpu"),
        (torch.zeros(2, 4, dtype=torch.bool), "shape (2, 4) as bool on cpu"),
        (torch.zeros(2, 4, dtype=torch.int64, device="meta"), "shape (2, 4) as int64 on meta"),
        (torch.full((2, 4), 5), "5 to 5"),
        (torch.arange(-1, 7).view(2, 4), "-1 to 6"),
        ([[0] * 4] * 2, "a list"),
    ],
)
def test_answers_of_another_form_are_refused(answers, given):
    with pytest.raises(ValueError, match=r"^generate: must return whole numbers from 0 to 4") as e:
        answers_of(Giving(answers), SOURCE, 4, symbols=5)
    assert str(e.value).endswith(f", got {given}")


class Changing(nn.Module):
    """Changes one of its inputs in place."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, source, target_in):
        self.change(source, target_in)
        return torch.zeros(2, 4, 5)

    def generate(self, source, length):
        self.change(source, source)
        return torch.zeros(2, 4, dtype=torch.int64)


@pytest.mark.fault("F26")
@pytest.mark.parametrize(
    "change",
    [
        lambda source, target_in: source.add_(1),
        lambda source, target_in: source[:, 1:].zero_(),
        lambda source, target_in: target_in.view(-1).clamp_(max=3),
        lambda source, target_in: target_in.__setitem__(0, 1),
    ],
)
def test_input_is_not_to_be_changed(change):
    words = "must not change its input in place; let it work on a copy"
    with pytest.raises(ValueError, match=f"^forward: {words}"):
        logits_of(Changing(change), SOURCE.clone(), TARGET_IN.clone(), symbols=5)
    with pytest.raises(ValueError, match=f"^generate: {words}"):
        answers_of(Changing(change), SOURCE.clone(), 4, symbols=5)


def test_optional_methods_are_asked_and_other_things_of_their_name_are_not():
    model = Giving(None)
    model.flops, model.warm_up, model.context = 3, nn.Linear(2, 2), "text"
    assert forward_flops(model, 2, 2) is None
    assert context(model, SOURCE) is None
    warm_up(model)
    model.flops = lambda source, target: source * target
    assert forward_flops(model, 2, 3) == 6


def test_frozen_parameters_are_not_learned():
    model = nn.Linear(3, 2)
    model.weight.requires_grad_(False)
    assert parameter_count(model) == 2


def test_outputs_of_either_precision_and_any_whole_numbers_pass():
    for dtype in (torch.float32, torch.float64):
        logits = torch.zeros(2, 4, 5, dtype=dtype)
        assert logits_of(Giving(logits), SOURCE, TARGET_IN, symbols=5) is logits
    for dtype in (torch.int64, torch.int32):
        answers = torch.ones(2, 4, dtype=dtype)
        assert answers_of(Giving(answers), SOURCE, 4, symbols=5) is answers
