"""The line of facts below a figure: how many seeds, which protocol, which settings."""

from collections.abc import Sequence

from reports.curves import Curves, Facts
from reports.rates import RateFacts

PROTOCOLS = {
    "curriculum": "one model climbs from short to long and is tested at each length",
    "independent": "a fresh model for every length",
    "mixed": "one model trained on all lengths together",
}
ENCODERS = {"bi": "two-way", "uni": "one-way"}


def curves_caption(curves: Curves, *, scores: Sequence[str], explanation: str) -> str:
    """Return the caption of a figure that shows these scores."""
    facts = curves.facts
    parts = [explanation, _seeds(curves, scores), _protocol(facts), _settings(facts)]
    if facts.unfinished:
        parts.append(_unfinished(facts.unfinished, rows=facts.rows))
    if facts.left_out:
        parts.append(
            f"Not shown: {counted(facts.left_out, 'row')} tested at a length that the "
            "model was not trained for at that stage."
        )
    return " ".join(parts)


def _seeds(curves: Curves, scores: Sequence[str]) -> str:
    planned = curves.facts.seeds
    drawn = curves.means[curves.means["score"].isin(scores) & (curves.means["n"] > 0)]
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


def _unfinished(count: int, *, rows: int) -> str:
    return f"{count:,} of {counted(rows, 'row')} did not finish: no point stands for them."


def model_settings(cell: str, *, hidden: int, encoder: str) -> str:
    """Return what the models have in common, in words."""
    name = cell.upper() if cell in ("lstm", "gru") else cell
    return f"Cell: {name}, state {hidden}, {ENCODERS.get(encoder, encoder)} encoder"


def rates_caption(facts: RateFacts) -> str:
    """Return the caption of the throughput figure."""
    where = facts.device_name or facts.device
    sizes = set(facts.batch_sizes.values())
    batches = (
        str(*sizes)
        if len(sizes) == 1
        else ", ".join(f"{size} ({phase})" for phase, size in facts.batch_sizes.items())
    )
    parts = [
        "Target items per second, by the median over rounds; band: the median time plus and minus "
        "half its interquartile range. Both axes are logarithmic.",
        f"{where}, {counted(facts.threads, 'thread')}.",
        f"{model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)}. "
        f"Alphabet: {facts.symbols} symbols. Batch: {batches}.",
    ]
    if facts.unfinished:
        parts.append(_unfinished(facts.unfinished, rows=facts.rows))
    return " ".join(parts)


def counted(count: int, noun: str) -> str:
    """Return `1 seed`, `3 seeds`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
