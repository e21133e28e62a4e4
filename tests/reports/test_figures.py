import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reports import figures
from reports.drawing import style
from reports.figures import main, rendered
from reports.selection.curves import curves_of
from reports.selection.missing import PROBE_FIGURES
from results.tables import read_accuracy
from tests import ROOT
from tests.reports.synthetic import (
    accuracy_row,
    accuracy_rows,
    failed,
    sample_rows,
    throughput_row,
    throughput_rows,
    write_folder,
)
from tests.reports.synthetic_probes import write_probed_folder

NAMES = {
    f"{name}.{kind}"
    for name in (
        "accuracy",
        "sequence_accuracy",
        "carried_bits",
        "compute",
        "throughput",
        "memory",
    )
    for kind in ("svg", "png")
}
ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}
FolderOf = Callable[..., Path]


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure where a test is about what the command does beside drawing."""
    monkeypatch.setattr(figures, "FIGURES", {"carried_bits": figures.FIGURES["carried_bits"]})


QUICK = pytest.mark.usefixtures("one_figure")


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def test_every_figure_is_drawn_as_svg_and_png(
    full_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(full_folder), "--out", str(tmp_path / "new" / "out")]) == 0
    out = tmp_path / "new" / "out"
    assert {path.name for path in out.iterdir()} == NAMES
    with Image.open(out / "accuracy.png") as image:
        assert image.info["dpi"] == pytest.approx((style.DOTS_PER_INCH,) * 2, abs=0.1)
    said = lines(capsys.readouterr().out)
    assert said[0] == f"read {full_folder}: 72 accuracy rows, 24 throughput rows"
    assert said[1] == "curriculum: 3 tasks, 2 models, 3 seeds, 4 lengths"
    assert said[2].startswith("no errors, positions, alignment, influence, map_attention, ")
    assert said[3:5] == [
        "growth of time: too few lengths from 25 on",
        "growth of memory: too few lengths from 25 on",
    ]
    assert [line.split()[0] for line in said[5:]] == ["drew"] * (len(NAMES) // 2)
    assert "date" not in (out / "accuracy.svg").read_text().lower()


def test_another_process_draws_the_same_bytes_without_torch(
    folder_of: FolderOf, tmp_path: Path
) -> None:
    folder = folder_of(accuracy_rows(**ONE_TASK))
    curves = curves_of(read_accuracy(folder))
    code = (
        "import sys, reports, reports.readme, reports.examples\n"
        "from reports import figures, style\n"
        "style.DOTS_PER_INCH = 40\n"
        "figures.FIGURES = {'sequence_accuracy': figures.FIGURES['sequence_accuracy']}\n"
        "status = figures.main(sys.argv[1:])\n"
        "sys.exit(status or ('torch' in sys.modules and 9) or ('tasks' in sys.modules and 8))"
    )
    arguments = ["--results", str(folder), "--out", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONHASHSEED": "1234", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (found.returncode, found.stderr) == (0, "")
    with style.themed():
        figure = figures.FIGURES["sequence_accuracy"](curves)
        for kind in ("svg", "png"):
            there = (tmp_path / "out" / f"sequence_accuracy.{kind}").read_bytes()
            assert rendered(figure, kind=kind) == there
        other = accuracy_rows(**ONE_TASK | {"seeds": (0, 1)})
        write_folder(tmp_path / "two", other)
        two = figures.FIGURES["sequence_accuracy"](curves_of(read_accuracy(tmp_path / "two")))
        assert rendered(two, kind="svg") != rendered(figure, kind="svg")


def test_the_package_itself_loads_nothing() -> None:
    code = (
        "import sys, reports; sys.exit(bool({'torch', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.fault("F13")
@QUICK
def test_a_partial_run_is_drawn_and_says_what_is_missing(
    folder_of: FolderOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        row
        for row in accuracy_rows(**ONE_TASK)
        if (row.model, row.seed, row.length) != ("rnn", 2, 20)
    ]
    rows[0] = failed(rows[0], "timed_out")
    assert main(["--results", str(folder_of(rows)), "--out", str(tmp_path / "out")]) == 0
    said = lines(capsys.readouterr().out)
    assert "1 of 11 rows did not finish: 1 timed_out" in said
    assert "  copy, rnn, seed 0: timed_out at 10" in said
    assert "missing: 1 point of 12" in said
    assert "  copy, rnn, seed 2: 20" in said
    assert "no throughput figure: throughput.csv is absent or empty" in said
    assert not (tmp_path / "out" / "throughput.svg").exists()


@pytest.mark.fault("F13")
@QUICK
def test_all_failed_is_drawn(folder_of: FolderOf, tmp_path: Path) -> None:
    rows = [failed(row) for row in accuracy_rows(**ONE_TASK)]
    assert main(["--results", str(folder_of(rows)), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "carried_bits.png").stat().st_size > 0


def test_throughput_alone_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "results", [], throughput=throughput_rows(lengths=(10, 20)))
    assert main(["--results", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "no accuracy figures: accuracy.csv is absent or empty" in capsys.readouterr().out


def test_growth_is_told_where_it_is_known_and_memory_drawn_where_it_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timings = [
        throughput_row(
            "rnn", phase, length, median_seconds=length**power / 1e6, peak_memory_bytes=None
        )
        for phase, power in (("decode", 2), ("train_step", 1))
        for length in (10, 50, 100, 200)
    ]
    folder = write_folder(tmp_path / "results", [], throughput=timings)
    assert main(["--results", str(folder), "--out", str(tmp_path / "out")]) == 0
    said = lines(capsys.readouterr().out)
    assert said[2:6] == [
        "time grows as length**p, fitted from length 50 on (95 % t-interval):",
        "  training step: rnn p = 1.00 (1.00 to 1.00)",
        "  greedy decoding: rnn p = 2.00 (2.00 to 2.00)",
        "no memory figure: peak_memory_bytes is empty",
    ]
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {"throughput"}


@QUICK
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"forward_flops": None}, "no row whose training operations are known"),
        ({"protocol": "mixed", "train_length": 20}, "it trains on all lengths together"),
    ],
)
def test_the_compute_figure_says_why_it_is_not_drawn(
    changes: dict[str, Any],
    sentence: str,
    folder_of: FolderOf,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = folder_of(accuracy_rows(**ONE_TASK, **changes))
    assert main(["--results", str(folder), "--out", str(tmp_path / "out")]) == 0
    said = lines(capsys.readouterr().out)
    (line,) = [line for line in said if line.startswith("no compute figure for ")]
    assert line.endswith(sentence)
    assert not (tmp_path / "out" / "compute.svg").exists()


@QUICK
def test_rows_without_operations_are_told(
    folder_of: FolderOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = accuracy_rows(**ONE_TASK)
    rows[1] = dataclasses.replace(rows[1], forward_flops=None)
    assert main(["--results", str(folder_of(rows)), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "not in the compute figure: 1 row whose training operations are unknown" in said
    assert (tmp_path / "out" / "compute.svg").exists()


@QUICK
def test_every_protocol_has_figures_of_its_own(
    folder_of: FolderOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        *accuracy_rows(**ONE_TASK),
        *accuracy_rows(protocol="independent", **ONE_TASK),
        accuracy_row("copy", "rnn", 0, 50, train_length=20),
    ]
    assert main(["--results", str(folder_of(rows)), "--out", str(tmp_path / "out")]) == 0
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert names == {
        "extrapolation",
        "extrapolation_curves",
        *(
            f"{name}{suffix}"
            for name in ("carried_bits", "compute")
            for suffix in ("", "-independent")
        ),
    }
    said = lines(capsys.readouterr().out)
    assert (
        "left out: 1 row tested at a length that the model was not trained for at that stage"
        in said
    )


def two_settings() -> list[Any]:
    wide = {"hidden": 128, "config_id": "wide"}
    return [*accuracy_rows(**ONE_TASK), *accuracy_rows(**ONE_TASK, **wide)]


@QUICK
def test_two_settings_have_figures_of_their_own_and_one_can_be_chosen(
    folder_of: FolderOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(two_settings())
    out = tmp_path / "out"
    assert main(["--results", str(folder), "--out", str(out)]) == 0
    names = {path.stem for path in out.glob("carried_bits*")}
    assert names == {"carried_bits-hidden-64", "carried_bits-hidden-128"}
    chosen = tmp_path / "chosen"
    assert main(["--results", str(folder), "--out", str(chosen), "--config", "wide"]) == 0
    assert {path.stem for path in chosen.glob("carried_bits*")} == {"carried_bits"}
    capsys.readouterr()
    assert main(["--results", str(folder), "--out", str(out), "--config", "other"]) == 2
    assert "no row has 'other'; there are: cur016, wide" in capsys.readouterr().err


def drawn(folder: Path, out: Path) -> set[str]:
    assert main(["--results", str(folder), "--out", str(out)]) == 0
    return {path.stem for path in out.glob("*.svg")}


@QUICK
def test_what_was_probed_is_drawn(tmp_path: Path) -> None:
    rows = accuracy_rows(
        tasks=("copy",), models=("seq2seq", "seq2seq+dot"), seeds=(0, 1), lengths=(10, 20)
    )
    probed = {"errors", "positions", "alignment", "influence"}
    plain = drawn(write_folder(tmp_path / "plain", rows), tmp_path / "plain_figures")
    assert not plain & probed
    names = drawn(write_probed_folder(tmp_path / "probed", rows), tmp_path / "figures")
    assert probed <= names
    reference = 'id="baseline/edit_share/copy/unrelated_edits"'
    assert reference not in (tmp_path / "figures" / "errors.svg").read_text()
    assert {name.split("_")[1] for name in names if name.startswith("map_")} == {
        "attention",
        "occlusion",
        "gradient",
    }


def check_accounted(names: set[str], said: str) -> None:
    """Raise AssertionError unless every figure of probes is either drawn or said to be left out."""
    for name in PROBE_FIGURES:
        is_drawn = any(drawn == name or drawn.startswith(f"{name}_") for drawn in names)
        told = [line for line in lines(said) if re.match(rf"no .*\b{name}\b.* figures?: ", line)]
        assert len(told) == (0 if is_drawn else 1), name


@QUICK
@pytest.mark.parametrize(
    ("models", "write"),
    [
        (("seq2seq",), write_folder),
        (("seq2seq",), write_probed_folder),
        (("seq2seq+dot",), write_probed_folder),
    ],
)
@pytest.mark.parametrize("is_told", [True, False])
def test_every_figure_of_probes_is_drawn_or_said_to_be_left_out(
    models: tuple[str, ...],
    write: FolderOf,
    is_told: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = accuracy_rows(tasks=("copy",), models=models, seeds=(0, 1), lengths=(10, 20))
    folder = write(tmp_path / "results", rows)
    if not is_told:
        monkeypatch.setattr(figures, "unprobed_lines", lambda *_, **__: [])
    names = drawn(folder, tmp_path / "figures")
    said = capsys.readouterr().out
    if is_told or models == ("seq2seq+dot",):
        check_accounted(names, said)
    else:
        with pytest.raises(AssertionError):
            check_accounted(names, said)


@QUICK
def test_samples_give_the_edits_of_unrelated_answers(tmp_path: Path) -> None:
    rows = accuracy_rows(tasks=("copy",), models=("seq2seq",), seeds=(0, 1), lengths=(10, 20))
    folder = write_probed_folder(tmp_path / "probed", rows, samples=sample_rows(rows))
    assert "errors" in drawn(folder, tmp_path / "figures")
    reference = 'id="baseline/edit_share/copy/unrelated_edits"'
    assert reference in (tmp_path / "figures" / "errors.svg").read_text()


@QUICK
def test_many_sizes_have_the_figure_of_capacity_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [(hidden, symbols) for hidden in (32, 64) for symbols in (4, 16)]
    rows = [
        row
        for hidden, symbols in sizes
        for row in accuracy_rows(
            tasks=("copy",),
            models=("seq2seq",),
            seeds=(1,),
            lengths=(10, 20),
            hidden=hidden,
            symbols=symbols,
            config_id=f"h{hidden}v{symbols}",
        )
    ]
    folder = write_folder(tmp_path / "results", rows)
    assert drawn(folder, tmp_path / "figures") == {"capacity"}
    said = lines(capsys.readouterr().out)
    assert "no figures by length: 4 settings; choose some with --config ID" in said
    (capacity,) = (line for line in said if line.startswith("capacity: "))
    assert "bits of the target per number" in capacity
    uni = [
        dataclasses.replace(
            row, encoder="uni", config_id=f"u{row.config_id}", record_id=f"u{index}"
        )
        for index, row in enumerate(rows)
    ]
    both = write_folder(tmp_path / "both", [*rows, *uni])
    assert drawn(both, tmp_path / "both_figures") == {"capacity-bi", "capacity-uni"}


@QUICK
def test_what_differs_in_no_recorded_setting_is_refused(
    folder_of: FolderOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(
        [*accuracy_rows(**ONE_TASK), *accuracy_rows(**ONE_TASK, config_id="same", recipe_version=9)]
    )
    out = tmp_path / "out"
    assert main(["--results", str(folder), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "--config ID" in error
    assert "recipe_version" in error
    assert len(lines(error)) == 1
    assert not out.exists()


def test_the_default_folder_is_the_one_beside_the_package() -> None:
    assert figures.OUT == ROOT / "reports" / "figures"
