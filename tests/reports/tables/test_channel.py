import pytest

from reports.selection.channel import channel_of
from reports.tables.channel import budget_table, channel_table
from results.errors import ResultsError
from tests.rows import channel_rows, curve, frame_of


def test_every_way_to_build_a_channel_has_its_share():
    lines = channel_table(channel_of(frame_of(channel_rows(share=0.9)))).splitlines()
    assert lines[-1] == "| 16 bits | " + " | ".join(["0.90 (0.90–0.90)"] * 4) + " |"
    assert "SNR 15, 7,000 updates" in lines[2]
    first = [row for row in channel_rows(share=0.9) if row.seed == channel_rows()[0].seed]
    (*_, line) = channel_table(channel_of(frame_of(first))).splitlines()
    assert line == "| 16 bits | " + " | ".join(["0.90"] * 4) + " |"
    short = [row for row in channel_rows() if row.length < 8]
    with pytest.raises(ResultsError, match="no target has 4 times"):
        channel_table(channel_of(frame_of(short)))


def test_half_lost_by_budget():
    budgets = {100: (1.0, 0.0), 400: (1.0, 1.0)}
    rows = [
        row
        for budget, shares in budgets.items()
        for row in curve("seq2seq", shares, budget_updates=budget, config_id=f"b{budget}")
    ]
    lines = budget_table(frame_of(rows)).splitlines()
    assert lines[2:] == ["| copy | seq2seq | 100 | 14 | 1 |", "| copy | seq2seq | 400 | – | 1 |"]
