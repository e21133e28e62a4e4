"""checksums.json: for each CSV of a folder, the checksums of its present and its next version.

It is written before a CSV is replaced, so a kill at any moment leaves a CSV that verifies.
"""

import hashlib
from pathlib import Path

from results.errors import ResultsError
from results.store.checked_json import OtherSchemaError, seal, unseal
from results.store.files import replace_file

CHECKSUMS = "checksums.json"
WHAT_TO_DO = "repeat the command that wrote it"
READ_ATTEMPTS = 3

Versions = dict[str, dict[str, int]]


def checksum(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def load_versions(folder: Path) -> Versions:
    """Return CSV name to {checksum: number of rows} of every version that is valid.

    Raises:
        OSError: There is no checksums.json, or it cannot be read.
        ResultsError: It is damaged or of another schema version.
    """
    known = unseal((folder / CHECKSUMS).read_bytes())
    if not isinstance(known, dict) or not all(isinstance(item, dict) for item in known.values()):
        raise ResultsError("it does not hold checksums by CSV")
    return known


def write_versions(folder: Path, versions: Versions) -> None:
    """Replace checksums.json."""
    replace_file(folder / CHECKSUMS, seal(versions))


def read_verified(path: Path) -> tuple[bytes, int]:
    """Return the bytes of a CSV that checksums.json beside it knows, and its number of rows.

    Raises:
        ResultsError: It is absent, truncated or edited, or checksums.json is no use.
    """
    # Between reading the CSV and reading the checksums both may be replaced twice: look again.
    for _ in range(READ_ATTEMPTS):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from None
        rows = _versions_of(path).get(checksum(content))
        if rows is not None:
            return content, rows
    raise ResultsError(f"{path}: truncated or edited, not as in {CHECKSUMS}; {WHAT_TO_DO}")


def _versions_of(path: Path) -> dict[str, int]:
    try:
        return load_versions(path.parent).get(path.name, {})
    except OSError as error:
        reason = f"{CHECKSUMS} cannot be read: {error.strerror or error}"
    except OtherSchemaError as error:
        reason = f"of another schema version; {CHECKSUMS}: {error}"
    except ResultsError as error:
        reason = f"{CHECKSUMS}: {error}"
    raise ResultsError(f"{path}: cannot be verified, {reason}; {WHAT_TO_DO}")
