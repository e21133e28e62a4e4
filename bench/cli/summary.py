"""The small tables at the end of a command. No pandas: it takes a second to import."""

from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean

from results.schema.rows import NOISY, OK, PHASES, SETTING_COLUMNS, AccuracyRow, ThroughputRow

_MOST_COLUMNS = 5


def summary_table(rows: Sequence[AccuracyRow]) -> str:
    """Show mean token accuracy over seeds, per task and model, at a few lengths."""
    # A stage tested at further lengths extrapolates there, which is another question.
    rows = [row for row in rows if row.length == row.train_length or row.protocol == "mixed"]

    @cache
    def varying(task: str, model: str) -> list[str]:
        of_model = [row for row in rows if (row.task, row.model) == (task, model)]
        settings = ("protocol", *SETTING_COLUMNS)
        return [name for name in settings if len({getattr(row, name) for row in of_model}) > 1]

    scores: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        # Settings that vary are named, else they would be averaged as if they were seeds.
        settings = [f"{name} {getattr(row, name)}" for name in varying(row.task, row.model)]
        label = ", ".join([f"{row.task} {row.model}", *settings])
        if row.token_accuracy is not None:
            scores.setdefault(label, {}).setdefault(row.length, []).append(row.token_accuracy)
    if not scores:
        return "No record yet."
    means = {
        label: {length: f"{fmean(values):.3f}" for length, values in by_length.items()}
        for label, by_length in scores.items()
    }
    return "\n".join(_table("token accuracy", means))


def throughput_table(rows: Sequence[ThroughputRow]) -> str:
    """Show items per second and peak memory, per phase and model, at a few lengths."""
    rows = [row for row in rows if row.status == OK]
    if not rows:
        return "Nothing measured."
    lines = []
    for phase in PHASES:
        for title, text in (("tokens per second", _rate), ("peak MiB", _mebibytes)):
            cells: dict[str, dict[int, str]] = {}
            for row in rows:
                if row.phase == phase:
                    cells.setdefault(row.model, {})[row.length] = text(row)
            lines += [*_table(f"{phase}, {title}", cells), ""]
    noisy = sum(row.noise == NOISY for row in rows)
    return "\n".join([*lines, f"{noisy} of {len(rows)} rows are noisy"])


def _rate(row: ThroughputRow) -> str:
    return "-" if row.tokens_per_second is None else f"{row.tokens_per_second:,.0f}"


def _mebibytes(row: ThroughputRow) -> str:
    return "-" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 2**20:,.0f}"


def _table(title: str, lines: Mapping[str, Mapping[int, str]]) -> list[str]:
    """Align a line for each name, a column for each of a few lengths."""
    lengths = _few(sorted({length for by_length in lines.values() for length in by_length}))
    width = max(map(len, (title, *lines)))
    header = title.ljust(width) + "".join(f"{length:>9}" for length in lengths)
    return [
        header,
        *(
            name.ljust(width) + "".join(f"{by_length.get(length, '-'):>9}" for length in lengths)
            for name, by_length in lines.items()
        ),
    ]


def _few(lengths: Sequence[int]) -> list[int]:
    """Pick evenly spread lengths, the shortest and the longest among them."""
    last = len(lengths) - 1
    columns = min(_MOST_COLUMNS, len(lengths))
    return [lengths[round(i * last / max(1, columns - 1))] for i in range(columns)]
