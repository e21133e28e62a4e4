"""Documents, one file each: written whole, verified when read, bad ones set aside."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from results.errors import ResultsError, explain_os_errors
from results.store.files import replace_file

Document = TypeVar("Document")
FileState = tuple[int, int, int]


def file_state(path: Path) -> FileState:
    """Read what changes when a file is replaced: modification time, size and inode."""
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


class Documents(Generic[Document]):
    """The documents of a folder by id; a parsed one is kept while its file stays the same.

    Args:
        folder: It is made with the first document.
        parse: Makes a document of the bytes of a file and the id in its name, or refuses them.
        is_read_only: Whether bad files stay where they are.
        notices: Receives one line per file that was rejected.
    """

    def __init__(
        self,
        folder: Path,
        *,
        parse: Callable[[bytes, str], Document],
        is_read_only: bool,
        notices: list[str],
    ) -> None:
        self._folder = folder
        self._parse = parse
        self._is_read_only = is_read_only
        self._notices = notices
        self._parsed: dict[str, tuple[FileState, Document | None]] = {}

    def path_of(self, name: str) -> Path:
        """Name the file of a document."""
        return self._folder / f"{name}.json"

    def ids(self) -> list[str]:
        """List the ids of all documents that have a file, sorted."""
        # A name with a dot is a temporary file, or not ours.
        return sorted(path.stem for path in self._folder.glob("[!.]*.json"))

    def read(self, name: str) -> Document | None:
        """Read a document; None where there is no file or a bad one, which is set aside."""
        path = self.path_of(name)
        with explain_os_errors(f"{path}: cannot be read"):
            try:
                state = file_state(path)
                # A run asks for every record after every stage.
                if name in self._parsed and self._parsed[name][0] == state:
                    return self._parsed[name][1]
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        document: Document | None = None
        try:
            document = self._parse(content, name)
        except ResultsError as error:
            reject(path, state, str(error), notices=self._notices, is_kept=self._is_read_only)
        self._parsed[name] = (state, document)
        return document

    def write(self, name: str, content: bytes) -> None:
        """Write a document in place of one with the same id; raise OSError where that fails."""
        self._folder.mkdir(exist_ok=True)
        replace_file(self.path_of(name), content)


def reject(
    path: Path, state: FileState, reason: str, *, notices: list[str], is_kept: bool = False
) -> None:
    """Name a bad file in notices, and rename it unless it is kept; never delete it."""
    if is_kept:
        notices.append(f"{path}: not used: {reason}")
        return
    target = path.with_name(f"{path.name}.rejected")
    # A file may be damaged twice; each is kept, so that one can look for the cause.
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{number}.rejected")
    with explain_os_errors(f"{path}: {reason}; it cannot be set aside"):
        try:
            # Another process may have set it aside, and put a good one there.
            if file_state(path) != state:
                return
            os.rename(path, target)
        except FileNotFoundError:
            return
    notices.append(f"{path}: not used: {reason}; set aside as {target.name}")
