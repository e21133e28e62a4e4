"""`pytest tests/models/test_conformance.py --model my.module:build`: the checks of one's own model.

Only these are run. At the end each is named in words, and what to run next.
"""

from pathlib import Path
from typing import Any

import pytest

SUITE = Path(__file__).with_name("test_conformance.py")
NEXT = "python -m bench.run --preset quick --models rnn,seq2seq,seq2seq+dot,{} --out results/mine"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what judges the suite, and let no warning of a user's model be an error."""
    if not config.getoption("--model"):
        return
    others = [item for item in items if item.path == SUITE and not _is_asked_of_a_model(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
    for item in items:
        if item.path == SUITE:
            item.add_marker(pytest.mark.filterwarnings("default"))


def _is_asked_of_a_model(item: pytest.Item) -> bool:
    return "asked" in getattr(item, "fixturenames", ())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name each check of a user's model in words, and what to run next."""
    for model in config.getoption("--model"):
        outcomes = [
            (outcome, properties["rule"])
            for outcome in ("failed", "error", "skipped", "passed")
            for report in terminalreporter.stats.get(outcome, ())
            if (properties := dict(report.user_properties)).get("model") == model
        ]
        passed = sum(outcome == "passed" for outcome, _ in outcomes)
        asked = sum(outcome != "skipped" for outcome, _ in outcomes)
        if not asked:
            continue
        terminalreporter.section(f"{model}: {passed} of {asked} checks passed")
        for outcome, rule in outcomes:
            terminalreporter.write_line(f"{outcome:8} {rule}")
        if passed == asked:
            terminalreporter.write_line(f"\nNext: {NEXT.format(model)}")
        else:
            terminalreporter.write_line(
                "\nEach reason is above. Next: mend the model, and run this again."
            )
