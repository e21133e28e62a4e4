"""F4: model runs that hang, are deaf to SIGTERM, and leave descendants; none of it remains."""

import time

import pytest

from tests.commands import SMALL, accuracy_rows, wait_until
from tests.faults.fault_tools import SECONDS_TO_DIE, command, planted

pytestmark = pytest.mark.fault("F4")

# From its start to its hanging a run needs a few seconds; more on a busy machine.
LIMIT_SECONDS = 12
HANGING = [
    "tests.plugins.faulty:HangingWithChild",
    "tests.plugins.faulty:HangingWithSession",
    "tests.plugins.faulty:HangingWithOrphan",
]


def assert_all_gone_in_time(folder, models, **options):
    """Each model hangs with a descendant; return the seconds after the limit that it took."""
    arguments = (*SMALL, "--models", ",".join(models), "--jobs", str(len(models)))
    limit = ("--time-limit", str(LIMIT_SECONDS))
    with command(folder, *arguments, *limit, **options) as started:
        wait_until(started.children)
        began = time.monotonic()
        # A model run and its descendant each; not to be found later would say nothing else.
        wait_until(lambda: started.is_over() or len(started.children()) >= 2 * len(models))
        assert not started.is_over()
        status, _, errors = started.end()
        late = time.monotonic() - began - LIMIT_SECONDS
        assert status == 1, errors
        wait_until(lambda: not started.processes(), seconds=max(0.1, SECONDS_TO_DIE - late))
    assert late < SECONDS_TO_DIE
    rows = {(row.model, row.length): row for row in accuracy_rows(folder)}
    for model in models:
        assert rows[model, 2].status == "ok"
        row = rows[model, 4]
        assert (row.status, row.attempts) == ("timed_out", 1)
    return late


def test_hanging_runs_are_gone_soon_after_their_limit(tmp_path, reached):
    late = assert_all_gone_in_time(tmp_path / "results", HANGING)
    reached(
        injected=len(HANGING),
        text=f"all gone within the limit + {late:.1f} s, no process left of child, session, orphan",
    )


KILL_THE_CHILD_ALONE = """
from bench.execution import worker as children

children.end_with_descendants = lambda child: child.kill()
"""


@pytest.mark.fault("F4", is_twin=True)
def test_end_that_forgets_descendants_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SECONDS_TO_DIE", 4.0)
    weak = planted(tmp_path / "weak", KILL_THE_CHILD_ALONE)
    with pytest.raises(AssertionError, match="not so after"):
        assert_all_gone_in_time(tmp_path / "results", HANGING[:1], before=[weak])
