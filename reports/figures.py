"""Draw the figures from the CSVs alone: `python -m reports.figures`."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.drawing import style
from reports.plots.accuracy import accuracy_figure, bits_figure, sequence_figure
from reports.plots.capacity import capacity_figure
from reports.plots.capacity_caption import collapse_lines
from reports.plots.capacity_data import capacity_of, has_sizes
from reports.plots.compute import compute_figure
from reports.plots.extrapolation import beyond_figure, beyond_of
from reports.plots.extrapolation_map import extrapolated, extrapolation_figure
from reports.plots.influence import influence_figure
from reports.plots.maps import map_figure, map_lengths, positions_figure
from reports.plots.operations import COMPUTE_PROTOCOLS, compute_of
from reports.plots.probes import (
    alignment_curves,
    alignment_figure,
    error_curves,
    errors_figure,
    joined,
)
from reports.plots.throughput import memory_figure, throughput_figure
from reports.plots.throughput_data import (
    COST_NAMES,
    MEMORY,
    TIME,
    Costs,
    costs_of,
    exponents_of,
    phase_name,
    split_by_setting,
)
from reports.plots.unrelated import unrelated_edits
from reports.selection.captions import counted
from reports.selection.curves import (
    DEFAULT_PROTOCOL,
    Curves,
    curves_of,
    own_length_rows,
    protocols_of,
    require_one_configuration,
)
from reports.selection.folder import (
    add_config_option,
    add_results_option,
    named_folder,
    results_folder,
    rows_of_configurations,
    shown,
)
from reports.selection.missing import missing_lines, unfinished_lines, unprobed_lines
from reports.selection.split import split_by_all_but_size, split_by_training
from results.command_line import NothingToReport, Parser, run_command
from results.errors import ResultsError
from results.schema.probe_rows import ATTENTION, GRADIENT, OCCLUSION
from results.store.csv_files import (
    ACCURACY,
    ALIGNMENT,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    SAMPLES,
    THROUGHPUT,
)
from results.store.files import replace_file
from results.tables import read_accuracy, read_probes, read_samples, read_throughput

FIGURES: dict[str, Callable[[Curves], Figure]] = {
    "accuracy": accuracy_figure,
    "sequence_accuracy": sequence_figure,
    "carried_bits": bits_figure,
}
MOST_SETTINGS = 3
OUT = Path(__file__).with_name("figures")
# Without dates and versions the bytes depend on the data alone.
METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.figures", description=__doc__)
    add_results_option(parser)
    parser.add_argument(
        "--out",
        type=named_folder,
        default=OUT,
        metavar="DIR",
        help="folder for the figures (default: reports/figures)",
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
    _require_writable(out)
    accuracy = read_accuracy(folder) if (folder / ACCURACY).is_file() else pd.DataFrame()
    timings = read_throughput(folder) if (folder / THROUGHPUT).is_file() else pd.DataFrame()
    if accuracy.empty and timings.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    chosen = rows_of_configurations(accuracy, config_ids) if len(accuracy) else accuracy
    print(
        f"read {shown(folder)}: {counted(len(accuracy), 'accuracy row')}, "
        f"{counted(len(timings), 'throughput row')}"
    )
    figures: dict[str, Figure] = {}
    with style.themed():
        if len(accuracy):
            tables = {name: read_probes(folder, name) for name in PROBE_TABLES}
            if len(tables[ERRORS]) and (folder / SAMPLES).is_file():
                tables[SAMPLES] = read_samples(folder)
            figures |= _capacity_figures(chosen)
            parts = split_by_training(chosen)
            if len(parts) > MOST_SETTINGS:
                print(f"no figures by length: {len(parts)} settings; choose some with --config ID")
                parts = {}
            for suffix, rows in parts.items():
                require_one_configuration(rows)
                figures |= _accuracy_figures(rows, suffix=suffix)
                figures |= _probe_figures(tables, rows, suffix=suffix)
        else:
            print(f"no accuracy figures: {ACCURACY} is absent or empty")
        if len(timings):
            for suffix, rows in split_by_setting(timings).items():
                figures |= _cost_figures(costs_of(rows), suffix=suffix)
        else:
            print(f"no throughput figure: {THROUGHPUT} is absent or empty")
        out.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            for kind in METADATA:
                replace_file(out / f"{name}.{kind}", rendered(figure, kind=kind))
            print(f"drew {shown(out / name)}.svg and .png")
    return 0


def _require_writable(out: Path) -> None:
    """Refuse a folder that cannot be written to before minutes of drawing, and leave no trace.

    Raises:
        ResultsError: It is a file, or the system refuses a folder or a file there.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise ResultsError(f"--out: {out} is not a folder")
    absent = [each for each in (out, *out.parents) if not os.path.lexists(each)]
    try:
        # Tried, since no question tells beforehand: a name too long, a disk that takes no folder.
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ResultsError(f"--out: {out} cannot be written to: {error.strerror}") from None
    finally:
        for each in absent:
            with contextlib.suppress(OSError):
                each.rmdir()


