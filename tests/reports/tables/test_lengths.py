"""The README's table of how far models hold, from curves whose crossings are known."""

import dataclasses
import math
import re

import pytest

from reports.tables.lengths import length_table
from tests.rows import curve_row, failed, frame_of

LENGTHS = (10, 20, 40, 80)


def rows_of(model, *curves):
    """Return rows whose every score is the share given, a curve for each seed."""
    return [
        dataclasses.replace(
            curve_row("copy", model, seed, length),
            normalised_accuracy=share,
            sequence_accuracy=share,
            carried_bits=4.0 * length * share,
            target_bits=4.0 * length,
        )
        for seed, shares in enumerate(curves)
        for length, share in zip(LENGTHS, shares, strict=True)
    ]


def cells_of(rows, label):
    (line,) = (
        line
        for line in length_table(frame_of(rows)).splitlines()
        if line.startswith(f"| copy | {label} |")
    )
    return [cell.strip() for cell in line.strip("| ").split(" | ")][2:]


HELD = (1.0, 1.0, 0.99, 0.98)
LOST = (1.0, 0.8, 0.2, 0.1)
EARLY = (0.4, 0.3, 0.2, 0.1)
FLAT = (0.3, 0.31, 0.3, 0.31)


def test_lengths_and_solved_seeds_are_known_by_hand():
    rows = [*rows_of("seq2seq", LOST, LOST, LOST), *rows_of("seq2seq+dot", HELD, HELD, HELD)]
    # In the logarithm: half of the way from 10 to 20, and half of that from 20 to 40.
    ninth, half = 10 * math.sqrt(2), 20 * math.sqrt(2)
    assert cells_of(rows, "Seq2Seq") == [
        f"{ninth:.0f} ({ninth:.0f}–{ninth:.0f})",
        *[f"{half:.0f} ({half:.0f}–{half:.0f})"] * 2,
        "0 of 3 (0.00–0.56)",
    ]
    assert cells_of(rows, "Seq2Seq + dot attention") == [*["> 80"] * 3, "3 of 3 (0.44–1.00)"]
    mixed = cells_of(rows_of("seq2seq", HELD, LOST, EARLY), "Seq2Seq")
    assert mixed[1:] == [
        *["> 80 in 1 of 3, below the shortest in 1 of 3"] * 2,
        "1 of 3 (0.06–0.79)",
    ]
    assert cells_of(rows_of("seq2seq", FLAT), "Seq2Seq")[1] == "not identified in 1 of 1"
    assert cells_of(rows_of("seq2seq", LOST), "Seq2Seq")[1] == f"{half:.0f}"


def test_what_did_not_finish_is_not_solved_and_bounds_no_further_than_it_went():
    held = rows_of("seq2seq", HELD, HELD)
    rows = [*held[:-1], failed(held[-1])]
    assert cells_of(rows, "Seq2Seq") == [*["> 40"] * 3, "1 of 2 (0.09–0.91)"]


@pytest.mark.fault("F27")
def test_a_name_is_text_in_a_cell_of_its_own_whatever_marks_it_has(reached):
    names = [
        "a|b",
        "`c`",
        "<script>",
        "_x_ *y*",
        "[z](w)",
        "$x$",
        "\\|",
        "a\x1b[31m",
        f"{'l' * 90}1",
    ]
    names += [f"{'l' * 90}2", "RNN"]
    rows = [row for name in ["rnn", *names] for row in rows_of(name, HELD)]
    lines = length_table(frame_of(rows)).splitlines()[2:]
    reached(injected=len(names))
    cells = [re.split(r"(?<!\\)(?:\\\\)*\|", line)[2].strip() for line in lines]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {7}
    read = [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell) for cell in cells]
    assert {"a|b", "`c`", "<script>", "_x_ *y*", "[z](w)", "$x$", "\\|", "RNN", "RNN #2"} <= {*read}
    assert len({*read}) == len(names) + 1
    assert not re.search(r"(?<!\\)[<>`*_$\[]", " ".join(cells).replace("\\\\", ""))
