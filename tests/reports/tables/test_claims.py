"""The README's table of verdicts, from results whose verdicts are known."""

from reports import readme
from reports.tables.claims import all_lines, claim_table, of_claim
from results.claims.measures import CLAIMS
from results.claims.verdicts import HOLDS, NOT_RESOLVED, SMALLER
from tests.rows import BETWEEN, HOLDING, claim_rows, claims_folder


def cells_of(text):
    """Return the cells of every row below the titles."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines[1:]]


def test_table_has_a_row_for_each_claim_and_task_with_its_verdict_or_the_reason(tmp_path):
    lines = all_lines(claims_folder(tmp_path, claim_rows(BETWEEN), world=BETWEEN))
    rows = cells_of(claim_table(lines))
    assert [row[0] for row in rows if row[0].startswith("**")] == [
        f"**{name}** {claim.text}" for name, claim in CLAIMS.items()
    ]
    judged = [row for row in rows if SMALLER in row]
    # All primary measures that there are: no task is counted twice.
    assert len(judged) == sum(len(claim.tasks) for claim in CLAIMS.values()) == 8
    assert judged[-1][-3:] == ["0.50 (0.50 to 0.50), n = 3", "1, 0.1", "< 0.001"]
    reasons = [reason for claim in CLAIMS.values() for reason in claim.out_of_scope.values()]
    assert text_count(rows, "out of scope: ") == len(reasons)
    assert len(rows) == len(judged) + len(reasons)


def text_count(rows, words):
    return sum(words in cell for row in rows for cell in row)


def test_verdicts_are_those_of_all_claims_together(tmp_path):
    folder = claims_folder(tmp_path, claim_rows(HOLDING, seeds=(0, 1)), world=HOLDING)
    primary = [
        line for name in CLAIMS for line in of_claim(all_lines(folder), name, is_primary=True)
    ]
    assert {line.title for line in primary} == {NOT_RESOLVED}
    assert {line.verdict.reason for line in primary} == {"fewer than 3 seeds"}
    table = claim_table(all_lines(folder))
    assert text_count(cells_of(table), HOLDS) == 0
    assert text_count(cells_of(table), f"{NOT_RESOLVED}; fewer than 3 seeds") == len(primary)


def test_the_readme_is_stale_when_a_verdict_changes(tmp_path, capsys):
    rows = [row for row in claim_rows(HOLDING) if (row.encoder, row.cell) == ("bi", "lstm")]
    reference = claims_folder(tmp_path / "reference", rows)
    path = tmp_path / "README.md"
    path.write_text("# Title\n\n<!-- table:claims -->\nold\n<!-- /table -->\n")
    assert readme.main([], root=tmp_path, results=reference) == 0
    text = path.read_text()
    assert text.count("| **C") == len(CLAIMS)
    assert text.count("| not measured |") == 3  # They need probes.
    path.write_text(text.replace(HOLDS, SMALLER, 1))
    assert readme.main(["--check"], root=tmp_path, results=reference) == 1
    assert "stale" in capsys.readouterr().err
