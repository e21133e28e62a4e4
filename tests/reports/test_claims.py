import contextlib
import dataclasses
import importlib.util
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from reports import claims as module
from reports.claims import main
from reports.tables import claims as claim_lines
from reports.tables.claims import Line
from results.claims.measures import CLAIMS, MEASURES, PROBE_COMMAND, TRAIN_COMMAND, Measure
from results.claims.verdicts import INCONCLUSIVE, NOT_MEASURED, REFUTED, SUPPORTED, Finding, judge
from results.store.csv_files import ROW_TYPES
from tests.reports.claim_folders import written
from tests.results.claims.claim_rows import (
    CEILING,
    FAILS,
    HOLDS,
    LENGTHS,
    SEEDS,
    TEST_SEQUENCES,
    curve,
    rows_in,
)
from tests.rows import failed

NAN = float("nan")
DOT = "seq2seq+dot"
AT_20 = HOLDS.curves["seq2seq"]
TASKS = ("copy", "reverse")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the command left."""

    status: int
    out: str
    err: str


def asked(folder: Path, *options: str) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["--results", str(folder), *options])
        except SystemExit as leaving:
            status = int(str(leaving.code))
    return Answer(status, out.getvalue(), err.getvalue())


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def parsed(folder: Path) -> dict[str, dict[str, Any]]:
    answer = asked(folder, "--format", "json")
    assert (answer.status, answer.err) == (0, "")
    claims = json.loads(answer.out, parse_constant=refuse_constant)
    assert [(each["claim"], each["text"]) for each in claims] == [*CLAIMS.items()]
    return {each["claim"]: each for each in claims}


def measures_of(claim: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {each["task"]: each for each in claim["measures"] if each["measure"] == name}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders in which all claims hold, none does, one seed ran, and no probe did."""
    root = tmp_path_factory.mktemp("claims")
    one_seed = rows_in(HOLDS, seeds=(4,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        return {
            "holds": written(root / "holds", rows_in(HOLDS), world=HOLDS),
            "fails": written(root / "fails", rows_in(FAILS), world=FAILS),
            "one seed": written(root / "one", one_seed, world=HOLDS),
            "no probes": written(root / "bare", rows_in(HOLDS)),
        }


def check_verdicts(folder: Path, verdict: str) -> None:
    for claim in parsed(folder).values():
        assert claim["verdict"] == verdict
        for each in claim["measures"]:
            assert (each["verdict"], each["n"], each["unknown"]) == (verdict, len(SEEDS), 0)
            assert each["bounds"] == 0
            assert each["low"] <= each["effect"] <= each["high"]


def check_both_verdicts(folders: dict[str, Path]) -> None:
    check_verdicts(folders["holds"], SUPPORTED)
    check_verdicts(folders["fails"], REFUTED)


def test_claims_that_hold_are_supported_and_others_refuted(folders: dict[str, Path]) -> None:
    check_both_verdicts(folders)
    with pytest.raises(AssertionError):
        check_verdicts(folders["holds"], REFUTED)


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("judge", lambda *_, **__: Finding(1.0, 0.0, 2.0, 3, 0, 0, SUPPORTED)),
        ("overall", lambda verdicts: INCONCLUSIVE),
        ("MEASURES", tuple(dataclasses.replace(each, threshold=1e9) for each in MEASURES)),
        ("_of", lambda encoders, rows: rows[:0]),
    ],
)
def test_a_report_that_does_not_judge_is_rejected(
    part: str, broken: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_lines, part, broken)
    with pytest.raises((AssertionError, KeyError)):
        check_both_verdicts(folders)


