import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from reports import figures
from reports.drawing import style
from reports.drawing.frame import WIDTH_INCHES, rendered
from reports.figures import main
from reports.plots import accuracy
from results.schema.rows import AccuracyRow
from tests import ROOT
from tests.rows import (
    cost_failed,
    cost_row,
    cost_rows,
    curve_row,
    curve_rows,
    failed,
    probe_tables,
    sample_rows,
    write_folder,
)

ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}
LONG_NAME = f"package.{'long' * 10}:build_model"
HOSTILE = ("$x$", "한글:Model", LONG_NAME, "_private:Model")
LENGTHS = (4, 6, 12)
LEAST_PIXELS, SHOWN_PIXELS = 11, 830
FolderOf = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure where a test is about what the command does beside drawing."""
    monkeypatch.setattr(accuracy, "FIGURES", {"carried_bits": accuracy.FIGURES["carried_bits"]})


QUICK = pytest.mark.usefixtures("one_figure")


def drawn(folder: Path, out: Path) -> set[str]:
    assert main(["--results", str(folder), "--out", str(out)]) == 0
    assert {path.suffix for path in out.iterdir()} <= {".png"}
    return {path.stem for path in out.iterdir()}


def kept_figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    kept: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        kept.append(figure)
        return rendered(figure)

    monkeypatch.setattr(figures, "rendered", keep)
    return kept


def test_every_figure_is_drawn_legibly_whatever_models_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DOTS_PER_INCH", 100)
    kept = kept_figures(monkeypatch)
    models = ("rnn", "seq2seq+dot", *HOSTILE)
    rows = curve_rows(tasks=("copy", "sort"), models=models, seeds=(0, 1), lengths=LENGTHS)
    rows[2] = failed(rows[2])
    beyond = [
        curve_row("copy", "rnn", 0, 2 * length, train_length=length, record_id=f"beyond{length}")
        for length in LENGTHS
    ]
    timings = cost_rows(models=models, lengths=(4, 20, 40))
    folder = write_folder(
        tmp_path / "results",
        [*rows, *beyond],
        samples=sample_rows(rows),
        throughput=[cost_failed(timings[0]), *timings[1:]],
        tables=probe_tables,
    )
    names = drawn(folder, tmp_path / "out")
    maps = {
        f"map_{measure}_{length}" for measure in ("occlusion", "gradient") for length in (6, 12)
    }
    assert names == maps | {"map_attention_6", "map_attention_12", "extrapolation_curves"} | {
        *("accuracy", "sequence_accuracy", "carried_bits", "compute", "throughput", "memory"),
        *("errors", "positions", "alignment", "influence"),
    }
    shown = " ".join(text.get_text() for figure in kept for text in figure.findobj(Text))
    assert set(HOSTILE) <= set(shown.split())
    for figure in kept:
        check_legible(figure)
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as image:
            assert image.width <= 100 * (WIDTH_INCHES + 0.2), path


def check_legible(figure: Figure) -> None:
    """Raise AssertionError if a text is small or covers another, or a caption has three lines."""
    least_points = 72 * (WIDTH_INCHES + 0.2) * LEAST_PIXELS / SHOWN_PIXELS
    with style.themed():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        hidden = {
            label
            for axes in figure.axes
            for axis in (axes.xaxis, axes.yaxis)
            for tick in axis.get_major_ticks()
            if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
            for label in (tick.label1, tick.label2)
        }
        texts = [
            text
            for text in figure.findobj(Text)
            if text.get_text().strip() and text.get_visible() and text not in hidden
        ]
        # Of the text alone: the line that leads an annotation to its point may pass others.
        boxes = [(text, Text.get_window_extent(text, renderer)) for text in texts]
    for (one, box), (other, beside) in combinations(boxes, 2):
        assert not box.overlaps(beside), (one.get_text(), other.get_text())
    assert min(text.get_fontsize() for text in texts) >= least_points - 0.05
    (caption,) = (box for text, box in boxes if text.get_gid() == "caption")
    assert caption.height < 3 * style.SMALL_SIZE / 72 * figure.dpi


def test_another_process_draws_the_same_bytes_without_torch(
    folder_of: FolderOf, tmp_path: Path
) -> None:
    folder = folder_of(curve_rows(**ONE_TASK), throughput=cost_rows(lengths=(10, 20)))
    drawn(folder, tmp_path / "here")
    code = (
        "import sys, reports, reports.readme, reports.examples\n"
        "from reports.drawing import style\n"
        "from reports import figures\n"
        "style.DOTS_PER_INCH = 60\n"
        "status = figures.main(sys.argv[1:])\n"
        "sys.exit(status or ('torch' in sys.modules and 9) or ('tasks' in sys.modules and 8))"
    )
    arguments = ["--results", str(folder), "--out", str(tmp_path / "there")]
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONHASHSEED": "1234", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (found.returncode, found.stderr) == (0, "")
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes(), path.name
        with Image.open(path) as image:
            assert set(image.info) == {"dpi"}


def test_the_package_itself_loads_nothing() -> None:
    code = (
        "import sys, reports; sys.exit(bool({'torch', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.fault("F13")
@QUICK
def test_a_partial_run_is_drawn_and_says_what_is_missing(
    folder_of: FolderOf, tmp_path: Path, capsys: Capture
) -> None:
    rows = [
        row for row in curve_rows(**ONE_TASK) if (row.model, row.seed, row.length) != ("rnn", 2, 20)
    ]
    rows[0] = failed(rows[0], "timed_out")
    rows[6] = dataclasses.replace(rows[6], forward_flops=None)
    folder = folder_of(rows)
    assert "carried_bits" in drawn(folder, tmp_path / "out")
    said = capsys.readouterr().out.splitlines()
    assert said[:6] == [
        f"read {folder}: 11 accuracy rows, 0 throughput rows",
        "curriculum: 1 task, 2 models, 3 seeds, 2 lengths",
        "1 of 11 rows did not finish: 1 timed_out",
        "  copy, rnn, seed 0: timed_out at 10",
        "missing: 1 point of 12",
        "  copy, rnn, seed 2: 20",
    ]
    assert "no throughput figure: throughput.csv is absent or empty" in said
    unknown = [line for line in said if line.startswith("not in the compute figure: ")]
    assert unknown == ["not in the compute figure: 1 row whose training operations are unknown"]
    assert said[-1] == f"drew {tmp_path / 'out' / 'compute'}.png"


@pytest.mark.fault("F13")
def test_all_failed_is_drawn_and_panels_say_so(
    folder_of: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_figures(monkeypatch)
    rows = [failed(row) for row in curve_rows(**ONE_TASK)]
    timings = [cost_failed(row) for row in cost_rows(lengths=(10, 20))]
    drawn(folder_of(rows, throughput=timings), tmp_path / "out")
    for figure in kept:
        for axes in figure.axes:
            assert [text.get_text() for text in axes.texts] == ["no finished row"]


def test_throughput_alone_is_drawn_and_growth_said(tmp_path: Path, capsys: Capture) -> None:
    timings = [
        cost_row("rnn", phase, length, median_seconds=length**power / 1e6, peak_memory_bytes=None)
        for phase, power in (("decode", 2), ("train_step", 1))
        for length in (10, 50, 100, 200)
    ]
    folder = write_folder(tmp_path / "results", [], throughput=timings)
    assert drawn(folder, tmp_path / "out") == {"throughput"}
    assert capsys.readouterr().out.splitlines()[1:6] == [
        "no accuracy figures: accuracy.csv is absent or empty",
        "time grows as length**p, fitted from length 50 on (95 % t-interval):",
        "  training step: rnn p = 1.00 (1.00 to 1.00)",
        "  greedy decoding: rnn p = 2.00 (2.00 to 2.00)",
        "no memory figure: peak_memory_bytes is empty",
    ]


@QUICK
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"forward_flops": None}, "no row whose training operations are known"),
        ({"protocol": "mixed", "train_length": 20}, "it trains on all lengths together"),
    ],
)
def test_the_compute_figure_says_why_it_is_not_drawn(
    changes: dict[str, Any], sentence: str, folder_of: FolderOf, tmp_path: Path, capsys: Capture
) -> None:
    folder = folder_of(curve_rows(**ONE_TASK, **changes))
    assert "compute" not in drawn(folder, tmp_path / "out")
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "no compute" in each]
    assert line.endswith(sentence)


@QUICK
def test_every_protocol_has_figures_of_its_own(
    folder_of: FolderOf, tmp_path: Path, capsys: Capture
) -> None:
    rows = [
        *curve_rows(**ONE_TASK),
        *curve_rows(protocol="independent", **ONE_TASK),
        curve_row("copy", "rnn", 0, 50, train_length=20),
    ]
    assert drawn(folder_of(rows), tmp_path / "out") == {
        "carried_bits",
        "carried_bits-independent",
        "compute",
        "compute-independent",
        "extrapolation_curves",
    }
    assert "left out: 1 row tested at a length" in capsys.readouterr().out


@QUICK
def test_two_settings_have_figures_of_their_own_and_one_can_be_chosen(
    folder_of: FolderOf, tmp_path: Path, capsys: Capture
) -> None:
    wide = {"hidden": 128, "config_id": "wide"}
    folder = folder_of([*curve_rows(**ONE_TASK), *curve_rows(**ONE_TASK, **wide)])
    names = drawn(folder, tmp_path / "out")
    assert names >= {"carried_bits-hidden-64", "carried_bits-hidden-128"}
    chosen = tmp_path / "chosen"
    assert main(["--results", str(folder), "--out", str(chosen), "--config", "wide"]) == 0
    assert {path.stem for path in chosen.iterdir()} == {"carried_bits", "compute"}


@QUICK
def test_figures_of_probes_that_are_left_out_are_named(tmp_path: Path, capsys: Capture) -> None:
    rows = curve_rows(tasks=("copy",), models=("seq2seq",), seeds=(0,), lengths=(4, 6))
    plain = drawn(write_folder(tmp_path / "plain", rows), tmp_path / "plain_out")
    assert "not drawn: errors, positions, alignment, influence, map_attention, map_occlusion, " in (
        capsys.readouterr().out
    )
    probed = drawn(write_folder(tmp_path / "probed", rows, tables=probe_tables), tmp_path / "out")
    assert "not drawn: alignment, map_attention: no rows of these" in capsys.readouterr().out
    maps = {f"map_{measure}_6" for measure in ("occlusion", "gradient")}
    assert probed - plain == {"errors", "positions", "influence"} | maps


def of_size(hidden: int, symbols: int, **changes: Any) -> list[AccuracyRow]:
    encoder = changes.get("encoder", "bi")
    names = {"config_id": f"{encoder}{hidden}-{symbols}", "hidden": hidden, "symbols": symbols}
    sizes = {"tasks": ("copy",), "models": ("seq2seq",), "seeds": (1,), "lengths": (10, 20)}
    return curve_rows(**sizes, **names | changes)


@QUICK
def test_many_sizes_have_the_figure_of_capacity_and_no_other(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_figures(monkeypatch)
    sizes = [(hidden, symbols) for hidden in (32, 64) for symbols in (4, 16)]
    rows = [row for size in sizes for row in of_size(*size)]
    folder = write_folder(tmp_path / "results", rows)
    assert drawn(folder, tmp_path / "out") == {"capacity"}
    check_legible(kept[0])
    said = capsys.readouterr().out
    assert "no figures by length: 4 settings; choose some with --config ID" in said
    assert "capacity: At " in said
    uni = [row for size in sizes for row in of_size(*size, encoder="uni")]
    both = write_folder(tmp_path / "both", [*rows, *uni])
    assert drawn(both, tmp_path / "both_out") == {"capacity-bi", "capacity-uni"}


@QUICK
def test_what_differs_in_no_recorded_setting_is_refused(
    folder_of: FolderOf, tmp_path: Path, capsys: Capture
) -> None:
    other = curve_rows(**ONE_TASK, config_id="same", recipe_version=9)
    folder, out = folder_of([*curve_rows(**ONE_TASK), *other]), tmp_path / "out"
    assert main(["--results", str(folder), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "--config ID" in error
    assert "recipe_version" in error
    assert len(error.splitlines()) == 1
    assert not list(out.iterdir())
