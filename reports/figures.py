"""Draw the figures from the CSVs alone: `python -m reports.figures`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from reports.drawing import style
from reports.drawing.frame import PAGE, PNG, SLIDE, SVG, on, rendered
from reports.plots import accuracy, channel, maps, memory, probes, throughput
from reports.selection.captions import counted
from reports.selection.channel import channel_of, with_budgets, with_channel
from reports.selection.curves import (
    DEFAULT_PROTOCOL,
    facts_of,
    own_length_rows,
    protocols_of,
    require_one_configuration,
)
from reports.selection.findings import TITLES, title_of
from reports.selection.folder import (
    add_config_option,
    add_results_option,
    parse_names,
    results_folder,
    rows_of_configurations,
    rows_of_names,
    shown,
    split,
    split_by_training,
    usual_rows,
)
from reports.selection.memory import memory_of
from reports.selection.missing import missing_lines, unfinished_lines
from results import tables
from results.command_line import NothingToReport, Parser, default_folder, parse_folder, run_command
from results.errors import ResultsError
from results.store import csv_files
from results.store.files import replace_file

if TYPE_CHECKING:  # `reports.drawing` is the first to import Matplotlib.
    from matplotlib.figure import Figure

MOST_SETTINGS = 3
FORMATS = (PNG, SVG)
# The table that each figure of a probe is drawn from.
PROBE_FIGURES = {
    "errors": csv_files.ERRORS,
    "positions": csv_files.POSITIONS,
    "corruption": csv_files.CORRUPTION,
    "alignment": csv_files.ALIGNMENT,
    "influence": csv_files.INFLUENCE,
    "state": csv_files.STATE,
    **{f"map_{measure}": csv_files.MAPS for measure in maps.MAPS},
    "weights": csv_files.WEIGHTS,
}
BY_ITEM = {
    "influence": (probes.influence_of, probes.influence_figure),
    "corruption": (probes.corruption_of, probes.corruption_figure),
    "state": (probes.state_of, probes.state_figure),
}


@dataclass(frozen=True)
class Drawing:
    """A figure before it is drawn: all of them together would take much memory.

    Attributes:
        kind: Its name in `TITLES`.
        name: Of its file, which says what differs where a folder has several of a kind.
        title: What it says.
    """

    kind: str
    name: str
    title: str
    draw: Callable[..., "Figure"]


Drawings: TypeAlias = Iterator[Drawing]
Tables: TypeAlias = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Choice:
    """Which figures are drawn, of which tasks, models and configurations; all where none is named.

    Attributes:
        say: Prints what was read and what is missing.
    """

    figures: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    config_ids: tuple[str, ...] = ()
    say: Callable[[str], object] = print

    def has(self, kind: str) -> bool:
        """Say whether a kind of figure is wanted."""
        return not self.figures or any(_kind_of(name) == kind for name in self.figures)

    def keeps(self, drawing: Drawing) -> bool:
        """Say whether a figure is wanted, by its kind or by the name of its file."""
        return not self.figures or bool({drawing.kind, drawing.name} & {*self.figures})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.figures", description=__doc__)
    add_results_option(parser)
    parser.add_argument(
        "--out",
        type=parse_folder,
        default=default_folder("reports/figures"),
        metavar="DIR",
        help="folder for the figures (default in the clone: reports/figures)",
    )
    parser.add_argument(
        "--figure",
        type=_parse_figures,
        default=(),
        metavar="NAME[,NAME]",
        help=f"figures to draw (default: all that the folder has rows for): {', '.join(TITLES)}",
    )
    for name in ("tasks", "models"):
        parser.add_argument(
            f"--{name}",
            type=parse_names,
            default=(),
            metavar="NAME[,NAME]",
            help=f"{name} to draw (default: all)",
        )
    parser.add_argument(
        "--slide",
        action="store_true",
        help="for a talk: 16:9, larger text, no caption; NAME-slide. Choose few panels by --tasks",
    )
    parser.add_argument(
        "--format",
        type=_parse_formats,
        default=(PNG,),
        metavar="NAME[,NAME]",
        help="png or png,svg (default: png)",
    )
    add_config_option(parser)
    return run_command(
        parser,
        arguments,
        lambda options: draw_all(
            options.results,
            options.out,
            Choice(options.figure, options.tasks, options.models, tuple(options.config)),
            is_slide=options.slide,
            formats=options.format,
        ),
    )


def _parse_figures(text: str) -> tuple[str, ...]:
    names = parse_names(text)
    for name in names:
        if not _kind_of(name):
            raise argparse.ArgumentTypeError(
                f"{name!r} is not a figure; there are: {', '.join(TITLES)}"
            )
    return names


def _parse_formats(text: str) -> tuple[str, ...]:
    names = parse_names(text)
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"must be of {', '.join(FORMATS)}, got {name!r}")
    return names


def _kind_of(name: str) -> str:
    """Give the kind of a figure by the name of its file; empty where there is none."""
    kinds = (kind for kind in TITLES if name == kind or name.startswith((f"{kind}-", f"{kind}_")))
    return max(kinds, key=len, default="")


def draw_all(
    results: Path | None,
    out: Path,
    choice: Choice,
    *,
    is_slide: bool = False,
    formats: Sequence[str] = (PNG,),
) -> int:
    """Draw every figure that is wanted and has rows, and say what was read, drawn and missing.

    Raises:
        ResultsError: A CSV is damaged, settings are mixed, a name is unknown, or `out` cannot be
            written to; then nothing is drawn.
        NothingToReport: There is no row at all, or none of the figures wanted.
        OSError: A figure cannot be written.
    """
    folder = results_folder(results)
    rows, timings = _rows_of(folder, choice)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"--out: {out} cannot be written to: {error.strerror}") from None
    # All tables come before the first figure: where one is refused, no figure is drawn.
    drawings = _drawings(rows, timings, folder, choice)
    with style.themed(), on(SLIDE if is_slide else PAGE):
        for drawing in drawings:
            figure = drawing.draw(title=drawing.title)
            for kind in formats:
                path = out / f"{drawing.name}{'-slide' if is_slide else ''}.{kind}"
                replace_file(path, rendered(figure, kind))
                print(f"drew {shown(path)}: {drawing.title}")
    return 0


def drawings_of(folder: Path, choice: Choice) -> list[Drawing]:
    """List the figures that are wanted and have rows in a folder.

    Raises:
        ResultsError: A CSV is damaged, settings are mixed, or a name is unknown.
        NothingToReport: There is no row at all, or none of the figures wanted.
    """
    return _drawings(*_rows_of(folder, choice), folder, choice)


def _rows_of(folder: Path, choice: Choice) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the rows that are wanted of accuracy.csv and of throughput.csv."""
    rows, timings = pd.DataFrame(), pd.DataFrame()
    if tables.has_table(folder, csv_files.ACCURACY):
        rows = tables.read_accuracy(folder)
    if tables.has_table(folder, csv_files.THROUGHPUT):
        timings = tables.read_throughput(folder)
    if rows.empty and timings.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    # A model may have timings and no accuracy, or the other way round.
    also = {str(name) for each in (rows, timings) if len(each) for name in each["model"].unique()}
    rows = rows_of_configurations(rows, choice.config_ids) if len(rows) else rows
    rows = rows_of_names(rows, "--tasks", choice.tasks)
    rows = rows_of_names(rows, "--models", choice.models, present=also)
    return rows, rows_of_names(timings, "--models", choice.models, present=also)


