"""The title of each figure is its finding where rows support it, and else says what is drawn."""

import dataclasses

import pytest

from reports.selection.channel import channel_of
from reports.selection.findings import TITLES, percent, title_of
from reports.selection.memory import memory_of
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    DECODER,
    INITIAL,
    OCCLUSION,
    TRUTH,
)
from tests.rows import (
    alignment_row,
    channel_rows,
    cost_rows,
    curve,
    curve_row,
    frame_of,
    probe_tables,
)

PLAIN, DOT, MINE = "seq2seq", "seq2seq+dot", "<b>\x1b[2J"
SEEDS = (0, 1)
LOST, KEPT, SLOW = (1.0, 0.5, 0.4, 0.3, 0.0), (1.0, 1.0, 1.0, 1.0, 0.9), (1.0, 1.0, 1.0, 0.9, 0.6)


def of_seeds(model, *shares, **changes):
    """Return the curve of each seed; all have the same where one is given."""
    curves = shares if len(shares) > 1 else shares * len(SEEDS)
    return [
        row
        for seed, of_one in zip(SEEDS, curves, strict=True)
        for row in curve(model, of_one, seed=seed, **changes)
    ]


def renamed(rows, **names):
    return [dataclasses.replace(row, **names) for row in rows]


def changed(rows, **values):
    return [dataclasses.replace(row, **{k: v(row) for k, v in values.items()}) for row in rows]


BOTH = [*of_seeds(PLAIN, LOST), *of_seeds(DOT, KEPT)]
# One seed of two does not agree.
ONE_SEED = [*of_seeds(PLAIN, LOST, KEPT), *of_seeds(DOT, KEPT)]
FORCED = changed(
    BOTH,
    teacher_forced_token_accuracy=lambda row: min(
        1.0, row.token_accuracy + (0.2 if row.length == 20 else 0.1)
    ),
)
EXACT = changed(
    BOTH, sequence_accuracy=lambda row: 0.8 if row.model == DOT else 0.9 * (row.length < 40)
)


def budgets(*later):
    return [
        *of_seeds(PLAIN, LOST),
        *of_seeds(PLAIN, *later, budget_updates=28000, config_id="long"),
    ]


def beyond(share):
    return [
        curve_row("copy", DOT, seed, length, train_length=100, token_accuracy=right)
        for seed in SEEDS
        for length, right in ((100, 0.98), (200, share))
    ]


@pytest.mark.parametrize(
    ("name", "rows", "about", "title"),
    [
        (
            "accuracy",
            BOTH,
            {},
            "Without attention, half of a copied sequence is lost at 20 items; with dot attention "
            "92 % of 160 are right",
        ),
        (
            "accuracy",
            of_seeds(PLAIN, LOST),
            {},
            "Without attention, half of a copied sequence is lost at 20 items",
        ),
        ("accuracy", ONE_SEED, {}, None),
        ("accuracy", [*of_seeds(PLAIN, LOST), *of_seeds(DOT, LOST)], {}, None),
        ("accuracy", of_seeds(PLAIN, LOST, (1.0, None, None, None, None)), {}, None),
        ("accuracy", renamed(of_seeds(PLAIN, LOST), model=MINE), {}, None),
        (
            "teacher_forced",
            FORCED,
            {},
            "Given the true items before it, Seq2Seq has 80 % of 20 copied items right, and by "
            "itself 60 %",
        ),
        ("teacher_forced", BOTH, {}, None),
        ("teacher_forced", renamed(FORCED, model=MINE), {}, None),
        (
            "sequence_accuracy",
            EXACT,
            {},
            "Without attention, less than 1 % of the sequences of 40 items are copied without an "
            "error; with dot attention 80 %",
        ),
        ("sequence_accuracy", BOTH, {}, None),
        (
            "carried_bits",
            BOTH,
            {},
            "At this budget, 0 of the 640 bits of 160 copied items reach the answer without "
            "attention, and 576 with dot attention",
        ),
        ("carried_bits", ONE_SEED, {}, None),
        (
            "budget",
            budgets((1.0, 1.0, 0.5, 0.3, 0.0)),
            {},
            "With 4 times the budget, Seq2Seq loses half of a copied sequence at 40 items instead "
            "of 20",
        ),
        ("budget", budgets(LOST), {}, None),
        ("budget", budgets(KEPT), {}, None),
        (
            "beyond",
            beyond(0.4),
            {"trained": 100},
            "Beyond the 100 items trained for, dot attention falls off: 98 % of 100 copied items "
            "are right, and 40 % of 200",
        ),
        ("beyond", beyond(0.95), {"trained": 100}, None),
        ("beyond", renamed(beyond(0.4), model=MINE), {"trained": 100}, None),
        (
            "throughput",
            cost_rows(models=(PLAIN, DOT), lengths=(100, 200)),
            {},
            "At 200 items, Seq2Seq trains 2.2 times as fast as with dot attention, and answers "
            "2.2 times as fast",
        ),
        ("throughput", cost_rows(models=(PLAIN, "rnn"), lengths=(100, 200)), {}, None),
        (
            "throughput",
            cost_rows(models=(PLAIN, DOT), lengths=(100, 200), tokens_per_second=1.0),
            {},
            None,
        ),
    ],
)
def test_titles_of_curves(name, rows, about, title):
    found = title_of(name, frame_of(rows), **about)
    assert found == (title or TITLES[name].neutral.format(**about))


