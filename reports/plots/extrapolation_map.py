"""The figure of extrapolation: trained up to one length, tested at another."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.heatmap import accuracy_grid, draw_grid
from reports.selection.captions import counted
from reports.selection.curves import MIXED_PROTOCOL
from results.schema.rows import OK


def extrapolated(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by length trained and tested, if any was tested beyond what it trained on."""
    rows = accuracy[(accuracy["status"] == OK) & (accuracy["protocol"] != MIXED_PROTOCOL)]
    return rows if (rows["length"] > rows["train_length"]).any() else rows.iloc[:0]


def extrapolation_figure(rows: pd.DataFrame) -> Figure:
    """Draw token accuracy by the length trained and the length tested.

    Args:
        rows: What `extrapolated` returned, of one configuration.
    """
    grid = accuracy_grid(rows, x="length", y="train_length", ylabel="trained up to")

    def draw_own_length(axis: Axes, task: str, model: str) -> None:
        ends = [int(rows["train_length"].min()), int(rows["train_length"].max())]
        axis.plot(ends, ends, color=style.NOTE_COLOUR, linewidth=0.6, zorder=0.5)

    return draw_grid(
        replace(grid, is_scattered=True),
        title="Trained up to one length, tested at another",
        xlabel="tested at (items)",
        caption="Free-running token accuracy, mean of "
        f"{counted(rows['seed'].nunique(), 'seed')}. The line: tested at the length trained for.",
        decorate=draw_own_length,
    )
