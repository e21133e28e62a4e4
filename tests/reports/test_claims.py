import json
import os
import shlex

import pytest

from bench import run as bench_run
from reports.claims import main
from results.claims.measures import CLAIMS
from results.claims.verdicts import HOLDS, NOT_RESOLVED, SMALLER
from tests.rows import (
    CLAIM_SEEDS,
    HOLDING,
    claim_rows,
    claims_folder,
    curve,
    failed,
)

PLAIN, DOT, UNIFORM = "seq2seq", "seq2seq+dot", "seq2seq+uniform"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return folders in which all claims hold, one seed ran, and no probe did."""
    root = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        rows = claim_rows(HOLDING)
        first = [row for row in rows if row.seed == CLAIM_SEEDS[0]]
        return {
            "holds": claims_folder(root / "holds", rows, world=HOLDING),
            "one seed": claims_folder(root / "one", first, world=HOLDING),
            "no probes": claims_folder(root / "bare", first),
        }


@pytest.fixture
def shown(capsys):
    def show(folder, *options):
        assert main(["--results", str(folder), *options]) == 0
        return capsys.readouterr().out

    return show


@pytest.fixture
def parsed(shown):
    def refuse_constant(name):
        raise ValueError(f"{name} is not JSON")

    def parse(folder):
        text = shown(folder, "--format", "json")
        claims = json.loads(text, parse_constant=refuse_constant)
        assert {each["claim"]: each["text"] for each in claims} == {
            name: claim.text for name, claim in CLAIMS.items()
        }
        return {each["claim"]: each for each in claims}

    return parse


def test_json_text_and_trace_say_the_same(folders, parsed, shown):
    text, trace = shown(folders["holds"]), shown(folders["holds"], "--format", "trace")
    for name, claim in parsed(folders["holds"]).items():
        about = CLAIMS[name]
        assert f"{name}  {about.text}\n" in text
        assert claim["scope"] == dict.fromkeys(about.tasks) | about.out_of_scope
        for task, reason in about.out_of_scope.items():
            assert f"  {task}: out of scope: {reason}\n" in text
        assert [each["task"] for each in claim["primary"]] == [*about.tasks]
        for each in claim["primary"]:
            assert (each["verdict"], each["p"], each["p_holm"], each["n"]) == (HOLDS, 0.0, 0.0, 3)
            assert {*each["seeds"]} == {str(seed) for seed in CLAIM_SEEDS}
            interval = f"{each['estimate']:.2f} ({each['low']:.2f} to {each['high']:.2f}), 3 seeds"
            lines = f"no effect {each['none']:g}, asked {each['asked']:g}"
            line = f"    {each['measure']}: {interval}; {lines}; p < 0.001\n"
            assert f"  {each['task']}: HOLDS\n{line}" in text
            seeds = ", ".join(f"{seed} {effect:.4g}" for seed, effect in each["seeds"].items())
            assert f"{line}      from {each['rows']}\n      seed {seeds}\n" in trace
        for each in claim["secondary"]:
            assert (each["verdict"], each["p"], each["none"], each["asked"]) == (None,) * 4
            if each["seeds"]:
                assert f"    {each['measure']} [{each['task']}]: {each['estimate']:.2f} (" in text


AT_20, AT_80 = (1.0, 0.5, 0.3, 0.2, 0.1), (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS, NEVER, LOST = (1.0,) * 5, (0.4, 0.3, 0.2, 0.1, 0.1), (None,) * 5
# Curves without and with attention by seed, the line of their ratio, and the verdict.
BOTH, NEAR = (AT_20, AT_80), (AT_20, (1.0, 0.75, 0.25, 0.2, 0.1))
TOLD = [
    (
        ((AT_20, ALWAYS),) * 3,
        "at least 8.00 (8.00 to 8.00), 3 seeds",
        f"{HOLDS}; lower bounds: 3 of 3",
    ),
    ((NEAR,) * 3, "1.41 (1.41 to 1.41), 3 seeds", SMALLER),
    # The logarithms are 2, 0 and 2: their mean is 4/3, and 4.303 standard errors are 2.87.
    (
        (BOTH, (AT_80, AT_80), BOTH),
        "2.52 (0.35 to 18.40), 3 seeds",
        f"{NOT_RESOLVED}; not told apart from the effect asked for",
    ),
    ((BOTH, BOTH), "4.00 (4.00 to 4.00), 2 seeds", f"{NOT_RESOLVED}; fewer than 3 seeds"),
    (
        (BOTH, BOTH, BOTH, (AT_20, LOST)),
        "4.00 (4.00 to 4.00), 3 seeds",
        f"{NOT_RESOLVED}; seeds that cannot be told: 1 of 4",
    ),
]


@pytest.mark.parametrize(("seeds", "told", "verdict"), TOLD)
def test_effect_interval_and_verdict_are_told_as_known_by_hand(
    seeds, told, verdict, tmp_path, shown
):
    rows = [
        row
        for seed, curves in enumerate(seeds)
        for model, shares in zip((PLAIN, DOT), curves, strict=True)
        for row in curve(model, shares, seed=seed)
    ]
    text = shown(claims_folder(tmp_path / "results", rows))
    name = "L50 of seq2seq+dot / L50 of seq2seq: free-running accuracy"
    assert f"  copy: {verdict}\n    {name}: {told}; no effect 1, asked 2" in text


def test_a_control_that_did_not_train_gives_no_number(tmp_path, shown, parsed):
    curves = {PLAIN: AT_80, UNIFORM: NEVER, DOT: ALWAYS}
    rows = [
        row
        for task, worse in (("copy", 0.1), ("sort", 0.0))
        for seed in CLAIM_SEEDS
        for model, shares in curves.items()
        for row in curve(
            model,
            (*shares[:4], worse if model == UNIFORM else shares[4]),
            task=task,
            seed=seed,
        )
    ]
    folder = claims_folder(tmp_path / "results", rows)
    copy, sort = parsed(folder)["C5"]["primary"]
    assert (copy["verdict"], copy["estimate"]) == (HOLDS, 0.0)
    assert (sort["verdict"], sort["estimate"]) == (NOT_RESOLVED, None)
    assert sort["remarks"] == ["control did not train: 3 of 3"]
    assert "  sort: NOT RESOLVED; control did not train: 3 of 3\n" in shown(folder)


def test_a_share_outside_0_to_1_is_flagged(tmp_path, parsed):
    curves = {PLAIN: AT_80, UNIFORM: ALWAYS, DOT: (1.0, 1.0, 1.0, 1.0, 0.9)}
    rows = [
        row
        for seed in CLAIM_SEEDS
        for model, shares in curves.items()
        for row in curve(model, shares, seed=seed)
    ]
    found = parsed(claims_folder(tmp_path / "results", rows))["C5"]["primary"][0]
    assert "shares outside 0 to 1: 3 of 3" in found["remarks"]


@pytest.mark.fault("F13")
def test_one_seed_has_no_interval_and_no_verdict_and_says_so(folders, parsed, shown):
    for claim in parsed(folders["one seed"]).values():
        for each in claim["primary"]:
            assert (each["n"], each["low"], each["high"]) == (1, None, None)
            assert (each["verdict"], each["p"]) == (NOT_RESOLVED, None)
            assert each["remarks"] == ["fewer than 3 seeds"]


def test_what_is_not_measured_names_the_commands_that_measure_it(folders, parsed, shown):
    folder = folders["no probes"]
    for name in ("C3", "C4"):
        for each in parsed(folder)[name]["primary"]:
            assert (each["verdict"], each["estimate"], each["n"]) == (None, None, 0)
    text = shown(folder)
    assert text.count(": not measured\n") == 3
    train, probe = text.splitlines()[-1].partition("measured: ")[2].split(" && ")
    assert probe == f"python -m bench.probe --results {folder}"
    python, option, name, *arguments = shlex.split(train)
    assert (python, option, name) == ("python", "-m", "bench.run")
    assert bench_run.main([*arguments, "--dry-run"]) == 0


def test_a_folder_with_other_experiments_is_judged_by_the_same_rows(tmp_path, parsed):
    rows = [
        row
        for seed in CLAIM_SEEDS
        for model, shares in ((PLAIN, AT_20), (DOT, AT_80))
        for row in curve(model, shares, seed=seed)
    ]
    others = [
        row
        for change in ({"hidden": 128}, {"budget_updates": 28000}, {"protocol": "independent"})
        for row in curve(PLAIN, AT_80, **change)
    ]
    rows[0] = failed(rows[0])
    alone = parsed(claims_folder(tmp_path / "alone", rows))
    assert alone["C1"]["primary"][0]["estimate"] == pytest.approx(4.0)
    assert parsed(claims_folder(tmp_path / "mixed", [*rows, *others])) == alone
    foreign = parsed(claims_folder(tmp_path / "foreign", others))
    assert not any(each["n"] for claim in foreign.values() for each in claim["primary"])


TWO_VERSIONS = [*curve(PLAIN, AT_20), *curve(PLAIN, AT_20, config_id="newer")]


@pytest.mark.parametrize(
    ("rows", "options", "status", "message"),
    [
        (TWO_VERSIONS, "", 2, "several rows of one length in a group: task copy, model seq2seq"),
        ([], "", 1, "run python -m bench.run"),
        (None, "", 1, "run python -m bench.run"),
        (None, "--results nowhere", 2, "is not a folder"),
        (None, "--format markdown", 2, "--format: invalid choice: 'markdown'"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(rows, options, status, message, tmp_path, capsys):
    folder = tmp_path / "results"
    folder.mkdir() if rows is None else claims_folder(folder, rows)
    check_refused(["--results", str(folder), *options.split()], status, message, capsys)


def test_a_damaged_csv_is_refused(tmp_path, capsys):
    rows = [*curve(PLAIN, AT_20), *curve(DOT, AT_20)]
    path = claims_folder(tmp_path / "results", rows, world=HOLDING) / "influence.csv"
    path.write_bytes(path.read_bytes()[:-1])
    check_refused(["--results", str(path.parent)], 2, "influence.csv", capsys)


def check_refused(arguments, status, message, capsys):
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("reports.claims: ")
    assert message in err