def test_title_of_the_channel():
    found = channel_of(frame_of(channel_rows(share=0.9)))
    expected = (
        "No model carries more bits than its channel passes; long sequences fill 90 % of 16 bits"
    )
    assert title_of("channel", found) == expected
    nothing = dataclasses.replace(found, points=found.points[:0])
    for unsupported in (channel_of(frame_of(channel_rows(share=1.2))), nothing):
        assert title_of("channel", unsupported) == TITLES["channel"].neutral


def passing(plain, dot):
    """Return the points of a state of 128 numbers, and of memory that grows, at these shares."""
    rows = [
        *changed(of_seeds(PLAIN, plain), memory_numbers=lambda row: 128),
        *changed(of_seeds(DOT, dot), memory_numbers=lambda row: 64 * row.length),
    ]
    return memory_of(frame_of(rows))


def test_title_of_memory():
    growing = (1.0, 1.0, 1.0, 1.0, 1.0)
    # 10, 20, 40, 80 and 160 items of 4 bits.
    assert title_of("memory", passing((1.0, 0.5, 0.4, 0.3, 0.2), growing)) == (
        "Of 160 copied items, a state of fixed size carries 1 bit for each of its numbers; memory "
        "that grows with the source carries all"
    )
    for plain, dot in (
        (growing, growing),  # The state is large enough.
        ((1.0, 0.5, 0.4, 0.3, 0.2), (1.0, 1.0, 1.0, 1.0, 0.5)),
    ):
        assert title_of("memory", passing(plain, dot)) == TITLES["memory"].neutral


def test_memory_needs_several_models_and_amounts():
    alike = changed([*of_seeds(PLAIN, LOST), *of_seeds(DOT, KEPT)], memory_numbers=lambda row: 128)
    assert memory_of(frame_of(alike)).empty
    assert memory_of(frame_of(of_seeds(DOT, KEPT))).empty
    found = passing(LOST, KEPT)
    assert len(found) == 2 * (4 + 5)  # Where no bit is carried there is no point.
    assert found.loc[found["model"] == PLAIN, "memory_numbers"].eq(128).all()


STAGES = [curve_row("copy", model, seed, 4) for model in (PLAIN, DOT) for seed in SEEDS]


def table_of(name, rows=STAGES, **values):
    """Return what probes found of these rows, each value put in place by a function of its row."""
    frame = frame_of([found for row in rows for found in probe_tables(row)[name]])
    return frame.assign(
        **{key: frame.apply(value, axis=1).astype(float) for key, value in values.items()}
    )


def is_dot(row):
    return row["model"] == DOT


def first_two(row):
    return is_dot(row) or row["output_item"] <= 2


def on_the_path(row):
    return float(row["output_item"] == row["source_item"])


SAME = {"task": "copy", "length": 4}
POSITIONS = table_of("positions.csv", token_accuracy=first_two)
MAPS = table_of("maps.csv", value=on_the_path)
SHIFTED = table_of(
    "maps.csv",
    value=lambda row: float(row["output_item"] == row["source_item"] - (row["measure"] != TRUTH)),
)
SPREAD = table_of(
    "influence.csv",
    effect=lambda row: 100.0 ** (row["source_item"] * (row["parameters"] == INITIAL)),
)
WEIGHTS = table_of("weights.csv", [curve_row("copy", DOT, 0, 20)])
ERRORS = {"wrong_items": lambda row: 2.0}


