import dataclasses
import importlib
import json
import os
import shlex

import pytest

from reports.claims import main
from results.claims.measures import CLAIMS, TRAIN_COMMAND
from results.claims.verdicts import INCONCLUSIVE, NOT_MEASURED, SUPPORTED
from tests.rows import (
    CLAIM_LENGTHS,
    CLAIM_SEEDS,
    HOLDS,
    claim_rows,
    claims_folder,
    curve,
    failed,
)

PLAIN, DOT = "seq2seq", "seq2seq+dot"
TASKS = ("copy", "reverse")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return folders in which all claims hold, one seed ran, and no probe did."""
    root = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        return {
            "holds": claims_folder(root / "holds", claim_rows(HOLDS), world=HOLDS),
            "one seed": claims_folder(root / "one", claim_rows(HOLDS, seeds=(4,)), world=HOLDS),
            "no probes": claims_folder(root / "bare", claim_rows(HOLDS)),
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

    def parse(folder, *options):
        text = shown(folder, "--format", "json", *options)
        claims = json.loads(text, parse_constant=refuse_constant)
        assert [(each["claim"], each["text"]) for each in claims] == [*CLAIMS.items()]
        return {each["claim"]: each for each in claims}

    return parse


def test_json_text_and_trace_say_the_same(folders, parsed, shown):
    text, trace = shown(folders["holds"]), shown(folders["holds"], "--format", "trace")
    for claim in parsed(folders["holds"]).values():
        assert claim["tasks"] == dict.fromkeys(TASKS, SUPPORTED)
        head = f"{claim['claim']}  {claim['text']}\n    SUPPORTED (copy SUPPORTED, reverse SUPP"
        assert head in text
        assert head in trace
        for each in claim["measures"]:
            assert (each["verdict"], each["n"]) == (SUPPORTED, len(CLAIM_SEEDS))
            assert (each["unknown"], each["bounds"]) == (0, 0)
            assert {*each["seeds"]} == {str(seed) for seed in CLAIM_SEEDS}
            assert each["effect"] == pytest.approx(sum(each["seeds"].values()) / len(CLAIM_SEEDS))
            title = f"  {each['measure']} ({each['threshold']})\n"
            interval = f"{each['effect']:.2f} ({each['low']:.2f} to {each['high']:.2f}, n = 3)"
            line = f"    {each['task']:<16} {interval:<48}  SUPPORTED\n"
            seeds = ", ".join(f"{seed} {effect:.4g}" for seed, effect in each["seeds"].items())
            assert title in text
            assert line in text
            assert f"{title}    from {each['rows']}\n" in trace
            assert f"{line}      seed {seeds}\n" in trace


AT_20, AT_80 = (1.0, 0.5, 0.3, 0.2, 0.1), (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS, NEVER, LOST = (1.0,) * 5, (0.4, 0.3, 0.2, 0.1, 0.1), (None,) * 5
RISING = (0.2, 0.3, 0.3, 0.35, 0.4)
# Curves without and with attention by seed; the line of their ratio, and the number of bounds.
BOTH = (AT_20, AT_80)
TOLD = [
    (((AT_20, ALWAYS),) * 3, "8.00 (n = 3, 3 of them bounds)", SUPPORTED),
    (((AT_20, ALWAYS), (AT_20, NEVER), BOTH), "4.17 (n = 3, 2 of them bounds)", INCONCLUSIVE),
    # The mean of 4, 1 and 4, and 4.303 standard errors of 1.
    ((BOTH, (AT_80, AT_80), BOTH), "3.00 (-1.30 to 7.30, n = 3)", INCONCLUSIVE),
    ((BOTH, (RISING, AT_80)), "4.00 (no interval, n = 1, 1 cannot be told)", INCONCLUSIVE),
    (((AT_20, LOST),) * 3, "– (n = 0, 3 cannot be told)", INCONCLUSIVE),
]


@pytest.mark.parametrize(("seeds", "told", "verdict"), TOLD)
def test_effect_interval_and_seeds_are_told_as_known_by_hand(
    seeds, told, verdict, tmp_path, shown, parsed
):
    rows = [
        row
        for seed, curves in enumerate(seeds)
        for model, shares in zip((PLAIN, DOT), curves, strict=True)
        for row in curve(model, shares, seed=seed)
    ]
    folder = claims_folder(tmp_path / "results", rows)
    assert shown(folder).count(f"    copy             {told:<48}  {verdict}\n") == 3
    for each in parsed(folder)["C1"]["measures"]:
        if each["task"]:
            assert (each["low"] is None) == (each["high"] is None) == (" to " not in told)


@pytest.mark.fault("F13")
def test_one_seed_has_no_interval_and_no_verdict_and_says_so(folders, parsed, shown):
    for claim in parsed(folders["one seed"]).values():
        assert claim["verdict"] == INCONCLUSIVE
        for each in claim["measures"]:
            assert (each["n"], each["low"], each["high"]) == (1, None, None)
            assert each["verdict"] == INCONCLUSIVE
    text = shown(folders["one seed"])
    assert text.count("(no interval, n = 1)") == text.count("n = ") > 0


def test_what_is_not_measured_names_the_command_that_measures_it(folders, tmp_path, parsed, shown):
    folder = folders["no probes"]
    claims = parsed(folder)
    command = f"python -m bench.probe --results {folder} --lengths {max(CLAIM_LENGTHS)}"
    verdicts = {name: claim["verdict"] for name, claim in claims.items()}
    assert verdicts == dict.fromkeys(CLAIMS, SUPPORTED) | dict.fromkeys(("C3", "C4"), NOT_MEASURED)
    for each in [*claims["C3"]["measures"], *claims["C4"]["measures"]]:
        assert (each["verdict"], each["command"], each["task"]) == (NOT_MEASURED, command, "")
        assert "effect" not in each
    assert f"{'':<20} {command:<48}  {NOT_MEASURED}\n" in shown(folder)
    assert "1 of 7 lines not measured)" in shown(folder)
    plain = parsed(claims_folder(tmp_path / "plain", curve(PLAIN, AT_20)))
    assert {each["command"] for each in plain["C1"]["measures"]} == {TRAIN_COMMAND}
    # These are command lines that the commands take; no checkpoint is there to be probed.
    for line, options, status in ((TRAIN_COMMAND, ["--dry-run"], 0), (command, [], 2)):
        python, option, name, *arguments = shlex.split(line)
        assert (python, option) == ("python", "-m")
        assert importlib.import_module(name).main([*arguments, *options]) == status


def test_failed_rows_and_tests_at_other_lengths_are_no_scores(tmp_path, parsed):
    rows = [*curve(PLAIN, AT_20), *curve(DOT, HOLDS.curves[DOT])]
    own = parsed(claims_folder(tmp_path / "own", rows))["C1"]
    longer = dataclasses.replace(
        rows[-1], train_length=CLAIM_LENGTHS[-2], record_id="longer", carried_bits=0.0
    )
    assert parsed(claims_folder(tmp_path / "longer", [*rows, longer]))["C1"] == own
    rows[-1] = failed(rows[-1])
    ratio = parsed(claims_folder(tmp_path / "failed", rows))["C1"]["measures"][0]
    assert (ratio["effect"], ratio["bounds"]) == (pytest.approx(80 / 20), 1)


def test_a_folder_of_two_sizes_is_judged_by_the_one_chosen(tmp_path, parsed):
    small = [*curve(PLAIN, AT_20), *curve(DOT, HOLDS.curves[DOT])]
    large = [
        *curve(PLAIN, HOLDS.curves[DOT], hidden=128),
        *curve(DOT, HOLDS.curves[DOT], hidden=128),
    ]
    folder = claims_folder(tmp_path / "results", [*small, *large], world=HOLDS)
    for config_id, ratio in (("bi64", 80 * 2 ** (8 / 9) / 20), ("bi128", 1.0)):
        measures = parsed(folder, "--config", config_id)["C1"]["measures"]
        assert measures[0]["effect"] == pytest.approx(ratio)


SIZES_MIXED = [*curve(PLAIN, AT_20), *curve(PLAIN, AT_20, hidden=128)]
MODELS_MIXED = [*curve(PLAIN, AT_20), *curve(DOT, AT_20, hidden=128)]
PROTOCOLS_MIXED = [
    *(*curve(PLAIN, AT_20), *curve("rnn-aligned", AT_20)),
    *curve("rnn-aligned", AT_20, protocol="independent", config_id="other"),
]


@pytest.mark.parametrize(
    ("rows", "options", "status", "message"),
    [
        (SIZES_MIXED, "", 2, "choose one with --config ID: bi128 (hidden=128); bi64 (hidden=64)"),
        (SIZES_MIXED, "--config x", 2, "no row has 'x'; there are: bi128, bi64"),
        (MODELS_MIXED, "", 2, "hidden differs between curves; choose one with --conf"),
        (PROTOCOLS_MIXED, "", 2, "several rows of one length in a group: task copy, model rnn-al"),
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
    path = claims_folder(tmp_path / "results", rows, world=HOLDS) / "influence.csv"
    path.write_bytes(path.read_bytes()[:-1])
    check_refused(["--results", str(path.parent)], 2, "influence.csv", capsys)


def check_refused(arguments, status, message, capsys):
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("reports.claims: ")
    assert message in err
