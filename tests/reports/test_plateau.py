import dataclasses
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reports import plateau as module
from reports.plateau import RULE, main
from results.schema.rows import AccuracyRow
from results.tables import REFERENCE
from tests.results.stats.plateau_rows import LENGTHS, control_of, rows_of, saturating
from tests.rows import write_folder

FLAT = saturating(150.0)


def told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    reference: Sequence[AccuracyRow],
    control: Sequence[AccuracyRow],
) -> str:
    folders = {"--results": reference, "--control": control}
    arguments = []
    for number, (option, rows) in enumerate(folders.items()):
        arguments += [option, str(write_folder(tmp_path / str(number), rows))]
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert output.err.startswith("read ")
    return output.out


def check_plateau(text: str) -> None:
    """Raise AssertionError unless the text has this plateau, its numbers and the rule."""
    verdict = (
        "plateau from length 50 to 100: the capacity of the context vector at this recipe is 150 "
        "bits (145 to 155, 95 % t-interval, n = 3 seeds)"
    )
    assert f"\n  {verdict}\n" in text
    assert text.startswith(
        "copy, seq2seq (curriculum, encoder bi, state 64, 16 symbols; 1,500 updates per stage at "
        "most, control 6,000)\n"
    )
    rows = [line.split() for line in text.splitlines() if re.match(r"\s+\d+ ", line)]
    assert [int(row[0]) for row in rows] == [*LENGTHS]
    assert rows[-1] == ["100", "400", "150", "158", "+5.0", "%", "3"]
    assert text.splitlines()[-1] == RULE
    assert "Without a control" not in text


def test_a_plateau_is_told_with_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_plateau(told(tmp_path, capsys, rows_of(FLAT), control_of(FLAT, factor=1.05)))


def test_no_plateau_is_told_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [
        dataclasses.replace(row, record_id=f"rnn-{row.record_id}")
        for row in rows_of(FLAT, model="rnn")
    ]
    text = told(tmp_path, capsys, [*rows_of(FLAT), *other], control_of(FLAT, factor=1.24))
    assert "  no plateau: the control moves the bits by 24 % at length 100\n" in text
    assert "Without a control: 1 curve.\n" in text
    with pytest.raises(AssertionError):
        check_plateau(text)


@pytest.mark.parametrize("part", ["_verdict", "_line"])
def test_a_text_that_leaves_something_out_is_rejected(
    part: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, part, lambda _: "nothing")
    with pytest.raises(AssertionError):
        check_plateau(told(tmp_path, capsys, rows_of(FLAT), control_of(FLAT, factor=1.05)))


def test_the_published_control_leaves_no_plateau(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--results", str(REFERENCE), "--control", str(REFERENCE / "budget-x4")]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert text.count("  no plateau: the control moves the bits by ") == 2
    assert "the capacity of" not in text


def test_it_runs_as_a_module_without_torch() -> None:
    code = "import sys, reports.plateau; sys.exit('torch' in sys.modules)"
    root = Path(module.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
