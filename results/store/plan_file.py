"""plan.json: every row that was ever planned in a results folder."""

from collections.abc import Callable, Iterable
from pathlib import Path

from results.errors import ResultsError
from results.schema.rows import NOT_REACHED, AccuracyRow
from results.store.checked_json import OtherSchemaError
from results.store.files import replace_file
from results.store.locks import exclusive
from results.store.records import parse_plan, render_plan
from results.store.rejected import State, file_state, set_aside

PLAN = "plan.json"


class PlanFile:
    """The plan of a results folder; parsed again only when the file has changed.

    Args:
        root: The results folder.
        is_read_only: Whether a damaged plan stays where it is.
        notices: Receives one line when the plan is rejected.
        recover: Gives the rows to plan in place of a damaged plan.
    """

    def __init__(
        self,
        root: Path,
        *,
        is_read_only: bool,
        notices: list[str],
        recover: Callable[[], tuple[AccuracyRow, ...]],
    ) -> None:
        self._path = root / PLAN
        self._is_read_only = is_read_only
        self._notices = notices
        self._recover = recover
        self._parsed: tuple[State, tuple[AccuracyRow, ...]] | None = None

    def rows(self) -> tuple[AccuracyRow, ...]:
        """Return the planned rows, oldest first; none where there is no plan.

        Raises:
            ResultsError: The plan cannot be read, is of another schema version, or was removed
                since it was read.
        """
        try:
            state = file_state(self._path)
            if self._parsed is not None and self._parsed[0] == state:
                return self._parsed[1]
            content = self._path.read_bytes()
        except FileNotFoundError:
            if self._parsed is not None:
                raise ResultsError(f"{self._path}: is gone; it was there before") from None
            return ()
        except OSError as error:
            raise ResultsError(f"{self._path}: cannot be read: {error.strerror or error}") from None
        try:
            rows = parse_plan(content)
        except OtherSchemaError as error:
            raise ResultsError(f"{self._path}: {error}; choose another folder") from None
        except ResultsError as error:
            return self._replace_damaged(state, reason=str(error))
        self._parsed = (state, rows)
        return rows

    def extend(self, rows: Iterable[AccuracyRow]) -> None:
        """Add the rows whose record_id is not planned yet.

        Raises:
            ResultsError: A row's status is not not_reached.
            OSError: The plan cannot be written; the old one is untouched.
        """
        wanted = {row.record_id: row for row in rows}
        for row in wanted.values():
            if row.status != NOT_REACHED:
                raise ResultsError(f"status: a planned row is {NOT_REACHED}, not {row.status!r}")

        def extended(present: tuple[AccuracyRow, ...]) -> tuple[AccuracyRow, ...]:
            known = {row.record_id for row in present}
            return (*present, *(row for key, row in wanted.items() if key not in known))

        self.revise(extended)

    def revise(self, revised: Callable[[tuple[AccuracyRow, ...]], tuple[AccuracyRow, ...]]) -> None:
        """Put what `revised` makes of the planned rows in their place, while nobody else plans.

        Raises:
            OSError: The plan cannot be written; the old one is untouched.
        """
        with exclusive(self._path.parent):
            present = self.rows()
            rows = revised(present)
            # A shard without a run has a plan too, of no rows.
            if rows != present or not self._path.exists():
                replace_file(self._path, render_plan(rows))
                self._parsed = (file_state(self._path), rows)

    def _replace_damaged(self, state: State, *, reason: str) -> tuple[AccuracyRow, ...]:
        rows = self._recover()
        if self._is_read_only:
            self._notices.append(f"{self._path}: not used: {reason}")
            self._parsed = (state, rows)
        else:
            set_aside(self._path, state, reason=reason, notices=self._notices)
            replace_file(self._path, render_plan(rows))
        return rows
