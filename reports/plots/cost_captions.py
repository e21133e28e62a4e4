"""The captions of the figures of throughput.csv."""

from reports.plots.throughput_data import COST_NAMES, MEMORY, TIME, CostFacts
from reports.selection.captions import counted, model_settings, unfinished_rows

MEMORY_OF_DEVICE = {
    "cpu": ", model, optimiser and batch included: resident memory beyond that of the process "
    "before",
    "cuda": ", model, optimiser and batch included: memory allocated on the device",
}


def throughput_caption(facts: CostFacts, *, is_fitted: bool) -> str:
    """Return the caption of the figure of tokens per second."""
    explanation = (
        "Target items per second, by the median over rounds; band: the median time plus and minus "
        "half its interquartile range."
    )
    if facts.noisy:
        timings = counted(facts.rows - facts.unfinished, "timing")
        explanation += (
            f" Hollow marker: noisy, {facts.noisy:,} of {timings} (the interquartile range over "
            "rounds, of the timing or of a matrix product timed beside it, exceeds a tenth of its "
            "median); they are in the fit."
        )
    return _caption(facts, explanation, cost=TIME, is_fitted=is_fitted)


def memory_caption(facts: CostFacts, *, is_fitted: bool) -> str:
    """Return the caption of the figure of peak memory."""
    explanation = f"The most memory that one call takes{MEMORY_OF_DEVICE.get(facts.device, '')}."
    return _caption(facts, explanation, cost=MEMORY, is_fitted=is_fitted)


def _caption(facts: CostFacts, explanation: str, *, cost: str, is_fitted: bool) -> str:
    name = COST_NAMES[cost]
    fit = (
        f"p: least squares of log {name} on log length over lengths from {facts.fitted_from} on, "
        "as a constant overhead dominates at short ones; in brackets its 95 % t-interval."
        if is_fitted
        else f"Growth of {name}: too few lengths from {facts.fitted_from} on to fit any."
    )
    where = facts.device_name or facts.device
    parts = [
        explanation,
        "Both axes are logarithmic.",
        fit,
        f"{where}, {counted(facts.threads, 'thread')}.",
        f"{model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)}. "
        f"Alphabet: {facts.symbols} symbols. Batch: {_batches(facts.batch_sizes)}.",
    ]
    if facts.unfinished:
        parts.append(unfinished_rows(facts.unfinished, rows=facts.rows))
    return " ".join(parts)


def _batches(batch_sizes: dict[str, int]) -> str:
    sizes = set(batch_sizes.values())
    if len(sizes) == 1:
        return str(*sizes)
    return ", ".join(f"{size} ({phase})" for phase, size in batch_sizes.items())
