"""Commands outside the clone, beside folders and packages that are named as the suite's are."""

import pytest

from bench import probe, throughput
from bench import run as bench_run
from reports import figures
from tests.commands import SMALL, accuracy_rows, run, without_times


@pytest.mark.fault("F20")
def test_folder_of_the_command_hides_no_package(finished, tmp_path, reached):
    """Neither from the command nor from its children, not even where a package is found first."""
    raises = "raise ImportError('not the suite')"
    surroundings = {
        # What a first run leaves, and what users have.
        "folders": {f"{name}/a.txt": "" for name in ("bench", "models", "results", "tasks")},
        "packages": {
            "tasks/__init__.py": raises,
            "models.py": raises,
            "results/__init__.py": raises,
            "reports.py": raises,
        },
    }
    expected = [row for row in without_times(accuracy_rows(finished)) if row.model == "rnn"]
    reached(injected=len(surroundings))
    for name, files in surroundings.items():
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        for said in ("To do: 1 model runs", "To do: no training, all of it is done"):
            status, output, errors = run(tmp_path / name / "out", *SMALL, "--models", "rnn")
            assert (status, said in output) == (0, True), (name, output, errors)
        assert without_times(accuracy_rows(tmp_path / name / "out")) == expected


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("command", "option", "arguments"),
    [
        (bench_run, "--out", ()),
        (bench_run, "--out", ("--dry-run",)),
        (throughput, "--out", ()),
        (probe, "--results", ()),
        (figures, "--out", ()),
    ],
)
def test_no_folder_is_made_elsewhere_by_default(
    command, option, arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert command.main(arguments) == 2
    assert f": {option}: its default " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F24")
def test_what_python_prints_as_it_starts_is_no_event(tmp_path):
    """Clusters print notices from sitecustomize, in every process."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("print('{\"record\": 1}\\nMaintenance')")
    status, _, _ = run(tmp_path / "out", *SMALL, "--models", "rnn", before=[tmp_path / "site"])
    assert (status, [row.status for row in accuracy_rows(tmp_path / "out")]) == (0, ["ok"] * 2)


@pytest.mark.fault("F26")
def test_edited_model_does_not_go_on_in_its_folder(tmp_path, reached):
    """Nor one whose neighbour was edited; a new folder, or undoing the edit, helps."""
    lazy = "def build(config):\n    import near\n    return near.Rnn(config)"
    (tmp_path / "mine.py").write_text(lazy)
    (tmp_path / "near.py").write_text("from models.rnn import Rnn")
    options = (*SMALL, "--models", "mine:build")
    out = tmp_path / "out"
    assert run(out, *options)[0] == 0
    before = (out / "accuracy.csv").read_bytes()
    refusals = 0
    for file in ("mine.py", "near.py"):
        source = (tmp_path / file).read_text()
        (tmp_path / file).write_text(f"{source}\n# edited")
        status, _, errors = run(out, *options)
        assert status == 2
        assert "has rows of an earlier version of the code of copy, mine:build" in errors
        refusals += 1
        (tmp_path / file).write_text(source)
    reached(injected=refusals)
    assert (out / "accuracy.csv").read_bytes() == before
    assert run(out, *options)[0] == 0
    assert (out / "accuracy.csv").read_bytes() == before
