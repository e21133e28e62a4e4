"""A folder of documents, one file each: written whole, verified when read, bad ones set aside."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from results.errors import ResultsError
from results.store.files import replace_file
from results.store.rejected import State, file_state, set_aside

SUFFIX = ".json"

Document = TypeVar("Document")


class RecordFolder(Generic[Document]):
    """Documents by record_id; a parsed one is kept for as long as its file stays the same.

    Args:
        path: The folder; it is made with the first document.
        parse: From the bytes of a file and the record_id in its name to the document; raises
            ResultsError where it is not to be used.
        is_read_only: Whether bad files stay where they are.
        notices: Receives one line per file that was rejected.
    """

    def __init__(
        self,
        path: Path,
        *,
        parse: Callable[[bytes, str], Document],
        is_read_only: bool,
        notices: list[str],
    ) -> None:
        self.path = path
        self._parse = parse
        self._is_read_only = is_read_only
        self._notices = notices
        self._parsed: dict[str, tuple[State, Document | None]] = {}

    def ids(self) -> list[str]:
        """Return the ids of all documents that have a file, sorted."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        return sorted(
            name.removesuffix(SUFFIX)
            for name in names
            if name.endswith(SUFFIX) and not name.startswith(".")
        )

    def read(self, record_id: str) -> Document | None:
        """Return the document, or None where there is no file or a bad one, which is set aside."""
        path = self.path / (record_id + SUFFIX)
        try:
            state = file_state(path)
            known = self._parsed.get(record_id)
            if known is not None and known[0] == state:
                return known[1]
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from None
        document: Document | None
        try:
            document = self._parse(content, record_id)
        except ResultsError as error:
            self._reject(path, state, reason=str(error))
            document = None
        self._parsed[record_id] = (state, document)
        return document

    def write(self, record_id: str, content: bytes) -> None:
        """Write a document in place of one with the same id.

        Raises:
            OSError: The file cannot be written; an old one is untouched.
        """
        self.path.mkdir(exist_ok=True)
        replace_file(self.path / (record_id + SUFFIX), content)

    def _reject(self, path: Path, state: State, *, reason: str) -> None:
        if self._is_read_only:
            self._notices.append(f"{path}: not used: {reason}")
        else:
            set_aside(path, state, reason=reason, notices=self._notices)
