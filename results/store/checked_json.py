"""JSON documents that carry their schema version and a checksum over every byte of their body.

A document is accepted only in the exact bytes that `seal` writes, so any change is detected.
"""

import hashlib
import json
import re
from typing import Any

from results.errors import ResultsError
from results.schema.rows import SCHEMA_VERSION

_HEADER = re.compile(rb'\{"schema_version":([0-9]{1,9}),"checksum":"([0-9a-f]{64})","body":')
_END = b"}\n"


class OtherSchemaError(ResultsError):
    """A document of another schema version."""


def seal(body: object) -> bytes:
    """Return the document for a JSON-safe body, in canonical form (sorted keys, no spaces)."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    checksum = hashlib.sha256(text).hexdigest()
    header = f'{{"schema_version":{SCHEMA_VERSION},"checksum":"{checksum}","body":'
    return header.encode("ascii") + text + _END


def check_version(document: bytes) -> None:
    """Raise OtherSchemaError where the document says that it is of another schema version."""
    header = _HEADER.match(document)
    version = header.group(1).decode("ascii") if header else _stated_version(document)
    if version not in (None, str(SCHEMA_VERSION)):
        raise OtherSchemaError(f"it is of schema version {version}, not {SCHEMA_VERSION}")


def unseal(document: bytes) -> Any:
    """Return the body of a document.

    Raises:
        OtherSchemaError: The document says that it is of another schema version.
        ResultsError: It is empty, no such document, or not what was once written.
    """
    if not document:
        raise ResultsError("the file is empty")
    check_version(document)
    header = _HEADER.match(document)
    if header is None or not document.endswith(_END):
        raise ResultsError("it is damaged, or was not written by this package")
    text = document[header.end() : -len(_END)]
    if hashlib.sha256(text).hexdigest() != header.group(2).decode("ascii"):
        raise ResultsError("it is damaged: the checksum does not match")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ResultsError("it does not hold JSON") from None


def _stated_version(document: bytes) -> str | None:
    try:
        values = json.loads(document)
    except (ValueError, RecursionError):
        return None
    version = values.get("schema_version") if isinstance(values, dict) else None
    return None if version is None else str(version)
