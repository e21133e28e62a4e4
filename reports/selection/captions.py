"""The line of facts below a figure: how many seeds, which protocol, which settings."""

from collections.abc import Sequence

import pandas as pd

from reports.selection.curves import Curves, Facts

PROTOCOLS = {
    "curriculum": "one model climbs from short to long and is tested at each length",
    "independent": "a fresh model for every length",
    "mixed": "one model trained on all lengths together",
}
ENCODERS = {"bi": "two-way", "uni": "one-way"}


def curves_caption(curves: Curves, *, scores: Sequence[str], explanation: str) -> str:
    """Return the caption of a figure that shows these scores."""
    shown = curves.means[curves.means["score"].isin(scores)]
    return figure_caption(shown, curves.facts, explanation=explanation)


def figure_caption(means: pd.DataFrame, facts: Facts, *, explanation: str) -> str:
    """Return the caption of a figure of means over seeds."""
    parts = [explanation, _seeds(means, facts.seeds), _protocol(facts), _settings(facts)]
    if facts.unfinished:
        parts.append(unfinished_rows(facts.unfinished, rows=facts.rows))
    if facts.left_out:
        parts.append(
            f"Not shown: {counted(facts.left_out, 'row')} tested at a length that the "
            "model was not trained for at that stage."
        )
    return " ".join(parts)


def _seeds(means: pd.DataFrame, planned: int) -> str:
    drawn = means[means["n"] > 0]
    if drawn.empty:
        return f"n = 0 of {counted(planned, 'seed')}: no row finished."
    fewest, most = int(drawn["n"].min()), int(drawn["n"].max())
    if planned == 1:
        return "n = 1 seed, so no interval."
    text = f"n = {planned} seeds: line, their mean; thin lines, each seed"
    text += "; band, 95 % t-interval of the mean." if most > 1 else "."
    if fewest < planned:
        text += f" Hollow marker: fewer than {planned} seeds finished."
    return text


def _protocol(facts: Facts) -> str:
    known = PROTOCOLS.get(facts.protocol)
    return f"Protocol: {facts.protocol}{f' ({known})' if known else ''}."


def _settings(facts: Facts) -> str:
    text = f"{model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)}. "
    text += f"Alphabet: {_alphabets(facts)}."
    if facts.test_sequences:
        sizes = " or ".join(f"{size:,}" for size in facts.test_sequences)
        text += f" {sizes} test sequences per point."
    return text


def _alphabets(facts: Facts) -> str:
    by_size: dict[int, list[str]] = {}
    for task, size in facts.symbols.items():
        by_size.setdefault(size, []).append(task)
    return ", ".join(
        f"{size} symbols ({', '.join(tasks)})" for size, tasks in sorted(by_size.items())
    )


def unfinished_rows(count: int, *, rows: int) -> str:
    """Say how many rows did not finish."""
    return f"{count:,} of {counted(rows, 'row')} did not finish: no point stands for them."


def model_settings(cell: str, *, encoder: str, hidden: int | None = None) -> str:
    """Return what the models have in common, in words; without the state where sizes differ."""
    name = cell.upper() if cell in ("lstm", "gru") else cell
    state = "" if hidden is None else f"state {hidden}, "
    return f"Cell: {name}, {state}{ENCODERS.get(encoder, encoder)} encoder"


def counted(count: int, noun: str) -> str:
    """Return `1 seed`, `3 seeds`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
