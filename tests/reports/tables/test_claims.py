"""The README's table of verdicts, from results whose verdicts are known."""

import math

import pytest

from reports import readme
from reports.tables.claims import Line, claim_table
from results.claims.measures import CLAIMS, MEASURES
from results.claims.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED, Finding
from tests.rows import CLAIM_SEEDS, FAILS, HOLDS, claim_rows, claims_folder


def table_of(text):
    """Return the cells of every row, by its title."""
    lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_the_first_claim_is_judged_by_the_reference_and_the_others_by_their_folder(tmp_path):
    claims_folder(tmp_path, claim_rows(HOLDS, seeds=CLAIM_SEEDS[:-1]), world=HOLDS)
    claims_folder(tmp_path / "claims", claim_rows(FAILS), world=FAILS)
    text = readme.verdicts(tmp_path)
    table = table_of(text)
    assert text.startswith("3 seeds where no other n stands; mean (95 % interval)")
    assert table.pop("claim; what is measured") == ["threshold", "copy", "reverse"]
    assert len(table) == len(CLAIMS) + len(MEASURES)
    titles = {name: cells[1:] for name, cells in table.items() if name.startswith("**")}
    # Two seeds are too few for a verdict.
    verdicts = [INCONCLUSIVE, *[REFUTED] * 4]
    assert titles == {
        f"**{claim}: {words}** As a whole {verdict}": [verdict, verdict]
        for (claim, words), verdict in zip(CLAIMS.items(), verdicts, strict=True)
    }
    ratio = table["L50 of seq2seq+dot / L50 of seq2seq: accuracy, free-running"]
    # 80 * 2 ** (8 / 9) over 20.
    assert ratio == [">= 2", *["inconclusive 7.41 (7.41 to 7.41), n = 2"] * 2]
    gap = table["accuracy of seq2seq less rnn-aligned, at the longest length"]
    assert gap == [">= 0.1", *["**refuted** 0.00 (0.00 to 0.00)"] * 2]
    pooled = "last less first source position at one output, encoder bi: occlusion, relative to the"
    (recent,) = [cells for name, cells in table.items() if name.startswith(pooled)]
    assert recent[1:] == ["**refuted** 0.00 (0.00 to 0.00), copy and reverse"] * 2


@pytest.mark.parametrize(
    ("effect", "counts", "verdict", "text"),
    [
        (3.05, (3, 3, 0), SUPPORTED, "supported at least 3.05"),
        (0.5, (3, 1, 0), REFUTED, "**refuted** at most 0.50"),
        (3.0, (3, 2, 0), INCONCLUSIVE, "inconclusive about 3"),
        (4.0, (1, 0, 2), INCONCLUSIVE, "inconclusive 4.00 |"),
        (math.nan, (0, 0, 3), INCONCLUSIVE, "cannot be to"),
    ],
)
def test_bounds_and_single_seeds_have_no_interval(effect, counts, verdict, text):
    finding = Finding(effect, math.nan, math.nan, *counts, verdict)
    line = Line("C1", "ratio", "rows", ">= 2", "command", task="copy", finding=finding)
    assert f"| ratio | >= 2 | {text}" in claim_table([line])


def test_the_readme_is_stale_when_a_verdict_changes(tmp_path, capsys):
    bi_rows = [row for row in claim_rows(HOLDS, seeds=(0,)) if row.encoder == "bi"]
    reference = claims_folder(tmp_path / "reference", bi_rows)
    path = tmp_path / "README.md"
    blocks = (f"{begin}\nold\n{readme.END}" for begin in (readme.BEGIN, readme.CLAIMS_BEGIN))
    path.write_text("# Title\n\n" + "\n\n".join(blocks) + "\n")
    before = path.read_text()
    assert readme.main([], readme=path, results=reference) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert path.read_text() == before
    claims_folder(reference / "claims", claim_rows(FAILS, seeds=(0,)), world=FAILS)
    assert readme.main([], readme=path, results=reference) == 0
    text = path.read_text()
    assert text.count("| **C") == len(CLAIMS)
    path.write_text(text.replace("inconclusive", "supported", 1))
    assert readme.main(["--check"], readme=path, results=reference) == 1
    assert "stale" in capsys.readouterr().err