@pytest.mark.parametrize(
    ("name", "table", "about", "title"),
    [
        (
            "positions",
            POSITIONS,
            {"task": "copy"},
            "Of 4 copied items, Seq2Seq has the first 2 right more often than not, and no other; "
            "dot attention has all",
        ),
        (
            "positions",
            POSITIONS[POSITIONS["model"] == PLAIN],
            {"task": "copy"},
            "Of 4 copied items, Seq2Seq has the first 2 right more often than not, and no other",
        ),
        # Not the first ones, and one seed that has others.
        (
            "positions",
            POSITIONS.assign(output_item=5 - POSITIONS["output_item"]),
            {"task": "copy"},
            None,
        ),
        (
            "positions",
            POSITIONS.assign(token_accuracy=(POSITIONS["output_item"] == 3) * POSITIONS["seed"]),
            {"task": "copy"},
            None,
        ),
        (
            "errors",
            table_of("errors.csv", **ERRORS, edit_distance_items=lambda r: 0.5 if is_dot(r) else 2),
            {},
            "At 4 copied items, answers with dot attention slip by a place: 0.25 edits repair a "
            "wrong item; without attention it takes 1.00",
        ),
        ("errors", table_of("errors.csv", **ERRORS, edit_distance_items=lambda r: 2), {}, None),
        (
            "corruption",
            table_of(
                "corruption.csv", corrupted_accuracy=lambda r: 0.3, intact_accuracy=lambda r: 0.9
            ),
            {"length": 4},
            "At 4 copied items, Seq2Seq has the item after a wrong one right in 30 % of the "
            "sequences, and in 90 % without it",
        ),
        (
            "corruption",
            table_of(
                "corruption.csv", corrupted_accuracy=lambda r: 0.9, intact_accuracy=lambda r: 0.9
            ),
            {"length": 4},
            None,
        ),
        (
            "alignment",
            frame_of([alignment_row(row, 0.5, near_rank_mass=0.75) for row in STAGES[2:]]),
            {},
            "Of the weight of dot attention, 75 % is on the copied item that is needed or a "
            "neighbour in rank, at 4 items",
        ),
        ("alignment", frame_of([alignment_row(row, 0.5) for row in STAGES[2:]]), {}, None),
        (
            "influence",
            SPREAD,
            {"length": 4},
            "Before training, 4 inputs differ 1,000,000-fold in how much they move the state of "
            "Seq2Seq; after it, 1-fold",
        ),
        ("influence", SPREAD.assign(effect=1.0), {"length": 4}, None),
        ("influence", SPREAD.assign(effect=0.0), {"length": 4}, None),
        ("influence", SPREAD[SPREAD["measure"] != CONTEXT], {"length": 4}, None),
        (
            "state",
            table_of("state.csv", bits=lambda row: 2.5 * (row["probe"] == DECODER)),
            {"length": 4},
            "A fresh decoder reads 10 bits of 4 copied items from the frozen state of Seq2Seq",
        ),
        ("state", table_of("state.csv", STAGES[2:]), {"length": 4}, None),
        (
            "map_attention",
            MAPS,
            SAME | {"measure": ATTENTION},
            "Attention looks at the source item that each copied item comes from",
        ),
        (
            "map_attention",
            MAPS.assign(value=0.1),
            SAME | {"measure": ATTENTION},
            "Averaged over sequences, attention has no fixed place to look at in copy",
        ),
        ("map_attention", SHIFTED, SAME | {"measure": ATTENTION}, None),
        (
            "map_occlusion",
            MAPS,
            SAME | {"measure": OCCLUSION},
            "Replacing an input costs most at its own copied output, with dot attention and "
            "without",
        ),
        (
            "weights",
            WEIGHTS,
            {"task": "copy"},
            "In one copied sequence, dot attention looks most at the right symbol for 20 of 20 "
            "outputs",
        ),
        ("weights", WEIGHTS.assign(model=MINE), {"task": "copy"}, None),
        ("map_occlusion", SHIFTED, SAME | {"measure": OCCLUSION}, None),
    ],
)
def test_titles_of_probes(name, table, about, title):
    assert title_of(name, table, **about) == (title or TITLES[name].neutral.format(**about))


def test_every_figure_has_a_rule_that_is_tested_both_ways():
    marks = [
        mark for test in (test_titles_of_curves, test_titles_of_probes) for mark in test.pytestmark
    ]
    cases = [(case[0], case[3] is not None) for mark in marks for case in mark.args[1]]
    assert {*cases} == {(name, holds) for name in TITLES for holds in (True, False)} - {
        ("channel", True),
        ("channel", False),
        ("memory", True),
        ("memory", False),
    }


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.004, "less than 1 %"), (0.5, "50 %"), (0.996, "over 99 %"), (1.0, "100 %")],
)
def test_shares_are_never_rounded_to_all_or_nothing(share, text):
    assert percent(share) == text


def test_a_task_of_a_user_is_named_as_plain_text():
    title = title_of("accuracy", frame_of(renamed(BOTH, task=MINE)))
    assert "half of a <b>\\x1b[2J sequence" in title
