"""The small tables at the end of a command. Import no pandas, so that a resume stays quick."""

from collections.abc import Sequence
from statistics import fmean

from results.schema.rows import NOISY, OK, PHASES, SETTING_COLUMNS, AccuracyRow, ThroughputRow

_MOST_COLUMNS = 5


def summary_table(rows: Sequence[AccuracyRow]) -> str:
    """Return free-running token accuracy per task and model at a few lengths, mean over seeds.

    Only a stage tested at a length that it trained for counts: its longest, or any of `mixed`.
    """
    rows = [
        row
        for row in rows
        if row.token_accuracy is not None
        and (row.length == row.train_length or row.protocol == "mixed")
    ]
    if not rows:
        return "No record yet."
    lengths = _few(sorted({row.length for row in rows}))
    curves = _curves(rows)
    width = max(map(len, curves))
    lines = ["token accuracy".ljust(width) + "".join(f"{length:>8}" for length in lengths)]
    for label, scores in curves.items():
        cells = [
            f"{fmean(scores[length]):8.3f}" if length in scores else "       -"
            for length in lengths
        ]
        lines.append(label.ljust(width) + "".join(cells))
    return "\n".join(lines)


def _curves(rows: Sequence[AccuracyRow]) -> dict[str, dict[int, list[float]]]:
    """Return scores by label and length; a label names the settings in which a model varies."""
    groups: dict[str, list[AccuracyRow]] = {}
    for row in rows:
        groups.setdefault(f"{row.task} {row.model}", []).append(row)
    curves: dict[str, dict[int, list[float]]] = {}
    for name, group in groups.items():
        differing = [
            setting
            for setting in ("protocol", *SETTING_COLUMNS)
            if len({getattr(row, setting) for row in group}) > 1
        ]
        for row in group:
            label = ", ".join([name, *(f"{each} {getattr(row, each)}" for each in differing)])
            if row.token_accuracy is not None:
                scores = curves.setdefault(label, {}).setdefault(row.length, [])
                scores.append(row.token_accuracy)
    return curves


def throughput_table(rows: Sequence[ThroughputRow]) -> str:
    """Return target items per second and peak memory per phase and model at a few lengths."""
    rows = [row for row in rows if row.status == OK]
    if not rows:
        return "Nothing measured."
    lengths = _few(sorted({row.length for row in rows}))
    width = max(len("tokens per second"), *(len(row.model) for row in rows))
    lines = []
    for phase in PHASES:
        of_phase = {(row.model, row.length): row for row in rows if row.phase == phase}
        models = list(dict.fromkeys(model for model, _ in of_phase))
        for title, text in (("tokens per second", _rate), ("peak MiB", _mebibytes)):
            cells = "".join(f"{length:>9}" for length in lengths)
            lines += [f"{phase}, {title}", "".ljust(width) + cells]
            for model in models:
                found = [of_phase.get((model, length)) for length in lengths]
                lines.append(model.ljust(width) + "".join(f"{text(row):>9}" for row in found))
            lines.append("")
    noisy = sum(row.noise == NOISY for row in rows)
    return "\n".join([*lines, f"{noisy} of {len(rows)} rows are noisy"])


def _rate(row: ThroughputRow | None) -> str:
    return "-" if row is None or row.tokens_per_second is None else f"{row.tokens_per_second:,.0f}"


def _mebibytes(row: ThroughputRow | None) -> str:
    if row is None or row.peak_memory_bytes is None:
        return "-"
    return f"{row.peak_memory_bytes / 2**20:,.0f}"


def _few(lengths: Sequence[int]) -> list[int]:
    """Return at most a handful of lengths, the shortest and the longest among them."""
    if len(lengths) <= _MOST_COLUMNS:
        return list(lengths)
    last = len(lengths) - 1
    return [lengths[round(i * last / (_MOST_COLUMNS - 1))] for i in range(_MOST_COLUMNS)]
