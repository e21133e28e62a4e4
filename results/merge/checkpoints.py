"""Checkpoints of several results folders brought into one, each with the record that it left."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.merge.contents import Contents, record_order
from results.store.checkpoint_files import (
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)
from results.store.rejected import file_state, set_aside


@dataclass(frozen=True)
class _Checkpoint:
    """What a folder has of the end of a stage; the optimiser's state may be superseded."""

    folder: Path
    weights: bytes
    optimizer: bytes | None
    record_order: Any

    def order(self) -> tuple[Any, ...]:
        """Return the key by which the one to keep comes first."""
        return (self.record_order, self.weights, self.optimizer is None, self.optimizer)


def merge_checkpoints(
    out: Path,
    parts: Mapping[Path, Contents],
    *,
    disputed: Mapping[Path, Collection[str]],
    notices: list[str],
) -> int:
    """Bring the checkpoint of every stage into a folder; return how many stages have one.

    It is that of the folder whose record of the stage is kept, or whose record says the same; a
    stage of which no folder has a record goes on from any. Another one in `out` is set aside.

    Args:
        out: Results folder, one of the parts.
        parts: What each folder holds.
        disputed: The record_ids of each folder whose record says something else than that kept.
        notices: Receives one line per file that is not used.

    Raises:
        OSError: A file cannot be written; what stands there is whole.
        ResultsError: A file cannot be read.
    """
    count = 0
    for stage_id, record_id in _own_records(parts).items():
        is_recorded = any(record_id in part.records for part in parts.values())
        folders = [
            folder
            for folder, part in parts.items()
            if not is_recorded or (record_id in part.records and record_id not in disputed[folder])
        ]
        found = {
            folder: checkpoint
            for folder in folders
            for checkpoint in _read(folder, stage_id, parts[folder], record_id, notices)
        }
        if out not in folders:
            for path in (optimizer_path(out, stage_id), weights_path(out, stage_id)):
                set_aside_unkept(path, notices)
        if found:
            best = min(found.values(), key=_Checkpoint.order)
            _put(out, stage_id, best, present=found.get(out))
            count += 1
    return count


def set_aside_unkept(path: Path, notices: list[str]) -> None:
    """Set aside what belongs to a record that is not kept, where there is such a file.

    Raises:
        ResultsError: The file cannot be renamed.
    """
    if path.exists():
        set_aside(path, file_state(path), reason="its record is not kept", notices=notices)


def _own_records(parts: Mapping[Path, Contents]) -> dict[str, str]:
    """Return by stage_id the record at the length that it trained on."""
    rows = [row for part in parts.values() for row in part.plan.values()]
    rows.sort(key=lambda row: (row.stage_id, row.length != row.train_length, row.length))
    own: dict[str, str] = {}
    for row in rows:
        own.setdefault(row.stage_id, row.record_id)
    return own


def _read(
    folder: Path, stage_id: str, part: Contents, record_id: str, notices: list[str]
) -> Iterator[_Checkpoint]:
    """Yield the checkpoint of a stage where a folder has a good one."""
    weights = _content(weights_path(folder, stage_id), notices)
    if weights is not None:
        record = part.records.get(record_id)
        yield _Checkpoint(
            folder,
            weights,
            _content(optimizer_path(folder, stage_id), notices),
            () if record is None else record_order(record),
        )


def _content(path: Path, notices: list[str]) -> bytes | None:
    try:
        return read_checkpoint(path)
    except FileNotFoundError:
        return None
    except ResultsError as error:
        notices.append(f"{path}: not used: {error}")
        return None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from None


def _put(out: Path, stage_id: str, best: _Checkpoint, *, present: _Checkpoint | None) -> None:
    if present is None or present.weights != best.weights:
        # Never, not even after a kill, the weights of one training beside the other's optimiser.
        optimizer_path(out, stage_id).unlink(missing_ok=True)
        write_checkpoint(weights_path(out, stage_id), best.weights)
        present = None
    if best.optimizer is not None and (present is None or present.optimizer != best.optimizer):
        write_checkpoint(optimizer_path(out, stage_id), best.optimizer)
