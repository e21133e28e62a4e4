"""Scores with the shapes that real runs have: a bottleneck without attention, none with it."""

import functools
import math
import random

import numpy as np
from scipy.stats import binom

SYMBOLS = {"copy": 16, "reverse": 16, "sort": 128}
HALF_LENGTH = {"rnn": 17.0, "seq2seq": 26.0}
MOST_BITS = {"rnn": 105.0, "seq2seq": 190.0}


@functools.cache
def constant_accuracy(task: str, length: int) -> float:
    symbols = SYMBOLS[task]
    if task != "sort":
        return 1.0 / symbols
    at_most = binom.sf(
        np.arange(length)[:, None], length, (np.arange(symbols) + 1.0)[None, :] / symbols
    )
    return float(np.diff(at_most, axis=1, prepend=0.0).max(axis=1).mean())


@functools.cache
def repeat_accuracy(task: str, length: int) -> float:
    symbols = SYMBOLS[task]
    if task != "sort":
        return 1.0 / symbols
    return 1.0 - symbols * (1.0 - (1.0 - 1.0 / symbols) ** length) / length


@functools.cache
def target_bits(task: str, length: int) -> float:
    symbols = SYMBOLS[task]
    if task != "sort":
        return length * math.log2(symbols)
    counts = np.arange(length + 1)
    log_factorials = np.array([math.lgamma(count + 1) for count in counts]) / math.log(2)
    expected = float((binom.pmf(counts, length, 1 / symbols) * log_factorials).sum())
    return length * math.log2(symbols) - float(log_factorials[-1]) + symbols * expected


def scores(task: str, model: str, seed: int, length: int) -> dict[str, float]:
    draw = random.Random(f"{task} {model} {seed} {length}")
    per_seed = random.Random(f"{task} {model} {seed}").gauss(0.0, 1.0)
    floor, bits = constant_accuracy(task, length), target_bits(task, length)
    if model in HALF_LENGTH:
        half = HALF_LENGTH[model] * (1.0 + 0.12 * per_seed)
        right = 1.0 / (1.0 + (length / half) ** 1.7)
        forced = 1.0 / (1.0 + (length / (1.4 * half)) ** 1.3)
        most = MOST_BITS[model] * (1.0 + 0.1 * per_seed)
        carried = most * (1.0 - math.exp(-bits / most))
    else:
        slip = 2e-4 * (1.0 + abs(per_seed)) * (1.0 + draw.random())
        if task == "sort":
            slip *= 12
        if (task, model, seed) == ("reverse", "seq2seq+additive", 2):
            slip += 3e-3 * max(0.0, length - 120) / 40
        right, forced = 1.0 - 3 * slip, 1.0 - slip
        carried = bits * (1.0 - 0.4 * slip) - 0.5
    accuracy = floor + (1.0 - floor) * right
    return {
        "token_accuracy": min(1.0, max(0.0, accuracy + 0.006 * draw.gauss(0, 1) * (1 - right))),
        "sequence_accuracy": min(1.0, accuracy) ** (length if model in HALF_LENGTH else length / 3),
        "teacher_forced_token_accuracy": floor + (1.0 - floor) * forced,
        "carried_bits": carried,
        "target_bits": bits,
        "chance_accuracy": 1.0 / SYMBOLS[task],
        "constant_accuracy": floor,
        "repeat_accuracy": repeat_accuracy(task, length),
    }
