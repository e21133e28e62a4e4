"""The page without a browser: what it says, that names are text, and that it stays small."""

import json
import re
import subprocess
import sys
from itertools import product

import pytest

from reports.page import document, material
from reports.page.__main__ import main
from reports.page.colours import LEAST, contrast
from reports.page.document import script_json
from reports.page.sequences import encoded
from reports.page.story import percent
from results.tables import REFERENCE
from tests.rows import (
    HOLDING,
    channel_rows,
    claim_rows,
    claims_folder,
    cost_rows,
    curve_rows,
    frame_of,
    probe_tables,
    sample_rows,
    write_folder,
)

HOSTILE = ("</script><script>alert(1)</script>", "$x$", "모델", "<b>" + "long" * 15)
LIKE_PUBLISHED = {"hidden": 64, "embedding": 32, "batch_size": 32, "budget_updates": 1750}
FEW = {"tasks": ("copy",), "models": ("rnn", "seq2seq", "seq2seq+dot"), "lengths": (10, 20, 40)}
TEXT_PAIRS = [
    *product(("ink", "muted", "accent", "wrong"), ("bg", "paper")),
    ("wrong", "wrong-bg"),
    ("on-accent", "accent"),
    ("on-mark", "mark"),
]
EDGE_PAIRS = [("edge", "bg"), ("edge", "paper"), ("accent", "bg"), ("published", "bg")]


