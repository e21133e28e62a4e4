"""F14: a measurement beside a burner on its own core is called noisy; a quiet one is not."""

import os
import random
import subprocess
import sys

import pytest

from bench.timing import measure as timing
from bench.timing.measure import noise_of
from results.schema.rows import NOISY
from results.store.csv_files import THROUGHPUT, read_rows
from tests.bench.timing.test_measure import measurement
from tests.commands import ROOT

pytestmark = pytest.mark.fault("F14")

LEAST_FOUND, MOST_FALSE = 0.95, 0.05
BURNER = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"


@pytest.fixture
def burner():
    """Keep the processor busy that a measurement binds itself to."""
    usable = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", BURNER, str(max(usable))]) as process:
        yield
        process.kill()
    os.sched_setaffinity(0, usable)


def assert_found(verdicts):
    assert verdicts.count(NOISY) >= LEAST_FOUND * len(verdicts)


def assert_quiet(verdicts):
    assert verdicts.count(NOISY) <= MOST_FALSE * len(verdicts)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="nothing can be bound to a core")
def test_burner_on_the_timed_core_is_noticed(burner, is_full, reached):
    asked = measurement(("rnn", "seq2seq+dot"), lengths=(10, 50), batch_size=32)
    times = 10 if is_full else 1
    verdicts = [row.noise for _ in range(times) for row in timing.measure(asked)]
    text = f"{verdicts.count(NOISY)} of {len(verdicts)} beside a burner are noisy"
    reached(injected=len(verdicts), text=text)
    assert_found(verdicts)


def published():
    """Return the verdicts of the published measurements, which had a machine for themselves."""
    return [row.noise for row in read_rows(ROOT / "results" / "reference", THROUGHPUT)]


def simulated(verdict=noise_of):
    """Return the verdicts on 1,000 quiet samples: times that vary by 2 %."""
    draw = random.Random(14)
    series = ([draw.gauss(1, 0.02) for _ in range(timing.ROUNDS)] for _ in range(2000))
    return [verdict(times, beside) for times, beside in zip(series, series, strict=True)]


@pytest.mark.parametrize("samples", [published, simulated])
def test_quiet_samples_raise_no_false_alarm(samples, reached):
    verdicts = samples()
    false = verdicts.count(NOISY)
    text = f"{samples.__name__} quiet samples: {false} of {len(verdicts)} false alarms"
    reached(injected=len(verdicts), text=text)
    assert_quiet(verdicts)


@pytest.mark.fault("F14", is_twin=True)
def test_verdict_that_is_always_the_same_is_found():
    with pytest.raises(AssertionError):
        assert_found(["steady"] * 20)
    with pytest.raises(AssertionError):
        assert_quiet(simulated(lambda *series: NOISY))
