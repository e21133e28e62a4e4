"""The README's table of verdicts, from results whose verdicts are known."""

from reports import readme
from reports.tables.claims import CLAIMS_FOLDER, all_lines, claim_table, of_claim
from results.claims.measures import CLAIMS
from results.claims.verdicts import HOLDS, NOT_RESOLVED, SMALLER
from tests.rows import BETWEEN, HOLDING, claim_rows, claims_folder


def cells_of(text):
    """Return the cells of every row below the titles."""
    return [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]


def test_table_has_a_row_for_each_claim_and_a_verdict_for_each_task(tmp_path):
    lines = all_lines(claims_folder(tmp_path, claim_rows(BETWEEN), world=BETWEEN))
    rows = cells_of(claim_table(lines))
    assert [row[:2] for row in rows] == [[each.text, each.measured] for each in CLAIMS.values()]
    # All primary measures that there are: no task is counted twice.
    verdicts = [verdict for row in rows for verdict in row[2].split("<br>")]
    tasks = [task for claim in CLAIMS.values() for task in claim.tasks]
    assert len(verdicts) == 8
    assert all(
        verdict.startswith(f"{task}: **{SMALLER}**, ")
        for verdict, task in zip(verdicts, tasks, strict=True)
    )
    assert verdicts[-1] == f"sort: **{SMALLER}**, 0.50 (0.50 to 0.50), 3 seeds"


def test_verdicts_are_those_of_all_claims_together(tmp_path):
    folder = claims_folder(tmp_path, claim_rows(HOLDING, seeds=(0, 1)), world=HOLDING)
    primary = [
        line for name in CLAIMS for line in of_claim(all_lines(folder), name, is_primary=True)
    ]
    assert {line.title for line in primary} == {NOT_RESOLVED}
    assert {line.verdict.reason for line in primary} == {"fewer than 3 seeds"}
    table = claim_table(all_lines(folder))
    assert HOLDS not in table
    assert table.count("fewer than 3 seeds") == len(primary)


def test_the_readme_is_stale_when_a_verdict_changes(tmp_path, capsys):
    rows = [row for row in claim_rows(HOLDING) if (row.encoder, row.cell) == ("bi", "lstm")]
    claims_folder(tmp_path / "reference" / CLAIMS_FOLDER, rows)
    reference = tmp_path / "reference"
    path = tmp_path / "README.md"
    path.write_text("# Title\n\n<!-- table:claims -->\nold\n<!-- /table -->\n")
    assert readme.main([], root=tmp_path, results=reference) == 0
    text = path.read_text()
    assert text.count("**not measured**") == 3  # They need probes.
    path.write_text(text.replace(HOLDS, SMALLER, 1))
    assert readme.main(["--check"], root=tmp_path, results=reference) == 1
    assert "stale" in capsys.readouterr().err
