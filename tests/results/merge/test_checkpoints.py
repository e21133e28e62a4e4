"""Whose checkpoints a merged folder has: those of the records that are kept, and whole pairs."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.merge import checkpoints as merged_checkpoints
from results.schema.rows import AccuracyRow
from results.store.checkpoint_files import (
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)
from tests.results.merge.merged_folders import (
    changes_of,
    folder_of,
    killed_before,
    merge,
    rows_of_runs,
)

Put = Callable[..., Any]
(ROW,) = rows_of_runs("a", lengths=(10,))
STAGE = ROW.stage_id
# Of two records from several machines, that of the first in the alphabet is kept.
KEPT, AGREEING, DISAGREEING = (
    replace(ROW, device_name="a"),
    replace(ROW, device_name="b"),
    replace(ROW, device_name="c", carried_bits=0.25),
)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def trained(
    folder: Path, *rows: AccuracyRow, mark: str | None = None, goes_on: bool = True, **others: Any
) -> Path:
    """Return a results folder with a checkpoint that bears a mark, if one is given."""
    folder_of(folder, *rows, **others)
    if mark is not None:
        write_checkpoint(weights_path(folder, STAGE), mark.encode())
        if goes_on:
            write_checkpoint(optimizer_path(folder, STAGE), mark.encode())
    return folder


def marks(folder: Path) -> tuple[str | None, str | None]:
    """Return the marks of the weights and of the optimiser's state."""
    return (_mark(weights_path(folder, STAGE)), _mark(optimizer_path(folder, STAGE)))


def _mark(path: Path) -> str | None:
    return read_checkpoint(path).decode() if path.exists() else None


def check_belong_to_the_record_kept(mark_of_merged: Callable[..., Any], root: Path) -> None:
    folders = [
        trained(root / "1", KEPT, mark="kept"),
        trained(root / "2", AGREEING, mark="agreeing"),
        trained(root / "3", DISAGREEING, mark="disagreeing"),
    ]
    for number, order in enumerate(itertools.permutations(folders)):
        assert mark_of_merged(root / f"out-{number}", *order) == ("kept", "kept")
    for number, order in enumerate(itertools.permutations(folders[1:])):
        assert mark_of_merged(root / f"two-{number}", *order) == ("agreeing", "agreeing")


def merged_marks(out: Path, *folders: Path) -> Any:
    assert merge(out, *folders).checkpoints == 1
    return marks(out)


def test_checkpoint_is_of_the_record_kept(tmp_path: Path) -> None:
    check_belong_to_the_record_kept(merged_marks, tmp_path)


def marks_of_the_first(out: Path, *folders: Path) -> Any:
    return marks(folders[0])


def test_checkpoint_of_the_first_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_belong_to_the_record_kept(marks_of_the_first, tmp_path)


def check_none_is_of_another_training(merge: Callable[..., Any], root: Path) -> None:
    """Where the record kept has no checkpoint, one that agrees with it has, or none is taken."""
    kept = trained(root / "1", KEPT)
    agreeing = trained(root / "2", AGREEING, mark="agreeing")
    disagreeing = trained(root / "3", DISAGREEING, mark="disagreeing")
    unevaluated = trained(root / "4", left=(ROW,), mark="unevaluated")
    merge(root / "a", kept, disagreeing, agreeing)
    assert marks(root / "a") == ("agreeing", "agreeing")
    merge(root / "b", kept, disagreeing, unevaluated)
    assert marks(root / "b") == (None, None)


def test_no_checkpoint_is_of_another_training(tmp_path: Path) -> None:
    check_none_is_of_another_training(merge, tmp_path)


def test_checkpoint_of_any_training_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge_checkpoints = merged_checkpoints.merge_checkpoints

    def undisputed(out: Path, parts: Any, *, disputed: Any, notices: list[str]) -> int:
        return merge_checkpoints(out, parts, disputed=dict.fromkeys(parts, ()), notices=notices)

    monkeypatch.setattr("results.merge.folders.merge_checkpoints", undisputed)
    with pytest.raises(AssertionError):
        check_none_is_of_another_training(merge, tmp_path)


def test_a_stage_that_was_not_evaluated_goes_on(tmp_path: Path) -> None:
    merge(tmp_path / "out", trained(tmp_path / "1", left=(ROW,), mark="unevaluated"))
    assert marks(tmp_path / "out") == ("unevaluated", "unevaluated")


