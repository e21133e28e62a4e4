"""How names, lengths and commands are written."""

import shutil
import subprocess
from pathlib import Path

import pytest

from results.wording import columns_of, escaped, shown_command, spans, told_apart


def test_spans_join_neighbours_of_the_grid():
    for lengths, text in (([20, 10], "10, 20"), ([10, 30, 40, 200], "10, 30..200")):
        assert spans(lengths, grid=[10, 20, 30, 40, 200]) == text


LONG = "a" * 30
ENDS = (" ", "\u200b", "\u202e", "\x1b", "\\x1b", "\ufe0f", "\u3164")
ALIKE = {
    "at the end": [f"{LONG * 3}1", f"{LONG * 3}2"],
    "in the middle": [f"{LONG}{each}{LONG}" for each in "xyz"],
    "in two places": [f"{LONG}{one}{LONG}{other}{LONG}" for one in "xy" for other in "xy"],
    "in case": [LONG * 3, f"{LONG * 2}{LONG.upper()}", f"{LONG.upper()}{LONG * 2}"],
    "in length": ["a" * length for length in range(58, 70)],
    "in what nobody sees": [
        "a",
        "a\u200b",
        "a\u202e",
        "a\x1b",
        "a\\x1b",
        "a ",
        "a\ufe0f",
        "\u3164a",
    ],
    "in how letters are made": ["\u00e9", "e\u0301", "\ufb01", "fi"],
    "wide letters": [f"{'한' * 50}{end}" for end in "가나"],
    "as they are numbered": [*(f"{LONG}{'é' * 9}{each}" for each in ("", " ", "  ")), f"{LONG} #2"],
}


@pytest.mark.fault("F27")
@pytest.mark.parametrize("names", ALIKE.values(), ids=ALIKE.keys())
def test_names_that_differ_never_look_alike(names, reached):
    texts = told_apart(names)
    reached(injected=len(names))
    assert len({text.replace("\ufe0f", "").strip() for text in texts.values()}) == len(names)
    assert all(text.isprintable() and columns_of(text) <= 60 for text in texts.values())
    assert told_apart(reversed(names)) == texts
    short = told_apart(names, most=20)
    assert len({*short.values()}) == len(names)
    assert all(columns_of(text) <= 20 for text in short.values())


@pytest.mark.fault("F27")
def test_short_names_stay_as_they_are_and_keep_away_from_what_is_taken():
    names = ["rnn", "$x$", "<script>", "_x_", "모델", "שלום", "🙂", "a|b"]
    assert told_apart(names) == {name: name for name in names}
    assert told_apart(["RNN"], taken=["RNN", "RNN #2"]) == {"RNN": "RNN #3"}
    assert told_apart(["가"], shows=str.isascii) == {"가": "\\uac00"}
    assert escaped("\x1b[2J\n\udcff") == "\\x1b[2J\\n\\udcff"


@pytest.mark.fault("F24")
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_a_shell_reads_a_command_as_it_is_meant(reached):
    names = [
        "plain",
        "two words",
        "it's",
        '"',
        "$HOME",
        "`ls`",
        "a\nb",
        "-x",
        "한글",
        "~",
        "*",
        "\\n",
    ]
    names += ["\x1b'\\", "\udcff\udcfe"]  # The last are bytes that are not UTF-8.
    paths = [Path(name) for name in names]
    line = shown_command("some.command", *paths)
    reached(injected=len(names))
    assert line.startswith("python -m some.command plain 'two words' ")
    assert line.isprintable()
    script = f"python() {{ shift 2; printf '%s\\0' \"$@\"; }}; {line}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    read = [each.decode("utf-8", "surrogateescape") for each in done.stdout.split(b"\0")[:-1]]
    assert [Path(each) for each in read] == paths
    assert read[names.index("-x")] == "./-x"
