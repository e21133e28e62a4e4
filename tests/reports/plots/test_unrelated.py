from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd
import pytest

from reports.drawing import style
from reports.plots.probes import EDIT_SHARE, GAP, error_curves, errors_figure, joined
from reports.plots.unrelated import UNRELATED, unrelated_edits
from results.schema.rows import AccuracyRow
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import check_shows, texts_of
from tests.reports.synthetic import accuracy_rows, frame_of, sample_rows
from tests.reports.synthetic_probes import errors_of
from tests.results.stats.test_edit_distance import distance

LENGTHS = (4, 12)
Item = tuple[str, int, int]


def rows_of(**changes: Any) -> list[AccuracyRow]:
    settings = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "seeds": (0, 1)}
    return accuracy_rows(**{**settings, "lengths": LENGTHS, **changes})


def samples_of(rows: Sequence[AccuracyRow]) -> pd.DataFrame:
    return frame_of(sample_rows(rows))


def check_edits(table: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Raise AssertionError unless these are the sums over pairs of one seed, in plain Python."""
    targets: dict[Item, set[tuple[int, ...]]] = {}
    for row in samples.itertuples():
        items = tuple(map(int, row.target.split()))
        targets.setdefault((row.task, row.length, row.seed), set()).add(items)
    edits: dict[tuple[str, int], int] = {}
    wrong: dict[tuple[str, int], int] = {}
    for (task, length, _), found in targets.items():
        for left, right in combinations(sorted(found), 2):
            place = task, length
            edits[place] = edits.get(place, 0) + distance(left, right)
            differing = sum(a != b for a, b in zip(left, right, strict=True))
            wrong[place] = wrong.get(place, 0) + differing
    shown = {(row.task, row.length): row.value for row in table.itertuples()}
    assert shown == pytest.approx({place: edits[place] / wrong[place] for place in edits})
    assert set(table["baseline"]) == {UNRELATED}


def test_unrelated_edits_are_those_between_targets_of_one_seed() -> None:
    samples = samples_of(rows_of())
    check_edits(unrelated_edits(samples), samples)


def of_one_seed(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[samples["seed"] == 0]


def of_all_seeds_together(samples: pd.DataFrame) -> pd.DataFrame:
    return samples.assign(sample=samples["sample"] + 10 * samples["seed"], seed=0)


def of_answers(samples: pd.DataFrame) -> pd.DataFrame:
    return samples.assign(target=samples["answer"])


@pytest.mark.parametrize("twin", [of_one_seed, of_all_seeds_together, of_answers])
def test_edits_of_other_pairs_are_rejected(twin: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    samples = samples_of(rows_of())
    with pytest.raises(AssertionError):
        check_edits(unrelated_edits(twin(samples)), samples)


def test_models_that_answer_the_same_sources_count_once() -> None:
    two, one = rows_of(), rows_of(models=("rnn",))
    pd.testing.assert_frame_equal(
        unrelated_edits(samples_of(two)), unrelated_edits(samples_of(one))
    )


def test_targets_that_do_not_differ_have_no_edits() -> None:
    samples = samples_of(rows_of())
    assert unrelated_edits(samples[samples["sample"] == 0]).empty
    assert unrelated_edits(samples.assign(target="1 2")).empty


def test_the_figure_shows_them_and_says_what_they_are() -> None:
    rows = rows_of()
    errors = joined(frame_of([each for row in rows for each in errors_of(row)]), frame_of(rows))
    curves = error_curves(errors, unrelated=unrelated_edits(samples_of(rows)))
    with style.themed():
        figure = errors_figure(curves)
        without = errors_figure(error_curves(errors))
    check_shows(figure, curves, (GAP, EDIT_SHARE))
    check_legible(figure)
    assert "Dotted: the same between the targets of two sources" in texts_of(figure)
    assert "Dotted" not in texts_of(without)
    names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "targets of two sources" in names
    with pytest.raises(AssertionError):
        check_shows(without, curves, (GAP, EDIT_SHARE))
    halved = curves.baselines.assign(value=curves.baselines["value"] / 2)
    with pytest.raises(AssertionError):
        check_shows(figure, replace(curves, baselines=halved), (GAP, EDIT_SHARE))
