"""The README's table of verdicts, from results whose verdicts are known."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports import readme
from reports.claims import told
from reports.tables import claim_table as module
from reports.tables.claim_table import claim_table
from reports.tables.claims import all_lines
from results.claims.measures import CLAIMS, MEASURES
from results.claims.verdicts import REFUTED, SUPPORTED
from results.schema.rows import AccuracyRow
from tests.reports.claim_folders import written
from tests.results.claims.claim_rows import FAILS, HOLDS, SEEDS, rows_in

TASKS = ("copy", "reverse")
TITLES = ["claim; what is measured", "threshold", *TASKS]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a reference in which all claims hold, and in it a folder of claims that fail."""
    root = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        written(root, rows_in(HOLDS), world=HOLDS)
        written(root / "claims", rows_in(FAILS), world=FAILS)
    return root


def bi_rows() -> Iterator[AccuracyRow]:
    """Yield rows of one configuration, as the reference has them."""
    return (row for row in rows_in(HOLDS) if row.encoder == "bi")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def table_of(text: str) -> list[list[str]]:
    lines = [cells(line) for line in text.splitlines() if line.startswith("| ")]
    assert lines[0] == TITLES
    return lines[1:]


def check_table(folder: Path, *, word: str, verdict: str) -> None:
    """Raise AssertionError unless the table has every line of the report, under its tasks."""
    lines = all_lines(folder)
    table = table_of(claim_table(lines))
    assert len(table) == len(CLAIMS) + len(MEASURES)
    shown = {
        (row[0], task): cell for row in table for task, cell in zip(TASKS, row[2:], strict=True)
    }
    for claim, text in CLAIMS.items():
        title = f"**{claim}: {text}** As a whole {verdict}"
        assert [shown[title, task] for task in TASKS] == [verdict] * 2
    for line in lines:
        for task in line.tasks:
            effect, _, interval = told(line).partition(f", n = {len(SEEDS)}")
            assert interval == ")"
            joint = ", copy and reverse" if len(line.tasks) > 1 else ""
            assert shown[line.measure, task] == f"{word} {effect}){joint}"


def test_the_table_says_what_the_report_says(
    reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_table(reference, word="supported", verdict=SUPPORTED)
    check_table(reference / "claims", word="**refuted**", verdict=REFUTED)
    monkeypatch.setattr(module, "_told", lambda found: "supported 1.00 (0.00 to 2.00)")
    with pytest.raises(AssertionError):
        check_table(reference, word="supported", verdict=SUPPORTED)


def check_folders(reference: Path) -> None:
    """Raise AssertionError unless C1 is judged by the reference, all else by the claims' folder."""
    table = table_of(readme.verdicts(reference))
    titles = [row for row in table if row[0].startswith("**")]
    assert [row[2:] for row in titles] == [[SUPPORTED] * 2, *[[REFUTED] * 2] * 4]


def test_the_first_claim_is_judged_by_the_longer_lengths(
    reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_folders(reference)
    monkeypatch.setattr(readme, "JUDGED_BY_REFERENCE", ())
    with pytest.raises(AssertionError):
        check_folders(reference)


def test_another_number_of_seeds_is_said(tmp_path: Path) -> None:
    written(tmp_path, rows_in(HOLDS, seeds=SEEDS[:-1]), world=HOLDS)
    written(tmp_path / "claims", rows_in(FAILS), world=FAILS)
    text = readme.verdicts(tmp_path)
    assert text.startswith(f"{len(SEEDS)} seeds where no other n stands")
    marked = [row for row in table_of(text) if row[2].endswith(f", n = {len(SEEDS) - 1}")]
    assert len(marked) == sum(measure.claim == "C1" for measure in MEASURES)


def test_bounds_are_no_values() -> None:
    line = dataclasses.replace  # The finding of a ratio that is known from one side only.
    found = module.Finding(3.05, float("nan"), float("nan"), 3, 3, 0, SUPPORTED)
    assert module._told(found) == "supported at least 3.05"
    assert module._told(line(found, verdict=REFUTED)) == "**refuted** at most 3.05"
    assert module._told(line(found, n=0, unknown=3)) == "cannot be told"


def test_the_readme_is_stale_when_a_verdict_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = written(tmp_path / "reference", [*bi_rows()])
    written(reference / "claims", rows_in(FAILS), world=FAILS)
    path = tmp_path / "README.md"
    blocks = (f"{begin}\nold\n{readme.END}" for begin in (readme.BEGIN, readme.CLAIMS_BEGIN))
    path.write_text("# Title\n\n" + "\n\n".join(blocks) + "\n")
    assert readme.main([], readme=path, results=reference) == 0
    text = path.read_text()
    assert text.count("| **C") == len(CLAIMS)
    assert readme.main(["--check"], readme=path, results=reference) == 0
    path.write_text(text.replace("**refuted**", "supported", 1))
    assert readme.main(["--check"], readme=path, results=reference) == 1
    assert "stale" in capsys.readouterr().err


def test_claims_without_their_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "results", [*bi_rows()])
    path = tmp_path / "README.md"
    path.write_text(f"{readme.BEGIN}{readme.END}\n{readme.CLAIMS_BEGIN}{readme.END}\n")
    before = path.read_text()
    assert readme.main([], readme=path, results=tmp_path / "results") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert path.read_text() == before