@pytest.fixture
def page_of(tmp_path, capsys):
    """Write a folder and its page; return the text of the page."""

    def write(rows, **others):
        folder = write_folder(tmp_path / "results", rows, **others)
        assert main(["--results", str(folder)]) == 0
        assert capsys.readouterr().out.startswith(
            f"Page:    open {folder}/report.html in a browser ("
        )
        return (folder / "report.html").read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "page.html"
    assert main(["--results", str(REFERENCE), "--out", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def data_of(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def verdict_of(page):
    (title,) = re.findall(r"<h1>(.*?)</h1>", page, re.S)
    (basis,) = re.findall(r'<p class="basis">(.*?)</p>', page, re.S)
    return title, basis


def curves(halves, *, seeds=(1, 2, 3), lengths=(10, 20, 40, 80), **changes):
    """Rows of models that fall through one half at a length; None never falls."""
    rows = []
    for model, half in halves.items():
        for row in curve_rows(
            tasks=("copy",), models=(model,), seeds=seeds, lengths=lengths, **changes
        ):
            share = 1.0 if half is None or row.length < half else 0.0
            values = {"token_accuracy": share, "normalised_accuracy": share}
            rows.append(type(row)(**vars(row) | values))
    return rows


# What it says.


@pytest.mark.parametrize(
    ("halves", "title"),
    [
        (
            {"seq2seq": 40, "seq2seq+dot": None},
            "Copy: Seq2Seq loses half of the items at length 28. "
            "Seq2Seq + dot attention still gets 100 % of 80 right.",
        ),
        # Half way from 20 to 40 on a logarithmic axis; the model that gets furthest is named.
        ({"rnn": 20, "mine": 40}, "Copy: mine loses half of the items at length 28."),
        ({"rnn": None, "seq2seq": None}, "Copy: No model loses half of the items by length 80."),
        ({"rnn": 5}, "Copy: These rows do not show where half of the items is lost."),
    ],
)
def test_the_verdict_says_what_the_rows_say(halves, title, page_of):
    assert verdict_of(page_of(curves(halves)))[0] == title


@pytest.mark.parametrize(
    ("seeds", "budget", "basis"),
    [
        ((1, 2, 3), 7000, "3 seeds, 7,000 updates at length 10, the published budget."),
        (
            (1,),
            1750,
            "1 seed, 1,750 updates at length 10, 25 % of the published 7,000. "
            "A first look: nothing is judged below 3 seeds.",
        ),
        ((1, 2, 3), 28000, "3 seeds, 28,000 updates at length 10, 4 times the published 7,000."),
    ],
)
def test_the_verdict_names_seeds_and_budget(seeds, budget, basis, page_of):
    rows = curves({"seq2seq": 40}, seeds=seeds, budget_updates=budget)
    assert verdict_of(page_of(rows))[1] == basis


def test_a_share_is_never_rounded_to_all_or_none():
    assert [percent(each) for each in (0.0, 0.0001, 0.004, 0.5, 0.996, 0.99999, 1.0)] == [
        "0 %",
        "nearly none",
        "0.4 %",
        "50 %",
        "99.6 %",
        "nearly all",
        "100 %",
    ]


def test_seeds_that_disagree_have_no_common_half(page_of):
    rows = curves({"seq2seq": 40}, seeds=(1, 2)) + curves({"seq2seq": None}, seeds=(3,))
    assert "do not show where half of the items is lost" in verdict_of(page_of(rows))[0]


def test_published_rows_are_grey_and_their_budget_is_named(page_of):
    page = page_of(curve_rows(**FEW, seeds=(1,), budget_updates=1750))
    assert "They differ: updates 7,000 (here 1,750)" in page
    lines = data_of(page)["charts"]["accuracy-0"]["lines"]
    assert {line["look"] for line in lines if line["constants"]["rows"] == "published"} == {
        "published"
    }


def test_of_several_settings_the_usual_one_is_shown():
    rows = curve_rows(**FEW, seeds=(1, 2))
    others = curve_rows(
        tasks=("copy",), models=("seq2seq",), lengths=(10, 20, 40), encoder="uni", config_id="uni"
    )
    main_rows = material.main_rows(frame_of([*others, *rows]))
    assert set(main_rows["encoder"]) == {"bi"}
    assert set(main_rows["model"]) == set(FEW["models"])


def test_what_is_missing_names_the_command_that_makes_it(page_of, tmp_path):
    page = page_of(curve_rows(**FEW, seeds=(1,)))
    for command in ("bench.probe --results", "bench.throughput --out"):
        assert f"python -m {command} {tmp_path}/results" in page
    assert "no samples in this folder" in page


def test_sentences_are_judged_by_the_rows_of_the_folder(tmp_path):
    folder = claims_folder(tmp_path / "results", claim_rows(HOLDING), world=HOLDING)
    page = document.page_of(folder).decode("utf-8")
    assert page.count("<strong>Copy: holds.</strong>") == 3
    assert "these rows are published ones" not in page

    rows = claim_rows(HOLDING, seeds=(0,))
    folder = claims_folder(tmp_path / "one", rows, world=HOLDING)
    page = document.page_of(folder).decode("utf-8")
    assert page.count("not judged below 3 seeds") >= 5
    assert "holds.</strong>" not in page


def test_a_model_of_the_reader_is_beside_the_published_ones(page_of):
    mine = "mine:build"
    rows = curves({mine: 40, "seq2seq": 20}, seeds=(1,), lengths=(10, 20, 40), **LIKE_PUBLISHED)
    page = page_of(rows, throughput=cost_rows(models=(mine,), lengths=(10, 20, 40)))
    (table,) = re.findall(r'<table class="many">(.*?)</table>', page, re.S)
    (own,) = re.findall(r'<tr class="own">(.*?)</tr>', table, re.S)
    assert f"{mine}<" in own
    # Half way from 20 to 40 on a logarithmic axis.
    assert re.findall("<td>(.*?)</td>", own)[:4] == ["1.00", "1.00", ".00", "28"]
    assert "Here, 1,750 updates, 1 seed" in table
    assert "Published, 7,000 updates, 3 seeds" in table


# Information, training, and longer tests.


def test_budget_and_state_are_switches_where_rows_vary_them(page_of, monkeypatch, tmp_path):
    monkeypatch.setattr(material, "REFERENCE", tmp_path / "nothing-published")
    same = {"tasks": ("copy",), "models": ("seq2seq",), "lengths": (10, 20, 40, 80)}
    rows = [
        *curves({"seq2seq": 20}, budget_updates=7000),
        *curves({"seq2seq": 80}, budget_updates=28000, config_id="longer"),
        *curve_rows(**same, seeds=(1,), budget_updates=7000, hidden=512, config_id="wider"),
    ]
    charts = data_of(page_of(rows))["charts"]
    labels = {
        name: [line["label"] for line in chart["lines"]]
        for name, chart in charts.items()
        if name.startswith("information")
    }
    assert labels == {
        "information-budget": ["7,000 updates", "28,000 updates"],
        "information-state": ["64 units", "512 units"],
    }
    # From between 10 and 20 to between 40 and 80, on a logarithmic axis.
    assert charts["information-budget"]["title"] == (
        "With 4 times the budget, half is lost at length 57 in place of 14."
    )


def test_a_channel_is_drawn_by_its_capacity(page_of, monkeypatch, tmp_path):
    monkeypatch.setattr(material, "REFERENCE", tmp_path / "nothing-published")
    rows = [
        type(row)(**vars(row) | {"capacity_bits": float(row.channel_numbers)})
        for row in channel_rows()
    ]
    page = page_of([*rows, *curve_rows(**FEW, seeds=(1,))])
    chart = data_of(page)["charts"]["information-channel"]
    # Of the ratio of signal to noise that most rows have, one capacity.
    assert [line["label"] for line in chart["lines"]] == ["16 bits"]
    carried = {row[1]: row[2] for row in chart["lines"][0]["rows"]}
    assert carried[128] == pytest.approx(0.9 * 16)


def test_longer_tests_are_shown_at_the_longest_training(page_of):
    rows = curve_rows(**FEW, seeds=(1, 2))
    longer = curve_rows(**FEW | {"lengths": (80,)}, seeds=(1, 2), train_length=40)
    chart = data_of(page_of([*rows, *longer]))["charts"]["beyond-0"]
    assert chart["title"].startswith("Copy: trained to 40, Seq2Seq + dot attention gets ")
    points = {(row[0], row[1]) for line in chart["lines"] for row in line["rows"]}
    assert points == {(1, 40), (1, 80), (2, 40), (2, 80)}


def test_one_length_is_a_page_too(page_of):
    rows = curves({"seq2seq": None}, lengths=(10,))
    assert "by length 10" in verdict_of(page_of(rows, tables=probe_tables))[0]


# Names, and size.


def test_names_are_text_wherever_they_are(page_of):
    rows = curve_rows(**FEW | {"models": HOSTILE}, seeds=(1,))
    page = page_of(
        rows,
        samples=sample_rows(rows),
        throughput=cost_rows(models=HOSTILE, lengths=(10, 20)),
        tables=probe_tables,
    )
    assert page.count("<script") == page.count("</script") == 3
    assert "<b>long" not in page
    assert [each["name"] for each in data_of(page)["models"]] == sorted(HOSTILE)
    assert page.count("모델") > 5


def test_no_text_ends_the_script_that_has_it():
    hostile = "</script><!--<script>& \u2028 \\u003c 모델"
    text = script_json({hostile: hostile})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {hostile: hostile}


def test_the_published_page_is_small_and_asks_for_nothing(published):
    assert len(published.encode("utf-8")) < document.MOST_BYTES
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", published))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"(?:src|href)=\"(?!#|data:image/png)[^\"]*", published) == []


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_packed_numbers_are_read_back(width):
    numbers = [0, 1, 35, *([36, 1000, 36**width - 1] if width > 1 else [])]
    numbers = [each for each in numbers if each < 36**width]
    text = encoded(numbers, width)
    assert [int(text[at : at + width], 36) for at in range(0, len(text), width)] == numbers


def test_a_large_folder_leaves_lengths_out(monkeypatch, page_of, tmp_path):
    rows = curve_rows(**FEW | {"lengths": tuple(range(10, 101, 10))}, seeds=(1,))
    whole = page_of(rows, samples=sample_rows(rows), tables=probe_tables)
    monkeypatch.setattr(document, "MOST_BYTES", len(whole.encode("utf-8")) - 100)
    page = document.page_of(tmp_path / "results").decode("utf-8")
    assert "at some lengths only" in page
    assert [*data_of(page)["samples"]["copy"]["lengths"]] == ["20", "40", "60", "80", "100"]

    monkeypatch.setattr(document, "MOST_BYTES", 1000)
    assert main(["--results", str(tmp_path / "results")]) == 2


# Colours.


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_is_enough(mode, published):
    style = re.findall(r":root\{(.*?)\}", published)[("light", "dark").index(mode)]
    colours = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", style, re.I))
    poor = [pair for pair in TEXT_PAIRS if contrast(*(colours[each] for each in pair)) < 4.5]
    poor += [pair for pair in EDGE_PAIRS if contrast(*(colours[each] for each in pair)) < 3]
    lines = [name for name in colours if re.fullmatch(r"[ms]\d+", name)]
    poor += [name for name in lines if contrast(colours[name], colours["bg"]) < LEAST[mode]]
    assert poor == []
    assert len(lines) >= 10


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    # As the contrast checker of WebAIM has it.
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


# The command.


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--results", "{0}/nowhere"], 2, "--results: {0}/nowhere is not a folder"),
        (["--results", "{0}"], 1, "--results: no results in {0}: run "),
        (["--results", "{0}/timed"], 1, "--results: no rows in {0}/timed: run "),
        (["--results", "{0}/results", "--out", "{0}"], 2, "--out: must name a file, got '{0}'"),
        (["--results", "{0}/results", "--out", ""], 2, "--out: must name a file, got ''"),
        (
            ["--results", "{0}/results", "--out", "{0}/no/page.html"],
            2,
            "--out: {0}/no/page.html: cannot be written: No such file or directory",
        ),
    ],
)
def test_mistakes_are_one_line(arguments, status, message, tmp_path, capsys):
    write_folder(tmp_path / "results", curve_rows(**FEW, seeds=(1,)))
    write_folder(tmp_path / "timed", [], throughput=cost_rows(lengths=(10,)))
    assert main([each.format(tmp_path) for each in arguments]) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message.format(tmp_path) in err


def test_matplotlib_stays_out(tmp_path):
    """It takes a second to import, and the page ends every run."""
    folder = write_folder(tmp_path / "results", curve_rows(**FEW, seeds=(1,)))
    code = (
        "import sys; from reports.page.__main__ import main; "
        f"assert main(['--results', {str(folder)!r}]) == 0; "
        "print({'matplotlib', 'seaborn', 'torch'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
