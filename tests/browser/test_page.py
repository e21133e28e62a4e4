"""report.html as a reader meets it: moved, pointed at, switched, downloaded, printed."""

import csv
import io
import re

import pytest

from reports.page.__main__ import main
from results.tables import parse_ids, read_accuracy, read_columns, read_samples
from tests.browser.conftest import HOSTILE, LENGTHS
from tests.rows import curve_rows, failed, write_folder

SEQUENCE = "#sequence .answer[data-model]"


def choose_length(page, length):
    """Move the slider as the keyboard does."""
    slider = page.locator("#length")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(LENGTHS.index(length)):
        page.keyboard.press("ArrowRight")


def shown_models(page):
    return page.locator(SEQUENCE).evaluate_all("each => each.map(it => it.dataset.model)")


def wrong_items(results, *, task, length):
    """Count the wrong items of the first test sequence of the first seed, by model."""
    rows = read_samples(results)
    rows = rows[(rows["task"] == task) & (rows["length"] == length)]
    rows = rows[(rows["seed"] == 0) & (rows["sample"] == 0)]
    return {
        row.model: sum(map(int.__ne__, parse_ids(row.answer), parse_ids(row.target)))
        for row in rows.itertuples()
    }


def red_letters(page):
    return page.locator(SEQUENCE).evaluate_all(
        "all => Object.fromEntries(all.map(it => "
        "[it.dataset.model, it.querySelectorAll('.letters b').length]))"
    )


def test_as_many_letters_are_red_as_items_are_wrong(open_page, results):
    page = open_page()
    for length in (10, 50):
        choose_length(page, length)
        assert page.locator("#length-shown").inner_text() == str(length)
        expected = wrong_items(results, task="copy", length=length)
        assert red_letters(page) == expected
        assert len(expected) == 8
        assert f"Length {length}." in page.locator("#said").text_content()
    page.get_by_role("radio", name="sort").check()
    assert red_letters(page) == wrong_items(results, task="sort", length=50)
    # Not by colour alone.
    line = page.locator("#sequence .letters b").first.evaluate(
        "it => getComputedStyle(it).borderBottomStyle + getComputedStyle(it).borderBottomWidth"
    )
    assert line == "solid2px"


def test_models_are_switched_off_everywhere(open_page):
    page = open_page()
    assert "seq2seq" in shown_models(page)
    page.get_by_role("checkbox", name="Seq2Seq", exact=True).uncheck()
    assert "seq2seq" not in shown_models(page)
    for place in ("#far svg.wide g[data-model=seq2seq]", "#items figure[data-model=seq2seq]"):
        assert not page.locator(place).first.is_visible()
    page.get_by_role("checkbox", name="Seq2Seq", exact=True).check()
    assert page.locator("#far svg.wide g[data-model=seq2seq]").first.is_visible()


def test_a_class_predicts_first(open_page, results):
    page = open_page()
    page.locator("#predict").check()
    choose_length(page, 40)
    assert page.locator("#sequence .letters b").count() == 0
    guess = page.locator('.guess[data-model="seq2seq"]')
    guess.fill("7")
    page.get_by_role("button", name="Show the answers").click()
    wrong = wrong_items(results, task="copy", length=40)
    score = page.locator('#sequence [data-model="seq2seq"] .score').inner_text()
    assert score == f"{40 - wrong['seq2seq']} of 40 right, you said 7"
    assert red_letters(page) == wrong


def test_a_point_names_its_value_its_seeds_and_its_row(open_page, results):
    page = open_page()
    rows = read_accuracy(results)
    rows = rows[(rows["task"] == "copy") & (rows["model"] == "seq2seq") & (rows["length"] == 30)]
    rows = rows[rows["config_id"] != "more"]
    mean = rows["token_accuracy"].mean()
    # Across from 84 to 690 of 960, lengths 10 to 50; down from 20 to 484 of 540, shares 1 to 0.
    chart = page.locator('svg.wide[data-chart="accuracy-0"]')
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    scale = box["width"] / 960
    page.mouse.move(
        box["x"] + scale * (84 + 606 * 0.5), box["y"] + scale * (484 - 464 * mean) + 0.5
    )
    told = page.locator('[data-readout="accuracy-0"]').inner_text()
    assert told.startswith(f"Seq2Seq, length 30: {mean:.3f} mean of seeds")
    for row in rows.itertuples():
        assert f"{row.seed}: {row.token_accuracy:.3f} (row {row.record_id})" in told

    chart.focus()
    page.keyboard.press("ArrowRight")
    assert "Seq2Seq, length 40" in page.locator('[data-readout="accuracy-0"]').inner_text()


def test_an_item_of_the_answer_lights_its_sources_up(open_page):
    page = open_page()
    figure = page.locator("#looks figure:visible").first
    figure.locator(".row button").nth(6).hover()
    assert "Item 7 of the answer" in figure.locator(".readout").inner_text()
    lit = figure.locator(".row span").evaluate_all(
        "all => all.map((it, at) => it.classList.contains('lit') ? at : -1).filter(it => it >= 0)"
    )
    assert lit == [6]  # Copy: the planted weights are .9 at the true place.
    page.keyboard.press("Tab")
    figure.locator(".row button").nth(6).focus()
    page.keyboard.press("ArrowRight")
    assert "source item 8" in figure.locator(".readout").inner_text()


