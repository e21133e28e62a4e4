"""Options that several commands share, each read where it is declared. No torch.

A reader is the `type=` of an option: it takes the text, and returns its value. If the text breaks
a rule, it raises `ArgumentTypeError` with the rule and the text; argparse adds the option.
"""

import argparse
import difflib
import math
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from bench.execution.strangers import Refused, known_models, meet_models
from models import MODELS
from models.config import CELLS, ENCODERS
from models.entry import ModelEntry
from results.command_line import UsageError, default_folder, parse_folder
from tasks.import_path import require_reference

DEVICES = ("cpu", "cuda")
MOST_JOBS = 1024
MOST_LAYERS = 100


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add which models, of which kind and size."""
    add = parser.add_argument
    names = ", ".join(MODELS)
    add("--models", type=parse_models, help=f"of {names}, of a plug-in, or package.module:builder")
    add("--cell", type=one_of(CELLS), help=", ".join(CELLS))
    add("--hidden", type=parse_hidden, help="state size; embeddings have half of it")
    add("--encoder", type=one_of(ENCODERS), help="directions that it reads in: bi or uni")
    add("--layers", type=whole_number(at_most=MOST_LAYERS), help="layers (default: each its own)")
    add("--channel-numbers", type=whole_number(), help="numbers k that a channel passes")
    add("--channel-snr", type=parse_ratio, help="power of such a number over that of the noise")


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add where it is computed, and where results go."""
    add = parser.add_argument
    add("--device", type=parse_device, default="cpu", help=", ".join(DEVICES))
    add(
        "--out",
        type=parse_folder,
        default=default_folder("results"),
        help="folder (default in the clone: results)",
    )


def parse_ratio(text: str) -> float:
    """Read a number above 0, such as 3 or 0.5."""
    try:
        ratio = float(text)
    except ValueError:
        ratio = math.nan
    if not 0 < ratio < math.inf:
        raise ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return ratio


def whole_number(*, at_least: int = 1, at_most: int = 1_000_000) -> Callable[[str], int]:
    """Build a reader of whole numbers."""

    def read(text: str) -> int:
        # Digits only: int() also takes spaces, signs, underscores and the digits of any script.
        # Not too many: beyond 4,300 it raises an error of its own.
        number = int(text) if re.fullmatch(r"[0-9]{1,30}", text) else -1
        if not at_least <= number <= at_most:
            raise ArgumentTypeError(
                f"must be a whole number from {at_least} to {at_most}, got {text!r}"
            )
        return number

    return read


def one_of(known: Collection[str]) -> Callable[[str], str]:
    """Build a reader of one name out of those known."""

    def read(text: str) -> str:
        if text not in known:
            raise ArgumentTypeError(unknown_name(text, known))
        return text

    return read


def unknown_name(name: str, known: Collection[str]) -> str:
    """Say that a name is unknown, and which one may be meant."""
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is unknown; {meant}known: {', '.join(known)}"


def parse_names(text: str) -> list[str]:
    """Read names joined by commas, each once."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ArgumentTypeError(f"must be names joined by commas, got {text!r}")
    return list(dict.fromkeys(names))


def parse_hidden(text: str) -> int:
    """Read a state size: even, so that an embedding, or one direction, has half of it."""
    size = whole_number()(text)
    if size % 2:
        raise ArgumentTypeError(f"must be an even number of at least 2, got {size}")
    return size


def parse_device(text: str) -> str:
    """Read a device that this machine has."""
    if one_of(DEVICES)(text) == "cuda":
        import torch  # Only this request needs it before a model run starts.

        if not torch.cuda.is_available():
            raise ArgumentTypeError("cuda is not available here; use cpu")
    return text


def parse_models(text: str) -> tuple[ModelEntry, ...]:
    """Read the names of models, or references to their builders."""
    names = parse_names(text)
    try:
        for name in names:
            if ":" in name:
                require_reference(name, argument="models")
            else:
                one_of(known_models())(name)
        return meet_models(names)
    except (Refused, ValueError) as error:
        raise ArgumentTypeError(str(error).removeprefix("models: ")) from None


def default_models(names: Sequence[str] | None = None) -> tuple[ModelEntry, ...]:
    """List the models of the default matrix, or those of these names."""
    try:
        entries = meet_models(known_models() if names is None else names)
    except Refused as error:
        raise UsageError(f"--models: {error}; or name the models that are wanted") from None
    return tuple(entry for entry in entries if names is not None or entry.is_default)


def processors() -> set[int]:
    """List the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def physical_cores() -> int:
    """Count the cores among them; threads of one core share its arithmetic."""
    cores = set()
    for processor in processors():
        path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        try:
            cores.add(path.read_text(encoding="ascii"))
        except OSError:  # Only Linux has it.
            cores.add(str(processor))
    return len(cores)
