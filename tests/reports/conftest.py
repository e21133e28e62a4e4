"""Results folders written quickly, and figures at a low resolution."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.drawing import style
from tests.rows import cost_rows, curve_rows, sample_rows, write_folder

SHORT = (10, 20, 50, 100)
MODELS_USED = ("rnn", "seq2seq+dot")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(style, "DOTS_PER_INCH", 60)


@pytest.fixture(scope="session")
def full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = curve_rows(models=MODELS_USED, lengths=SHORT)
    folder = tmp_path_factory.mktemp("full") / "results"
    timings = cost_rows(models=MODELS_USED, lengths=SHORT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        write_folder(folder, rows, samples=sample_rows(rows), throughput=timings)
    return folder


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: Any, **others: Any) -> Path:
        return write_folder(tmp_path / "results", rows, **others)

    return write
