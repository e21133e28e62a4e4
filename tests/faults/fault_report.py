"""The table of the faults: what was injected, the figure that was reached, passed or not.

A plugin of pytest: a test says which fault it is about by `@pytest.mark.fault("F1")`, and what it
found by its fixture `reached`. `pytest -m fault tests` ends with the table.
"""

from dataclasses import dataclass, field
from textwrap import wrap

import hypothesis
import pytest

_INDENT = " " * 5
SHORT_EXAMPLES, FULL_EXAMPLES = 100, 1000
SUMS = {
    "lost": "finished stages lost",
    "duplicated": "duplicated",
    "wrong": "wrong values accepted",
}


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes:
        name: What goes wrong.
        unit: What is counted.
        is_harm: Whether something is broken on purpose, so that the count is one of faults.
    """

    name: str
    unit: str
    is_harm: bool = True


FAULTS = {
    "F1": Fault("the command killed at random moments, and resumed", "kills"),
    "F2": Fault("a model run killed, crashing, or ending without a word", "deaths"),
    "F3": Fault("out of memory", "allocations"),
    "F4": Fault("a model run hangs, deaf to SIGTERM, with descendants", "hangs"),
    "F5": Fault("the loss is NaN or infinite", "losses"),
    "F6": Fault("damaged records, checkpoints and CSVs", "damages"),
    "F7": Fault("several commands on one results folder", "commands"),
    "F8": Fault("disk full, read-only, folder removed, odd paths", "disks"),
    "F9": Fault("Ctrl-C once, twice; SIGTERM", "signals"),
    "F10": Fault("another order, jobs, shards, Dask, a jumping clock", "variants", is_harm=False),
    "F11": Fault("a Dask worker or the scheduler killed", "kills"),
    "F12": Fault("resume in the middle of a model run", "kills"),
    "F13": Fault("reports over partial or empty results", "folders", is_harm=False),
    "F14": Fault("timing beside a CPU burner", "measurements", is_harm=False),
    "F15": Fault("laws of lengths, ids and merging", "examples", is_harm=False),
    "F16": Fault("simulated curves of known L50", "sets", is_harm=False),
    "F17": Fault("correctness floor: chance, oracle, baselines", "checks", is_harm=False),
    "F18": Fault("bad command lines", "command lines"),
    "F19": Fault("hostile checkpoints and records", "files"),
}


@dataclass
class _Line:
    """What the tests of one fault have found."""

    injected: int = 0
    twins: int = 0
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    texts: list[str] = field(default_factory=list)

    def verdict(self) -> str:
        if self.failed:
            return f"FAILED ({self.failed} tests)"
        if self.passed:
            return "passed" + (f", {len(self.skipped)} skipped" if self.skipped else "")
        return f"not run: {self.skipped[0]}" if self.skipped else "not run"

    def figure(self) -> str:
        harm = [f"{count} {SUMS[name]}" for name, count in self.sums.items() if count]
        return "; ".join([*harm, *dict.fromkeys(self.texts)])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-faults",
        action="store_true",
        help="inject ten times as many faults and more, which takes an hour",
    )


def pytest_configure(config: pytest.Config) -> None:
    examples = FULL_EXAMPLES if config.getoption("--full-faults") else SHORT_EXAMPLES
    # A test may take long on a busy machine; that is no failure.
    hypothesis.settings.register_profile("project", max_examples=examples, deadline=None)
    hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marks = [_arguments(*mark.args, **mark.kwargs) for mark in item.iter_markers("fault")]
        item.user_properties += [
            ("fault", name) for name in dict.fromkeys(name for name, _ in marks)
        ]
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
        item.user_properties.append(("examples", examples))


def lines_of(reports) -> dict[str, _Line]:
    """Add up the reports of the tests, by fault."""
    lines = {name: _Line() for name in FAULTS}
    for report in reports:
        given = getattr(report, "user_properties", ())  # A module that fails to import has none.
        for name in [value for key, value in given if key == "fault"]:
            _add(lines[name], report, given)
    return lines


def _add(line: _Line, report, given) -> None:
    if report.outcome == "failed":
        line.failed += 1
    elif report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        line.skipped.append(reason.removeprefix("Skipped: "))
    elif report.when == "call" and ("twin", True) in given:
        line.twins += 1
    elif report.when == "call":
        line.passed += 1
    if report.when != "call" or ("twin", True) in given:
        return
    found = [value for key, value in given if key == "reached"]
    examples = sum(value for key, value in given if key == "examples")
    line.injected += sum(each["injected"] for each in found) or examples or 1
    line.texts += [each["text"] for each in found if each["text"]]
    for name in SUMS:
        line.sums[name] += sum(each[name] for each in found)


def table_of(lines: dict[str, _Line]) -> list[str]:
    """Return the table and the line of sums."""
    cells = [("", "fault", "injected", "twins", "verdict")]
    for name, line in lines.items():
        fault = FAULTS[name]
        count = f"{line.injected:,} {fault.unit}"
        cells.append((name, fault.name, count, str(line.twins), line.verdict()))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = []
    for row, line in zip(cells, [_Line(), *lines.values()], strict=True):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        table.append("  ".join(padded).rstrip())
        table += wrap(line.figure(), width=95, initial_indent=_INDENT, subsequent_indent=_INDENT)
    harm = sum(line.injected for name, line in lines.items() if FAULTS[name].is_harm)
    sums = [
        f"{sum(line.sums[name] for line in lines.values())} {words}" for name, words in SUMS.items()
    ]
    return [*table, "", ", ".join([f"{harm:,} faults injected", *sums])]


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if "fault" not in config.option.markexpr:
        return
    stats = terminalreporter.stats
    kinds = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    terminalreporter.section("faults")
    for line in table_of(lines_of(each for kind in kinds for each in stats.get(kind, ()))):
        terminalreporter.write_line(line)
