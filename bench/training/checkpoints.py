"""Checkpoints: the weights of every stage, and the optimiser's state of the last one."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.training.train import StageOutcome, Trajectory, Validation
from results.errors import ResultsError
from results.store.checkpoint_files import (
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)


class Checkpoints:
    """The folder `checkpoints` of a results folder.

    A stage has two files. `<stage_id>.pt` has its weights and how it ended.
    `<stage_id>.optimizer.pt` is twice as large, and is deleted once the next stage is safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, stage_id: str, trajectory: Trajectory, outcome: StageOutcome) -> None:
        """Write both files of a stage; each is whole or absent."""
        content = {
            "model": trajectory.model.state_dict(),
            "updates": trajectory.updates,
            "tokens": trajectory.tokens,
            "outcome": asdict(outcome),
        }
        try:
            # The optimiser first: a stage whose weights are there counts as trained, and the next
            # one must be able to go on from it.
            _write(optimizer_path(self._root, stage_id), trajectory.optimizer.state_dict())
            _write(weights_path(self._root, stage_id), content)
        except OSError as error:
            folder = weights_path(self._root, stage_id).parent
            raise ResultsError(f"{folder}: cannot be written: {error.strerror or error}") from None

    def has_optimizer(self, stage_id: str) -> bool:
        """Whether training can go on from this stage."""
        return optimizer_path(self._root, stage_id).exists()

    def forget_optimizer(self, stage_id: str) -> None:
        """Delete the optimiser's state of a stage that is not the last one any more."""
        optimizer_path(self._root, stage_id).unlink(missing_ok=True)

    def load_weights(self, stage_id: str, model: nn.Module) -> tuple[StageOutcome, int, int] | None:
        """Set a model to its weights at the end of a stage.

        Returns:
            How the stage ended, and the updates and tokens so far; None without a checkpoint.
        """
        content = _read(weights_path(self._root, stage_id))
        if content is None:
            return None
        model.load_state_dict(content["model"])
        outcome = dict(content["outcome"])
        outcome["validation"] = Validation(**outcome["validation"])
        return StageOutcome(**outcome), content["updates"], content["tokens"]

    def load_trajectory(self, stage_id: str, trajectory: Trajectory) -> bool:
        """Set a trajectory to where a stage ended; False if a file is absent."""
        # Both files are read before anything is set: half a trajectory would go on elsewhere.
        optimizer = _read(optimizer_path(self._root, stage_id))
        loaded = None if optimizer is None else self.load_weights(stage_id, trajectory.model)
        if optimizer is None or loaded is None:
            return False
        trajectory.optimizer.load_state_dict(optimizer)
        _, trajectory.updates, trajectory.tokens = loaded
        return True


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint behind its checksum, since torch checks none."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_checkpoint(path, buffer.getvalue())


def _read(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; None if it is absent or damaged, and has to be trained again."""
    try:
        payload = read_checkpoint(path)
    except FileNotFoundError:
        return None
    except ResultsError:
        path.replace(path.with_name(f"{path.name}.rejected"))
        return None
    # Without `weights_only` a pickle could run any code, and results folders are passed around.
    content: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return content
