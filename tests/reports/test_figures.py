import gzip
import os
import subprocess
import sys

import pytest
from matplotlib.text import Text
from PIL import Image

from reports import figures
from reports.drawing import style
from reports.drawing.style import is_drawn, labels_of
from reports.figures import main
from reports.plots import accuracy
from tests import ROOT
from tests.reports.legibility import LONG_NAME, check_legible, drawn
from tests.rows import (
    channel_rows,
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
HOSTILE = ("$x$", "한글:Model", LONG_NAME, "_private:Model")
LENGTHS = (4, 12)


@pytest.fixture
def one_figure(monkeypatch):
    """Draw one figure where a test is about what the command does beside drawing."""
    monkeypatch.setattr(accuracy, "FIGURES", {"carried_bits": accuracy.FIGURES["carried_bits"]})


QUICK = pytest.mark.usefixtures("one_figure")


@pytest.fixture
def kept(monkeypatch):
    """List the figures that are drawn, and encode none of them."""
    figures_drawn = []
    monkeypatch.setattr(
        figures, "rendered", lambda figure, kind: figures_drawn.append(figure) or b""
    )
    return figures_drawn


def test_every_figure_is_drawn_legibly_whatever_models_are_called(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DOTS_PER_INCH", 100)
    models = ("seq2seq+dot", *HOSTILE)
    rows = curve_rows(tasks=("copy", "sort"), models=models, seeds=(0, 1), lengths=LENGTHS)
    rows[2] = failed(rows[2])
    beyond = [
        curve_row("copy", "$x$", 0, 2 * length, train_length=length, record_id=f"beyond{length}")
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
    of_tasks = ("positions", "map_occlusion_12", "map_attention_12")
    assert drawn(folder, tmp_path / "out") == {
        *("accuracy", "teacher_forced", "sequence_accuracy", "carried_bits", "throughput"),
        *("errors", "alignment", "influence", "beyond", "corruption", "state"),
        *(f"{name}-{task}" for name in of_tasks for task in ("copy", "sort")),
    }
    shown = " ".join(text.get_text() for figure in kept for text in figure.findobj(Text))
    assert {*labels_of(HOSTILE, shows=is_drawn).values()} <= set(shown.split())
    for figure in kept:
        check_legible(figure)


@QUICK
@pytest.mark.fault("F24")
def test_another_process_draws_the_same_bytes_without_torch(folder_of, tmp_path):
    """Whatever a notebook, or a file in the current folder, says of Matplotlib."""
    folder = folder_of(curve_rows(**ONE_TASK), throughput=cost_rows(models=("rnn",), lengths=(10,)))
    drawn(folder, tmp_path / "here")
    code = (
        "import sys\n"
        "from reports import figures\n"
        "import reports.readme, reports.examples\n"
        "from reports.drawing import style\n"
        "from reports.plots import accuracy\n"
        "style.DOTS_PER_INCH = 60\n"
        "accuracy.FIGURES = {'carried_bits': accuracy.FIGURES['carried_bits']}\n"
        "status = figures.main(sys.argv[1:])\n"
        "sys.exit(status or 9 * bool({'torch', 'tasks'} & set(sys.modules)))"
    )
    (tmp_path / "matplotlibrc").write_bytes(b"backend: none\nfont.size: \xff\n")
    found = subprocess.run(
        [sys.executable, "-c", code, "--results", folder, "--out", tmp_path / "there"],
        env=os.environ
        | {"PYTHONHASHSEED": "1234", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
        | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
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


SLIDE = ("--figure", "accuracy", "--tasks", "copy", "--models", "rnn,seq2seq+dot", "--slide")


def test_a_slide_of_chosen_rows_is_wide_and_has_no_caption(folder_of, tmp_path, monkeypatch):
    encoded = []
    encode = figures.rendered
    monkeypatch.setattr(
        figures, "rendered", lambda figure, kind: encoded.append(figure) or encode(figure, kind)
    )
    folder, out = folder_of(curve_rows(lengths=(10, 20))), tmp_path / "out"
    arguments = ["--results", str(folder), "--out", str(out), *SLIDE, "--format", "png,svg"]
    assert main(arguments) == 0
    assert {path.name for path in out.iterdir()} == {"accuracy-slide.png", "accuracy-slide.svg"}
    with Image.open(out / "accuracy-slide.png") as image:
        assert image.size == (1920, 1080)
    texts = [text for text in encoded[0].findobj(Text) if text.get_text()]
    assert not [text for text in texts if text.get_gid() == "caption"]
    ends = {text.get_text() for text in texts if text.get_gid() == "end"}
    assert ends == {"RNN", "Seq2Seq + dot attention", "guessing"}
    assert [axes.get_title() for axes in encoded[0].axes] == ["copy"]
    first = (out / "accuracy-slide.svg").read_bytes()
    assert main(arguments) == 0
    assert (out / "accuracy-slide.svg").read_bytes() == first


def test_a_figure_is_chosen_by_its_kind_or_its_file(folder_of, tmp_path, capsys):
    rows = curve_rows(tasks=("copy", "sort"), models=("seq2seq",), seeds=(0,), lengths=(4, 6))
    folder = folder_of(rows, tables=probe_tables)
    arguments = ["--results", str(folder), "--figure", "positions,errors,map_occlusion_6-sort"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert names == {"positions-copy", "positions-sort", "errors", "map_occlusion_6-sort"}
    assert "not drawn" not in capsys.readouterr().out


def test_the_package_itself_loads_nothing():
    code = "import sys, reports; sys.exit(bool({'torch', 'matplotlib', 'pandas'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.fault("F13")
@QUICK
def test_a_partial_run_is_drawn_and_says_what_is_missing(folder_of, tmp_path, capsys):
    rows = curve_rows(**ONE_TASK)
    assert (rows[5].model, rows[5].seed, rows[5].length) == ("rnn", 2, 20)
    del rows[5]
    rows[0] = failed(rows[0], "timed_out")
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
    title = "Bits that get from source to answer, by length"
    assert said[-1] == f"drew {tmp_path / 'out' / 'carried_bits'}.png: {title}"


@pytest.mark.fault("F13")
@QUICK
def test_all_failed_is_drawn_and_panels_say_so(folder_of, kept, tmp_path):
    rows = [failed(row) for row in curve_rows(**ONE_TASK)]
    timings = [cost_failed(row) for row in cost_rows(lengths=(10, 20))]
    drawn(folder_of(rows, throughput=timings), tmp_path / "out")
    for axes in [axes for figure in kept for axes in figure.axes]:
        assert [text.get_text() for text in axes.texts] == ["no finished row"]


def test_throughput_alone_is_drawn_and_growth_said(tmp_path, capsys):
    timings = [
        cost_row("rnn", phase, length, median_seconds=length**power / 1e6)
        for phase, power in (("decode", 2), ("train_step", 1))
        for length in (10, 50, 100, 200)
    ]
    folder = write_folder(tmp_path / "results", [], throughput=timings)
    assert drawn(folder, tmp_path / "out") == {"throughput"}
    assert capsys.readouterr().out.splitlines()[1:5] == [
        "no accuracy figures: accuracy.csv is absent or empty",
        "time grows as length**p, fitted from length 50 on (95 % t-interval):",
        "  training step: rnn p = 1.00 (1.00 to 1.00)",
        "  greedy decoding: rnn p = 2.00 (2.00 to 2.00)",
    ]


@QUICK
def test_protocols_and_settings_have_figures_of_their_own(folder_of, tmp_path, capsys):
    one = ONE_TASK | {"models": ("rnn",)}
    rows = [
        *curve_rows(**one),
        *curve_rows(**one, protocol="independent"),
        *curve_rows(**one, hidden=128, config_id="wide"),
        curve_row("copy", "rnn", 0, 50, train_length=20),
    ]
    folder, chosen = folder_of(rows), tmp_path / "chosen"
    assert drawn(folder, tmp_path / "out") == {
        *("carried_bits-hidden-64", "carried_bits-hidden-64-independent"),
        *("carried_bits-hidden-128", "beyond-hidden-64"),
    }
    assert "left out: 1 row tested at a length" in capsys.readouterr().out
    assert main(["--results", str(folder), "--out", str(chosen), "--config", "wide"]) == 0
    assert {path.stem for path in chosen.iterdir()} == {"carried_bits"}


@QUICK
def test_of_many_settings_the_usual_one_is_drawn(folder_of, tmp_path, capsys):
    one = ONE_TASK | {"models": ("rnn",)}
    others = [
        row
        for hidden in (16, 32, 128)
        for row in curve_rows(**one, seeds=(0,), hidden=hidden, config_id=f"of{hidden}")
    ]
    folder = folder_of([*curve_rows(**one), *others])
    assert drawn(folder, tmp_path / "out") == {"carried_bits"}
    said = capsys.readouterr().out
    assert "by length: only the setting with most rows of 4; choose others with --config" in said
    assert "1 model, 3 seeds" in said


@QUICK
def test_figures_of_probes_that_are_left_out_are_named(tmp_path, capsys):
    rows = curve_rows(tasks=("copy",), models=("seq2seq",), seeds=(0,), lengths=(4, 6))
    plain = drawn(write_folder(tmp_path / "plain", rows), tmp_path / "plain_out")
    assert (
        "not drawn: errors, positions, corruption, alignment, influence, state, map_attention, "
        in (capsys.readouterr().out)
    )
    probed = drawn(write_folder(tmp_path / "probed", rows, tables=probe_tables), tmp_path / "out")
    assert (
        "not drawn: alignment, map_attention, weights: no rows of these" in capsys.readouterr().out
    )
    names = {"errors", "positions", "influence", "map_occlusion_6", "corruption", "state"}
    assert probed - plain == names


@QUICK
def test_gzipped_tables_are_drawn_as_plain_ones(tmp_path):
    rows = curve_rows(tasks=("copy",), models=("seq2seq",), seeds=(0,), lengths=(4, 6))
    folder = write_folder(
        tmp_path / "results", rows, samples=sample_rows(rows), tables=probe_tables
    )
    names = drawn(folder, tmp_path / "plain")
    assert (folder / "samples.csv").is_file()
    for table in folder.glob("*.csv"):
        (folder / f"{table.name}.gz").write_bytes(gzip.compress(table.read_bytes()))
        table.unlink()
    assert drawn(folder, tmp_path / "packed") == names
    for name in names:
        packed, plain = (tmp_path / where / f"{name}.png" for where in ("packed", "plain"))
        assert packed.read_bytes() == plain.read_bytes(), name


@QUICK
def test_channels_have_a_figure_of_their_own_beside_those_of_the_others(tmp_path, capsys, kept):
    folder = write_folder(tmp_path / "results", [*channel_rows(), *curve_rows(**ONE_TASK)])
    assert drawn(folder, tmp_path / "out") == {"channel", "carried_bits"}
    check_legible(kept[0])
    said = capsys.readouterr().out
    assert "seq2seq+channel, 16 bits, SNR 3, budget 7,000: carries 0.900 of its capacity" in said
    assert drawn(write_folder(tmp_path / "alone", channel_rows()), tmp_path / "o") == {"channel"}


@QUICK
def test_what_differs_in_no_recorded_setting_is_refused(folder_of, tmp_path, capsys):
    other = curve_rows(**ONE_TASK, config_id="same", recipe_version=9)
    folder, out = folder_of([*curve_rows(**ONE_TASK), *other]), tmp_path / "out"
    assert main(["--results", str(folder), "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--config ID" in line
    assert "recipe_version" in line
    assert not list(out.iterdir())


@QUICK
def test_weights_of_one_sequence_have_its_symbols_beside_them(tmp_path, kept):
    rows = curve_rows(tasks=("copy", "sort"), models=("seq2seq+dot", "$x$+y"), lengths=(20,))
    folder = write_folder(tmp_path / "results", rows, tables=probe_tables)
    arguments = ["--results", str(folder), "--figure", "weights", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    for figure, letters in zip(kept, (True, False), strict=True):
        check_legible(figure)
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        symbols = [item % (16 if letters else 128) for item in range(1, 21)]
        assert names == [chr(ord("A") + each) if letters else str(each) for each in symbols]
