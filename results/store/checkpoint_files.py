"""The files of checkpoints: where they stand, and the checksum before their content.

What the content is, `bench.training.checkpoints` knows; here it is bytes.
"""

import hashlib
from pathlib import Path

from results.errors import ResultsError
from results.store.files import replace_file

CHECKPOINTS = "checkpoints"
_DIGEST_BYTES = 32


def weights_path(root: Path, stage_id: str) -> Path:
    """Return where a results folder has the weights of a stage."""
    return root / CHECKPOINTS / f"{stage_id}.pt"


def optimizer_path(root: Path, stage_id: str) -> Path:
    """Return where it has the optimiser's state of a stage."""
    return root / CHECKPOINTS / f"{stage_id}.optimizer.pt"


def write_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint behind its checksum; whole or not at all.

    Raises:
        OSError: The file cannot be written; an old one is untouched.
    """
    path.parent.mkdir(exist_ok=True)
    replace_file(path, hashlib.sha256(content).digest() + content)


def read_checkpoint(path: Path) -> bytes:
    """Return the content of a checkpoint, verified.

    Raises:
        OSError: The file cannot be read; FileNotFoundError where it is absent.
        ResultsError: It is damaged.
    """
    written = path.read_bytes()
    digest, content = written[:_DIGEST_BYTES], written[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ResultsError("it is damaged: the checksum does not match")
    return content
