"""Draw the figures as PNG files from the CSVs alone: `python -m reports.figures`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from reports.drawing import style
from reports.drawing.frame import rendered
from reports.plots import accuracy, channel, compute, maps, probes, throughput
from reports.selection.captions import counted
from reports.selection.channel import channel_of, with_budgets, with_channel
from reports.selection.curves import (
    DEFAULT_PROTOCOL,
    own_length_rows,
    protocols_of,
    require_one_configuration,
)
from reports.selection.folder import (
    add_config_option,
    add_results_option,
    results_folder,
    rows_of_configurations,
    shown,
    split,
    split_by_training,
)
from reports.selection.missing import missing_lines, unfinished_lines
from results import tables
from results.command_line import NothingToReport, Parser, default_folder, parse_folder, run_command
from results.errors import ResultsError
from results.store import csv_files
from results.store.files import replace_file

if TYPE_CHECKING:  # `reports.drawing` is the first to import Matplotlib.
    from matplotlib.figure import Figure

MOST_SETTINGS = 3
PROBE_FIGURES = (
    "errors",
    "positions",
    "corruption",
    "alignment",
    "influence",
    "state",
    *(f"map_{measure}" for measure in maps.MAPS),
)
LONGEST_LENGTH_FIGURES = {
    "influence": (probes.influence_of, probes.influence_figure),
    "state": (probes.state_of, probes.state_figure),
}
COST_FIGURES = {"throughput": throughput.TIME, "memory": throughput.MEMORY}
# A figure is drawn only when its turn comes: all of them together would take much memory.
Drawings: TypeAlias = "Iterator[tuple[str, Callable[[], Figure]]]"


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
    add_config_option(parser)
    return run_command(
        parser,
        arguments,
        lambda options: draw_all(options.results, options.out, config_ids=options.config),
    )


def draw_all(results: Path | None, out: Path, *, config_ids: Sequence[str]) -> int:
    """Draw every figure that the folder has rows for, and say what was read, drawn and missing.

    Raises:
        ResultsError: A CSV is damaged, settings are mixed, or `out` cannot be written to; then
            nothing is drawn.
        NothingToReport: There is no row at all.
        OSError: A figure cannot be written.
    """
    folder = results_folder(results)
    rows, timings = pd.DataFrame(), pd.DataFrame()
    if tables.has_table(folder, csv_files.ACCURACY):
        rows = tables.read_accuracy(folder)
    if tables.has_table(folder, csv_files.THROUGHPUT):
        timings = tables.read_throughput(folder)
    if rows.empty and timings.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    chosen = rows_of_configurations(rows, config_ids) if len(rows) else rows
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"--out: {out} cannot be written to: {error.strerror}") from None
    print(
        f"read {shown(folder)}: {counted(len(rows), 'accuracy row')}, "
        f"{counted(len(timings), 'throughput row')}"
    )
    # All tables come before the first figure: where one is refused, no figure is drawn.
    drawings = dict([*_of_accuracy(chosen, folder), *_of_throughput(timings)])
    with style.themed():
        for name, draw in drawings.items():
            replace_file(out / f"{name}.png", rendered(draw()))
            print(f"drew {shown(out / name)}.png")
    return 0


def _of_accuracy(chosen: pd.DataFrame, folder: Path) -> Drawings:
    if chosen.empty:
        print(f"no accuracy figures: {csv_files.ACCURACY} is absent or empty")
        return
    found = {name: tables.read_probes(folder, name) for name in csv_files.PROBE_TABLES}
    if len(found[csv_files.ERRORS]) and tables.has_table(folder, csv_files.SAMPLES):
        found[csv_files.SAMPLES] = tables.read_samples(folder)
    of_channels = with_channel(chosen)
    if len(of_channels):
        yield from _of_channel(of_channels)
        chosen = chosen.drop(of_channels.index)
    if chosen.empty:
        return
    yield from _of_budgets(own_length_rows(chosen))
    parts = split_by_training(chosen)
    if len(parts) > MOST_SETTINGS:
        print(f"no figures by length: {len(parts)} settings; choose some with --config ID")
        return
    for suffix, rows in parts.items():
        require_one_configuration(rows)
        yield from _by_length(rows, suffix=suffix)
        yield from _of_probes(found, rows, suffix=suffix)


def _of_channel(rows: pd.DataFrame) -> Drawings:
    own = own_length_rows(rows)
    for suffix, of_one in split(own, ["task", "hidden", "cell", "encoder"]).items():
        found = channel_of(of_one)
        print(*channel.efficiency_lines(found), sep="\n")
        yield f"channel{suffix}", partial(channel.channel_figure, found)


def _of_budgets(own: pd.DataFrame) -> Drawings:
    compared = with_budgets(own)
    if compared.empty:
        return
    for suffix, rows in split(compared, ["model"]).items():
        print(*accuracy.half_lines(rows), sep="\n")
        model = str(rows["model"].iloc[0])
        yield (
            f"budget{suffix}",
            partial(accuracy.budget_figure, accuracy.budget_curves(rows), model),
        )


def _by_length(chosen: pd.DataFrame, *, suffix: str) -> Drawings:
    protocols = protocols_of(chosen)
    for protocol in protocols:
        rows = chosen[chosen["protocol"] == protocol]
        # The default keeps its file names when controls join it; the others name themselves.
        is_plain = protocol == DEFAULT_PROTOCOL or len(protocols) == 1
        ending = suffix if is_plain else f"{suffix}-{protocol}"
        own = own_length_rows(rows)
        counts = [
            counted(own[name].nunique(), name) for name in ("task", "model", "seed", "length")
        ]
        print(f"{protocol}: {', '.join(counts)}")
        for line in (*unfinished_lines(own), *missing_lines(own)):
            print(line)
        if len(own) < len(rows):
            print(
                f"left out: {counted(len(rows) - len(own), 'row')} tested at a length that the "
                "model was not trained for at that stage"
            )
        for name, drawn in accuracy.FIGURES.items():
            curves = accuracy.length_curves(rows, drawn)
            yield f"{name}{ending}", partial(accuracy.length_figure, curves, drawn)
        yield from _of_compute(rows, protocol=protocol, suffix=ending)
        beyond = accuracy.extrapolated(rows)
        if len(beyond):
            curves = accuracy.beyond_of(beyond)
            yield f"extrapolation_curves{ending}", partial(accuracy.beyond_figure, curves)


def _of_compute(rows: pd.DataFrame, *, protocol: str, suffix: str) -> Drawings:
    if protocol not in compute.COMPUTE_PROTOCOLS:
        print(f"no compute figure for {protocol}: it trains on all lengths together")
        return
    found = compute.compute_of(rows)
    if found.curves.table["x"].isna().all():
        print(f"no compute figure for {protocol}: no row whose training operations are known")
        return
    if found.uncounted:
        print(
            f"not in the compute figure: {counted(found.uncounted, 'row')} whose training "
            "operations are unknown"
        )
    yield f"compute{suffix}", partial(compute.compute_figure, found)


def _of_probes(
    probed: Mapping[str, pd.DataFrame], chosen: pd.DataFrame, *, suffix: str
) -> Drawings:
    """Yield the figures of what probes found of these rows, and say which there are not."""
    own = own_length_rows(chosen[chosen["protocol"] == DEFAULT_PROTOCOL])
    drawings = dict(
        _of_found({name: probes.with_settings(table, own) for name, table in probed.items()})
    )
    absent = [
        f"{name}{suffix}"
        for name in PROBE_FIGURES
        if not any(each.startswith(name) for each in drawings)
    ]
    if absent:
        print(
            f"not drawn: {', '.join(absent)}: no rows of these models; python -m bench.probe "
            "writes them, those of the state with --state, and only models with attention have "
            "alignment and map_attention"
        )
    yield from ((f"{name}{suffix}", draw) for name, draw in drawings.items())


def _of_found(found: Mapping[str, pd.DataFrame]) -> Drawings:
    if len(found[csv_files.ERRORS]):
        curves = probes.error_curves(found[csv_files.ERRORS], found.get(csv_files.SAMPLES))
        yield "errors", partial(accuracy.length_figure, curves, probes.ERRORS_FIGURE)
    if len(found[csv_files.POSITIONS]):
        yield "positions", partial(maps.positions_figure, found[csv_files.POSITIONS])
    if len(found[csv_files.ALIGNMENT]):
        curves = accuracy.length_curves(found[csv_files.ALIGNMENT], probes.ALIGNMENT_FIGURE)
        yield "alignment", partial(accuracy.length_figure, curves, probes.ALIGNMENT_FIGURE)
    for name, (table_of, figure) in LONGEST_LENGTH_FIGURES.items():
        rows = found[f"{name}.csv"]
        if len(rows):
            length = int(rows["length"].max())
            yield name, partial(figure, table_of(rows[rows["length"] == length]), length=length)
    corruption = found[csv_files.CORRUPTION]
    for length in maps.map_lengths(corruption):
        table = probes.corruption_of(corruption[corruption["length"] == length])
        yield f"corruption_{length}", partial(probes.corruption_figure, table, length=length)
    cells = found[csv_files.MAPS]
    for measure in maps.MAPS:
        for length in maps.map_lengths(cells[cells["measure"] == measure]):
            drawing = partial(maps.map_figure, cells, measure=measure, length=length)
            yield f"map_{measure}_{length}", drawing


def _of_throughput(timings: pd.DataFrame) -> Drawings:
    if timings.empty:
        print(f"no throughput figure: {csv_files.THROUGHPUT} is absent or empty")
        return
    for suffix, rows in throughput.split_by_setting(timings).items():
        costs = throughput.costs_of(rows)
        for name, cost in COST_FIGURES.items():
            if rows[cost].isna().all() and cost == throughput.MEMORY:
                print(f"no memory figure: {cost} is empty")
                continue
            print(*throughput.growth_lines(costs, cost), sep="\n")
            yield f"{name}{suffix}", partial(throughput.cost_figure, costs, cost)


if __name__ == "__main__":
    sys.exit(main())