def check_numbers(folder: Path) -> None:
    claims = parsed(folder)
    gap = measures_of(claims["C2"], "accuracy of seq2seq less rnn-aligned, at the longest length")
    # Shares 0.2 and 0 of the room of 0.8 above the constant answer.
    assert {*gap} == {*TASKS}
    for each in gap.values():
        assert [each[name] for name in ("effect", "low", "high")] == pytest.approx([0.16] * 3)
        assert each["threshold"] == ">= 0.1"
    ratio = measures_of(claims["C1"], "L50 of seq2seq+dot / L50 of seq2seq: accuracy, free-running")
    # From 0.9 at 80 to 0.45 at 160, in the logarithm, over a half length of 20.
    assert ratio["copy"]["effect"] == pytest.approx(80 * 2 ** (8 / 9) / 20)
    recent = measures_of(
        claims["C3"],
        "last less first source position at one output, encoder uni: occlusion, relative to the "
        "mean",
    )
    # A slope of 0.5 over 159 positions, by the mean of 2 and half of 161 positions.
    assert {task: each["effect"] for task, each in recent.items()} == {
        "copy and reverse": pytest.approx(0.5 * 159 / (2 + 0.5 * 161 / 2))
    }
    early = measures_of(
        claims["C2"], "largest effect of an input on an earlier output of rnn-aligned"
    )
    assert (early["copy"]["effect"], early["copy"]["threshold"]) == (0.0, "<= 0")
    excess = measures_of(
        claims["C2"],
        "accuracy of rnn-aligned above its causal ceiling, at most, in standard errors",
    )
    # Six tenths of 240 items at length 10; at every other length it is below.
    error = math.sqrt(CEILING * (1 - CEILING) / (TEST_SEQUENCES * 10))
    assert {task: each["effect"] for task, each in excess.items()} == {
        task: pytest.approx((0.6 - CEILING) / error) for task in TASKS
    }
    assert excess["copy"]["threshold"] == "<= 3"


def test_the_numbers_are_known_by_hand(folders: dict[str, Path]) -> None:
    check_numbers(folders["holds"])
    with pytest.raises(AssertionError):
        check_numbers(folders["fails"])


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def read_markdown(text: str) -> list[tuple[str, ...]]:
    """Return claim, verdict, measure, threshold, task, effect and verdict of every row."""
    rows, head = [], ("", "")
    for line in text.splitlines():
        if title := re.match(r"\*\*(C\d): (.+?)\.\*\* ", line):
            head = (title[1], title[2])
        elif line.startswith("| ") and not line.startswith("| measure"):
            rows.append((*head, *cells(line)))
    return rows


def read_text(text: str) -> list[tuple[str, ...]]:
    """Return the same of the text."""
    rows, claim, verdict, measure, threshold = [], "", "", "", ""
    for line in text.splitlines():
        if title := re.match(r"(C\d)  ", line):
            claim, verdict = title[1], ""
        elif claim and not verdict:
            verdict = line.strip()
        elif named := re.match(r"  (\S.*) \(([<>]= .*)\)$", line):
            measure, threshold = named[1], named[2]
        elif line.strip():
            parts = re.split(r"\s{2,}", line[20:].strip())
            told, found = parts
            rows.append((claim, verdict, measure, threshold, line[4:20].strip(), told, found))
    return rows


