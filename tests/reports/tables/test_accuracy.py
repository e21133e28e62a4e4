from dataclasses import replace

import pytest

from reports.tables.accuracy import accuracy_tables, headline_table
from results.errors import ResultsError
from tests.rows import curve_row, curve_rows, failed, frame_of, scores

LAID_OUT = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 50, 60)}
ROWS = curve_rows(**LAID_OUT)


def tables(rows):
    return accuracy_tables(frame_of(rows))


def row_of(text, task, model):
    lines = text.partition("**Token accuracy, free-running**")[2].splitlines()
    return next(line for line in lines if line.startswith(f"| {task} | {model} |"))


def test_cells_hold_the_mean_and_the_range_of_the_seeds():
    text = tables(ROWS)
    values = [scores("copy", "seq2seq", seed, 50)["token_accuracy"] for seed in (0, 1, 2)]
    expected = f"{sum(values) / 3:.3f} ({min(values):.3f}–{max(values):.3f})"
    assert f"| {expected} |" in row_of(text, "copy", "Seq2Seq")
    bits = scores("sort", "rnn", 0, 50)["target_bits"]
    assert f"| *{bits:.0f}* |" in row_of(text, "sort", "*all the information in the target*")
    assert "length 60" not in text
    assert "length 200" not in text
    assert "3 seeds: mean (lowest–highest seed)" in text


def test_sizes_of_models_stand_beside_their_scores():
    sized = [replace(row, parameters=30_832, memory_numbers=128 + row.length) for row in ROWS]
    last = tables(sized).partition("**Size**")[2].splitlines()
    assert "| RNN | 30,832 | 30,832 | 138 | 178 |" in last


@pytest.mark.fault("F13")
def test_partial_cells_say_so_and_one_seed_has_no_range(reached):
    def is_lost(row):
        point = (row.task, row.model, row.length)
        return point == ("copy", "rnn", 50) or (*point, row.seed) == ("sort", "rnn", 50, 2)

    kept = [row for row in ROWS if (row.task, row.model, row.length) != ("copy", "seq2seq", 10)]
    text = tables([failed(row) if is_lost(row) else row for row in kept])
    reached(injected=2)
    assert "| did not finish |" in row_of(text, "copy", "RNN")
    assert row_of(text, "copy", "Seq2Seq").startswith("| copy | Seq2Seq | – |")
    assert ", n = 2 |" in row_of(text, "sort", "RNN")
    one_seed = tables([row for row in ROWS if row.seed == 0])
    assert "1 seed: mean" in one_seed
    assert "(0." not in one_seed.partition("**Token accuracy, free-running**")[2]


def test_extrapolation_and_mixtures_stay_out_and_protocols_apart():
    beyond = curve_row("copy", "rnn", 0, 100, train_length=60)
    assert tables([*ROWS, beyond]) == tables(ROWS)
    with pytest.raises(ResultsError, match="configurations are mixed"):
        tables([*ROWS, curve_row("copy", "rnn", 0, 50, hidden=128, config_id="wide")])
    with pytest.raises(ResultsError, match="no row"):
        accuracy_tables(frame_of(ROWS)[:0])
    text = tables([*ROWS, *curve_rows(protocol="independent", **LAID_OUT)])
    assert text.index("Protocol `curriculum`") < text.index("Protocol `independent`")
    assert text.count("**Carried bits per sequence**") == 2


def test_headline_has_a_line_for_each_task_and_model():
    rows = [
        replace(row, parameters=30_832, memory_numbers=128 + row.length, sequence_accuracy=0.25)
        for row in ROWS
    ]
    lines = headline_table(frame_of(rows)).splitlines()
    assert lines[0].startswith(
        "| task | model | half lost at | items right at 50 | items right at 60 |"
    )
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        [f"| {task}", model] for task in ("copy", "sort") for model in ("RNN", "Seq2Seq")
    ]

    def mean(name, length):
        return sum(scores("copy", "seq2seq", seed, length)[name] for seed in (0, 1, 2)) / 3

    accuracies = [f"{mean('token_accuracy', length):.2f}" for length in (50, 60)]
    bits = [f"{mean(name, 60):.0f}" for name in ("carried_bits", "target_bits")]
    assert lines[3].split(" | ")[3:] == [*accuracies, "0.25", " of ".join(bits), "188", "30,832 |"]
    with pytest.raises(ResultsError, match="no row"):
        headline_table(frame_of(ROWS)[:0])
