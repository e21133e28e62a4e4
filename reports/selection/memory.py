"""Which rows tell how many bits pass through how many numbers."""

import pandas as pd

from results.schema.rows import OK

# From this share of the target's bits on, the task is the limit, and not what passes.
ALL_BITS = 0.95


def memory_of(own: pd.DataFrame) -> pd.DataFrame:
    """Collect bits and numbers of each model, seed and length.

    Args:
        own: Rows of one setting and protocol, tested at the lengths trained for.

    Returns:
        task, model, seed, length, memory_numbers, carried_bits, share (of the target's bits). No
        rows unless several models are known to pass different amounts of numbers.
    """
    rows = own[own["status"] == OK]
    rows = rows[rows["memory_numbers"].notna() & (rows["carried_bits"] > 0)]
    names = ["task", "model", "seed", "length", "memory_numbers", "carried_bits"]
    found = rows[names].astype({"memory_numbers": float, "carried_bits": float})
    found = found.assign(share=rows["carried_bits"] / rows["target_bits"])
    if found["model"].nunique() < 2 or found["memory_numbers"].nunique() < 2:
        return found.iloc[:0]
    return found