def shown_in(claims: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return what a table should show, from the JSON."""
    return [
        (
            name,
            verdicts(claim),
            each["measure"],
            each["threshold"],
            each["task"],
            told(each),
            each["verdict"],
        )
        for name, claim in claims.items()
        for each in claim["measures"]
    ]


def verdicts(claim: dict[str, Any]) -> str:
    notes = [f"{task} {verdict}" for task, verdict in claim["tasks"].items()]
    notes = notes if len(notes) > 1 else []
    lines = [each["verdict"] for each in claim["measures"]]
    unmeasured = lines.count(NOT_MEASURED)
    if 0 < unmeasured < len(lines):
        notes.append(f"{unmeasured} of {len(lines)} lines not measured")
    return f"{claim['verdict']} ({', '.join(notes)})" if notes else claim["verdict"]


def told(each: dict[str, Any]) -> str:
    if each["verdict"] == NOT_MEASURED:
        return str(each["command"])
    unknown = f", {each['unknown']} cannot be told" if each["unknown"] else ""
    if each["effect"] is None:
        return f"– (n = 0{unknown})"
    if each["bounds"]:
        return f"{each['effect']:.2f} (n = {each['n']}, {each['bounds']} of them bounds{unknown})"
    interval = "no interval"
    if each["low"] is not None:
        interval = f"{each['low']:.2f} to {each['high']:.2f}"
    return f"{each['effect']:.2f} ({interval}, n = {each['n']}{unknown})"


def check_forms_agree(folder: Path) -> None:
    rows = shown_in(parsed(folder))
    text, markdown = asked(folder), asked(folder, "--format", "markdown")
    for answer in (text, markdown):
        assert answer.status == 0
        assert answer.err.splitlines() == [f"read {folder}"]
        for name, words in CLAIMS.items():
            assert re.search(rf"^\W*{name}\b.*{re.escape(words)}$", answer.out, re.MULTILINE)
    assert read_text(text.out) == rows
    dashed = [(*row[:4], row[4] or "–", *row[5:]) for row in rows]
    assert read_markdown(markdown.out) == dashed
    assert {len(cells(line)) for line in markdown.out.splitlines() if line.startswith("|")} == {5}


@pytest.mark.parametrize("name", ["holds", "fails", "one seed", "no probes"])
def test_text_markdown_and_json_say_the_same(name: str, folders: dict[str, Path]) -> None:
    check_forms_agree(folders[name])


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("told", lambda line: "1.00 (0.00 to 2.00, n = 3)"),
        ("_as_text", lambda claim, lines, is_traced: f"{claim}  {CLAIMS[claim]}\n    {SUPPORTED}"),
        ("_as_markdown", lambda claim, lines: f"**{claim}: {SUPPORTED}.** {CLAIMS[claim]}"),
        ("NO_VALUE", "copy"),
    ],
)
def test_a_form_that_leaves_something_out_is_rejected(
    part: str, broken: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, part, broken)
    with pytest.raises(AssertionError):
        check_forms_agree(folders["no probes"])


def check_not_measured(folder: Path) -> None:
    claims = parsed(folder)
    command = f"{PROBE_COMMAND} --results {folder} --lengths {max(LENGTHS)}"
    assert {name: claim["verdict"] for name, claim in claims.items()} == {
        "C1": SUPPORTED,
        "C2": SUPPORTED,
        "C3": NOT_MEASURED,
        "C4": NOT_MEASURED,
        "C5": SUPPORTED,
    }
    for name in ("C3", "C4"):
        for each in claims[name]["measures"]:
            assert (each["verdict"], each["command"]) == (NOT_MEASURED, command)
            assert (each["task"], "effect" in each) == ("", False)
    for form in ("text", "markdown"):
        shown = asked(folder, "--format", form).out
        lines = [line for line in shown.splitlines() if command in line]
        assert len(lines) == 1 + sum(len(claims[name]["measures"]) for name in ("C3", "C4"))
        assert all(NOT_MEASURED in line for line in lines)


def test_what_is_not_measured_names_the_command_that_measures_it(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    check_not_measured(folders["no probes"])
    with pytest.raises(AssertionError):
        check_not_measured(folders["holds"])
    claims = parsed(written(tmp_path / "plain", curve("seq2seq", AT_20)))
    for name in ("C1", "C5"):
        assert claims[name]["verdict"] == NOT_MEASURED
        assert {each["command"] for each in claims[name]["measures"]} == {TRAIN_COMMAND}


def check_command(command: str) -> None:
    """Raise AssertionError unless the command line of a command is one that it takes."""
    python, option, name, *options = shlex.split(command)
    assert (python, option) == ("python", "-m")
    assert importlib.util.find_spec(name) is not None
    finished = subprocess.run(
        [sys.executable, option, name, *options, *(["--dry-run"] if name == "bench.run" else [])],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # Nothing was trained in a synthetic folder; that is all there is to say against probing it.
    assert finished.returncode == 0 or finished.stderr.startswith("bench.probe: --results: ")


@pytest.mark.parametrize("name", ["no probes", "holds"])
def test_the_commands_named_are_commands(name: str, folders: dict[str, Path]) -> None:
    claims = parsed(folders[name]).values()
    commands = {each["command"] for claim in claims for each in claim["measures"]}
    assert len(commands) == 2
    for command in commands:
        check_command(command)


@pytest.mark.parametrize(
    "twin", ["python -m bench.claims", "python -m bench.run --preset proofs", "bench -m bench.run"]
)
def test_a_command_that_is_none_is_rejected(twin: str) -> None:
    with pytest.raises(AssertionError):
        check_command(twin)


def check_tasks(folder: Path) -> None:
    """Raise AssertionError unless each task has the verdict that its lines share."""
    for claim in parsed(folder).values():
        lines = [
            (task, each["verdict"])
            for each in claim["measures"]
            for task in each["task"].split(" and ")
        ]
        assert claim["tasks"] == {
            task: found.pop() if len(found := {v for t, v in lines if t == task}) == 1 else "?"
            for task in TASKS
        }


def test_every_task_has_its_verdict(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_tasks(folders["holds"])
    check_tasks(folders["fails"])
    # Supported on one task and refuted on the other is neither as a whole.
    rows = [row for row in rows_in(HOLDS) if row.task == "copy"]
    rows += [row for row in rows_in(FAILS) if row.task == "reverse"]
    claim = parsed(written(tmp_path / "half", rows))["C1"]
    assert claim["tasks"] == {"copy": SUPPORTED, "reverse": REFUTED}
    assert claim["verdict"] == INCONCLUSIVE
    monkeypatch.setattr(claim_lines, "POOLED", {})
    with pytest.raises(AssertionError):
        check_tasks(folders["holds"])


def check_trace(folder: Path) -> None:
    """Raise AssertionError unless the trace has the rows of every measure and all its seeds."""
    text = asked(folder, "--format", "trace").out
    for claim in parsed(folder).values():
        for each in claim["measures"]:
            assert f"  {each['measure']} ({each['threshold']})\n    from {each['rows']}\n" in text
            assert {*each["seeds"]} == {str(seed) for seed in SEEDS}
            assert each["effect"] == pytest.approx(sum(each["seeds"].values()) / len(SEEDS))
            seeds = ", ".join(f"{seed} {effect:.4g}" for seed, effect in each["seeds"].items())
            line = f"    {each['task']:<16} {told(each):<48}  {each['verdict']}"
            assert f"{line}\n      seed {seeds}\n" in text


def test_a_verdict_is_traced_to_its_rows(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_trace(folders["holds"])
    check_trace(folders["fails"])
    monkeypatch.setattr(module, "_told_by_seed", lambda line: "seed 1 0.5")
    with pytest.raises(AssertionError):
        check_trace(folders["holds"])


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_the_rows_named_have_the_columns_named(measure: Measure) -> None:
    file = measure.rows.split(",")[0]
    columns = {field.name for field in dataclasses.fields(ROW_TYPES[file])}
    named = {*re.findall(r"[a-z]+(?:_[a-z]+)+", measure.rows)}
    assert named
    assert named <= columns


def check_one_seed(folder: Path) -> None:
    for claim in parsed(folder).values():
        assert claim["verdict"] == INCONCLUSIVE
        for each in claim["measures"]:
            assert (each["n"], each["low"], each["high"]) == (1, None, None)
            assert each["bounds"] == 0
            assert each["verdict"] == INCONCLUSIVE
    lines = [row[5] for row in read_text(asked(folder).out)]
    assert all(re.fullmatch(r"-?\d+\.\d\d \(no interval, n = 1\)", line) for line in lines)
    assert lines


@pytest.mark.fault("F13")
def test_one_seed_has_no_interval_and_no_verdict_and_says_so(folders: dict[str, Path]) -> None:
    check_one_seed(folders["one seed"])
    with pytest.raises(AssertionError):
        check_one_seed(folders["holds"])


@pytest.mark.fault("F13", is_twin=True)
@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("claim_lines.judge", lambda *_, **__: Finding(1.0, 1.0, 1.0, 1, 0, 0, INCONCLUSIVE)),
        ("claim_lines.judge", lambda *_, **__: Finding(1.0, NAN, NAN, 1, 0, 0, SUPPORTED)),
        ("claims.math.isnan", lambda value: False),
    ],
)
def test_an_interval_of_one_seed_is_rejected(
    part: str, broken: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"reports.{part}", broken)
    with pytest.raises((AssertionError, ValueError)):
        check_one_seed(folders["one seed"])


AT_80 = (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS = (1.0,) * 5
RISING = (0.2, 0.3, 0.3, 0.35, 0.4)
NEVER = (0.4, 0.3, 0.2, 0.1, 0.1)
Curve = tuple[float | None, ...]
LOST: Curve = (None,) * 5
PLAIN_20: Curve = (1.0, 0.5, 0.3, 0.2, 0.1)
# Curves without and with attention by seed; the lines of their ratio, and the number of bounds.
TOLD: dict[str, tuple[tuple[tuple[Curve, Curve], ...], str, str, int]] = {
    "bounds that support": (
        ((PLAIN_20, ALWAYS),) * 3,
        "8.00 (n = 3, 3 of them bounds)",
        SUPPORTED,
        3,
    ),
    "attention never holds": (
        ((PLAIN_20, NEVER),) * 3,
        "0.50 (n = 3, 3 of them bounds)",
        REFUTED,
        3,
    ),
    "plain always holds": (((ALWAYS, AT_80),) * 3, "0.50 (n = 3, 3 of them bounds)", REFUTED, 3),
    "one bound": (
        ((PLAIN_20, ALWAYS), (PLAIN_20, AT_80), (PLAIN_20, AT_80)),
        "5.33 (n = 3, 1 of them bounds)",
        SUPPORTED,
        1,
    ),
    "bounds on both sides": (
        ((PLAIN_20, ALWAYS), (PLAIN_20, NEVER), (PLAIN_20, AT_80)),
        "4.17 (n = 3, 2 of them bounds)",
        INCONCLUSIVE,
        2,
    ),
    "a bound and two unknown": (
        ((PLAIN_20, ALWAYS), (RISING, ALWAYS), (RISING, ALWAYS)),
        "8.00 (n = 1, 1 of them bounds, 2 cannot be told)",
        INCONCLUSIVE,
        1,
    ),
    # The mean of 4, 1 and 4, and 4.303 standard errors of 1.
    "no bound": (
        ((PLAIN_20, AT_80), (AT_80, AT_80), (PLAIN_20, AT_80)),
        "3.00 (-1.30 to 7.30, n = 3)",
        INCONCLUSIVE,
        0,
    ),
    "one seed": (((PLAIN_20, AT_80),), "4.00 (no interval, n = 1)", INCONCLUSIVE, 0),
    "one seed and one unknown": (
        ((PLAIN_20, AT_80), (RISING, AT_80)),
        "4.00 (no interval, n = 1, 1 cannot be told)",
        INCONCLUSIVE,
        0,
    ),
    "none that can be told": (
        ((RISING, ALWAYS),) * 3,
        "– (n = 0, 3 cannot be told)",
        INCONCLUSIVE,
        0,
    ),
    "two that diverged": (
        ((PLAIN_20, AT_80), (PLAIN_20, LOST), (LOST, AT_80), (PLAIN_20, AT_80)),
        "4.00 (4.00 to 4.00, n = 2, 2 cannot be told)",
        INCONCLUSIVE,
        0,
    ),
    "all that diverged": (
        ((PLAIN_20, LOST),) * 3,
        "– (n = 0, 3 cannot be told)",
        INCONCLUSIVE,
        0,
    ),
}


def check_told(name: str, root: Path) -> None:
    seeds, told, verdict, bounds = TOLD[name]
    rows = [
        row
        for seed, curves in enumerate(seeds)
        for model, shares in zip(("seq2seq", DOT), curves, strict=True)
        for row in curve(model, shares, seed=seed)
    ]
    folder = root / name
    if not folder.exists():
        written(folder, rows)
    lines = [row for row in read_text(asked(folder).out) if row[4] == "copy"]
    assert len(lines) == 3
    assert {row[5:] for row in lines} == {(told, verdict)}
    for each in parsed(folder)["C1"]["measures"]:
        if each["task"]:
            assert each["bounds"] == bounds
            assert (each["low"] is None) == (each["high"] is None) == (" to " not in told)
    check_forms_agree(folder)


@pytest.mark.parametrize("name", TOLD)
def test_effect_interval_and_seeds_are_told_as_known_by_hand(name: str, tmp_path: Path) -> None:
    check_told(name, tmp_path)


def judged_without_bounds(effects: Sequence[float], *, bounds: int, **rule: Any) -> Finding:
    return judge(effects, **rule)


def told_without_bounds(line: Line) -> str:
    assert line.finding is not None
    return TELL(dataclasses.replace(line, finding=dataclasses.replace(line.finding, bounds=0)))


TELL = module.told


@pytest.mark.parametrize(
    ("part", "broken"),
    [("claim_lines.judge", judged_without_bounds), ("claims.told", told_without_bounds)],
)
def test_a_report_that_passes_bounds_for_values_is_rejected(
    part: str, broken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_told("one bound", tmp_path)
    monkeypatch.setattr(f"reports.{part}", broken)
    with pytest.raises(AssertionError):
        check_told("one bound", tmp_path)


def judged_by_known_seeds(effects: Sequence[float], **rule: Any) -> Finding:
    return judge([effect for effect in effects if effect == effect], **rule)


@pytest.mark.parametrize("name", ["two that diverged", "all that diverged"])
def test_a_report_that_forgets_what_diverged_is_rejected(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_told(name, tmp_path)
    monkeypatch.setattr(claim_lines, "judge", judged_by_known_seeds)
    with pytest.raises(AssertionError):
        check_told(name, tmp_path)


def test_failed_rows_are_no_scores(tmp_path: Path) -> None:
    rows = [*curve("seq2seq", AT_20), *curve(DOT, HOLDS.curves[DOT])]
    rows[-1] = failed(rows[-1])
    ratio = parsed(written(tmp_path / "results", rows))["C1"]["measures"][0]
    assert ratio["effect"] == pytest.approx(80 / 20)
    assert ratio["bounds"] == 1


def check_refused(answer: Answer, *, status: int, message: str) -> None:
    assert answer.status == status
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("reports.claims: ")
    assert message in answer.err


def mixed_sizes(folder: Path) -> Path:
    return written(folder, [*curve("seq2seq", AT_20), *curve("seq2seq", AT_20, hidden=128)])


def models_of_different_sizes(folder: Path) -> Path:
    return written(folder, [*curve("seq2seq", AT_20), *curve(DOT, AT_20, hidden=128)])


def mixed_protocols(folder: Path) -> Path:
    others = curve("rnn-aligned", AT_20, protocol="independent", config_id="other")
    again = curve("rnn-aligned", AT_20)
    return written(folder, [*curve("seq2seq", AT_20), *again, *others])


def without_rows(folder: Path) -> Path:
    return written(folder, [])


def without_files(folder: Path) -> Path:
    folder.mkdir()
    return folder


def damaged(folder: Path) -> Path:
    written(folder, curve("seq2seq", AT_20))
    with (folder / "accuracy.csv").open("a") as file:
        file.write("copy,seq2seq\n")
    return folder


def damaged_probes(folder: Path) -> Path:
    written(folder, curve("seq2seq", AT_20), world=HOLDS)
    text = (folder / "influence.csv").read_text()
    (folder / "influence.csv").write_text(text.replace("occlusion", "occlusions", 1))
    return folder


def damaged_alignment(folder: Path) -> Path:
    written(folder, curve(DOT, AT_20), world=HOLDS)
    (folder / "alignment.csv").write_bytes(b"")
    return folder


REFUSALS: list[tuple[Callable[[Path], Path], int, str]] = [
    (mixed_sizes, 2, "choose one with --config ID: bi128 (hidden=128); bi64 (hidden=64)"),
    (models_of_different_sizes, 2, "hidden differs between curves; choose one with --config ID"),
    (mixed_protocols, 2, "several rows of one length in a group: task copy, model rnn-aligned"),
    (without_rows, 1, "run python -m bench.run"),
    (without_files, 1, "run python -m bench.run"),
    (lambda folder: folder, 2, "is not a folder"),
    (damaged, 2, "accuracy.csv"),
    (damaged_probes, 2, "influence.csv"),
    (damaged_alignment, 2, "alignment.csv"),
]


@pytest.mark.parametrize(("make", "status", "message"), REFUSALS)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_refusal_is_one_line_and_a_status(
    make: Callable[[Path], Path], status: int, message: str, form: str, tmp_path: Path
) -> None:
    answer = asked(make(tmp_path / "results"), "--format", form)
    check_refused(answer, status=status, message=message)
    for twin in (
        dataclasses.replace(answer, status=0),
        dataclasses.replace(answer, status=3 - status),
        dataclasses.replace(answer, out="C1\n"),
        dataclasses.replace(answer, err=""),
        dataclasses.replace(answer, err=f"Traceback:\n{answer.err}"),
    ):
        with pytest.raises(AssertionError):
            check_refused(twin, status=status, message=message)


@pytest.mark.parametrize(
    ("make", "part"),
    [(models_of_different_sizes, "require_one_configuration"), (mixed_protocols, "check_groups")],
)
def test_a_report_that_mixes_settings_is_rejected(
    make: Callable[[Path], Path], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_lines, part, lambda *_, **__: None)
    folder = make(tmp_path / "results")
    with pytest.raises((AssertionError, ValueError)):
        check_refused(asked(folder), status=2, message="")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "colour"), "colour"),
        (("--colour",), "--colour"),
        (("--config", "none"), "--config: no row has 'none'; there are: bi64, uni64"),
    ],
)
def test_bad_options_are_refused_in_one_line(
    options: Sequence[str], message: str, folders: dict[str, Path]
) -> None:
    check_refused(asked(folders["no probes"], *options), status=2, message=message)


def test_a_folder_of_two_sizes_is_judged_by_the_one_chosen(tmp_path: Path) -> None:
    small = [*curve("seq2seq", AT_20), *curve(DOT, HOLDS.curves[DOT])]
    large = [
        *curve("seq2seq", HOLDS.curves[DOT], hidden=128),
        *curve(DOT, HOLDS.curves[DOT], hidden=128),
    ]
    folder = written(tmp_path / "results", [*small, *large], world=HOLDS)
    for config_id, ratio in (("bi64", 80 * 2 ** (8 / 9) / 20), ("bi128", 1.0)):
        answer = asked(folder, "--config", config_id, "--format", "json")
        (c1, *_) = json.loads(answer.out)
        assert c1["measures"][0]["effect"] == pytest.approx(ratio)
    check_refused(asked(folder), status=2, message="choose one with --config ID")


def test_rows_tested_at_another_length_than_their_own_are_no_evidence(tmp_path: Path) -> None:
    rows = [*curve("seq2seq", AT_20), *curve(DOT, HOLDS.curves[DOT])]
    longer = dataclasses.replace(
        rows[-1], train_length=LENGTHS[-2], token_accuracy=1.0, record_id="longer", carried_bits=0.0
    )
    folder = written(tmp_path / "results", [*rows, longer])
    assert parsed(folder)["C1"] == parsed(written(tmp_path / "own", rows))["C1"]
    for row in (rows[-1], longer):
        assert row.record_id in (folder / "accuracy.csv").read_text()
