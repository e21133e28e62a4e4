"""How names and lengths are written."""

from results.wording import spans


def test_spans_join_neighbours_of_the_grid():
    for lengths, text in (([20, 10], "10, 20"), ([10, 30, 40, 200], "10, 30..200")):
        assert spans(lengths, grid=[10, 20, 30, 40, 200]) == text