def _accuracy_figures(chosen: pd.DataFrame, *, suffix: str) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    protocols = protocols_of(chosen)
    for protocol in protocols:
        rows = chosen[chosen["protocol"] == protocol]
        # The default keeps its file names when controls join it; the others name themselves.
        is_plain = protocol == DEFAULT_PROTOCOL or len(protocols) == 1
        ending = suffix if is_plain else f"{suffix}-{protocol}"
        curves = curves_of(rows)
        own = own_length_rows(rows)
        counts = [
            counted(own[name].nunique(), name) for name in ("task", "model", "seed", "length")
        ]
        print(f"{protocol}: {', '.join(counts)}")
        for line in (*unfinished_lines(own), *missing_lines(own), *_left_out(curves)):
            print(line)
        figures |= {f"{name}{ending}": draw(curves) for name, draw in FIGURES.items()}
        figures |= _compute_figure(rows, protocol=protocol, suffix=ending)
        beyond = extrapolated(rows)
        if len(beyond):
            figures[f"extrapolation{ending}"] = extrapolation_figure(beyond)
            figures[f"extrapolation_curves{ending}"] = beyond_figure(beyond_of(beyond))
    return figures


def _capacity_figures(accuracy: pd.DataFrame) -> dict[str, Figure]:
    own = own_length_rows(accuracy[accuracy["protocol"] == DEFAULT_PROTOCOL])
    figures = {}
    for suffix, rows in split_by_all_but_size(own).items():
        if has_sizes(rows):
            capacity = capacity_of(rows)
            for line in collapse_lines(capacity.collapse):
                print(f"capacity{suffix}: {line}")
            figures[f"capacity{suffix}"] = capacity_figure(capacity)
    return figures


def _probe_figures(
    tables: Mapping[str, pd.DataFrame], accuracy: pd.DataFrame, *, suffix: str
) -> dict[str, Figure]:
    """Draw what probes found of these rows of accuracy.csv, trained up to the length tested."""
    own = own_length_rows(accuracy[accuracy["protocol"] == DEFAULT_PROTOCOL])
    found = {name: joined(table, own) for name, table in tables.items()}
    for line in unprobed_lines(found, suffix=suffix):
        print(line)
    figures: dict[str, Figure] = {}
    if len(found[ERRORS]):
        unrelated = unrelated_edits(found[SAMPLES]) if SAMPLES in found else None
        figures["errors"] = errors_figure(error_curves(found[ERRORS], unrelated=unrelated))
    if len(found[POSITIONS]):
        figures["positions"] = positions_figure(found[POSITIONS])
    if len(found[ALIGNMENT]):
        figures["alignment"] = alignment_figure(alignment_curves(found[ALIGNMENT]))
    if len(found[INFLUENCE]):
        length = int(found[INFLUENCE]["length"].max())
        figures["influence"] = influence_figure(found[INFLUENCE], length=length)
    for measure in (ATTENTION, OCCLUSION, GRADIENT):
        maps = found[MAPS]
        for length in map_lengths(maps[maps["measure"] == measure]):
            figure = map_figure(maps, measure=measure, length=length)
            figures[f"map_{measure}_{length}"] = figure
    return {f"{name}{suffix}": figure for name, figure in figures.items()}


def _compute_figure(rows: pd.DataFrame, *, protocol: str, suffix: str) -> dict[str, Figure]:
    if protocol not in COMPUTE_PROTOCOLS:
        print(f"no compute figure for {protocol}: it trains on all lengths together")
        return {}
    compute = compute_of(rows)
    if compute.seeds["operations"].isna().all():
        print(f"no compute figure for {protocol}: no row whose training operations are known")
        return {}
    if compute.uncounted:
        print(
            f"not in the compute figure: {counted(compute.uncounted, 'row')} whose training "
            "operations are unknown"
        )
    return {f"compute{suffix}": compute_figure(compute)}


def _cost_figures(costs: Costs, *, suffix: str) -> dict[str, Figure]:
    figures = {f"throughput{suffix}": throughput_figure(costs)}
    _say_growth(costs, TIME)
    if costs.table["memory_bytes"].isna().all():
        print(f"no memory figure: {MEMORY} is empty")
        return figures
    _say_growth(costs, MEMORY)
    return figures | {f"memory{suffix}": memory_figure(costs)}


def _say_growth(costs: Costs, cost: str) -> None:
    exponents = exponents_of(costs, cost)
    if not exponents:
        print(f"growth of {COST_NAMES[cost]}: too few lengths from {costs.facts.fitted_from} on")
        return
    print(
        f"{COST_NAMES[cost]} grows as length**p, fitted from length {costs.facts.fitted_from} on "
        "(95 % t-interval):"
    )
    for phase, texts in exponents.items():
        fits = ", ".join(f"{model} {text}" for model, text in texts.items())
        print(f"  {phase_name(phase)}: {fits}")


def _left_out(curves: Curves) -> list[str]:
    if not curves.facts.left_out:
        return []
    return [
        f"left out: {counted(curves.facts.left_out, 'row')} tested at a length that the model "
        "was not trained for at that stage"
    ]


def rendered(figure: Figure, *, kind: str) -> bytes:
    """Return the figure as the bytes of a file; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=style.DOTS_PER_INCH, metadata=METADATA[kind])
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