def _drawings(
    rows: pd.DataFrame, timings: pd.DataFrame, folder: Path, choice: Choice
) -> list[Drawing]:
    texts = [counted(len(rows), "accuracy row"), counted(len(timings), "throughput row")]
    choice.say(f"read {shown(folder)}: {', '.join(texts)}")
    found = [*_of_accuracy(rows, folder, choice), *_of_throughput(timings, choice)]
    kept = [drawing for drawing in found if choice.keeps(drawing)]
    if not kept and choice.figures:
        there = ", ".join(dict.fromkeys(each.name for each in found))
        raise NothingToReport(
            f"--figure: {folder} has no rows for {', '.join(choice.figures)}"
            + (f"; it has rows for: {there}" if there else "")
        )
    return kept


def _of_accuracy(chosen: pd.DataFrame, folder: Path, choice: Choice) -> Drawings:
    if chosen.empty:
        choice.say(f"no accuracy figures: {csv_files.ACCURACY} is absent or empty")
        return
    found = {
        name: tables.read_probes(folder, name)
        for name in dict.fromkeys(PROBE_FIGURES.values())
        if any(choice.has(kind) for kind, table in PROBE_FIGURES.items() if table == name)
    }
    if len(found.get(csv_files.ERRORS, ())) and tables.has_table(folder, csv_files.SAMPLES):
        found[csv_files.SAMPLES] = tables.read_samples(folder)
    of_channels = with_channel(chosen)
    if len(of_channels):
        yield from _of_channel(of_channels, choice)
        chosen = chosen.drop(of_channels.index)
    if chosen.empty:
        return
    own = own_length_rows(chosen)
    yield from _of_budgets(own, choice)
    yield from _of_memory(own, choice)
    parts = split_by_training(chosen)
    if len(parts) > MOST_SETTINGS:
        choice.say(
            f"by length: only the setting with most rows of {len(parts)}; "
            "choose others with --config ID"
        )
        parts = {"": usual_rows(chosen)}
    for suffix, rows in parts.items():
        require_one_configuration(rows)
        yield from _by_length(rows, choice, suffix=suffix)
        yield from _of_probes(found, rows, choice, suffix=suffix)


