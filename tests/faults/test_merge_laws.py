"""F15: merging results folders is commutative, associative and idempotent."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.merge import main
from results.schema.rows import OK, planned
from results.store.csv_files import ACCURACY, SAMPLES
from results.store.folder import open_store
from tests.rows import failed, run_rows, sample_of

pytestmark = pytest.mark.fault("F15")


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    """Wait for no disk: nothing here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


POOL = [
    row
    for model in ("rnn", "seq2seq")
    for done in run_rows(model, lengths=(10, 20))
    for row in (done, replace(done, carried_bits=0.25, commit="other"), failed(done))
]
FOLDERS = st.lists(st.lists(st.sampled_from(POOL), max_size=4), min_size=3, max_size=3)


def written(folder, rows):
    """Leave a results folder in which these rows have happened, in this order."""
    store = open_store(folder, create=True)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        if row.status == OK:
            store.write_record(row, [sample_of(row, 0)])
        else:
            store.write_failure(row)
    store.compile()
    return folder


def merged(out, *folders):
    # 1: two of them say different things of one record.
    assert main([*map(str, folders), "--out", str(out)]) in (0, 1)
    return out


def content(folder):
    return [(folder / name).read_bytes() for name in (ACCURACY, SAMPLES)]


@given(contents=FOLDERS)
def test_merging_obeys_its_laws(contents):
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        a, b, c = (written(root / name, rows) for name, rows in zip("abc", contents, strict=True))
        both = merged(root / "ab", a, b)
        assert content(both) == content(merged(root / "ba", b, a))
        assert content(merged(root / "ab c", both, c)) == content(
            merged(root / "a bc", a, merged(root / "bc", b, c))
        )
        assert content(merged(root / "twice", both, both, a)) == content(both)
