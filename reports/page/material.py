"""Which rows the page is made of: those of one folder, and the published ones beside them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from reports.selection.curves import own_length_rows, protocols_of, require_one_row_per_point
from reports.selection.looks import LineStyle, styles_for
from results.command_line import NothingToReport
from results.schema.rows import OK, SETTING_COLUMNS
from results.store.csv_files import ACCURACY, POSITIONS, SAMPLES, THROUGHPUT, WEIGHTS
from results.tables import (
    REFERENCE,
    has_table,
    read_accuracy,
    read_columns,
)
from results.wording import told_apart

CURVE = ["task", "model"]
STAGE = ["task", "model", "protocol", "seed", "length", "train_length", "config_id"]
# Published experiments that answer questions which a first folder cannot.
INFORMATION = ("controls", "channel")
# The scores and sizes that charts show, and the settings that tell curves apart.
_PUBLISHED_COLUMNS = (
    *("task", "model", "protocol", "seed", "train_length", "length", "status", "config_id"),
    *("token_accuracy", "normalised_accuracy", "constant_accuracy", "carried_bits", "target_bits"),
    *("teacher_forced_token_accuracy", "repeat_accuracy"),
    *("capacity_bits", "memory_numbers", "parameters", "code_hash", "device", "record_id"),
    *SETTING_COLUMNS,
)
_TIMING_COLUMNS = (
    *("model", "phase", "length", "status", "cell", "hidden", "encoder", "device", "device_name"),
    *("threads", "tokens_per_second", "noise", "peak_memory_bytes"),
)
PLAIN, DOT = "seq2seq", "seq2seq+dot"


@dataclass(frozen=True)
class Material:
    """The tables of one page.

    Attributes:
        folder: Where they are.
        accuracy: All rows of accuracy.csv.
        main: Rows tested at the length trained for, of one configuration a task and model.
        reference: The same of the published matrix; no row if it is the folder itself.
    """

    folder: Path
    accuracy: pd.DataFrame
    main: pd.DataFrame
    reference: pd.DataFrame

    @cached_property
    def looks(self) -> dict[str, LineStyle]:
        """How each model is drawn, in the order of the legend."""
        return styles_for(self.main["model"])

    @cached_property
    def tasks(self) -> dict[str, str]:
        """The tasks by their titles, copy first."""
        titles = told_apart(self.main["task"])
        return dict(sorted(titles.items(), key=lambda each: (each[0] != "copy", each[1])))

    @cached_property
    def is_published(self) -> bool:
        """Whether the folder is the published one."""
        return self.reference.empty

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Rows of samples.csv that belong to `main`."""
        columns = [*STAGE, "sample", "source", "target", "answer"]
        return self._of_main(read_columns(self.folder, SAMPLES, columns))

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Rows of positions.csv that belong to `main`."""
        columns = [*STAGE, "output_item", "token_accuracy"]
        return self._of_main(read_columns(self.folder, POSITIONS, columns))

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Rows of weights.csv that belong to `main`."""
        columns = [*STAGE, "output_item", "target_symbol", "source_item", "source_symbol", "weight"]
        return self._of_main(read_columns(self.folder, WEIGHTS, columns))

    @cached_property
    def throughput(self) -> pd.DataFrame:
        """Rows of throughput.csv."""
        return read_columns(self.folder, THROUGHPUT, _TIMING_COLUMNS)

    @cached_property
    def published_throughput(self) -> pd.DataFrame:
        """Rows of the published throughput.csv."""
        return read_columns(REFERENCE, THROUGHPUT, _TIMING_COLUMNS)

    @cached_property
    def information(self) -> pd.DataFrame:
        """Rows of all settings, of the folder and of the published experiments that vary them."""
        places = [REFERENCE, *(REFERENCE / name for name in INFORMATION)]
        tables = [self.accuracy, *(_accuracy_of(place) for place in places)]
        rows = pd.concat([each for each in tables if len(each)])
        return own_length_rows(rows).drop_duplicates("record_id")

    @cached_property
    def beyond(self) -> pd.DataFrame:
        """Rows tested beyond the length trained for; the published ones if the folder has none."""
        for rows in (self.accuracy, _accuracy_of(REFERENCE)):
            longer = rows[rows["length"] > rows["train_length"]]
            if len(longer):
                return rows
        return self.accuracy[:0]

    def _of_main(self, rows: pd.DataFrame) -> pd.DataFrame:
        chosen = self.main[[*CURVE, "protocol", "config_id"]].drop_duplicates()
        return own_length_rows(rows.merge(chosen, on=list(chosen)))


def gather(folder: Path) -> Material:
    """Read the tables of a folder and of the published results.

    Raises:
        ResultsError: A CSV is damaged, or a seed has two rows of one length.
        NothingToReport: accuracy.csv has no row at the length that its model was trained for.
    """
    accuracy = read_accuracy(folder) if has_table(folder, ACCURACY) else pd.DataFrame()
    main = main_rows(accuracy)
    if main.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    is_published = folder.resolve() == REFERENCE.resolve()
    reference = accuracy[:0] if is_published else main_rows(_accuracy_of(REFERENCE))
    beside = reference[
        reference["task"].isin(main["task"]) & reference["model"].isin(main["model"])
    ]
    return Material(folder, accuracy, main, beside)


def _accuracy_of(folder: Path) -> pd.DataFrame:
    """Read what a chart needs of a published accuracy.csv, quickly."""
    return read_columns(folder, ACCURACY, _PUBLISHED_COLUMNS)


def main_rows(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Keep one configuration of each task and model: the one most like all others.

    A folder may hold several budgets, encoders or sizes. Its usual value of each setting is the
    one that most rows have.
    """
    if accuracy.empty:
        return accuracy
    own = own_length_rows(accuracy)
    own = own[own["protocol"] == protocols_of(own)[0]] if len(own) else own
    if own.empty:
        return own
    likeness = pd.Series(0, index=own.index)
    for name in SETTING_COLUMNS:
        if name != "symbols":  # Tasks have alphabets of their own.
            values = own[name].astype("string").fillna("")
            likeness += values.map(values.value_counts())
    ranked = own.assign(likeness=likeness).groupby([*CURVE, "config_id"])["likeness"].max()
    # Of equals, the one that was first in the file.
    order = {config: place for place, config in enumerate(own["config_id"].unique())}
    best: dict[tuple[str, str], tuple[float, int, str]] = {}
    for task, model, config, score in ranked.reset_index().itertuples(index=False, name=None):
        key = (-score, order[config], config)
        best[task, model] = min(best.get((task, model), key), key)
    chosen = [
        best[task, model][2] == config
        for task, model, config in own[[*CURVE, "config_id"]].itertuples(index=False, name=None)
    ]
    rows = own[chosen]
    require_one_row_per_point(rows)
    return rows


def finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows that have scores."""
    return rows[rows["status"] == OK] if len(rows) else rows
