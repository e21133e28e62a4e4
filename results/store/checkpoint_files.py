"""The files of checkpoints: their places, and the checksum before their content.

`bench.training.checkpoints` knows what the content is; here it is bytes.
"""

import hashlib
from pathlib import Path

from results.errors import ResultsError
from results.store.files import replace_file

CHECKPOINTS = "checkpoints"
# torch checks no checksum: weights with a flipped bit would load, and answer differently.
_DIGEST_BYTES = 32


def weights_path(root: Path, stage_id: str) -> Path:
    """Name the file of a stage's weights in a results folder."""
    return root / CHECKPOINTS / f"{stage_id}.pt"


def optimizer_path(root: Path, stage_id: str) -> Path:
    """Name the file of a stage's state of the optimiser in a results folder."""
    return root / CHECKPOINTS / f"{stage_id}.optimizer.pt"


def write_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint behind its checksum; whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    replace_file(path, hashlib.sha256(content).digest() + content)


def read_checkpoint(path: Path) -> bytes:
    """Read the content of a checkpoint; refuse a damaged one."""
    written = path.read_bytes()
    digest, content = written[:_DIGEST_BYTES], written[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ResultsError("it is damaged: the checksum does not match")
    return content
