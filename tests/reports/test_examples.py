import pytest

from reports.examples import (
    CHARACTERS,
    NO_ITEM,
    PLAIN,
    RED,
    Writing,
    answer_lines,
    example_lines,
    main,
    parse_ids,
)
from results.errors import ResultsError
from results.tables import read_samples
from results.wording import columns_of
from tests.rows import curve_row, curve_rows, sample_rows, write_folder


@pytest.mark.parametrize(
    ("answer", "target", "lines"),
    [
        ([1, 2, 3], [1, 2, 3], ["a 123  3/3"]),
        ([2, 1, 3], [1, 2, 3], ["a 213  1/3", "  ^^"]),
        ([1, 2], [1, 2, 3], ["a 12·  2/3", "    ^"]),
        ([1, 2, 3, 4], [1, 2, 3], ["a 1234  3/4", "     ^"]),
        ([7, 100], [7, 10], ["a   7 100  1/2", "      ^^^"]),
    ],
)
def test_exactly_the_wrong_items_are_marked(answer, target, lines):
    writing = Writing(127 if 100 in answer else 15)
    assert list(answer_lines("a ", answer, target, writing=writing, is_coloured=False)) == lines


def test_wrong_items_are_red_on_a_terminal():
    lines = answer_lines("a ", [1, 9], [1, 2], writing=Writing(15), is_coloured=True)
    assert list(lines) == [f"a 1{RED}9{PLAIN}  1/2"]


def test_characters_follow_the_order_of_the_ids():
    assert len(CHARACTERS) == 62
    assert list(CHARACTERS) == sorted(set(CHARACTERS))
    assert Writing(61).join(Writing(61).texts([0, 10, 61], items=4)) == "0Az·"
    assert Writing(62).join(Writing(62).texts([0, 10, 62], items=4)) == " 0 10 62  ·"
    assert [Writing(61).columns(4), Writing(62).columns(4)] == [4, 11]


def test_ids_are_read_back():
    assert parse_ids("3 0 12") == (3, 0, 12)
    with pytest.raises(ResultsError, match=r"samples\.csv: 'x' is not a symbol id"):
        parse_ids("3 x")


def test_a_short_length_and_the_longest_that_fits_or_what_is_asked_for(folder_of, capsys):
    rows = curve_rows(models=("rnn", "seq2seq+dot"), seeds=(0,), lengths=(10, 20, 50, 100))
    folder = folder_of(rows, samples=sample_rows(rows))
    for arguments, shown in (
        ([], ["copy 10", "copy 50", "reverse 10", "reverse 50", "sort 10"]),
        (["--task", "sort", "--length", "100"], ["sort 100"]),
    ):
        assert main(["--results", str(folder), *arguments]) == 0
        out = capsys.readouterr().out
        assert [line for line in out.splitlines() if ", length " in line] == [
            f"{each.replace(' ', ', length ')} (protocol curriculum, seed 0)" for each in shown
        ]
        assert out.count("  source ") == out.count("Seq2Seq + dot attention") == 3 * len(shown)
        assert arguments or max(map(len, out.splitlines()[1:])) <= 100
        assert RED not in out


def test_chosen_models_are_written_in_letters(folder_of, capsys):
    rows = curve_rows(tasks=("copy",), seeds=(0,), lengths=(10,))
    folder = folder_of(rows, samples=sample_rows(rows))
    arguments = ["--results", str(folder), "--models", "seq2seq,seq2seq+dot"]
    assert main([*arguments, "--symbols", "letters"]) == 0
    letters = capsys.readouterr().out.splitlines()
    assert "are written A-Z, a-z, 0-9;" in letters[0]
    starts = [line[2:].split("  ")[0] for line in letters[4:8] if not line.startswith("   ")]
    assert starts[:3] == ["source", "target", "Seq2Seq"]
    assert main(arguments) == 0
    digits = capsys.readouterr().out.splitlines()
    assert [word for line in digits for word in line.split() if word in ("RNN", "additive")] == []
    (source,), (as_letters,) = (
        [line.split()[1] for line in each[:6] if line.startswith("  source")]
        for each in (digits, letters)
    )
    assert as_letters == "".join(chr(ord("A") + int(symbol, 16)) for symbol in source)


def test_what_is_not_there_is_named_and_mixtures_are_refused(folder_of, tmp_path, capsys):
    rows = [curve_row("copy", "rnn", 0, 10, config_id=each) for each in ("cur016", "wide")]
    folder = folder_of(rows, samples=sample_rows(rows))
    for arguments, message in (
        ("--config wide --task add", "--task: no sample has 'add'; there are: copy"),
        ("--config wide --length 11", "--length: no sample has 11; there are: 10"),
        ("--config wide --models seq2seq", "--models: no row has 'seq2seq'; there are: rnn"),
        ("--config wide --symbols runes", "--symbols: invalid choice: 'runes'"),
        ("--config x", "--config: no row has 'x'; there are: cur016, wide"),
        ("", "copy, rnn: configurations are mixed"),
    ):
        assert main(["--results", str(folder), *arguments.split()]) == 2
        assert message in capsys.readouterr().err
    assert main(["--results", str(folder), "--config", "wide"]) == 0
    bare = write_folder(tmp_path / "bare", rows[:1])
    assert main(["--results", str(bare)]) == 1
    assert "no samples in" in capsys.readouterr().err


def test_models_are_compared_on_the_same_sequences(tmp_path):
    rows = [
        *curve_rows(tasks=("copy",), models=("rnn", "seq2seq"), lengths=(10,)),
        *curve_rows(tasks=("copy",), models=("new",), lengths=(10,), seeds=(7,)),
    ]
    folder = write_folder(tmp_path, rows, samples=sample_rows(rows, samples=5))
    lines = list(example_lines(read_samples(folder), length=None, is_coloured=False))
    assert "  no sample with this seed: new" in lines
    starts = [line.split()[0] for line in lines[2:] if line and not line.startswith("   ")]
    assert starts == ["source", "target", "RNN", "Seq2Seq"] * 3
    assert NO_ITEM not in "".join(lines)


@pytest.mark.fault("F27")
def test_models_of_long_and_wide_names_have_columns_and_names_of_their_own(tmp_path):
    long, wide = "package.module_of_a_project:build_" + "model_" * 6, "모델" * 4
    models = (f"{long}1", f"{long}2", wide, "a\x1b[2J")
    rows = curve_rows(tasks=("copy",), models=models, seeds=(0,), lengths=(10,))
    folder = write_folder(tmp_path, rows, samples=sample_rows(rows, samples=1))
    lines = list(example_lines(read_samples(folder), length=None, is_coloured=False))
    starts = [line.split("  ")[1] for line in lines if line.startswith("  ") and "/" in line]
    assert len({*starts}) == len(starts) == 4
    assert {wide, "a\\x1b[2J"} < {*starts}
    places = {columns_of(line[: line.rindex("  ") - 10]) for line in lines if "/" in line}
    assert len(places) == 1
