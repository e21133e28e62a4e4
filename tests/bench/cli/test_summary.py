"""The small table at the end of a run never averages what differs in more than its seed."""

from bench.cli.summary import summary_table
from tests.rows import accuracy_row


def test_sizes_of_one_model_stand_in_lines_of_their_own():
    rows = [
        accuracy_row(seed=seed, hidden=hidden, token_accuracy=accuracy)
        for hidden, accuracy in ((32, 0.25), (64, 0.75))
        for seed in (1, 2)
    ]
    small, large = summary_table(rows).splitlines()[1:]
    assert "hidden 32" in small
    assert small.endswith("0.250")
    assert "hidden 64" in large
    assert large.endswith("0.750")


def test_what_does_not_differ_is_not_named():
    rows = [accuracy_row(seed=seed, token_accuracy=0.5) for seed in (1, 2)]
    (line,) = summary_table(rows).splitlines()[1:]
    assert line.split() == [rows[0].task, rows[0].model, "0.500"]