def _of_channel(rows: pd.DataFrame, choice: Choice) -> Drawings:
    own = own_length_rows(rows)
    for suffix, of_one in split(own, ["task", "hidden", "cell", "encoder"]).items():
        found = channel_of(of_one)
        if choice.has("channel"):
            choice.say("\n".join(channel.efficiency_lines(found)))
        title = title_of("channel", found)
        draw = partial(channel.channel_figure, found)
        yield Drawing("channel", f"channel{suffix}", title, draw)


def _of_budgets(own: pd.DataFrame, choice: Choice) -> Drawings:
    compared = with_budgets(own)
    if compared.empty:
        return
    for suffix, rows in split(compared, ["model"]).items():
        if choice.has("budget"):
            choice.say("\n".join(accuracy.half_lines(rows)))
        draw = partial(accuracy.budget_figure, accuracy.budget_curves(rows))
        yield Drawing("budget", f"budget{suffix}", title_of("budget", rows), draw)


def _of_memory(own: pd.DataFrame, choice: Choice) -> Drawings:
    climbed = own[own["protocol"] == DEFAULT_PROTOCOL]
    if climbed.empty:
        return
    rows = usual_rows(climbed, apart_from=("symbols", "learning_rate"))
    found = memory_of(rows)
    if found.empty:
        return
    draw = partial(memory.memory_figure, found, facts=facts_of(rows))
    yield Drawing("memory", "memory", title_of("memory", found), draw)


def _by_length(chosen: pd.DataFrame, choice: Choice, *, suffix: str) -> Drawings:
    protocols = protocols_of(chosen)
    for protocol in protocols:
        rows = chosen[chosen["protocol"] == protocol]
        # The default keeps its file names when controls join it; the others name themselves.
        is_plain = protocol == DEFAULT_PROTOCOL or len(protocols) == 1
        ending = suffix if is_plain else f"{suffix}-{protocol}"
        own = own_length_rows(rows)
        _say_rows(rows, own, choice)
        for kind, drawn in accuracy.FIGURES.items():
            curves = accuracy.length_curves(rows, drawn)
            draw = partial(accuracy.length_figure, curves, drawn)
            yield Drawing(kind, f"{kind}{ending}", title_of(kind, own), draw)
        longer = accuracy.extrapolated(rows)
        if len(longer):
            trained = accuracy.trained_length(longer)
            curves = accuracy.beyond_of(longer, trained=trained)
            yield Drawing(
                "beyond",
                f"beyond{ending}",
                title_of("beyond", longer, trained=trained),
                partial(accuracy.beyond_figure, curves, trained=trained),
            )


def _say_rows(rows: pd.DataFrame, own: pd.DataFrame, choice: Choice) -> None:
    """Say what there is of one protocol, and what is missing."""
    counts = [counted(own[name].nunique(), name) for name in ("task", "model", "seed", "length")]
    choice.say(f"{rows['protocol'].iloc[0]}: {', '.join(counts)}")
    for line in (*unfinished_lines(own), *missing_lines(own)):
        choice.say(line)
    if len(own) < len(rows) and not choice.figures:
        choice.say(
            f"left out: {counted(len(rows) - len(own), 'row')} tested at a length that the "
            "model was not trained for at that stage"
        )


