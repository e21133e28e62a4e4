"""A page written from planted rows, and headless Chromium to open it with."""

import os
import shutil
from pathlib import Path

import pytest

from reports.page.__main__ import main
from tests.rows import MODELS, cost_rows, curve_rows, probe_tables, sample_rows, write_folder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
HOSTILE = ("<script>alert(1)</script>", "$x$ & \"quoted\", 'name'", "모델", "long" * 15)
LENGTHS = (10, 20, 30, 40, 50)


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    """Two tasks, two seeds, the usual models and those with hostile names; probed and timed."""
    rows = [
        *curve_rows(tasks=("copy", "sort"), seeds=(0, 1), lengths=LENGTHS, models=MODELS),
        *curve_rows(tasks=("copy",), seeds=(0, 1), lengths=LENGTHS, models=HOSTILE),
        *curve_rows(tasks=("copy",), seeds=(0, 1), lengths=LENGTHS[:2], models=("seq2seq",),
                    budget_updates=6000, config_id="more"),
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        return write_folder(
            tmp_path_factory.mktemp("page") / "results",
            rows,
            samples=sample_rows(rows[:-4]),
            throughput=cost_rows(lengths=LENGTHS),
            tables=probe_tables,
        )


@pytest.fixture(scope="session")
def report(results) -> Path:
    """The page of these results."""
    assert main(["--results", str(results)]) == 0
    return results / "report.html"


@pytest.fixture(scope="session")
def browser():
    """Chromium; a test that asks for it is skipped where it cannot be started."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, as in a container.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        try:
            started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        except api.Error as error:
            pytest.skip(f"chromium does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def open_page(browser, report):
    """Open the page in a window of its own; a console error or a request fails the test."""
    contexts, complaints = [], []

    def complain(text):
        complaints.append(text)

    def open_it(path=report, *, width=1200, **settings):
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: complain(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complain(f"error: {error}"))
        page.on("dialog", lambda dialog: (complain(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((path.as_uri(), "data:", "blob:"))
                else complain(f"request: {request.url}")
            ),
        )
        page.goto(path.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
