import dataclasses
import math

import pytest

from reports.plots.capacity import (
    capacity_caption,
    capacity_of,
    collapse_lines,
)
from tests.rows import curve_row, failed, frame_of

SIZES = ((32, 4), (32, 16), (64, 16))
SHARES = {10: 1.0, 20: 0.75, 40: 0.25, 80: 0.125}


def rows_of(*sizes, longest=80, **changes):
    """Return rows of which seed 1 carries less; half gets through between 20 and 40 items."""
    rows = []
    for hidden, symbols in sizes or SIZES:
        for seed in (0, 1):
            for length, share in SHARES.items():
                bits = length * math.log2(symbols)
                values = {
                    "config_id": f"{hidden}-{symbols}",
                    "hidden": hidden,
                    "symbols": symbols,
                    "target_bits": bits,
                    "carried_bits": bits * (share - 0.01 * seed),
                }
                if length <= longest:
                    rows.append(curve_row("copy", "seq2seq", seed, length, **values | changes))
    return rows


def capacity(*rows):
    return capacity_of(frame_of(rows))


def half_length(seed):
    """Return where the line from 20 to 40 items, on a logarithmic axis, crosses one half."""
    high, low = SHARES[20] - 0.01 * seed, SHARES[40] - 0.01 * seed
    return 20 * 2 ** ((high - 0.5) / (high - low))


def test_bits_are_those_of_every_seed_against_those_of_the_target():
    table = capacity(*rows_of()).curves.table
    assert set(table["line"]) == {"32/4", "32/16", "64/16"}
    (row,) = table.query("line == '32/4' and length == 20 and seed == 1").to_dict("records")
    assert (row["x"], row["y"]) == (40.0, pytest.approx(40 * 0.74))
    assert (row["hidden"], row["symbols"]) == (32, 4)


def test_bits_per_number_of_the_state():
    for cell, per_unit in (("lstm", 2), ("gru", 1)):
        # 20 items of 4 bits in 32 units; the seeds carry 0.75 and 0.74 of them.
        found = capacity(*rows_of(cell=cell)).most_per_number
        assert found == pytest.approx(20 * 4 * 0.745 / (32 * per_unit))


def test_half_gets_through_where_the_share_of_each_seed_crosses_one_half():
    half = capacity(*rows_of()).half
    assert half_length(0) == pytest.approx(20 * math.sqrt(2))
    assert half["length"].tolist() == pytest.approx([half_length(0), half_length(1)] * 3)
    assert not half["is_bound"].any()


def test_nothing_is_extrapolated_to_find_the_half_length():
    """A size of which a seed stays above one half has a bound; one always below has nothing."""
    short = rows_of((32, 4), longest=20)
    half = capacity(*short, *rows_of((64, 16))).half.set_index(["hidden", "seed"])
    bounds = {(hidden, seed): hidden == 32 for hidden in (32, 64) for seed in (0, 1)}
    assert half["is_bound"].to_dict() == bounds
    assert half.loc[32, "length"].tolist() == [20, 20]
    lost = [failed(row) for row in rows_of((32, 4))]
    found = capacity(*lost, *rows_of((64, 16)))
    assert set(found.half["hidden"]) == {64}
    assert found.curves.facts.unfinished == len(lost)
    below = [row for row in rows_of((32, 4)) if row.length > 20]
    assert set(capacity(*below, *rows_of((64, 16))).half["hidden"]) == {64}


def test_the_task_with_most_sizes_is_taken_and_other_models_are_told():
    attention = [
        dataclasses.replace(
            row, model="seq2seq+dot", carried_bits=(1 - 1 / row.length) * row.target_bits
        )
        for row in rows_of()
    ]
    found = capacity(*rows_of(), *attention, curve_row("reverse", "seq2seq", 0, 10, hidden=256))
    assert set(found.curves.facts.symbols) == {"copy"}
    assert found.least_shares == {"seq2seq+dot": pytest.approx(0.9)}
    (line,) = collapse_lines(found.collapse)
    assert line.startswith("At 2.5 bits of the target per number of the state, 3 sizes differ by ")
    assert line.endswith("n = 2 seeds.")
    assert collapse_lines(None) == []
    assert "dot attention carries at least 0.900 of the bits." in capacity_caption(found)
