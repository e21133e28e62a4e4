"""What `bench.probe` needs of a results folder, and one line for a folder that it cannot probe.

Imports no torch, and writes nothing.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.plan.recipe import EVALUATOR_VERSION, PROBE_VERSION, RECIPE_VERSION
from models import entry_from_reference, load_models
from results.command_line import UsageError
from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.store.checkpoint_files import read_checkpoint, weights_path
from results.store.folder import Store, csv_order, open_store
from results.store.probes import ProbeStore
from tasks import SAMPLER_VERSION, load_tasks

NAMED_AT_MOST = 5


def open_trained(root: Path) -> tuple[Store, list[AccuracyRow]]:
    """Return a results folder, and the rows of its finished stages in the order of the CSVs.

    Raises:
        UsageError: It is no results folder, or has no finished stage.
    """
    try:
        store = open_store(root, create=False)
    except ResultsError as error:
        raise UsageError(f"--results: {error}") from None
    if not root.exists():
        raise UsageError(f"--results: {root}: there is no such folder")
    rows = sorted(_recorded(store), key=csv_order)
    if not rows:
        raise UsageError(
            f"--results: {root}: no finished stage to probe: run python -m bench.run first"
        )
    return store, rows


def _recorded(store: Store) -> Iterable[AccuracyRow]:
    for planned in store.plan():
        record = store.read_record(planned.record_id)
        if record is not None:
            yield record.row


def require_versions(rows: Iterable[AccuracyRow]) -> None:
    """Refuse what was made by other code than is here.

    Raises:
        UsageError: A version differs, or a task or a model is not known here, or a plug-in
            cannot be loaded.
    """
    try:
        tasks, models = load_tasks(), load_models()
    except ValueError as error:  # A registry refuses a plug-in.
        raise UsageError(str(error)) from None
    for row in rows:
        if row.task not in tasks:
            raise UsageError(f"--results: task {row.task!r} is not known here")
        if row.model not in models and ":" not in row.model:
            raise UsageError(f"--results: model {row.model!r} is not known here")
        entry = models.get(row.model) or entry_from_reference(row.model)
        for name, there, here in (
            ("model_version", row.model_version, entry.version),
            ("task_version", row.task_version, tasks[row.task].version),
            ("sampler_version", row.sampler_version, SAMPLER_VERSION),
            ("recipe_version", row.recipe_version, RECIPE_VERSION),
            ("evaluator_version", row.evaluator_version, EVALUATOR_VERSION),
        ):
            if there != here:
                raise UsageError(
                    f"--results: {row.task}, {row.model} were made with {name} {there}, "
                    f"here it is {here}; train them again in another folder"
                )


def untrained_lengths(root: Path, rows: Iterable[AccuracyRow], lengths: Iterable[int]) -> str:
    """Say which of these lengths were not trained, and which were; empty where all of them were."""
    trained = sorted({row.length for row in rows if row.length == row.train_length})
    absent = [length for length in lengths if length not in trained]
    if not absent:
        return ""
    return f"{_joined(absent)}: not trained in {root}; choose from --lengths {_joined(trained)}"


def _joined(lengths: Iterable[int]) -> str:
    return ",".join(map(str, lengths))


def require_checkpoints(root: Path, rows: Sequence[AccuracyRow]) -> None:
    """Refuse where rows of the tables would be lost for good, or nothing can be probed.

    Raises:
        UsageError: What another version found cannot be found again, or there is neither a
            probe nor a checkpoint.
    """
    probes = ProbeStore(root, version=PROBE_VERSION, is_read_only=True)
    versions = {row.record_id: probes.version_of(row.record_id) for row in rows}
    notices: list[str] = []
    lost = [
        row
        for row in rows
        if versions[row.record_id] not in (None, PROBE_VERSION)
        and not has_checkpoint(root, row.stage_id, notices=notices)
    ]
    if lost:
        raise UsageError(
            f"--results: {root}: {len(lost)} records were probed by version "
            f"{versions[lost[0].record_id]}, here it is {PROBE_VERSION}, and have no checkpoint to "
            f"be probed again: {names_of(lost)}"
        )
    if PROBE_VERSION not in versions.values() and not any(
        has_checkpoint(root, row.stage_id, notices=notices) for row in rows
    ):
        reason = notices[0] if notices else "only the folder that bench.run wrote has them"
        raise UsageError(f"--results: {root}: no checkpoints, which probes read; {reason}")


def has_checkpoint(root: Path, stage_id: str, *, notices: list[str]) -> bool:
    """Return whether the weights of a stage can be read.

    Args:
        root: The results folder.
        stage_id: The stage.
        notices: Receives a line where there is a file that cannot be used.
    """
    path = weights_path(root, stage_id)
    try:
        read_checkpoint(path)
    except FileNotFoundError:
        return False
    except ResultsError as error:
        notices.append(f"{path}: not used: {error}")
        return False
    except OSError as error:
        notices.append(f"{path}: cannot be read: {error.strerror or error}")
        return False
    return True


def names_of(rows: Sequence[AccuracyRow]) -> str:
    """Name records, as many as a line takes."""
    names = [_name(row) for row in rows[:NAMED_AT_MOST]]
    if len(rows) > NAMED_AT_MOST:
        names.append(f"and {len(rows) - NAMED_AT_MOST} more")
    return "; ".join(names)


def _name(row: AccuracyRow) -> str:
    trained = "" if row.length == row.train_length else f", trained to {row.train_length}"
    return f"{row.task}, {row.model}, seed {row.seed}, length {row.length}{trained}"