def _of_probes(found: Tables, chosen: pd.DataFrame, choice: Choice, *, suffix: str) -> Drawings:
    """Yield the figures of what probes found of these rows, and say which there are not."""
    own = own_length_rows(chosen[chosen["protocol"] == DEFAULT_PROTOCOL])
    mine = {name: probes.with_settings(table, own) for name, table in found.items()}
    drawings = [
        drawing
        for name, table in mine.items()
        if len(table)
        for drawing in _of_table(name, table, mine, suffix=suffix)
    ]
    absent = [kind for kind in PROBE_FIGURES if kind not in {each.kind for each in drawings}]
    if absent and not choice.figures:
        choice.say(
            f"not drawn: {', '.join(f'{kind}{suffix}' for kind in absent)}: no rows of these "
            "models; python -m bench.probe writes them, those of the state with --state, and only "
            "models with attention have alignment, map_attention and weights"
        )
    yield from drawings


def _of_table(name: str, table: pd.DataFrame, mine: Tables, *, suffix: str) -> Drawings:
    """Yield the figures of one table of a probe."""
    if name == csv_files.ERRORS:
        curves = probes.error_curves(table, mine.get(csv_files.SAMPLES))
        draw = partial(accuracy.length_figure, curves, probes.ERRORS_FIGURE)
        yield Drawing("errors", f"errors{suffix}", title_of("errors", table), draw)
    elif name == csv_files.ALIGNMENT:
        drawn = probes.alignment_drawn(table)
        draw = partial(accuracy.length_figure, accuracy.length_curves(table, drawn), drawn)
        yield Drawing("alignment", f"alignment{suffix}", title_of("alignment", table), draw)
    elif name == csv_files.POSITIONS:
        for ending, rows in split(table, ["task"]).items():
            title = title_of("positions", rows, task=str(rows["task"].iloc[0]))
            draw = partial(maps.positions_figure, rows)
            yield Drawing("positions", f"positions{ending}{suffix}", title, draw)
    elif name == csv_files.WEIGHTS:
        for ending, rows in split(table, ["task"]).items():
            title = title_of("weights", rows, task=str(rows["task"].iloc[0]))
            draw = partial(maps.weights_figure, rows)
            yield Drawing("weights", f"weights{ending}{suffix}", title, draw)
    elif name == csv_files.MAPS:
        for measure in maps.MAPS:
            yield from _of_maps(table, measure, suffix=suffix)
    for kind, (table_of, figure) in BY_ITEM.items():
        if PROBE_FIGURES[kind] == name:
            length = int(table["length"].max())
            rows = table[table["length"] == length]
            draw = partial(figure, table_of(rows), facts=facts_of(rows))
            yield Drawing(kind, f"{kind}{suffix}", title_of(kind, rows, length=length), draw)


def _of_maps(cells: pd.DataFrame, measure: str, *, suffix: str) -> Drawings:
    of_measure = cells[cells["measure"] == measure]
    for length in maps.map_lengths(of_measure):
        for ending, rows in split(cells[cells["length"] == length], ["task"]).items():
            if not (rows["measure"] == measure).any():
                continue
            about = {"task": str(rows["task"].iloc[0]), "length": length}
            kind = f"map_{measure}"
            yield Drawing(
                kind,
                f"{kind}_{length}{ending}{suffix}",
                title_of(kind, rows, measure=measure, **about),
                partial(maps.map_figure, rows, measure=measure),
            )


def _of_throughput(timings: pd.DataFrame, choice: Choice) -> Drawings:
    if not choice.has("throughput"):
        return
    if timings.empty:
        choice.say(f"no throughput figure: {csv_files.THROUGHPUT} is absent or empty")
        return
    for suffix, rows in throughput.split_by_setting(timings).items():
        costs = throughput.costs_of(rows)
        choice.say("\n".join(throughput.growth_lines(costs)))
        draw = partial(throughput.throughput_figure, costs)
        yield Drawing("throughput", f"throughput{suffix}", title_of("throughput", rows), draw)


if __name__ == "__main__":
    sys.exit(main())
