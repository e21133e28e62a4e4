"""The tables at the end of a command."""

from dataclasses import replace

import pytest

from bench.cli.summary import missing_lines, report_of, summary_table, throughput_table
from results.errors import ResultsError
from tests.rows import accuracy_row, failed, filled_store, throughput_row


def test_what_differs_in_more_than_its_seed_is_never_averaged():
    rows = [
        accuracy_row(seed=seed, hidden=hidden, token_accuracy=accuracy + seed / 8)
        for hidden, accuracy in ((32, 0.0), (64, 0.5))
        for seed in (1, 2)
    ]
    assert summary_table(rows).splitlines() == [
        "token accuracy                10",
        "copy seq2seq, hidden 32    0.188",
        "copy seq2seq, hidden 64    0.688",
    ]


def test_a_few_lengths_are_shown_and_only_as_trained():
    rows = [
        accuracy_row(train_length=length, length=length, token_accuracy=length / 100)
        for length in range(10, 100, 10)
    ]
    beyond = accuracy_row(train_length=10, length=200, token_accuracy=1.0)
    header, line = summary_table([*rows, beyond]).splitlines()
    assert header.split() == ["token", "accuracy", "10", "30", "50", "70", "90"]
    assert line.split() == ["copy", "seq2seq", "0.100", "0.300", "0.500", "0.700", "0.900"]
    assert summary_table([]) == "No record yet."


@pytest.mark.fault("F23")
def test_however_many_records_are_missing_a_few_lines_name_them():
    planned = [
        accuracy_row(model=f"m{model:02}", seed=seed, record_id=f"{model}-{seed}")
        for model in range(20)
        for seed in range(9)
    ]
    done = {row.record_id for row in planned if row.seed in (1, 3, 4, 5)}
    died = {"19-0": replace(failed(planned[-9], "killed"), error="killed\x1b[2J by SIGKILL")}
    heading, of_failed, *lines = missing_lines(planned, done, died)
    assert heading == "100 of 180 records are missing:"
    assert of_failed == "  copy, m19, seed 0, length 10: killed: killed\\x1b[2J by SIGKILL"
    assert lines[0] == "  copy, m00, seed 0, 2, 6..8: length 10"
    assert lines[-1] == "  and 8 more"
    assert len(lines) == 13
    assert missing_lines(planned, {row.record_id for row in planned}, {}) == []


def test_throughput_has_a_table_for_each_phase():
    rows = [
        throughput_row(length=2, tokens_per_second=1234.4, peak_memory_bytes=3 * 2**20),
        throughput_row(length=4, noise="noisy"),
        throughput_row(length=9, status="failed", rounds=None, median_seconds=None),
    ]
    lines = throughput_table(rows).splitlines()
    assert ["decode,", "tokens", "per", "second", "2", "4"] in [line.split() for line in lines]
    assert ["seq2seq", "1,234", "-"] in [line.split() for line in lines]
    assert ["seq2seq", "3", "-"] in [line.split() for line in lines]
    assert lines[-1] == "1 of 2 rows are noisy"
    assert throughput_table([]) == "Nothing measured."


def test_models_are_described_by_a_child_whose_complaint_is_passed_on(tmp_path):
    folder = filled_store(tmp_path / "-x results", [accuracy_row()])
    folder.compile()
    report = report_of("reports.models", folder.root)
    assert report.startswith("copy: 16 symbols, curriculum, lstm of 64 units")
    with pytest.raises(ResultsError, match=r"reports.page failed: .*is not a folder; try python"):
        report_of("reports.page", tmp_path / "none")
