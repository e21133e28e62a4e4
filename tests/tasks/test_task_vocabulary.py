"""Token ids and the shift of a target."""

import pytest
import torch

from tasks.vocabulary import start_id, vocabulary_size, with_start


def test_the_start_symbol_is_the_last_of_the_vocabulary() -> None:
    assert start_id(16) == 16
    assert vocabulary_size(16) == 17


def test_target_in_is_the_target_one_step_later() -> None:
    assert with_start(torch.tensor([[3, 1, 2], [0, 0, 1]]), 4).tolist() == [[4, 3, 1], [4, 0, 0]]


def test_a_target_of_one_item_leaves_only_the_start_symbol() -> None:
    assert with_start(torch.tensor([[1]]), 2).tolist() == [[2]]


@pytest.mark.parametrize("function", [start_id, vocabulary_size])
def test_an_alphabet_has_at_least_two_symbols(function: object) -> None:
    with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
        function(1)  # type: ignore[operator]
