"""JSON documents that carry their schema version and a checksum over every byte of their body.

A document is accepted only in the exact bytes that `seal` writes, so any change is detected.
"""

import hashlib
import json
import re
from typing import Any

from results.errors import ResultsError
from results.schema.rows import SCHEMA_VERSION

# The version comes first, so that any later version can be recognised by this one.
_VERSION = re.compile(rb'\{"schema_version":([0-9]{1,9}),')
_HEADER = re.compile(rb'\{"schema_version":[0-9]{1,9},"checksum":"([0-9a-f]{64})","body":')
_END = b"}\n"


def seal(body: object) -> bytes:
    """Write a JSON-safe body as a document."""
    # Canonical: the same body is the same bytes on every machine, so that folders can be compared.
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    checksum = hashlib.sha256(text).hexdigest()
    header = f'{{"schema_version":{SCHEMA_VERSION},"checksum":"{checksum}","body":'
    return header.encode("ascii") + text + _END


def check_version(document: bytes) -> None:
    """Refuse a document that says that it is of another schema version."""
    stated = _VERSION.match(document)
    if stated is not None and stated.group(1) != b"%d" % SCHEMA_VERSION:
        version = stated.group(1).decode("ascii")
        raise ResultsError(f"it is of schema version {version}, not {SCHEMA_VERSION}")


def unseal(document: bytes) -> Any:
    """Read the body of a document; refuse one that is not what was once written."""
    if not document:
        raise ResultsError("the file is empty")
    check_version(document)
    header = _HEADER.match(document)
    if header is None or not document.endswith(_END):
        raise ResultsError("it is damaged, or was not written by this package")
    text = document[header.end() : -len(_END)]
    if hashlib.sha256(text).hexdigest() != header.group(1).decode("ascii"):
        raise ResultsError("it is damaged: the checksum does not match")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # Sealed by hand: `seal` writes neither.
        raise ResultsError("it does not hold JSON") from None
