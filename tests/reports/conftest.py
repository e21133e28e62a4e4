"""Results folders written quickly, and figures at a low resolution."""

import os

import pytest

from reports.drawing import style
from tests.rows import write_folder


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(style, "DOTS_PER_INCH", 60)


@pytest.fixture
def folder_of(tmp_path):
    def write(rows, **others):
        return write_folder(tmp_path / "results", rows, **others)

    return write
