"""What the command lines of this package share: how a value is read, or refused in one line."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.cli.lengths import parse_lengths, parse_test_lengths
from models import entry_from_reference, load_models
from models.config import CELLS, ENCODERS, ModelConfig
from models.entry import ModelEntry
from results.command_line import UsageError

DEVICES = ("cpu", "cuda")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add which models, of which kind and size."""
    add = parser.add_argument
    add(
        "--models",
        metavar="NAMES",
        help=f"of {', '.join(load_models())}, or package.module:builder",
    )
    add("--cell", default="lstm", metavar="NAME", help=", ".join(CELLS))
    add("--hidden", metavar="H", help="state size; embeddings have half of it")
    add("--encoder", metavar="NAME", help=f"{', '.join(ENCODERS)}: the directions that it reads in")


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add where it is computed, and where results go."""
    add = parser.add_argument
    add("--device", default="cpu", metavar="NAME", help=", ".join(DEVICES))
    add("--out", default="results", metavar="DIR", help="results folder (default: %(default)s)")


def read_config(
    given: argparse.Namespace, *, symbols: int, hidden: int, encoder: str
) -> ModelConfig:
    """Return what models are built from; `hidden` and `encoder` hold where none is given.

    Raises:
        UsageError: If a name is unknown or the size does not fit.
    """
    if given.hidden is not None:
        hidden = read_integer("--hidden", given.hidden)
    cell = read_choice("--cell", given.cell, CELLS)
    if given.encoder is not None:
        encoder = read_choice("--encoder", given.encoder, ENCODERS)
    try:
        return ModelConfig(symbols=symbols, hidden=hidden, cell=cell, encoder=encoder)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


def read_lengths(argument: str, text: str) -> tuple[int, ...]:
    """Return the lengths of a range or a list.

    Raises:
        UsageError: If it is neither.
    """
    try:
        return parse_lengths(text)
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from None


def read_test_lengths(argument: str, text: str | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return lengths to test at, and factors of the length trained; none where nothing is given.

    Raises:
        UsageError: If a part is neither.
    """
    if text is None:
        return (), ()
    try:
        return parse_test_lengths(text)
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from None


def read_integer(argument: str, text: str, *, at_most: int = 1_000_000) -> int:
    """Return a whole number from 1.

    Raises:
        UsageError: If it is none, or too large.
    """
    digits = text.lstrip("0")
    is_number = text.isascii() and text.isdigit() and 0 < len(digits) <= len(str(at_most))
    if not is_number or int(digits) > at_most:
        raise UsageError(f"{argument}: must be a whole number from 1 to {at_most}, got {text!r}")
    return int(digits)


def read_folder(argument: str, text: str) -> Path:
    """Return a folder, which need not exist.

    Raises:
        UsageError: If nothing is named.
    """
    if not text:
        raise UsageError(f"{argument}: must name a folder, got {text!r}")
    return Path(text)


def read_choice(argument: str, name: str, known: Iterable[str]) -> str:
    """Return a name that is known.

    Raises:
        UsageError: If it is not; says which may have been meant.
    """
    if name not in known:
        raise UsageError(f"{argument}: {unknown_name(name, known)}")
    return name


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and which one may have been meant."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is unknown; {meant}known: {', '.join(names)}"


def read_names(argument: str, text: str) -> list[str]:
    """Return names joined by commas, each once.

    Raises:
        UsageError: If one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{argument}: must be names joined by commas, got {text!r}")
    return list(dict.fromkeys(names))


def read_models(
    text: str | None, *, default: Sequence[str] | None = None
) -> tuple[ModelEntry, ...]:
    """Return the models named, else those of `default`, else those of the default matrix.

    Raises:
        UsageError: If a name is unknown, or a reference cannot be imported.
    """
    known = load_models()
    if text is None:
        return tuple(
            entry
            for entry in known.values()
            if (entry.is_default if default is None else entry.name in default)
        )
    return tuple(
        _model_by_reference(name) if ":" in name else known[read_choice("--models", name, known)]
        for name in read_names("--models", text)
    )


def _model_by_reference(reference: str) -> ModelEntry:
    # Only importing it tells whether a builder is there, and whoever names one has torch at hand.
    from tasks.import_path import resolve

    try:
        builder = resolve(reference)
    except Exception as error:  # Importing it runs its author's code, which may raise anything.
        raise UsageError(f"--models: {reference!r} cannot be imported: {error}") from None
    if not callable(builder):
        raise UsageError(f"--models: {reference!r} is not a builder, it cannot be called")
    return entry_from_reference(reference)


def read_device(name: str) -> str:
    """Return a device that is there.

    Raises:
        UsageError: If it is unknown or absent.
    """
    if read_choice("--device", name, DEVICES) == "cuda":
        import torch  # Only this request needs it before a model run starts.

        if not torch.cuda.is_available():
            raise UsageError("--device: cuda is not available here; use cpu")
    return name