def test_the_csv_of_a_figure_has_the_rows_of_the_folder(open_page, results):
    page = open_page()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of accuracy-0").click()
    text = download.value.path().read_text(encoding="utf-8")
    found = [row for row in csv.DictReader(io.StringIO(text)) if row["rows"] == "this folder"]
    rows = read_accuracy(results)
    rows = rows[(rows["task"] == "copy") & (rows["config_id"] != "more")]
    expected = {
        row.record_id: (row.model, row.seed, row.length, row.token_accuracy)
        for row in rows.itertuples()
    }
    assert {row["model"] for row in found} >= {*HOSTILE}
    assert {
        row["record_id"]: (
            row["model"],
            int(row["seed"]),
            int(row["length"]),
            float(row["token_accuracy"]),
        )
        for row in found
    } == expected


def test_the_csv_of_a_map_has_the_means_of_the_folder(open_page, results):
    page = open_page()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of places-1").click()
    text = download.value.path().read_text(encoding="utf-8")
    found = {
        (int(row["length"]), int(row["output_item"])): float(row["token_accuracy"])
        for row in csv.DictReader(io.StringIO(text))
    }
    names = ["task", "model", "config_id", "length", "output_item", "token_accuracy"]
    rows = read_columns(results, "positions.csv", names)
    rows = rows[
        (rows["task"] == "copy") & (rows["model"] == "seq2seq") & (rows["config_id"] != "more")
    ]
    means = rows.groupby(["length", "output_item"])["token_accuracy"].mean()
    assert found == pytest.approx(means.to_dict(), abs=0.0006)


def test_figures_are_taken_as_svg_and_png(open_page):
    page = open_page(color_scheme="dark")
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"{kind} of accuracy-0").click()
        content = download.value.path().read_bytes()
        assert content.startswith(start)
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1920, 1080)
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG of accuracy-0").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert 'width="1920" height="1080"' in text
    assert "var(" not in text
    # Light, whatever the page is in.
    assert 'fill="#ffffff"' in text


def test_hostile_names_are_text(open_page, results):
    page = open_page()
    labels = page.locator(".models label").all_inner_texts()
    assert [each for each in HOSTILE if each not in labels] == []
    assert page.locator("body script:not([type])").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(open_page, scheme):
    page = open_page(width=360, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("svg.narrow:visible").count() >= 2
    assert not page.locator("svg.wide").first.is_visible()
    sizes = page.locator("svg.narrow:visible text").evaluate_all(
        "all => all.map(it => parseFloat(getComputedStyle(it).fontSize)"
        " * it.ownerSVGElement.getBoundingClientRect().width"
        " / it.ownerSVGElement.viewBox.baseVal.width)"
    )
    assert min(sizes) >= 11
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_without_a_script_figures_and_an_example_stay(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#sequence .answer[data-model]").count() >= 8
    assert page.locator("#far svg.wide polyline.mean").count() >= 8
    for hidden in (".tasks", "#length", "#reveal", ".readout >> nth=0"):
        assert not page.locator(hidden).is_visible()
    for each in (".models svg", "#items svg.map", "#looks svg.map"):
        assert page.locator(each).first.is_visible()


def test_it_prints_without_what_cannot_be_pressed(open_page):
    page = open_page(width=360, color_scheme="dark")
    page.emulate_media(media="print")
    for hidden in ("#controls", "nav", "button >> nth=0"):
        assert not page.locator(hidden).is_visible()
    assert page.locator("#far svg.wide:visible").count() >= 1
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_folder_where_nothing_finished_opens_too(open_page, tmp_path):
    rows = [failed(row) for row in curve_rows(tasks=("copy",), models=("rnn",), lengths=(10,))]
    folder = write_folder(tmp_path / "results", rows)
    assert main(["--results", str(folder)]) == 0
    page = open_page(folder / "report.html")
    assert "3 of 3 rows did not finish." in page.locator(".basis").inner_text()
    page.locator("#length").focus()
    page.keyboard.press("ArrowRight")


def test_everything_that_can_be_used_has_a_name(open_page):
    page = open_page()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('input, button, svg.chart, svg.map, .scroll')]
            .filter(it => !(it.getAttribute('aria-label') || it.textContent.trim()
                || it.closest('label') || document.querySelector(`label[for="${it.id}"]`)))
            .map(it => it.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(it => it.id)")
    assert len(ids) == len(set(ids))
    targets = page.evaluate("[...document.querySelectorAll('a[href]')].map(it => it.hash.slice(1))")
    assert set(targets) <= set(ids)
    assert re.match("accuracy-0", page.locator("svg.chart").first.get_attribute("data-chart"))
