"""README and docs are short, and read in short sentences."""

import re
from pathlib import Path

import pytest

from tests import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
README_LINES = 160
MEAN_WORDS, MOST_WORDS = 15, 30
# Pages that are not rewritten yet. The list may only get shorter.
NOT_YET: frozenset[str] = frozenset()
# Code is left out before these are looked for.
UNWANTED = (
    r"\bis no (?!longer)",
    r"\bare no (?!longer)",
    r"\bstands? (?:in|beside)\b",
    r"\btold\b",
    r"\bcomes? through\b",
    r"\bholds\b",
    r"\b[Dd]erail\w*",
    r"\btokens?\b",
    r"\bWhoever\b",
    r"\b(?:SUPPORTED|REFUTED|INCONCLUSIVE)\b",
    r";",
)
LEFT_OUT = (
    r"(?ms)^```.*?^```$",  # Code.
    r"(?ms)^<!-- table:.*?^<!-- /table -->$",
    r"(?s)<!--.*?-->",
    r"(?ms)^## References$.*\Z",
    r"(?m)^ {4}.*$",  # Code, or an equation.
    r"(?m)^ *\|.*$",  # Tables.
    r"(?m)^#.*$",  # Headings.
    r"(?s)!\[.*?\]\(.*?\)",  # Pictures.
)


def sentences(text: str) -> list[str]:
    """Split Markdown into the sentences of its prose. A span of code counts as one word."""
    for pattern in LEFT_OUT:
        text = re.sub(pattern, "\n", text)
    text = re.sub(r"`[^`]+`", "CODE", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "").replace("*", "")
    paragraphs = re.split(r"\n\s*\n|\n\s*(?:-|\d+\.) ", f"\n{text}")
    parts = [
        part.strip()
        for paragraph in paragraphs
        for part in re.split(r"(?<!\bal\.)(?<=[.!?])\s+", paragraph)
    ]
    return [part for part in parts if re.search(r"\w", part)]


def words(sentence: str) -> int:
    return sum(re.search(r"\w", word) is not None for word in sentence.split())


def test_two_sentences_are_two():
    text = (
        "# A heading\n\nSee [the page](docs/a.md) of Dubois et al. 2020 for .98 of `a b.  c`. It\n"
        "is **short.**\n\n| a. | b. |\n\n```sh\nrun. this\n```\n\n    C = k. bits\n\n![x](y.png)\n"
    )
    assert sentences(text) == [
        "See the page of Dubois et al. 2020 for .98 of CODE.",
        "It\nis short.",
    ]
    assert [words(each) for each in sentences(text)] == [12, 3]


def test_items_of_a_list_are_sentences():
    assert sentences("- one\n- two\n  and more\n1. three") == ["one", "two\n  and more", "three"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path):
    found = sentences(page.read_text(encoding="utf-8"))
    counts = [words(each) for each in found]
    long = [each for each, count in zip(found, counts, strict=True) if count > MOST_WORDS]
    is_short = not long and (not counts or sum(counts) / len(counts) <= MEAN_WORDS)
    if page.name in NOT_YET:
        assert not is_short, "take this page off NOT_YET"
    else:
        assert is_short, (long, sum(counts) / len(counts))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_unwanted_words(page: Path):
    prose = "\n".join(sentences(page.read_text(encoding="utf-8")))
    found = [each[0] for pattern in UNWANTED for each in re.finditer(pattern, prose)]
    assert page.name in NOT_YET or not found, found


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_the_list_of_exceptions_names_pages():
    assert {page.name for page in PAGES} >= NOT_YET