def test_other_test_lengths_have_no_say(tmp_path: Path) -> None:
    further = [replace(row, length=20, record_id="further") for row in (DISAGREEING, KEPT)]
    folders = (
        trained(tmp_path / "1", KEPT, further[0], mark="kept"),
        trained(tmp_path / "2", AGREEING, further[1], mark="agreeing"),
    )
    merge(tmp_path / "out", *folders)
    assert marks(tmp_path / "out") == ("kept", "kept")


def test_what_can_go_on_is_preferred(tmp_path: Path) -> None:
    """A folder that climbed on has dropped the optimiser's state of the stages before."""
    folders = [
        trained(tmp_path / "1", KEPT, mark="kept", goes_on=False),
        trained(tmp_path / "2", KEPT, mark="kept"),
    ]
    for number, order in enumerate(itertools.permutations(folders)):
        merge(tmp_path / f"out-{number}", *order)
        assert marks(tmp_path / f"out-{number}") == ("kept", "kept")


def test_checkpoint_that_is_lost_to_another_is_set_aside(tmp_path: Path) -> None:
    out = trained(tmp_path / "out", DISAGREEING, mark="disagreeing")
    merged = merge(out, trained(tmp_path / "1", KEPT, mark="kept", goes_on=False))
    assert marks(out) == ("kept", None)
    for path in (weights_path(out, STAGE), optimizer_path(out, STAGE)):
        assert _mark(path.with_name(f"{path.name}.rejected")) == "disagreeing"
        assert any(line.startswith(f"{path}: not used: ") for line in merged.notices)


def test_copying_again_writes_nothing(tmp_path: Path) -> None:
    folder = trained(tmp_path / "1", KEPT, mark="kept")
    merge(tmp_path / "out", folder)
    before = changes_of(tmp_path / "out")
    merge(tmp_path / "out", folder)
    assert changes_of(tmp_path / "out") == before


@pytest.mark.parametrize("damage", [b"", b"x" * 99])
def test_damaged_checkpoint_is_named_and_not_used(tmp_path: Path, damage: bytes) -> None:
    folder = trained(tmp_path / "1", KEPT, mark="kept")
    other = trained(tmp_path / "2", AGREEING, mark="agreeing")
    weights_path(folder, STAGE).write_bytes(damage)
    merged = merge(tmp_path / "out", folder, other)
    assert marks(tmp_path / "out") == ("agreeing", "agreeing")
    line = f"{weights_path(folder, STAGE)}: not used: it is damaged: the checksum does not match"
    assert merged.notices == (line,)
    assert weights_path(folder, STAGE).read_bytes() == damage
    merged = merge(tmp_path / "alone", folder)
    assert (merged.checkpoints, marks(tmp_path / "alone")) == (0, (None, None))


def test_weights_go_without_a_damaged_optimiser_s_state(tmp_path: Path) -> None:
    folder = trained(tmp_path / "1", KEPT, mark="kept")
    optimizer_path(folder, STAGE).write_bytes(b"x" * 99)
    merged = merge(tmp_path / "out", folder)
    assert marks(tmp_path / "out") == ("kept", None)
    assert len(merged.notices) == 1


def check_pairs_are_of_one_training(root: Path) -> None:
    """At no moment, killed or not, the weights of one training stand beside another's state."""
    folder = trained(root / "1", KEPT, mark="kept")
    for step in itertools.count():
        out = trained(root / f"out-{step}", AGREEING, mark="agreeing")
        with killed_before(step):
            merge(out, folder)
            break
        weights, optimizer = marks(out)
        assert optimizer in (weights, None)
        merge(out, folder)
        assert marks(out) == ("kept", "kept")
    assert step > 3


def test_weights_and_state_are_of_one_training(tmp_path: Path) -> None:
    check_pairs_are_of_one_training(tmp_path)


def weights_last(out: Path, stage_id: str, best: Any, *, present: Any) -> None:
    write_checkpoint(optimizer_path(out, stage_id), best.optimizer)
    write_checkpoint(weights_path(out, stage_id), best.weights)


def weights_first(out: Path, stage_id: str, best: Any, *, present: Any) -> None:
    write_checkpoint(weights_path(out, stage_id), best.weights)
    write_checkpoint(optimizer_path(out, stage_id), best.optimizer)


@pytest.mark.parametrize("broken", [weights_last, weights_first])
def test_pairs_of_two_trainings_are_rejected(
    broken: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_checkpoints, "_put", broken)
    with pytest.raises(AssertionError):
        check_pairs_are_of_one_training(tmp_path)
