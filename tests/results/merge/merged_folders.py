"""Results folders to merge, what a merge left of them, and what kills it."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.merge.folders import Merged, merge_folders
from results.schema.probe_rows import ErrorRow
from results.schema.rows import AccuracyRow, ThroughputRow, planned
from results.store.csv_files import ERRORS
from results.store.locks import LOCKS
from results.store.probes import ProbeRecord, ProbeStore, stage_columns
from tests.rows import failed, filled_store, run_rows, throughput_row

VERSION = 1_000_003  # Of probes, never that of the code.
LENGTHS = (10, 20)


def rows_of_runs(*models: str, lengths: tuple[int, ...] = LENGTHS) -> list[AccuracyRow]:
    """Return the rows of one model run per model, each of a stage of its own."""
    return [
        replace(row, stage_id=f"stage-{row.record_id}")
        for model in models
        for row in run_rows(model, lengths=lengths)
    ]


def folder_of(
    path: Path,
    *rows: AccuracyRow,
    failures: tuple[AccuracyRow, ...] = (),
    left: tuple[AccuracyRow, ...] = (),
    timings: tuple[ThroughputRow, ...] = (),
    probed: tuple[AccuracyRow, ...] = (),
) -> Path:
    """Write a results folder as its commands leave it."""
    store = filled_store(path, list(rows))
    store.extend_plan(map(planned, (*failures, *left)))
    for row in failures:
        store.write_failure(row)
    store.compile()
    if timings:
        store.write_throughput(timings)
    if probed:
        probes = ProbeStore(path, version=VERSION)
        for row in probed:
            probes.write(probe_of(row))
        probes.compile(row.record_id for row in probed)
    return path


def probe_of(row: AccuracyRow, *, wrong_items: float = 1.0) -> ProbeRecord:
    error = ErrorRow(
        **stage_columns(row),
        wrong_items=wrong_items,
        edit_distance_items=1.0,
        correct_prefix_items=0.0,
        teacher_forcing_gap=0.0,
        test_sequences=8,
    )
    return ProbeRecord(row.record_id, VERSION, {ERRORS: (error,)})


def three_folders(root: Path) -> tuple[Path, Path, Path]:
    """Return folders that share some records, and hold something of everything."""
    a, b, c = (rows_of_runs(model) for model in "abc")
    again = [replace(row, train_seconds=99.0, commit="other") for row in a]
    return (
        folder_of(root / "1", *b, *a[:1], timings=(throughput_row(),), probed=(b[1], b[0])),
        folder_of(root / "2", *again, left=tuple(c), timings=(throughput_row(length=20),)),
        folder_of(root / "3", c[0], failures=(failed(c[1]), failed(a[1])), probed=(c[0],)),
    )


def merge(out: Path, *folders: Path) -> Merged:
    return merge_folders(folders, out, probe_version=VERSION)


def files_in(folder: Path, *, but: tuple[str, ...] = (LOCKS,)) -> dict[str, bytes]:
    """Return the content of every file of a folder that holds results."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in but
    }


def changes_of(folder: Path) -> dict[Path, Any]:
    """Return what changes when any file of a folder is written, its locks left out."""
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if LOCKS not in path.parts and path.is_file()
    }


class Killed(BaseException):
    """Stands for SIGKILL."""


@contextlib.contextmanager
def killed_before(step: int) -> Iterator[None]:
    """Raise at the given call of os.replace; the temporary file stays, as after SIGKILL."""
    calls, replace_, unlink_ = itertools.count(), os.replace, os.unlink

    def maybe_replace(source: Any, target: Any) -> None:
        if next(calls) == step:
            raise Killed
        replace_(source, target)

    def unlink_others(path: Any) -> None:
        if not str(path).endswith(".tmp"):
            unlink_(path)

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(os, "replace", maybe_replace)
        patch.setattr(os, "unlink", unlink_others)
        yield
