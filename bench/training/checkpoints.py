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
    CHECKPOINTS,
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)


class Checkpoints:
    """The folder `checkpoints` of a results folder.

    A stage has two files: `<stage_id>.pt` with its weights and how it ended, and
    `<stage_id>.optimizer.pt`, which is kept only until the next stage is safe. Nothing is ever
    unpickled: files are read with `weights_only=True`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / CHECKPOINTS

    def save(self, stage_id: str, trajectory: Trajectory, outcome: StageOutcome) -> None:
        """Write both files of a stage; each is whole or absent.

        Raises:
            ResultsError: The folder is gone or cannot be written.
        """
        content = {
            "model": trajectory.model.state_dict(),
            "updates": trajectory.updates,
            "tokens": trajectory.tokens,
            "outcome": asdict(outcome),
        }
        try:
            _write(self._optimizer_path(stage_id), trajectory.optimizer.state_dict())
            _write(self._weights_path(stage_id), content)
        except OSError as error:
            raise ResultsError(
                f"{self.folder}: cannot be written: {error.strerror or error}"
            ) from None

    def has_optimizer(self, stage_id: str) -> bool:
        """Return whether training can go on from this stage."""
        return self._optimizer_path(stage_id).exists()

    def forget_optimizer(self, stage_id: str) -> None:
        """Delete the optimiser's state of a stage that a later one has superseded."""
        self._optimizer_path(stage_id).unlink(missing_ok=True)

    def load_weights(self, stage_id: str, model: nn.Module) -> tuple[StageOutcome, int, int] | None:
        """Set a model to its weights at the end of a stage.

        Returns:
            How the stage ended, and the updates and tokens so far; None without a checkpoint.
        """
        content = _read(self._weights_path(stage_id))
        if content is None:
            return None
        model.load_state_dict(content["model"])
        outcome = dict(content["outcome"])
        outcome["validation"] = Validation(**outcome["validation"])
        return StageOutcome(**outcome), content["updates"], content["tokens"]

    def load_trajectory(self, stage_id: str, trajectory: Trajectory) -> bool:
        """Set a trajectory to where a stage ended; False where a file is absent."""
        optimizer = _read(self._optimizer_path(stage_id))
        if optimizer is None:
            return False
        loaded = self.load_weights(stage_id, trajectory.model)
        if loaded is None:
            return False
        trajectory.optimizer.load_state_dict(optimizer)
        _, trajectory.updates, trajectory.tokens = loaded
        return True

    def _weights_path(self, stage_id: str) -> Path:
        return weights_path(self._root, stage_id)

    def _optimizer_path(self, stage_id: str) -> Path:
        return optimizer_path(self._root, stage_id)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint behind its checksum, since torch checks none; whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_checkpoint(path, buffer.getvalue())


def _read(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint's content; None where it is absent or damaged, and is trained again."""
    try:
        payload = read_checkpoint(path)
    except FileNotFoundError:
        return None
    except ResultsError:
        path.replace(path.with_name(f"{path.name}.rejected"))
        return None
    content: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return content
