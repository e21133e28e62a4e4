"""What faults leave of a merge: damaged files, a full disk, a kill at any moment."""

import contextlib
import itertools
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.merge import folders as merged_folder
from results.store import checked_json as sealed
from results.store.checksums import CHECKSUMS
from results.store.csv_files import ACCURACY, ERRORS, SAMPLES, THROUGHPUT, read_rows
from results.store.folder import open_store
from results.store.plan_file import PLAN
from tests.results.merge.merged_folders import (
    files_in,
    folder_of,
    killed_before,
    merge,
    rows_of_runs,
    three_folders,
)

Merge = Callable[..., Any]
CSVS = (ACCURACY, SAMPLES, THROUGHPUT, ERRORS)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    return three_folders(tmp_path)


# Damage.


def damages(content: bytes) -> list[bytes]:
    draw = random.Random(7)
    cut = [content[: int(len(content) * part)] for part in (0.0, 0.3, 0.9)] + [content[:-1]]
    flipped = []
    for _ in range(40):
        changed = bytearray(content)
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        flipped.append(bytes(changed))
    others = [b"{}", sealed.seal({"row": {}, "samples": []}), b"\0" * 99]
    return [*cut, *flipped, *others]


def check_accepts_no_damage(merge: Merge, root: Path) -> None:
    """Of damaged records none is used, each is named, and stays where it is."""
    rows = rows_of_runs("a")
    folder = folder_of(root / "1", *rows, probed=tuple(rows))
    path = folder / "records" / f"{rows[0].record_id}.json"
    whole = path.read_bytes()
    for number, content in enumerate(damages(whole)):
        path.write_bytes(content)
        merged = merge(root / f"out-{number}", folder)
        assert read_rows(root / f"out-{number}", ACCURACY) == (rows[1],)
        (notice,) = merged.notices
        assert notice.startswith(f"{path}: not used: ")
        assert path.read_bytes() == content
        assert [each.name for each in (root / f"out-{number}" / "records").iterdir()] == [
            f"{rows[1].record_id}.json"
        ]


def test_no_damaged_record_is_used(tmp_path: Path) -> None:
    check_accepts_no_damage(merge, tmp_path)


def test_copying_records_unread_is_rejected(tmp_path: Path) -> None:
    def copy(out: Path, folder: Path) -> Any:
        shutil.copytree(folder, out)
        store = open_store(out, create=True)
        store.compile()
        return merged_folder.Merged(merged_folder.Contents(), 0, (), store.take_notices())

    with pytest.raises(AssertionError):
        check_accepts_no_damage(copy, tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("name", [PLAN, THROUGHPUT, "probes/b-0-10.json", "failures/c-0-20.json"])
def test_other_damaged_files_are_named_and_not_used(
    tmp_path: Path, folders: tuple[Path, ...], name: str, part: float
) -> None:
    (folder,) = [each for each in folders if (each / name).is_file() and each != folders[1]][:1]
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(part * len(content))])
    merged = merge(tmp_path / "out", *folders)
    (notice,) = merged.notices
    assert notice.startswith(f"{folder / name}: not used: ")
    assert not (tmp_path / "out" / name).exists() or name in (PLAN, THROUGHPUT)
    assert len(read_rows(tmp_path / "out", ACCURACY)) == (6 if "failures" not in name else 5)


def test_damaged_files_of_out_are_set_aside(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    out = tmp_path / "out"
    merge(out, *folders)
    expected = files_in(out, but=("locks", CHECKSUMS))
    for name in (PLAN, THROUGHPUT, CHECKSUMS, "records/b-0-10.json", "probes/b-0-20.json"):
        (out / name).write_bytes(b"x")
    merged = merge(out, *folders)
    assert len(merged.notices) == 4
    found = files_in(out, but=("locks", CHECKSUMS))
    assert {k: v for k, v in found.items() if not k.endswith(".rejected")} == expected
    assert sum(name.endswith(".rejected") for name in found) == 4


def test_a_full_disk_is_one_line_and_the_same_merge_completes(
    tmp_path: Path, folders: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(tmp_path / "undisturbed", *folders)
    for allowed in itertools.count(0, 3):
        calls = itertools.count()

        def full(descriptor: int, calls: Any = calls, allowed: int = allowed) -> None:
            if next(calls) >= allowed:
                raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with contextlib.suppress(ResultsError):
                merge(tmp_path / "out", *folders)
                break
            message = "out: cannot be written: No space left on device"
            with pytest.raises(ResultsError, match=message):
                merge(tmp_path / "out", *folders)
    assert allowed > 10
    but = ("locks", CHECKSUMS)
    assert files_in(tmp_path / "out", but=but) == files_in(tmp_path / "undisturbed", but=but)


# Kills.


def check_survives_kills(merge: Merge, root: Path) -> None:
    """Kill a merge before each of its steps: all that is there verifies, and it completes."""
    folders = three_folders(root)
    merge(root / "undisturbed", *folders)
    expected = files_in(root / "undisturbed", but=("locks", CHECKSUMS))
    for step in itertools.count():
        out = root / f"killed-{step}"
        with killed_before(step):
            merge(out, *folders)
            break
        assert all(read_rows(out, name) for name in CSVS if (out / name).exists())
        merge(out, *folders)
        found = files_in(out, but=("locks", CHECKSUMS))
        assert {k: v for k, v in found.items() if not k.endswith(".tmp")} == expected
    assert step > 15


def test_a_killed_merge_is_completed_by_the_same(tmp_path: Path) -> None:
    check_survives_kills(merge, tmp_path)


def plan_stands_for_all(out: Path, *folders: Path) -> None:
    """Take a folder that has all that is planned for merged."""
    planned = {row.record_id for each in folders for row in open_store(each, create=False).plan()}
    present = {row.record_id for row in open_store(out, create=False).plan()}
    if not planned <= present:
        merge(out, *folders)


def test_merge_that_does_not_complete_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_survives_kills(plan_stands_for_all, tmp_path)
