"""The table of the faults: what was injected, the figure that was reached, passed or not.

A plugin of pytest: a test says which fault it is about by `@pytest.mark.fault("F1")`, and what it
found by its fixture `reached`. `pytest -m fault tests` ends with the table, under `-n 2` too: what
was found travels with the reports.
"""

from collections import Counter
from dataclasses import dataclass, field
from textwrap import wrap

import hypothesis
import pytest

# Of each property: while developing, where faults are counted, and as the promise says.
FEW_EXAMPLES, SHORT_EXAMPLES, FULL_EXAMPLES = 25, 100, 1000
INDENT = {"initial_indent": " " * 5, "subsequent_indent": " " * 5}
SUMS = {
    "lost": "finished stages lost",
    "duplicated": "duplicated",
    "wrong": "wrong values accepted",
}
FAULTS = {
    "F1": ("the command killed at random moments, and resumed", "kills"),
    "F2": ("a model run killed, crashing, or ending without a word", "deaths"),
    "F3": ("out of memory", "allocations"),
    "F4": ("a model run hangs, deaf to SIGTERM, with descendants", "hangs"),
    "F5": ("the loss is NaN or infinite", "losses"),
    "F6": ("damaged records, checkpoints and CSVs", "damages"),
    "F7": ("several commands on one results folder", "commands"),
    "F8": ("disk full, read-only, folder removed, odd paths", "disks"),
    "F9": ("Ctrl-C once, twice; SIGTERM", "signals"),
    "F10": ("another order, jobs, shards, Dask, a jumping clock", "variants"),
    "F11": ("a Dask worker or the scheduler killed", "kills"),
    "F12": ("resume in the middle of a model run", "kills"),
    "F13": ("reports over partial or empty results", "folders"),
    "F14": ("timing beside a CPU burner", "measurements"),
    "F15": ("laws of lengths, ids and merging", "examples"),
    "F16": ("simulated curves of known L50", "sets"),
    "F17": ("correctness floor: chance, oracle, baselines", "checks"),
    "F18": ("bad command lines", "command lines"),
    "F19": ("hostile checkpoints and records", "files"),
    "F20": ("packages and folders of the suite's names around a command", "folders"),
    "F21": ("dice of other libraries, seeds set by a model", "dice"),
    "F22": ("a stranger's model against the contract", "models"),
    "F23": ("arrays of jobs: resubmitted, in part, with gaps", "arrays"),
    "F24": ("surroundings: backend, encoding, line ends, compiler", "surroundings"),
    "F25": ("a user's module that exits, parses or hangs at import", "modules"),
    "F26": ("outputs of a wrong shape, edited code", "models"),
    "F27": ("names and messages that are not plain text", "texts"),
}
# Here nothing is broken on purpose, so that the count is not one of faults.
HARMLESS = {"F10", "F13", "F14", "F15", "F16", "F17"}


@dataclass
class _Line:
    """What the tests of one fault have found."""

    counts: Counter = field(default_factory=Counter)
    reasons_to_skip: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def verdict(self) -> str:
        if self.counts["failed"]:
            return f"FAILED ({self.counts['failed']} tests)"
        skipped = self.reasons_to_skip
        if self.counts["passed"]:
            return "passed" + (f", {len(skipped)} skipped" if skipped else "")
        return f"not run: {skipped[0]}" if skipped else "not run"

    def figure(self) -> str:
        harm = [f"{self.counts[name]} {words}" for name, words in SUMS.items() if self.counts[name]]
        return "; ".join([*harm, *dict.fromkeys(self.texts)])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-faults",
        action="store_true",
        help="inject ten times as many faults and more, which takes an hour",
    )


def pytest_configure(config: pytest.Config) -> None:
    examples = SHORT_EXAMPLES if "fault" in config.option.markexpr else FEW_EXAMPLES
    if config.getoption("--full-faults"):
        examples = FULL_EXAMPLES
    # A test may take long on a busy machine; that is no failure.
    hypothesis.settings.register_profile("project", max_examples=examples, deadline=None)
    hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marks = [_arguments(*mark.args, **mark.kwargs) for mark in item.iter_markers("fault")]
        item.user_properties += [("fault", name) for name in dict.fromkeys(n for n, _ in marks)]
        if any(is_twin for _, is_twin in marks):
            item.user_properties.append(("twin", True))


def _arguments(name: str, *, is_twin: bool = False) -> tuple[str, bool]:
    if name not in FAULTS:
        raise pytest.UsageError(f"fault: {name!r} is unknown; known: {', '.join(FAULTS)}")
    return name, is_twin


@pytest.fixture
def is_full(pytestconfig):
    """Whether as many faults are injected as the promise says."""
    return pytestconfig.getoption("--full-faults")


@pytest.fixture
def reached(request):
    """Report what a test has injected and found; to be called before its assertions."""

    def report(*, injected=1, lost=0, duplicated=0, wrong=0, text=""):
        found = {"injected": injected, "lost": lost, "duplicated": duplicated, "wrong": wrong}
        request.node.user_properties.append(("reached", {**found, "text": text}))

    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    yield
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        examples = hypothesis.settings.default.max_examples
        item.user_properties.append(("reached", {"injected": examples, "text": ""}))


def lines_of(reports) -> dict[str, _Line]:
    """Add up the reports of the tests, by fault."""
    lines = {name: _Line() for name in FAULTS}
    for report in reports:
        given = getattr(report, "user_properties", ())  # A module that fails to import has none.
        for name in [value for key, value in given if key == "fault"]:
            _add(lines[name], report, given)
    return lines


def _add(line: _Line, report, given) -> None:
    is_twin = ("twin", True) in given
    if report.outcome == "failed":
        line.counts["failed"] += 1
    elif report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        line.reasons_to_skip.append(reason.removeprefix("Skipped: "))
    elif report.when == "call":
        line.counts["twins" if is_twin else "passed"] += 1
    if report.when != "call" or is_twin:
        return
    for found in [value for key, value in given if key == "reached"] or [{"injected": 1}]:
        line.counts.update({name: found.get(name, 0) for name in ("injected", *SUMS)})
        line.texts += [found["text"]] if found.get("text") else []


def table_of(lines: dict[str, _Line]) -> list[str]:
    """Return the table and the line of sums."""
    rows = [("", "fault", "injected", "twins", "verdict")]
    for name, line in lines.items():
        words, unit = FAULTS[name]
        counted = f"{line.counts['injected']:,} {unit}"
        rows.append((name, words, counted, str(line.counts["twins"]), line.verdict()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = []
    for row, line in zip(rows, [_Line(), *lines.values()], strict=True):
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        table.append("  ".join(padded).rstrip())
        table += wrap(line.figure(), width=95, **INDENT)
    total = sum((line.counts for line in lines.values()), Counter())
    harm = sum(line.counts["injected"] for name, line in lines.items() if name not in HARMLESS)
    sums = [f"{total[name]} {words}" for name, words in SUMS.items()]
    ends = f"{harm:,} faults injected", f"{total['twins']} planted weaknesses rejected"
    return [*table, "", ", ".join([ends[0], *sums, ends[1]])]


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if "fault" not in config.option.markexpr:
        return
    stats = terminalreporter.stats
    kinds = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    terminalreporter.section("faults")
    for line in table_of(lines_of(each for kind in kinds for each in stats.get(kind, ()))):
        terminalreporter.write_line(line)
